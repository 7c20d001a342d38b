//! What the registry demands of an app for one binding, and what the app says it did.
//!
//! Two columns with one writer each: the registry writes `demand`, the app `response`. The demand
//! is recomputed from what is known of the number, never moved from state to state, so nothing
//! depends on the order in which events, timers and answers came.

use serde::Serialize;

use super::enumeration::enumeration;
use super::time::{Moment, Span};
use super::verdict::{Advice, Facts, OpenDispute, Reason, doubt};

enumeration! {
    /// What the registry demands; each more than the one before.
    #[derive(Default)]
    Demand {
        /// Nothing.
        #[default]
        None = 0 "none",
        /// Ask for a factor that is not the number at the next login.
        StepUp = 1 "step_up",
        /// End sessions, block login by code and changes.
        Freeze = 2 "freeze",
        /// Take the number off the account.
        Detach = 3 "detach",
    }
}

enumeration! {
    /// What the app did; each more than the one before.
    #[derive(Default)]
    Response {
        /// Nothing, or all of it is undone.
        #[default]
        None = 0 "none",
        /// The account is frozen and can come back.
        Frozen = 1 "frozen",
        /// The number no longer opens the account; the account lives on.
        Detached = 2 "detached",
    }
}

enumeration! {
    /// What a webhook tells.
    MessageType {
        /// The demand is `step_up`.
        StepUpRequested = 1 "account.step_up_requested",
        /// The demand is `freeze`.
        FreezeRequested = 2 "account.freeze_requested",
        /// The demand is `detach`.
        DetachRequested = 3 "account.detach_requested",
        /// The demand is `none` again.
        ReleaseRequested = 4 "account.release_requested",
        /// Somebody tries out an endpoint.
        EndpointTest = 5 "endpoint.test",
    }
}

impl Demand {
    /// The message that tells of a change to this demand.
    pub fn message(self) -> MessageType {
        match self {
            Demand::None => MessageType::ReleaseRequested,
            Demand::StepUp => MessageType::StepUpRequested,
            Demand::Freeze => MessageType::FreezeRequested,
            Demand::Detach => MessageType::DetachRequested,
        }
    }

    /// The least response that satisfies it.
    fn asks(self) -> Response {
        match self {
            Demand::None | Demand::StepUp => Response::None,
            Demand::Freeze => Response::Frozen,
            Demand::Detach => Response::Detached,
        }
    }
}

/// What is demanded for a binding verified at `verified`, and why; no reason at `none`.
///
/// As `judge` answers, but for what is about the question and not the number: neither the horizon
/// of retention nor a date ahead demands anything, and a dispute only of the apps that it names.
pub fn demand(facts: &Facts, verified: Span) -> (Demand, Option<Reason>) {
    match doubt(facts.summary, verified) {
        Some((_, Advice::Freeze, reason)) => (loss(facts, verified), Some(reason)),
        Some((_, Advice::StepUp | Advice::Allow, reason)) => (Demand::StepUp, Some(reason)),
        None if answer_by(facts, verified).is_some() => (Demand::StepUp, Some(Reason::Disputed)),
        None => (Demand::None, None),
    }
}

/// When the demand changes by time alone, if it may: the binding is recomputed then.
pub fn recompute_at(facts: &Facts, verified: Span) -> Option<Moment> {
    let due = match demand(facts, verified) {
        (Demand::Freeze, _) => facts.summary.detach_from,
        (_, Some(Reason::Disputed)) => facts.dispute.map(|dispute| dispute.lapses_at),
        _ => None,
    };
    due.filter(|due| *due > facts.now)
}

/// The duty of one binding. In the order, and with the names, of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Duty {
    /// Rises with each change of demand; receivers keep the highest.
    pub revision: u32,
    /// Written by the registry alone.
    pub demand: Demand,
    /// Why; absent at `none`. It may change while the demand stays, and nobody is told.
    pub reason: Option<Reason>,
    /// Written by the app alone.
    pub response: Response,
    /// When the app should have frozen: set when the demand reaches `freeze`, kept until it falls
    /// below.
    pub freeze_by: Option<Moment>,
    /// When it should have detached, likewise.
    pub detach_by: Option<Moment>,
    /// When it should have answered a dispute, which is all that asks.
    pub answer_by: Option<Moment>,
}

/// A duty after something happened, and the message that is due in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recomputed {
    /// What to store.
    pub duty: Duty,
    /// What to tell: the whole duty, at its new revision.
    pub message: Option<MessageType>,
}

impl Duty {
    /// Whether the app still has to do something.
    pub fn open(&self) -> bool {
        self.response < self.demand.asks() || self.answer_by.is_some()
    }

    /// Whether it should have done it already. A deadline that was met counts no more.
    pub fn overdue(&self, now: Moment) -> bool {
        let passed = |by: Option<Moment>| by.is_some_and(|by| by < now);
        passed(self.freeze_by) && self.response < Response::Frozen
            || passed(self.detach_by) && self.response < Response::Detached
            || passed(self.answer_by)
    }

    /// The duty as it is now. Each change of demand raises the revision and makes one message.
    pub fn recomputed(&self, facts: &Facts, verified: Span) -> Recomputed {
        let (demand, reason) = demand(facts, verified);
        let changed = demand != self.demand;
        let deadline = |level: Demand, kept: Option<Moment>, within: u32| {
            (demand >= level).then(|| kept.unwrap_or(facts.now.plus(within)))
        };
        let duty = Duty {
            revision: self.revision + u32::from(changed),
            demand,
            reason,
            freeze_by: deadline(Demand::Freeze, self.freeze_by, facts.policy.freeze_within),
            detach_by: deadline(Demand::Detach, self.detach_by, facts.policy.detach_within),
            ..*self
        };
        Recomputed {
            duty: duty.responded(self.response, facts, verified),
            message: changed.then(|| demand.message()),
        }
    }

    /// The duty of an account that begins anew under the same `account_ref`: bound for the first
    /// time, bound again after a removal, or rebound to another number. What was demanded and done
    /// before is over, but the revision goes on.
    ///
    /// If something was demanded before and nothing is now, the revision rises without a message:
    /// the app reads it in the answer to its own call. Otherwise a late copy of the old demand
    /// would carry the present revision, and freeze an account that nobody will ask to release.
    pub fn begun_anew(&self, facts: &Facts, verified: Span) -> Recomputed {
        let fresh = Duty { revision: self.revision, ..Duty::default() };
        let mut begun = fresh.recomputed(facts, verified);
        if self.demand != Demand::None && begun.duty.demand == Demand::None {
            begun.duty.revision += 1;
        }
        begun
    }

    /// The duty with another response. A dispute is answered once the number was let go.
    pub(super) fn responded(self, response: Response, facts: &Facts, verified: Span) -> Duty {
        let asked = self.reason == Some(Reason::Disputed) && response != Response::Detached;
        let answer_by = if asked { answer_by(facts, verified) } else { None };
        Duty { response, answer_by, ..self }
    }

    /// The duty of a binding that the app removed: where a freeze or more was demanded, the number
    /// has been let go with it. Nobody recomputes it any more.
    pub fn removed(&self) -> Duty {
        let gone = self.demand >= Demand::Freeze;
        let response = if gone { Response::Detached } else { self.response };
        Duty { response, answer_by: None, ..*self }
    }
}

/// `freeze` or `detach`, for what was lost. Without a `reassigned` it becomes `detach` by time:
/// feeds of disconnects alone never say one, and clearance comes before it.
fn loss(facts: &Facts, verified: Span) -> Demand {
    let reassigned = verified.hi < facts.summary.detach_before.on_axis();
    let aged = facts.summary.detach_from.is_some_and(|from| from <= facts.now);
    if reassigned || aged { Demand::Detach } else { Demand::Freeze }
}

fn answer_by(facts: &Facts, verified: Span) -> Option<Moment> {
    facts.disputed(verified).and_then(|dispute: OpenDispute| dispute.answer_by)
}
