//! `vacate clearance`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Outcome;
use super::lines::{self, Line, Sending, Source};
use super::numbers::Numbers;
use super::say::{self, Form};
use super::session::Session;
use crate::client::Item;
use crate::client::batches::Report;
use crate::client::carrier::ClearedItem;
use crate::domain::number::NumberText;

const COLUMNS: [&str; 1] = ["number"];

/// Ask whether numbers may be given on (carrier).
///
/// The file is CSV with the header number. Prints CSV with the header line,clearance,band,not_before;
/// a number may be given on if it says clear, and only then.
///
/// Example: vacate clearance reissue.csv
#[derive(Debug, Args)]
pub struct Clearance {
    /// The file, or - for stdin.
    file: PathBuf,
}

impl Clearance {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let source = Source::open(&self.file, &COLUMNS, &COLUMNS)?;
        let numbers = Numbers::new(session);
        let make = async |line: &Line| line.number("number", &numbers).await;
        let post = async |asked: &[NumberText]| {
            let cleared = session.client.clearance(asked, None).await?;
            Ok(cleared.items.into_iter().map(judged).collect())
        };
        if session.say.form == Form::Text {
            say::print("line,clearance,band,not_before")?;
        }
        let stored = |line: &Line, cleared: &ClearedItem| {
            let value = json!({
                "line": line.number,
                "clearance": cleared.clearance,
                "band": cleared.band,
                "not_before": cleared.not_before,
            });
            let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
            session.say.show(&value, || {
                let number = line.number;
                format!("{number},{},{},{}", field("clearance"), field("band"), field("not_before"))
            })
        };
        let counted =
            |report: &Report| format!("{} answered, {} rejected", report.accepted, report.rejected);
        let sending = Sending { session, source, counted };
        let report = sending.send(make, post, stored).await?;
        Ok(lines::ended(&report))
    }
}

/// A number that couldn't be judged is a rejected line.
fn judged(mut item: ClearedItem) -> Item<ClearedItem> {
    match item.error.take() {
        Some(problem) => Item::Rejected(problem),
        None => Item::Accepted(item),
    }
}
