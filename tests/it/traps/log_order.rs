//! A position in the log is a place in commit order: whoever follows it misses nothing.

use std::thread;

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::verdict::Advice;

use super::{LOST, advice, bind_all, number};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::node::Node;

const NUMBERS: usize = 400;
const WRITERS: usize = 4;

#[test]
fn a_follower_misses_nothing_that_two_nodes_publish_and_would_with_a_sequence() {
    let database = TestDatabase::new(Kind::Postgres);
    let nodes = [Node::start(&database), Node::start(&database)];
    let (carrier, app) = (nodes[0].carrier("northtel"), nodes[0].app("skyfare"));
    let handles = bind_all(&nodes[0], &app, NUMBERS);
    let follower = Node::start(&database);
    let publish = |writer: usize| {
        for n in (writer..NUMBERS).step_by(WRITERS) {
            let event = format!("e-{n}");
            nodes[writer % 2].publish(&carrier, (&event, Disconnected), &number(n), LOST);
        }
    };
    thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || publish(writer))).collect();
        while !writers.iter().all(|writer| writer.is_finished()) {
            follower.registry.catch_up().unwrap();
        }
    });
    for handle in &handles {
        assert_eq!(advice(&follower, &app, handle), Advice::Freeze);
    }

    assert_eq!(followed_by_sequence(&database.url), [2], "the sequence misses the first entry");
    assert!(second_waits_for_first(&database.url), "the head row numbers in commit order");
}

#[test]
fn a_node_that_loads_while_others_publish_misses_nothing() {
    let database = TestDatabase::new(Kind::Postgres);
    let node = Node::start(&database);
    let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
    let handles = bind_all(&node, &app, NUMBERS);
    let publish = |writer: usize| {
        for n in (writer..NUMBERS).step_by(WRITERS) {
            node.publish(&carrier, (&format!("e-{n}"), Disconnected), &number(n), LOST);
        }
    };
    let mut loaded = Vec::new();
    thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || publish(writer))).collect();
        // Each starts in the middle of it, as far as the writers left something to miss.
        while !writers.iter().all(|writer| writer.is_finished()) {
            loaded.push(Node::start(&database));
        }
    });
    assert!(loaded.len() > 1, "nobody loaded while others published");
    for (place, node) in loaded.iter().enumerate() {
        for handle in &handles {
            assert_eq!(advice(node, &app, handle), Advice::Freeze, "node {place}");
        }
    }
}

#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// Two writers number by a sequence, and the first commits last; what a follower saw who reads what
/// is beyond the last position he knows.
fn followed_by_sequence(url: &str) -> Vec<i64> {
    let connect = || PgConnection::establish(url).unwrap();
    let (mut first, mut second, mut follower) = (connect(), connect(), connect());
    first.batch_execute("CREATE TABLE naive (position BIGSERIAL PRIMARY KEY)").unwrap();
    let mut followed: Vec<i64> = Vec::new();
    let mut follow = || {
        let known = followed.last().copied().unwrap_or(0);
        let sql = "SELECT position FROM naive WHERE position > $1 ORDER BY position";
        let new: Vec<Entry> =
            diesel::sql_query(sql).bind::<BigInt, _>(known).load(&mut follower).unwrap();
        followed.extend(new.iter().map(|entry| entry.position));
    };
    first.batch_execute("BEGIN; INSERT INTO naive DEFAULT VALUES").unwrap();
    second.batch_execute("BEGIN; INSERT INTO naive DEFAULT VALUES; COMMIT").unwrap();
    follow();
    first.batch_execute("COMMIT").unwrap();
    follow();
    followed
}

/// Whether the head row gives nobody a position while the one before it isn't committed.
fn second_waits_for_first(url: &str) -> bool {
    const TAKE: &str = "UPDATE log_head SET position = position + 1";
    let connect = || PgConnection::establish(url).unwrap();
    let (mut first, mut second) = (connect(), connect());
    first.batch_execute(&format!("BEGIN; {TAKE}")).unwrap();
    let waited = second.batch_execute(&format!("SET lock_timeout = '50ms'; {TAKE}")).is_err();
    first.batch_execute("ROLLBACK").unwrap();
    waited
}
