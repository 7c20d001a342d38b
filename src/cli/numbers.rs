//! From what people write of numbers to what goes over the wire.

use std::cell::Cell;

use super::lines::{self, Refusal};
use super::say::Say;
use super::session::Session;
use super::spelling::{self, Region, Spelled, Unreadable, Usage};
use crate::client::number::Directory;
use crate::client::{Error, Problem};
use crate::domain::number::{E164, NumberText};
use crate::domain::rejection::{Code, Rejection};

/// How many doubtful lines are told; of the others only that there are more.
const DOUBTS_TOLD_MAX: u32 = 5;

/// Reads numbers, and makes digests and tokens of them.
pub struct Numbers {
    directory: Directory,
    region: Option<Region>,
    say: Say,
    doubts: Cell<u32>,
}

/// Where a number was written.
#[derive(Clone, Copy, Debug)]
pub enum At<'a> {
    /// On the command line.
    Argument,
    /// On this line of a file, in this column.
    Line(u64, &'a str),
}

impl Numbers {
    /// Asks nothing before the first phone number.
    pub fn new(session: &Session) -> Numbers {
        let (directory, say) = (Directory::new(&session.client), session.say);
        Numbers { directory, region: None, say, doubts: Cell::new(0) }
    }

    /// The same, for numbers that may be written as they are dialled in this region.
    pub fn in_region(self, region: Option<Region>) -> Numbers {
        Numbers { region, ..self }
    }

    /// A digest, token or handle as it is; a phone number hashed.
    ///
    /// # Errors
    /// What is wrong with it, or that the directory has no answer.
    pub async fn read(&self, text: &str, at: At<'_>) -> Result<NumberText, Refusal> {
        if text.starts_with('v') {
            return text.parse().map_err(|refused| Refusal::Line(problem(refused, at)));
        }
        let number = self.e164(text, at)?;
        self.directory.digest(&number).await.map_err(Refusal::Call)
    }

    /// A phone number.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn e164(&self, text: &str, at: At<'_>) -> Result<E164, Problem> {
        let Spelled { number, usage } =
            spelling::read(text, self.region).map_err(|unreadable| refused(unreadable, at))?;
        if usage == Usage::Unknown {
            self.doubt(at);
        }
        Ok(number)
    }

    /// The digests of numbers.
    ///
    /// # Errors
    /// That the directory has no answer.
    pub async fn digests(&self, numbers: &[E164]) -> Result<Vec<NumberText>, Error> {
        let mut digests = Vec::with_capacity(numbers.len());
        for number in numbers {
            digests.push(self.directory.digest(number).await?);
        }
        Ok(digests)
    }

    /// The tokens of numbers, which the registry is shown no digests of.
    ///
    /// # Errors
    /// That the directory or the evaluator has no answer, or one that isn't proved.
    pub async fn tokens(&self, numbers: &[E164]) -> Result<Vec<NumberText>, Error> {
        self.directory.tokens(numbers).await
    }

    fn doubt(&self, at: At<'_>) {
        let told = self.doubts.get();
        self.doubts.set(told.saturating_add(1));
        let place = match at {
            At::Argument => String::new(),
            At::Line(line, _) => format!("line {line}: "),
        };
        if told < DOUBTS_TOLD_MAX {
            let what = "in no range that is known to be in use; taken as it is";
            self.say.tell(&format!("{place}{what}"));
        } else if told == DOUBTS_TOLD_MAX {
            self.say.tell(&format!("{place}the same, and of further lines it isn't told"));
        }
    }
}

fn refused(unreadable: Unreadable, at: At<'_>) -> Problem {
    problem(Rejection::new(Code::NumberMalformed, capitalised(&unreadable.to_string())), at)
}

fn problem(refused: Rejection, at: At<'_>) -> Problem {
    let column = match at {
        At::Argument => "number",
        At::Line(_, column) => column,
    };
    lines::problem(refused, column)
}

/// As a sentence.
fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next()
        .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), rest.as_str()))
}
