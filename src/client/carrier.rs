//! What a carrier calls: it publishes events, says how far it has reported, and asks before it gives
//! a number to somebody else.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::answer::{Item, Items, Summary};
use super::error::{Error, Problem};
use super::{Client, unknown, with_body};
use crate::domain::calling_code::CallingCode;
use crate::domain::clearance::Band;
use crate::domain::event::EventType;
use crate::domain::number::NumberText;
use crate::domain::time::{Day, Moment, Stated};

/// An event, as it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The carrier's own, 1 to 64 of `[A-Za-z0-9._:/-]`: under one id there is one event for ever.
    pub id: String,
    /// What it says.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Of which number: a digest or a token.
    pub number: NumberText,
    /// When it took effect,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Moment>,
    /// or the day, where no more is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_on: Option<Day>,
    /// The id of an earlier event, for `reinstated` and `retracted`, which have no time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
}

impl Event {
    /// An event that took effect at a time.
    pub fn new(
        id: impl Into<String>,
        event_type: EventType,
        number: NumberText,
        effective: Stated,
    ) -> Event {
        let (effective_at, effective_on) = match effective {
            Stated::At(moment) => (Some(moment), None),
            Stated::On(day) => (None, Some(day)),
        };
        Event { id: id.into(), event_type, number, effective_at, effective_on, undoes: None }
    }

    /// A `reinstated` or `retracted` event, which undoes an earlier one of the same number.
    pub fn undoing(
        id: impl Into<String>,
        event_type: EventType,
        number: NumberText,
        undoes: impl Into<String>,
    ) -> Event {
        let (id, undoes) = (id.into(), Some(undoes.into()));
        Event { id, event_type, number, effective_at: None, effective_on: None, undoes }
    }
}

/// What became of published events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Published {
    /// The log's head after them: a check with this as `at_least` knows of them.
    pub position: String,
    /// The watermark that now holds, where the batch said one; `None` where it didn't.
    pub through: Option<Moment>,
    /// How many of each outcome.
    pub summary: Summary,
    /// In the order of the request.
    pub items: Vec<Item<Noted>>,
}

/// An event that stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Noted {
    /// Its id.
    pub id: String,
    /// What is worth knowing about it, such as `uncorroborated`; to be shown, not acted on.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How far a carrier has reported about one calling code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Which.
    pub calling_code: CallingCode,
    /// All that took effect until then has been sent. An older one changes nothing.
    pub through: Moment,
    /// Since when every end of a `held` has been reported.
    #[serde(skip_serializing_if = "HoldsSince::is_as_before")]
    pub holds_since: HoldsSince,
}

/// What a carrier promises about the ends of its `held` events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Option<Moment>")]
pub enum HoldsSince {
    /// Whatever it promised before.
    #[default]
    AsBefore,
    /// Nothing.
    NoPromise,
    /// All of them have been reported since then.
    Since(Moment),
}

impl HoldsSince {
    fn is_as_before(&self) -> bool {
        *self == HoldsSince::AsBefore
    }
}

impl From<HoldsSince> for Option<Moment> {
    fn from(holds: HoldsSince) -> Option<Moment> {
        match holds {
            HoldsSince::AsBefore | HoldsSince::NoPromise => None,
            HoldsSince::Since(since) => Some(since),
        }
    }
}

/// What now holds of one carrier and one calling code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Which.
    pub calling_code: CallingCode,
    /// All that took effect until then has been sent, if anything was ever said.
    pub through: Option<Moment>,
    /// Since when every end of a `held` has been reported, if that was promised.
    pub holds_since: Option<Moment>,
}

/// May these numbers be given on?
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cleared {
    /// The log's head that this was read at.
    pub position: String,
    /// In the order of the request.
    pub items: Vec<ClearedItem>,
}

/// May this number be given on? Yes if it is [`Clearance::Clear`], and only then.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClearedItem {
    /// The answer; [`Clearance::Outstanding`] where there is none.
    #[serde(default)]
    pub clearance: Clearance,
    /// How many accounts are outstanding.
    #[serde(default, deserialize_with = "unknown::known")]
    pub band: Option<Band>,
    /// When to ask again.
    pub not_before: Option<Moment>,
    /// Why the number couldn't be judged.
    pub error: Option<Problem>,
}

/// Whether a number would open an old account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clearance {
    /// It opens none.
    Clear,
    /// It ages.
    TooEarly,
    /// The last thing known of it isn't an undisputed disconnect.
    NotVacant,
    /// Some app hasn't answered yet. An answer that this client doesn't know counts as this.
    #[default]
    #[serde(other)]
    Outstanding,
}

#[derive(Serialize)]
struct EventBatch<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<Moment>,
    items: &'a [Event],
}

#[derive(Serialize)]
struct Reissue {
    number: NumberText,
}

impl Client {
    /// Publishes up to 1,000 events. With `through`, all of one calling code, it moves the watermark
    /// too, unless an item is rejected. The same again does no harm.
    ///
    /// # Errors
    /// Those of the batch; what is wrong with one event is its item's.
    pub async fn publish(
        &self,
        events: &[Event],
        through: Option<Moment>,
    ) -> Result<Published, Error> {
        let request = with_body(Method::POST, "/v1/events", &EventBatch { through, items: events });
        self.raw(request).await?.json_of(events.len(), |answer: &Published| &answer.items)
    }

    /// Says how far the carrier has reported, for a night without events too.
    ///
    /// # Errors
    /// `calling_code_not_granted`, `time_in_future`, and those of every call.
    pub async fn cover(&self, coverage: &Coverage) -> Result<Covered, Error> {
        self.send(Method::PUT, "/v1/coverage", coverage).await
    }

    /// Asks about up to 1,000 numbers before they are given to somebody else, as of a position or
    /// later.
    ///
    /// # Errors
    /// `position_not_reached`, and those of the batch.
    pub async fn clearance(
        &self,
        numbers: &[NumberText],
        at_least: Option<&str>,
    ) -> Result<Cleared, Error> {
        let items: Vec<Reissue> =
            numbers.iter().map(|number| Reissue { number: *number }).collect();
        let body = Items { at_least, items: &items };
        let request = with_body(Method::POST, "/v1/clearance", &body);
        self.raw(request).await?.json_of(numbers.len(), |answer: &Cleared| &answer.items)
    }
}
