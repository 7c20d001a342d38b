//! `/v1/bindings`

use actix_web::HttpRequest;
use serde::{Deserialize, Serialize};

use super::answer::{self, Answer, Key, Plain};
use crate::domain::account_ref::AccountRef;
use crate::domain::binding::Change;
use crate::domain::duty::Demand;
use crate::domain::participant::App;
use crate::domain::time::Moment;
use crate::http::body::{Body, Items};
use crate::http::query::{List, Page, Query};
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Item, Put, Removal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Puts {
    items: Items<Put>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removals {
    items: Items<Removal>,
}

#[derive(Serialize)]
struct Bound {
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    handle: String,
    verified_at: Moment,
    demand: Demand,
    revision: u32,
}

#[derive(Serialize)]
struct Nothing {}

pub async fn put(app: App, Body(puts): Body<Puts>, registry: SharedRegistry) -> Answer {
    let items = puts.items.0;
    let is_named = |item: &Item<Put>| item.value.as_ref().is_ok_and(|put| !put.number.is_handle());
    let named = items.iter().any(is_named);
    let batch = registry.run(move |registry| registry.bind(&app, items)).await?;
    let (status, summary, items) = answer::batch(batch, Key::AccountRef, |placed| Bound {
        change: placed.change,
        handle: placed.handle,
        verified_at: placed.binding.verified_at,
        demand: placed.binding.duty.demand,
        revision: placed.binding.duty.revision,
    });
    let answer = answer::json(status, &Plain { summary, items })?;
    Ok(if named { answer::spent(answer) } else { answer })
}

pub async fn remove(app: App, Body(removals): Body<Removals>, registry: SharedRegistry) -> Answer {
    let items = removals.items.0;
    let batch = registry.run(move |registry| registry.remove(&app, items)).await?;
    let (status, summary, items) = answer::batch(batch, Key::AccountRef, |_| Nothing {});
    answer::json(status, &Plain { summary, items })
}

pub async fn list(app: App, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let query = Query::read(&request, &["account_ref", "limit", "after"])?;
    if let Some(account) = query.get("account_ref") {
        let account: AccountRef = account
            .parse()
            .map_err(|refused: crate::domain::rejection::Rejection| refused.at("account_ref"))?;
        let found = registry.run(move |registry| registry.binding(&app, &account)).await?;
        return answer::ok(&List::whole(found.into_iter().collect()));
    }
    let page = Page::read(&query, &registry, app.name().as_str(), "bindings")?;
    let (before, limit) = (page.before_id(), page.limit);
    let rows = registry.run(move |registry| registry.bindings(&app, before, limit)).await?;
    answer::ok(&page.list(rows, |row| row.id, |row| row.state))
}
