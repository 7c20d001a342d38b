//! What stands for a phone number: the number itself, its three texts on the wire, and the
//! database's element, id and guard.
//!
//! Parsing decides what a text alone can tell. Whether its key is accepted, its point valid and its
//! seal whole is told by the keys (`oprf`, `seal`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::ZeroizeOnDrop;

use super::calling_code::CallingCode;
use super::rejection::{Code, Rejection};
use super::text;

/// A phone number in E.164: `^\+[1-9][0-9]{6,14}$` under a known calling code. It has no `Display`,
/// is hidden from `Debug` and wiped when dropped; it is hashed, never stored.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct E164 {
    text: String,
    #[zeroize(skip)]
    calling_code: CallingCode,
}

impl E164 {
    /// The number as it is hashed: `+491701234567`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The calling code it begins with.
    pub fn calling_code(&self) -> CallingCode {
        self.calling_code
    }

    /// The test numbers, which answer the same on every registry, each with its last digit.
    pub fn of_tests() -> impl Iterator<Item = (u32, E164)> {
        let number = |digit| format!("+999000000{digit}").parse().expect("it is a number");
        (1..=8).map(move |digit| (digit, number(digit)))
    }
}

/// # Errors
///
/// `number_malformed` when it is not E.164 to the letter; `calling_code_unknown`.
impl FromStr for E164 {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<E164, Rejection> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let is_e164 = (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_e164 {
            let detail = "A phone number is written as + and 7 to 15 digits, nothing between them.";
            return Err(Rejection::new(Code::NumberMalformed, detail));
        }
        Ok(E164 { calling_code: CallingCode::of_e164(text)?, text: text.to_owned() })
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("E164(…)")
    }
}

/// One of the texts that name a number on the wire. Each value has one text.
///
/// It has no `Display`: it reaches the wire by [`NumberText::text`] or serde, and never a log line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberText {
    /// `vd1.<calling code>.<kid>.<64 lower hex>`
    Digest {
        /// Claimed by the sender; the digest can't confirm it.
        calling_code: CallingCode,
        /// Of the directory key.
        kid: KeyId,
        /// HMAC-SHA-256 of the number under the directory key.
        nd: [u8; 32],
    },
    /// `vt1.<calling code>.<kid>.<43 base64url>`
    Token {
        /// Claimed by the sender; the token can't confirm it.
        calling_code: CallingCode,
        /// Of the epoch's public key.
        kid: KeyId,
        /// A ristretto255 encoding (RFC 9496) as it was sent. `oprf::TokenKey` decodes it, once,
        /// and refuses what isn't canonical or is the identity.
        point: [u8; 32],
    },
    /// `vh1.<calling code>.<kid>.<48 base64url>`
    Handle {
        /// Authenticated by the seal.
        calling_code: CallingCode,
        /// Of the server key.
        kid: KeyId,
        /// What `seal::Handle` opens.
        sealed: [u8; 36],
    },
}

impl NumberText {
    /// The text on the wire.
    pub fn text(&self) -> String {
        match self {
            NumberText::Digest { calling_code, kid, nd } => {
                format!("vd1.{calling_code}.{kid}.{}", text::to_hex(nd))
            }
            NumberText::Token { calling_code, kid, point } => {
                format!("vt1.{calling_code}.{kid}.{}", text::to_base64url(point))
            }
            NumberText::Handle { calling_code, kid, sealed } => {
                handle_prefix(*calling_code, *kid) + &text::to_base64url(sealed)
            }
        }
    }

    /// Whether it is an app's own handle: the one form that names no number to whoever hasn't bound it.
    pub fn is_handle(&self) -> bool {
        matches!(self, NumberText::Handle { .. })
    }

    /// The calling code that all three forms begin with.
    pub fn calling_code(&self) -> CallingCode {
        match *self {
            NumberText::Digest { calling_code, .. }
            | NumberText::Token { calling_code, .. }
            | NumberText::Handle { calling_code, .. } => calling_code,
        }
    }
}

/// A handle's text up to and including its last dot: what its seal authenticates beside the
/// contents.
pub(super) fn handle_prefix(calling_code: CallingCode, kid: KeyId) -> String {
    format!("vh1.{calling_code}.{kid}.")
}

/// # Errors
///
/// `number_plain` for what looks like a phone number; `calling_code_unknown`; `number_malformed`.
impl FromStr for NumberText {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<NumberText, Rejection> {
        must_not_be_plain(text)?;
        let mut parts = text.splitn(4, '.');
        let mut next = || parts.next().ok_or_else(malformed);
        let (form, calling_code, kid, body) =
            (next()?, next()?.parse()?, next()?.parse()?, next()?);
        let number = match form {
            "vd1" => text::from_hex(body).map(|nd| NumberText::Digest { calling_code, kid, nd }),
            "vt1" => text::from_base64url(body).map(|point| NumberText::Token {
                calling_code,
                kid,
                point,
            }),
            "vh1" => text::from_base64url(body).map(|sealed| NumberText::Handle {
                calling_code,
                kid,
                sealed,
            }),
            _ => None,
        };
        number.ok_or_else(malformed)
    }
}

/// # Errors
///
/// `number_plain` for what looks like a phone number.
pub(super) fn must_not_be_plain(text: &str) -> Result<(), Rejection> {
    if looks_like_a_phone_number(text) {
        let detail = "This must be a digest, token or handle, not a phone number.";
        return Err(Rejection::new(Code::NumberPlain, detail));
    }
    Ok(())
}

/// The fewest digits that, with nothing but punctuation around them, are taken for a phone number.
const PLAIN_DIGITS_MIN: usize = 5;

/// So that a sender who forgot to hash is told so. Generous: either way the text is refused.
fn looks_like_a_phone_number(text: &str) -> bool {
    let text = text.trim_start();
    let is_punctuation = |c: char| c.is_whitespace() || "+()-./".contains(c);
    text.starts_with('+')
        || text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:"))
        || text.chars().all(|c| c.is_numeric() || is_punctuation(c))
            && text.chars().filter(|c| c.is_numeric()).count() >= PLAIN_DIGITS_MIN
}

fn malformed() -> Rejection {
    let detail = "This is none of vd1 (digest), vt1 (token), vh1 (handle), to the letter.";
    Rejection::new(Code::NumberMalformed, detail)
}

impl fmt::Debug for NumberText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, kid) = match self {
            NumberText::Digest { kid, .. } => ("Digest", kid),
            NumberText::Token { kid, .. } => ("Token", kid),
            NumberText::Handle { kid, .. } => ("Handle", kid),
        };
        write!(f, "{form}({}, {kid}, …)", self.calling_code())
    }
}

impl Serialize for NumberText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for NumberText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NumberText, D::Error> {
        text::deserialize(deserializer)
    }
}

/// Names the key that a text was made with: the first 4 bytes of a hash, 8 lower hex digits.
/// Public.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The first 4 bytes of `hash`.
    pub fn of_hash(hash: [u8; 32]) -> KeyId {
        let [a, b, c, d, ..] = hash;
        KeyId([a, b, c, d])
    }
}

/// # Errors
///
/// `number_malformed` unless it is 8 lower hex digits.
impl FromStr for KeyId {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<KeyId, Rejection> {
        let detail = "A key id is 8 lower-case hexadecimal digits.";
        let malformed = || Rejection::new(Code::NumberMalformed, detail);
        text::from_hex(text).map(KeyId).ok_or_else(malformed)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyId, D::Error> {
        text::deserialize(deserializer)
    }
}

/// What the database holds instead of a number: a ristretto255 encoding, equal for equal numbers of
/// one generation. One table has it. It is never returned or logged, so it has no `Display` or
/// serde.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element([u8; 32]);

impl Element {
    /// The element that was stored as these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Element {
        Element(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Element(…)")
    }
}

/// A number's row. Never reissued, never on the wire except sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberId(pub i64);

/// Four random bytes, drawn with the row and sealed into its handles: should a restored backup give
/// an id out again, an old handle meets another guard and is `handle_unknown`, not another's
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guard(pub [u8; 4]);
