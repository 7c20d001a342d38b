//! `vacate epoch`

use clap::Subcommand;
use serde_json::json;

use super::say::{table, when};
use super::session::{Global, Meant, Session};
use super::{Ended, Failure, Outcome, speak};
use crate::client::epochs::Epoch as Shown;
use crate::domain::generation::Purpose;
use crate::server::key_file;

/// Change the key that tokens are made with: publish, distribute the key file, activate (admin).
#[derive(Debug, Subcommand)]
pub enum Epoch {
    /// List epochs, and whether the node that is asked has their keys.
    ///
    /// Example: vacate epoch list
    List,
    /// Add the key of a new epoch to the key file of this machine. Nothing uses it before it is activated.
    ///
    /// Example: vacate epoch publish
    Publish,
    /// Bring an epoch into force on every node at once.
    ///
    /// Each node must have its key by then: one that hasn't answers nothing but 503 from that moment on.
    ///
    /// Example: vacate epoch activate 2
    Activate {
        /// Which.
        epoch: u32,
    },
    /// Refuse the tokens of an epoch from now on, before its time is over.
    ///
    /// Example: vacate epoch retire 1 --yes
    Retire {
        /// Which.
        epoch: u32,
        #[command(flatten)]
        meant: Meant,
    },
}

impl Epoch {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Epoch::Publish => publish(global),
            Epoch::List => speak(global, async |session| {
                let all = session.client.epochs().all().await?;
                show(session, &all)
            }),
            Epoch::Activate { epoch } => speak(global, async |session| {
                show(session, &[session.client.activate_epoch(*epoch).await?])
            }),
            Epoch::Retire { epoch, meant } => speak(global, async |session| {
                meant.must_be(&format!("Tokens of epoch {epoch} will be refused."))?;
                show(session, &[session.client.retire_epoch(*epoch).await?])
            }),
        }
    }
}

/// Adds a key to the file of this machine, which needs no registry.
fn publish(global: &Global) -> Outcome {
    let (say, config) = (global.say(), global.settings()?);
    let epoch = key_file::add(&config, Purpose::Epoch)
        .map_err(|error| Failure::Failed(format!("keys.file: {error}")))?;
    let file = config.keys.file.display();
    say.show(&json!({ "epoch": epoch }), || epoch.to_string())?;
    say.tell(&format!(
        "epoch {epoch} was added to {file}; back it up, and copy it to every node, mode 0600\n\
         when `vacate epoch list` shows it as held on each of them: vacate epoch activate {epoch}"
    ));
    Ok(Ended::Done)
}

fn show(session: &Session, all: &[Shown]) -> Outcome {
    let header = ["EPOCH", "STATE", "ACTIVE SINCE", "ACCEPTED UNTIL", "HELD"];
    let rows = all.iter().map(|one| {
        let held = if one.held { "yes" } else { "no" };
        let (since, until) = (when(one.active_since), when(one.accepted_until));
        vec![one.epoch.to_string(), one.state.clone(), since, until, held.to_owned()]
    });
    let header = header.map(str::to_owned).to_vec();
    session.say.show(&all, || table(&[header].into_iter().chain(rows).collect::<Vec<_>>()))?;
    Ok(Ended::Done)
}
