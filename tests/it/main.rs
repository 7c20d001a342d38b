//! Every test, in one binary: one private PostgreSQL serves them all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod client;
mod config;
mod demo;
mod layers;
mod log_format;
mod numbers;
mod policies;
mod postgres;
mod semantics;
mod story;
mod support;
mod tidy;
mod webhooks;
