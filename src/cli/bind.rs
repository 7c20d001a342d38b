//! `vacate bind`

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::lines::{self, Line, Refusal, Sending, Source};
use super::numbers::Numbers;
use super::say::{self, Form};
use super::session::Session;
use super::{Failure, Outcome};
use crate::client::app::{Bound, ToBind};
use crate::domain::duty::Demand;

const COLUMNS: [&str; 5] = ["account_ref", "number", "verified_at", "proof", "holder"];
const NEEDED: [&str; 3] = ["account_ref", "number", "verified_at"];

/// Bind a file of accounts (app).
///
/// The file is CSV with the header account_ref,number,verified_at[,proof][,holder]. A number is a digest,
/// a token, or a phone number in E.164, which is hashed on this machine. Prints CSV with the header
/// account_ref,handle,demand: keep the handle beside the account, check by it, and act on the demand.
///
/// Example: vacate bind accounts.csv > handles.csv
#[derive(Debug, Args)]
pub struct Bind {
    /// The file, or - for stdin.
    file: PathBuf,
}

impl Bind {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let source = Source::open(&self.file, &COLUMNS, &NEEDED)?;
        let numbers = Numbers::new(session);
        let make = async |line: &Line| to_bind(line, &numbers).await;
        let post = async |bindings: &[ToBind]| Ok(session.client.bind(bindings).await?.items);
        let out = RefCell::new(csv::Writer::from_writer(std::io::stdout()));
        if session.say.form == Form::Text {
            write(&out, ["account_ref", "handle", "demand"])?;
        }
        let demanded = Cell::new(0_u64);
        let stored = |_: &Line, bound: &Bound| match session.say.form {
            Form::Text => {
                let acts = matches!(bound.demand, Demand::Freeze | Demand::Detach);
                demanded.set(demanded.get() + u64::from(acts));
                let account = bound.account_ref.as_str();
                write(&out, [account, &bound.handle.text(), bound.demand.text()])
            }
            Form::Json => {
                let value = json!({
                    "account_ref": bound.account_ref,
                    "handle": bound.handle,
                    "demand": bound.demand,
                });
                session.say.show(&value, String::new)
            }
        };
        let report = Sending::new(session, source).send(make, post, stored).await;
        out.borrow_mut().flush().map_err(say::output).map_err(cut_off)?;
        if demanded.get() > 0 {
            session.say.tell(&format!("{}: freeze or detach is demanded", demanded.get()));
        }
        Ok(lines::ended(&report.map_err(cut_off)?))
    }
}

/// Elsewhere it is no failure that nobody reads any more. Here accounts were left out.
fn cut_off(failure: Failure) -> Failure {
    match failure {
        Failure::NobodyReads => Failure::Failed(
            "stopped, because nobody reads the handles any more; run it again".to_owned(),
        ),
        other @ (Failure::Call(_) | Failure::Usage(_) | Failure::Failed(_)) => other,
    }
}

fn write(out: &RefCell<csv::Writer<std::io::Stdout>>, record: [&str; 3]) -> Result<(), Failure> {
    out.borrow_mut().write_record(record).map_err(say::csv_output)
}

async fn to_bind(line: &Line, numbers: &Numbers) -> Result<ToBind, Refusal> {
    Ok(ToBind {
        account_ref: line.need("account_ref")?.to_owned(),
        number: line.number("number", numbers).await?,
        verified_at: line.need_parsed("verified_at")?,
        proof: line.one_of("proof")?,
        holder: line.one_of("holder")?,
    })
}
