//! `vacate status`

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use super::say::{Form, Paint, Say, Tone, print, table};
use super::session::Session;
use super::{Ended, Failure, Outcome};
use crate::client::status::Status as Shown;
use crate::domain::time::Moment;

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
    let when = |moment: Option<Moment>| moment.map_or("–".to_owned(), |at| at.to_string());
    let ready = match status.ready {
        true => say.paint(Tone::Good, "ready"),
        false => say.paint(Tone::Bad, "not ready"),
    };
    let deliveries = &status.deliveries;
    let mut rows = vec![
        vec!["registry".to_owned(), ready],
        vec!["log moved".to_owned(), when(status.head_at)],
        vec![
            "deliveries".to_owned(),
            format!("{} pending, {} dead", deliveries.pending, deliveries.dead),
        ],
        vec!["oldest due".to_owned(), when(deliveries.oldest_due_at)],
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
        rows.push(vec!["retention".to_owned(), gone]);
    }
    for node in &status.nodes {
        let lag = format!("{} entries behind, version {}", node.index_behind, node.version);
        rows.push(vec![format!("node {}", node.name), lag]);
    }
    let mut page = table(&rows);
    let header = ["LOOK AT", "WHO", "SINCE", "COUNT"].map(str::to_owned).to_vec();
    let attention = status.attention.iter().map(|one| {
        let who = one.who.clone().unwrap_or_default();
        vec![one.what.clone(), who, when(one.since), one.count.to_string()]
    });
    let attention: Vec<Vec<String>> = [header].into_iter().chain(attention).collect();
    if attention.len() > 1 {
        page.push_str("\n\n");
        page.push_str(&table(&attention));
    }
    page
}
