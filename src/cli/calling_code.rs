//! `vacate calling-code`

use clap::{Args, Subcommand};

use super::lines::argument;
use super::say::{table, when};
use super::session::Session;
use super::{Ended, Outcome};
use crate::client::admin::{CallingCodeStanding, Declaration};
use crate::domain::calling_code::CallingCode;
use crate::domain::policy::Zone;
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::time::Moment;

/// Declare how complete a calling code is (admin).
#[derive(Debug, Subcommand)]
pub enum Command {
    Set(Box<Set>),
    /// Show how it stands.
    ///
    /// Example: vacate calling-code show 49
    Show {
        /// Which.
        #[arg(value_parser = argument::<CallingCode>)]
        code: CallingCode,
    },
}

/// Declare since when some carriers report a calling code completely, and its policy. What is left out
/// takes its default.
///
/// Example: vacate calling-code set 49 --complete-since 2026-01-01T00:00:00Z --carrier northtel
#[derive(Debug, Args)]
pub struct Set {
    /// Which.
    #[arg(value_parser = argument::<CallingCode>)]
    code: CallingCode,
    /// Since when the carriers report all that happens; `none`: they don't.
    #[arg(long, value_name = "TIME|none", value_parser = since)]
    complete_since: Since,
    /// A carrier that this rests on; may be repeated.
    #[arg(long = "carrier", value_name = "NAME")]
    carriers: Vec<String>,
    /// A carrier that is believed about the end of a number only if it began with it; may be repeated.
    #[arg(long = "own-only", value_name = "NAME")]
    own_only: Vec<String>,
    /// From a disconnect until the next person, at least.
    #[arg(long, value_name = "DAYS")]
    aging_days: Option<u32>,
    /// How late reports may be.
    #[arg(long, value_name = "DAYS")]
    max_lag_days: Option<u32>,
    /// How far a carrier's clock may be wrong.
    #[arg(long, value_name = "MINUTES")]
    tolerance_minutes: Option<u32>,
    /// From a disconnect until detaching is demanded.
    #[arg(long, value_name = "DAYS")]
    detach_after_days: Option<u32>,
    /// The time to freeze.
    #[arg(long, value_name = "HOURS")]
    freeze_within_hours: Option<u32>,
    /// The time to detach.
    #[arg(long, value_name = "HOURS")]
    detach_within_hours: Option<u32>,
    /// The first zone in which a day begins there, for events that name a day.
    #[arg(long, value_name = "±HH:MM", value_parser = argument::<Zone>, allow_hyphen_values = true)]
    zone_first: Option<Zone>,
    /// The last zone in which one ends.
    #[arg(long, value_name = "±HH:MM", value_parser = argument::<Zone>, allow_hyphen_values = true)]
    zone_last: Option<Zone>,
    /// The zone that dates are shown in, between the two.
    #[arg(long, value_name = "±HH:MM", value_parser = argument::<Zone>, allow_hyphen_values = true)]
    zone: Option<Zone>,
}

/// A date that may be denied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since(pub(super) Option<Moment>);

/// Reads a time, or `none`.
pub(super) fn since(text: &str) -> Result<Since, String> {
    if text == "none" { Ok(Since(None)) } else { Ok(Since(Some(argument(text)?))) }
}

impl Command {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let standing = match self {
            Command::Set(set) => session.client.declare(set.code, &set.declaration()).await?,
            Command::Show { code } => session.client.calling_code(*code).await?,
        };
        session.say.show(&standing, || table(&described(&standing)))?;
        Ok(Ended::Done)
    }
}

impl Set {
    fn declaration(&self) -> Declaration {
        Declaration {
            complete_since: self.complete_since.0,
            carriers: self.carriers.clone(),
            own_only: self.own_only.clone(),
            policy: PolicyTerms {
                aging_days: self.aging_days,
                max_lag_days: self.max_lag_days,
                tolerance_minutes: self.tolerance_minutes,
                detach_after_days: self.detach_after_days,
                freeze_within_hours: self.freeze_within_hours,
                detach_within_hours: self.detach_within_hours,
                zone_first: self.zone_first,
                zone_last: self.zone_last,
                zone: self.zone,
            },
        }
    }
}

fn described(standing: &CallingCodeStanding) -> Vec<Vec<String>> {
    let facts = [
        ("calling code", format!("+{}", standing.calling_code)),
        ("complete since", when(standing.complete_since)),
        ("carriers", standing.carriers.join(" ")),
        ("reported through", when(standing.through)),
        ("own only", standing.own_only.join(" ")),
        ("aging", format!("{} days", standing.aging_days)),
        ("reports may be late by", format!("{} days", standing.max_lag_days)),
        ("tolerance", format!("{} minutes", standing.tolerance_minutes)),
        ("detach after", format!("{} days", standing.detach_after_days)),
        ("freeze within", format!("{} hours", standing.freeze_within_hours)),
        ("detach within", format!("{} hours", standing.detach_within_hours)),
        ("zones", format!("{} to {}", standing.zone_first, standing.zone_last)),
        ("policy", if standing.recomputing { "being worked in" } else { "in force" }.to_owned()),
    ];
    let told = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
    told.map(|(name, fact)| vec![name.to_owned(), fact]).collect()
}
