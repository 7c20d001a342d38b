//! The policies that hold for a calling code until the admin sets its own: built in
//! (`config/policies.toml`), or a file of the same form in their place.

use std::collections::HashMap;
use std::path::Path;

use toml::{Table, Value};

use crate::domain::calling_code::CallingCode;
use crate::domain::policy::Policy;
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::rejection::Rejection;

/// The built-in file.
pub const BUILT_IN: &str = include_str!("../../config/policies.toml");

/// The policy of each calling code.
#[derive(Clone, Debug)]
pub struct Policies {
    /// The policy of every calling code without a section.
    pub default: Policy,
    /// The policies of those with one.
    pub by_code: HashMap<CallingCode, Policy>,
}

/// A policy file that can't be used: where, and why.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Error {
    place: String,
    reason: String,
}

impl Policies {
    /// The policies in `file`, or else the built-in ones.
    ///
    /// # Errors
    /// The file can't be read, or breaks the rules that `config/policies.toml` states.
    pub fn load(file: Option<&Path>) -> Result<Policies, Error> {
        let Some(path) = file else { return Policies::parse("built-in policies", BUILT_IN) };
        let place = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Policies::parse(&place, &text),
            Err(error) => Err(Error { place, reason: format!("it can't be read: {error}") }),
        }
    }

    fn parse(place: &str, text: &str) -> Result<Policies, Error> {
        let wrong = |section: &str, reason: String| Error {
            place: if section.is_empty() { place.into() } else { format!("{place} [{section}]") },
            reason,
        };
        let mut file: Table =
            text.parse().map_err(|error: toml::de::Error| wrong("", error.to_string()))?;
        let default =
            file.remove("default").ok_or_else(|| wrong("default", "it is missing".into()))?;
        let default =
            policy(default, &Policy::default()).map_err(|reason| wrong("default", reason))?;
        let mut by_code = HashMap::new();
        for (section, members) in file {
            let code: CallingCode = section
                .parse()
                .map_err(|_| wrong(&section, "name it by an assigned calling code: [49]".into()))?;
            let policy = policy(members, &default).map_err(|reason| wrong(&section, reason))?;
            by_code.insert(code, policy);
        }
        Ok(Policies { default, by_code })
    }
}

fn policy(members: Value, base: &Policy) -> Result<Policy, String> {
    let terms: PolicyTerms = members.try_into().map_err(|error: toml::de::Error| {
        let text = error.to_string().trim_end().replace('\n', " ");
        Rejection::from_serde(&text).map_or(text, |refused| refused.detail.into_owned())
    })?;
    terms.over(base).map_err(|refused| refused.detail.into_owned())
}
