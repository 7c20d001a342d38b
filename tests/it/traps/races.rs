//! Publish against check, and publish against bind.

use std::sync::Barrier;
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
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        let handles = bind_all(&node, &app, PUBLISHES);
        let publish_and_check = |publisher| {
            for n in (publisher..PUBLISHES).step_by(PUBLISHERS) {
                node.publish(&carrier, (&format!("e-{n}"), Disconnected), &number(n), LOST);
                assert_eq!(advice(&node, &app, &handles[n]), Advice::Freeze, "number {n}");
            }
        };
        thread::scope(|scope| {
            for publisher in 0..PUBLISHERS {
                scope.spawn(move || publish_and_check(publisher));
            }
        });
    }

    fn an_account_that_is_bound_while_its_number_is_lost_is_frozen(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        race(&node, &node);
    }
}

#[test]
fn an_account_that_is_bound_on_one_node_while_its_number_is_lost_on_another_is_frozen() {
    let database = TestDatabase::new(Kind::Postgres);
    race(&Node::start(&database), &Node::start(&database));
}

/// Publishing reads bindings and binding reads events. Whoever comes second must see the first.
fn race(publisher: &Node, binder: &Node) {
    let (carrier, app) = (publisher.carrier("northtel"), binder.app("skyfare"));
    let start = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..RACES {
                let event = format!("e-{n}");
                start.wait();
                publisher.publish(&carrier, (&event, Disconnected), &number(n), LOST);
            }
        });
        scope.spawn(|| {
            for n in 0..RACES {
                let account = format!("u-{n}");
                start.wait();
                binder.bind(&app, &account, &number(n), VERIFIED);
            }
        });
    });
    let missed: Vec<usize> =
        (0..RACES).filter(|n| demand(binder, &app, &format!("u-{n}")) != "freeze").collect();
    assert!(missed.is_empty(), "{} of {RACES} were never frozen: {missed:?}", missed.len());
}
