//! Who names numbers by digest or token spends its organisation's budget. A check by handle never comes
//! here.
//!
//! Each node counts in memory. What was counted is kept in the database once a minute, and read from there
//! at the start; so a kill gives back a minute at most.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::{Registry, Result, test_numbers};
use crate::domain::budget::{Allowance, Ledger, Naming, Purse, Terms};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::Element;
use crate::domain::participant::{App, Participant};
use crate::domain::rejection::{Code, Rejection};
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::index::Contents;
use crate::keys::Ring;
use crate::storage::budgets::{self, Spent};
use crate::storage::{self, Tx, participants};

/// How often it is kept what was spent.
const KEEP_EVERY_MS: i64 = 60_000;

/// What budgets follow from.
#[derive(Clone, Copy, Debug)]
pub struct BudgetSettings {
    /// Numbers in a day, in per cent of the accounts declared.
    pub day_percent: u32,
    /// Numbers, and evaluations, in 90 days, in per cent of the accounts declared.
    pub quarter_percent: u32,
    /// The accounts of an organisation that declared none.
    pub accounts_undeclared: u64,
}

/// What every organisation has spent, as far as this node knows.
#[derive(Default)]
pub(super) struct Budgets {
    books: RwLock<HashMap<String, Arc<Mutex<Book>>>>,
    kept_at_ms: AtomicI64,
}

/// What one organisation has spent.
#[derive(Default)]
struct Book {
    ledger: Ledger,
    /// What its numbers are hashed with, and of which server key that is.
    key: Option<(u32, Secret)>,
}

impl Budgets {
    fn book(&self, organisation: &str) -> Arc<Mutex<Book>> {
        let books = self.books.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = books.get(organisation) {
            return Arc::clone(book);
        }
        drop(books);
        let mut books = self.books.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(books.entry(organisation.to_owned()).or_default())
    }

    fn all(&self) -> Vec<(String, Arc<Mutex<Book>>)> {
        let books = self.books.read().unwrap_or_else(PoisonError::into_inner);
        books.iter().map(|(name, book)| (name.clone(), Arc::clone(book))).collect()
    }
}

fn open(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn hash(&mut self, ring: &Ring, organisation: &str, element: &Element) -> u64 {
        let generation = ring.sealing_generation();
        if self.key.as_ref().is_none_or(|(known, _)| *known != generation) {
            self.key = Some((generation, ring.budget_key(organisation)));
        }
        let mac = self.key.as_ref().map_or([0; 32], |(_, key)| key.mac(&[element.as_bytes()]));
        mac.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

impl Registry {
    /// Names a number in a check.
    ///
    /// # Errors
    /// `budget_exhausted`.
    pub(super) fn spend_check(
        &self,
        app: &App,
        code: CallingCode,
        element: &Element,
        terms: &Terms,
    ) -> Result<()> {
        if test_numbers::is_test(code) {
            return Ok(());
        }
        let organisation = &app.participant().organisation;
        let book = self.budgets.book(organisation);
        let mut book = open(&book);
        let hash = book.hash(&self.keys.ring(), organisation, element);
        let spent = book.ledger.spend(Naming::Check, hash, terms, self.clock.now());
        spent.map(drop).map_err(|purse| exhausted(purse, terms).at("/number"))
    }

    /// Counts evaluations of a participant: all or none.
    ///
    /// # Errors
    /// `budget_exhausted`.
    pub fn spend_evaluations(
        &self,
        participant: &Participant,
        code: CallingCode,
        count: usize,
    ) -> Result<()> {
        if test_numbers::is_test(code) {
            return Ok(());
        }
        let terms = self.terms(&self.index.contents(), participant);
        // What was blinded can't be told apart: each counts.
        let hashes: Vec<u64> =
            (0..count).map(|_| u64::from_be_bytes(self.entropy.bytes())).collect();
        let book = self.budgets.book(&participant.organisation);
        let spent = open(&book).ledger.evaluate(&hashes, &terms, self.clock.now());
        spent.map_err(|purse| exhausted(purse, &terms))
    }

    /// What is left of the purses that a participant's organisation has spent from.
    pub fn allowances(&self, participant: &Participant) -> Vec<Allowance> {
        let terms = self.terms(&self.index.contents(), participant);
        let now = self.clock.now();
        let book = self.budgets.book(&participant.organisation);
        let mut book = open(&book);
        let all = Purse::ALL.iter().map(|purse| book.ledger.allowance(*purse, &terms, now));
        all.filter(|one| one.left < one.limit).collect()
    }

    /// What a participant's organisation may spend.
    pub(super) fn terms(&self, contents: &Contents, participant: &Participant) -> Terms {
        let settings = &self.settings.budgets;
        let declared = contents.accounts_declared(&participant.organisation);
        Terms {
            accounts: declared.unwrap_or(settings.accounts_undeclared),
            day_percent: settings.day_percent,
            quarter_percent: settings.quarter_percent,
        }
    }

    /// Reads what was kept of what organisations have spent.
    pub(super) fn load_budgets(&self) -> Result<()> {
        let kept = self.storage.read(|db| budgets::since(db, 0));
        self.learn(kept.map_err(|error| self.failed(error))?);
        Ok(())
    }

    /// Keeps what was spent, if that wasn't done within the last minute.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn keep_budgets_now_and_then(&self) -> Result<()> {
        let now = self.clock.now_ms();
        if now - self.budgets.kept_at_ms.load(Ordering::SeqCst) < KEEP_EVERY_MS {
            return Ok(());
        }
        self.keep_budgets()
    }

    /// Keeps what was spent.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn keep_budgets(&self) -> Result<()> {
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        self.budgets.kept_at_ms.store(now_ms, Ordering::SeqCst);
        let mut all = Vec::new();
        for (organisation, book) in self.budgets.all() {
            let kept = open(&book).ledger.to_keep();
            all.extend(
                kept.into_iter().map(|kept| Spent { organisation: organisation.clone(), kept }),
            );
        }
        if all.is_empty() {
            return Ok(());
        }
        let written = self.errands.write(|tx| {
            for purse in Purse::ALL {
                budgets::forget(tx, *purse, purse.oldest(now))?;
            }
            budgets::keep(tx, &all, now_ms)
        });
        written.map_err(|error| {
            for Spent { organisation, kept } in &all {
                open(&self.budgets.book(organisation)).ledger.was_not_kept(kept);
            }
            self.failed(error)
        })
    }

    fn learn(&self, all: Vec<Spent>) {
        let now = self.clock.now();
        for Spent { organisation, kept } in all {
            open(&self.budgets.book(&organisation)).ledger.learn(&kept, now);
        }
    }
}

/// What an app may still bind, while its batch is written: its organisation is locked.
pub(super) struct Room {
    book: Arc<Mutex<Book>>,
    ring: Arc<Ring>,
    terms: Terms,
    now: Moment,
    organisation: String,
    live: i64,
    came: i64,
}

impl Room {
    /// Locks the organisation's apps.
    pub(super) fn open(registry: &Registry, tx: &mut Tx<'_>, app: &App) -> storage::Result<Room> {
        let organisation = app.participant().organisation.clone();
        let live = participants::lock_apps_of(tx, &organisation)?;
        Ok(Room {
            book: registry.budgets.book(&organisation),
            ring: registry.keys.ring(),
            terms: registry.terms(&registry.index.contents(), app.participant()),
            now: registry.clock.now(),
            organisation,
            live,
            came: 0,
        })
    }

    /// Takes in an account that comes to a number: one of the calling code `to`, which the app has named
    /// by `element` unless it was by a handle, and perhaps from another.
    ///
    /// # Errors
    /// `budget_exhausted`.
    pub(super) fn take(
        &mut self,
        element: Option<&Element>,
        to: CallingCode,
        from: Option<CallingCode>,
    ) -> Result<()> {
        let more = counted(to) - from.map_or(0, counted);
        let max = self.terms.live_bindings();
        if more > 0 && u64::try_from(self.live + self.came).is_ok_and(|live| live >= max) {
            let detail = format!("Your organisation has {max} accounts bound, as many as it may.");
            return Err(Rejection::new(Code::BudgetExhausted, detail).at("/account_ref"));
        }
        if let Some(element) = element.filter(|_| !test_numbers::is_test(to)) {
            let mut book = open(&self.book);
            let hash = book.hash(&self.ring, &self.organisation, element);
            let spent = book.ledger.spend(Naming::Bind, hash, &self.terms, self.now);
            spent.map_err(|purse| exhausted(purse, &self.terms).at("/number"))?;
        }
        self.came += more;
        Ok(())
    }

    /// Writes how many came.
    pub(super) fn write(&self, tx: &mut Tx<'_>, app: &App) -> storage::Result<()> {
        participants::count_bindings(tx, app.id(), self.came)
    }
}

/// What a binding to a number of this calling code adds to the live ones: one to a test number nothing.
pub(super) fn counted(code: CallingCode) -> i64 {
    i64::from(!test_numbers::is_test(code))
}

fn exhausted(purse: Purse, terms: &Terms) -> Rejection {
    let most = terms.of(purse);
    let detail = match purse {
        Purse::Day => {
            format!("Your organisation has named {most} different numbers in checks today.")
        }
        Purse::Quarter => {
            format!(
                "Your organisation has named or newly bound {most} different numbers in 90 days."
            )
        }
        Purse::Evaluations => {
            format!("Your organisation would have more than {most} evaluations in 90 days.")
        }
    };
    Rejection::new(Code::BudgetExhausted, detail)
}
