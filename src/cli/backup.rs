//! `vacate backup`

use std::path::PathBuf;

use clap::Args;

use super::session::Global;
use super::{Ended, Failure, Outcome};
use crate::server::backup::{Backup, backup};

/// What to run where the database is PostgreSQL. The URL is not repeated: it may hold a password.
const POSTGRES: &str = "pg_dump --format=custom --file=TARGET \"$VACATE_DATABASE_URL\"";

/// Copy the database to a new file, while the registry runs or doesn't.
///
/// The key file is not in it, and must be kept apart from it.
///
/// Example: vacate backup /backup/vacate.db
#[derive(Debug, Args)]
pub struct Command {
    /// The new file.
    target: PathBuf,
}

impl Command {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (say, config) = (global.say(), global.settings()?);
        let done =
            backup(&config, &self.target).map_err(|error| Failure::Failed(error.to_string()))?;
        match done {
            Backup::Copied => {
                say.tell(
                    "the database was copied; the key file is not in the copy: keep it apart from it",
                );
                Ok(Ended::Done)
            }
            Backup::NotHere => Err(Failure::Failed(format!(
                "nothing was copied: PostgreSQL has its own tools, pg_basebackup or\n{POSTGRES}\n\
                 The key file is in neither: keep it apart from the copy."
            ))),
        }
    }
}
