//! What is: numbers, events, answers, duties. Pure functions and values; no I/O, no clock, no
//! randomness, no async. What is valid JSON is a valid value.

mod enumeration;
pub mod reading;
mod spans;

pub mod acceptance;
pub mod account_ref;
pub mod address;
pub mod attempt;
pub mod binding;
pub mod blinded;
pub mod breaker;
pub mod budget;
pub mod calling_code;
pub mod clearance;
pub mod coverage;
pub mod duty;
pub mod enrolment;
pub mod event;
pub mod generation;
pub mod id;
pub mod number;
pub mod oprf;
pub mod participant;
pub mod policy;
pub mod policy_terms;
pub mod position;
pub mod rejection;
pub mod retention;
pub mod retry;
pub mod role;
pub mod seal;
pub mod secret;
pub mod signature;
pub mod sketch;
pub mod summary;
pub mod text;
pub mod time;
pub(crate) mod unsaid;
pub mod verdict;
