//! `vacate check`

use clap::Args;
use serde_json::json;

use super::lines::Refusal;
use super::numbers::{At, Numbers};
use super::say::Tone;
use super::session::Session;
use super::{Ended, Failure, Outcome};
use crate::client::check::{Checked, Question};
use crate::client::{Class, Error};
use crate::domain::number::NumberText;
use crate::domain::time::Moment;
use crate::domain::verdict::Advice;

/// Ask whether a number has changed hands.
///
/// Ends with 0 only if the advice is allow; with 10 at `step_up`, 11 at freeze, 4 or 5 when there is no
/// answer, which means to step up.
///
/// Example: vacate check +9990000001 --verified-at 2026-02-14T21:20:00Z
#[derive(Debug, Args)]
pub struct Check {
    /// A handle, a digest or token, or a phone number such as +491701234567.
    #[arg(value_name = "NUMBER|HANDLE")]
    number: String,
    /// When its user was known to hold it; a handle has its own date.
    #[arg(long, value_name = "TIME", value_parser = super::lines::argument::<Moment>)]
    verified_at: Option<Moment>,
}

impl Check {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let number = match Numbers::new(session).read(&self.number, At::Argument).await {
            Ok(number) => number,
            Err(Refusal::Line(problem)) => return Err(Failure::Usage(problem.to_string())),
            Err(Refusal::Call(error)) => return Err(error.into()),
        };
        let needs_date = !matches!(number, NumberText::Handle { .. });
        if needs_date && self.verified_at.is_none() {
            let why = "--verified-at: when its user was known to hold it; only a handle has a date";
            return Err(Failure::Usage(why.to_owned()));
        }
        let question = Question { number, verified_at: self.verified_at };
        let checked = session.client.check(question, None).await;
        show(session, &checked)?;
        match checked.told {
            Ok(_) => Ok(match checked.advice {
                Advice::Allow => Ended::Done,
                Advice::StepUp => Ended::StepUp,
                Advice::Freeze => Ended::Freeze,
            }),
            Err(error) => Err(error.into()),
        }
    }
}

fn show(session: &Session, checked: &Checked<Error>) -> Result<(), Failure> {
    let advice = checked.advice;
    let (value, why) = match &checked.told {
        Ok(told) => {
            let reason = told.reason.as_deref().unwrap_or("no reason");
            let mut value = json!({ "advice": advice });
            if let (Some(value), Ok(serde_json::Value::Object(told))) =
                (value.as_object_mut(), serde_json::to_value(told))
            {
                value.extend(
                    told.into_iter().filter(|(name, value)| name != "handle" || !value.is_null()),
                );
            }
            (value, format!("{}, {reason}", told.answer.text()))
        }
        Err(error) => {
            let retry = error.class() == Class::Unavailable;
            let value = json!({ "advice": advice, "error": error.code(), "retry": retry });
            (value, "no answer".to_owned())
        }
    };
    let tone = match advice {
        Advice::Allow => Tone::Good,
        Advice::StepUp => Tone::Doubtful,
        Advice::Freeze => Tone::Bad,
    };
    session.say.show(&value, || format!("{} ({why})", session.say.paint(tone, advice.text())))
}
