//! How the registry is: for the admin in full, for anybody whether it lives and takes requests.

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::{Client, empty};
use crate::domain::calling_code::CallingCode;
use crate::domain::time::Moment;

/// How the registry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it takes requests.
    pub ready: bool,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// When the log was last written to, if it ever was.
    pub head_at: Option<Moment>,
    /// The messages to apps.
    pub deliveries: Deliveries,
    /// The apps that have an endpoint or are late.
    #[serde(default)]
    pub apps: Vec<AppStanding>,
    /// How far each carrier has reported each calling code.
    #[serde(default)]
    pub carriers: Vec<CarrierStanding>,
    /// The last run of what deletes what is no longer needed.
    #[serde(default)]
    pub retention: Option<Retention>,
    /// What somebody should look at.
    pub attention: Vec<Attention>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// How many entries of the log its index lacks.
    pub index_behind: u64,
    /// The version that it runs.
    pub version: String,
}

/// The messages to apps, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// How many are due.
    pub pending: u64,
    /// When the one that is due and waits longest was due; `None` where all wait for their next try.
    pub oldest_due_at: Option<Moment>,
    /// How many were given up but for one try a day.
    pub dead: u64,
}

/// What is on its way to one app, and what it hasn't done in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStanding {
    /// Its name.
    pub name: String,
    /// How many messages are due.
    pub pending: u64,
    /// How many were given up but for one try a day.
    pub dead: u64,
    /// Duties past their date.
    pub overdue: u64,
}

/// What one carrier said of one calling code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierStanding {
    /// Its name.
    pub name: String,
    /// The calling code.
    pub calling_code: CallingCode,
    /// Its watermark: all that took effect before then was reported.
    pub through: Option<Moment>,
    /// When its last event, of whichever calling code, was stored.
    pub last_event_at: Option<Moment>,
}

/// What a run deleted of what is no longer needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// When it began.
    pub began_at: Moment,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Moment>,
    /// Events.
    pub events: u64,
    /// Deliveries, with their attempts.
    pub deliveries: u64,
    /// Lines of histories of duties.
    pub history: u64,
    /// Bindings that were removed long ago.
    pub bindings: u64,
}

/// What somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    /// What, such as `carrier_silent`; to be shown.
    pub what: String,
    /// Which participant it is about.
    pub who: Option<String>,
    /// Since when.
    pub since: Option<Moment>,
    /// How often.
    #[serde(default)]
    pub count: u64,
}

/// Whether a node takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// It waits for these.
    WaitingFor(Vec<String>),
}

#[derive(Deserialize)]
struct NotReady {
    waiting_for: Vec<String>,
}

impl Client {
    /// How the registry is.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn status(&self) -> Result<Status, Error> {
        self.get("/v1/status").await
    }

    /// Whether the process lives. Needs no key.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn healthy(&self) -> Result<(), Error> {
        self.raw(empty(Method::GET, "/healthz")).await?.done()
    }

    /// Whether the node takes requests. Needs no key.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn readiness(&self) -> Result<Readiness, Error> {
        let answer = self.raw(empty(Method::GET, "/readyz")).await?;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer.done().map(|()| Readiness::Ready);
        }
        let not_ready: NotReady = answer.parse().map_err(|_| answer.refusal())?;
        Ok(Readiness::WaitingFor(not_ready.waiting_for))
    }
}
