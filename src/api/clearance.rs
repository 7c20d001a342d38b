//! `POST /v1/clearance`

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use super::checks;
use crate::domain::clearance::Clearance;
use crate::domain::participant::Carrier;
use crate::http::body::{Body, Items};
use crate::http::problem::ItemError;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::Reissue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reissues {
    items: Items<Reissue>,
    #[serde(default)]
    at_least: Option<String>,
}

#[derive(Serialize)]
struct Cleared {
    position: String,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item {
    Answered(Clearance),
    Refused { error: ItemError },
}

pub async fn ask(
    carrier: Carrier,
    Body(reissues): Body<Reissues>,
    registry: SharedRegistry,
) -> Answer {
    let at_least = reissues.at_least.map(|text| checks::position(&registry, &text)).transpose()?;
    let cleared = registry
        .clone()
        .run(move |registry| registry.clear(&carrier, &reissues.items.0, at_least))
        .await?;
    let refused = cleared.answers.iter().filter(|one| one.is_err()).count();
    let items = cleared.answers.into_iter().enumerate().map(|(place, one)| match one {
        Ok(clearance) => Item::Answered(clearance),
        Err(rejection) => Item::Refused { error: answer::item_error(&rejection, place) },
    });
    let items = items.collect();
    let position = registry.position_text(cleared.position);
    answer::json(answer::status_of(refused), &Cleared { position, items })
}
