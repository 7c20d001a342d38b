//! `POST /v1/check` and `POST /v1/checks`. `advice` is the first member of every answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::{self, Answer};
use crate::domain::number::NumberText;
use crate::domain::participant::App;
use crate::domain::time::Moment;
use crate::domain::verdict::{Advice, Reason};
use crate::http::body::{Body, Items};
use crate::http::problem::ItemError;
use crate::http::shared_registry::SharedRegistry;
use crate::registry::{Delay, Question, Verdict};

/// How late the slow test number answers.
const SLOW_SECONDS: u64 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    number: NumberText,
    #[serde(default)]
    verified_at: Option<Moment>,
    #[serde(default)]
    at_least: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    items: Items<Question>,
    #[serde(default)]
    at_least: Option<String>,
}

#[derive(Serialize)]
struct Answered {
    advice: Advice,
    answer: crate::domain::verdict::Answer,
    reason: Reason,
    covered_since: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item {
    Answered(Answered),
    Refused { advice: Advice, error: ItemError },
}

#[derive(Serialize)]
struct AllAnswered {
    position: String,
    summary: Counts,
    items: Vec<Item>,
}

#[derive(Default, Serialize)]
struct Counts {
    allow: usize,
    step_up: usize,
    freeze: usize,
}

pub async fn check(app: App, Body(check): Body<Check>, registry: SharedRegistry) -> Answer {
    let at_least = check.at_least.map(|text| position(&registry, &text)).transpose()?;
    let named = !check.number.is_handle();
    let question = Question { number: check.number, verified_at: check.verified_at };
    let checked = match registry.check_now(&app, &question, at_least) {
        Some(checked) => checked?,
        None => {
            let there = registry.clone();
            there.run(move |registry| registry.check(&app, &question, at_least)).await?
        }
    };
    if checked.answers.delay == Delay::FiveSeconds {
        tokio::time::sleep(Duration::from_secs(SLOW_SECONDS)).await;
    }
    let position = registry.position_text(checked.position);
    let answer = answer::ok(&Answered { position: Some(position), ..answered(&checked.answers) })?;
    Ok(if named { answer::spent(answer) } else { answer })
}

pub async fn check_all(app: App, Body(checks): Body<Checks>, registry: SharedRegistry) -> Answer {
    let at_least = checks.at_least.map(|text| position(&registry, &text)).transpose()?;
    let is_named = |item: &crate::registry::Item<Question>| {
        item.value.as_ref().is_ok_and(|question| !question.number.is_handle())
    };
    let named = checks.items.0.iter().any(is_named);
    let checked = registry
        .clone()
        .run(move |registry| registry.check_all(&app, &checks.items.0, at_least))
        .await?;
    let late = |one: &Result<Verdict, _>| {
        one.as_ref().is_ok_and(|verdict| verdict.delay == Delay::FiveSeconds)
    };
    if checked.answers.iter().any(late) {
        tokio::time::sleep(Duration::from_secs(SLOW_SECONDS)).await;
    }
    let mut summary = Counts::default();
    let mut refused = 0;
    let items = checked.answers.iter().enumerate().map(|(place, one)| {
        let item = match one {
            Ok(verdict) => Item::Answered(answered(verdict)),
            Err(rejection) => {
                refused += 1;
                let error = answer::item_error(rejection, place);
                Item::Refused { advice: Advice::StepUp, error }
            }
        };
        match one.as_ref().map_or(Advice::StepUp, |verdict| verdict.advice) {
            Advice::Allow => summary.allow += 1,
            Advice::StepUp => summary.step_up += 1,
            Advice::Freeze => summary.freeze += 1,
        }
        item
    });
    let items = items.collect();
    let position = registry.position_text(checked.position);
    let all = AllAnswered { position, summary, items };
    let answer = answer::json(answer::status_of(refused), &all)?;
    Ok(if named { answer::spent(answer) } else { answer })
}

pub(super) fn position(
    registry: &SharedRegistry,
    text: &str,
) -> Result<crate::domain::position::Position, crate::domain::rejection::Rejection> {
    registry.position(text).map_err(|refused| refused.at("/at_least"))
}

fn answered(verdict: &Verdict) -> Answered {
    Answered {
        advice: verdict.advice,
        answer: verdict.answer,
        reason: verdict.reason,
        covered_since: verdict.covered_since,
        position: None,
    }
}
