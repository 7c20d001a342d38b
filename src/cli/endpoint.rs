//! `vacate endpoint`

use clap::Subcommand;
use serde_json::json;

use super::say::{Tone, table};
use super::session::Session;
use super::{Ended, Failure, Outcome};
use crate::client::endpoints::{
    Delivery, DeliveryState, Endpoint as Shown, EndpointPatch, EndpointState,
};

/// Manage webhook endpoints (app).
#[derive(Debug, Subcommand)]
pub enum Endpoint {
    /// Have messages sent to a URL; the signing secret is printed once, alone on stdout.
    ///
    /// Example: vacate endpoint add https://hooks.skyfare.example/vacate > webhook.secret
    Add {
        /// Where to.
        // Not `url`: clap would take it for the registry's.
        #[arg(value_name = "URL")]
        target: String,
    },
    /// List endpoints.
    ///
    /// Example: vacate endpoint list
    List,
    /// Send a test message, and wait for its first try.
    ///
    /// Example: vacate endpoint test ep_01m83vvccg1rkf6w5nc9bf5hyw
    Test {
        /// Its id.
        id: String,
    },
    /// Make a new signing secret; it is printed once, alone on stdout.
    ///
    /// Example: vacate endpoint rotate ep_01m83vvccg1rkf6w5nc9bf5hyw --overlap-hours 24 > webhook.secret
    Rotate {
        /// Its id.
        id: String,
        /// How long the old one signs too.
        #[arg(long, value_name = "HOURS")]
        overlap_hours: Option<u32>,
    },
    /// Keep what is due until the endpoint is enabled.
    ///
    /// Example: vacate endpoint disable ep_01m83vvccg1rkf6w5nc9bf5hyw
    Disable {
        /// Its id.
        id: String,
    },
    /// Send what is due.
    ///
    /// Example: vacate endpoint enable ep_01m83vvccg1rkf6w5nc9bf5hyw
    Enable {
        /// Its id.
        id: String,
    },
    /// Remove an endpoint, and all that is due to it.
    ///
    /// Example: vacate endpoint remove ep_01m83vvccg1rkf6w5nc9bf5hyw --yes
    Remove {
        /// Its id.
        id: String,
    },
}

impl Endpoint {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let (client, say) = (&session.client, &session.say);
        match self {
            Endpoint::Add { target } => {
                let added = client.add_endpoint(target).await?;
                let (id, secret) = (added.endpoint.id, added.secret.text());
                say.show(&json!({ "id": id, "secret": *secret }), || secret.to_string())?;
                say.tell(&format!("{id}: the secret is shown only now"));
            }
            Endpoint::List => {
                let all = client.endpoints().all().await?;
                say.show(&all, || table(&rows(&all)))?;
            }
            Endpoint::Test { id } => return tested(session, &client.test_endpoint(id).await?),
            Endpoint::Rotate { id, overlap_hours } => {
                let rotated = client.rotate_secret(id, *overlap_hours).await?;
                let (secret, until) = (rotated.secret.text(), rotated.old_secret_until);
                let value = json!({ "id": id, "secret": *secret, "old_secret_until": until });
                say.show(&value, || secret.to_string())?;
                if let Some(until) = until {
                    say.tell(&format!("{id}: the old secret signs too until {until}"));
                }
            }
            Endpoint::Disable { id } => turn(session, id, EndpointState::Disabled).await?,
            Endpoint::Enable { id } => turn(session, id, EndpointState::Enabled).await?,
            Endpoint::Remove { id } => {
                session.must_mean_it(&format!("{id} gets nothing any more."))?;
                client.remove_endpoint(id).await?;
                say.tell("removed");
            }
        }
        Ok(Ended::Done)
    }
}

async fn turn(session: &Session, id: &str, state: EndpointState) -> Result<(), Failure> {
    let patch = EndpointPatch { state: Some(state), ..EndpointPatch::default() };
    let endpoint = session.client.change_endpoint(id, &patch).await?;
    session.say.show(&endpoint, || table(&rows(std::slice::from_ref(&endpoint))))
}

/// A test that wasn't received is a failure.
fn tested(session: &Session, delivery: &Delivery) -> Outcome {
    let received = delivery.state == DeliveryState::Delivered;
    let tone = if received { Tone::Good } else { Tone::Bad };
    session.say.show(delivery, || {
        let attempt = delivery.attempts.last();
        let status = attempt.and_then(|attempt| attempt.status);
        let why = attempt.and_then(|attempt| attempt.error.clone());
        let answer = match (status, why) {
            (Some(status), _) => format!("answered with {status}"),
            (None, Some(why)) => why,
            (None, None) => "not tried yet".to_owned(),
        };
        let state = session.say.paint(tone, delivery.state.text());
        let took = attempt.map_or(0, |attempt| attempt.took_ms);
        format!("{state}: {answer} after {took} ms")
    })?;
    Ok(if received { Ended::Done } else { Ended::Failed })
}

fn rows(all: &[Shown]) -> Vec<Vec<String>> {
    let header = ["ID", "STATE", "PENDING", "DEAD", "FAILING SINCE", "URL"];
    let rows = all.iter().map(|one| {
        let state = match one.state {
            EndpointState::Enabled => "enabled",
            EndpointState::Disabled => "disabled",
        };
        vec![
            one.id.clone(),
            state.to_owned(),
            one.pending.to_string(),
            one.dead.to_string(),
            one.failing_since.map_or("–".to_owned(), |since| since.to_string()),
            one.url.clone(),
        ]
    });
    [header.map(str::to_owned).to_vec()].into_iter().chain(rows).collect()
}
