//! `vacate completions`

use clap::Args;
use clap_complete::Shell;

use super::{Ended, Outcome, say};

/// Print a completion script for a shell.
///
/// Example: vacate completions bash > /etc/bash_completion.d/vacate
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, command: &mut clap::Command) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "vacate", &mut script);
        say::print(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Ended::Done)
    }
}
