//! Many numbers: who has an account on which, what becomes of each number, and what must be answered
//! then. What happens is in `acts`.

mod acts;
mod calls;

use std::collections::HashSet;
use std::time::Duration;

use super::cast::Cast;
use super::{Result, numbers};
use crate::client::carrier::Event;
use crate::domain::number::{E164, NumberText};
use crate::domain::time::Moment;
use crate::domain::verdict::Advice;

/// One number in so many is lost.
const LOST_ONE_IN: usize = 25;
/// Of so many that are lost, one comes back and one never was.
const LOST_GROUP: usize = 20;
/// Of so many groups of numbers, one has accounts at two apps.
const SHARED_ONE_IN: usize = 10;
/// How long people had their numbers.
const VERIFIED_DAYS_AGO: u32 = 400;

/// The numbers, the accounts on them, and what was counted.
pub(super) struct Crowd {
    pub numbers: Vec<E164>,
    pub tally: Tally,
    digests: Vec<NumberText>,
    /// By app.
    accounts: [Vec<Account>; 3],
}

/// What was counted on the way.
#[derive(Default)]
pub(super) struct Tally {
    pub accounts: usize,
    pub events: usize,
    pub checks: usize,
    pub clearances: usize,
    pub wrong: usize,
    pub messages: usize,
    pub lost: usize,
    pub unexpected: usize,
    /// Of the messages that a carrier's events caused, how long the first took.
    pub first: Option<Duration>,
    /// Of each single check, how long it took; sorted.
    pub single: Vec<Duration>,
}

/// An account of an app.
struct Account {
    account_ref: String,
    /// The place of its number.
    number: usize,
    verified_at: Moment,
    handle: Option<NumberText>,
    /// What a check must say now.
    expected: Advice,
}

/// What becomes of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its subscriber keeps it.
    Kept,
    /// It is given up, rests, and goes to somebody else.
    GivenOn,
    /// Its subscriber gives it up, and takes it back.
    Reinstated,
    /// Its carrier reported it by mistake.
    Retracted,
}

impl Crowd {
    /// The numbers and the accounts; nothing is bound yet.
    pub async fn gather(cast: &Cast, count: u32) -> Result<Crowd> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let numbers: Vec<E164> = numbers::fictitious().take(count).collect();
        let mut digests = Vec::with_capacity(numbers.len());
        for number in &numbers {
            digests.push(cast.digest(number).await?);
        }
        let verified_at = cast.days_ago(VERIFIED_DAYS_AGO);
        let mut accounts: [Vec<Account>; 3] = Default::default();
        for number in 0..numbers.len() {
            for app in apps_of(number) {
                accounts[app].push(Account::new(format!("u-{number}"), number, verified_at));
            }
        }
        Ok(Crowd { numbers, tally: Tally::default(), digests, accounts })
    }

    /// What each carrier has to say.
    fn events(&self, says: impl Fn(Fate, usize, NumberText) -> Option<Event>) -> [Vec<Event>; 2] {
        [0, 1].map(|carrier| {
            let own = self.of_carrier(carrier, |_| true);
            own.filter_map(|number| says(fate(number), number, self.digests[number])).collect()
        })
    }

    fn of_carrier(
        &self,
        carrier: usize,
        which: impl Fn(Fate) -> bool,
    ) -> impl Iterator<Item = usize> {
        (carrier..self.numbers.len()).step_by(2).filter(move |number| which(fate(*number)))
    }

    /// The accounts on numbers with such a fate, by app.
    fn accounts_of(&self, which: impl Fn(Fate) -> bool) -> [HashSet<String>; 3] {
        self.accounts.each_ref().map(|accounts| {
            let such = accounts.iter().filter(|account| which(fate(account.number)));
            such.map(|account| account.account_ref.clone()).collect()
        })
    }

    fn expect(&mut self, advice: Advice, which: impl Fn(Fate) -> bool) {
        let accounts = self.accounts.iter_mut().flatten();
        for account in accounts.filter(|account| which(fate(account.number))) {
            account.expected = advice;
        }
    }
}

impl Tally {
    /// Within how long this many in a hundred of the single checks were answered.
    pub fn within(&self, percent: usize) -> Duration {
        let place = (self.single.len() * percent / 100).min(self.single.len().saturating_sub(1));
        self.single.get(place).copied().unwrap_or_default()
    }
}

impl Account {
    fn new(account_ref: String, number: usize, verified_at: Moment) -> Account {
        Account { account_ref, number, verified_at, handle: None, expected: Advice::Allow }
    }
}

fn fate(number: usize) -> Fate {
    if number % LOST_ONE_IN != LOST_ONE_IN - 1 {
        return Fate::Kept;
    }
    match number / LOST_ONE_IN % LOST_GROUP {
        7 => Fate::Reinstated,
        12 => Fate::Retracted,
        _ => Fate::GivenOn,
    }
}

/// Each number has an account at one app, some have one at the next app too.
fn apps_of(number: usize) -> impl Iterator<Item = usize> {
    let shared = number / LOST_ONE_IN % SHARED_ONE_IN == 3;
    (0..if shared { 2 } else { 1 }).map(move |next| (number + next) % 3)
}
