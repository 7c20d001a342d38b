//! The breaker of an endpoint: when tries fail one after another, all its messages wait together,
//! then a single one goes ahead to see whether the receiver is back.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::attempt::Outcome;
use super::retry::jittered;

/// So many failures in a row open the breaker.
const FAILURES_MAX: u32 = 5;
const WAIT_SECONDS_MIN: u64 = 30;
const WAIT_SECONDS_MAX: u64 = 15 * 60;

/// What an endpoint's breaker remembers, in the endpoint's row. The default is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failed tries since the last delivery. Tries that were under way when the breaker opened
    /// aren't counted.
    pub consecutive_failures: u32,
    /// When the first of them ended; the API shows it.
    pub failing_since: Option<DateTime<Utc>>,
    /// Nothing is sent before then; afterwards one try at a time, until one succeeds.
    pub open_until: Option<DateTime<Utc>>,
}

impl Breaker {
    /// How many more tries may begin now, with `in_flight` under way and at most `in_flight_max`
    /// allowed: none while open, one while half open.
    pub fn room(self, now: DateTime<Utc>, in_flight: usize, in_flight_max: usize) -> usize {
        let allowed = match self.open_until {
            None => in_flight_max,
            Some(until) if now < until => 0,
            Some(_) => 1,
        };
        allowed.saturating_sub(in_flight)
    }

    /// The breaker after a try that ended `now` with `outcome`. `random` spreads the waits.
    pub fn after(self, outcome: &Outcome, now: DateTime<Utc>, random: u64) -> Breaker {
        if outcome.is_delivered() {
            return Breaker::default();
        }
        if outcome.is_ours() || self.open_until.is_some_and(|until| now < until) {
            return self;
        }
        let consecutive_failures = self.consecutive_failures.saturating_add(1);
        let wait = outcome.retry_after(now).max(backoff(consecutive_failures, random));
        Breaker {
            consecutive_failures,
            failing_since: self.failing_since.or(Some(now)),
            open_until: wait.map(|wait| now + wait),
        }
    }
}

/// Thirty seconds, doubled with each failure up to a quarter of an hour; none for the first few.
fn backoff(failures: u32, random: u64) -> Option<Duration> {
    let doublings = failures.checked_sub(FAILURES_MAX)?;
    let seconds = WAIT_SECONDS_MIN.saturating_mul(2_u64.saturating_pow(doublings));
    Some(jittered(Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)), random))
}
