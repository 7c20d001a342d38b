//! `/v1/calling-codes/{code}`

use actix_web::web::Path;
use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use crate::domain::calling_code::CallingCode;
use crate::domain::participant::{Admin, Name};
use crate::domain::policy::Zone;
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::rejection::Rejection;
use crate::domain::time::{DAY, HOUR, MINUTE, Moment};
use crate::http::body::Body;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{CallingCodeView, Declaration};

/// What the admin declares. `complete_since` must be there, if only as null: whoever leaves it out has
/// not said whether the calling code is covered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    #[serde(deserialize_with = "Option::deserialize")]
    complete_since: Option<Moment>,
    #[serde(default)]
    carriers: Vec<Name>,
    #[serde(default)]
    own_only: Vec<Name>,
    #[serde(default)]
    aging_days: Option<u32>,
    #[serde(default)]
    max_lag_days: Option<u32>,
    #[serde(default)]
    tolerance_minutes: Option<u32>,
    #[serde(default)]
    detach_after_days: Option<u32>,
    #[serde(default)]
    freeze_within_hours: Option<u32>,
    #[serde(default)]
    detach_within_hours: Option<u32>,
    #[serde(default)]
    zone_first: Option<Zone>,
    #[serde(default)]
    zone_last: Option<Zone>,
    #[serde(default)]
    zone: Option<Zone>,
}

#[derive(Serialize)]
struct View {
    calling_code: CallingCode,
    complete_since: Option<Moment>,
    carriers: Vec<Name>,
    through: Option<Moment>,
    own_only: Vec<Name>,
    aging_days: u32,
    max_lag_days: u32,
    tolerance_minutes: u32,
    detach_after_days: u32,
    freeze_within_hours: u32,
    detach_within_hours: u32,
    zone_first: Zone,
    zone_last: Zone,
    recomputing: bool,
    retained_since: Option<Moment>,
}

pub async fn put(
    admin: Admin,
    code: Path<String>,
    Body(declared): Body<Declared>,
    registry: SharedRegistry,
) -> Answer {
    let code = code_of(&code)?;
    let declaration = Declaration {
        complete_since: declared.complete_since,
        carriers: declared.carriers,
        own_only: declared.own_only,
        policy: PolicyTerms {
            aging_days: declared.aging_days,
            max_lag_days: declared.max_lag_days,
            tolerance_minutes: declared.tolerance_minutes,
            detach_after_days: declared.detach_after_days,
            freeze_within_hours: declared.freeze_within_hours,
            detach_within_hours: declared.detach_within_hours,
            zone_first: declared.zone_first,
            zone_last: declared.zone_last,
            zone: declared.zone,
        },
    };
    let view = registry.run(move |registry| registry.declare(&admin, code, &declaration)).await?;
    answer::ok(&shown(view))
}

pub async fn get(admin: Admin, code: Path<String>, registry: SharedRegistry) -> Answer {
    let code = code_of(&code)?;
    let view = registry.run(move |registry| registry.calling_code(&admin, code)).await?;
    answer::ok(&shown(view))
}

fn code_of(text: &str) -> Result<CallingCode, Rejection> {
    text.parse().map_err(|refused: Rejection| refused.at("code"))
}

fn shown(view: CallingCodeView) -> View {
    let policy = &view.standing.policy;
    View {
        calling_code: view.calling_code,
        complete_since: view.standing.complete_since,
        through: view.standing.complete_since.map(|_| view.standing.through()),
        carriers: view.carriers,
        own_only: view.own_only,
        aging_days: policy.aging / DAY,
        max_lag_days: policy.max_lag / DAY,
        tolerance_minutes: policy.tolerance / MINUTE,
        detach_after_days: policy.detach_after / DAY,
        freeze_within_hours: policy.freeze_within / HOUR,
        detach_within_hours: policy.detach_within / HOUR,
        zone_first: policy.zone_first,
        zone_last: policy.zone_last,
        recomputing: view.standing.recomputing,
        retained_since: view.standing.retained_since,
    }
}
