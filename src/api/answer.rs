//! The shapes that several calls answer in.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

use crate::domain::rejection::Rejection;
use crate::http::failure::Failure;
use crate::http::limits::Spent;
use crate::http::problem::ItemError;
use crate::registry::{Batch, Outcome};

/// What a handler returns.
pub(super) type Answer = Result<HttpResponse, Failure>;

/// 200 with a JSON body.
pub(super) fn ok(body: &impl Serialize) -> Answer {
    json(StatusCode::OK, body)
}

/// A JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    Ok(HttpResponse::build(status).json(body))
}

/// The same answer; it tells what is left of the budget that was spent from.
pub(super) fn spent(mut answer: HttpResponse) -> HttpResponse {
    answer.extensions_mut().insert(Spent);
    answer
}

/// How many items of a batch were accepted, duplicates, and rejected.
#[derive(Serialize)]
pub(super) struct Summary {
    accepted: usize,
    duplicate: usize,
    rejected: usize,
}

/// One item of a batch's answer: its own key, what became of it, and what `T` adds.
#[derive(Serialize)]
pub(super) struct ItemAnswer<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_ref: Option<Option<String>>,
    outcome: &'static str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    more: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ItemError>,
}

/// Which member holds an item's key.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Id,
    AccountRef,
}

/// 200 when nothing was rejected, 207 (RFC 4918, section 11.1) when something was.
pub(super) fn status_of(rejected: usize) -> StatusCode {
    if rejected == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS }
}

/// A batch's answer, each item with what `more` makes of its outcome.
pub(super) fn batch<T, M: Serialize>(
    batch: Batch<T>,
    key: Key,
    more: impl Fn(T) -> M,
) -> (StatusCode, Summary, Vec<ItemAnswer<M>>) {
    let (accepted, duplicate, rejected) = batch.summary();
    let items = batch.items.into_iter().enumerate().map(|(place, (own, outcome))| {
        let (id, account_ref) = match key {
            Key::Id => (Some(own), None),
            Key::AccountRef => (None, Some(own)),
        };
        let (outcome, more, error) = match outcome {
            Outcome::Accepted(value) => ("accepted", Some(more(value)), None),
            Outcome::Duplicate(value) => ("duplicate", value.map(&more), None),
            Outcome::Rejected(rejection) => {
                ("rejected", None, Some(ItemError::new(&rejection, place)))
            }
        };
        ItemAnswer { id, account_ref, outcome, more, error }
    });
    (status_of(rejected), Summary { accepted, duplicate, rejected }, items.collect())
}

/// A batch's answer where nothing stands beside summary and items.
#[derive(Serialize)]
pub(super) struct Plain<M> {
    pub(super) summary: Summary,
    pub(super) items: Vec<ItemAnswer<M>>,
}

/// The error of an item that has no outcome.
pub(super) fn item_error(rejection: &Rejection, place: usize) -> ItemError {
    ItemError::new(rejection, place)
}
