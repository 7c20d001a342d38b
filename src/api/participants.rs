//! `/v1/participants`

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use crate::domain::calling_code::CallingCode;
use crate::domain::enrolment::Enrolment;
use crate::domain::participant::{Admin, Caller, Kind, Name, Participant, Permission, State};
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::Moment;
use crate::domain::verdict::NotCovered;
use crate::http::body::Body;
use crate::http::caller::Anyone;
use crate::http::query::Page;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::Enrolled;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    state: State,
    #[serde(default)]
    why: Option<String>,
}

#[derive(Serialize)]
struct View {
    name: Name,
    kind: Kind,
    display_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calling_codes: Option<Vec<CallingCode>>,
    #[serde(flatten)]
    app: Option<AppView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyView>,
    created_at: Moment,
}

#[derive(Serialize)]
struct AppView {
    accounts_declared: Option<u64>,
    close_account_url: Option<String>,
    recover_url: Option<String>,
    support_url: Option<String>,
    advice_not_covered: NotCovered,
}

#[derive(Serialize)]
struct KeyView {
    id: String,
    permissions: Vec<Permission>,
    expires_at: Option<Moment>,
}

pub async fn put(
    admin: Admin,
    name: Path<String>,
    Body(enrolment): Body<Enrolment>,
    registry: SharedRegistry,
) -> Answer {
    let name = Name::parse(&name).map_err(|refused| refused.at("name"))?;
    let (participant, enrolled) =
        registry.run(move |registry| registry.enroll(&admin, &name, &enrolment)).await?;
    let status = match enrolled {
        Enrolled::Created => StatusCode::CREATED,
        Enrolled::Updated => StatusCode::OK,
    };
    answer::json(status, &view(&participant))
}

pub async fn update(
    admin: Admin,
    name: Path<String>,
    Body(update): Body<Update>,
    registry: SharedRegistry,
) -> Answer {
    let name = named(&name)?;
    let participant = registry
        .run(move |registry| registry.set_state(&admin, &name, update.state, update.why.as_deref()))
        .await?;
    answer::ok(&view(&participant))
}

pub async fn list(admin: Admin, request: HttpRequest, registry: SharedRegistry) -> Answer {
    let page = Page::unfiltered(&request, &registry, admin.name().as_str(), "participants")?;
    let (before, limit) = (page.before_id(), page.limit);
    let rows = registry.run(move |registry| registry.participants(&admin, before, limit)).await?;
    answer::ok(&page.list(rows, |one| one.id.0.into(), |one| view(&one)))
}

pub async fn get(admin: Admin, name: Path<String>, registry: SharedRegistry) -> Answer {
    let name = named(&name)?;
    let one = registry.run(move |registry| registry.participant_named(&admin, &name)).await?;
    answer::ok(&view(&one))
}

pub async fn me(Anyone(caller): Anyone) -> Answer {
    answer::ok(&own_view(&caller))
}

/// A name in a path that can't be one names nobody.
pub(super) fn named(text: &str) -> Result<Name, Rejection> {
    Name::parse(text)
        .map_err(|_| Rejection::new(Code::NotFound, "There is no participant of this name."))
}

fn own_view(caller: &Caller) -> View {
    let key = KeyView {
        id: caller.key_id.clone(),
        permissions: caller.permissions.list(),
        expires_at: caller.expires_at,
    };
    View { key: Some(key), ..view(&caller.participant) }
}

fn view(participant: &Participant) -> View {
    let one = participant.clone();
    let own_organisation = one.organisation == one.name.as_str();
    View {
        name: one.name,
        kind: one.kind,
        display_name: one.display_name,
        organisation: (!own_organisation).then_some(one.organisation),
        state: one.state,
        why: one.state_why,
        calling_codes: (one.kind == Kind::Carrier).then_some(one.calling_codes),
        app: (one.kind == Kind::App).then_some(AppView {
            accounts_declared: one.accounts_declared,
            close_account_url: one.close_account_url,
            recover_url: one.recover_url,
            support_url: one.support_url,
            advice_not_covered: one.advice_not_covered,
        }),
        key: None,
        created_at: one.created_at,
    }
}
