//! A position in the log is a place in commit order: whoever follows it misses nothing.

use std::thread;

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::verdict::Advice;

use super::{LOST, VERIFIED, advice, bind_all, number};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::node::Node;

const NUMBERS: usize = 400;
const WRITERS: usize = 4;
/// Nodes that load while others publish, at most: each keeps connections.
const LOADERS_MAX: usize = 12;

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
        let is_over = || writers.iter().all(|writer| writer.is_finished());
        while loaded.len() < LOADERS_MAX && !is_over() {
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

/// SQLite has one writer, and gives out no id below the highest.
#[test]
fn a_number_that_was_committed_after_a_younger_one_is_read_from_its_row_once() {
    let database = TestDatabase::new(Kind::Postgres);
    let node = Node::start(&database);
    node.carrier("northtel");
    let app = node.app("skyfare");
    let next = |id| database.meddle(&format!("SELECT setval('numbers_id_seq', {id})"));
    next(1_000);
    node.bind(&app, "u-1", &number(1), VERIFIED);
    next(500);
    let late = node.bind(&app, "u-2", &number(2), VERIFIED).handle;

    assert_eq!(advice(&node, &app, &late), Advice::Allow);
    node.registry.catch_up().unwrap();
    database.meddle("ALTER TABLE numbers RENAME TO out_of_reach");
    assert_eq!(advice(&node, &app, &late), Advice::Allow);
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
