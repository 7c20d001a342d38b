//! `vacate participant`

use clap::{Args, Subcommand};

use super::lines::{argument, one_of};
use super::say::{Tone, table};
use super::session::Session;
use super::{Ended, Failure, Outcome};
use crate::client::Client;
use crate::client::admin::{Enrolment, Participant as Shown};
use crate::client::keys::Whose;
use crate::domain::calling_code::CallingCode;
use crate::domain::participant::{Kind, State};
use crate::domain::verdict::NotCovered;

/// Enrol and manage participants (admin).
#[derive(Debug, Subcommand)]
pub enum Participant {
    /// Enrol a participant, or change one: what isn't named stays as it is.
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
    /// What it does here: carrier, app or admin; for ever.
    #[arg(long, value_parser = one_of::<Kind>)]
    kind: Kind,
    /// What people read; its name until something is said.
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Who owns it; itself until something is said.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// A calling code that a carrier may speak of; name all of them, repeating this.
    #[arg(long = "calling-code", value_name = "CODE", value_parser = argument::<CallingCode>)]
    calling_codes: Vec<CallingCode>,
    /// How many accounts with a number an app has.
    #[arg(long, value_name = "COUNT")]
    accounts: Option<u64>,
    /// Where a person closes an account of an app.
    #[arg(long, value_name = "URL|none")]
    close_account_url: Option<String>,
    /// Where a previous owner gets an account back.
    #[arg(long, value_name = "URL|none")]
    recover_url: Option<String>,
    /// Where people get help.
    #[arg(long, value_name = "URL|none")]
    support_url: Option<String>,
    /// What an app is advised where nobody promised to report: `step_up` or allow.
    #[arg(long, value_name = "ADVICE", value_parser = one_of::<NotCovered>)]
    advice_not_covered: Option<NotCovered>,
}

impl Participant {
    pub(super) async fn run(&self, session: &Session) -> Outcome {
        let client = &session.client;
        let one = match self {
            Participant::Add(wanted) => add(client, wanted).await?,
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
    /// What was named over what there is. What doesn't suit its kind is for the registry to refuse.
    fn enrolment(&self, before: Option<Shown>) -> Result<Enrolment, Failure> {
        let before = before.map(known).unwrap_or_else(|| Enrolment::admin(&self.name));
        let (kind, accounts) = (self.kind, self.accounts.or(before.accounts_declared));
        if kind == Kind::App && accounts.is_none() {
            let why = "an app has --accounts: how many of them have a number";
            return Err(Failure::Usage(why.to_owned()));
        }
        let codes = Some(self.calling_codes.clone()).filter(|codes| !codes.is_empty());
        let none = (kind == Kind::Carrier).then(Vec::new);
        Ok(Enrolment {
            kind,
            display_name: self.display_name.clone().unwrap_or(before.display_name),
            organisation: self.organisation.clone().or(before.organisation),
            calling_codes: codes.or(before.calling_codes).or(none),
            accounts_declared: accounts,
            close_account_url: url(&self.close_account_url, before.close_account_url),
            recover_url: url(&self.recover_url, before.recover_url),
            support_url: url(&self.support_url, before.support_url),
            advice_not_covered: self.advice_not_covered.or(before.advice_not_covered),
        })
    }
}

/// A participant as it was enrolled.
fn known(one: Shown) -> Enrolment {
    let kind = one.kind;
    Enrolment {
        kind: kind.unwrap_or(Kind::Admin),
        display_name: one.display_name,
        organisation: one.organisation,
        calling_codes: (kind == Some(Kind::Carrier)).then_some(one.calling_codes),
        accounts_declared: one.accounts_declared,
        close_account_url: one.close_account_url,
        recover_url: one.recover_url,
        support_url: one.support_url,
        advice_not_covered: (kind == Some(Kind::App)).then_some(one.advice_not_covered),
    }
}

/// `none` takes it away.
fn url(named: &Option<String>, before: Option<String>) -> Option<String> {
    match named.as_deref() {
        None => before,
        named => named.filter(|url| *url != "none").map(str::to_owned),
    }
}

async fn add(client: &Client, add: &Add) -> Result<Shown, Failure> {
    let before = match client.participant(Whose::Of(&add.name)).await {
        Ok(before) => Some(before),
        Err(error) if error.code() == Some("not_found") => None,
        Err(error) => return Err(error.into()),
    };
    Ok(client.enrol(&add.name, &add.enrolment(before)?).await?)
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
        (
            "not covered",
            (one.kind == Some(Kind::App)).then(|| one.advice_not_covered.text().to_owned()),
        ),
        ("this key", one.key.as_ref().map(|key| key.id.clone())),
        ("may", permissions),
        ("since", Some(one.created_at.to_string())),
    ];
    let told = facts.into_iter().filter_map(|(name, fact)| Some(vec![name.to_owned(), fact?]));
    told.collect()
}
