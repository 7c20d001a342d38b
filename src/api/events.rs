//! `POST /v1/events`

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer, ItemAnswer, Key, Summary};
use crate::domain::event::Note;
use crate::domain::participant::Carrier;
use crate::domain::time::Moment;
use crate::http::body::{Body, Items};
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Publication, Report};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    #[serde(default)]
    through: Option<Moment>,
    items: Items<Report>,
}

#[derive(Serialize)]
struct Published {
    position: String,
    through: Option<Moment>,
    summary: Summary,
    items: Vec<ItemAnswer<Notes>>,
}

#[derive(Serialize)]
struct Notes {
    notes: Vec<Note>,
}

pub async fn publish(
    carrier: Carrier,
    Body(events): Body<Events>,
    registry: SharedRegistry,
) -> Answer {
    let publication = Publication { through: events.through, items: events.items.0 };
    let receipt =
        registry.clone().run(move |registry| registry.publish(&carrier, publication)).await?;
    let (status, summary, items) = answer::batch(receipt.batch, Key::Id, |notes| Notes { notes });
    let position = registry.position_text(receipt.position);
    answer::json(status, &Published { position, through: receipt.through, summary, items })
}
