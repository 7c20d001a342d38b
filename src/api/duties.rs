//! `GET /v1/duties` and `POST /v1/acknowledgements`

use actix_web::HttpRequest;
use serde::{Deserialize, Serialize};

use super::answer::{self, Answer, Key, Plain};
use crate::domain::duty::{Demand, Response};
use crate::domain::participant::App;
use crate::domain::time::Moment;
use crate::http::body::{Body, Items};
use crate::http::query::{Flag, Page, Query};
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Acknowledgement, DutyFilter};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgements {
    items: Items<Acknowledgement>,
}

#[derive(Serialize)]
struct Acknowledged {
    revision: u32,
    demand: Demand,
    response: Response,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<Moment>,
}

pub async fn list(app: App, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let query = Query::read(&request, &["open", "overdue", "limit", "after"])?;
    let page = Page::read(&query, &registry, app.name().as_str(), "duties")?;
    let filter = match (query.flag("open")?, query.flag("overdue")?) {
        (Flag::Off, Flag::Off) => DutyFilter::WithDuty,
        (Flag::On, Flag::Off) => DutyFilter::Open,
        (Flag::Off, Flag::On) => DutyFilter::Overdue,
        (Flag::On, Flag::On) => DutyFilter::OpenAndOverdue,
    };
    let (before, limit) = (page.before_id(), page.limit);
    let rows = registry.run(move |registry| registry.duties(&app, filter, before, limit)).await?;
    answer::ok(&page.list(rows, |row| row.id, |row| row.state))
}

pub async fn acknowledge(
    app: App,
    Body(acknowledgements): Body<Acknowledgements>,
    registry: SharedRegistry,
) -> Answer {
    let items = acknowledgements.items.0;
    let batch = registry.run(move |registry| registry.acknowledge(&app, items)).await?;
    let (status, summary, items) = answer::batch(batch, Key::AccountRef, |answered| {
        let duty = answered.binding.duty;
        Acknowledged {
            revision: duty.revision,
            demand: duty.demand,
            response: duty.response,
            verified_at: answered.handle.as_ref().map(|_| answered.binding.verified_at),
            handle: answered.handle,
        }
    });
    answer::json(status, &Plain { summary, items })
}
