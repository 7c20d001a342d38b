//! What the admin calls: who takes part, and how complete each calling code is.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::keys::{Whose, participant_path};
use super::list::List;
use super::{Client, unknown};
use crate::domain::calling_code::CallingCode;
pub use crate::domain::enrolment::Enrolment;
use crate::domain::number::NumberText;
use crate::domain::participant::{Kind, Permission, State};
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::time::Moment;
use crate::domain::verdict::NotCovered;

/// A participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The slug.
    pub name: String,
    /// What it does here, as far as this client knows.
    #[serde(default, deserialize_with = "unknown::known")]
    pub kind: Option<Kind>,
    /// What people read.
    pub display_name: String,
    /// Whether its keys work.
    #[serde(deserialize_with = "unknown::state")]
    pub state: State,
    /// Why they don't.
    pub why: Option<String>,
    /// Who owns it.
    pub organisation: Option<String>,
    /// The calling codes that a carrier may speak of.
    #[serde(default)]
    pub calling_codes: Vec<CallingCode>,
    /// How many accounts with a number an app has.
    pub accounts_declared: Option<u64>,
    /// Where a person closes an account of an app.
    pub close_account_url: Option<String>,
    /// Where a previous owner gets an account back.
    pub recover_url: Option<String>,
    /// Where people get help.
    pub support_url: Option<String>,
    /// What an app is advised where nobody promised to report.
    #[serde(default, deserialize_with = "unknown::not_covered")]
    pub advice_not_covered: NotCovered,
    /// The key that asked. Only when a participant asks about itself.
    pub key: Option<OwnKey>,
    /// When it was enrolled.
    pub created_at: Moment,
}

/// The key that a request was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKey {
    /// `key_…`
    pub id: String,
    /// What it may do, as far as this client knows.
    #[serde(deserialize_with = "unknown::permissions")]
    pub permissions: Vec<Permission>,
    /// When it ends, if it does.
    pub expires_at: Option<Moment>,
}

/// What the admin declares of a calling code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Declaration {
    /// All of `carriers` report it completely since then; `None`: it isn't covered as a whole.
    pub complete_since: Option<Moment>,
    /// The names of the carriers that this rests on.
    pub carriers: Vec<String>,
    /// The names of the carriers who are believed about the end of a number only if they said that
    /// it began with them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own_only: Vec<String>,
    /// The policy. What is `None` takes its default.
    #[serde(flatten)]
    pub policy: PolicyTerms,
}

/// A calling code as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallingCodeStanding {
    /// Which.
    pub calling_code: CallingCode,
    /// Since when it is covered as a whole.
    pub complete_since: Option<Moment>,
    /// The names of the carriers that this rests on.
    pub carriers: Vec<String>,
    /// How far the slowest of them has reported.
    pub through: Option<Moment>,
    /// The names of the carriers who are believed about their own numbers only.
    #[serde(default)]
    pub own_only: Vec<String>,
    /// From a disconnect until the next person, at least, in days.
    pub aging_days: u32,
    /// How late reports may be, in days.
    pub max_lag_days: u32,
    /// How far a carrier's clock may be wrong, in minutes.
    pub tolerance_minutes: u32,
    /// From a disconnect until `detach` is demanded, in days.
    pub detach_after_days: u32,
    /// The time to freeze, in hours.
    pub freeze_within_hours: u32,
    /// The time to detach, in hours.
    pub detach_within_hours: u32,
    /// The easternmost zone, as `+14:00`.
    pub zone_first: String,
    /// The westernmost zone, as `-12:00`.
    pub zone_last: String,
    /// Whether a change of policy is still being worked in.
    pub recomputing: bool,
    /// How far answers reach back, and events are taken; `None`: for ever.
    #[serde(default)]
    pub retained_since: Option<Moment>,
}

/// Something of a number was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The log's head after it.
    pub position: String,
}

#[derive(Serialize)]
struct Erasure {
    number: NumberText,
}

#[derive(Serialize)]
struct StateChange<'a> {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

impl Client {
    /// Enrols a participant, or changes one of the same kind.
    ///
    /// # Errors
    /// `value_not_allowed`, and those of every call.
    pub async fn enrol(&self, name: &str, enrolment: &Enrolment) -> Result<Participant, Error> {
        self.send(Method::PUT, &participant_path(Whose::Of(name)), enrolment).await
    }

    /// Suspends a participant, or lets it take part again.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn set_state(
        &self,
        name: &str,
        state: State,
        why: Option<&str>,
    ) -> Result<Participant, Error> {
        let path = participant_path(Whose::Of(name));
        self.send(Method::PATCH, &path, &StateChange { state, why }).await
    }

    /// A participant. Asked about itself, any key can do this.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn participant(&self, whose: Whose<'_>) -> Result<Participant, Error> {
        self.get(&participant_path(whose)).await
    }

    /// All participants.
    pub fn participants(&self) -> List<'_, Participant> {
        List::new(self, "/v1/participants".to_owned())
    }

    /// Erases what is kept about a number whose holder asked for it.
    ///
    /// # Errors
    /// `value_not_allowed`, `handle_invalid`, and those of every call.
    pub async fn erase(&self, number: NumberText) -> Result<Erased, Error> {
        self.send(Method::POST, "/v1/erasures", &Erasure { number }).await
    }

    /// Declares how complete a calling code is, and its policy.
    ///
    /// # Errors
    /// `value_not_allowed`, `calling_code_unknown`, and those of every call.
    pub async fn declare(
        &self,
        calling_code: CallingCode,
        declaration: &Declaration,
    ) -> Result<CallingCodeStanding, Error> {
        self.send(Method::PUT, &calling_code_path(calling_code), declaration).await
    }

    /// How a calling code stands.
    ///
    /// # Errors
    /// `calling_code_unknown`, and those of every call.
    pub async fn calling_code(
        &self,
        calling_code: CallingCode,
    ) -> Result<CallingCodeStanding, Error> {
        self.get(&calling_code_path(calling_code)).await
    }
}

fn calling_code_path(calling_code: CallingCode) -> String {
    format!("/v1/calling-codes/{calling_code}")
}
