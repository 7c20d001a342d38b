//! The strict texts of the wire: lower hex, unpadded base64url, and strings that refuse politely.
//!
//! Each value has exactly one text, so two texts are equal only when their values are.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserializer;
use serde::de::{Error, Visitor};

use super::rejection::{Code, Rejection};

/// Lower hex, two digits a byte.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of exactly `2 * N` lower hex digits, or `None`.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Unpadded base64url (RFC 4648, section 5).
pub fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The exactly `N` bytes of an unpadded base64url text whose unused bits are zero, or `None`.
pub fn from_base64url<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The bytes of an unpadded base64url text of any length whose unused bits are zero, or `None`.
pub fn from_base64url_any(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The most digits in a row in `text`, if the characters of `between` don't end a row.
pub fn digits_in_a_row(text: &str, between: &str) -> usize {
    let rows = text.split(|c: char| !c.is_numeric() && !between.contains(c));
    rows.map(|row| row.chars().filter(|c| c.is_numeric()).count()).max().unwrap_or(0)
}

/// Refuses a text that people write, and that is kept as it is, if it may hold a phone number: seven
/// digits in a row, or nine with blanks and the like between them. A date has eight.
///
/// # Errors
/// `value_not_allowed`.
pub fn must_hold_no_phone_number(text: &str) -> Result<(), Rejection> {
    if digits_in_a_row(text, "") < 7 && digits_in_a_row(text, " \u{a0}-./()+") < 9 {
        return Ok(());
    }
    let detail =
        "This may hold a phone number: seven digits in a row, or nine with blanks between.";
    Err(Rejection::new(Code::ValueNotAllowed, detail))
}

/// Deserializes a string by its `FromStr`.
///
/// # Errors
///
/// The type's own [`Rejection`], or `field_wrong_type` for a number or a boolean, which serde's own
/// error would quote.
pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = Rejection>,
{
    // Not `deserialize_str`: there serde_json words the error itself.
    deserializer.deserialize_any(Text(PhantomData))
}

struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = Rejection>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Err(not_a_string())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Err(not_a_string())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Err(not_a_string())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Err(not_a_string())
    }
}

fn not_a_string<E: Error>() -> E {
    E::custom(Rejection::new(Code::FieldWrongType, "This must be a string."))
}
