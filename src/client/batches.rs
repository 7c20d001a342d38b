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

/// Items of a batch; fewer, where the registry takes fewer.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// How often a batch is sent before it is given up.
pub const TRIES_MAX: u32 = 8;
/// The longest wait between two tries, even if the registry asks for a longer one.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// What a registry says that takes fewer items.
const TOO_MANY: &str = "items_out_of_range";
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

impl Report {
    /// Counts what became of one item.
    pub fn count<T>(&mut self, item: &Item<T>) {
        match item {
            Item::Accepted(_) => self.accepted += 1,
            Item::Duplicate(_) => self.duplicate += 1,
            Item::Rejected(_) => self.rejected += 1,
        }
    }
}

/// A batch couldn't be sent, so no more were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Stopped {
    /// Why.
    pub error: Error,
    /// What became of the items that did arrive.
    pub report: Report,
}

/// A batch waits until it is sent again.
#[derive(Clone, Copy, Debug)]
pub struct Waits<'a> {
    /// Why it didn't arrive.
    pub error: &'a Error,
    /// How long it waits.
    pub wait: Duration,
    /// How often it was sent.
    pub tried: u32,
}

/// Sends all `items` with `send`, which is one of the client's batch calls and returns as many items
/// as it was given. `answered` is told of every batch that was answered, in whichever order they are:
/// for progress, and for what was rejected.
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
    send_telling(items, send, answered, |_| {}).await
}

/// The same; `waits` is told of every batch that will be sent again.
///
/// # Errors
/// As [`send`].
pub async fn send_telling<T, R>(
    items: impl IntoIterator<Item = T>,
    send: impl AsyncFn(&[T]) -> Result<Vec<Item<R>>, Error>,
    answered: impl FnMut(&[T], &[Item<R>]),
    waits: impl Fn(Waits<'_>),
) -> Result<Report, Stopped> {
    let (items, report) = (items.into_iter(), Report::default());
    let items_max = BATCH_ITEMS_MAX;
    let run = Mutex::new(Run { items, items_max, answered, report, error: None });
    let work = async || {
        loop {
            let next = lock(&run).next();
            let Some(batch) = next else { return };
            let outcome = send_batch(&batch, &run, &send, &waits).await;
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
    /// So many go into one batch.
    items_max: usize,
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
        let batch: Vec<T> = self.items.by_ref().take(self.items_max).collect();
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
        told.iter().for_each(|item| self.report.count(item));
        (self.answered)(batch, &told);
    }
}

/// Sends one batch until it arrives, in parts where the registry takes fewer items at a time.
async fn send_batch<T, R, I, A>(
    batch: &[T],
    run: &Mutex<Run<I, A>>,
    send: &impl AsyncFn(&[T]) -> Result<Vec<Item<R>>, Error>,
    waits: &impl Fn(Waits<'_>),
) -> Result<Vec<Item<R>>, Error> {
    let mut told = Vec::with_capacity(batch.len());
    let mut rest = batch;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(lock(run).items_max));
        match patiently(part, send, waits).await {
            Ok(items) => {
                told.extend(items);
                rest = after;
            }
            Err(error) if error.code() == Some(TOO_MANY) && part.len() > 1 => {
                let mut run = lock(run);
                run.items_max = run.items_max.min(part.len() / 2);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(told)
}

/// Sends until there is an answer.
async fn patiently<T, R>(
    batch: &[T],
    send: &impl AsyncFn(&[T]) -> Result<Vec<Item<R>>, Error>,
    waits: &impl Fn(Waits<'_>),
) -> Result<Vec<Item<R>>, Error> {
    let mut wait = WAIT_MIN;
    for tried in 1..TRIES_MAX {
        match send(batch).await {
            Err(error) if error.class() == Class::Unavailable => {
                let now = error.retry_after().unwrap_or(wait).min(WAIT_MAX);
                waits(Waits { error: &error, wait: now, tried });
                sleep(now).await;
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
