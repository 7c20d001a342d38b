//! Answers as they come in, and the shape that all batches share.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::CORRELATOR;
use super::error::{Error, Problem};

/// An answer with any status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The JSON of a successful answer.
    ///
    /// # Errors
    /// [`Error::Refused`], or [`Error::NotOurs`] when it isn't what this call answers.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.status.is_success() {
            return Err(self.refusal());
        }
        self.parse().map_err(|member| self.not_ours(format!("{member} isn't as it should be")))
    }

    /// The JSON of a batch's answer, whose items must be as many as the request's: they are told
    /// apart by their place alone.
    pub(super) fn json_of<T, I>(&self, sent: usize, items: impl Fn(&T) -> &[I]) -> Result<T, Error>
    where
        T: DeserializeOwned,
    {
        let answer = self.json()?;
        if items(&answer).len() == sent {
            Ok(answer)
        } else {
            Err(self.not_ours("it has another number of items than the request"))
        }
    }

    /// Success that says nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] or [`Error::NotOurs`].
    pub fn done(&self) -> Result<(), Error> {
        if self.status.is_success() { Ok(()) } else { Err(self.refusal()) }
    }

    /// Why the call has no result.
    pub(super) fn refusal(&self) -> Error {
        let Ok(problem) = self.parse() else {
            return self.not_ours("it holds no problem");
        };
        Error::Refused {
            status: self.status.as_u16(),
            problem: Box::new(problem),
            correlator: self.header(CORRELATOR.as_str()).map(str::to_owned),
            retry_after: self.retry_after(),
        }
    }

    pub(super) fn not_ours(&self, why: impl Into<String>) -> Error {
        Error::NotOurs { status: self.status.as_u16(), why: why.into() }
    }

    /// One JSON text and nothing after it; else the member that doesn't fit. Serde's own words would
    /// quote what they found there.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| error.path().to_string())?;
        json.end().map_err(|_| "what comes after the JSON".to_owned())?;
        Ok(value)
    }

    /// In whole seconds; the form with a date isn't used here (RFC 9110, section 10.2.3).
    fn retry_after(&self) -> Option<Duration> {
        self.header(RETRY_AFTER.as_str())?.parse().ok().map(Duration::from_secs)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The body of a batch.
#[derive(Serialize)]
pub(super) struct Items<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_least: Option<&'a str>,
    pub(super) items: &'a [T],
}

impl<'a, T> Items<'a, T> {
    pub(super) fn of(items: &'a [T]) -> Items<'a, T> {
        Items { at_least: None, items }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Batch<T> {
    /// How many of each outcome.
    pub summary: Summary,
    /// In the order of the request, as many as were sent.
    pub items: Vec<Item<T>>,
}

/// How many items had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// Stored now.
    pub accepted: u64,
    /// Stored before.
    pub duplicate: u64,
    /// Not stored.
    pub rejected: u64,
}

/// What became of one item of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Told<T>", bound(deserialize = "T: Deserialize<'de>"))]
pub enum Item<T> {
    /// It was stored.
    Accepted(T),
    /// It was stored before, and changed nothing.
    Duplicate(T),
    /// It wasn't stored. An outcome that this client doesn't know counts as this.
    Rejected(Problem),
}

impl<T> Item<T> {
    /// What is told of an item that stands.
    ///
    /// # Errors
    /// The problem of a rejected one.
    pub fn told(&self) -> Result<&T, &Problem> {
        match self {
            Item::Accepted(told) | Item::Duplicate(told) => Ok(told),
            Item::Rejected(problem) => Err(problem),
        }
    }
}

/// An item on the wire.
#[derive(Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Told<T> {
    Accepted(T),
    Duplicate(T),
    Rejected {
        error: Problem,
    },
    #[serde(other)]
    Unknown,
}

impl<T> From<Told<T>> for Item<T> {
    fn from(told: Told<T>) -> Item<T> {
        match told {
            Told::Accepted(told) => Item::Accepted(told),
            Told::Duplicate(told) => Item::Duplicate(told),
            Told::Rejected { error } => Item::Rejected(error),
            Told::Unknown => Item::Rejected(Problem {
                code: "client_outdated".to_owned(),
                title: "An outcome that this client doesn't know".to_owned(),
                detail: "It isn't known whether the item was stored.".to_owned(),
                field: None,
                remedy: "Use a newer client.".to_owned(),
            }),
        }
    }
}
