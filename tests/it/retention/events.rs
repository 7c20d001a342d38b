//! Events go that no answer hangs on any more, and stay where one does.

use std::thread;

use vacate::domain::event::EventType::{Disconnected, Held, Reassigned};
use vacate::domain::verdict::{Advice, Reason};
use vacate::registry::{More, Removal};

use super::{Told, answer, binding, pass, run, says};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;

const NUMBER: &str = "+4917000000001";
/// A number's life of long ago: lost, given on, lost again.
const LIFE: [(&str, vacate::domain::event::EventType, &str); 3] = [
    ("e-1", Disconnected, "2015-06-01T12:00:00Z"),
    ("e-2", Reassigned, "2016-06-01T12:00:00Z"),
    ("e-3", Disconnected, "2018-06-01T12:00:00Z"),
];
const RACES: usize = 300;

on_both_databases! {
    fn all_of_a_number_s_past_goes_but_what_a_later_event_needs(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        for (id, what, at) in LIFE {
            node.publish(&carrier, (id, what), NUMBER, at);
        }
        assert_eq!(run(&node)[0], 2, "the last loss stays");
        for (id, what, at) in LIFE {
            assert_eq!(says(&node, &carrier, (id, what), NUMBER, at), Told::Duplicate);
        }
        // The loss that stayed makes it sure.
        let before = node.bind(&app, "u-1", NUMBER, "2022-06-01T12:00:00Z").handle;
        assert_eq!(answer(&node, &app, &before).reason, Reason::NoChange);
        node.publish(&carrier, ("e-4", Reassigned), NUMBER, "2026-10-01T12:00:00Z");
        let told = answer(&node, &app, &before);
        assert_eq!((told.advice, told.reason), (Advice::Freeze, Reason::Reassigned));
    }

    fn what_an_account_s_demand_rests_on_stays_until_the_account_is_removed(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        for (id, what, at) in LIFE {
            node.publish(&carrier, (id, what), NUMBER, at);
        }
        node.bind(&app, "u-1", NUMBER, "2014-06-01T12:00:00Z");
        let before = binding(&node, &app, "u-1");
        assert_eq!((&before["demand"], &before["revision"]), (&"detach".into(), &1.into()));
        assert_eq!(run(&node)[0], 0);
        node.publish(&carrier, ("e-4", Held), NUMBER, "2026-10-01T12:00:00Z");
        let after = binding(&node, &app, "u-1");
        assert_eq!((&after["demand"], &after["revision"]), (&"detach".into(), &1.into()));

        let removal = Removal { account_ref: "u-1".parse().unwrap() };
        let items = vec![vacate::registry::Item { key: None, value: Ok(removal) }];
        node.registry.remove(&app, items).unwrap();
        pass(&node, &carrier, 1);
        assert_eq!(run(&node)[0], 2, "the last loss stays");
    }

    fn a_run_goes_on_where_another_process_was_stopped(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        for n in 0..410 {
            let number = format!("+49170{n:08}");
            for (id, what, at) in LIFE {
                node.publish(&carrier, (&format!("{id}/{n}"), what), &number, at);
            }
        }
        // The horizon, and the first numbers.
        for _ in 0..2 {
            assert_eq!(node.registry.forget_some().unwrap(), More::Perhaps);
        }
        let some = node.registry.survey(&node.admin).unwrap().retention.unwrap().events;
        assert!((1..820).contains(&some), "{some}");
        drop(node);
        let node = Node::start(&database);
        assert_eq!(run(&node)[0], 820);
    }

    fn a_number_that_is_lost_while_its_past_is_forgotten_is_frozen(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        let number = |n: usize| format!("+49170{n:08}");
        let mut handles = Vec::new();
        for n in 0..RACES {
            for (id, what, at) in LIFE {
                node.publish(&carrier, (&format!("{id}/{n}"), what), &number(n), at);
            }
            let account = format!("u-{n}");
            handles.push(node.bind(&app, &account, &number(n), "2022-06-01T12:00:00Z").handle);
        }
        thread::scope(|scope| {
            let publish = scope.spawn(|| {
                for n in (0..RACES).rev() {
                    let event = (&*format!("lost/{n}"), Disconnected);
                    node.publish(&carrier, event, &number(n), "2026-11-20T12:00:00Z");
                }
            });
            assert_eq!(run(&node)[0], 2 * i64::try_from(RACES).unwrap());
            publish.join().unwrap();
        });
        for (n, handle) in handles.iter().enumerate() {
            assert_eq!(answer(&node, &app, handle).advice, Advice::Freeze, "{n}");
            assert_eq!(binding(&node, &app, &format!("u-{n}"))["demand"], "freeze", "{n}");
        }
    }
}

#[test]
fn a_node_that_was_behind_finds_no_hole_where_something_was_forgotten() {
    let database = TestDatabase::new(Kind::Postgres);
    let (node, other) = (Node::start(&database), Node::start(&database));
    let (carrier, app) = (node.carrier("northtel"), other.app("skyfare"));
    let handle = other.bind(&app, "u-1", NUMBER, "2022-06-01T12:00:00Z").handle;
    for (id, what, at) in LIFE {
        node.publish(&carrier, (id, what), NUMBER, at);
    }
    node.publish(&carrier, ("e-4", Disconnected), NUMBER, "2026-11-20T12:00:00Z");
    assert!(run(&node)[0] > 0);
    assert_eq!(answer(&other, &app, &handle).advice, Advice::Freeze);
}
