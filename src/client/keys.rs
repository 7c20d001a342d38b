//! API keys: a participant manages its own, the admin everybody's.

use hyper::Method;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::key::ApiKey;
use super::list::List;
use super::{Client, empty, percent_encoded, unknown};
pub use crate::domain::enrolment::KeyWish;
use crate::domain::participant::Permission;
use crate::domain::time::Moment;

/// Which participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// The one whose key the client has.
    Mine,
    /// The one of this name, for the admin.
    Of(&'a str),
}

/// A key, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `key_…`
    pub id: String,
    /// What the participant calls it.
    pub label: String,
    /// What it may do, as far as this client knows.
    #[serde(deserialize_with = "unknown::permissions")]
    pub permissions: Vec<Permission>,
    /// When it was made.
    pub created_at: Moment,
    /// When it ends, if it does.
    pub expires_at: Option<Moment>,
    /// When it was last used, if it was.
    pub last_used_at: Option<Moment>,
}

/// A key that was just made.
#[derive(Clone, Debug, Deserialize)]
pub struct IssuedKey {
    /// The key itself. It is told only now.
    #[serde(rename = "key")]
    pub text: ApiKey,
    /// What can be read again.
    #[serde(flatten)]
    pub key: Key,
}

#[derive(Serialize)]
struct Expiry {
    expires_at: Moment,
}

impl Client {
    /// Makes a key. Sent again after a timeout, it makes another.
    ///
    /// # Errors
    /// `not_found`, `value_not_allowed`, and those of every call.
    pub async fn issue_key(&self, whose: Whose<'_>, wish: &KeyWish) -> Result<IssuedKey, Error> {
        self.send(Method::POST, &keys_path(whose), wish).await
    }

    /// The keys of a participant.
    pub fn keys(&self, whose: Whose<'_>) -> List<'_, Key> {
        List::new(self, keys_path(whose))
    }

    /// Lets a key end at a time.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn expire_key(
        &self,
        whose: Whose<'_>,
        id: &str,
        expires_at: Moment,
    ) -> Result<Key, Error> {
        self.send(Method::PATCH, &key_path(whose, id), &Expiry { expires_at }).await
    }

    /// Ends a key within two seconds, for ever.
    ///
    /// # Errors
    /// `not_found`, and those of every call.
    pub async fn revoke_key(&self, whose: Whose<'_>, id: &str) -> Result<(), Error> {
        self.raw(empty(Method::DELETE, &key_path(whose, id))).await?.done()
    }
}

pub(super) fn participant_path(whose: Whose<'_>) -> String {
    let name = match whose {
        Whose::Mine => "me",
        Whose::Of(name) => name,
    };
    format!("/v1/participants/{}", percent_encoded(name))
}

fn keys_path(whose: Whose<'_>) -> String {
    participant_path(whose) + "/keys"
}

fn key_path(whose: Whose<'_>, id: &str) -> String {
    format!("{}/{}", keys_path(whose), percent_encoded(id))
}
