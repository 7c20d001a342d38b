//! The answer to a check: has the number changed hands since `verified_at`?

use serde::Serialize;

use super::enumeration::enumeration;
use super::policy::Policy;
use super::summary::Summary;
use super::time::{CLOCK_SKEW_SECONDS_MAX, Moment, Span};

enumeration! {
    /// Whether the number changed hands.
    Answer {
        /// Nobody else can hold it now. Not: the caller holds it.
        Unchanged = 1 "unchanged",
        /// It was lost, or given to somebody else.
        Changed = 2 "changed",
        /// It is not known, and the reason says why.
        CannotTell = 3 "cannot_tell",
    }
}

enumeration! {
    /// What to do at a login.
    Advice {
        /// Let in whoever has the code.
        Allow = 1 "allow",
        /// Ask for a factor that is not the number; another code is none.
        StepUp = 2 "step_up",
        /// The user of old has lost the number: freeze the account.
        Freeze = 3 "freeze",
    }
}

enumeration! {
    /// Why an answer, or a demand, is what it is. In alphabetical order: the last of two that
    /// explain the same threshold is told.
    Reason {
        /// Verified before what the registry still remembers.
        BeyondRetention = 1 "beyond_retention",
        /// A carrier vouches that nothing happened, another says that something did.
        Contested = 2 "contested",
        /// Lost since then.
        Disconnected = 3 "disconnected",
        /// Somebody proved to hold the number.
        Disputed = 4 "disputed",
        /// Nothing ever happened that matters.
        NoChange = 5 "no_change",
        /// Nobody promised to report what happens to this number.
        NotCovered = 6 "not_covered",
        /// Given to somebody else since then.
        Reassigned = 7 "reassigned",
        /// Whoever promised to report is late.
        ReportsLate = 8 "reports_late",
        /// Verified so near to a change that it can't be told on which side.
        TooClose = 9 "too_close",
        /// One statement says so, and nothing supports it.
        Uncorroborated = 10 "uncorroborated",
        /// Something happened, and all of it before then.
        VerifiedAfterChange = 11 "verified_after_change",
        /// Verified while the number was in nobody's hands.
        VerifiedInAging = 12 "verified_in_aging",
        /// Verified later than now.
        VerifiedInFuture = 13 "verified_in_future",
    }
}

enumeration! {
    /// What an app wants to be advised where nobody promised to report. Nothing else can be relaxed.
    #[derive(Default)]
    NotCovered {
        /// As everywhere in doubt.
        #[default]
        StepUp = 0 "step_up",
        /// Let in.
        Allow = 1 "allow",
    }
}

/// What a check answers. `advice` stands first, on the wire too: it alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What to do.
    pub advice: Advice,
    /// What is known.
    pub answer: Answer,
    /// Why.
    pub reason: Reason,
}

/// All that a question about one number is answered from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The fold of its events.
    pub summary: &'a Summary,
    /// What silence about it means.
    pub coverage: Coverage,
    /// Its open dispute.
    pub dispute: Option<OpenDispute>,
    /// The policy of its calling code.
    pub policy: &'a Policy,
    /// The registry's time.
    pub now: Moment,
}

/// Who promised to report about one number. Several sources need no rule: either suffices.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coverage {
    /// The calling code as a whole.
    pub scope: Option<Scope>,
    /// The carrier that the summary names as holder.
    pub holder: Option<Promise>,
    /// How far answers reach back, if not for ever: the horizon.
    pub retained_since: Option<Moment>,
}

/// All carriers of a calling code report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Since then.
    pub since: Moment,
    /// All that took effect until then was sent: the smallest watermark of the carriers listed.
    pub through: Moment,
}

/// A carrier ends each `held` of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Since then.
    pub holds_since: Moment,
    /// All that took effect until then was sent: its own watermark.
    pub through: Moment,
}

/// A dispute that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDispute {
    /// The earlier of the proof and the date since which the person says to have had the number.
    pub held_from: Moment,
    /// From then on it counts only where no fresh source covers the question.
    pub lapses_at: Moment,
    /// Until when the app at hand is asked to answer; `None` if the dispute does not name it.
    /// Checks see a dispute at every app, demands only where it is named.
    pub answer_by: Option<Moment>,
}

/// Answers for a number verified at `verified`: the first line that applies, numbered as in
/// docs/semantics.md. What equals a threshold is later than it.
///
/// Frozen is only if every moment of `verified` is, unchanged only if none is in doubt.
pub fn judge(facts: &Facts, verified: Span, not_covered: NotCovered) -> Verdict {
    use {Advice::*, Answer::*};
    let horizon = facts.coverage.retained_since.unwrap_or_default();
    let latest = facts.now.on_axis() + i64::from(CLOCK_SKEW_SECONDS_MAX);
    let remembered = facts.summary.kept_since.unwrap_or_default().max(horizon);
    let (answer, advice, reason) = if verified.lo < horizon.on_axis() {
        changed_since(facts.summary, verified, horizon) // 0b
            .unwrap_or((CannotTell, StepUp, Reason::BeyondRetention))
    } else if verified.lo > latest {
        (CannotTell, StepUp, Reason::VerifiedInFuture) // 1
    } else if let Some(doubt) = doubt(facts.summary, verified) {
        doubt // 2 to 6
    } else if facts.disputed(verified).is_some() {
        (CannotTell, StepUp, Reason::Disputed) // 6b
    } else {
        match facts.silence(verified) {
            Silence::Fresh if facts.summary.clear_from <= remembered => {
                (Unchanged, Allow, Reason::NoChange) // 7
            }
            Silence::Fresh => (Unchanged, Allow, Reason::VerifiedAfterChange), // 7
            Silence::Late => (CannotTell, StepUp, Reason::ReportsLate),        // 8
            Silence::Empty => match not_covered {
                NotCovered::StepUp => (CannotTell, StepUp, Reason::NotCovered), // 9
                NotCovered::Allow => (CannotTell, Allow, Reason::NotCovered),   // 9
            },
        }
    };
    Verdict { advice, answer, reason }
}

/// Lines 2 to 6: what the events of the number say. They need no coverage, since a reported loss
/// is true wherever it came from.
pub(super) fn doubt(summary: &Summary, verified: Span) -> Option<(Answer, Advice, Reason)> {
    use {Advice::*, Answer::*};
    let Span { lo, hi } = verified;
    let [freeze, changed, clear, detach] =
        [summary.freeze_before, summary.changed_before, summary.clear_from, summary.detach_before]
            .map(Moment::on_axis);
    let uncertain = Reason::Uncorroborated;
    let lines = [
        (hi < freeze && hi < detach, Changed, Freeze, Reason::Reassigned), // 2
        (hi < freeze, Changed, Freeze, Reason::Disconnected),              // 3
        (hi < changed, Changed, StepUp, summary.changed_reason.unwrap_or(uncertain)), // 4
        (lo < changed, CannotTell, StepUp, Reason::TooClose),              // 5
        (lo < clear, CannotTell, StepUp, summary.clear_reason.unwrap_or(uncertain)), // 6
    ];
    let (_, answer, advice, reason) = lines.into_iter().find(|(applies, ..)| *applies)?;
    Some((answer, advice, reason))
}

/// Line 0b: whoever verified before the horizon is told of a change of which one who verified at the
/// horizon is told. What of the past makes no difference after the horizon may be forgotten, so nothing
/// here may depend on it.
fn changed_since(
    summary: &Summary,
    verified: Span,
    horizon: Moment,
) -> Option<(Answer, Advice, Reason)> {
    let Span { lo, hi } = verified;
    let horizon = horizon.on_axis();
    let since = Span { lo: lo.max(horizon), hi: hi.max(horizon) };
    doubt(summary, since).filter(|(answer, ..)| *answer == Answer::Changed)
}

/// What it means that nothing was heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// Nothing happened.
    Fresh,
    /// Nothing happened, as far as it was reported yet.
    Late,
    /// Nothing: nobody promised to report.
    Empty,
}

impl Facts<'_> {
    /// Line 6b: the dispute, if it puts `verified` in doubt.
    pub(super) fn disputed(&self, verified: Span) -> Option<OpenDispute> {
        self.dispute.filter(|dispute| {
            verified.lo < dispute.held_from.on_axis()
                && (self.now < dispute.lapses_at || self.silence(verified) != Silence::Fresh)
        })
    }

    /// By the freshest of the sources that cover `verified`.
    fn silence(&self, verified: Span) -> Silence {
        let covers = |since: Moment| since.on_axis() <= verified.lo;
        let Coverage { scope, holder, .. } = self.coverage;
        let scope = scope.filter(|scope| covers(scope.since)).map(|scope| scope.through);
        let holder = holder.zip(self.summary.held_since).and_then(|(promise, held_since)| {
            covers(promise.holds_since.max(held_since)).then_some(promise.through)
        });
        match scope.max(holder) {
            Some(through) if self.now.since(through) <= self.policy.max_lag => Silence::Fresh,
            Some(_) => Silence::Late,
            None => Silence::Empty,
        }
    }
}
