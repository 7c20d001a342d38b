//! The API key that a client speaks with.

use std::fmt;

use hyper::header::HeaderValue;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// An API key, `vk1_<role>_<32 characters>`. Hidden from `Debug`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

/// A text that can't be an API key. Doesn't hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an API key is visible ASCII without blanks")]
pub struct BadKey;

impl ApiKey {
    /// Takes any text that fits into a header; whether it is a key is for the registry to say.
    ///
    /// # Errors
    /// [`BadKey`] when it is empty, or holds a blank, a line break or anything that isn't ASCII.
    pub fn parse(text: impl Into<String>) -> Result<ApiKey, BadKey> {
        let text = Zeroizing::new(text.into());
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(ApiKey(text)) } else { Err(BadKey) }
    }

    /// The key itself, to be shown once or put away.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn bearer(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("Bearer {}", self.expose()));
        let mut value = HeaderValue::from_str(&text).expect("visible ASCII fits into a header");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl<'de> Deserialize<'de> for ApiKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ApiKey, D::Error> {
        ApiKey::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
