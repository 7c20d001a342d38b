//! What an app must do with a webhook before it believes it: verify the signature, drop what came
//! before, drop what a later message has overtaken.
//!
//! Pure, for an app that has an HTTP server of its own; [`receiver`](super::receiver) is one around it.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::app::Duty;
use crate::domain::duty::MessageType;
use crate::domain::signature::{self, Forged, Headers, Secret};
use crate::domain::time::Moment;

/// Ids that are remembered. A message that comes again after so many others is taken for new, which
/// does no harm: it holds the whole state.
const IDS_KEPT_MAX: usize = 65_536;

/// A message of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `webhook-id`, the same at every try.
    pub id: String,
    /// What it tells.
    pub message_type: MessageType,
    /// When it was made.
    pub timestamp: Moment,
    /// The duty, as a whole; `None` in a test.
    pub duty: Option<Duty>,
}

/// What became of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is new: act on it. Answer 2xx once it is stored.
    New(Message),
    /// It came before. Answer 2xx.
    Again,
    /// A later message about the same account came before it. Answer 2xx.
    Overtaken,
    /// It is of a type that this client doesn't know. Answer 2xx.
    Unknown,
}

/// Why a webhook isn't taken. Answer anything but 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It isn't from the registry, or is an old one played again.
    #[error(transparent)]
    Forged(#[from] Forged),
    /// It is from the registry, but its body isn't what the type says.
    #[error("the body isn't a message")]
    Malformed,
}

/// The secrets of an endpoint, and what came so far.
#[derive(Debug, Default)]
pub struct Inbox {
    secrets: Vec<Secret>,
    ids: HashSet<String>,
    ids_by_age: VecDeque<String>,
    revisions: HashMap<String, u32>,
}

impl Inbox {
    /// An inbox that believes whatever one of these secrets signed: two, while one replaces another.
    /// With none it believes nothing.
    pub fn new(secrets: Vec<Secret>) -> Inbox {
        Inbox { secrets, ..Inbox::default() }
    }

    /// Replaces the secrets.
    pub fn trust(&mut self, secrets: Vec<Secret>) {
        self.secrets = secrets;
    }

    /// Takes a webhook: its headers, its body as it came, and the receiver's time.
    ///
    /// # Errors
    /// [`NotTaken`]; nothing is remembered of it.
    pub fn take(
        &mut self,
        headers: Headers<'_>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Received, NotTaken> {
        self.verify(headers, body, now)?;
        if self.ids.contains(headers.id) {
            return Ok(Received::Again);
        }
        let Some(message) = read(headers.id, body)? else {
            return Ok(Received::Unknown);
        };
        self.remember(headers.id);
        if let Some(duty) = &message.duty {
            let highest = self.revisions.entry(duty.account_ref.clone()).or_default();
            if duty.revision < *highest {
                return Ok(Received::Overtaken);
            }
            *highest = duty.revision;
        }
        Ok(Received::New(message))
    }

    fn verify(&self, headers: Headers<'_>, body: &[u8], now: DateTime<Utc>) -> Result<(), Forged> {
        let mut verified = Err(Forged::NoMatch);
        for secret in &self.secrets {
            verified = signature::verify(secret, headers, body, now);
            if verified.is_ok() {
                break;
            }
        }
        verified
    }

    fn remember(&mut self, id: &str) {
        if self.ids.len() == IDS_KEPT_MAX
            && let Some(oldest) = self.ids_by_age.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.ids.insert(id.to_owned());
        self.ids_by_age.push_back(id.to_owned());
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    message_type: String,
    timestamp: Moment,
    #[serde(borrow)]
    data: &'a RawValue,
}

fn read(id: &str, body: &[u8]) -> Result<Option<Message>, NotTaken> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| NotTaken::Malformed)?;
    let known = MessageType::ALL.iter().find(|known| known.text() == envelope.message_type);
    let Some(&message_type) = known else { return Ok(None) };
    let duty = match message_type {
        MessageType::EndpointTest => None,
        MessageType::StepUpRequested
        | MessageType::FreezeRequested
        | MessageType::DetachRequested
        | MessageType::ReleaseRequested => {
            Some(serde_json::from_str(envelope.data.get()).map_err(|_| NotTaken::Malformed)?)
        }
    };
    Ok(Some(Message { id: id.to_owned(), message_type, timestamp: envelope.timestamp, duty }))
}
