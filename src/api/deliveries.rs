//! `/v1/deliveries`

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde::Serialize;

use super::answer::{self, Answer};
use crate::domain::duty::MessageType;
use crate::domain::participant::App;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::Moment;
use crate::http::query::{Page, Query};
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{DeliveryState, Followed, FollowedAttempt, ShownDeliveries};

#[derive(Serialize)]
pub(super) struct View {
    id: String,
    message: String,
    endpoint: String,
    r#type: MessageType,
    state: DeliveryState,
    next_attempt_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<Attempt>>,
}

#[derive(Serialize)]
struct Attempt {
    at: Moment,
    took_ms: i64,
    status: Option<i32>,
    answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub async fn list(app: App, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let query = Query::read(&request, &["state", "endpoint", "limit", "after"])?;
    let page = Page::read(&query, &registry, app.name().as_str(), "deliveries")?;
    let shown = ShownDeliveries {
        state: query.get("state").map(state_of).transpose()?,
        endpoint: query.get("endpoint").map(str::to_owned),
    };
    let (before, limit) = (page.before_id(), page.limit);
    let rows =
        registry.run(move |registry| registry.deliveries(&app, &shown, before, limit)).await?;
    let row = |one| View { attempts: None, ..view(one) };
    answer::ok(&page.list(rows, |one| one.delivery.id.0, row))
}

pub async fn get(app: App, id: Path<String>, registry: SharedRegistry) -> Answer {
    let one = registry.run(move |registry| registry.delivery_of(&app, &id)).await?;
    answer::ok(&view(one))
}

pub async fn resend(app: App, id: Path<String>, registry: SharedRegistry) -> Answer {
    let one = registry.run(move |registry| registry.resend(&app, &id)).await?;
    answer::json(StatusCode::ACCEPTED, &view(one))
}

fn state_of(text: &str) -> Result<DeliveryState, Rejection> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|_| {
        let detail = "This must be one of pending delivered superseded dead.";
        Rejection::new(Code::ValueNotAllowed, detail).at("state")
    })
}

pub(super) fn view(one: Followed) -> View {
    let delivery = one.delivery;
    let attempts = one.attempts.into_iter().map(|FollowedAttempt { attempt, answer }| Attempt {
        at: Moment::from_unix_ms(attempt.at),
        took_ms: attempt.took_ms,
        status: attempt.status,
        answer,
        error: attempt.error,
    });
    View {
        id: delivery.public_id,
        message: delivery.message_id,
        endpoint: one.endpoint,
        r#type: delivery.kind,
        state: delivery.state,
        next_attempt_at: delivery.next_attempt_at.map(Moment::from_unix_ms),
        attempts: Some(attempts.collect()),
    }
}
