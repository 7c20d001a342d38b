//! An app binds its accounts to numbers: new ones, other numbers, later dates. The rules are in
//! `domain::binding`; here they meet what is stored, under the locks.

use std::collections::HashMap;

use serde::Deserialize;

use super::demand::{self, Consequences};
use super::spend::Room;
use super::{Batch, Item, Keyed, Outcome, Registry, Result, batch, follow, test_numbers};
use crate::domain::account_ref::{self, AccountRef};
use crate::domain::binding::{self, Binding, Change, Holder, Moved, Placed, Proof, Stored};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::duty::{self, Duty};
use crate::domain::event::SealedId;
use crate::domain::number::{Element, Guard, NumberId, NumberText};
use crate::domain::participant::App;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::seal::Handle;
use crate::domain::summary::Summary;
use crate::domain::time::{Moment, Span};
use crate::domain::unsaid::unsaid;
use crate::keys::Sealed;
use crate::storage::bindings::{self, BindingId, Bound, Writer};
use crate::storage::numbers::{self, NewNumber, Number};
use crate::storage::{self, Tx};

/// A binding as an app puts it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// Which account.
    pub account_ref: AccountRef,
    /// Which number, in any of the three forms.
    pub number: NumberText,
    /// Since when the app knows its holder, by something else than a code.
    pub verified_at: Moment,
    /// How it knows, where that matters.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// A person's account or an organisation's; as before where nothing is said.
    #[serde(default)]
    pub holder: Option<Holder>,
}

impl Keyed for Put {
    const KEY: &'static str = "account_ref";

    fn is_key(key: &str) -> bool {
        key.parse::<AccountRef>().is_ok()
    }
}

/// A binding as it stands after it was put.
#[derive(Clone)]
pub struct Placement {
    /// What changed, if anything.
    pub change: Option<Change>,
    /// To be kept beside the phone number.
    pub handle: String,
    /// The date and the duty.
    pub binding: Binding,
}

/// A put that can be looked up.
struct Examined {
    account_ref: SealedId,
    target: Target,
    calling_code: CallingCode,
    put: binding::Put,
    readings: Vec<Element>,
}

enum Target {
    Element(Element, Summary),
    Handle(NumberId, Guard),
}

impl Target {
    fn element(&self) -> Option<&Element> {
        match self {
            Target::Element(element, _) => Some(element),
            Target::Handle(..) => None,
        }
    }
}

impl Registry {
    /// Puts a batch of bindings.
    ///
    /// # Errors
    /// `items_out_of_range`, `unavailable`, `outcome_unknown`. What is wrong with one item is its own.
    pub fn bind(&self, app: &App, items: Vec<Item<Put>>) -> Result<Batch<Placement>> {
        batch::must_fit(items.len(), self.settings.items_max)?;
        let mut examined = Vec::new();
        let mut outcomes = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            match item.value.and_then(|put| self.examine_put(app, put)) {
                Ok(put) => {
                    examined.push((place, put));
                    outcomes.push((item.key, Outcome::Duplicate(None)));
                }
                Err(rejection) => outcomes.push((item.key, Outcome::Rejected(rejection))),
            }
        }
        if !examined.is_empty() {
            let placed = self
                .storage
                .write(|tx| Session::open(self, tx, app, &examined)?.place(self, tx, &examined))
                .map_err(|error| self.failed(error))?;
            self.stored();
            for (place, outcome) in placed {
                outcomes[place].1 = outcome;
            }
        }
        // A name that turned out to be the number itself isn't sent back.
        for (key, outcome) in &mut outcomes {
            if matches!(outcome, Outcome::Rejected(why) if why.code == Code::AccountRefPersonal) {
                *key = None;
            }
        }
        Ok(Batch { items: outcomes })
    }

    fn examine_put(&self, app: &App, put: Put) -> Result<Examined> {
        let calling_code = put.number.calling_code();
        Span::from(put.verified_at)
            .check(self.clock.now(), self.settings.clock_skew_seconds_max)
            .map_err(|refused| refused.at("/verified_at"))?;
        let target = self.target(app, &put.number).map_err(|refused| refused.at("/number"))?;
        let ring = self.keys.ring();
        let readings = (put.account_ref.readings_as_number(calling_code).iter())
            .filter(|_| ring.evaluator().is_none())
            .map(|number| ring.element_of(number, ring.element_generation()))
            .collect::<Result<Vec<Element>>>()?;
        if matches!(&target, Target::Element(element, _) if readings.contains(element)) {
            return Err(is_the_number());
        }
        let app = app.name().as_str();
        Ok(Examined {
            account_ref: ring.seal(Sealed::AccountRef, app, put.account_ref.as_str().as_bytes()),
            target,
            calling_code,
            put: binding::Put {
                verified_at: put.verified_at,
                holder: put.holder,
                proof: put.proof,
            },
            readings,
        })
    }

    fn target(&self, app: &App, number: &NumberText) -> Result<Target> {
        if matches!(number, NumberText::Handle { .. }) {
            let handle = self.keys.ring().open_handle(app.name().as_str(), number)?;
            return Ok(Target::Handle(handle.number_id, handle.guard));
        }
        let ring = self.keys.ring();
        let element = self.elements(number)?.in_force;
        let summary = if test_numbers::is_test(number.calling_code()) {
            self.test_numbers.summary(&ring, ring.element_generation(), &element)?
        } else {
            Summary::default()
        };
        Ok(Target::Element(element, summary))
    }

    /// The handle of a binding.
    pub(super) fn handle_of(&self, app: &App, number: &Number, verified_at: Moment) -> String {
        let handle = Handle {
            number_id: number.id,
            guard: number.guard,
            verified_at: verified_at.unix_seconds(),
        };
        self.keys.ring().seal_handle(app.name().as_str(), number.calling_code, &handle)
    }

    /// What follows a commit that is no entry of the log: new numbers are pulled, the worker wakes.
    pub(super) fn stored(&self) {
        if let Err(error) = self.catch_up() {
            ::log::warn!("the index does not follow: {}", error.code.text());
        }
        self.bell.notify_waiters();
    }
}

/// A batch of one app inside its transaction: its row and the numbers are locked.
struct Session<'a> {
    app: &'a App,
    ids: HashMap<Element, NumberId>,
    numbers: HashMap<NumberId, Number>,
    standings: HashMap<CallingCode, Standing>,
    stored: HashMap<SealedId, Bound>,
    counts: HashMap<NumberId, i64>,
    room: Room,
    fresh: Vec<Bound>,
    consequences: Consequences,
}

impl<'a> Session<'a> {
    fn open(
        registry: &Registry,
        tx: &mut Tx<'_>,
        app: &'a App,
        examined: &[(usize, Examined)],
    ) -> storage::Result<Session<'a>> {
        registry.hold_keys(tx)?;
        let room = Room::open(registry, tx, app)?;
        let refs: Vec<SealedId> = examined.iter().map(|(_, one)| one.account_ref.clone()).collect();
        let stored = bindings::by_refs(tx, app.id(), &refs)?;

        let mut wanted = Vec::new();
        let mut ids: Vec<NumberId> = stored.values().map(|bound| bound.number).collect();
        for (_, one) in examined {
            match &one.target {
                Target::Handle(id, _) => ids.push(*id),
                Target::Element(element, summary) => wanted.push(NewNumber {
                    element: *element,
                    calling_code: one.calling_code,
                    guard: registry.entropy.guard(),
                    summary: *summary,
                }),
            }
        }
        let mut by_element = numbers::find_or_make(tx, &wanted)?;
        ids.extend(by_element.values());
        let numbers = numbers::lock(tx, ids)?;
        // Again: until the numbers were locked, a carrier's event may have moved the duties.
        let stored = bindings::by_refs(tx, app.id(), &refs)?;
        let readings: Vec<Element> =
            examined.iter().flat_map(|(_, one)| one.readings.iter().cloned()).collect();
        by_element.extend(numbers::find(tx, &readings)?);
        let locked: Vec<NumberId> = numbers.keys().copied().collect();
        let counts = bindings::count_of_app(tx, app.id(), &locked)?;
        let standings = follow::standings_of(tx, numbers.values(), &registry.settings.policies)?;
        Ok(Session {
            app,
            ids: by_element,
            numbers,
            standings,
            stored,
            counts,
            room,
            fresh: Vec::new(),
            consequences: Consequences::default(),
        })
    }

    fn place(
        mut self,
        registry: &Registry,
        tx: &mut Tx<'_>,
        examined: &[(usize, Examined)],
    ) -> storage::Result<Vec<(usize, Outcome<Placement>)>> {
        let mut outcomes = Vec::with_capacity(examined.len());
        for (place, one) in examined {
            if self.fresh.iter().any(|bound| bound.account_ref == one.account_ref) {
                self.insert_fresh(registry, tx)?;
            }
            let outcome = self.place_one(registry, one).unwrap_or_else(Outcome::Rejected);
            outcomes.push((*place, outcome));
        }
        self.insert_fresh(registry, tx)?;
        self.room.write(tx, self.app)?;
        self.consequences.write(registry, tx)?;
        Ok(outcomes)
    }

    fn place_one(&mut self, registry: &Registry, one: &Examined) -> Result<Outcome<Placement>> {
        let now = registry.clock.now();
        let number = self.number(one)?.clone();
        let stored = self.stored.get(&one.account_ref).cloned();
        self.must_have_room(registry, &number, stored.as_ref())?;

        let before = match &stored {
            None => Stored::Nothing,
            Some(bound) if bound.removed_at.is_some() => Stored::Removed(bound.binding.duty),
            Some(bound) if bound.number == number.id => Stored::SameNumber(bound.binding),
            Some(bound) => Stored::OtherNumber(bound.binding),
        };
        let standing = demand::standing_of(&number, &self.standings, now);
        let facts = demand::facts(&number.summary, &standing, now);
        let placed = binding::put(before, one.put, &facts).map_err(at_its_member)?;
        let (change, Moved { binding, message }) = match (placed, &stored) {
            (Placed::Accepted(change, moved), _) => (change, moved),
            (Placed::Duplicate, Some(bound)) => {
                let placement = self.placement(registry, None, &number, bound.binding);
                return Ok(Outcome::Duplicate(Some(placement)));
            }
            (Placed::Duplicate, None) => return Err(super::internal("a duplicate of nothing")),
        };
        if change != Change::Refreshed {
            let left = stored.as_ref().filter(|bound| bound.removed_at.is_none());
            let left = left.and_then(|bound| self.numbers.get(&bound.number));
            let from = left.map(|number| number.calling_code);
            self.room.take(one.target.element(), number.calling_code, from)?;
            if let Some(left) = left {
                *self.counts.entry(left.id).or_default() -= 1;
            }
            *self.counts.entry(number.id).or_default() += 1;
        }
        let refreshed = stored.as_ref().filter(|_| change == Change::Refreshed);
        let bound_at = refreshed.map_or(now, |bound| bound.bound_at);
        let bound = Bound {
            id: stored.as_ref().map_or(BindingId(0), |bound| bound.id),
            app: self.app.id(),
            account_ref: one.account_ref.clone(),
            number: number.id,
            bound_at,
            binding,
            recompute_at: duty::recompute_at(&facts, binding.verified_at.into()),
            removed_at: None,
        };
        if stored.is_none() {
            self.fresh.push(bound.clone());
        } else {
            self.consequences.change(bound.clone(), message, Writer::Registry, now);
        }
        self.stored.insert(one.account_ref.clone(), bound);
        Ok(Outcome::Accepted(self.placement(registry, Some(change), &number, binding)))
    }

    fn number(&self, one: &Examined) -> Result<&Number> {
        let known = match &one.target {
            Target::Handle(id, guard) => {
                self.numbers.get(id).filter(|number| number.guard == *guard)
            }
            Target::Element(element, _) => {
                self.ids.get(element).and_then(|id| self.numbers.get(id))
            }
        };
        let number = known.ok_or_else(|| {
            Rejection::new(Code::HandleUnknown, "The handle is ours, but its number is not here.")
                .at("/number")
        })?;
        if one.readings.iter().any(|reading| self.ids.get(reading) == Some(&number.id)) {
            return Err(is_the_number());
        }
        Ok(number)
    }

    /// One more binding on the number, unless this account is on it already.
    fn must_have_room(
        &self,
        registry: &Registry,
        number: &Number,
        stored: Option<&Bound>,
    ) -> Result<()> {
        let there = |bound: &Bound| bound.removed_at.is_none() && bound.number == number.id;
        if stored.is_some_and(there) {
            return Ok(());
        }
        let count = self.counts.get(&number.id).copied().unwrap_or_default();
        let max = registry.settings.bindings_per_app_and_number_max;
        if usize::try_from(count).unwrap_or(0) >= max {
            let detail = format!("One number takes {max} accounts of one app.");
            return Err(Rejection::new(Code::BindingsTooMany, detail).at("/number"));
        }
        Ok(())
    }

    /// Writes the new bindings, and what is demanded of them from the first.
    fn insert_fresh(&mut self, registry: &Registry, tx: &mut Tx<'_>) -> storage::Result<()> {
        let now = registry.clock.now();
        let mut fresh = std::mem::take(&mut self.fresh);
        let ids = bindings::insert(tx, &fresh)?;
        for (bound, id) in fresh.iter_mut().zip(ids) {
            bound.id = id;
            if bound.binding.duty != Duty::default() {
                self.consequences.remember(bound, Writer::Registry, now);
                self.consequences.tell(bound, bound.binding.duty.demand.message());
            }
            self.stored.insert(bound.account_ref.clone(), bound.clone());
        }
        Ok(())
    }

    fn placement(
        &self,
        registry: &Registry,
        change: Option<Change>,
        number: &Number,
        binding: Binding,
    ) -> Placement {
        let handle = registry.handle_of(self.app, number, binding.verified_at);
        Placement { change, handle, binding }
    }
}

fn at_its_member(refused: Rejection) -> Rejection {
    let member = if refused.code == Code::ProofMissing { "/proof" } else { "/verified_at" };
    refused.at(member)
}

fn is_the_number() -> Rejection {
    account_ref::personal("It is the number that is being bound.").at("/account_ref")
}

unsaid! { Placement }
