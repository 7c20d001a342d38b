//! What a calling code's rules rest on: how long a number ages, how late reports may be, and how
//! long an app has to act.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::event::ParticipantId;
use super::rejection::{Code, Rejection};
use super::time::{DAY, HOUR, Span, Stated};

/// Below a week there is no time to freeze anything before the number is given on.
pub const AGING_SECONDS_MIN: u32 = 7 * DAY;
/// No regulator asks for more than half a year; two leave room for a carrier's habit.
pub const AGING_SECONDS_MAX: u32 = 730 * DAY;
/// Bound of `detach_after`.
pub const DETACH_AFTER_SECONDS_MAX: u32 = 3_650 * DAY;
/// Bound of `freeze_within` and `detach_within`.
pub const WITHIN_SECONDS_MAX: u32 = 90 * DAY;

/// The policy of one calling code. Durations in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The least time between a disconnect and the next person.
    pub aging: u32,
    /// How old a watermark may be before silence says nothing any more.
    pub max_lag: u32,
    /// How far a carrier's clock may be wrong.
    pub tolerance: u32,
    /// From a disconnect until `detach` is demanded, if nobody says that the number was given on.
    pub detach_after: u32,
    /// The time that an app has to freeze.
    pub freeze_within: u32,
    /// The time that an app has to detach.
    pub detach_within: u32,
    /// The calling code's easternmost zone, where a day begins first.
    pub zone_first: Zone,
    /// The westernmost, where it ends last.
    pub zone_last: Zone,
    /// Carriers who are believed about the end of a number only if they said that it began with
    /// them.
    pub own_only: BTreeSet<ParticipantId>,
}

/// 45 days, as in 47 CFR 52.15(f)(1)(ii); 40 of them bridge the US monthly files.
impl Default for Policy {
    fn default() -> Policy {
        Policy {
            aging: 45 * DAY,
            max_lag: 40 * DAY,
            tolerance: HOUR,
            detach_after: 45 * DAY,
            freeze_within: 24 * HOUR,
            detach_within: 120 * HOUR,
            zone_first: Zone::FIRST,
            zone_last: Zone::LAST,
            own_only: BTreeSet::new(),
        }
    }
}

impl Policy {
    /// When a time as it was sent can have been: a day lasts from its beginning in the easternmost
    /// zone until its end in the westernmost.
    pub fn span(&self, stated: Stated) -> Span {
        match stated {
            Stated::At(moment) => moment.into(),
            Stated::On(day) => Span {
                lo: day.midnight() - self.zone_first.seconds_east(),
                hi: day.midnight() + i64::from(DAY) - self.zone_last.seconds_east(),
            },
        }
    }

    /// Accepts a policy that keeps the promises of the rules, or names the first member that
    /// breaks one.
    ///
    /// # Errors
    /// `value_not_allowed`, at the member as the API writes it.
    pub fn validate(&self) -> Result<(), Rejection> {
        let within = HOUR..=WITHIN_SECONDS_MAX;
        let rules = [
            (
                (AGING_SECONDS_MIN..=AGING_SECONDS_MAX).contains(&self.aging),
                "/aging_days",
                "aging_days must be 7 to 730.",
            ),
            // A number given on after the watermark is in other hands only after aging: silence may
            // be trusted for less than that, never longer.
            (
                (DAY..self.aging).contains(&self.max_lag),
                "/max_lag_days",
                "max_lag_days must be at least 1 and less than aging_days.",
            ),
            (
                self.tolerance < self.aging / 4,
                "/tolerance_minutes",
                "tolerance_minutes must be less than a quarter of aging_days.",
            ),
            (
                (self.aging..=DETACH_AFTER_SECONDS_MAX).contains(&self.detach_after),
                "/detach_after_days",
                "detach_after_days must be at least aging_days, and at most 3650.",
            ),
            (
                within.contains(&self.freeze_within),
                "/freeze_within_hours",
                "freeze_within_hours must be 1 to 2160.",
            ),
            (
                within.contains(&self.detach_within),
                "/detach_within_hours",
                "detach_within_hours must be 1 to 2160.",
            ),
            (
                self.zone_last <= self.zone_first,
                "/zone_last",
                "zone_last must not lie east of zone_first.",
            ),
        ];
        match rules.into_iter().find(|(kept, ..)| !kept) {
            None => Ok(()),
            Some((_, field, detail)) => {
                Err(Rejection::new(Code::ValueNotAllowed, detail).at(field))
            }
        }
    }
}

/// A zone's offset from UTC, `-12:00` to `+14:00`. Ordered from west to east.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Zone {
    minutes_east: i16,
}

impl Zone {
    /// +14:00, where every day begins.
    pub const FIRST: Zone = Zone { minutes_east: 14 * 60 };
    /// -12:00, where every day ends.
    pub const LAST: Zone = Zone { minutes_east: -12 * 60 };

    /// Seconds that its clocks are ahead of UTC.
    pub fn seconds_east(self) -> i64 {
        i64::from(self.minutes_east) * 60
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes_east < 0 { '-' } else { '+' };
        let minutes = self.minutes_east.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// `+HH:MM` or `-HH:MM`, as in RFC 3339.
///
/// # Errors
/// `value_not_allowed`.
impl FromStr for Zone {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Zone, Rejection> {
        minutes_east(text)
            .map(|minutes_east| Zone { minutes_east })
            .filter(|zone| (Zone::LAST..=Zone::FIRST).contains(zone))
            .ok_or_else(|| {
                let detail = "A zone must be -12:00 to +14:00, written like that.";
                Rejection::new(Code::ValueNotAllowed, detail)
            })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Zone, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

fn minutes_east(text: &str) -> Option<i16> {
    let &[sign, h1 @ b'0'..=b'9', h0 @ b'0'..=b'9', b':', m1 @ b'0'..=b'5', m0 @ b'0'..=b'9'] =
        text.as_bytes()
    else {
        return None;
    };
    let digit = |byte: u8| i16::from(byte - b'0');
    let minutes = (digit(h1) * 10 + digit(h0)) * 60 + digit(m1) * 10 + digit(m0);
    match sign {
        b'+' => Some(minutes),
        b'-' => Some(-minutes),
        _ => None,
    }
}
