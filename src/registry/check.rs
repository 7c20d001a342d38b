//! An app asks, at a login: has this number changed hands since I last verified it? A check only reads.
//!
//! It is answered from memory, on the thread that asks, when the index has reached the log's head as it
//! was when the question came. Otherwise the head is read, the log pulled, and what the index lacks read
//! from its row; where that fails there is no answer, and never `unchanged`.

use serde::Deserialize;

use super::test_numbers::{self, Manner};
use super::{Item, Keyed, Registry, Result, batch, follow};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Standing;
use crate::domain::number::{Element, Guard, NumberId, NumberText};
use crate::domain::participant::App;
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::summary::Summary;
use crate::domain::time::{Moment, Span};
use crate::domain::verdict::{self, Advice, Answer, NotCovered, Reason};
use crate::index::Contents;
use crate::storage::{log, numbers};

/// One question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// A handle, or, for an account that isn't bound, a digest or token.
    pub number: NumberText,
    /// The app's own date, beside a digest or token, and only there.
    #[serde(default)]
    pub verified_at: Option<Moment>,
}

impl Keyed for Question {
    const KEY: &'static str = "number";

    fn is_key(_: &str) -> bool {
        false
    }
}

/// One answer. `advice` alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub advice: Advice,
    /// What is known.
    pub answer: Answer,
    /// Why.
    pub reason: Reason,
    /// Since when the calling code as a whole is covered.
    pub covered_since: Option<Moment>,
    /// Whether the answer is to be late, as one of the test numbers'.
    pub delay: Delay,
}

/// When an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// At once.
    None,
    /// After five seconds: a test number that shows what a client's timeout does.
    FiveSeconds,
}

/// Answers, and the place in the log that they are true at.
#[derive(Debug)]
pub struct Checked<T> {
    /// The log's head when the question came.
    pub position: Position,
    /// The answers.
    pub answers: T,
}

/// A question as far as it can be understood without looking anything up.
struct Sought {
    by: By,
    calling_code: CallingCode,
    verified_at: Moment,
    relaxed: NotCovered,
    now: Moment,
}

enum By {
    Handle(NumberId, Guard),
    Element(Element),
}

impl Registry {
    /// The answer, if memory has it. `None`: ask [`Registry::check`], where waiting is allowed.
    pub fn check_now(
        &self,
        app: &App,
        question: &Question,
        at_least: Option<Position>,
    ) -> Option<Result<Checked<Verdict>>> {
        let head = self.head_in_memory()?.max(at_least.unwrap_or_default());
        let contents = self.index.look(head)?;
        let now = self.clock.now();
        let sought = match self.understand(app, question, now) {
            Ok(sought) => sought,
            Err(refused) => return Some(Err(refused)),
        };
        if let Err(refused) = self.pay(app, &sought, &contents) {
            return Some(Err(refused));
        }
        let verdict = self.judge_in_memory(&sought, &contents)?;
        Some(verdict.map(|answers| Checked { position: head, answers }))
    }

    /// The answer, at the price of asking the database for what memory lacks.
    pub fn check(
        &self,
        app: &App,
        question: &Question,
        at_least: Option<Position>,
    ) -> Result<Checked<Verdict>> {
        let now = self.clock.now();
        let sought = self.understand(app, question, now)?;
        let position = self.reach(at_least)?;
        self.pay(app, &sought, &self.index.contents())?;
        let answers = self.judge(&sought, position)?;
        Ok(Checked { position, answers })
    }

    /// Many answers at one position. What is wrong with one item is that item's.
    pub fn check_all(
        &self,
        app: &App,
        items: &[Item<Question>],
        at_least: Option<Position>,
    ) -> Result<Checked<Vec<Result<Verdict>>>> {
        batch::must_fit(items.len(), self.settings.items_max)?;
        let now = self.clock.now();
        let understood: Vec<Result<Sought>> = items
            .iter()
            .map(|item| self.understand(app, item.value.as_ref().map_err(Clone::clone)?, now))
            .collect();
        let position = self.reach(at_least)?;
        let answers = understood.into_iter().map(|sought| {
            let sought = sought?;
            self.pay(app, &sought, &self.index.contents())?;
            self.judge(&sought, position)
        });
        Ok(Checked { position, answers: answers.collect() })
    }

    /// A number that is named by digest or token costs something, whatever is known of it. One that is
    /// named by handle doesn't, and nothing is locked for it.
    fn pay(&self, app: &App, sought: &Sought, contents: &Contents) -> Result<()> {
        let By::Element(element) = &sought.by else { return Ok(()) };
        let terms = self.terms(contents, app.participant());
        self.spend_check(app, sought.calling_code, element, &terms)
    }

    fn understand(&self, app: &App, question: &Question, now: Moment) -> Result<Sought> {
        let calling_code = question.number.calling_code();
        let relaxed = app.participant().advice_not_covered;
        let at_number = |refused: Rejection| refused.at("/number");
        let ring = self.keys.ring();
        if matches!(question.number, NumberText::Handle { .. }) {
            if question.verified_at.is_some() {
                let detail = "A handle seals its own date; there is none to send beside it.";
                return Err(Rejection::new(Code::VerifiedAtNotAllowed, detail).at("/verified_at"));
            }
            let handle =
                ring.open_handle(app.name().as_str(), &question.number).map_err(at_number)?;
            let by = By::Handle(handle.number_id, handle.guard);
            return Ok(Sought { by, calling_code, verified_at: handle.verified(), relaxed, now });
        }
        let verified_at = question.verified_at.ok_or_else(|| {
            let detail = "A digest or token needs verified_at beside it.";
            Rejection::new(Code::FieldMissing, detail).at("/verified_at")
        })?;
        Span::from(verified_at)
            .check(now, self.settings.clock_skew_seconds_max)
            .map_err(|refused| refused.at("/verified_at"))?;
        let element = self.elements(&question.number).map_err(at_number)?.in_force;
        Ok(Sought { by: By::Element(element), calling_code, verified_at, relaxed, now })
    }

    /// Brings the index to the log's head as it is now, and to `at_least`.
    fn reach(&self, at_least: Option<Position>) -> Result<Position> {
        if !self.index.is_ready() {
            let detail = "The index is being loaded.";
            return Err(Rejection::new(Code::Starting, detail));
        }
        let head = match self.head_in_memory() {
            Some(head) => head,
            None => self.head_in_the_database()?,
        };
        if self.index.applied() < head {
            self.catch_up_within(self.settings.fresh_wait_max)?;
        }
        let wanted = at_least.unwrap_or_default();
        if self.index.applied() < wanted
            && self.catch_up_within(self.settings.fresh_wait_max)? < wanted
        {
            let detail = "This node has not seen that position yet.";
            return Err(Rejection::new(Code::PositionNotReached, detail).at("/at_least"));
        }
        Ok(head.max(wanted))
    }

    /// A log that is another than the one that was followed must be noticed before anybody is answered.
    fn head_in_the_database(&self) -> Result<Position> {
        let end = self.storage.read(log::end).map_err(|error| self.failed(error))?;
        if self.index.mark() != end.mark {
            self.catch_up_within(self.settings.fresh_wait_max)?;
        }
        Ok(end.position)
    }

    fn judge(&self, sought: &Sought, position: Position) -> Result<Verdict> {
        let contents = self.index.look(position).ok_or_else(|| {
            Rejection::new(Code::Unavailable, "The log's head could not be reached.")
        })?;
        if let Some(verdict) = self.judge_in_memory(sought, &contents) {
            return verdict;
        }
        drop(contents);
        self.judge_from_the_row(sought)
    }

    /// `None` when the index lacks the number of a handle, which decides nothing.
    fn judge_in_memory(&self, sought: &Sought, contents: &Contents) -> Option<Result<Verdict>> {
        let nothing = Summary::default();
        let summary = match &sought.by {
            By::Handle(id, guard) => {
                let entry = contents.number(*id)?;
                if entry.guard != *guard {
                    return Some(Err(handle_unknown()));
                }
                &entry.summary
            }
            By::Element(element) if test_numbers::is_test(sought.calling_code) => {
                let ring = self.keys.ring();
                return Some(
                    self.test_numbers
                        .summary(&ring, ring.element_generation(), element)
                        .map_err(|refused| refused.at("/number"))
                        .and_then(|summary| self.verdict(sought, &summary, None)),
                );
            }
            // An element that the index lacks has no events.
            By::Element(element) => {
                contents.number_by_element(element).map_or(&nothing, |entry| &entry.summary)
            }
        };
        let standing = contents.standing(sought.calling_code);
        Some(self.verdict(sought, summary, standing))
    }

    /// Number and coverage as one state of the database.
    fn judge_from_the_row(&self, sought: &Sought) -> Result<Verdict> {
        let By::Handle(id, guard) = sought.by else {
            return Err(super::internal("an element needs no row"));
        };
        let policies = &self.settings.policies;
        let (row, standing) = self
            .storage
            .read(|db| {
                let row = numbers::load(db, &[id])?.remove(&id);
                Ok((row, follow::standing(db, sought.calling_code, policies)?))
            })
            .map_err(|error| self.failed(error))?;
        let number = row.filter(|row| row.guard == guard).ok_or_else(handle_unknown)?;
        self.index.note_missed(id);
        self.verdict(sought, &number.summary, Some(&standing))
    }

    fn verdict(
        &self,
        sought: &Sought,
        summary: &Summary,
        standing: Option<&Standing>,
    ) -> Result<Verdict> {
        let (test, unset);
        let standing = if test_numbers::is_test(sought.calling_code) {
            must_answer(summary)?;
            test = test_numbers::standing(summary, sought.now);
            &test
        } else if let Some(standing) = standing {
            standing
        } else {
            let policy = self.settings.policies.of(sought.calling_code).clone();
            unset = Standing { policy, ..Standing::default() };
            &unset
        };
        let facts = super::demand::facts(summary, standing, sought.now);
        let verdict = verdict::judge(&facts, sought.verified_at.into(), sought.relaxed);
        let slow = test_numbers::is_test(sought.calling_code)
            && test_numbers::manner(summary) == Manner::Slow;
        Ok(Verdict {
            advice: verdict.advice,
            answer: verdict.answer,
            reason: verdict.reason,
            covered_since: standing.complete_since,
            delay: if slow { Delay::FiveSeconds } else { Delay::None },
        })
    }
}

/// Two of the test numbers never answer.
fn must_answer(summary: &Summary) -> Result<()> {
    match test_numbers::manner(summary) {
        Manner::Plain | Manner::Slow => Ok(()),
        Manner::Unavailable => {
            Err(Rejection::new(Code::Unavailable, "This test number is never available."))
        }
        Manner::RateLimited => {
            Err(Rejection::new(Code::RateLimited, "This test number is always limited."))
        }
    }
}

fn handle_unknown() -> Rejection {
    Rejection::new(Code::HandleUnknown, "The handle is ours, but its number is not here.")
        .at("/number")
}
