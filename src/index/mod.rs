//! The number index: what a check needs, in memory, as far as the log has been followed.
//!
//! It is never pushed to. [`Index::catch_up`] pulls the log under one mutex; start, follower and every
//! commit of this node make the same call, so nothing can be applied out of order. A look states how
//! fresh it must be and gets nothing when the index is behind: then the caller waits elsewhere.
//!
//! All of it lies behind one lock, and what one pull brought is applied in one go. Two locks would let
//! a check see yesterday's number beside today's coverage, and call `unchanged` what neither day does.

mod contents;
mod turn;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

pub use contents::{Contents, KeyHash, KnownKey, NumberEntry, Pulled};

use crate::domain::number::NumberId;
use crate::domain::position::{Place, Position};
use turn::Turn;

/// The log's head is not known: the outcome of a commit was lost.
const UNKNOWN: i64 = -1;

/// Whoever has committed waits for the turn to pull, however long others take.
pub const PATIENCE_OF_COMMITS: Duration = Duration::from_secs(60);

/// Numbers that the next pull is asked for by name, at most.
const MISSED_MAX: usize = 10_000;

/// The index of one node.
#[derive(Default)]
pub struct Index {
    contents: RwLock<Contents>,
    pulling: Turn,
    applied: AtomicI64,
    mark: AtomicI64,
    head: AtomicI64,
    ready: AtomicBool,
    missed: Mutex<BTreeSet<NumberId>>,
}

impl Index {
    /// How far the log has been followed.
    pub fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::SeqCst))
    }

    /// The mark of the last entry that was followed: while the log's end has it, nothing is missing here.
    pub fn mark(&self) -> i64 {
        self.mark.load(Ordering::SeqCst)
    }

    /// The head as this process knows it, where it is the only one that writes. `None` when a
    /// commit's outcome was lost: then it must be read.
    pub fn head(&self) -> Option<Position> {
        match self.head.load(Ordering::SeqCst) {
            UNKNOWN => None,
            head => Some(Position(head)),
        }
    }

    /// A commit of this process moved the head to `head`, or past it: from here on no fresh check on
    /// this node can miss it.
    pub fn note_head(&self, head: Position) {
        // One that was forgotten stays so until the database was read.
        let known = |before: i64| (before != UNKNOWN).then(|| before.max(head.0));
        if self.head.fetch_update(Ordering::SeqCst, Ordering::SeqCst, known).is_err() {
            log::debug!("the head stays unknown");
        }
    }

    /// A commit of this process may or may not have moved the head. Waits for a pull that is under
    /// way: what it reads may be older than the commit, and must not count as the answer.
    pub fn forget_head(&self) {
        let _no_pull = self.pulling.take(PATIENCE_OF_COMMITS);
        self.head.store(UNKNOWN, Ordering::SeqCst);
    }

    /// Whether the first load has ended.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    /// The contents, if they are at least as fresh as `at_least`.
    pub fn look(&self, at_least: Position) -> Option<RwLockReadGuard<'_, Contents>> {
        (self.is_ready() && self.applied() >= at_least).then(|| self.contents())
    }

    /// The contents as they are: for what needn't be fresh to the moment, such as who calls.
    pub fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the index anew. What `load` brings may be a mixture of moments; the index is ready only
    /// after the log has been followed over it. A load that fails leaves nothing behind.
    pub fn load<E>(&self, load: impl FnOnce(&mut Contents) -> Result<Place, E>) -> Result<(), E> {
        let _turn = self.pulling.take(PATIENCE_OF_COMMITS);
        let mut fresh = Contents::default();
        let from = load(&mut fresh)?;
        *self.contents.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.reached(from);
        Ok(())
    }

    /// The log is not the one that was followed: a failover lost its end. Nothing is answered until
    /// the index was loaded anew.
    pub fn lose(&self) {
        self.ready.store(false, Ordering::SeqCst);
    }

    /// Pulls what the log holds beyond `applied` and applies it; how far that was, or nothing when the
    /// turn to pull did not come within `patience`. `pull` reads log and rows as one state of the
    /// database.
    pub fn catch_up<E>(
        &self,
        patience: Duration,
        pull: impl FnOnce(Place, &Contents) -> Result<Pulled, E>,
    ) -> Result<Option<Position>, E> {
        let Some(_turn) = self.pulling.take(patience) else { return Ok(None) };
        let applied = Place { position: self.applied(), mark: self.mark() };
        let pulled = pull(applied, &self.contents())?;
        let through = pulled.through;
        self.contents.write().unwrap_or_else(PoisonError::into_inner).apply(pulled);
        self.reached(through);
        // A head that was forgotten is known again, now that the database was read.
        self.head.fetch_max(through.position.0, Ordering::SeqCst);
        Ok(Some(through.position))
    }

    fn reached(&self, place: Place) {
        self.applied.store(place.position.0, Ordering::SeqCst);
        // Last: whoever sees the mark sees what it stands for.
        self.mark.store(place.mark, Ordering::SeqCst);
    }

    /// A number that is there, and that no pull brought: its row was committed after that of a younger one.
    pub fn note_missed(&self, id: NumberId) {
        let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        if missed.len() < MISSED_MAX {
            missed.insert(id);
        }
    }

    /// The numbers that were noted since this was last asked.
    pub fn take_missed(&self) -> BTreeSet<NumberId> {
        std::mem::take(&mut self.missed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first pull after a load has ended: what is here is one state of the database.
    pub fn become_ready(&self) {
        self.ready.store(true, Ordering::SeqCst);
    }
}
