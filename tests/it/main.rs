//! Every test, in one binary.

mod client;
