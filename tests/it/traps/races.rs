//! Publish against check, and publish against bind.

use std::sync::mpsc;
use std::thread;

use vacate::domain::event::EventType::Disconnected;
use vacate::domain::verdict::Advice;

use super::{LOST, VERIFIED, advice, bind_all, demand, number};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;

const PUBLISHES: usize = 800;
const PUBLISHERS: usize = 8;
const RACES: usize = 1_000;

on_both_databases! {
    fn whoever_was_told_accepted_is_never_told_allow(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        publish_and_check(&node, &node);
    }

    fn an_account_that_is_bound_while_its_number_is_lost_is_frozen(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        publish_and_bind(&node, &node);
    }
}

#[test]
fn whoever_was_told_accepted_by_one_node_is_never_told_allow_by_another() {
    let database = TestDatabase::new(Kind::Postgres);
    publish_and_check(&Node::start(&database), &Node::start(&database));
}

#[test]
fn an_account_that_is_bound_on_one_node_while_its_number_is_lost_on_another_is_frozen() {
    let database = TestDatabase::new(Kind::Postgres);
    publish_and_bind(&Node::start(&database), &Node::start(&database));
}

fn publish_and_check(publishing: &Node, checking: &Node) {
    let (carrier, app) = (publishing.carrier("northtel"), checking.app("skyfare"));
    let handles = bind_all(checking, &app, PUBLISHES);
    let publish = |publisher| {
        for n in (publisher..PUBLISHES).step_by(PUBLISHERS) {
            publishing.publish(&carrier, (&format!("e-{n}"), Disconnected), &number(n), LOST);
            assert_eq!(advice(checking, &app, &handles[n]), Advice::Freeze, "number {n}");
        }
    };
    let publish = &publish;
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            scope.spawn(move || publish(publisher));
        }
    });
}

/// Publishing reads bindings and binding reads events. Whoever comes second must see the first. The
/// numbers exist before: two who make the same one wait for each other anyway.
fn publish_and_bind(publishing: &Node, binding: &Node) {
    let (carrier, app) = (&publishing.carrier("northtel"), &binding.app("skyfare"));
    bind_all(binding, app, RACES);
    let account = |n: usize| format!("late-{n}");
    // A meeting at each race. Whoever fails is gone, and then so is the other.
    let (come, met) = mpsc::sync_channel(0);
    thread::scope(|scope| {
        scope.spawn(move || {
            for n in 0..RACES {
                come.send(()).expect("the other still runs");
                publishing.publish(carrier, (&format!("e-{n}"), Disconnected), &number(n), LOST);
            }
        });
        scope.spawn(move || {
            for n in 0..RACES {
                met.recv().expect("the other still runs");
                binding.bind(app, &account(n), &number(n), VERIFIED);
            }
        });
    });
    let is_missed = |n: &usize| demand(binding, app, &account(*n)) != "freeze";
    let missed: Vec<usize> = (0..RACES).filter(is_missed).collect();
    assert!(missed.is_empty(), "{} of {RACES} were never frozen: {missed:?}", missed.len());
}
