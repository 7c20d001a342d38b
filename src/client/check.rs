//! The question at a login: has the number changed hands?
//!
//! Let in if, and only if, the status is 200 and `advice` is the string `allow`. Here this one rule is
//! applied: everything else, no answer included, becomes `step_up`.

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer::{Answer as HttpAnswer, Items};
use super::error::{Error, Problem};
use super::{CHECK_TIMEOUT, Client, unknown, with_body};
use crate::domain::number::NumberText;
use crate::domain::time::Moment;
use crate::domain::verdict::{Advice, Answer};

/// Has this number changed hands? A handle is the whole question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// A handle, or, for an account that isn't bound, a digest or token.
    pub number: NumberText,
    /// Beside a digest or token, and only there: when the app last knew its user to hold the number
    /// by something else than a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Moment>,
}

impl From<NumberText> for Question {
    fn from(handle: NumberText) -> Question {
        Question { number: handle, verified_at: None }
    }
}

/// What to do at a login. `advice` is always there: whatever goes wrong, it is `step_up`. Why is
/// told beside it, for people, and as an `E` if nothing was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked<E> {
    /// Let in whoever has the code if, and only if, this is [`Advice::Allow`].
    pub advice: Advice,
    /// What the registry knows.
    pub told: Result<Told, E>,
}

/// What a check tells beside the advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether the number changed hands.
    #[serde(default = "cannot_tell", deserialize_with = "unknown::answer")]
    pub answer: Answer,
    /// Why; to be shown, not acted on.
    pub reason: Option<String>,
    /// Since when its calling code is covered as a whole.
    pub covered_since: Option<Moment>,
    /// The log's head that this was read at. In a batch it stands beside the items.
    pub position: Option<String>,
    /// To be stored in place of the handle that was asked with.
    pub handle: Option<NumberText>,
}

/// The answers to many questions, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The log's head that all were read at.
    pub position: Option<String>,
    /// As many as were asked.
    pub items: Vec<Checked<Problem>>,
}

impl Client {
    /// Asks whether a number has changed hands, as of a position or later. Never fails: without an
    /// answer within [`CHECK_TIMEOUT`] the advice is `step_up`.
    pub async fn check(
        &self,
        question: impl Into<Question>,
        at_least: Option<&str>,
    ) -> Checked<Error> {
        let body = OneQuestion { question: question.into(), at_least };
        let request = with_body(Method::POST, "/v1/check", &body);
        let answer = self.exchange(request, self.timeout.min(CHECK_TIMEOUT)).await;
        answer.and_then(|answer| verdict(&answer)).unwrap_or_else(Checked::step_up)
    }

    /// Asks up to 1,000 questions at once. Each item's advice is as good as that of [`Client::check`];
    /// an error means `step_up` for all.
    ///
    /// # Errors
    /// `items_out_of_range`, `position_not_reached`, and those of every call.
    pub async fn checks(
        &self,
        questions: &[Question],
        at_least: Option<&str>,
    ) -> Result<Checks, Error> {
        let body = Items { at_least, items: questions };
        let answer = self.raw(with_body(Method::POST, "/v1/checks", &body)).await?;
        if !matches!(answer.status, StatusCode::OK | StatusCode::MULTI_STATUS) {
            return Err(answer.refusal());
        }
        let told = answer.json_of(questions.len(), |answer: &Verdicts| &answer.items)?;
        Ok(Checks {
            position: told.position,
            items: told.items.into_iter().map(ItemVerdict::checked).collect(),
        })
    }
}

impl<E> Checked<E> {
    /// What to do when nothing is known.
    fn step_up(because: E) -> Checked<E> {
        Checked { advice: Advice::StepUp, told: Err(because) }
    }
}

#[derive(Serialize)]
struct OneQuestion<'a> {
    #[serde(flatten)]
    question: Question,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<&'a str>,
}

/// A status beside 200 says nothing, whatever the body is.
fn verdict(answer: &HttpAnswer) -> Result<Checked<Error>, Error> {
    if answer.status != StatusCode::OK {
        return Err(answer.refusal());
    }
    let Verdict { advice, told } = answer.json()?;
    Ok(Checked { advice, told: Ok(told) })
}

#[derive(Deserialize)]
struct Verdict {
    #[serde(deserialize_with = "unknown::advice")]
    advice: Advice,
    #[serde(flatten)]
    told: Told,
}

#[derive(Deserialize)]
struct Verdicts {
    position: Option<String>,
    items: Vec<ItemVerdict>,
}

#[derive(Deserialize)]
struct ItemVerdict {
    #[serde(default = "step_up", deserialize_with = "unknown::advice")]
    advice: Advice,
    error: Option<Problem>,
    #[serde(flatten)]
    told: Told,
}

impl ItemVerdict {
    fn checked(self) -> Checked<Problem> {
        match self.error {
            Some(problem) => Checked::step_up(problem),
            None => Checked { advice: self.advice, told: Ok(self.told) },
        }
    }
}

fn step_up() -> Advice {
    Advice::StepUp
}

fn cannot_tell() -> Answer {
    Answer::CannotTell
}
