//! Traps: ways of building this that look right and lose a freeze now and then. Each was provoked
//! before its rule was made, and is provoked here.

mod commit;
mod kill;
mod log_order;
mod opening;
mod races;
mod restore;
mod sqlite;

use vacate::domain::participant::App;
use vacate::domain::verdict::Advice;

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
