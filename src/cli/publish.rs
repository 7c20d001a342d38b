//! `vacate publish`

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::lines::{self, Line, Refusal, Sending, Source};
use super::numbers::Numbers;
use super::say::Form;
use super::session::Session;
use super::{Failure, Outcome};
use crate::client::carrier::{Coverage, Event, HoldsSince};
use crate::client::keys::Whose;
use crate::clock::Clock;
use crate::domain::calling_code::CallingCode;
use crate::domain::time::{CLOCK_SKEW_SECONDS_MAX, Moment};

const COLUMNS: [&str; 6] = ["id", "type", "number", "effective_at", "effective_on", "undoes"];
const NEEDED: [&str; 3] = ["id", "type", "number"];

/// Publish a file of events (carrier).
///
/// The file is CSV with the header id,type,number,effective_at,effective_on,undoes; only the first three
/// columns must be there. A number is a digest, a token, or a phone number in E.164, which is hashed on
/// this machine. Sent again, a file does no harm: run it again after a crash.
///
/// Example: vacate publish night.csv --through 2026-11-23T23:00:00Z
#[derive(Debug, Args)]
pub struct Publish {
    /// The file, or - for stdin.
    file: PathBuf,
    /// All that took effect until then has been sent with this file. Said once, at the end, and only
    /// if no line was rejected.
    #[arg(long, value_name = "TIME", value_parser = lines::argument::<Moment>)]
    through: Option<Moment>,
    /// A calling code that this is said of too, though the file has no event of it; may be repeated. A
    /// file without events needs none where the carrier speaks of one calling code alone.
    #[arg(long = "calling-code", value_name = "CODE", requires = "through",
        value_parser = lines::argument::<CallingCode>)]
    calling_codes: Vec<CallingCode>,
}

impl Publish {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let latest = Clock::System.now().plus(CLOCK_SKEW_SECONDS_MAX);
        if self.through.is_some_and(|through| through > latest) {
            return Err(Failure::Usage(
                "--through lies in the future; nothing was sent".to_owned(),
            ));
        }
        let source = Source::open(&self.file, &COLUMNS, &NEEDED)?;
        let numbers = Numbers::new(session);
        let codes: RefCell<BTreeSet<CallingCode>> =
            RefCell::new(self.calling_codes.iter().copied().collect());
        let make = async |line: &Line| {
            let event = event(line, &numbers).await?;
            codes.borrow_mut().insert(event.number.calling_code());
            Ok(event)
        };
        let post = async |events: &[Event]| Ok(session.client.publish(events, None).await?.items);
        let report = Sending::new(session, source).send(make, post, |_, _| Ok(())).await?;
        if session.say.form == Form::Json {
            session.say.show(&report, String::new)?;
        }
        match self.through {
            Some(_) if report.rejected > 0 => {
                session.say.tell("through was not sent: lines were rejected");
            }
            Some(through) => {
                let mut codes = codes.into_inner();
                if codes.is_empty() {
                    codes.insert(only_code(session).await?);
                }
                for calling_code in codes {
                    let holds_since = HoldsSince::AsBefore;
                    let coverage = Coverage { calling_code, through, holds_since };
                    let covered = session.client.cover(&coverage).await?;
                    let through = covered.through.unwrap_or(through);
                    session.say.tell(&format!("+{calling_code} is reported through {through}"));
                }
            }
            None => {}
        }
        Ok(lines::ended(&report))
    }
}

/// What a file without events is about.
async fn only_code(session: &Session) -> Result<CallingCode, Failure> {
    let me = session.client.participant(Whose::Mine).await?;
    match me.calling_codes.as_slice() {
        [only] => Ok(*only),
        _ => Err(Failure::Usage(
            "--through: the file names no calling code; name it by --calling-code".to_owned(),
        )),
    }
}

async fn event(line: &Line, numbers: &Numbers) -> Result<Event, Refusal> {
    Ok(Event {
        id: line.need("id")?.to_owned(),
        event_type: line.need_one_of("type")?,
        number: line.number("number", numbers).await?,
        effective_at: line.parse("effective_at")?,
        effective_on: line.parse("effective_on")?,
        undoes: line.get("undoes").map(str::to_owned),
    })
}
