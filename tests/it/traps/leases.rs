//! A worker has an endpoint for a while: it keeps it while it is busy with it, and leaves it alone while
//! there is nothing to be done.

use std::thread;
use std::time::Duration;

use chrono::DateTime;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use vacate::domain::attempt::{Attempt, Outcome};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::participant::App;
use vacate::domain::retry::Schedule;
use vacate::domain::time::Moment;
use vacate::registry::{Delivery, Endpoint, EndpointChange, EndpointState, Wanted};

use super::{LOST, VERIFIED, number, until_somebody_waits};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;

const LEASE_MS: i64 = 30_000;
const SCHEDULE: Schedule = Schedule { retry_hours: 75 };

on_both_databases! {
    fn what_waits_behind_a_failed_try_keeps_nobody_busy(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        subscribe(&node, &app);
        for account in ["u-1", "u-2"] {
            node.bind(&app, account, &number(0), VERIFIED);
        }
        node.publish(&carrier, ("e-1", Disconnected), &number(0), LOST);

        let endpoint = lease(&node).unwrap();
        let first = only(take(&node, &endpoint));
        assert!(take(&node, &endpoint).is_empty(), "the second waits for the first");
        settle(&node, &endpoint, first.clone(), 500);
        assert!(take(&node, &endpoint).is_empty(), "the second waits for the first");
        node.registry.release_endpoint(&endpoint).unwrap();
        assert!(lease(&node).is_none(), "nothing can be sent before the first is tried again");
        assert_eq!(oldest_due(&node), None);

        node.clock.pass(10_000);
        assert!(oldest_due(&node).is_some());
        let endpoint = lease(&node).unwrap();
        let again = only(take(&node, &endpoint));
        assert_eq!(again.id, first.id);
        settle(&node, &endpoint, again, 200);
        let second = only(take(&node, &endpoint));
        assert!(second.id > first.id);
    }

    fn what_is_kept_for_a_disabled_endpoint_waits_for_nobody(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        let endpoint = subscribe(&node, &app);
        node.bind(&app, "u-1", &number(0), VERIFIED);
        node.publish(&carrier, ("e-1", Disconnected), &number(0), LOST);
        node.clock.pass(1);
        assert!(oldest_due(&node).is_some());
        let state = Some(EndpointState::Disabled);
        let disabled = EndpointChange { state, ..EndpointChange::default() };
        node.registry.change_endpoint(&app, &endpoint, &disabled).unwrap();
        assert_eq!(oldest_due(&node), None);
        assert!(lease(&node).is_none());
    }

    fn an_endpoint_is_kept_while_something_is_taken_for_it(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        subscribe(&node, &app);
        for n in 0..2 {
            node.bind(&app, &format!("u-{n}"), &number(n), VERIFIED);
            node.publish(&carrier, (&format!("e-{n}"), Disconnected), &number(n), LOST);
        }
        let endpoint = lease(&node).unwrap();
        node.clock.pass(LEASE_MS - 1);
        let taken = node.registry.take_due(&endpoint, 1, LEASE_MS).unwrap().unwrap();
        assert_eq!(taken.outgoing.len(), 1);
        node.clock.pass(LEASE_MS - 1);
        assert!(lease(&node).is_none(), "it is still being served");
        node.clock.pass(1);
        assert!(lease(&node).is_some());
        assert!(node.registry.take_due(&endpoint, 1, LEASE_MS).unwrap().is_none(), "it was lost");
    }
}

#[test]
fn a_change_of_an_endpoint_doesn_t_undo_what_a_worker_writes_meanwhile() {
    let database = TestDatabase::new(Kind::Postgres);
    let node = Node::start(&database);
    let app = node.app("skyfare");
    let endpoint = subscribe(&node, &app);
    let mut worker = PgConnection::establish(&database.url).unwrap();
    worker.batch_execute("BEGIN; UPDATE endpoints SET state = 2").unwrap();
    let types = Some(vec!["account.freeze_requested".to_owned()]);
    let change = EndpointChange { types, ..EndpointChange::default() };
    thread::scope(|scope| {
        let changing = scope.spawn(|| node.registry.change_endpoint(&app, &endpoint, &change));
        until_somebody_waits(&database);
        worker.batch_execute("COMMIT").unwrap();
        let changed = changing.join().unwrap().unwrap();
        assert_eq!(changed.endpoint.state, EndpointState::Disabled);
    });
    assert_eq!(database.find("SELECT state::bigint AS n FROM endpoints"), [2]);
}

fn subscribe(node: &Node, app: &App) -> String {
    let wanted = Wanted { url: "https://hooks.example.com/vacate".to_owned(), types: None };
    node.registry.subscribe(app, &wanted).unwrap().endpoint.public_id
}

/// The only endpoint, if there is something to be done for it.
fn lease(node: &Node) -> Option<Endpoint> {
    node.registry.lease_endpoints(8, LEASE_MS).unwrap().into_iter().next()
}

fn take(node: &Node, endpoint: &Endpoint) -> Vec<Delivery> {
    let taken = node.registry.take_due(endpoint, 8, LEASE_MS).unwrap().unwrap();
    taken.outgoing.into_iter().map(|outgoing| outgoing.delivery).collect()
}

fn only(all: Vec<Delivery>) -> Delivery {
    let [only] = all.try_into().expect("one");
    only
}

fn settle(node: &Node, endpoint: &Endpoint, delivery: Delivery, status: u16) {
    let attempt = Attempt {
        at: DateTime::from_timestamp_millis(node.clock.now_ms()).unwrap(),
        took: Duration::ZERO,
        outcome: Outcome::Answered { status, answer: String::new(), retry_after: None },
    };
    node.registry.settle(endpoint, SCHEDULE, &[(delivery, attempt)]).unwrap();
}

fn oldest_due(node: &Node) -> Option<Moment> {
    node.registry.survey(&node.admin).unwrap().deliveries.oldest_due_at
}
