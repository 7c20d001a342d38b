//! The command line: one file a command. Data goes to stdout, talk to stderr.

mod demo;
mod say;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A phone-number recycling registry.
#[derive(Debug, Parser)]
#[command(name = "vacate", version, about, max_term_width = 100)]
struct Arguments {
    /// Settings that differ from the built-in ones (TOML).
    #[arg(long, global = true, value_name = "FILE", env = "VACATE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the registry.
    Serve(serve::Serve),
    /// Play the whole story: two carriers, three apps, many numbers.
    Demo(demo::Demo),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what it should.
    Done,
    /// It failed.
    Failed,
    /// Somebody stopped it.
    Interrupted,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> ExitCode {
        match ended {
            Ended::Done => ExitCode::SUCCESS,
            Ended::Failed => ExitCode::FAILURE,
            Ended::Interrupted => ExitCode::from(130),
        }
    }
}

/// Runs the command line that `arguments` are.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too, and belong on stdout.
            let shown = error.print();
            let usage = if error.use_stderr() { USAGE } else { 0 };
            return ExitCode::from(if shown.is_ok() { usage } else { 1 });
        }
    };
    match arguments.command {
        Command::Serve(serve) => serve.run(arguments.config.as_deref()).into(),
        Command::Demo(demo) => demo.run().into(),
    }
}

/// The exit code of a command line that can't be understood.
const USAGE: u8 = 2;
