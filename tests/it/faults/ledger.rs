//! What a registry acknowledged while it was in trouble, and what must hold of it ever after.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use vacate::client::app::ToBind;
use vacate::client::carrier::Event;
use vacate::client::check::Question;
use vacate::client::receiver::Receiver;
use vacate::client::{Client, Error, Item};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::NumberText;
use vacate::domain::time::Stated;
use vacate::domain::verdict::Advice;

use crate::support::cast::{Desk, PATIENCE};
use crate::support::node::moment;

const CARRIER: &str = "northtel";
const APP: &str = "skyfare";
const VERIFIED: &str = "2025-06-01T12:00:00Z";
const LOST: &str = "2026-11-23T09:00:00Z";

/// A carrier, an app with an account on each of some numbers, and which of their calls were acknowledged.
pub struct Ledger {
    carrier: Client,
    app: Client,
    /// Where the app hears of its accounts.
    pub receiver: Arc<Receiver>,
    digests: Vec<NumberText>,
    handles: Vec<NumberText>,
    lost: Mutex<BTreeSet<usize>>,
    bound: Mutex<BTreeSet<usize>>,
}

impl Ledger {
    /// Enrols both, and binds an account to each of `count` numbers.
    pub async fn open(desk: &Desk, count: usize) -> Ledger {
        let (carrier, app) = (desk.carrier(CARRIER).await, desk.app(APP).await);
        let mut digests = Vec::with_capacity(count);
        for n in 0..count {
            digests.push(carrier.digest(&format!("+49170{n:07}")).await);
        }
        let puts: Vec<ToBind> =
            (0..count).map(|n| to_bind(&format!("u-{n}"), digests[n])).collect();
        let bound = app.client.bind(&puts).await.unwrap();
        let handles = bound.items.iter().map(|item| item.told().unwrap().handle).collect();
        Ledger {
            carrier: carrier.client.with_timeout(PATIENCE),
            app: app.client.with_timeout(PATIENCE),
            receiver: app.receiver,
            digests,
            handles,
            lost: Mutex::default(),
            bound: Mutex::default(),
        }
    }

    /// Goes on with the same registry at another address.
    pub async fn move_to(&mut self, desk: &Desk) {
        self.carrier = desk.key(CARRIER, None).await.with_timeout(PATIENCE);
        self.app = desk.key(APP, None).await.with_timeout(PATIENCE);
    }

    /// The carrier says that the number was lost.
    pub async fn lose(&self, n: usize) -> Result<(), Error> {
        let published = self.carrier.publish(&[self.event(n)], None).await?;
        published.items[0].told().unwrap();
        self.lost.lock().unwrap().insert(n);
        Ok(())
    }

    /// The app binds another account to the number.
    pub async fn bind(&self, n: usize) -> Result<(), Error> {
        let bound = self.app.bind(&[to_bind(&late(n), self.digests[n])]).await?;
        bound.items[0].told().unwrap();
        self.bound.lock().unwrap().insert(n);
        Ok(())
    }

    /// The app checks the number's first account, which is never let in once the loss was acknowledged.
    pub async fn check(&self, n: usize) -> Result<Advice, Error> {
        let was_lost = self.lost.lock().unwrap().contains(&n);
        let checked = self.app.check(Question::from(self.handles[n]), None).await;
        assert!(!was_lost || checked.advice != Advice::Allow, "number {n}: {checked:?}");
        checked.told.map(|_| checked.advice)
    }

    /// Sends the first `tried` events again: whatever was acknowledged is known, the rest is known now;
    /// nobody is let in any more, and each account that was bound is there.
    pub async fn must_be_whole(&self, tried: usize) {
        let lost = self.lost.lock().unwrap().clone();
        let events: Vec<Event> = (0..tried).map(|n| self.event(n)).collect();
        let again = self.carrier.publish(&events, None).await.unwrap();
        for (n, item) in again.items.iter().enumerate() {
            let stands = match item {
                Item::Duplicate(_) => true,
                Item::Accepted(_) => !lost.contains(&n),
                Item::Rejected(_) => false,
            };
            assert!(stands, "event {n}: {item:?}");
        }
        let questions: Vec<Question> =
            self.handles[..tried].iter().map(|it| (*it).into()).collect();
        let checked = self.app.checks(&questions, None).await.unwrap();
        assert!(checked.items.iter().all(|checked| checked.advice == Advice::Freeze));
        let bound = self.bound.lock().unwrap().clone();
        for n in bound {
            assert!(self.app.binding(&late(n)).await.unwrap().is_some(), "account {n}");
        }
    }

    /// How many losses were acknowledged.
    pub fn count_lost(&self) -> usize {
        self.lost.lock().unwrap().len()
    }

    fn event(&self, n: usize) -> Event {
        let lost = Stated::At(moment(LOST));
        Event::new(format!("e-{n}"), Disconnected, self.digests[n], lost)
    }
}

/// The code of a 503: nothing else may go wrong.
pub fn refused<T: std::fmt::Debug>(answered: Result<T, Error>) -> String {
    match answered {
        Err(Error::Refused { status: 503, problem, retry_after: Some(_), .. }) => problem.code,
        other => panic!("{other:?}"),
    }
}

fn to_bind(account: &str, number: NumberText) -> ToBind {
    ToBind::new(account, number, moment(VERIFIED))
}

fn late(n: usize) -> String {
    format!("late-{n}")
}
