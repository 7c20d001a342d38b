//! The number index: what a check needs, in memory, as far as the log has been followed.
//!
//! It is never pushed to. [`Index::catch_up`] pulls the log under one mutex; start, follower and every
//! commit of this node make the same call, so nothing can be applied out of order. A look states how
//! fresh it must be and gets nothing when the index is behind: then the caller waits elsewhere.
//!
//! All of it lies behind one lock, and what one pull brought is applied in one go. Two locks would let
//! a check see yesterday's number beside today's coverage, and call `unchanged` what neither day does.

mod contents;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

pub use contents::{Contents, KeyHash, KnownKey, NumberEntry, Pulled};

use crate::domain::position::Position;

/// The log's head is not known: the outcome of a commit was lost.
const UNKNOWN: i64 = -1;

/// The index of one node.
#[derive(Default)]
pub struct Index {
    contents: RwLock<Contents>,
    pulling: Mutex<()>,
    applied: AtomicI64,
    head: AtomicI64,
    ready: AtomicBool,
}

impl Index {
    /// How far the log has been followed.
    pub fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::SeqCst))
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
        self.head.fetch_max(head.0, Ordering::SeqCst);
    }

    /// A commit of this process may or may not have moved the head. Waits for a pull that is under
    /// way: what it reads may be older than the commit, and must not count as the answer.
    pub fn forget_head(&self) {
        let _no_pull = self.pulling.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Fills an empty index. What `load` brings may be a mixture of moments; the index is ready only
    /// after the log has been followed over it.
    pub fn load<E>(
        &self,
        load: impl FnOnce(&mut Contents) -> Result<Position, E>,
    ) -> Result<(), E> {
        let _one_at_a_time = self.pulling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut contents = self.contents.write().unwrap_or_else(PoisonError::into_inner);
        let from = load(&mut contents)?;
        self.applied.store(from.0, Ordering::SeqCst);
        Ok(())
    }

    /// Pulls what the log holds beyond `applied` and applies it; how far that was. `pull` reads log
    /// and rows as one state of the database.
    pub fn catch_up<E>(
        &self,
        pull: impl FnOnce(Position, &Contents) -> Result<Pulled, E>,
    ) -> Result<Position, E> {
        let _one_at_a_time = self.pulling.lock().unwrap_or_else(PoisonError::into_inner);
        let pulled = pull(self.applied(), &self.contents())?;
        let through = pulled.through;
        self.contents.write().unwrap_or_else(PoisonError::into_inner).apply(pulled);
        self.applied.store(through.0, Ordering::SeqCst);
        // A head that was forgotten is known again, now that the database was read.
        self.head.fetch_max(through.0, Ordering::SeqCst);
        self.ready.store(true, Ordering::SeqCst);
        Ok(through)
    }
}
