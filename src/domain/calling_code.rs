//! Calling codes: the country part of a phone number, which selects keys and policy.
//!
//! The table is ITU's list of assigned E.164 codes with its global services, and the test code. A
//! calling code is a claim that the registry cannot check: from a digest nobody can tell it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rejection::{Code, Rejection};
use super::text;

/// An assigned E.164 calling code or [`CallingCode::TEST`]. Written in digits: `49`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallingCode(u16);

impl CallingCode {
    /// The code of test numbers. ITU keeps it in reserve, so no phone answers to it.
    pub const TEST: CallingCode = CallingCode(999);

    /// Every calling code, ascending.
    pub fn all() -> impl Iterator<Item = CallingCode> {
        (1..=999).filter(|&code| is_known(code)).map(CallingCode)
    }

    /// The calling code that an E.164 number (`+` and digits) begins with: `1` for +1242…, `39` for
    /// +39066…. No code is the beginning of another, so there is at most one.
    ///
    /// # Errors
    ///
    /// `calling_code_unknown`.
    pub fn of_e164(number: &str) -> Result<CallingCode, Rejection> {
        let digits = number.strip_prefix('+').unwrap_or_default();
        (1..=3)
            .filter_map(|length| digits.get(..length))
            .find_map(|code| code.parse().ok())
            .ok_or_else(unknown)
    }
}

/// What ITU-T E.164 assigns: countries, then the global services 800, 808, 870, 878, 881 to 883,
/// 888 and 979; last the test code. Left out: codes in reserve, and 388 and 991, whose services
/// ended.
fn is_known(code: u16) -> bool {
    matches!(code,
        1 | 7 | 20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86
        | 90..=95 | 98 | 211..=213 | 216 | 218 | 220..=258 | 260..=269 | 290 | 291 | 297..=299
        | 350..=359 | 370..=383 | 385..=387 | 389 | 420 | 421 | 423 | 500..=509 | 590..=599 | 670
        | 672..=683 | 685..=692 | 850 | 852 | 853 | 855 | 856 | 880 | 886 | 960..=968 | 970..=977
        | 992..=996 | 998
        | 800 | 808 | 870 | 878 | 881..=883 | 888 | 979
        | 999)
}

/// # Errors
///
/// `number_malformed` unless it is digits without a leading zero; `calling_code_unknown`.
impl FromStr for CallingCode {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<CallingCode, Rejection> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || text.starts_with('0') {
            let detail = "A calling code is digits without a leading zero.";
            return Err(Rejection::new(Code::NumberMalformed, detail));
        }
        text.parse().map_err(|_| unknown()).and_then(|code: u16| code.try_into())
    }
}

/// # Errors
///
/// `calling_code_unknown`.
impl TryFrom<u16> for CallingCode {
    type Error = Rejection;

    fn try_from(code: u16) -> Result<CallingCode, Rejection> {
        if is_known(code) { Ok(CallingCode(code)) } else { Err(unknown()) }
    }
}

impl From<CallingCode> for u16 {
    fn from(code: CallingCode) -> u16 {
        code.0
    }
}

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for CallingCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallingCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CallingCode, D::Error> {
        text::deserialize(deserializer)
    }
}

fn unknown() -> Rejection {
    Rejection::new(Code::CallingCodeUnknown, "This calling code is not served here.")
}
