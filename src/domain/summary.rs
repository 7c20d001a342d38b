//! The fold: from the set of a number's statements to the few numbers that answer every check.
//!
//! Each statement contributes a function of `verified_at` that only ever falls: before some moment
//! it freezes or doubts, after it no longer. The largest of such functions falls too, so a few
//! thresholds answer for every date, and neither order nor repetition of the statements matters.

use super::enumeration::enumeration;
use super::event::{ParticipantId, Statement};
use super::policy::Policy;
use super::reading::{Backing, Reading, Standing};
use super::time::{Moment, Span};
use super::verdict::Reason;

/// What is known of one number. The default: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Verified earlier: the number was lost since.
    pub freeze_before: Moment,
    /// Verified earlier: it changed hands, or was in nobody's. Not earlier than `freeze_before`.
    pub changed_before: Moment,
    /// Verified earlier: it can't be told. Not earlier than `changed_before`.
    pub clear_from: Moment,
    /// Verified earlier: somebody else has had it, so the account must let go of it. Not later
    /// than `freeze_before`.
    pub detach_before: Moment,
    /// Why a date before `changed_before` and not before `freeze_before` counts as changed.
    pub changed_reason: Option<Reason>,
    /// Why a date before `clear_from` and not before `changed_before` is in doubt.
    pub clear_reason: Option<Reason>,
    /// When freezing turns into detaching even if nobody says `reassigned`.
    pub detach_from: Option<Moment>,
    /// Since when `holder` vouches for one and the same subscriber.
    pub held_since: Option<Moment>,
    /// The carrier whose `held` stands.
    pub holder: Option<ParticipantId>,
    /// Whether anybody holds it.
    pub occupancy: Occupancy,
    /// How many distinct statements were accepted: rises with each, whatever the order.
    pub version: u32,
    /// All that was known was erased, and nobody who verified earlier is told that nothing changed.
    pub kept_since: Option<Moment>,
}

enumeration! {
    /// Whether somebody holds the number.
    #[derive(Default)]
    Occupancy {
        /// Nothing believable says.
        #[default]
        Unknown = 0 "unknown",
        /// The last thing known is an undisputed disconnect.
        Vacant = 1 "vacant",
        /// A begin stands that its carrier has not ended.
        InService = 2 "in_service",
    }
}

/// What may be said of a number's present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is known.
    Unknown,
    /// Lost, and not to be given on yet.
    Aging,
    /// Lost, and aged.
    Reissuable,
    /// Somebody holds it.
    InService,
}

/// Folds all accepted statements of one number.
pub fn fold<'a>(
    statements: impl IntoIterator<Item = &'a Statement>,
    policy: &'a Policy,
) -> Summary {
    Summary::of(&Reading::of(statements, policy))
}

impl Summary {
    /// The summary of what was read.
    pub fn of(reading: &Reading) -> Summary {
        let Thresholds { freeze, detach, changed, doubted } = Thresholds::of(reading);
        let tolerance = i64::from(reading.policy.tolerance);
        let unfollowed = reading.solid.iter().filter(|lost| lost.lo - tolerance > detach);
        let detach_from = unfollowed.map(|lost| lost.hi + i64::from(reading.policy.detach_after));
        // Those that stand are all of one carrier: each is later than every begin of the others.
        let held = reading.standing_holds().min_by_key(|held| held.span.hi);
        Summary {
            freeze_before: Moment::from_axis(freeze),
            changed_before: Moment::from_axis(changed.before.max(freeze)),
            clear_from: Moment::from_axis(doubted.before.max(changed.before).max(freeze)),
            detach_before: Moment::from_axis(detach),
            changed_reason: changed.reason,
            clear_reason: doubted.reason,
            detach_from: detach_from.min().map(Moment::from_axis),
            held_since: held.map(|held| Moment::from_axis(held.span.hi)),
            holder: held.map(|held| held.carrier),
            occupancy: occupancy(reading),
            version: u32::try_from(reading.statements.len()).unwrap_or(u32::MAX),
            kept_since: None,
        }
    }

    /// The same of a number of which all was erased that was known before `kept_since`.
    pub fn kept_since(self, kept_since: Option<Moment>) -> Summary {
        match kept_since {
            Some(since) if since > self.clear_from => Summary {
                clear_from: since,
                clear_reason: Some(Reason::BeyondRetention),
                kept_since,
                ..self
            },
            _ => Summary { kept_since, ..self },
        }
    }

    /// The state shown at `now`.
    pub fn state(&self, now: Moment) -> State {
        match self.occupancy {
            Occupancy::Unknown => State::Unknown,
            Occupancy::InService => State::InService,
            Occupancy::Vacant if now < self.changed_before => State::Aging,
            Occupancy::Vacant => State::Reissuable,
        }
    }
}

/// The largest of what the statements contribute to each threshold.
#[derive(Default)]
struct Thresholds {
    freeze: i64,
    detach: i64,
    changed: Threshold,
    doubted: Threshold,
}

#[derive(Default)]
struct Threshold {
    before: i64,
    reason: Option<Reason>,
}

impl Thresholds {
    /// What each statement contributes, by how far it is believed.
    fn of(reading: &Reading) -> Thresholds {
        let tolerance = i64::from(reading.policy.tolerance);
        let mut it = Thresholds::default();
        for reassign in &reading.reassigns {
            let Span { lo, hi } = reassign.said.span;
            match reassign.backing {
                Backing::Sure => {
                    it.freeze = it.freeze.max(lo - tolerance);
                    it.detach = it.detach.max(lo - tolerance);
                    it.doubted.raise(lo, Reason::TooClose);
                }
                Backing::Unsure => {
                    it.changed.raise(lo - tolerance, Reason::Uncorroborated);
                    it.doubted.raise(hi + tolerance, Reason::TooClose);
                }
                Backing::Contested => it.doubted.raise(hi + tolerance, Reason::Contested),
            }
        }
        for disconnect in &reading.disconnects {
            let Span { lo, hi } = disconnect.said.span;
            let aging_ends = reading.aging_ends(disconnect);
            let over = aging_ends.max(hi + tolerance);
            match disconnect.standing {
                // It freezes by itself, even if the number was given on too early: were that only
                // doubted, the freeze would go at the very moment the new owner arrives.
                Standing::Solid => {
                    it.freeze = it.freeze.max(lo - tolerance);
                    if reading.is_followed(disconnect) {
                        it.detach = it.detach.max(lo - tolerance);
                    }
                    it.changed.raise(aging_ends, Reason::VerifiedInAging);
                }
                Standing::Weak => {
                    it.changed.raise(lo - tolerance, Reason::Uncorroborated);
                    it.doubted.raise(over, Reason::Uncorroborated);
                }
                Standing::Contested => it.doubted.raise(over, Reason::Contested),
            }
        }
        it
    }
}

impl Threshold {
    /// The later one; of equal ones the alphabetically last reason, so that order never decides.
    fn raise(&mut self, before: i64, reason: Reason) {
        if (before, Some(reason)) > (self.before, self.reason) {
            *self = Threshold { before, reason: Some(reason) };
        }
    }
}

fn occupancy(reading: &Reading) -> Occupancy {
    if reading.is_vacant() {
        return Occupancy::Vacant;
    }
    match reading.serving().next() {
        Some(_) => Occupancy::InService,
        None => Occupancy::Unknown,
    }
}
