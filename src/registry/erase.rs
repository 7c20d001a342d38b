//! Somebody who has shown that a number is theirs asks that what is kept about it be erased.
//!
//! All that was said of the number goes at once, and what was done about it. Its row stays, with a date:
//! whoever verified before then is never told that nothing changed, for nobody knows any more. So the
//! demands of live accounts become `step_up` and are never released. When their apps were told, the
//! accounts go too (`forget.rs`).

use super::demand::{self, Consequences};
use super::{Registry, Result, follow, test_numbers};
use crate::domain::event::Statement;
use crate::domain::number::{NumberId, NumberText};
use crate::domain::participant::Admin;
use crate::domain::policy::Policy;
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::summary::Summary;
use crate::domain::time::Moment;
use crate::storage::log::{self, Change};
use crate::storage::{self, Error, Tx, bindings, events, numbers, retention};

impl Registry {
    /// Erases what is kept about a number; the log's head after it. The same whether or not anything was.
    ///
    /// # Errors
    /// `value_not_allowed` for a test number, `handle_invalid` for a handle; those of a number's text;
    /// `unavailable`, `outcome_unknown`.
    pub fn erase(&self, _: &Admin, number: &NumberText) -> Result<Position> {
        if test_numbers::is_test(number.calling_code()) {
            let detail = "A test number is nobody's: nothing of it is erased.";
            return Err(Rejection::new(Code::ValueNotAllowed, detail).at("/number"));
        }
        let elements = self.elements(number).map_err(|refused| refused.at("/number"))?;
        let head = self
            .storage
            .write(|tx| {
                self.hold_keys(tx)?;
                match numbers::find(tx, &[elements.in_force])?.get(&elements.in_force) {
                    Some(id) => self.erase_number(tx, *id),
                    None => log::head(tx),
                }
            })
            .map_err(|error| self.failed(error))?;
        self.committed(head);
        Ok(head)
    }

    fn erase_number(&self, tx: &mut Tx<'_>, id: NumberId) -> storage::Result<Position> {
        let number =
            numbers::lock(tx, [id])?.remove(&id).ok_or(Error::Inconsistent("no number"))?;
        let standings = follow::standings_of(tx, [&number], &self.settings.policies)?;
        let standing = &standings[&number.calling_code];
        let now = self.clock.now();
        // What made earlier dates doubtful goes, aging included; that they are in doubt stays.
        let kept_since = number.summary.clear_from.max(now);
        let (places, said): (Vec<Position>, Vec<Statement>) =
            events::placed(tx, &[id])?.remove(&id).unwrap_or_default().into_iter().unzip();
        events::forget(tx, &places, after(&said, &standing.policy).max(kept_since))?;
        let summary = Summary::default().kept_since(Some(kept_since));
        numbers::write_summary(tx, id, &summary)?;

        let facts = demand::facts(&summary, standing, now);
        let mut consequences = Consequences::default();
        for bound in bindings::of_numbers(tx, &[id])?.remove(&id).unwrap_or_default() {
            consequences.recompute(bound, &facts);
        }
        consequences.write(self, tx)?;
        retention::drop_traces(tx, id)?;
        self.tell_the_log(tx, vec![Change::Number(id)])
    }
}

/// A moment after all of it, so that whatever is sent again is known as sent before.
fn after(said: &[Statement], policy: &Policy) -> Moment {
    let ends = said.iter().filter_map(|it| it.says.stated()).map(|at| policy.span(at).hi + 1);
    ends.max().map_or(Moment::ZERO, Moment::from_axis)
}
