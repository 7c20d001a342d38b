//! `/v1/participants/{name}/keys`, for the admin, and `/v1/participants/me/keys`, for a participant
//! itself.

use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use super::participants::named;
use crate::domain::enrolment::KeyWish;
use crate::domain::participant::{Admin, Participant, Permission};
use crate::domain::time::Moment;
use crate::http::body::Body;
use crate::http::caller::Manager;
use crate::http::failure::Failure;
use crate::http::query::Page;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::ApiKey;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// When it ends; null: never. Left out it would be neither.
    #[serde(deserialize_with = "Option::deserialize")]
    expires_at: Option<Moment>,
}

#[derive(Serialize)]
struct View {
    id: String,
    label: String,
    permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    created_at: Moment,
    expires_at: Option<Moment>,
    last_used_at: Option<Moment>,
}

pub async fn list(
    admin: Admin,
    name: Path<String>,
    request: HttpRequest,
    registry: SharedRegistry,
) -> Answer {
    let list = format!("keys of {}", *name);
    let page = Page::unfiltered(&request, &registry, admin.name().as_str(), &list)?;
    list_of(owner(admin, &name, &registry).await?, &page, registry).await
}

pub async fn list_own(
    Manager(caller): Manager,
    request: HttpRequest,
    registry: SharedRegistry,
) -> Answer {
    let owner = (*caller.participant).clone();
    let page = Page::unfiltered(&request, &registry, owner.name.as_str(), "keys")?;
    list_of(owner, &page, registry).await
}

pub async fn issue(
    admin: Admin,
    name: Path<String>,
    Body(wish): Body<KeyWish>,
    registry: SharedRegistry,
) -> Answer {
    issue_to(owner(admin, &name, &registry).await?, wish, registry).await
}

pub async fn issue_own(
    Manager(caller): Manager,
    Body(wish): Body<KeyWish>,
    registry: SharedRegistry,
) -> Answer {
    issue_to((*caller.participant).clone(), wish, registry).await
}

pub async fn update(
    admin: Admin,
    path: Path<(String, String)>,
    Body(update): Body<Update>,
    registry: SharedRegistry,
) -> Answer {
    let (name, id) = path.into_inner();
    update_of(owner(admin, &name, &registry).await?, id, update, registry).await
}

pub async fn update_own(
    Manager(caller): Manager,
    id: Path<String>,
    Body(update): Body<Update>,
    registry: SharedRegistry,
) -> Answer {
    update_of((*caller.participant).clone(), id.into_inner(), update, registry).await
}

pub async fn revoke(
    admin: Admin,
    path: Path<(String, String)>,
    registry: SharedRegistry,
) -> Answer {
    let (name, id) = path.into_inner();
    revoke_of(owner(admin, &name, &registry).await?, id, registry).await
}

pub async fn revoke_own(
    Manager(caller): Manager,
    id: Path<String>,
    registry: SharedRegistry,
) -> Answer {
    revoke_of((*caller.participant).clone(), id.into_inner(), registry).await
}

async fn owner(
    admin: Admin,
    name: &str,
    registry: &SharedRegistry,
) -> Result<Participant, Failure> {
    let name = named(name)?;
    registry.clone().run(move |registry| registry.participant_named(&admin, &name)).await
}

async fn list_of(owner: Participant, page: &Page, registry: SharedRegistry) -> Answer {
    let keys = registry.run(move |registry| registry.keys_of(&owner)).await?;
    answer::ok(&page.part(keys, |key| key.id.clone(), view))
}

async fn issue_to(owner: Participant, wish: KeyWish, registry: SharedRegistry) -> Answer {
    let issued = registry.run(move |registry| registry.issue_key(&owner, &wish)).await?;
    answer::json(StatusCode::CREATED, &View { key: Some(issued.text), ..view(issued.key) })
}

async fn update_of(
    owner: Participant,
    id: String,
    update: Update,
    registry: SharedRegistry,
) -> Answer {
    let key =
        registry.run(move |registry| registry.expire_key(&owner, &id, update.expires_at)).await?;
    answer::ok(&view(key))
}

async fn revoke_of(owner: Participant, id: String, registry: SharedRegistry) -> Answer {
    registry.run(move |registry| registry.revoke_key(&owner, &id)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn view(key: ApiKey) -> View {
    View {
        id: key.id,
        label: key.label,
        permissions: key.permissions.list(),
        key: None,
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used_at,
    }
}
