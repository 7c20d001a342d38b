//! Every test, in one binary: one private PostgreSQL serves them all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bad_input;
mod budgets;
mod client;
mod command_line;
mod config;
mod demo;
mod dump;
mod enrolment;
mod faults;
mod layers;
mod log_format;
mod numbers;
mod oblivious;
mod openapi;
mod permissions;
mod policies;
mod postgres;
mod readme;
mod retention;
mod rotation;
mod scenarios;
mod semantics;
mod story;
mod support;
mod survey;
mod test_numbers;
mod tidy;
mod traps;
mod unsaid;
mod webhooks;
