//! `vacate ack`

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::lines::{self, Line, Refusal, Sending, Source};
use super::say::Form;
use super::session::Session;
use crate::client::app::Acknowledgement;

const COLUMNS: [&str; 5] = ["account_ref", "did", "revision", "verified_at", "proof"];
const NEEDED: [&str; 2] = ["account_ref", "did"];

/// Say what was done with a file of accounts (app).
///
/// The file is CSV with the header account_ref,did[,revision][,verified_at][,proof]; did is frozen,
/// detached, released or verified.
///
/// Example: vacate ack frozen.csv
#[derive(Debug, Args)]
pub struct Acknowledge {
    /// The file, or - for stdin.
    file: PathBuf,
}

impl Acknowledge {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let source = Source::open(&self.file, &COLUMNS, &NEEDED)?;
        let make = async |line: &Line| acknowledgement(line);
        let post = async |all: &[Acknowledgement]| Ok(session.client.acknowledge(all).await?.items);
        let report = Sending::new(session, source).send(make, post, |_, _| Ok(())).await?;
        if session.say.form == Form::Json {
            session.say.show(&report, String::new)?;
        }
        Ok(lines::ended(&report))
    }
}

fn acknowledgement(line: &Line) -> Result<Acknowledgement, Refusal> {
    Ok(Acknowledgement {
        account_ref: line.need("account_ref")?.to_owned(),
        did: line.need_one_of("did")?,
        revision: line.whole("revision")?,
        verified_at: line.parse("verified_at")?,
        proof: line.one_of("proof")?,
    })
}
