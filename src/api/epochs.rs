//! `/v1/epochs`

use actix_web::HttpRequest;
use actix_web::web::Path;
use serde::Serialize;

use super::answer::{self, Answer};
use crate::domain::generation::State;
use crate::domain::participant::Admin;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::Moment;
use crate::http::query::Page;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{EpochView, Held};

#[derive(Serialize)]
struct View {
    epoch: u32,
    state: State,
    active_since: Option<Moment>,
    accepted_until: Option<Moment>,
    held: bool,
}

pub async fn list(admin: Admin, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let page = Page::unfiltered(&request, &registry, admin.name().as_str(), "epochs")?;
    let all = registry.run(move |registry| registry.epochs(&admin)).await?;
    // An epoch has three digits at most.
    answer::ok(&page.part(all, |one| format!("{:03}", one.number), view))
}

pub async fn activate(admin: Admin, epoch: Path<String>, registry: SharedRegistry) -> Answer {
    let epoch = number(&epoch)?;
    answer::ok(&view(registry.run(move |registry| registry.activate_epoch(&admin, epoch)).await?))
}

pub async fn retire(admin: Admin, epoch: Path<String>, registry: SharedRegistry) -> Answer {
    let epoch = number(&epoch)?;
    answer::ok(&view(registry.run(move |registry| registry.retire_epoch(&admin, epoch)).await?))
}

fn number(text: &str) -> Result<u32, Rejection> {
    text.parse().map_err(|_| {
        Rejection::new(Code::NotFound, "There is no epoch of this name; it is a number from 1.")
            .at("epoch")
    })
}

fn view(epoch: EpochView) -> View {
    View {
        epoch: epoch.number,
        state: epoch.state,
        active_since: epoch.active_since,
        accepted_until: epoch.accepted_until,
        held: epoch.held == Held::Here,
    }
}
