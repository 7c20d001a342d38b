//! One receiver is dead and its backlog long: what is due to the others isn't found behind it.

use vacate::domain::duty::MessageType;
use vacate::domain::number::NumberId;
use vacate::domain::participant::App;
use vacate::registry::{Delivery, DeliveryState, Endpoint, Wanted};
use vacate::storage::Storage;
use vacate::storage::deliveries::{self, DeliveryId};

use crate::support::databases::{Kind, LIMITS, TestDatabase, on_both_databases};
use crate::support::node::{NOW_MS, Node};

const LEASE_MS: i64 = 60_000;
/// Deliveries that one transaction of the set-up writes.
const CHUNK: usize = 50_000;

#[test]
fn a_dead_endpoint_s_backlog_holds_nobody_up_on_sqlite() {
    behind_a_backlog_of(20_000, Kind::Sqlite);
}

#[test]
fn a_dead_endpoint_s_backlog_holds_nobody_up_on_postgres() {
    behind_a_backlog_of(20_000, Kind::Postgres);
}

on_both_databases! {
    /// `cargo test --test it -- --ignored a_dead_endpoint_s_long_backlog`
    #[ignore = "takes minutes, most of them to write the backlog"]
    fn a_dead_endpoint_s_long_backlog_holds_nobody_up(kind: Kind) {
        behind_a_backlog_of(900_000, kind);
    }
}

fn behind_a_backlog_of(backlog: usize, kind: Kind) {
    let database = TestDatabase::new(kind);
    let node = Node::start(&database);
    let app = node.app("skyfare");
    let dead = endpoint(&node, &app, "https://dead.example.com/hook");
    let healthy = endpoint(&node, &app, "https://healthy.example.com/hook");
    drop(node);
    // The dead one's is older and has been due for longer.
    write(&database, backlog, |n| delivery(&app, &dead, n, NOW_MS - 2_000));
    write(&database, 1, |_| delivery(&app, &healthy, backlog, NOW_MS - 1_000));

    let node = Node::start(&database);
    let leased = node.registry.lease_endpoints(10, LEASE_MS).unwrap();
    let taken = |endpoint: &Endpoint| {
        let leased = leased.iter().find(|one| one.id == endpoint.id).unwrap();
        node.registry.take_due(leased, 8, LEASE_MS).unwrap().unwrap().outgoing
    };
    assert_eq!(taken(&dead).len(), 8);
    let outgoing = taken(&healthy);
    assert_eq!(outgoing.len(), 1);
    assert_eq!(outgoing[0].delivery.public_id, format!("dlv_{backlog}"));
}

fn endpoint(node: &Node, app: &App, url: &str) -> Endpoint {
    node.registry.subscribe(app, &Wanted { url: url.to_owned(), types: None }).unwrap();
    let all = node.registry.endpoints(app).unwrap();
    all.into_iter().map(|view| view.endpoint).find(|endpoint| endpoint.url == url).unwrap()
}

fn write(database: &TestDatabase, count: usize, delivery: impl Fn(usize) -> Delivery) {
    let storage = Storage::open(&database.url, LIMITS).unwrap();
    let all: Vec<usize> = (0..count).collect();
    for some in all.chunks(CHUNK) {
        let some: Vec<Delivery> = some.iter().map(|n| delivery(*n)).collect();
        storage.write(|tx| deliveries::insert(tx, &some)).unwrap();
    }
}

fn delivery(app: &App, endpoint: &Endpoint, n: usize, due: i64) -> Delivery {
    Delivery {
        id: DeliveryId(0),
        public_id: format!("dlv_{n}"),
        message_id: format!("msg_{n}"),
        app: app.id(),
        endpoint: endpoint.id,
        number: i64::try_from(n).ok().map(NumberId),
        binding: None,
        revision: 0,
        kind: MessageType::EndpointTest,
        state: DeliveryState::Pending,
        tries: 1,
        next_attempt_at: Some(due),
        created_at: due,
        settled_at: None,
    }
}
