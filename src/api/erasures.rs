//! `POST /v1/erasures`

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use crate::domain::number::NumberText;
use crate::domain::participant::Admin;
use crate::http::body::Body;
use crate::http::shared_registry::SharedRegistry;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    number: NumberText,
}

#[derive(Serialize)]
struct Erased {
    position: String,
}

pub async fn erase(
    admin: Admin,
    Body(Erasure { number }): Body<Erasure>,
    registry: SharedRegistry,
) -> Answer {
    let erased = registry.clone().run(move |registry| registry.erase(&admin, &number));
    let position = erased.await?;
    answer::ok(&Erased { position: registry.position_text(position) })
}
