//! `vacate participant`

use clap::{Args, Subcommand, ValueEnum};

use super::lines::argument;
use super::say::{Tone, table};
use super::session::Session;
use super::{Ended, Failure, Outcome};
use crate::client::admin::{Enrolment, Participant as Shown};
use crate::client::keys::Whose;
use crate::domain::calling_code::CallingCode;
use crate::domain::participant::State;
use crate::domain::verdict::NotCovered;

/// Enrol and manage participants (admin).
#[derive(Debug, Subcommand)]
pub enum Participant {
    /// Enrol a participant, or change it.
    ///
    /// Examples: vacate participant add northtel --kind carrier --display-name Northtel --calling-code 49;
    /// vacate participant add skyfare --kind app --display-name Skyfare --accounts 2000000
    Add(Box<Add>),
    /// List all participants.
    ///
    /// Example: vacate participant list --json
    List,
    /// Show one participant; `me` is whose key this is.
    ///
    /// Example: vacate participant show me
    Show {
        /// Its name.
        name: String,
    },
    /// Refuse all keys of a participant until it is resumed.
    ///
    /// Example: vacate participant suspend skyfare --why "contract ended"
    Suspend {
        /// Its name.
        name: String,
        /// What it is to read.
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
    },
    /// Accept the keys of a suspended participant again.
    ///
    /// Example: vacate participant resume skyfare
    Resume {
        /// Its name.
        name: String,
    },
}

/// A participant as the admin puts it.
#[derive(Debug, Args)]
pub struct Add {
    /// Its name: lower-case letters, digits and hyphens.
    name: String,
    /// What it does here.
    #[arg(long)]
    kind: Kind,
    /// What people read; its name where nothing is said.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Who owns it; itself where nothing is said.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// A calling code that a carrier may speak of; may be repeated.
    #[arg(long = "calling-code", value_name = "CODE", value_parser = argument::<CallingCode>)]
    calling_codes: Vec<CallingCode>,
    /// How many accounts with a number an app has.
    #[arg(long, value_name = "COUNT")]
    accounts: Option<u64>,
    /// Where a person closes an account of an app.
    #[arg(long, value_name = "URL")]
    close_account_url: Option<String>,
    /// Where a previous owner gets an account back.
    #[arg(long, value_name = "URL")]
    recover_url: Option<String>,
    /// Where people get help.
    #[arg(long, value_name = "URL")]
    support_url: Option<String>,
    /// Advise an app to let in where nobody promised to report.
    #[arg(long)]
    allow_not_covered: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Carrier,
    App,
    Admin,
}

impl Participant {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let client = &session.client;
        let one = match self {
            Participant::Add(add) => client.enrol(&add.name, &add.enrolment()?).await?,
            Participant::List => return list(session).await,
            Participant::Show { name } => client.participant(whose(name)).await?,
            Participant::Suspend { name, why } => {
                client.set_state(name, State::Suspended, why.as_deref()).await?
            }
            Participant::Resume { name } => client.set_state(name, State::Active, None).await?,
        };
        session.say.show(&one, || table(&described(session, &one)))?;
        Ok(Ended::Done)
    }
}

/// `me` is whose key it is; nobody else can have that name.
pub(super) fn whose(name: &str) -> Whose<'_> {
    if name == "me" { Whose::Mine } else { Whose::Of(name) }
}

impl Add {
    fn enrolment(&self) -> Result<Enrolment, Failure> {
        let display_name = self.display_name.clone().unwrap_or_else(|| self.name.clone());
        let base = match self.kind {
            Kind::Carrier => Enrolment::carrier(display_name, self.calling_codes.clone()),
            Kind::App => {
                let accounts = self.accounts.ok_or_else(|| {
                    Failure::Usage(
                        "an app has --accounts: how many of them have a number".to_owned(),
                    )
                })?;
                Enrolment::app(display_name, accounts)
            }
            Kind::Admin => Enrolment::admin(display_name),
        };
        Ok(Enrolment {
            organisation: self.organisation.clone(),
            close_account_url: self.close_account_url.clone(),
            recover_url: self.recover_url.clone(),
            support_url: self.support_url.clone(),
            advice_not_covered: self.allow_not_covered.then_some(NotCovered::Allow),
            ..base
        })
    }
}

async fn list(session: &Session) -> Outcome {
    let all = session.client.participants().all().await?;
    session.say.show(&all, || {
        let header = ["NAME", "KIND", "STATE", "DISPLAY NAME"].map(str::to_owned).to_vec();
        let rows = all.iter().map(|one| {
            let kind = one.kind.map_or("?", |kind| kind.text());
            let cells = [one.name.as_str(), kind, one.state.text(), &one.display_name];
            cells.map(str::to_owned).to_vec()
        });
        table(&[header].into_iter().chain(rows).collect::<Vec<_>>())
    })?;
    Ok(Ended::Done)
}

fn described(session: &Session, one: &Shown) -> Vec<Vec<String>> {
    let tone = if one.state == State::Active { Tone::Good } else { Tone::Bad };
    let codes: Vec<String> = one.calling_codes.iter().map(|code| format!("+{code}")).collect();
    let permissions = one.key.as_ref().map(|key| {
        let all: Vec<&str> = key.permissions.iter().map(|permission| permission.text()).collect();
        all.join(" ")
    });
    let facts = [
        ("name", Some(one.name.clone())),
        ("kind", one.kind.map(|kind| kind.text().to_owned())),
        ("display name", Some(one.display_name.clone())),
        ("organisation", one.organisation.clone()),
        ("state", Some(session.say.paint(tone, one.state.text()))),
        ("why", one.why.clone()),
        ("calling codes", (!codes.is_empty()).then(|| codes.join(" "))),
        ("accounts", one.accounts_declared.map(|count| count.to_string())),
        ("close account", one.close_account_url.clone()),
        ("recover", one.recover_url.clone()),
        ("support", one.support_url.clone()),
        ("this key", one.key.as_ref().map(|key| key.id.clone())),
        ("may", permissions),
        ("since", Some(one.created_at.to_string())),
    ];
    let told = facts.into_iter().filter_map(|(name, fact)| Some(vec![name.to_owned(), fact?]));
    told.collect()
}
