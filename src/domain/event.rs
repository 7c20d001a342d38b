//! What carriers say: one carrier, one number, one fact. An accepted event is a *statement*.

use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::enumeration::enumeration;
use super::rejection::{Code, Rejection};
use super::time::Stated;
use super::unsaid::unsaid;

/// Characters of a carrier's event id, at most.
pub const EVENT_ID_CHARS_MAX: usize = 64;

/// A participant's id in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParticipantId(pub i32);

enumeration! {
    /// The six kinds of events.
    EventType {
        /// The subscriber lost the number for good; aging begins.
        Disconnected = 1 "disconnected",
        /// From then on somebody holds it who is not the one before.
        Reassigned = 2 "reassigned",
        /// From then on one and the same subscriber holds it, and every end will be reported.
        Held = 3 "held",
        /// The subscriber took it to another carrier; this one no longer speaks for it.
        PortedOut = 4 "ported_out",
        /// The same subscriber has it back: undoes an own `disconnected`.
        Reinstated = 5 "reinstated",
        /// An own earlier event of the first four types was an error.
        Retracted = 6 "retracted",
    }
}

enumeration! {
    /// What is worth telling a carrier about an accepted event; true when written.
    Note {
        /// Another carrier vouches that the number stayed with one subscriber of its own.
        Contested = 1 "contested",
        /// Nothing of this carrier's, on this number, that it could undo has the id it names.
        NamesNothing = 2 "names_nothing",
        /// A reassignment without a disconnect long enough before it, or a disconnect of a number
        /// that never began with this carrier.
        Uncorroborated = 3 "uncorroborated",
    }
}

/// A carrier's own id of an event: 1 to 64 of `[A-Za-z0-9._:/-]`, kept for ever.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct EventId(String);

impl EventId {
    /// The id as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// # Errors
/// `value_not_allowed`.
impl FromStr for EventId {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<EventId, Rejection> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte);
        if (1..=EVENT_ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(EventId(text.to_owned()));
        }
        let detail = "An event id must be 1 to 64 characters of A-Z a-z 0-9 . _ : / -";
        Err(Rejection::new(Code::ValueNotAllowed, detail))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EventId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An event id as it is kept: sealed, since a carrier may build it from a number. Sealing is
/// deterministic per carrier, so equal bytes are equal ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealedId(pub Vec<u8>);

/// An accepted event about the number at hand. `carrier` and `id` are its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Who says it.
    pub carrier: ParticipantId,
    /// Under which id.
    pub id: SealedId,
    /// What.
    pub says: Says,
}

/// What a statement says. Equal means: the same content, sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// [`EventType::Disconnected`]
    Disconnected(Stated),
    /// [`EventType::Reassigned`]
    Reassigned(Stated),
    /// [`EventType::Held`]
    Held(Stated),
    /// [`EventType::PortedOut`]
    PortedOut(Stated),
    /// [`EventType::Reinstated`]
    Reinstated {
        /// The disconnect.
        undoes: SealedId,
    },
    /// [`EventType::Retracted`]
    Retracted {
        /// The error.
        undoes: SealedId,
    },
}

impl EventType {
    /// Whether it undoes another, and has no time of its own.
    pub fn undoes(self) -> bool {
        matches!(self, EventType::Reinstated | EventType::Retracted)
    }
}

impl Says {
    /// Puts the parts together as an API member or a database row has them: a time for the first
    /// four types, `undoes` for the other two, and never both. `None` if they do not fit.
    pub fn from_parts(
        event_type: EventType,
        stated: Option<Stated>,
        undoes: Option<SealedId>,
    ) -> Option<Says> {
        match (event_type, stated, undoes) {
            (EventType::Disconnected, Some(stated), None) => Some(Says::Disconnected(stated)),
            (EventType::Reassigned, Some(stated), None) => Some(Says::Reassigned(stated)),
            (EventType::Held, Some(stated), None) => Some(Says::Held(stated)),
            (EventType::PortedOut, Some(stated), None) => Some(Says::PortedOut(stated)),
            (EventType::Reinstated, None, Some(undoes)) => Some(Says::Reinstated { undoes }),
            (EventType::Retracted, None, Some(undoes)) => Some(Says::Retracted { undoes }),
            _ => None,
        }
    }

    /// Its type.
    pub fn event_type(&self) -> EventType {
        match self {
            Says::Disconnected(_) => EventType::Disconnected,
            Says::Reassigned(_) => EventType::Reassigned,
            Says::Held(_) => EventType::Held,
            Says::PortedOut(_) => EventType::PortedOut,
            Says::Reinstated { .. } => EventType::Reinstated,
            Says::Retracted { .. } => EventType::Retracted,
        }
    }

    /// The time, unless it undoes.
    pub fn stated(&self) -> Option<Stated> {
        match self {
            Says::Disconnected(stated)
            | Says::Reassigned(stated)
            | Says::Held(stated)
            | Says::PortedOut(stated) => Some(*stated),
            Says::Reinstated { .. } | Says::Retracted { .. } => None,
        }
    }

    /// The id of what it undoes, if it does.
    pub fn undoes(&self) -> Option<&SealedId> {
        match self {
            Says::Reinstated { undoes } | Says::Retracted { undoes } => Some(undoes),
            Says::Disconnected(_) | Says::Reassigned(_) | Says::Held(_) | Says::PortedOut(_) => {
                None
            }
        }
    }
}

unsaid! { EventId }
