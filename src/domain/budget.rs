//! How many different numbers an organisation may name by digest or token: what stops it from sweeping
//! through a country.
//!
//! A day's numbers and those of 90 days are counted apart. What is newly bound counts against the 90
//! days alone, or nobody could enrol. A token costs its evaluation, out of a purse of its own: the number
//! that it stands for counts when it is named. Nothing is ever given back but by time.

use std::collections::BTreeMap;

use super::enumeration::enumeration;
use super::sketch::Sketch;
use super::time::{DAY, Moment};

/// Who declared fewer accounts is treated as if it had these: enough to try things out.
pub const ACCOUNTS_MIN: u64 = 100;
/// Live bindings, in per cent of the accounts declared.
const LIVE_PERCENT: u64 = 120;

enumeration! {
    /// One of the purses of a budget. Its text is that of `RateLimit-Policy`.
    Purse {
        /// Numbers named in checks since midnight, UTC.
        Day = 1 "day",
        /// Numbers named in checks, or newly bound, in 90 days.
        Quarter = 2 "90-days",
        /// Evaluations in 90 days.
        Evaluations = 3 "evaluations",
    }
}

impl Purse {
    /// Buckets in which it is counted, and the days of each. Ten of ten days are 90 days and however
    /// much of the newest has passed: nothing is given back too early.
    fn buckets(self) -> (u32, u32) {
        match self {
            Purse::Day => (1, 1),
            Purse::Quarter | Purse::Evaluations => (10, 10),
        }
    }

    /// The bucket that `now` lies in, counted from 2000.
    pub fn bucket(self, now: Moment) -> u32 {
        now.seconds() / (DAY * self.buckets().1)
    }

    /// The oldest bucket that still counts.
    pub fn oldest(self, now: Moment) -> u32 {
        self.bucket(now).saturating_sub(self.buckets().0 - 1)
    }

    /// The seconds that it speaks of.
    fn window(self) -> u32 {
        match self {
            Purse::Day => DAY,
            Purse::Quarter | Purse::Evaluations => 90 * DAY,
        }
    }
}

/// What an organisation's budget follows from.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The accounts with a number that its apps have declared, together.
    pub accounts: u64,
    /// Numbers in a day, in per cent of them.
    pub day_percent: u32,
    /// Numbers, and evaluations, in 90 days, in per cent of them.
    pub quarter_percent: u32,
}

impl Terms {
    /// How much goes into a purse.
    pub fn of(&self, purse: Purse) -> u64 {
        match purse {
            Purse::Day => self.percent(self.day_percent.into()),
            Purse::Quarter | Purse::Evaluations => self.percent(self.quarter_percent.into()),
        }
    }

    /// How many accounts may be bound at once.
    pub fn live_bindings(&self) -> u64 {
        self.percent(LIVE_PERCENT)
    }

    fn percent(&self, percent: u64) -> u64 {
        (self.accounts.max(ACCOUNTS_MIN).saturating_mul(percent) / 100).max(1)
    }
}

/// Why a number is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// It is asked about.
    Check,
    /// An account is bound to it.
    Bind,
}

impl Naming {
    fn purses(self) -> &'static [Purse] {
        match self {
            Naming::Check => &[Purse::Day, Purse::Quarter],
            Naming::Bind => &[Purse::Quarter],
        }
    }
}

/// How much of a purse is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Which.
    pub purse: Purse,
    /// How much goes into it.
    pub limit: u64,
    /// The seconds that the limit is for.
    pub window_seconds: u32,
    /// How much is left; in whole per cents where the count is an estimate.
    pub left: u64,
    /// Seconds until some of it comes back.
    pub back_in_seconds: u32,
}

/// What one organisation has spent.
#[derive(Debug, Default)]
pub struct Ledger {
    day: Window,
    quarter: Window,
    evaluations: Window,
}

/// A bucket that is to be kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of which purse.
    pub purse: Purse,
    /// Which one, counted from 2000.
    pub bucket: u32,
    /// What was seen in it.
    pub sketch: Sketch,
}

impl Ledger {
    /// Names the number that this hash stands for; whether that was new. Names that were surely named
    /// before cost nothing.
    ///
    /// # Errors
    /// The purse that is empty. Then nothing was counted.
    pub fn spend(
        &mut self,
        naming: Naming,
        hash: u64,
        terms: &Terms,
        now: Moment,
    ) -> Result<bool, Purse> {
        for purse in naming.purses() {
            let window = self.window_at(*purse, now);
            if !window.all.knows(hash) && window.all.count() >= terms.of(*purse) {
                return Err(*purse);
            }
        }
        let mut new = false;
        for purse in naming.purses() {
            new |= self.window(*purse).add(purse.bucket(now), hash);
        }
        Ok(new)
    }

    /// Counts evaluations, each with a hash of its own.
    ///
    /// # Errors
    /// `Evaluations`, when there is no room for all of them. Then none was counted.
    pub fn evaluate(&mut self, hashes: &[u64], terms: &Terms, now: Moment) -> Result<(), Purse> {
        let purse = Purse::Evaluations;
        let window = self.window_at(purse, now);
        let count = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        if window.all.count().saturating_add(count) > terms.of(purse) {
            return Err(purse);
        }
        for hash in hashes {
            window.add(purse.bucket(now), *hash);
        }
        Ok(())
    }

    /// How much is left of a purse.
    pub fn allowance(&mut self, purse: Purse, terms: &Terms, now: Moment) -> Allowance {
        let limit = terms.of(purse);
        let window = self.window_at(purse, now);
        let left = limit.saturating_sub(window.all.count());
        // What each number did to an estimate is nobody's business: whoever saw it could choose those
        // that do little.
        let step = if window.all.is_exact() { 1 } else { (limit / 100).max(1) };
        let (buckets, days) = purse.buckets();
        let oldest = window.buckets.keys().next().copied().unwrap_or(purse.bucket(now));
        let leaves = u64::from(oldest + buckets) * u64::from(days * DAY);
        let back_in_seconds = leaves.saturating_sub(now.seconds().into()).max(1);
        Allowance {
            purse,
            limit,
            window_seconds: purse.window(),
            left: left / step * step,
            back_in_seconds: u32::try_from(back_in_seconds).unwrap_or(u32::MAX),
        }
    }

    /// Takes in what was seen in a bucket elsewhere, or before.
    pub fn learn(&mut self, kept: &Kept, now: Moment) {
        if kept.bucket >= kept.purse.oldest(now) {
            let window = self.window_at(kept.purse, now);
            window.buckets.entry(kept.bucket).or_default().sketch.merge(&kept.sketch);
            window.all.merge(&kept.sketch);
        }
    }

    /// What has changed since it was last kept, which it counts as from now on.
    pub fn to_keep(&mut self) -> Vec<Kept> {
        let mut all = Vec::new();
        for purse in Purse::ALL.iter().copied() {
            for (bucket, seen) in &mut self.window(purse).buckets {
                if std::mem::take(&mut seen.unkept) {
                    all.push(Kept { purse, bucket: *bucket, sketch: seen.sketch.clone() });
                }
            }
        }
        all
    }

    /// A bucket couldn't be kept: it is handed out again.
    pub fn was_not_kept(&mut self, kept: &Kept) {
        if let Some(seen) = self.window(kept.purse).buckets.get_mut(&kept.bucket) {
            seen.unkept = true;
        }
    }

    fn window(&mut self, purse: Purse) -> &mut Window {
        match purse {
            Purse::Day => &mut self.day,
            Purse::Quarter => &mut self.quarter,
            Purse::Evaluations => &mut self.evaluations,
        }
    }

    /// The window without what lies too far back.
    fn window_at(&mut self, purse: Purse, now: Moment) -> &mut Window {
        let window = self.window(purse);
        window.forget_before(purse.oldest(now));
        window
    }
}

/// What was seen, by bucket, and all of it together.
#[derive(Debug, Default)]
struct Window {
    buckets: BTreeMap<u32, Seen>,
    all: Sketch,
}

#[derive(Debug, Default)]
struct Seen {
    sketch: Sketch,
    unkept: bool,
}

impl Window {
    fn add(&mut self, bucket: u32, hash: u64) -> bool {
        let seen = self.buckets.entry(bucket).or_default();
        let changed = seen.sketch.add(hash);
        seen.unkept |= changed;
        self.all.add(hash);
        changed
    }

    fn forget_before(&mut self, oldest: u32) {
        if self.buckets.first_key_value().is_some_and(|(bucket, _)| *bucket < oldest) {
            self.buckets = self.buckets.split_off(&oldest);
            self.all = Sketch::default();
            for seen in self.buckets.values() {
                self.all.merge(&seen.sketch);
            }
        }
    }
}
