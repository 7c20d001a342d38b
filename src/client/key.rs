//! The API key that a client speaks with.

use std::fmt;

use hyper::header::HeaderValue;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Characters of a key after its role: base64url of 24 bytes.
const RANDOM_CHARS: usize = 32;

/// An API key, `vk1_<role>_<32 characters>`. Hidden from `Debug`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

/// A text that can't be an API key. Doesn't hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no API key; one is vk1_, carrier, app or admin, _ and 32 characters")]
pub struct BadKey;

impl ApiKey {
    /// Takes what has the form of a key, so that no other secret is sent by mistake; whether it works
    /// is for the registry to say.
    ///
    /// # Errors
    /// [`BadKey`] for anything else.
    pub fn parse(text: impl Into<String>) -> Result<ApiKey, BadKey> {
        let text = Zeroizing::new(text.into());
        let mut parts = text.splitn(3, '_');
        let role = |role| matches!(role, "carrier" | "app" | "admin");
        let random = |part: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            part.len() == RANDOM_CHARS && part.bytes().all(is_part)
        };
        let fits = parts.next() == Some("vk1")
            && parts.next().is_some_and(role)
            && parts.next().is_some_and(random);
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
