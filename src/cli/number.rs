//! `vacate number`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::lines::{self, Column, Refusal, Source};
use super::numbers::{At, Numbers};
use super::say::Form;
use super::session::Session;
use super::spelling::Region;
use super::{Ended, Failure, Outcome};
use crate::client::{Error, Problem};
use crate::domain::number::{E164, NumberText};

/// Make of phone numbers what the registry takes.
#[derive(Debug, Subcommand)]
pub enum Number {
    /// Make digests, on this machine: no number leaves it.
    ///
    /// The registry sees a digest while it answers. Numbers are written with a + and their calling code, in
    /// any usual spelling, or, with --region, as they are dialled there. One that can't be a number gets an
    /// empty digest, and the command ends with 3.
    ///
    /// Example: vacate number digest --csv accounts.csv --column phone --region DE > hashed.csv
    Digest(Which),
    /// Make tokens, together with the registry: it sees neither number nor digest.
    ///
    /// Numbers are blinded on this machine, evaluated by the registry, whose proof is checked, and unblinded
    /// here. A token is good until its key is retired: accepted_until in the directory. A file whose
    /// --output was cut off goes on where that ends.
    ///
    /// Example: vacate number token --csv accounts.csv --column phone --output tokens.csv
    Token(Which),
}

/// Of which numbers.
#[derive(Debug, Args)]
pub struct Which {
    /// One phone number.
    #[arg(conflicts_with = "csv", required_unless_present = "csv")]
    number: Option<String>,
    /// A CSV file with a header, or - for stdin; it is printed with a column added.
    #[arg(long, value_name = "FILE", requires = "column")]
    csv: Option<PathBuf>,
    /// The column that holds the numbers.
    #[arg(long, value_name = "NAME", requires = "csv")]
    column: Option<String>,
    /// A file for the output, which is gone on with if it is there.
    #[arg(long, value_name = "FILE", requires = "csv")]
    output: Option<PathBuf>,
    /// Where numbers without a + are at home, such as DE. Without it they are refused.
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
}

/// What is made of numbers.
#[derive(Clone, Copy)]
enum Make {
    Digests,
    Tokens,
}

impl Number {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        match self {
            Number::Digest(which) => which.make(session, Make::Digests).await,
            Number::Token(which) => which.make(session, Make::Tokens).await,
        }
    }
}

impl Which {
    async fn make(&self, session: &Session, make: Make) -> Outcome {
        let numbers = Numbers::new(session).in_region(self.region);
        if let (Some(file), Some(column)) = (&self.csv, &self.column) {
            return self.each(session, &numbers, Source::open_any(file, column)?, make).await;
        }
        match one(&numbers, self.number.as_deref().unwrap_or_default(), make).await {
            Ok(made) => {
                session.say.show(&json!({ "number": made }), || made.text())?;
                Ok(Ended::Done)
            }
            Err(Refusal::Line(problem)) => Err(Failure::Usage(problem.to_string())),
            Err(Refusal::Call(error)) => Err(error.into()),
        }
    }

    async fn each(
        &self,
        session: &Session,
        numbers: &Numbers,
        source: Source,
        make: Make,
    ) -> Outcome {
        let column = self.column.as_deref().unwrap_or_default();
        if session.say.form == Form::Json && self.output.is_none() {
            let why = "--json tells how many were made; the lines themselves go to --output FILE";
            return Err(Failure::Usage(why.to_owned()));
        }
        let name = match make {
            Make::Digests => "digest",
            Make::Tokens => "token",
        };
        let read = |line: &lines::Line| -> Result<E164, Problem> {
            numbers.e164(line.need(column)?, At::Line(line.number, column))
        };
        let made = async |batch: &[E164]| {
            let made = all(numbers, batch, make).await?;
            Ok(made.iter().map(NumberText::text).collect())
        };
        let added = Column { name, output: self.output.as_deref() };
        let report = lines::extend(session, source, &added, read, made).await?;
        if session.say.form == Form::Json {
            let value = json!({ "made": report.accepted, "rejected": report.rejected });
            session.say.show(&value, String::new)?;
        }
        Ok(lines::ended(&report))
    }
}

async fn one(numbers: &Numbers, text: &str, make: Make) -> Result<NumberText, Refusal> {
    let number = numbers.e164(text, At::Argument)?;
    let made = all(numbers, &[number], make).await.map_err(Refusal::Call)?;
    Ok(made[0])
}

async fn all(numbers: &Numbers, batch: &[E164], make: Make) -> Result<Vec<NumberText>, Error> {
    match make {
        Make::Digests => numbers.digests(batch).await,
        Make::Tokens => numbers.tokens(batch).await,
    }
}
