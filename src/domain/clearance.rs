//! A carrier's question before it gives a number on: would that open an old account?

use serde::Serialize;

use super::duty::{Demand, Duty, Response};
use super::enumeration::enumeration;
use super::summary::{Occupancy, Summary};
use super::time::Moment;

/// Of how many accounts on, the band says no more.
const BAND_OF_MANY_MIN: usize = 5;

/// The answer. A statement of fact, no permission, and useless once the number was given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "clearance", rename_all = "snake_case")]
pub enum Clearance {
    /// The last thing known is not an undisputed disconnect. Nothing is told of accounts.
    NotVacant,
    /// The number ages.
    TooEarly {
        /// Until then.
        not_before: Moment,
    },
    /// Some accounts are neither frozen, detached nor removed.
    Outstanding {
        /// How many, roughly.
        band: Band,
        /// When the last of them should have been frozen, unless that is past.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_before: Option<Moment>,
    },
    /// No old account is left that a code would open.
    Clear,
}

enumeration! {
    /// How many accounts, as coarsely as it is told.
    Band {
        /// One to four.
        Few = 1 "1-4",
        /// Five or more.
        Many = 2 "5+",
    }
}

/// Whether the number may be given on at `now`; `duties` are those of all its bindings. A frozen
/// account counts as done: no code opens it.
pub fn clearance(summary: &Summary, duties: &[Duty], now: Moment) -> Clearance {
    if summary.occupancy != Occupancy::Vacant {
        return Clearance::NotVacant;
    }
    if now < summary.changed_before {
        return Clearance::TooEarly { not_before: summary.changed_before };
    }
    let unanswered =
        |duty: &&Duty| duty.demand >= Demand::Freeze && duty.response == Response::None;
    let outstanding = || duties.iter().filter(unanswered);
    let band = match outstanding().count() {
        0 => return Clearance::Clear,
        1..BAND_OF_MANY_MIN => Band::Few,
        BAND_OF_MANY_MIN.. => Band::Many,
    };
    let not_before = outstanding().filter_map(|duty| duty.freeze_by).max().filter(|by| *by > now);
    Clearance::Outstanding { band, not_before }
}
