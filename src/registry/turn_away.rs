//! What took effect before the horizon is turned away before any number is made for it: a carrier that
//! sends its whole history must not fill the registry with numbers of which nothing is known.

use super::publish::Examined;
use super::{Outcome, Registry, Result};
use crate::domain::event::{Note, SealedId};
use crate::domain::participant::Carrier;
use crate::storage::events;

impl Registry {
    /// Turns away what lies before the horizon as this node knows it and was never sent before. Which is
    /// where the transaction that publishes the rest decides again: the horizon only moves forward.
    pub(super) fn turn_away(
        &self,
        carrier: &Carrier,
        examined: &mut Vec<(usize, Examined)>,
        outcomes: &mut [(Option<String>, Outcome<Vec<Note>>)],
    ) -> Result<()> {
        let is_early = |report: &Examined| {
            let contents = self.index.contents();
            let standing = contents.standing(report.calling_code);
            let book = standing.map(|standing| standing.book())?;
            book.begins_too_early(&report.says).then(|| book.too_old(&report.says))
        };
        let early: Vec<_> = examined.iter().map(|(_, report)| is_early(report)).collect();
        if early.iter().all(Option::is_none) {
            return Ok(());
        }
        let known = self
            .storage
            .read(|db| events::known(db, carrier.id(), &ids_in(examined)))
            .map_err(|error| self.failed(error))?;
        let mut early = early.into_iter();
        examined.retain(|(place, report)| {
            let refused = early.next().flatten().filter(|_| !known.contains_key(&report.id));
            let stays = refused.is_none();
            if let Some(refused) = refused {
                outcomes[*place].1 = Outcome::Rejected(refused);
            }
            stays
        });
        Ok(())
    }
}

/// The ids that these reports have, and those that they undo.
pub(super) fn ids_in(reports: &[(usize, Examined)]) -> Vec<SealedId> {
    let ids = |(_, one): &(usize, Examined)| [Some(one.id.clone()), one.says.undoes().cloned()];
    reports.iter().flat_map(ids).flatten().collect()
}
