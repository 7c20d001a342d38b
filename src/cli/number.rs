//! `vacate number`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::lines::{Numbers, Refusal, Source};
use super::session::Session;
use super::{Ended, Failure, Outcome, say};

/// Hash phone numbers.
#[derive(Debug, Subcommand)]
pub enum Number {
    Digest(Digest),
}

/// Make digests, on this machine: no number leaves it.
///
/// Numbers are written in E.164, as +491701234567. What can't be hashed gets an empty digest, and the
/// command ends with 3.
///
/// Example: vacate number digest --csv accounts.csv --column phone > hashed.csv
#[derive(Debug, Args)]
#[group(skip)]
pub struct Digest {
    /// One phone number.
    #[arg(conflicts_with = "csv", required_unless_present = "csv")]
    number: Option<String>,
    /// A CSV file with a header, or - for stdin; it is printed with a column digest added.
    #[arg(long, value_name = "FILE", requires = "column")]
    csv: Option<PathBuf>,
    /// The column that holds the numbers.
    #[arg(long, value_name = "NAME", requires = "csv")]
    column: Option<String>,
    /// The region of numbers without a calling code; comes with a later release.
    #[arg(long, value_name = "REGION", hide = true)]
    region: Option<String>,
}

impl Number {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let Number::Digest(digest) = self;
        digest.run(session).await
    }
}

impl Digest {
    async fn run(&self, session: &Session) -> Outcome {
        if self.region.is_some() {
            return Err(Failure::Usage(
                "--region comes with a later release: write numbers in E.164, as +491701234567"
                    .to_owned(),
            ));
        }
        let numbers = Numbers::new(&session.client);
        if let (Some(file), Some(column)) = (&self.csv, &self.column) {
            return self.each(session, &numbers, Source::open_any(file, column)?, column).await;
        }
        let number = self.number.as_deref().unwrap_or_default();
        match numbers.read(number).await {
            Ok(digest) => {
                session.say.show(&json!({ "number": digest }), || digest.text())?;
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
        column: &str,
    ) -> Outcome {
        let mut out = csv::Writer::from_writer(std::io::stdout());
        let header = source.columns.iter().map(String::as_str).chain(["digest"]);
        write(&mut out, header)?;
        let failed = source.failure();
        let mut without = 0_u64;
        for line in source.lines() {
            let digest = match line.number(column, numbers).await {
                Ok(digest) => digest.text(),
                Err(Refusal::Line(problem)) => {
                    session.say.tell(&format!("line {}: {}", line.number, problem.detail));
                    without += 1;
                    String::new()
                }
                Err(Refusal::Call(error)) => return Err(error.into()),
            };
            let fields = line.fields.iter().map(String::as_str);
            write(&mut out, fields.chain([digest.as_str()]))?;
        }
        out.flush().map_err(say::output)?;
        if let Some(failure) = failed.take() {
            return Err(failure);
        }
        Ok(if without == 0 { Ended::Done } else { Ended::SomeRejected })
    }
}

fn write<'a>(
    out: &mut csv::Writer<std::io::Stdout>,
    record: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    out.write_record(record).map_err(say::csv_output)
}
