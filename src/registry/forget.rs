//! What is no longer needed goes, a part at a time, once a day: events that no answer hangs on any more,
//! deliveries that were settled, the history of duties that are done, accounts that were removed. The
//! worker calls, again and again, until nothing is left to do.
//!
//! First the horizons of all calling codes move, each with an entry in the log: no answer about the time
//! before one is given any more when the first event of that time goes.

use std::collections::BTreeSet;

use super::{More, Registry, Result, follow};
use crate::domain::calling_code::CallingCode;
use crate::domain::event::{ParticipantId, Statement};
use crate::domain::number::NumberId;
use crate::domain::position::Position;
use crate::domain::time::{DAY, Moment};
use crate::domain::{retention, summary};
use crate::storage::bindings::BindingId;
use crate::storage::log::Change;
use crate::storage::retention::{Gone, Run};
use crate::storage::{
    self, PolicyUse, Tx, bindings, coverage, events, log, numbers, participants, retention as rows,
};

/// Rows that one commit deletes, at most.
const ROWS_PER_PART_MAX: i64 = 1_000;
/// Numbers that one commit looks for an old event at, at most.
const NUMBERS_PER_LOOK_MAX: i64 = 2_000;
/// Numbers that one commit forgets something of, at most.
const NUMBERS_PER_PART_MAX: i64 = 200;

/// How long an app may take to hear of an account whose number was erased, before the account goes.
const TOLD_WITHIN_DAYS: u32 = 30;

/// How long things are kept, in days.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// How far answers reach back.
    pub events_days: u32,
    /// Deliveries after they were settled.
    pub deliveries_days: u32,
    /// The history of a duty that asks for nothing any more.
    pub duties_days: u32,
    /// A binding, for its revision, after it was removed.
    pub bindings_days: u32,
}

impl Registry {
    /// Deletes a part of what is no longer needed, if today's run isn't over.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn forget_some(&self) -> Result<More> {
        let now = self.clock.now();
        let horizon = horizon(now, self.settings.retention.events_days);
        let (run, behind) = self
            .errands
            .read(|db| {
                let run = rows::run(db)?;
                if is_over(&run, now) || horizon == Moment::ZERO {
                    return Ok((run, None));
                }
                Ok((run, coverage::with_horizon_before(db, horizon)?))
            })
            .map_err(|error| self.failed(error))?;
        if is_over(&run, now) {
            return Ok(More::No);
        }
        let head = self
            .errands
            .write(|tx| match behind {
                Some(code) => self.move_horizon(tx, code, horizon),
                None => self.forget_part(tx, now, horizon),
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(More::Perhaps)
    }

    /// Moves the horizon of a calling code, alone: nobody accepts an event by the old one and commits it
    /// after.
    fn move_horizon(
        &self,
        tx: &mut Tx<'_>,
        code: CallingCode,
        horizon: Moment,
    ) -> storage::Result<Position> {
        coverage::hold_policy(tx, code, PolicyUse::Change)?;
        let declared = coverage::declared(tx, code)?;
        if declared.is_some_and(|declared| declared.retained_since >= Some(horizon)) {
            return log::head(tx);
        }
        coverage::move_horizon(tx, code, horizon)?;
        log::append(tx, &[Change::CallingCode(code)], self.stamp())
    }

    fn forget_part(
        &self,
        tx: &mut Tx<'_>,
        now: Moment,
        horizon: Moment,
    ) -> storage::Result<Position> {
        let mut run = rows::lock(tx)?;
        if is_over(&run, now) {
            return log::head(tx);
        }
        if run.ended_at.is_some() {
            let (after, gone) = (NumberId(0), Gone::default());
            run = Run { began_at: now, ended_at: None, after, gone };
        }
        let changes = if self.forget_what_is_done(tx, &mut run.gone, now)? == More::Perhaps {
            Vec::new()
        } else {
            self.forget_events(tx, &mut run, now, horizon)?
        };
        rows::keep(tx, &run)?;
        if run.ended_at.is_some() {
            let Gone { events, deliveries, history, bindings } = run.gone;
            ::log::info!(
                events = events, deliveries = deliveries, history = history, bindings = bindings;
                "retention: what is no longer needed is gone"
            );
        }
        self.tell_the_log(tx, changes)
    }

    /// Deletes some of what is settled, done or removed, if there still is any.
    fn forget_what_is_done(
        &self,
        tx: &mut Tx<'_>,
        gone: &mut Gone,
        now: Moment,
    ) -> storage::Result<More> {
        let kept = &self.settings.retention;
        let settled = before(now, kept.deliveries_days).unix_seconds() * 1_000;
        let deliveries = rows::drop_deliveries(tx, settled, ROWS_PER_PART_MAX)?;
        gone.deliveries += deliveries;
        if deliveries > 0 {
            return Ok(More::Perhaps);
        }
        let history = rows::drop_history(tx, before(now, kept.duties_days), ROWS_PER_PART_MAX)?;
        gone.history += history;
        if history > 0 {
            return Ok(More::Perhaps);
        }
        let removed = before(now, kept.bindings_days);
        let (ids, of): (Vec<BindingId>, Vec<NumberId>) =
            rows::removed_bindings(tx, removed, NUMBERS_PER_PART_MAX)?.into_iter().unzip();
        if ids.is_empty() {
            return self.forget_erased(tx, gone, now);
        }
        // Whoever binds such an account again locks its number, too.
        numbers::lock(tx, of)?;
        gone.bindings += rows::drop_removed(tx, &ids, removed)?;
        Ok(More::Perhaps)
    }

    /// Deletes some accounts whose numbers were erased.
    fn forget_erased(
        &self,
        tx: &mut Tx<'_>,
        gone: &mut Gone,
        now: Moment,
    ) -> storage::Result<More> {
        let told_by = before(now, TOLD_WITHIN_DAYS).unix_seconds() * 1_000;
        let found = rows::erased_bindings(tx, told_by, NUMBERS_PER_PART_MAX)?;
        if found.is_empty() {
            return Ok(More::No);
        }
        // Whoever binds or removes an account locks its app first, and then its number.
        let apps: BTreeSet<ParticipantId> = found.iter().map(|(.., app)| *app).collect();
        for app in apps {
            participants::lock(tx, app)?;
        }
        numbers::lock(tx, found.iter().map(|(_, number, _)| *number))?;
        // What was verified anew meanwhile stays.
        let mut still = rows::erased_bindings(tx, told_by, NUMBERS_PER_PART_MAX)?;
        still.retain(|one| found.contains(one));
        let ids: Vec<BindingId> = still.iter().map(|(id, ..)| *id).collect();
        rows::drop_bindings(tx, &ids)?;
        for (.., app) in &still {
            participants::count_bindings(tx, *app, -1)?;
        }
        gone.bindings += i64::try_from(still.len()).unwrap_or(0);
        Ok(More::Perhaps)
    }

    /// Forgets what may go of some numbers; those whose summary that changed, which changes no answer.
    fn forget_events(
        &self,
        tx: &mut Tx<'_>,
        run: &mut Run,
        now: Moment,
        horizon: Moment,
    ) -> storage::Result<Vec<Change>> {
        let looked_at = numbers::ids_after(tx, run.after, NUMBERS_PER_LOOK_MAX)?;
        let Some(&last) = looked_at.last().filter(|_| horizon > Moment::ZERO) else {
            run.ended_at = Some(now);
            return Ok(Vec::new());
        };
        let range = (run.after, last);
        let ids = events::numbers_with_past(tx, range, horizon, NUMBERS_PER_PART_MAX)?;
        let all = i64::try_from(ids.len()).is_ok_and(|count| count < NUMBERS_PER_PART_MAX);
        run.after = ids.last().copied().filter(|_| !all).unwrap_or(last);

        let locked = numbers::lock(tx, ids.iter().copied())?;
        let mut said = events::placed(tx, &ids)?;
        let bound = bindings::of_numbers(tx, &ids)?;
        let standings = follow::standings_of(tx, locked.values(), &self.settings.policies)?;
        let mut changed = Vec::new();
        for number in locked.values() {
            let standing = &standings[&number.calling_code];
            let Some(closed_until) = standing.retained_since else { continue };
            // What a live binding's demand rests on stays.
            let verified = bound.get(&number.id).into_iter().flatten();
            let verified = verified.map(|bound| bound.binding.verified_at).min();
            let since = verified.map_or(closed_until, |verified| verified.min(closed_until));
            let (places, said): (Vec<Position>, Vec<Statement>) =
                said.remove(&number.id).unwrap_or_default().into_iter().unzip();
            let gone = retention::forgettable(&said, &standing.policy, since);
            let places: Vec<Position> = gone.iter().map(|place| places[*place]).collect();
            events::forget(tx, &places, closed_until)?;
            run.gone.events += i64::try_from(gone.len()).unwrap_or(0);
            let kept = said.iter().enumerate().filter(|(place, _)| !gone.contains(place));
            let summary = summary::fold(kept.map(|(_, it)| it), &standing.policy)
                .kept_since(number.summary.kept_since);
            if summary != number.summary {
                numbers::write_summary(tx, number.id, &summary)?;
                changed.push(number.id);
            }
        }
        changed.sort_unstable();
        Ok(changed.into_iter().map(Change::Number).collect())
    }
}

/// One run a day.
fn is_over(run: &Run, now: Moment) -> bool {
    let day = |moment: Moment| moment.seconds() / DAY;
    run.ended_at.is_some() && run.began_at != Moment::ZERO && day(run.began_at) >= day(now)
}

/// How far answers reach back: to the beginning of a day.
fn horizon(now: Moment, days: u32) -> Moment {
    let since = before(now, days);
    Moment::from_seconds(since.seconds() / DAY * DAY)
}

fn before(now: Moment, days: u32) -> Moment {
    Moment::from_axis(now.on_axis() - i64::from(days) * i64::from(DAY))
}
