//! SQLite's one writer, shared: whoever waits for it joins the transaction that is open, as a
//! savepoint, and the last in the queue commits for all. One `fsync` serves everybody who came
//! meanwhile, which is what makes sixteen small publishers ten times as fast as one after another.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::dialect::{self, AnyConnection, Backend, Purpose};
use super::{Error, Result, Tx};
use crate::domain::position::Position;

/// After this many, a batch commits even though others wait: they have waited long enough.
const BATCH_LEN_MAX: usize = 64;

/// The one writing connection and the transaction that is open on it, if any.
pub(super) struct Writer {
    queued: AtomicUsize,
    head: Arc<AtomicI64>,
    open: Mutex<Open>,
}

struct Open {
    connection: AnyConnection,
    head: Arc<AtomicI64>,
    batch: Option<Arc<Batch>>,
    joined: usize,
}

/// Those who share one commit, and how it ended.
#[derive(Default)]
struct Batch {
    ended: Mutex<Option<Ended>>,
    bell: Condvar,
}

#[derive(Clone, Copy)]
enum Ended {
    Committed,
    RolledBack,
    Unknown,
}

impl Writer {
    pub(super) fn open(path: &str) -> Result<Writer> {
        let connection = dialect::connect(Backend::Sqlite, path, Purpose::ReadAndWrite)?;
        let head = Arc::<AtomicI64>::default();
        let open = Open { connection, head: Arc::clone(&head), batch: None, joined: 0 };
        Ok(Writer { queued: AtomicUsize::new(0), head, open: Mutex::new(open) })
    }

    /// The log's head after the last commit; the beginning before the first.
    pub(super) fn committed(&self) -> Position {
        Position(self.head.load(Ordering::SeqCst))
    }

    /// Runs `work` on the connection while no transaction is open.
    pub(super) fn alone<T>(&self, work: impl FnOnce(&mut AnyConnection) -> Result<T>) -> Result<T> {
        let mut open = locked(&self.open);
        open.commit();
        work(&mut open.connection)
    }

    /// Runs `work` as part of the batch that is open, or opens one, and waits for its commit. A
    /// refusal waits too: it may rest on what another of the batch has written.
    pub(super) fn write<T>(&self, work: impl FnMut(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        self.queued.fetch_add(1, Ordering::SeqCst);
        let mut open = locked(&self.open);
        self.queued.fetch_sub(1, Ordering::SeqCst);

        let batch = open.join()?;
        let done = catch_unwind(AssertUnwindSafe(|| open.run(work)));
        if !matches!(done, Ok(Ok(_))) {
            open.undo();
        }
        if self.queued.load(Ordering::SeqCst) == 0 || open.joined >= BATCH_LEN_MAX {
            open.commit();
        }
        drop(open);

        let ended = batch.wait();
        let done = done.unwrap_or_else(|panic| resume_unwind(panic));
        match ended {
            Ended::Committed => done,
            Ended::RolledBack => Err(Error::Unavailable),
            Ended::Unknown => Err(Error::OutcomeUnknown),
        }
    }
}

impl Open {
    /// The batch that is open; begins one where there is none.
    fn join(&mut self) -> Result<Arc<Batch>> {
        let batch = match &self.batch {
            Some(batch) => Arc::clone(batch),
            None => {
                dialect::begin_write(&mut self.connection)?;
                self.joined = 0;
                Arc::clone(self.batch.insert(Arc::default()))
            }
        };
        self.joined += 1;
        Ok(batch)
    }

    fn run<T>(&mut self, mut work: impl FnMut(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        dialect::execute(&mut self.connection, "SAVEPOINT one")?;
        let value = work(&mut Tx(&mut self.connection))?;
        dialect::execute(&mut self.connection, "RELEASE one")?;
        Ok(value)
    }

    /// Takes back the last savepoint. Where even that fails, SQLite has rolled back everything
    /// (disk full, I/O error), and the whole batch learns so.
    fn undo(&mut self) {
        if dialect::execute(&mut self.connection, "ROLLBACK TO one; RELEASE one").is_err() {
            self.roll_back();
        }
    }

    fn commit(&mut self) {
        let head = self.batch.as_ref().and_then(|_| super::log::head(&mut self.connection).ok());
        let Some(batch) = self.batch.take() else { return };
        let ended = self.finish("COMMIT", Ended::Committed, Ended::Unknown);
        // Before anybody can act on what was committed: a message must not be ahead of a check.
        if let (Ended::Committed, Some(head)) = (ended, head) {
            self.head.fetch_max(head.0, Ordering::SeqCst);
        }
        batch.end(ended);
    }

    fn roll_back(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        let ended = self.finish("ROLLBACK", Ended::RolledBack, Ended::RolledBack);
        batch.end(ended);
    }

    fn finish(&mut self, how: &str, well: Ended, badly: Ended) -> Ended {
        match dialect::execute(&mut self.connection, how) {
            Ok(()) => well,
            Err(error) => {
                log::error!("{how} failed: {error}");
                // Fails when SQLite has rolled back by itself: then there is nothing left to end.
                if dialect::execute(&mut self.connection, "ROLLBACK").is_err() {
                    log::debug!("no transaction was left to roll back");
                }
                badly
            }
        }
    }
}

impl Batch {
    fn end(&self, how: Ended) {
        *locked(&self.ended) = Some(how);
        self.bell.notify_all();
    }

    fn wait(&self) -> Ended {
        let mut ended = locked(&self.ended);
        loop {
            if let Some(ended) = *ended {
                return ended;
            }
            ended = self.bell.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A poisoned lock is still a lock: what it guards is put right by [`Writer::write`] itself.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
