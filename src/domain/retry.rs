//! When a message that wasn't delivered is tried again: the schedule that Standard Webhooks 1.0.0
//! recommends, then one try a day for as long as it is kept. Nothing is ever given up.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::attempt::Outcome;

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// The waits between tries, in seconds; the last one goes on for ever. The tenth try comes 75 h
/// 35 min after the first.
const WAIT_SECONDS: [u64; 9] =
    [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

/// The shortest wait after a receiver asked to slow down: a minute even with the least jitter.
const SLOW_DOWN: Duration = Duration::from_secs(75);

const JITTER_PERMILLE_MAX: u64 = 200;

/// How long deliveries are retried before they count as dead: the setting `webhooks.retry_hours`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Hours from the first try.
    pub retry_hours: u32,
}

/// What was tried so far, the try that just ended included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When the first try began.
    pub since: DateTime<Utc>,
    /// How many tries began, at least one.
    pub tries: u32,
}

/// What follows a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The message was delivered; nothing follows.
    Delivered,
    /// It stays pending and is tried again.
    Retry {
        /// Not before then.
        at: DateTime<Utc>,
    },
    /// It is dead, which people see; it is still tried once a day.
    Dead {
        /// Not before then.
        at: DateTime<Utc>,
    },
    /// The receiver is gone (410): the endpoint is switched off. What is due stays due.
    SwitchOff,
}

impl Schedule {
    /// What follows the try that ended `now` with `outcome`. `random` spreads the waits.
    pub fn next(self, tried: Tried, outcome: &Outcome, now: DateTime<Utc>, random: u64) -> Next {
        if outcome.is_delivered() {
            return Next::Delivered;
        }
        if outcome.is_gone() {
            return Next::SwitchOff;
        }
        let least = if outcome.asks_to_slow_down() { SLOW_DOWN } else { Duration::ZERO };
        let wait = jittered(wait_after(tried.tries).max(least), random);
        let at = now + wait.max(outcome.retry_after(now).unwrap_or_default());
        if self.is_used_up(tried, now) { Next::Dead { at } } else { Next::Retry { at } }
    }

    /// Both the hours and the tries that they are meant for: neither lucky jitter nor an outage of
    /// the registry itself shortens a receiver's chances.
    fn is_used_up(self, tried: Tried, now: DateTime<Utc>) -> bool {
        let hours = Duration::from_secs(u64::from(self.retry_hours) * HOUR);
        let planned: Duration = (1..tried.tries).map(wait_after).sum();
        let elapsed = (now - tried.since).to_std().unwrap_or_default();
        planned >= hours && elapsed >= hours
    }
}

/// `wait`, longer or shorter by up to a fifth.
pub(super) fn jittered(wait: Duration, random: u64) -> Duration {
    let permille = 1000 - JITTER_PERMILLE_MAX + random % (2 * JITTER_PERMILLE_MAX + 1);
    wait.mul_f64(permille as f64 / 1000.0)
}

/// The wait after that many tries, without jitter.
fn wait_after(tries: u32) -> Duration {
    let waited = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_secs(WAIT_SECONDS[waited.min(WAIT_SECONDS.len() - 1)])
}
