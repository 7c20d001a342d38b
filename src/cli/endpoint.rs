//! `vacate endpoint`

use clap::Subcommand;
use serde_json::json;

use super::once::Once;
use super::say::{Tone, table, when};
use super::session::{Meant, Session};
use super::{Ended, Failure, Outcome};
use crate::client::endpoints::{
    Delivery, DeliveryState, Endpoint as Shown, EndpointPatch, EndpointState,
};

/// Manage webhook endpoints (app).
#[derive(Debug, Subcommand)]
pub enum Endpoint {
    /// Have messages sent to a URL; the signing secret is told once, alone on stdout or in a file.
    ///
    /// Example: vacate endpoint add https://hooks.skyfare.example/vacate --out webhook.secret
    Add {
        /// Where to.
        // Not `url`: clap would take it for the registry's.
        #[arg(value_name = "URL")]
        target: String,
        /// A type of message that is wanted, such as `account.freeze_requested`; all where nothing is
        /// said. May be repeated.
        #[arg(long = "type", value_name = "TYPE")]
        types: Vec<String>,
        #[command(flatten)]
        once: Once,
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
    /// Make a new signing secret; it is told once, alone on stdout or in a file.
    ///
    /// Example: vacate endpoint rotate ep_01m83vvccg1rkf6w5nc9bf5hyw --overlap-hours 24 --out webhook.secret
    Rotate {
        /// Its id.
        id: String,
        /// How long the old one signs too; 0 ends it at once.
        #[arg(long, value_name = "HOURS")]
        overlap_hours: Option<u32>,
        #[command(flatten)]
        once: Once,
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
        #[command(flatten)]
        meant: Meant,
    },
}

impl Endpoint {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let (client, say) = (&session.client, &session.say);
        match self {
            Endpoint::Add { target, types, once } => {
                let place = once.place()?;
                let added = client.add_endpoint(target, types).await?;
                let (id, secret) = (added.endpoint.id, added.secret.text());
                place.put(*say, ("secret", &secret), json!({ "id": id }))?;
                say.tell(&format!("{id}: the secret is shown only now"));
            }
            Endpoint::List => {
                let all = client.endpoints().all().await?;
                say.show(&all, || table(&rows(&all)))?;
            }
            Endpoint::Test { id } => return tested(session, &client.test_endpoint(id).await?),
            Endpoint::Rotate { id, overlap_hours, once } => {
                let place = once.place()?;
                let rotated = client.rotate_secret(id, *overlap_hours).await?;
                let (secret, until) = (rotated.secret.text(), rotated.old_secret_until);
                let value = json!({ "id": id, "old_secret_until": until });
                place.put(*say, ("secret", &secret), value)?;
                say.tell(&match until {
                    Some(until) => format!("{id}: the old secret signs too until {until}"),
                    None => format!("{id}: the old secret signs nothing any more"),
                });
            }
            Endpoint::Disable { id } => turn(session, id, EndpointState::Disabled).await?,
            Endpoint::Enable { id } => turn(session, id, EndpointState::Enabled).await?,
            Endpoint::Remove { id, meant } => {
                meant.must_be(&format!("{id} gets nothing any more."))?;
                client.remove_endpoint(id).await?;
                say.show(&json!({ "id": id }), || format!("{id} is removed"))?;
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
    let header = ["ID", "STATE", "PENDING", "DEAD", "FAILING SINCE", "TYPES", "URL"];
    let rows = all.iter().map(|one| {
        vec![
            one.id.clone(),
            one.state.text().to_owned(),
            one.pending.to_string(),
            one.dead.to_string(),
            when(one.failing_since),
            one.types.join(" "),
            one.url.clone(),
        ]
    });
    [header.map(str::to_owned).to_vec()].into_iter().chain(rows).collect()
}
