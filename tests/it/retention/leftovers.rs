//! What is settled, done or removed goes after its time.

use vacate::domain::binding::Did;
use vacate::domain::event::EventType::{Disconnected, Retracted};
use vacate::domain::participant::{App, Carrier};
use vacate::registry::{Item, Removal, ShownDeliveries, Wanted};

use super::{binding, pass, run, undoes};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;

const NUMBER: &str = "+4917000000001";
const VERIFIED: &str = "2025-06-01T12:00:00Z";
const LOST: &str = "2026-11-23T09:00:00Z";

/// An account on a number that was lost, and wasn't after all: two messages, of which the first is
/// superseded.
fn lost_and_found(node: &Node) -> (Carrier, App) {
    let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
    let wanted = Wanted { url: "https://hooks.skyfare.example/vacate".to_owned(), types: None };
    node.registry.subscribe(&app, &wanted).unwrap();
    node.bind(&app, "u-1", NUMBER, VERIFIED);
    node.publish(&carrier, ("e-1", Disconnected), NUMBER, LOST);
    undoes(node, &carrier, ("e-2", Retracted), NUMBER, "e-1");
    (carrier, app)
}

fn deliveries(node: &Node, app: &App) -> usize {
    node.registry.deliveries(app, &ShownDeliveries::default(), None, 100).unwrap().len()
}

fn remove(node: &Node, app: &App) {
    let removal = Removal { account_ref: "u-1".parse().unwrap() };
    node.registry.remove(app, vec![Item { key: None, value: Ok(removal) }]).unwrap();
}

on_both_databases! {
    fn a_delivery_goes_90_days_after_it_was_settled_and_stays_while_it_is_tried(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = lost_and_found(&node);
        assert_eq!(deliveries(&node, &app), 2);
        pass(&node, &carrier, 90);
        assert_eq!(run(&node)[1], 0);
        pass(&node, &carrier, 1);
        assert_eq!(run(&node)[1], 1);
        assert_eq!(deliveries(&node, &app), 1, "nobody has taken the other yet");
    }

    fn what_is_due_to_a_deleted_endpoint_goes_90_days_after_that(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = lost_and_found(&node);
        let endpoint = node.registry.endpoints(&app).unwrap().remove(0).endpoint.public_id;
        pass(&node, &carrier, 50);
        node.registry.unsubscribe(&app, &endpoint).unwrap();
        pass(&node, &carrier, 90);
        assert_eq!(run(&node)[1], 1, "the one that was superseded");
        pass(&node, &carrier, 1);
        assert_eq!(run(&node)[1], 1);
        assert_eq!(deliveries(&node, &app), 0);
    }

    fn the_history_of_a_duty_that_is_done_goes_after_180_days_and_of_an_open_one_stays(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = lost_and_found(&node);
        let lines = |account: &str| binding(&node, &app, account)["history"].as_array().unwrap().len();
        node.bind(&app, "u-2", "+4917000000002", VERIFIED);
        node.publish(&carrier, ("e-3", Disconnected), "+4917000000002", LOST);
        node.acknowledge(&app, "u-2", Did::Frozen);
        assert_eq!((lines("u-1"), lines("u-2")), (2, 2));
        pass(&node, &carrier, 180);
        assert_eq!(run(&node)[2], 0);
        pass(&node, &carrier, 1);
        while node.registry.recompute_due().unwrap() == vacate::registry::More::Perhaps {}
        assert_eq!(run(&node)[2], 2);
        assert_eq!((lines("u-1"), lines("u-2")), (0, 3), "detach is demanded, and open");
        node.acknowledge(&app, "u-2", Did::Detached);
        pass(&node, &carrier, 1);
        assert_eq!(run(&node)[2], 2);
        assert_eq!(lines("u-2"), 2, "the last two are young");
    }

    fn a_removed_account_is_remembered_for_180_days(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = lost_and_found(&node);
        let revision = |node: &Node| node.bind(&app, "u-1", NUMBER, VERIFIED).binding.duty.revision;
        remove(&node, &app);
        pass(&node, &carrier, 180);
        assert_eq!(run(&node)[3], 0);
        assert_eq!(revision(&node), 2);
        remove(&node, &app);
        pass(&node, &carrier, 181);
        assert_eq!(run(&node)[3], 1);
        assert_eq!(revision(&node), 0);
    }
}
