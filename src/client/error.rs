//! What can go wrong with a call as a whole.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The registry said no.
    #[error("{problem} [{}{}]", .problem.code, .correlator.as_ref().map(|c| format!(", {c}")).unwrap_or_default())]
    Refused {
        /// The answer's status, 400 to 599.
        status: u16,
        /// Why, and what to do about it.
        problem: Box<Problem>,
        /// Names the request in the registry's log.
        correlator: Option<String>,
        /// How long to wait before it is tried again.
        retry_after: Option<Duration>,
    },
    /// There is no connection, or it broke. Whether the request took effect isn't known; it may be
    /// sent again.
    #[error("the registry can't be reached at {0}")]
    Unreachable(String),
    /// There was no whole answer in time, and it isn't known either.
    #[error("the registry did not answer in time")]
    TooSlow,
    /// What was evaluated was not made with the key that it should be, or isn't proved to be: no
    /// token of it may be used.
    #[error("the evaluator did not prove that it used the key that the directory names")]
    Unproven,
    /// Tokens are made by an evaluator apart, and there is no key for it.
    #[error(
        "tokens are made by an evaluator apart, and it needs a key of its own: set VACATE_EVALUATOR_KEY"
    )]
    NoEvaluatorKey,
    /// What answered doesn't speak this API: a proxy, another service, a wrong URL.
    #[error("the answer with status {status} isn't a registry's: {why}")]
    NotOurs {
        /// The answer's status.
        status: u16,
        /// What couldn't be understood; never the answer's contents.
        why: String,
    },
}

/// What somebody can do about an error; the command line makes its exit codes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Another key, or another permission, is needed: 401, 403. Exit code 4.
    Forbidden,
    /// Later it may work: 429, 502, 503, 504, no connection, no answer in time. Exit code 5.
    Unavailable,
    /// Not as it is. Exit code 1.
    Failed,
}

impl Error {
    /// What can be done about it.
    pub fn class(&self) -> Class {
        let status = match self {
            Error::Unreachable(_) | Error::TooSlow => return Class::Unavailable,
            Error::Unproven => return Class::Failed,
            Error::NoEvaluatorKey => return Class::Forbidden,
            Error::Refused { status, .. } | Error::NotOurs { status, .. } => *status,
        };
        match status {
            401 | 403 => Class::Forbidden,
            429 | 502..=504 => Class::Unavailable,
            _ => Class::Failed,
        }
    }

    /// The stable code of a refusal, such as `key_unknown`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Refused { problem, .. } => Some(&problem.code),
            Error::Unreachable(_)
            | Error::TooSlow
            | Error::Unproven
            | Error::NoEvaluatorKey
            | Error::NotOurs { .. } => None,
        }
    }

    /// How long the registry wants to be left alone, if it says.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Refused { retry_after, .. } => *retry_after,
            Error::Unreachable(_)
            | Error::TooSlow
            | Error::Unproven
            | Error::NoEvaluatorKey
            | Error::NotOurs { .. } => None,
        }
    }
}

/// Why a request, or one item of a batch, was refused (RFC 9457). Never repeats what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The stable code; new ones may come.
    pub code: String,
    /// The code in words.
    pub title: String,
    /// What is wrong here.
    #[serde(default)]
    pub detail: String,
    /// Where: a JSON Pointer (RFC 6901) into the request's body, or the bare name of a query
    /// parameter or header.
    pub field: Option<String>,
    /// What to do.
    #[serde(default)]
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.title, self.detail)?;
        if let Some(field) = &self.field {
            write!(f, " (at {field})")?;
        }
        if self.remedy.is_empty() { Ok(()) } else { write!(f, " {}", self.remedy) }
    }
}
