//! Since when silence about a calling code's numbers means that nothing happened, and up to when it
//! was listened to.

use std::collections::HashMap;

use super::acceptance::Book;
use super::event::ParticipantId;
use super::policy::Policy;
use super::time::Moment;
use super::verdict::{Coverage, Promise, Scope};

/// How far a carrier has reported about one calling code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// All that took effect until then has been sent. `None`: never said.
    pub through: Option<Moment>,
    /// Since when every end of a `held` has been reported. `None`: no such promise.
    pub holds_since: Option<Moment>,
}

/// All that is known of a calling code beside its numbers.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The rules of its numbers.
    pub policy: Policy,
    /// All of `carriers` report completely since then. `None`: not covered as a whole.
    pub complete_since: Option<Moment>,
    /// The carriers that this rests on.
    pub carriers: Vec<ParticipantId>,
    /// How far each carrier has reported, listed or not.
    pub reported: HashMap<ParticipantId, Reported>,
    /// Whether summaries are still being rewritten after a change of policy.
    pub recomputing: bool,
    /// How far answers reach back, if not for ever: the horizon.
    pub retained_since: Option<Moment>,
}

impl Standing {
    /// Up to when the calling code as a whole was reported: as far as its slowest carrier. One that
    /// never said anything counts as 2000.
    pub fn through(&self) -> Moment {
        let through = |carrier| self.reported.get(carrier).and_then(|reported| reported.through);
        self.carriers
            .iter()
            .map(|carrier| through(carrier).unwrap_or(Moment::ZERO))
            .min()
            .unwrap_or(Moment::ZERO)
    }

    /// What covers a number of this calling code that `holder` vouches for.
    pub fn coverage_of(&self, holder: Option<ParticipantId>) -> Coverage {
        let scope = self.complete_since.map(|since| Scope { since, through: self.through() });
        let reported = holder.and_then(|holder| self.reported.get(&holder));
        let promise = reported.and_then(|reported| {
            let holds_since = reported.holds_since?;
            Some(Promise { holds_since, through: reported.through.unwrap_or(Moment::ZERO) })
        });
        Coverage { scope, holder: promise, retained_since: self.retained_since }
    }

    /// What an event about a number of this calling code is accepted by.
    pub fn book(&self) -> Book<'_> {
        let closed_until = self.retained_since.unwrap_or_default();
        Book { policy: &self.policy, closed_until }
    }
}
