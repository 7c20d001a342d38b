//! Publish against check, and publish against bind.

use std::sync::mpsc;
use std::thread;

use serde_json::Value;
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::verdict::Advice;
use vacate::registry::Wanted;

use super::{LOST, VERIFIED, advice, bind_all, demand, number};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;

const PUBLISHES: usize = 800;
const PUBLISHERS: usize = 8;
const RACES: usize = 1_000;
const LEASE_MS: i64 = 60_000;

on_both_databases! {
    fn whoever_was_told_accepted_is_never_told_allow(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        publish_and_check(&node, &node);
    }

    fn whoever_is_told_by_a_message_is_told_by_a_check_too(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        publish_and_deliver(&node);
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

/// A message is taken for delivery as soon as its event is committed, whoever of those who shared the
/// commit has noticed.
fn publish_and_deliver(node: &Node) {
    let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
    let url = "https://hooks.example.com/vacate".to_owned();
    node.registry.subscribe(&app, &Wanted { url, types: None }).unwrap();
    let handles = bind_all(node, &app, PUBLISHES);
    let publish = |publisher| {
        for n in (publisher..PUBLISHES).step_by(PUBLISHERS) {
            node.publish(&carrier, (&format!("e-{n}"), Disconnected), &number(n), LOST);
        }
    };
    let (publish, mut told) = (&publish, 0);
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            scope.spawn(move || publish(publisher));
        }
        let endpoint = loop {
            if let Some(endpoint) = node.registry.lease_endpoints(1, LEASE_MS).unwrap().pop() {
                break endpoint;
            }
        };
        while told < PUBLISHES {
            let taken = node.registry.take_due(&endpoint, 32, LEASE_MS).unwrap().unwrap();
            for outgoing in taken.outgoing {
                let body: Value = serde_json::from_str(&outgoing.body.unwrap()).unwrap();
                let account = body["data"]["account_ref"].as_str().unwrap().to_owned();
                let n: usize = account.strip_prefix("u-").unwrap().parse().unwrap();
                assert_eq!(advice(node, &app, &handles[n]), Advice::Freeze, "{account}");
                told += 1;
            }
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
