//! Batches: each item stands for itself, and one bad item is a rejection in its place.

use std::fmt;

use crate::domain::rejection::{Code, Rejection};

/// A kind of item that has a key of its own.
pub trait Keyed {
    /// The member that holds the key.
    const KEY: &'static str;

    /// Whether `key` has the form of one: only then is it repeated in an answer.
    fn is_key(key: &str) -> bool;
}

/// One item as it was sent.
#[derive(Clone)]
pub struct Item<T> {
    /// Its own key, if it could be read.
    pub key: Option<String>,
    /// What it holds, or why it can't be read.
    pub value: Result<T, Rejection>,
}

/// What became of one item.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It was stored.
    Accepted(T),
    /// It had been stored before.
    Duplicate(Option<T>),
    /// It wasn't.
    Rejected(Rejection),
}

/// What became of all: same order, same length.
#[derive(Clone)]
pub struct Batch<T> {
    /// Each item's key, and what became of it.
    pub items: Vec<(Option<String>, Outcome<T>)>,
}

impl<T> Batch<T> {
    /// How many were accepted, duplicates, and rejected.
    pub fn summary(&self) -> (usize, usize, usize) {
        self.items.iter().fold((0, 0, 0), |(accepted, duplicate, rejected), (_, outcome)| {
            match outcome {
                Outcome::Accepted(_) => (accepted + 1, duplicate, rejected),
                Outcome::Duplicate(_) => (accepted, duplicate + 1, rejected),
                Outcome::Rejected(_) => (accepted, duplicate, rejected + 1),
            }
        })
    }
}

/// Without the key, which is the caller's text.
impl<T: fmt::Debug> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Without the keys.
impl<T: fmt::Debug> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.items.iter().map(|(_, outcome)| outcome)).finish()
    }
}

/// # Errors
/// `items_out_of_range` for none, or for more than `max`.
pub fn must_fit(count: usize, max: usize) -> Result<(), Rejection> {
    if (1..=max).contains(&count) {
        return Ok(());
    }
    Err(Rejection::new(Code::ItemsOutOfRange, format!("A batch holds 1 to {max} items."))
        .at("/items"))
}
