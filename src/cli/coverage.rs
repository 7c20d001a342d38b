//! `vacate coverage`

use clap::Args;

use super::calling_code::{Since, since};
use super::lines::argument;
use super::say::when;
use super::session::Session;
use super::{Ended, Outcome};
use crate::client::carrier::{Coverage as Said, HoldsSince};
use crate::domain::calling_code::CallingCode;
use crate::domain::time::Moment;

/// Say how far a carrier has reported: a night without events needs this one call.
///
/// Example: vacate coverage 49 --through 2026-11-23T23:00:00Z
#[derive(Debug, Args)]
pub struct Coverage {
    /// Of which calling code.
    #[arg(value_parser = argument::<CallingCode>)]
    calling_code: CallingCode,
    /// All that took effect until then has been sent.
    #[arg(long, value_name = "TIME", value_parser = argument::<Moment>)]
    through: Moment,
    /// Since when every end of a held number has been reported; `none` takes that promise back.
    #[arg(long, value_name = "TIME|none", value_parser = since)]
    holds_since: Option<Since>,
}

impl Coverage {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let holds_since = match self.holds_since {
            None => HoldsSince::AsBefore,
            Some(Since(None)) => HoldsSince::NoPromise,
            Some(Since(Some(since))) => HoldsSince::Since(since),
        };
        let (calling_code, through) = (self.calling_code, self.through);
        let covered = session.client.cover(&Said { calling_code, through, holds_since }).await?;
        session.say.show(&covered, || {
            let through = when(covered.through);
            let holds = covered.holds_since.map_or(String::new(), |since| {
                format!(", every end of a held number since {since}")
            });
            format!("+{calling_code} is reported through {through}{holds}")
        })?;
        Ok(Ended::Done)
    }
}
