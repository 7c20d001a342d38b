//! Time as the rules see it: whole seconds since 2000 on one axis, and spans of them.
//!
//! A carrier may know an end only by its day, and a day lasts longer than 24 hours when its zone is
//! unknown. So the rules compare spans, and an exact time is a span of length 0. Spans and
//! thresholds are computed in `i64`, because a tolerance before 2000 is below zero; only the result is cut to
//! the axis.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rejection::{Code, Rejection};

/// Seconds of a minute.
pub const MINUTE: u32 = 60;
/// Seconds of an hour.
pub const HOUR: u32 = 60 * MINUTE;
/// Seconds of a day.
pub const DAY: u32 = 24 * HOUR;

/// How far a time may lie ahead of the registry's clock, in seconds. A setting may only lower it.
pub const CLOCK_SKEW_SECONDS_MAX: u32 = 5 * MINUTE;

/// 2000-01-01T00:00:00Z in Unix seconds: where the axis begins.
const EPOCH_UNIX_SECONDS: i64 = 946_684_800;
/// 2000-01-01 in days since 1970-01-01.
const EPOCH_UNIX_DAYS: i32 = 10_957;

/// An instant in whole seconds since 2000-01-01T00:00:00Z, until 2136. On the wire an RFC 3339 time,
/// written in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u32);

impl Moment {
    /// 2000-01-01T00:00:00Z; as a threshold: nothing is earlier.
    pub const ZERO: Moment = Moment(0);
    /// The last second of the axis, in 2136; as a threshold: everything is earlier.
    pub const MAX: Moment = Moment(u32::MAX);

    /// The instant so many seconds after 2000-01-01T00:00:00Z.
    pub const fn from_seconds(seconds: u32) -> Moment {
        Moment(seconds)
    }

    /// The instant of a Unix time in milliseconds; fractions are cut.
    pub fn from_unix_ms(unix_ms: i64) -> Moment {
        Moment::from_axis(unix_ms.div_euclid(1_000) - EPOCH_UNIX_SECONDS)
    }

    /// Unix seconds.
    pub fn unix_seconds(self) -> i64 {
        self.on_axis() + EPOCH_UNIX_SECONDS
    }

    /// Seconds since 2000-01-01T00:00:00Z.
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// The place on the axis of spans.
    pub fn on_axis(self) -> i64 {
        i64::from(self.0)
    }

    /// A place on the axis of spans, cut to what a moment can hold.
    pub fn from_axis(seconds: i64) -> Moment {
        Moment(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
    }

    /// This many seconds later, or `MAX`.
    pub fn plus(self, seconds: u32) -> Moment {
        Moment(self.0.saturating_add(seconds))
    }

    /// Seconds that have passed since `earlier`; 0 when it lies ahead.
    pub fn since(self, earlier: Moment) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Fractions are cut; what lies off the axis becomes its nearest end.
impl From<DateTime<Utc>> for Moment {
    fn from(time: DateTime<Utc>) -> Moment {
        Moment::from_axis(time.timestamp() - EPOCH_UNIX_SECONDS)
    }
}

impl From<Moment> for DateTime<Utc> {
    fn from(moment: Moment) -> DateTime<Utc> {
        DateTime::from_timestamp(EPOCH_UNIX_SECONDS + moment.on_axis(), 0).expect("until 2136")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&DateTime::<Utc>::from(*self).to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

/// RFC 3339 with `T`: offsets and fractions are accepted, fractions cut.
///
/// # Errors
/// `time_malformed`, or `time_too_old` for what is earlier than 2000-01-01T00:00:00Z.
impl FromStr for Moment {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Moment, Rejection> {
        // chrono also takes a blank for the T, and U+2212 for a minus.
        let strict = text.is_ascii() && !text.contains(' ');
        let time = if strict { DateTime::parse_from_rfc3339(text).ok() } else { None };
        let time = time.ok_or_else(|| {
            malformed("A time must be RFC 3339 with seconds and zone, as in 2026-11-23T09:30:00Z.")
        })?;
        if time.timestamp() < EPOCH_UNIX_SECONDS {
            Err(too_old())
        } else {
            Ok(time.to_utc().into())
        }
    }
}

/// A calendar day without zone, counted from 2000-01-01. On the wire `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u16);

impl Day {
    /// The day so many days after 2000-01-01.
    pub const fn from_number(days: u16) -> Day {
        Day(days)
    }

    /// Days since 2000-01-01.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its midnight in UTC, in seconds since 2000-01-01T00:00:00Z.
    pub fn midnight(self) -> i64 {
        i64::from(self.0) * i64::from(DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = NaiveDate::from_epoch_days(EPOCH_UNIX_DAYS + i32::from(self.0));
        write!(f, "{}", date.expect("until 2179"))
    }
}

/// # Errors
/// `time_malformed`, or `time_too_old` for a day before 2000-01-01.
impl FromStr for Day {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Day, Rejection> {
        let day = date(text).ok_or_else(|| malformed("A day must be written YYYY-MM-DD."))?;
        let number = day.to_epoch_days() - EPOCH_UNIX_DAYS;
        // A day past 2179 becomes the last one, and is refused as lying ahead.
        if number < 0 { Err(too_old()) } else { Ok(Day(u16::try_from(number).unwrap_or(u16::MAX))) }
    }
}

/// A time as it was sent. Kept so, because a change of the calling code's zones must not turn a
/// repeated event into another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stated {
    /// An instant.
    At(Moment),
    /// A day in an unknown zone of the calling code.
    On(Day),
}

impl Stated {
    /// The member of an event that says it.
    pub fn field(self) -> &'static str {
        match self {
            Stated::At(_) => "/effective_at",
            Stated::On(_) => "/effective_on",
        }
    }
}

/// From `lo` to `hi`, in seconds since 2000-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The earliest that it can have been.
    pub lo: i64,
    /// The latest.
    pub hi: i64,
}

impl Span {
    /// Surely earlier. Of equal and of nested spans neither is before the other.
    pub fn before(self, other: Span) -> bool {
        self.lo < other.lo && self.hi < other.hi
    }

    /// Refuses what cannot have happened yet, or began before the axis does.
    ///
    /// # Errors
    /// `time_too_old` when it may lie before 2000; `time_in_future` when it lies more than
    /// `skew_seconds` after `now`.
    pub fn check(self, now: Moment, skew_seconds: u32) -> Result<(), Rejection> {
        if self.lo < 0 {
            return Err(too_old());
        }
        if self.lo > now.on_axis() + i64::from(skew_seconds) {
            let detail = "The time lies ahead of the registry's clock.";
            return Err(Rejection::new(Code::TimeInFuture, detail));
        }
        Ok(())
    }
}

impl From<Moment> for Span {
    fn from(moment: Moment) -> Span {
        Span { lo: moment.on_axis(), hi: moment.on_axis() }
    }
}

/// `YYYY-MM-DD`, digit by digit: chrono's own parser takes signs, blanks and single digits.
fn date(text: &str) -> Option<NaiveDate> {
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    (text.len() == 10 && text.bytes().enumerate().all(shape)).then(|| text.parse().ok())?
}

fn malformed(detail: &'static str) -> Rejection {
    Rejection::new(Code::TimeMalformed, detail)
}

fn too_old() -> Rejection {
    Rejection::new(Code::TimeTooOld, "Nothing before 2000-01-01T00:00:00Z is kept.")
}

/// Written and read as text, like everything that has a `Display` and a strict `FromStr`.
macro_rules! text_on_the_wire {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

text_on_the_wire! { Moment Day }
