//! A carrier asks, before it gives a number to somebody else: would that open an old account?

use serde::Deserialize;

use super::{Checked, Item, Keyed, Registry, Result, batch, test_numbers};
use crate::domain::clearance::{self, Clearance};
use crate::domain::duty::Duty;
use crate::domain::number::{Element, NumberId, NumberText};
use crate::domain::participant::Carrier;
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::summary::Occupancy;
use crate::storage::{bindings, log, numbers};

/// A number that a carrier wants to give on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reissue {
    /// A digest or a token.
    pub number: NumberText,
}

impl Keyed for Reissue {
    const KEY: &'static str = "number";

    fn is_key(_: &str) -> bool {
        false
    }
}

impl Registry {
    /// Whether each number may be given on, as one state of the database tells it.
    ///
    /// # Errors
    /// `items_out_of_range`, `position_not_reached`, `unavailable`. What is wrong with one item is its
    /// own.
    pub fn clear(
        &self,
        carrier: &Carrier,
        items: &[Item<Reissue>],
        at_least: Option<Position>,
    ) -> Result<Checked<Vec<Result<Clearance>>>> {
        batch::must_fit(items.len(), self.settings.items_max)?;
        let now = self.clock.now();
        let sought: Vec<Result<Sought>> =
            items.iter().map(|item| self.reissue(carrier, item)).collect();
        let elements: Vec<Element> = sought
            .iter()
            .filter_map(|one| match one {
                Ok(Sought::Number(element)) => Some(*element),
                Ok(Sought::Test(_)) | Err(_) => None,
            })
            .collect();

        let (position, ids, numbers, bound) = self
            .storage
            .read(|db| {
                self.ring_in(db)?;
                let head = log::head(db)?;
                let ids = numbers::find(db, &elements)?;
                let all: Vec<NumberId> = ids.values().copied().collect();
                Ok((head, ids, numbers::load(db, &all)?, bindings::of_numbers(db, &all)?))
            })
            .map_err(|error| self.failed(error))?;
        if at_least.is_some_and(|wanted| position < wanted) {
            let detail = "This node has not seen that position yet.";
            return Err(Rejection::new(Code::PositionNotReached, detail).at("/at_least"));
        }

        let answer = |one: Result<Sought>| {
            let element = match one? {
                Sought::Test(clearance) => return Ok(clearance),
                Sought::Number(element) => element,
            };
            let Some(number) = ids.get(&element).and_then(|id| numbers.get(id)) else {
                return Ok(Clearance::NotVacant);
            };
            let duties: Vec<Duty> = bound
                .get(&number.id)
                .into_iter()
                .flatten()
                .map(|bound| bound.binding.duty)
                .collect();
            Ok(clearance::clearance(&number.summary, &duties, now))
        };
        Ok(Checked { position, answers: sought.into_iter().map(answer).collect() })
    }

    fn reissue(&self, carrier: &Carrier, item: &Item<Reissue>) -> Result<Sought> {
        let number = &item.value.as_ref().map_err(Clone::clone)?.number;
        let at_number = |refused: Rejection| refused.at("/number");
        let ring = self.keys.ring();
        let element = self.elements(number).map_err(at_number)?.in_force;
        if test_numbers::is_test(number.calling_code()) {
            let generation = ring.element_generation();
            let summary =
                self.test_numbers.summary(&ring, generation, &element).map_err(at_number)?;
            let vacant = summary.occupancy == Occupancy::Vacant;
            return Ok(Sought::Test(if vacant { Clearance::Clear } else { Clearance::NotVacant }));
        }
        carrier.must_speak_of(number.calling_code()).map_err(at_number)?;
        Ok(Sought::Number(element))
    }
}

enum Sought {
    Number(Element),
    Test(Clearance),
}
