//! `GET /v1/directory`: all that a client must know before it hashes a number.

use actix_web::HttpRequest;
use serde::Serialize;

use super::answer::{self, Answer};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::KeyId;
use crate::domain::rejection::Rejection;
use crate::domain::text;
use crate::domain::time::{DAY, HOUR, Moment};
use crate::http::caller::Anyone;
use crate::http::query::Query;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::DirectoryEntry;

#[derive(Serialize)]
struct Directory {
    directory_key: String,
    key_id: KeyId,
    evaluator: Option<String>,
    calling_codes: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    calling_code: CallingCode,
    complete_since: Option<Moment>,
    through: Option<Moment>,
    aging_days: u32,
    max_lag_days: u32,
    freeze_within_hours: u32,
    detach_within_hours: u32,
    retained_since: Option<Moment>,
    epochs: Vec<Epoch>,
}

#[derive(Serialize)]
struct Epoch {
    epoch: u32,
    public_key: String,
    key_id: KeyId,
    accepted_until: Option<Moment>,
}

pub async fn get(_: Anyone, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let query = Query::read(&request, &["calling_code"])?;
    let only: Option<CallingCode> = query
        .get("calling_code")
        .map(str::parse)
        .transpose()
        .map_err(|refused: Rejection| refused.at("calling_code"))?;
    let directory_key = registry.directory_key();
    answer::ok(&Directory {
        directory_key: text::to_hex(directory_key.0.expose()),
        key_id: directory_key.kid(),
        evaluator: registry.evaluator(),
        calling_codes: registry.directory(only).into_iter().map(entry).collect(),
    })
}

fn entry(one: DirectoryEntry) -> Entry {
    let policy = &one.standing.policy;
    Entry {
        calling_code: one.calling_code,
        complete_since: one.standing.complete_since,
        through: one.standing.complete_since.map(|_| one.standing.through()),
        aging_days: policy.aging / DAY,
        max_lag_days: policy.max_lag / DAY,
        freeze_within_hours: policy.freeze_within / HOUR,
        detach_within_hours: policy.detach_within / HOUR,
        retained_since: one.standing.retained_since,
        epochs: one
            .epochs
            .into_iter()
            .map(|epoch| Epoch {
                epoch: epoch.epoch,
                public_key: text::to_hex(&epoch.public_key),
                key_id: epoch.kid,
                accepted_until: epoch.accepted_until,
            })
            .collect(),
    }
}
