//! A database that goes in the middle of everything, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::timeout;
use vacate::client::Error;
use vacate::domain::verdict::Advice;

use super::ledger::{Ledger, refused};
use crate::support::cast::PATIENCE;
use crate::support::databases::TestDatabase;
use crate::support::postgres::OwnCluster;
use crate::support::world::{World, run};

const NUMBERS: usize = 1_000;
/// The last number, of which nothing is said.
const QUIET: usize = NUMBERS - 1;
const PUBLISHERS: usize = 4;
const CHECKERS: usize = 4;
/// Answers of each kind that are waited for, before and during the outage.
const ANSWERS: usize = 20;
/// Until when everything works again.
const RECOVERY: Duration = Duration::from_secs(10);

/// What the database does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Runs,
    Gone,
    /// Back, or on its way.
    Back,
    Over,
}

/// What everybody who asks has in common.
struct Load {
    ledger: Ledger,
    phase: watch::Sender<Phase>,
    next: AtomicUsize,
    /// Answers that were refused as they must be while the database was gone: to carriers, to apps.
    refused: [watch::Sender<usize>; 2],
    lost: watch::Sender<usize>,
}

#[test]
fn a_database_that_goes_under_load_and_comes_back_keeps_what_was_acknowledged() {
    run(async {
        let cluster = block_in_place(OwnCluster::start);
        let settings = [("database.wait_ms_max", "200")];
        let world = World::start_on(TestDatabase::in_cluster(&cluster), &settings).await;
        let load = Arc::new(Load {
            ledger: Ledger::open(&world.desk, NUMBERS).await,
            phase: watch::Sender::new(Phase::Runs),
            next: AtomicUsize::new(0),
            refused: Default::default(),
            lost: watch::Sender::new(0),
        });
        let mut asking = JoinSet::new();
        for _ in 0..PUBLISHERS {
            asking.spawn(Arc::clone(&load).publish());
        }
        for _ in 0..CHECKERS {
            asking.spawn(Arc::clone(&load).check());
        }

        reach(&load.lost, ANSWERS, PATIENCE).await;
        block_in_place(|| cluster.crash());
        load.phase.send_replace(Phase::Gone);
        for refused in &load.refused {
            reach(refused, ANSWERS, PATIENCE).await;
        }
        load.phase.send_replace(Phase::Back);
        let before = *load.lost.borrow();
        block_in_place(|| cluster.start_again());
        reach(&load.lost, before + 1, RECOVERY).await;
        assert_eq!(load.ledger.check(QUIET).await.unwrap(), Advice::Allow);
        load.phase.send_replace(Phase::Over);
        while let Some(asked) = asking.join_next().await {
            asked.unwrap();
        }
        let tried = load.next.load(Ordering::SeqCst).min(QUIET);
        load.ledger.must_be_whole(tried).await;
    });
}

impl Load {
    /// Says of one number after the other that it was lost, and looks what the app is told then.
    async fn publish(self: Arc<Load>) {
        while *self.phase.borrow() != Phase::Over {
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            assert!(n < QUIET, "there are not enough numbers");
            let before = *self.phase.borrow();
            let published = self.ledger.lose(n).await;
            if published.is_ok() {
                self.lost.send_modify(|lost| *lost += 1);
            }
            self.judge(before, published, 0);
            let before = *self.phase.borrow();
            let checked = self.ledger.check(n).await;
            self.judge(before, checked, 1);
            let before = *self.phase.borrow();
            self.judge(before, self.ledger.bind(n).await, 0);
        }
    }

    /// Checks a number that nobody lost.
    async fn check(self: Arc<Load>) {
        while *self.phase.borrow() != Phase::Over {
            let before = *self.phase.borrow();
            let checked = self.ledger.check(QUIET).await;
            assert!(checked.as_ref().is_ok_and(|it| *it == Advice::Allow) || checked.is_err());
            self.judge(before, checked, 1);
        }
    }

    /// Whatever fails fails with 503; and while the database is gone, everything does.
    fn judge<T: std::fmt::Debug>(&self, before: Phase, answered: Result<T, Error>, whose: usize) {
        let gone = before == Phase::Gone && *self.phase.borrow() == Phase::Gone;
        if gone || answered.is_err() {
            refused(answered);
        }
        if gone {
            self.refused[whose].send_modify(|count| *count += 1);
        }
    }
}

/// Waits until it is so many.
async fn reach(count: &watch::Sender<usize>, wanted: usize, patience: Duration) {
    let mut count = count.subscribe();
    let reached = timeout(patience, count.wait_for(|count| *count >= wanted)).await;
    drop(reached.expect("in time").expect("somebody counts"));
}
