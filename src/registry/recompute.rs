//! What time and policy change without an event: a demand that becomes `detach` when aging is over,
//! and the summaries of a calling code whose policy was changed. The worker calls, again and again,
//! until nothing is left to do.

use super::demand::{self, Consequences};
use super::{Registry, Result, follow, test_numbers};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::NumberId;
use crate::domain::position::Position;
use crate::domain::summary;
use crate::storage::log::Change;
use crate::storage::{self, Tx, bindings, coverage, events, log, numbers};

/// Numbers that one commit derives anew, at most.
const NUMBERS_PER_PART_MAX: i64 = 200;

/// Whether there may be more to do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There may.
    Perhaps,
    /// There isn't, until time passes or something happens.
    No,
}

impl Registry {
    /// Derives some demands anew whose time has come.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn recompute_due(&self) -> Result<More> {
        let now = self.clock.now();
        let due = self
            .errands
            .read(|db| bindings::numbers_to_recompute(db, now, NUMBERS_PER_PART_MAX))
            .map_err(|error| self.failed(error))?;
        if due.is_empty() {
            return Ok(More::No);
        }
        let head = self
            .errands
            .write(|tx| {
                let changed = self.derive_anew(tx, &due)?;
                self.tell_the_log(tx, changed.into_iter().map(Change::Number).collect())
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(More::Perhaps)
    }

    /// Derives some numbers anew of a calling code whose policy was changed.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn recompute_changed(&self) -> Result<More> {
        let waiting =
            self.errands.read(coverage::being_recomputed).map_err(|error| self.failed(error))?;
        let Some((code, after)) = waiting.into_iter().next() else { return Ok(More::No) };
        let head = self
            .errands
            .write(|tx| self.recompute_some(tx, code, after))
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(More::Perhaps)
    }

    fn recompute_some(
        &self,
        tx: &mut Tx<'_>,
        code: CallingCode,
        after: NumberId,
    ) -> storage::Result<Position> {
        let ids = numbers::ids_of_calling_code(tx, code, after, NUMBERS_PER_PART_MAX)?;
        let mut changes: Vec<Change> =
            self.derive_anew(tx, &ids)?.into_iter().map(Change::Number).collect();
        let to = ids.last().copied();
        coverage::recomputed(tx, code, after, to)?;
        if to.is_none() {
            changes.push(Change::CallingCode(code));
        }
        self.tell_the_log(tx, changes)
    }

    /// The log's head after `changes`, which may be none.
    pub(super) fn tell_the_log(
        &self,
        tx: &mut Tx<'_>,
        changes: Vec<Change>,
    ) -> storage::Result<Position> {
        match changes.as_slice() {
            [] => log::head(tx),
            changes => log::append(tx, changes, self.stamp()),
        }
    }

    /// Folds `ids` again and derives what follows; those whose summary changed.
    fn derive_anew(&self, tx: &mut Tx<'_>, ids: &[NumberId]) -> storage::Result<Vec<NumberId>> {
        let locked = numbers::lock(tx, ids.iter().copied())?;
        let now = self.clock.now();
        let said = events::of_numbers(tx, ids)?;
        let mut bound = bindings::of_numbers(tx, ids)?;
        let standings = follow::standings_of(tx, locked.values(), &self.settings.policies)?;
        let mut consequences = Consequences::default();
        let mut changed = Vec::new();
        for number in locked.values() {
            let standing = &standings[&number.calling_code];
            let summary = if test_numbers::is_test(number.calling_code) {
                number.summary
            } else {
                let statements = said.get(&number.id).map_or(&[][..], Vec::as_slice);
                summary::fold(statements, &standing.policy).kept_since(number.summary.kept_since)
            };
            if summary != number.summary {
                numbers::write_summary(tx, number.id, &summary)?;
                changed.push(number.id);
            }
            let facts = demand::facts(&summary, standing, now);
            for one in bound.remove(&number.id).unwrap_or_default() {
                consequences.recompute(one, &facts);
            }
        }
        changed.sort_unstable();
        consequences.write(self, tx)?;
        Ok(changed)
    }
}
