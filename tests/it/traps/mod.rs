//! Traps: ways of building this that look right and lose a freeze now and then. Each was provoked
//! before its rule was made, and is provoked here.

mod commit;
mod dead_endpoint;
mod kill;
mod leases;
mod log_order;
mod opening;
mod policies;
mod races;
mod restore;
mod sqlite;

use std::thread;
use std::time::Instant;

use vacate::domain::participant::App;
use vacate::domain::verdict::Advice;

use crate::support::cast::PATIENCE;
use crate::support::databases::TestDatabase;
use crate::support::node::Node;

/// When the tests' accounts were verified, before their numbers are lost.
const VERIFIED: &str = "2025-06-01T12:00:00Z";
/// When the tests' numbers are lost.
const LOST: &str = "2026-11-23T09:00:00Z";

/// One of ten million numbers.
fn number(n: usize) -> String {
    format!("+49170{n:07}")
}

/// Binds an account to each of the first `count` numbers; their handles, which are all let in.
fn bind_all(node: &Node, app: &App, count: usize) -> Vec<String> {
    let bind = |n| {
        let handle = node.bind(app, &format!("u-{n}"), &number(n), VERIFIED).handle;
        assert_eq!(advice(node, app, &handle), Advice::Allow);
        handle
    };
    (0..count).map(bind).collect()
}

fn advice(node: &Node, app: &App, handle: &str) -> Advice {
    node.check(app, handle).unwrap().answers.advice
}

/// What is demanded of an account, as its app is told.
fn demand(node: &Node, app: &App, account: &str) -> String {
    let binding = node.registry.binding(app, &account.parse().unwrap()).unwrap();
    let shown = serde_json::to_value(binding).unwrap();
    shown["demand"].as_str().unwrap().to_owned()
}

/// Waits until some connection waits for a lock that another holds; PostgreSQL only.
fn until_somebody_waits(database: &TestDatabase) {
    const WAITING: &str = "SELECT count(*) AS n FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let began = Instant::now();
    while database.find(WAITING) == [0] {
        assert!(began.elapsed() < PATIENCE, "nobody waits");
        thread::yield_now();
    }
}
