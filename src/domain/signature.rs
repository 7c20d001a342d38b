//! Signatures of webhooks: Standard Webhooks 1.0.0, symmetric (`v1`, HMAC-SHA-256).
//!
//! The registry signs, the client's receiver verifies; both are here so that they can't drift apart.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The header with the message's id: the same at every attempt, so receivers deduplicate by it.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of this attempt, in Unix seconds.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by blanks; one that fits is enough.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a signed timestamp may lie from the receiver's clock, either way.
pub const TOLERANCE_SECONDS_MAX: i64 = 300;
/// The shortest secret that the standard allows.
pub const SECRET_BYTES_MIN: usize = 24;
/// The longest secret that the standard allows.
pub const SECRET_BYTES_MAX: usize = 64;
/// The length of the secrets that the registry makes.
pub const SECRET_BYTES: usize = 32;

const SECRET_PREFIX: &str = "whsec_";
const SIGNATURE_PREFIX: &str = "v1,";

/// The key that an endpoint shares with the registry. Wiped when dropped, never printed by `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// A text or key that is no endpoint secret. Doesn't hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and standard base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

impl Secret {
    /// A secret of these bytes: [`SECRET_BYTES`] random ones, or what the database kept sealed.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Secret, InvalidSecret> {
        let bytes = Zeroizing::new(bytes.into());
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(InvalidSecret);
        }
        Ok(Secret(bytes))
    }

    /// Reads `whsec_…` as the API shows it: padded standard base64, no unused bits set.
    pub fn parse(text: &str) -> Result<Secret, InvalidSecret> {
        let base64 = text.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
        Secret::from_bytes(STANDARD.decode(base64).map_err(|_| InvalidSecret)?)
    }

    /// The secret as the API shows it, once: `whsec_…`.
    pub fn text(&self) -> Zeroizing<String> {
        // Room for the longest, so that no half-written copy is left behind by growing.
        let longest = SECRET_PREFIX.len() + SECRET_BYTES_MAX.div_ceil(3) * 4;
        let mut text = Zeroizing::new(String::with_capacity(longest));
        text.push_str(SECRET_PREFIX);
        STANDARD.encode_string(&*self.0, &mut text);
        text
    }

    /// The bare key, to be sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The value of `webhook-signature` for one attempt: a signature by each of `secrets` (the old one
/// too while a rotation lasts). `timestamp` is that of the attempt, in Unix seconds; `id` is the
/// message's and must not hold a dot, which separates the signed parts.
pub fn sign(secrets: &[&Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    debug_assert!(!id.contains('.'), "a dot in the id would make the signed text ambiguous");
    let timestamp = timestamp.to_string();
    let signatures = secrets.iter().map(|secret| {
        format!("{SIGNATURE_PREFIX}{}", STANDARD.encode(mac(secret, id, &timestamp, body)))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// The three headers of a received webhook, as text.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signature: &'a str,
}

/// Why a received webhook must not be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The id or the timestamp isn't what a sender would write.
    #[error("webhook-id or webhook-timestamp is malformed")]
    Malformed,
    /// More than [`TOLERANCE_SECONDS_MAX`] off: a replay, or a clock that is wrong.
    #[error("webhook-timestamp is more than five minutes off")]
    OutOfTime,
    /// No `v1` signature is by this secret over this id, timestamp and body.
    #[error("no signature fits")]
    NoMatch,
}

/// Whether a webhook received at `now` was signed with `secret`. Comparing takes the same time
/// wherever the first difference lies. `body` is the body as received, before any JSON reading.
pub fn verify(
    secret: &Secret,
    headers: Headers<'_>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Forged> {
    if headers.id.is_empty() || headers.id.contains('.') {
        return Err(Forged::Malformed);
    }
    let seconds = headers.timestamp.parse().map_err(|_| Forged::Malformed)?;
    let signed_at = DateTime::from_timestamp(seconds, 0).ok_or(Forged::Malformed)?;
    if (now - signed_at).abs() > TimeDelta::seconds(TOLERANCE_SECONDS_MAX) {
        return Err(Forged::OutOfTime);
    }
    let expected = mac(secret, headers.id, headers.timestamp, body);
    let fits = headers.signature.split(' ').any(|signature| {
        let base64 = signature.strip_prefix(SIGNATURE_PREFIX).unwrap_or_default();
        STANDARD.decode(base64).is_ok_and(|given| given.ct_eq(&expected).into())
    });
    if fits { Ok(()) } else { Err(Forged::NoMatch) }
}

fn mac(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
