//! The policies of calling codes, held by whoever folds under them and by whoever changes them.

use std::thread;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use vacate::clock::Clock;
use vacate::domain::event::EventType::Disconnected;

use super::{LOST, until_somebody_waits};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::node::{self, NOW_MS, Node};

/// As the product locks policies: shared, to fold under them.
const FOLD: &str = "SELECT pg_advisory_xact_lock_shared(7161636, ";
#[test]
fn a_node_that_starts_with_other_policies_never_waits_for_two_at_once() {
    let database = TestDatabase::new(Kind::Postgres);
    drop(Node::start(&database));
    // As if all of them had been folded under other policies.
    database.meddle("UPDATE folded_policies SET policy = 'other'");
    let mut publisher = PgConnection::establish(&database.url).unwrap();
    publisher.batch_execute(&format!("BEGIN; {FOLD} 49)")).unwrap();
    thread::scope(|scope| {
        let starting = scope.spawn(|| node::open(&database, Clock::manual(NOW_MS)));
        until_somebody_waits(&database);
        // A batch with another calling code. Held by the one that starts, both would wait for ever.
        publisher.batch_execute(&format!("{FOLD} 1)")).unwrap();
        publisher.batch_execute("COMMIT").unwrap();
        starting.join().unwrap();
    });
    let behind = "SELECT count(*) AS n FROM folded_policies WHERE policy = 'other'";
    assert_eq!(database.find(behind), [0]);
}

#[test]
fn whoever_folds_takes_policies_in_one_order() {
    const CODES: [(&str, &str); 6] = [
        ("1", "+12025550142"),
        ("33", "+33612345678"),
        ("44", "+447700900123"),
        ("49", "+491701234567"),
        ("61", "+61412345678"),
        ("86", "+8613800138000"),
    ];
    let database = TestDatabase::new(Kind::Postgres);
    let node = Node::start(&database);
    let codes = CODES.map(|(code, _)| code.parse().unwrap());
    let carrier = node.carrier_of("northtel", codes.to_vec());
    let mut changing = PgConnection::establish(&database.url).unwrap();
    changing.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(7161636, 1)").unwrap();
    thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let events = CODES.map(|(code, number)| (format!("e-{code}"), Disconnected, number));
            node.publish_all(&carrier, &events, LOST);
        });
        until_somebody_waits(&database);
        let held = "SELECT count(*) AS n FROM pg_locks JOIN pg_database ON oid = database \
            WHERE datname = current_database() AND classid = 7161636 AND mode = 'ShareLock' \
            AND granted";
        let held = database.find(held);
        changing.batch_execute("COMMIT").unwrap();
        publishing.join().unwrap();
        assert_eq!(held, [0], "the first is waited for before any other is taken");
    });
}
