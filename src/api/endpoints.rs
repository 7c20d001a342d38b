//! `/v1/endpoints`

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use super::deliveries;
use crate::domain::participant::App;
use crate::domain::time::Moment;
use crate::http::body::Body;
use crate::http::query::{Page, place_of};
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{EndpointChange, EndpointState, EndpointView, Wanted};

/// How much longer a test waits for its first try than the longest attempt takes.
const TEST_MARGIN: Duration = Duration::from_secs(2);
/// How often a test looks, should a bell have been missed.
const TEST_LOOK_MS: u64 = 250;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    #[serde(default)]
    overlap_hours: Option<u32>,
}

#[derive(Serialize)]
struct View {
    id: String,
    url: String,
    state: EndpointState,
    types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<Moment>,
    created_at: Moment,
    pending: i64,
    dead: i64,
    failing_since: Option<Moment>,
}

pub async fn create(app: App, Body(wanted): Body<Wanted>, registry: SharedRegistry) -> Answer {
    let made = registry.run(move |registry| registry.subscribe(&app, &wanted)).await?;
    answer::json(StatusCode::CREATED, &view(made))
}

pub async fn list(app: App, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let page = Page::unfiltered(&request, &registry, app.name().as_str(), "endpoints")?;
    let all = registry.run(move |registry| registry.endpoints(&app)).await?;
    answer::ok(&page.part(all, |one| place_of(one.endpoint.id.0), view))
}

pub async fn get(app: App, id: Path<String>, registry: SharedRegistry) -> Answer {
    let one = registry.run(move |registry| registry.endpoint(&app, &id)).await?;
    answer::ok(&view(one))
}

pub async fn update(
    app: App,
    id: Path<String>,
    Body(change): Body<EndpointChange>,
    registry: SharedRegistry,
) -> Answer {
    let one = registry.run(move |registry| registry.change_endpoint(&app, &id, &change)).await?;
    answer::ok(&view(one))
}

pub async fn delete(app: App, id: Path<String>, registry: SharedRegistry) -> Answer {
    registry.run(move |registry| registry.unsubscribe(&app, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub async fn rotate_secret(
    app: App,
    id: Path<String>,
    Body(rotation): Body<Rotation>,
    registry: SharedRegistry,
) -> Answer {
    let hours = rotation.overlap_hours;
    let rotated = registry.run(move |registry| registry.rotate_secret(&app, &id, hours)).await?;
    let until = rotated.endpoint.old_secret_until.map(Moment::from_unix_ms);
    answer::ok(&View { old_secret_until: until, ..view(rotated) })
}

/// Answers after the first try, which the real worker makes.
pub async fn test(app: App, id: Path<String>, registry: SharedRegistry) -> Answer {
    let tested = app.clone();
    let (delivery, state) =
        registry.clone().run(move |registry| registry.test_endpoint(&tested, &id)).await?;
    let bell = registry.settled_bell();
    let patience = tokio::time::Instant::now() + registry.0.limits.attempt_max + TEST_MARGIN;
    loop {
        let (app, delivery) = (app.clone(), delivery.clone());
        let there = registry.clone();
        let followed = there.run(move |registry| registry.delivery_of(&app, &delivery)).await?;
        let tried = !followed.attempts.is_empty();
        let kept = state == EndpointState::Disabled;
        if tried || kept || tokio::time::Instant::now() >= patience {
            return answer::ok(&deliveries::view(followed));
        }
        let look = Duration::from_millis(TEST_LOOK_MS);
        // Whether it rang or not, the next look decides.
        if tokio::time::timeout(look, bell.notified()).await.is_err() {
            continue;
        }
    }
}

fn view(one: EndpointView) -> View {
    let endpoint = one.endpoint;
    View {
        id: endpoint.public_id,
        url: endpoint.url,
        state: endpoint.state,
        types: endpoint.types,
        secret: one.secret.map(|secret| secret.text().to_string()),
        old_secret_until: None,
        created_at: Moment::from_unix_ms(endpoint.created_at),
        pending: one.pending,
        dead: one.dead,
        failing_since: endpoint.failing_since.map(Moment::from_unix_ms),
    }
}
