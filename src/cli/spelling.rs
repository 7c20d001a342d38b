//! Phone numbers as people write them, made into E.164. Nothing is guessed: a number without a `+` needs
//! a region, and one whose length its numbering plan doesn't know is refused.
//!
//! `rlibphonenumber` knows the plans. It logs numbers at trace level, so it is used here alone, where no
//! logger runs.

use std::str::FromStr;
use std::sync::LazyLock;

use rlibphonenumber::{NumberLengthType, PhoneNumberFormat, PhoneNumberUtil};

use crate::domain::number::E164;

/// Where a number without a calling code is at home: two capital letters of ISO 3166-1, such as DE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(rlibphonenumber::Region);

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Region, &'static str> {
        let capital = text.bytes().all(|byte| byte.is_ascii_uppercase());
        let region = text.parse().ok().filter(|_| capital).map(Region);
        let known = |region: &Region| PLANS.get_country_code_for_region(region.0).is_some();
        region.filter(known).ok_or("give two capital letters, such as DE or US")
    }
}

/// A number that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    /// The number.
    pub number: E164,
    /// Whether its numbering plan uses it.
    pub usage: Usage,
}

/// What numbering plans, as far as this release knows them, say of a number of a possible length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It is in a range that is in use, or the plan isn't known.
    Known,
    /// It is in none. Ranges come into use faster than releases do, so it is no reason to refuse it.
    Unknown,
}

/// Why a text is no number. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Letters, an extension, two numbers, nothing.
    #[error("this isn't one phone number: digits, with blanks, dashes, dots, slashes and brackets")]
    NoNumber,
    /// It has no `+`, and no region was given.
    #[error("without a + and its calling code, a number needs its region (--region DE)")]
    NoRegion,
    /// No number of its numbering plan has this length, or there is no such plan.
    #[error("no number of its numbering plan has this length, or there is no such plan")]
    Impossible,
}

/// Reads a number: with a `+`, whatever the region; without, as it is dialled in the region.
///
/// # Errors
/// [`Unreadable`]
pub fn read(text: &str, region: Option<Region>) -> Result<Spelled, Unreadable> {
    let text = text.trim_matches(' ');
    let region = match beginning(text)? {
        Beginning::Plus => None,
        Beginning::Digit => Some(region.ok_or(Unreadable::NoRegion)?.0),
    };
    if let Some(number) = beyond_the_plans(text) {
        return Ok(Spelled { number, usage: Usage::Known });
    }
    let number = PLANS.parse(text, region).map_err(|_| Unreadable::Impossible)?;
    if PLANS.is_possible_number_with_reason(&number) != Ok(NumberLengthType::IsPossible) {
        return Err(Unreadable::Impossible);
    }
    let usage = if PLANS.is_valid_number(&number) { Usage::Known } else { Usage::Unknown };
    let e164 = PLANS.format(&number, PhoneNumberFormat::E164);
    let number = e164.parse().map_err(|_| Unreadable::Impossible)?;
    Ok(Spelled { number, usage })
}

static PLANS: LazyLock<PhoneNumberUtil> =
    LazyLock::new(|| PhoneNumberUtil::new().expect("the numbering plans are built in"));

/// What comes before everything else but brackets and blanks.
enum Beginning {
    Plus,
    Digit,
}

/// Only digits and what stands between them: the library would skip words, cut off extensions, and make
/// digits of letters.
fn beginning(text: &str) -> Result<Beginning, Unreadable> {
    if !text.chars().all(|c| is_digit(c) || is_plus(c) || BETWEEN.contains(&c)) {
        return Err(Unreadable::NoNumber);
    }
    let first_digit = text.find(is_digit).ok_or(Unreadable::NoNumber)?;
    let mut pluses = text.match_indices(is_plus).map(|(place, _)| place);
    match (pluses.next(), pluses.next()) {
        (None, _) => Ok(Beginning::Digit),
        (Some(place), None) if place < first_digit => Ok(Beginning::Plus),
        (Some(_), _) => Err(Unreadable::NoNumber),
    }
}

/// What stands between digits.
const BETWEEN: [char; 11] =
    [' ', '\u{a0}', '\u{202f}', '-', '\u{2010}', '\u{2011}', '\u{2013}', '.', '/', '(', ')'];

/// ASCII, full-width, Arabic and Persian.
fn is_digit(c: char) -> bool {
    matches!(c, '0'..='9' | '０'..='９' | '٠'..='٩' | '۰'..='۹')
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '＋')
}

/// Numbers of calling codes that no plan describes, such as the test numbers, are taken to the letter.
fn beyond_the_plans(text: &str) -> Option<E164> {
    let number: E164 = text.parse().ok()?;
    let code = i32::from(u16::from(number.calling_code()));
    PLANS.get_supported_calling_codes().all(|known| known != code).then_some(number)
}
