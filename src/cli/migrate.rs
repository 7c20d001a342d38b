//! `vacate migrate`

use clap::Args;

use super::session::Global;
use super::{Ended, Failure, Outcome};
use crate::server::examine::{self, Apply, Database};

/// Bring the database's schema up to date.
///
/// `vacate serve` does it by itself, unless it is told not to.
///
/// Example: vacate migrate --dry-run
#[derive(Debug, Args)]
pub struct Migrate {
    /// Only show which steps are missing.
    #[arg(long)]
    dry_run: bool,
}

impl Migrate {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (say, config) = (global.say(), global.settings()?);
        let failed = |error: crate::server::StartError| Failure::Failed(error.to_string());
        if self.dry_run && examine::database(&config).map_err(failed)? == Database::NotMade {
            say.tell("there is no database yet; the first start makes it");
            return Ok(Ended::Done);
        }
        let apply = if self.dry_run { Apply::Nothing } else { Apply::Steps };
        let steps = examine::migrate(&config, apply).map_err(failed)?;
        if steps.is_empty() {
            say.tell("the schema is up to date");
            return Ok(Ended::Done);
        }
        say.show(&steps, || steps.join("\n"))?;
        say.tell(if self.dry_run { "these steps are missing" } else { "these steps were taken" });
        Ok(Ended::Done)
    }
}
