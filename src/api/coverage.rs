//! `PUT /v1/coverage`

use serde::{Deserialize, Deserializer, Serialize};

use super::answer::{self, Answer};
use crate::domain::calling_code::CallingCode;
use crate::domain::participant::Carrier;
use crate::domain::time::Moment;
use crate::http::body::Body;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Coverage, Given};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    calling_code: CallingCode,
    through: Moment,
    #[serde(default, deserialize_with = "given")]
    holds_since: Given<Moment>,
}

#[derive(Serialize)]
struct Holds {
    calling_code: CallingCode,
    through: Moment,
    holds_since: Option<Moment>,
}

pub async fn put(carrier: Carrier, Body(said): Body<Said>, registry: SharedRegistry) -> Answer {
    let coverage = Coverage {
        calling_code: said.calling_code,
        through: Some(said.through),
        holds_since: said.holds_since,
    };
    let reported = registry.run(move |registry| registry.cover(&carrier, coverage)).await?;
    answer::ok(&Holds {
        calling_code: said.calling_code,
        through: reported.through.unwrap_or(Moment::ZERO),
        holds_since: reported.holds_since,
    })
}

/// A member that is there, null or not.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Given<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
