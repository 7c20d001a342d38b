//! Every test, in one binary.

mod client;
mod command_line;
