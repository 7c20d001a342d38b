//! `vacate key`

use clap::Subcommand;
use serde_json::json;

use super::calling_code::{Since, since};
use super::lines::{argument, one_of};
use super::once::Once;
use super::participant::whose;
use super::say::{table, when};
use super::session::{Meant, Session};
use super::{Ended, Failure, Outcome};
use crate::client::keys::{IssuedKey, Key as Shown, KeyWish, Whose};
use crate::clock::Clock;
use crate::domain::participant::Permission;
use crate::domain::time::{DAY, HOUR, MINUTE, Moment};

/// Issue and manage API keys. NAME is a participant's, or `me`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Issue a key; it is told once, alone on stdout or in a file.
    ///
    /// Example: vacate key issue skyfare --permission check --label "login servers" --out login.key
    Issue {
        /// Whose it is to be.
        name: String,
        /// What it may do; everything of its kind where nothing is said. May be repeated.
        #[arg(long = "permission", value_name = "PERMISSION", value_parser = one_of::<Permission>)]
        permissions: Vec<Permission>,
        /// What it is called.
        #[arg(long, value_name = "TEXT", default_value = "command line")]
        label: String,
        /// When it ends.
        #[arg(long, value_name = "TIME", value_parser = argument::<Moment>)]
        expires_at: Option<Moment>,
        #[command(flatten)]
        once: Once,
    },
    /// List keys; the keys themselves can't be shown again.
    ///
    /// Example: vacate key list skyfare
    List {
        /// Whose.
        name: String,
    },
    /// End a key at once.
    ///
    /// Example: vacate key revoke skyfare key_01m83vvccg5hre2avt0s3fj8ks --yes
    Revoke {
        /// Whose.
        name: String,
        /// Its id.
        id: String,
        #[command(flatten)]
        meant: Meant,
    },
    /// Issue a key like another, which ends soon.
    ///
    /// Example: vacate key rotate skyfare key_01m83vvccg5hre2avt0s3fj8ks --overlap 24h --out login.key
    Rotate {
        /// Whose.
        name: String,
        /// The id of the old one.
        id: String,
        /// How long the old one goes on, if it doesn't end before: a whole number and s, m, h or d.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
        overlap: u32,
        /// When the new one ends, or `none`; when the old one was to end, if nothing is said.
        #[arg(long, value_name = "TIME|none", value_parser = since)]
        expires_at: Option<Since>,
        #[command(flatten)]
        once: Once,
    },
}

impl Key {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        match self {
            Key::Issue { name, permissions, label, expires_at, once } => {
                let permissions = (!permissions.is_empty()).then(|| permissions.clone());
                let wish = KeyWish { label: label.clone(), permissions, expires_at: *expires_at };
                issue(session, whose(name), &wish, once).await?;
            }
            Key::List { name } => {
                let all = session.client.keys(whose(name)).all().await?;
                session.say.show(&all, || table(&rows(&all)))?;
            }
            Key::Revoke { name, id, meant } => {
                meant.must_be(&format!("{id} of {name} ends within two seconds."))?;
                session.client.revoke_key(whose(name), id).await?;
                session.say.show(&json!({ "id": id }), || format!("{id} is revoked"))?;
            }
            Key::Rotate { name, id, overlap, expires_at, once } => {
                let whose = whose(name);
                let old = named(session, whose, id).await?;
                let until = Clock::System.now().plus(*overlap);
                let until = old.expires_at.map_or(until, |end| end.min(until));
                let wish = KeyWish {
                    label: old.label,
                    permissions: Some(old.permissions),
                    expires_at: expires_at.map_or(old.expires_at, |Since(end)| end),
                };
                // The new one first: whatever fails afterwards, there is a key that works.
                issue(session, whose, &wish, once).await?;
                session.client.expire_key(whose, id, until).await?;
                session.say.tell(&format!("{id} goes on until {until}"));
            }
        }
        Ok(Ended::Done)
    }
}

async fn named(session: &Session, whose: Whose<'_>, id: &str) -> Result<Shown, Failure> {
    let all = session.client.keys(whose).all().await?;
    let found = all.into_iter().find(|key| key.id == id);
    found.ok_or_else(|| Failure::Failed("there is no such key".to_owned()))
}

async fn issue(
    session: &Session,
    whose: Whose<'_>,
    wish: &KeyWish,
    once: &Once,
) -> Result<(), Failure> {
    let place = once.place()?;
    let IssuedKey { text, key } = session.client.issue_key(whose, wish).await?;
    let value = json!({
        "id": key.id, "label": key.label, "permissions": key.permissions,
        "created_at": key.created_at, "expires_at": key.expires_at,
    });
    place.put(session.say, ("key", text.expose()), value)?;
    session.say.tell(&format!("{}: the key is shown only now", key.id));
    Ok(())
}

fn rows(all: &[Shown]) -> Vec<Vec<String>> {
    let header = ["ID", "LABEL", "MAY", "CREATED", "LAST USED", "ENDS"].map(str::to_owned).to_vec();
    let rows = all.iter().map(|key| {
        let may: Vec<&str> = key.permissions.iter().map(|permission| permission.text()).collect();
        vec![
            key.id.clone(),
            key.label.clone(),
            may.join(" "),
            key.created_at.to_string(),
            when(key.last_used_at),
            when(key.expires_at),
        ]
    });
    [header].into_iter().chain(rows).collect()
}

/// `90m` in seconds.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || "write a whole number and s, m, h or d, as in 24h".to_owned();
    let (count, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return Err(wrong()),
    };
    let count: u32 = count.parse().map_err(|_| wrong())?;
    count.checked_mul(unit).ok_or_else(wrong)
}
