//! Files with a line for each item: read as CSV (RFC 4180) with a header, of any size, and sent in
//! batches. A line that is rejected, here or there, goes to `FILE.rejected.csv` with the reason; that
//! file can be corrected and sent as it is.

mod extend;
mod progress;
mod rejects;
mod source;

use std::cell::{Cell, RefCell};
use std::str::FromStr;
use std::time::Instant;

use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::numbers::{At, Numbers};
use super::say::Say;
use super::session::Session;
use super::{Ended, Failure};
use crate::client::batches::{self, Report, Stopped, TRIES_MAX, Waits};
use crate::client::{Error, Item, Problem};
use crate::domain::number::NumberText;
use crate::domain::rejection::{Code, Rejection};
pub use extend::{Column, extend};
use progress::Progress;
use rejects::Rejects;
pub use source::{Line, Source};

/// Why a line isn't sent.
#[derive(Debug)]
pub enum Refusal {
    /// It is wrong itself.
    Line(Problem),
    /// A call that it needs has no answer.
    Call(Error),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        Refusal::Line(problem)
    }
}

/// A file on its way.
pub struct Sending<'a> {
    /// To which registry, and how to speak about it.
    pub session: &'a Session,
    /// The file.
    pub source: Source,
    /// What became of its lines, in words.
    pub counted: fn(&Report) -> String,
}

impl<'a> Sending<'a> {
    /// A file whose lines are stored.
    pub fn new(session: &'a Session, source: Source) -> Sending<'a> {
        let counted = |report: &Report| {
            let Report { accepted, duplicate, rejected } = report;
            format!("{accepted} accepted, {duplicate} known before, {rejected} rejected")
        };
        Sending { session, source, counted }
    }

    /// Sends every line: `make` reads one, `post` sends a batch of them, and `stored` is told of each
    /// that stands. Four batches are under way at a time; what is unavailable is tried again.
    ///
    /// # Errors
    /// When a batch has no answer after all tries, or somebody stops it. What came before stands; the
    /// file can be sent again.
    pub async fn send<P, R>(
        self,
        make: impl AsyncFn(&Line) -> Result<P, Refusal>,
        post: impl AsyncFn(&[P]) -> Result<Vec<Item<R>>, Error>,
        mut stored: impl FnMut(&Line, &R) -> Result<(), Failure>,
    ) -> Result<Report, Failure> {
        let Sending { session, source, counted } = self;
        let run = Run::new(session.say, &source, counted);
        let trouble = RefCell::new(None);
        let failed = source.failure();
        let lines = source.lines().take_while(|_| trouble.borrow().is_none());
        let batch = async |lines: &[Line]| send_batch(lines, &make, &post).await;
        let answered = |lines: &[Line], items: &[Item<R>]| {
            for (line, item) in lines.iter().zip(items) {
                run.count(item);
                let kept = match item.told() {
                    Ok(told) => stored(line, told),
                    Err(problem) => run.reject(line, problem),
                };
                if let Err(failure) = kept {
                    trouble.borrow_mut().get_or_insert(failure);
                }
            }
            run.progress.answered(lines.iter());
        };
        let patience = Patience::default();
        let waits = |waits: Waits<'_>| patience.tell(waits, &run);
        let sent = batches::send_telling(lines, batch, answered, waits).await;
        run.close(trouble.into_inner().or_else(|| failed.take()), sent)
    }
}

/// What became of a file so far. If somebody stops it, that is still told.
struct Run {
    say: Say,
    counted: fn(&Report) -> String,
    report: Cell<Report>,
    rejects: RefCell<Rejects>,
    progress: Progress,
    over: Cell<bool>,
}

impl Run {
    fn new(say: Say, source: &Source, counted: fn(&Report) -> String) -> Run {
        Run {
            say,
            counted,
            report: Cell::default(),
            rejects: RefCell::new(Rejects::of(source)),
            progress: Progress::of(source, say),
            over: Cell::new(false),
        }
    }

    fn count<T>(&self, item: &Item<T>) {
        let mut report = self.report.get();
        report.count(item);
        self.report.set(report);
    }

    fn reject(&self, line: &Line, problem: &Problem) -> Result<(), Failure> {
        self.rejects.borrow_mut().keep(line, problem)
    }

    /// Tells how it went. What went wrong here goes before what the registry said.
    fn close(
        &self,
        here: Option<Failure>,
        sent: Result<Report, Stopped>,
    ) -> Result<Report, Failure> {
        let sent = sent.err().map(|stopped| Failure::Call(stopped.error));
        let Some(failure) = here.or(sent) else {
            self.end("", "")?;
            let report = self.report.get();
            if report.rejected == 0 {
                self.rejects.borrow().none()?;
            }
            return Ok(report);
        };
        self.end(" before it stopped", if failure.may_pass() { "; run it again" } else { "" })?;
        Err(failure)
    }

    fn end(&self, how: &str, again: &str) -> Result<(), Failure> {
        self.over.set(true);
        self.progress.end();
        let kept = self.rejects.borrow_mut().end()?;
        self.say.tell(&format!("{}{how}{kept}{again}", (self.counted)(&self.report.get())));
        Ok(())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.over.get()
            && let Err(failure) = self.end(" before it was interrupted", "; run it again")
        {
            failure.told();
        }
    }
}

/// Tells once of several batches that wait for the same.
#[derive(Default)]
struct Patience {
    told_until: Cell<Option<Instant>>,
}

impl Patience {
    fn tell(&self, Waits { error, wait, tried }: Waits<'_>, run: &Run) {
        let now = Instant::now();
        if self.told_until.get().is_some_and(|until| now < until) {
            return;
        }
        self.told_until.set(Some(now + wait));
        let seconds = wait.as_secs_f64();
        let again = format!("{error}; trying again in {seconds} s ({tried} of {TRIES_MAX} tries)");
        run.progress.aside(|| run.say.tell(&again));
    }
}

/// How a file that was sent ends.
pub fn ended(report: &Report) -> Ended {
    if report.rejected == 0 { Ended::Done } else { Ended::SomeRejected }
}

/// Sends those lines that can be read; one answer for each line, in their order.
async fn send_batch<P, R>(
    lines: &[Line],
    make: &impl AsyncFn(&Line) -> Result<P, Refusal>,
    post: &impl AsyncFn(&[P]) -> Result<Vec<Item<R>>, Error>,
) -> Result<Vec<Item<R>>, Error> {
    let (mut made, mut refused) = (Vec::new(), Vec::new());
    for line in lines {
        let item = match line.is_intact() {
            Ok(()) => make(line).await,
            Err(problem) => Err(problem.into()),
        };
        match item {
            Ok(item) => {
                made.push(item);
                refused.push(None);
            }
            Err(Refusal::Line(problem)) => refused.push(Some(problem)),
            Err(Refusal::Call(error)) => return Err(error),
        }
    }
    let answers = if made.is_empty() { Vec::new() } else { post(&made).await? };
    let mut answers = answers.into_iter();
    let each = refused.into_iter().map(|problem| match problem {
        Some(problem) => Some(Item::Rejected(problem)),
        None => answers.next(),
    });
    Ok(each.flatten().collect())
}

impl Line {
    /// A column that must be filled.
    ///
    /// # Errors
    /// `field_missing`.
    pub fn need(&self, column: &str) -> Result<&str, Problem> {
        self.get(column).ok_or_else(|| {
            let detail = format!("The column {column} is empty or not there.");
            problem(Rejection::new(Code::FieldMissing, detail), column)
        })
    }

    /// A column as what it is to be, if it is filled.
    ///
    /// # Errors
    /// Those of the type.
    pub fn parse<T: FromStr<Err = Rejection>>(&self, column: &str) -> Result<Option<T>, Problem> {
        let text = self.get(column);
        text.map(str::parse).transpose().map_err(|refused| problem(refused, column))
    }

    /// A column as one of the values of an enumeration, if it is filled.
    ///
    /// # Errors
    /// `value_not_allowed`.
    pub fn one_of<'a, T: Deserialize<'a>>(&'a self, column: &str) -> Result<Option<T>, Problem> {
        self.get(column).map(|text| value(text, column)).transpose()
    }

    /// A column as what it is to be; it must be filled.
    ///
    /// # Errors
    /// `field_missing`, and those of the type.
    pub fn need_parsed<T: FromStr<Err = Rejection>>(&self, column: &str) -> Result<T, Problem> {
        self.need(column)?.parse().map_err(|refused| problem(refused, column))
    }

    /// A column as one of the values of an enumeration; it must be filled.
    ///
    /// # Errors
    /// `field_missing`, `value_not_allowed`.
    pub fn need_one_of<'a, T: Deserialize<'a>>(&'a self, column: &str) -> Result<T, Problem> {
        value(self.need(column)?, column)
    }

    /// A column as a whole number, if it is filled.
    ///
    /// # Errors
    /// `field_wrong_type`.
    pub fn whole(&self, column: &str) -> Result<Option<u32>, Problem> {
        self.get(column).map(str::parse).transpose().map_err(|_| {
            let detail = "This must be a whole number.";
            problem(Rejection::new(Code::FieldWrongType, detail), column)
        })
    }

    /// Whether it can be read at all.
    fn is_intact(&self) -> Result<(), Problem> {
        let Some(damage) = self.damage else { return Ok(()) };
        Err(problem(Rejection::new(Code::BodyMalformed, damage), "line"))
    }

    /// A column as a number: a phone number is hashed here, what is hashed is taken as it is.
    ///
    /// # Errors
    /// What is wrong with it, or that the directory has no answer.
    pub async fn number(&self, column: &str, numbers: &Numbers) -> Result<NumberText, Refusal> {
        numbers.read(self.need(column)?, At::Line(self.number, column)).await
    }
}

fn value<'a, T: Deserialize<'a>>(text: &'a str, column: &str) -> Result<T, Problem> {
    listed(text).map_err(|refused| problem(refused, column))
}

fn listed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Rejection> {
    let text: StrDeserializer<'a, ValueError> = text.into_deserializer();
    T::deserialize(text).map_err(|error| {
        Rejection::from_serde(&error.to_string()).unwrap_or_else(|| {
            Rejection::new(Code::ValueNotAllowed, "This is none of the values allowed.")
        })
    })
}

/// A refusal of ours in the shape of the registry's.
pub fn problem(refused: Rejection, column: &str) -> Problem {
    Problem {
        code: refused.code.text().to_owned(),
        title: "This can't be sent".to_owned(),
        detail: refused.detail.into_owned(),
        field: Some(column.to_owned()),
        remedy: String::new(),
    }
}

/// Reads an argument by the type's own rules, whose words never repeat it.
pub fn argument<T: FromStr<Err = Rejection>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|refused: Rejection| refused.detail.into_owned())
}

/// Reads an argument that is one of the values of an enumeration.
pub fn one_of<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    listed(text).map_err(|refused| refused.detail.into_owned())
}
