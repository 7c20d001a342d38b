//! `vacate status`

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use super::say::{Form, Paint, Say, Tone, print, table, when};
use super::session::Session;
use super::{Ended, Failure, Outcome};
use crate::client::status::Status as Shown;
use crate::clock::Clock;

/// How often it is looked at anew.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// Moves the cursor home and clears the screen.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Show how the registry is: ready, log, deliveries, and what somebody should look at (admin).
///
/// Example: vacate status --watch
#[derive(Debug, Args)]
pub struct Status {
    /// Look again every two seconds, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

impl Status {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        loop {
            let status = session.client.status().await;
            let status = match status {
                // Who watches wants to see it come back, too.
                Err(error) if self.watch => {
                    session.say.tell(&format!("vacate: {error}"));
                    None
                }
                status => Some(status?),
            };
            if let Some(status) = status {
                show(session, &status, self.watch)?;
                if !self.watch {
                    return Ok(if status.ready { Ended::Done } else { Ended::Unavailable });
                }
            }
            tokio::time::sleep(WATCH_EVERY).await;
        }
    }
}

fn show(session: &Session, status: &Shown, watch: bool) -> Result<(), Failure> {
    let say = &session.say;
    let on_a_screen = watch && say.form == Form::Text && say.paint == Paint::Colours;
    if on_a_screen && std::io::stdout().is_terminal() {
        print(CLEAR)?;
    }
    say.show(status, || page(status, say))
}

fn page(status: &Shown, say: &Say) -> String {
    let mut tables = vec![overview(status, say)];
    let attention = status.attention.iter().map(|one| {
        let who = one.who.clone().unwrap_or_default();
        vec![one.what.clone(), who, when(one.since), one.count.to_string()]
    });
    tables.extend(under(["LOOK AT", "WHO", "SINCE", "COUNT"], attention));
    let apps = status.apps.iter().map(|app| {
        let counts = [app.pending, app.dead, app.overdue].map(|count| count.to_string());
        [app.name.clone()].into_iter().chain(counts).collect()
    });
    tables.extend(under(["APP", "PENDING", "DEAD", "OVERDUE DUTIES"], apps));
    let carriers = status.carriers.iter().map(|one| {
        let code = format!("+{}", one.calling_code);
        vec![one.name.clone(), code, when(one.through), when(one.last_event_at)]
    });
    tables.extend(under(["CARRIER", "CODE", "REPORTED THROUGH", "LAST EVENT"], carriers));
    tables.join("\n\n")
}

fn overview(status: &Shown, say: &Say) -> String {
    let ready = match status.ready {
        true => say.paint(Tone::Good, "ready"),
        false => say.paint(Tone::Bad, "not ready"),
    };
    let deliveries = &status.deliveries;
    let mut rows = vec![
        ("registry".to_owned(), ready),
        ("asked at".to_owned(), when(Some(Clock::System.now()))),
        ("log moved".to_owned(), when(status.head_at)),
        (
            "deliveries".to_owned(),
            format!("{} pending, {} dead", deliveries.pending, deliveries.dead),
        ),
        ("oldest due".to_owned(), when(deliveries.oldest_due_at)),
    ];
    if let Some(run) = &status.retention {
        let gone = format!(
            "{}: {} events, {} deliveries, {} lines of history, {} removed bindings gone",
            run.ended_at.map_or("running".to_owned(), |at| at.to_string()),
            run.events,
            run.deliveries,
            run.history,
            run.bindings
        );
        rows.push(("retention".to_owned(), gone));
    }
    for node in &status.nodes {
        let lag = format!("{} entries behind, version {}", node.index_behind, node.version);
        rows.push((format!("node {}", node.name), lag));
    }
    table(&rows.into_iter().map(|(name, fact)| vec![name, fact]).collect::<Vec<_>>())
}

/// A table with a header; none without rows.
fn under(header: [&str; 4], rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let header = header.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = [header].into_iter().chain(rows).collect();
    (rows.len() > 1).then(|| table(&rows))
}
