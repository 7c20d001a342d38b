//! Big files: cut into batches, four of them under way at a time, sent again until they arrive.
//!
//! The order in which batches arrive doesn't matter: events are order-free, and bindings and
//! acknowledgements are about one account each. Everything may be sent again, so a batch whose
//! outcome isn't known is, and so is a whole file that was cut off.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use super::answer::Item;
use super::error::{Class, Error};

/// Items of a batch.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// How often a batch is sent before it is given up.
pub const TRIES_MAX: u32 = 8;
/// The longest wait between two tries, even if the registry asks for a longer one.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// The first wait, where the registry doesn't say; each next one is twice as long.
const WAIT_MIN: Duration = Duration::from_millis(500);

/// What became of a file, counted: a file may have any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Items that were stored.
    pub accepted: u64,
    /// Items that had been stored before.
    pub duplicate: u64,
    /// Items that weren't.
    pub rejected: u64,
}

/// A batch couldn't be sent, so no more were. Run it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Stopped {
    /// Why.
    pub error: Error,
    /// What became of the items that did arrive.
    pub report: Report,
}

/// Sends all `items` with `send`, which is one of the client's batch calls and returns as many items
/// as it was given. `answered` is told of every batch that was answered, in whichever order they are: for progress, and for
/// what was rejected.
///
/// What is unavailable is tried again, up to [`TRIES_MAX`] times. All four run in the caller's task;
/// it can't be spawned, since the compiler can't tell that an async closure's future is `Send`.
///
/// # Errors
/// [`Stopped`] at the first batch that failed otherwise, or too often.
pub async fn send<T, R>(
    items: impl IntoIterator<Item = T>,
    send: impl AsyncFn(&[T]) -> Result<Vec<Item<R>>, Error>,
    answered: impl FnMut(&[T], &[Item<R>]),
) -> Result<Report, Stopped> {
    let items = items.into_iter();
    let run = Mutex::new(Run { items, answered, report: Report::default(), error: None });
    let work = async || {
        loop {
            let next = lock(&run).next();
            let Some(batch) = next else { return };
            let outcome = patiently(&batch, &send).await;
            lock(&run).settle(&batch, outcome);
        }
    };
    tokio::join!(work(), work(), work(), work());

    let Run { report, error, .. } = run.into_inner().unwrap_or_else(PoisonError::into_inner);
    match error {
        None => Ok(report),
        Some(error) => Err(Stopped { error, report }),
    }
}

/// What the four have in common.
struct Run<I, A> {
    items: I,
    answered: A,
    report: Report,
    error: Option<Error>,
}

impl<T, I: Iterator<Item = T>, A> Run<I, A> {
    /// The next batch; `None` at the end, or after an error.
    fn next(&mut self) -> Option<Vec<T>> {
        if self.error.is_some() {
            return None;
        }
        let batch: Vec<T> = self.items.by_ref().take(BATCH_ITEMS_MAX).collect();
        (!batch.is_empty()).then_some(batch)
    }

    fn settle<R>(&mut self, batch: &[T], outcome: Result<Vec<Item<R>>, Error>)
    where
        A: FnMut(&[T], &[Item<R>]),
    {
        let told = match outcome {
            Ok(told) => told,
            Err(error) => {
                self.error.get_or_insert(error);
                return;
            }
        };
        for item in &told {
            match item {
                Item::Accepted(_) => self.report.accepted += 1,
                Item::Duplicate(_) => self.report.duplicate += 1,
                Item::Rejected(_) => self.report.rejected += 1,
            }
        }
        (self.answered)(batch, &told);
    }
}

/// Sends one batch until it arrives.
async fn patiently<T, R>(
    batch: &[T],
    send: impl AsyncFn(&[T]) -> Result<Vec<Item<R>>, Error>,
) -> Result<Vec<Item<R>>, Error> {
    let mut wait = WAIT_MIN;
    for _ in 1..TRIES_MAX {
        match send(batch).await {
            Err(error) if error.class() == Class::Unavailable => {
                sleep(error.retry_after().unwrap_or(wait).min(WAIT_MAX)).await;
                wait *= 2;
            }
            outcome => return outcome,
        }
    }
    send(batch).await
}

fn lock<T>(run: &Mutex<T>) -> MutexGuard<'_, T> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}
