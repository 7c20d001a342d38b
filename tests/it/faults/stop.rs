//! SIGTERM in the middle of everything.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, block_in_place, yield_now};
use vacate::client::receiver::Reply;
use vacate::clock::Clock;

use super::hold_writes;
use super::ledger::{Ledger, refused};
use crate::support::cast::PATIENCE;
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::program::Program;
use crate::support::world::run;

/// How many requests are under way when the signal comes.
const UNDER_WAY: usize = 4;
/// How late the app answers the message that is under way then.
const SLOW: Duration = Duration::from_secs(2);
const NUMBERS: usize = 20;
/// The default of `server.stop_seconds_max`.
const STOP_MAX: Duration = Duration::from_secs(30);

on_both_databases! {
    fn whoever_is_told_to_stop_finishes_what_is_under_way(kind: Kind) {
        run(stop_under_load(kind));
    }
}

async fn stop_under_load(kind: Kind) {
    let database = TestDatabase::new(kind);
    let waiting_max = UNDER_WAY.to_string();
    let settings = [("VACATE_DATABASE_WAITING_MAX", &*waiting_max)];
    let mut program = Program::start_with(&database, &settings);
    let mut ledger = Arc::new(Ledger::open(&program.desk(), NUMBERS).await);
    ledger.receiver.reply(Reply::default().after(SLOW));
    ledger.lose(0).await.unwrap();
    ledger.receiver.seen_at_least(1, PATIENCE).await.expect("a message is under way");

    let held = hold_writes(&database);
    let mut asking = JoinSet::new();
    for n in 1..=UNDER_WAY + 1 {
        let ledger = Arc::clone(&ledger);
        asking.spawn(async move { ledger.lose(n).await });
    }
    // One too many came, so all the others are in.
    assert_eq!(refused(asking.join_next().await.unwrap().unwrap()), "overloaded");
    let told = Instant::now();
    program.terminate();
    let address = program.url.strip_prefix("http://").unwrap();
    while TcpStream::connect(address).is_ok() {
        assert!(told.elapsed() < PATIENCE, "it goes on listening");
        yield_now().await;
    }
    drop(held);
    while let Some(answered) = asking.join_next().await {
        answered.unwrap().unwrap();
    }
    let ended = block_in_place(|| program.ended_within(STOP_MAX));
    assert!(ended.success(), "{ended}");
    assert!(told.elapsed() < STOP_MAX);

    // The message that was under way is settled, and nobody has the endpoint.
    let begun = "SELECT count(*) AS n FROM deliveries WHERE tries > 0 AND settled_at IS NULL";
    assert_eq!(database.find(begun), [0]);
    let now = Clock::System.now_ms();
    let leased = format!("SELECT count(*) AS n FROM endpoints WHERE leased_until > {now}");
    assert_eq!(database.find(&leased), [0]);

    let program = Program::start(&database);
    Arc::get_mut(&mut ledger).unwrap().move_to(&program.desk()).await;
    ledger.must_be_whole(UNDER_WAY + 2).await;
}
