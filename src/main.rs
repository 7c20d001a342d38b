//! The binary: the command line, and its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    vacate::cli::run(std::env::args_os())
}
