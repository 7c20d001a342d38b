//! An app's own name for an account. Opaque here, compared byte for byte, and kept sealed, because
//! some apps build it from what it shouldn't hold.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::calling_code::CallingCode;
use super::number::E164;
use super::rejection::{Code, Rejection};

/// Characters of an account's name, at most.
pub const ACCOUNT_REF_CHARS_MAX: usize = 128;

/// 1 to 128 characters; no control or bidi-override characters, no outer blanks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountRef(String);

impl AccountRef {
    /// The name as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The numbers of `calling_code` that this may be another spelling of. Ids that are digits are
    /// common; only one that *is* the number being bound is refused.
    pub fn readings_as_number(&self, calling_code: CallingCode) -> Vec<E164> {
        let separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/');
        let bare: String = self.0.chars().filter(|c| !separator(*c)).collect();
        if !bare.bytes().all(|byte| byte.is_ascii_digit()) {
            return Vec::new();
        }
        let national = bare.strip_prefix('0').unwrap_or(&bare);
        let international = bare.strip_prefix("00").unwrap_or(&bare);
        let mut readings = vec![
            format!("+{international}"),
            format!("+{calling_code}{bare}"),
            format!("+{calling_code}{national}"),
        ];
        readings.sort_unstable();
        readings.dedup();
        readings.into_iter().filter_map(|reading| reading.parse().ok()).collect()
    }
}

/// # Errors
/// `account_ref_malformed`, or `account_ref_personal` for what looks like an e-mail address or a
/// phone number.
impl FromStr for AccountRef {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<AccountRef, Rejection> {
        let fits = (1..=ACCOUNT_REF_CHARS_MAX).contains(&text.chars().count());
        if !fits || text.trim() != text || text.chars().any(is_forbidden) {
            return Err(Rejection::new(
                Code::AccountRefMalformed,
                "An account_ref is 1 to 128 characters without control characters or outer blanks.",
            ));
        }
        let address = text.split_once('@').is_some_and(|(_, domain)| domain.contains('.'));
        let dialled = text.strip_prefix('+').or_else(|| text.strip_prefix("tel:"));
        let number = dialled.is_some_and(|rest| {
            rest.trim_start_matches('+').starts_with(|c: char| c.is_ascii_digit())
        });
        if address {
            return Err(personal("It looks like an e-mail address."));
        }
        if number {
            return Err(personal("It looks like a phone number."));
        }
        Ok(AccountRef(text.to_owned()))
    }
}

/// What an account's name may not hold.
pub fn personal(detail: &'static str) -> Rejection {
    Rejection::new(Code::AccountRefPersonal, detail)
}

/// Control characters, and those that turn the direction of what is read.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl<'de> Deserialize<'de> for AccountRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AccountRef, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for AccountRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountRef(…)")
    }
}
