//! Participants and keys as they are wished for: what the admin sends, and what the registry reads.

use serde::{Deserialize, Serialize};

use super::calling_code::CallingCode;
use super::participant::{Kind, Permission};
use super::time::Moment;
use super::verdict::NotCovered;

/// A participant as the admin puts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// What it does here; for ever.
    pub kind: Kind,
    /// What people read.
    pub display_name: String,
    /// Who owns it; its own name where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The calling codes that a carrier may speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calling_codes: Option<Vec<CallingCode>>,
    /// How many accounts with a number an app has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_declared: Option<u64>,
    /// Where a person closes an account of an app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_account_url: Option<String>,
    /// Where a previous owner gets an account back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_url: Option<String>,
    /// Where people get help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_url: Option<String>,
    /// What an app is advised where nobody promised to report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice_not_covered: Option<NotCovered>,
}

impl Enrolment {
    /// A carrier with these grants.
    pub fn carrier(display_name: impl Into<String>, calling_codes: Vec<CallingCode>) -> Enrolment {
        let calling_codes = Some(calling_codes);
        Enrolment { calling_codes, ..Enrolment::new(Kind::Carrier, display_name) }
    }

    /// An app with about so many accounts.
    pub fn app(display_name: impl Into<String>, accounts_declared: u64) -> Enrolment {
        let accounts_declared = Some(accounts_declared);
        Enrolment { accounts_declared, ..Enrolment::new(Kind::App, display_name) }
    }

    /// An admin.
    pub fn admin(display_name: impl Into<String>) -> Enrolment {
        Enrolment::new(Kind::Admin, display_name)
    }

    fn new(kind: Kind, display_name: impl Into<String>) -> Enrolment {
        Enrolment {
            kind,
            display_name: display_name.into(),
            organisation: None,
            calling_codes: None,
            accounts_declared: None,
            close_account_url: None,
            recover_url: None,
            support_url: None,
            advice_not_covered: None,
        }
    }
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyWish {
    /// What the participant calls it.
    pub label: String,
    /// What it may do; everything of its participant's kind where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
}

impl KeyWish {
    /// A key without an end that may do everything.
    pub fn new(label: impl Into<String>) -> KeyWish {
        KeyWish { label: label.into(), permissions: None, expires_at: None }
    }
}
