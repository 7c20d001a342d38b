//! Public identifiers: a prefix that tells what it is, and a UUIDv7 (RFC 9562, section 5.7) in 26
//! characters of Crockford's base32, so that they sort by time. Opaque to clients.

use super::rejection::{Code, Rejection};

/// What an identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// A webhook address.
    Endpoint,
    /// A message, the same over all its tries.
    Message,
    /// A message on its way to one endpoint.
    Delivery,
    /// An API key.
    Key,
    /// A request, when the caller brought no correlator of its own.
    Correlator,
}

impl Prefix {
    /// The text before the underscore.
    pub fn text(self) -> &'static str {
        match self {
            Prefix::Endpoint => "ep",
            Prefix::Message => "msg",
            Prefix::Delivery => "dlv",
            Prefix::Key => "key",
            Prefix::Correlator => "c",
        }
    }
}

/// A new identifier, made at `unix_ms` with ten random bytes.
pub fn new(prefix: Prefix, unix_ms: i64, random: &[u8; 10]) -> String {
    let unix_ms = u64::try_from(unix_ms).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(unix_ms, random).into_uuid();
    let mut text = format!("{}_", prefix.text());
    let bits = uuid.as_u128();
    for place in (0..DIGITS).rev() {
        let digit = usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0);
        text.push(char::from(CROCKFORD[digit]));
    }
    text
}

/// Whether `text` has the form of an identifier with this prefix.
///
/// # Errors
/// `not_found`: an identifier of another form names nothing.
pub fn must_be(prefix: Prefix, text: &str) -> Result<(), Rejection> {
    let digits = text.strip_prefix(prefix.text()).and_then(|rest| rest.strip_prefix('_'));
    match digits {
        Some(digits)
            if digits.len() == DIGITS && digits.bytes().all(|digit| CROCKFORD.contains(&digit)) =>
        {
            Ok(())
        }
        _ => Err(Rejection::new(Code::NotFound, "There is nothing of yours under this id.")),
    }
}

const DIGITS: usize = 26;
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
