//! An app says what it did with an account: frozen, detached, released, or verified its owner. And it
//! takes accounts away, which counts as letting go where that was demanded.

use std::collections::HashMap;

use serde::Deserialize;

use super::demand::{self, Consequences};
use super::{Batch, Item, Keyed, Outcome, Registry, Result, batch, follow, spend};
use crate::domain::account_ref::AccountRef;
use crate::domain::binding::{Acknowledged, Binding, Did, Move, Moved, Proof};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::duty;
use crate::domain::event::SealedId;
use crate::domain::number::NumberId;
use crate::domain::participant::App;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::{Moment, Span};
use crate::domain::unsaid::unsaid;
use crate::keys::Sealed;
use crate::storage::bindings::{self, Bound, Writer};
use crate::storage::numbers::{self, Number};
use crate::storage::{self, Tx, participants};

/// What an app says it did.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// With which account.
    pub account_ref: AccountRef,
    /// What.
    pub did: Did,
    /// The revision that it acted on: refused when the registry has gone on since.
    #[serde(default)]
    pub revision: Option<u32>,
    /// Beside `verified`: when.
    #[serde(default)]
    pub verified_at: Option<Moment>,
    /// Beside `verified`: how, other than by the number.
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// An account to be taken away.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// Which.
    pub account_ref: AccountRef,
}

impl Keyed for Acknowledgement {
    const KEY: &'static str = "account_ref";

    fn is_key(key: &str) -> bool {
        key.parse::<AccountRef>().is_ok()
    }
}

impl Keyed for Removal {
    const KEY: &'static str = "account_ref";

    fn is_key(key: &str) -> bool {
        key.parse::<AccountRef>().is_ok()
    }
}

/// A binding as it stands after an acknowledgement.
#[derive(Clone)]
pub struct Answered {
    /// The date and the duty.
    pub binding: Binding,
    /// A new handle, where the date moved.
    pub handle: Option<String>,
}

impl Registry {
    /// Takes a batch of acknowledgements.
    ///
    /// # Errors
    /// `items_out_of_range`, `unavailable`, `outcome_unknown`. What is wrong with one item is its own.
    pub fn acknowledge(
        &self,
        app: &App,
        items: Vec<Item<Acknowledgement>>,
    ) -> Result<Batch<Answered>> {
        self.answer(app, items, |session, registry, item| {
            let now = registry.clock.now();
            if let Some(at) = item.verified_at {
                Span::from(at)
                    .check(now, registry.settings.clock_skew_seconds_max)
                    .map_err(|refused| refused.at("/verified_at"))?;
            }
            let misplaced = item.verified_at.is_none() && item.proof.is_some();
            let member =
                if misplaced && item.did != Did::Verified { "/proof" } else { "/verified_at" };
            let did = Move::from_parts(item.did, item.verified_at, item.proof)
                .map_err(|refused| refused.at(member))?;
            session.acknowledge(registry, &item.account_ref, did, item.revision)
        })
    }

    /// Takes accounts away.
    ///
    /// # Errors
    /// As [`Registry::acknowledge`].
    pub fn remove(&self, app: &App, items: Vec<Item<Removal>>) -> Result<Batch<Answered>> {
        self.answer(app, items, |session, registry, item| {
            Ok(session.remove(registry, &item.account_ref))
        })
    }

    fn answer<T: Refers>(
        &self,
        app: &App,
        items: Vec<Item<T>>,
        each: impl Fn(&mut Session<'_>, &Registry, &T) -> Result<Outcome<Answered>>,
    ) -> Result<Batch<Answered>> {
        batch::must_fit(items.len(), self.settings.items_max)?;
        let refs: Vec<SealedId> = items
            .iter()
            .filter_map(|item| item.value.as_ref().ok())
            .map(|item| self.sealed_ref(app, item.account_ref()))
            .collect();
        let outcomes = self.storage.write(|tx| {
            let mut session = Session::open(self, tx, app, &refs)?;
            let outcomes = items.iter().map(|item| {
                let answered = match &item.value {
                    Ok(value) => each(&mut session, self, value),
                    Err(rejection) => Err(rejection.clone()),
                };
                (item.key.clone(), answered.unwrap_or_else(Outcome::Rejected))
            });
            let outcomes = outcomes.collect();
            participants::count_bindings(tx, app.id(), -session.gone)?;
            session.consequences.write(self, tx)?;
            Ok(outcomes)
        });
        let items = outcomes.map_err(|error| self.failed(error))?;
        self.bell.notify_waiters();
        Ok(Batch { items })
    }

    pub(super) fn sealed_ref(&self, app: &App, account: &AccountRef) -> SealedId {
        let plain = account.as_str().as_bytes();
        self.keys.ring().seal(Sealed::AccountRef, app.name().as_str(), plain)
    }
}

/// What names an account.
trait Refers {
    fn account_ref(&self) -> &AccountRef;
}

impl Refers for Acknowledgement {
    fn account_ref(&self) -> &AccountRef {
        &self.account_ref
    }
}

impl Refers for Removal {
    fn account_ref(&self) -> &AccountRef {
        &self.account_ref
    }
}

/// A batch of one app inside its transaction: its row and the numbers are locked.
struct Session<'a> {
    app: &'a App,
    numbers: HashMap<NumberId, Number>,
    standings: HashMap<CallingCode, Standing>,
    stored: HashMap<SealedId, Bound>,
    /// Live bindings that were removed, of those that count.
    gone: i64,
    consequences: Consequences,
}

impl<'a> Session<'a> {
    fn open(
        registry: &Registry,
        tx: &mut Tx<'_>,
        app: &'a App,
        refs: &[SealedId],
    ) -> storage::Result<Session<'a>> {
        registry.hold_keys(tx)?;
        participants::lock(tx, app.id())?;
        let mut stored = bindings::by_refs(tx, app.id(), refs)?;
        stored.retain(|_, bound| bound.removed_at.is_none());
        let numbers = numbers::lock(tx, stored.values().map(|bound| bound.number))?;
        // Again, now that nobody else can move them.
        let mut stored = bindings::by_refs(tx, app.id(), refs)?;
        stored.retain(|_, bound| bound.removed_at.is_none());
        let standings = follow::standings_of(tx, numbers.values(), &registry.settings.policies)?;
        let consequences = Consequences::default();
        Ok(Session { app, numbers, standings, stored, gone: 0, consequences })
    }

    fn acknowledge(
        &mut self,
        registry: &Registry,
        account: &AccountRef,
        did: Move,
        guard: Option<u32>,
    ) -> Result<Outcome<Answered>> {
        let now = registry.clock.now();
        let sealed = registry.sealed_ref(self.app, account);
        let bound = self.stored.get(&sealed).ok_or_else(not_found)?.clone();
        let number = &self.numbers[&bound.number];
        let standing = demand::standing_of(number, &self.standings, now);
        let facts = demand::facts(&number.summary, &standing, now);
        let acknowledged = bound.binding.acknowledge(did, guard, &facts).map_err(at_its_member)?;
        // A client that lost the first answer finds the handle in the second.
        let verified = matches!(did, Move::Verified { .. });
        let handle_of = |binding: &Binding| {
            verified.then(|| registry.handle_of(self.app, number, binding.verified_at))
        };
        let Acknowledged::Accepted(Moved { binding, message }) = acknowledged else {
            let (binding, handle) = (bound.binding, handle_of(&bound.binding));
            return Ok(Outcome::Duplicate(Some(Answered { binding, handle })));
        };
        let handle = handle_of(&binding);
        let recompute_at = duty::recompute_at(&facts, binding.verified_at.into());
        let bound = Bound { binding, recompute_at, ..bound };
        self.stored.insert(sealed, bound.clone());
        self.consequences.change(bound, message, Writer::App, now);
        Ok(Outcome::Accepted(Answered { binding, handle }))
    }

    fn remove(&mut self, registry: &Registry, account: &AccountRef) -> Outcome<Answered> {
        let now = registry.clock.now();
        let Some(bound) = self.stored.remove(&registry.sealed_ref(self.app, account)) else {
            return Outcome::Duplicate(None);
        };
        self.gone += spend::counted(self.numbers[&bound.number].calling_code);
        let binding = Binding { duty: bound.binding.duty.removed(), ..bound.binding };
        let bound = Bound { binding, recompute_at: None, removed_at: Some(now), ..bound };
        self.consequences.change(bound, None, Writer::App, now);
        Outcome::Accepted(Answered { binding, handle: None })
    }
}

fn not_found() -> Rejection {
    Rejection::new(Code::NotFound, "No account of yours is bound under this account_ref.")
        .at("/account_ref")
}

fn at_its_member(refused: Rejection) -> Rejection {
    let member = if refused.code == Code::ProofMissing {
        "/proof"
    } else if refused.code == Code::RevisionOld {
        "/revision"
    } else if refused.code == Code::StillChanged {
        "/verified_at"
    } else {
        "/did"
    };
    refused.at(member)
}

unsaid! { Answered }
