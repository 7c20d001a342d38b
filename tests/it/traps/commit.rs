//! A commit whose answer never comes: stored or not, nobody knows, and nobody may guess.

use std::time::Duration;

use chrono::DateTime;
use diesel::sql_types::BigInt;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};
use vacate::domain::attempt::{Attempt, Outcome as Tried};
use vacate::domain::binding::Did;
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::event::Note;
use vacate::domain::participant::{App, Carrier, Name};
use vacate::domain::rejection::Code;
use vacate::domain::retry::Schedule;
use vacate::domain::verdict::Advice;
use vacate::registry::{DeliveryState, Outcome, Result, Wanted};

use super::{LOST, VERIFIED, advice, demand, number};
use crate::support::cutting::{Cut, Proxy};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::node::Node;

const LEASE_MS: i64 = 60_000;
const SCHEDULE: Schedule = Schedule { retry_hours: 75 };

#[test]
fn a_commit_whose_answer_was_swallowed_is_found_to_be_stored() {
    let world = World::new();
    let published = world.publish_cutting(&[Cut::BeforeTheAnswer]);
    // The work ran once more and met its own event.
    assert!(matches!(published, Ok(Outcome::Duplicate(_))), "{published:?}");
    world.must_hold_one_event();
}

#[test]
fn a_commit_that_never_arrived_is_made_again() {
    let world = World::new();
    let published = world.publish_cutting(&[Cut::BeforeTheServer]);
    assert!(matches!(published, Ok(Outcome::Accepted(_))), "{published:?}");
    world.must_hold_one_event();
}

#[test]
fn two_commits_without_an_answer_are_an_unknown_outcome_and_never_allow() {
    for cuts in
        [[Cut::BeforeTheAnswer, Cut::BeforeTheAnswer], [Cut::BeforeTheServer, Cut::BeforeTheAnswer]]
    {
        let world = World::new();
        let published = world.publish_cutting(&cuts);
        assert_eq!(published.unwrap_err().code, Code::OutcomeUnknown);
        // It is stored, which the publisher isn't told; whoever asks is.
        assert_eq!(advice(&world.node, &world.app, &world.handle), Advice::Freeze);
        world.must_hold_one_event();
    }
}

#[test]
fn two_commits_that_never_arrived_are_an_unknown_outcome_and_leave_nothing() {
    let world = World::new();
    let published = world.publish_cutting(&[Cut::BeforeTheServer, Cut::BeforeTheServer]);
    assert_eq!(published.unwrap_err().code, Code::OutcomeUnknown);
    assert_eq!(world.count_events(), 0);
    assert!(matches!(world.publish(), Ok(Outcome::Accepted(_))));
    world.must_hold_one_event();
}

#[test]
fn whatever_else_is_written_is_written_once_although_its_commit_was_cut_off() {
    for cut in [Cut::BeforeTheAnswer, Cut::BeforeTheServer] {
        let world = World::new();
        let (node, app) = (&world.node, &world.app);
        let url = "https://hooks.example.com/vacate".to_owned();
        world.cutting(cut, || node.registry.subscribe(app, &Wanted { url, types: None })).unwrap();
        world.cutting(cut, || node.bind(app, "u-1", &number(1), VERIFIED));
        node.publish(&world.carrier, ("e-1", Disconnected), &number(1), LOST);
        let endpoint = node.registry.lease_endpoints(1, LEASE_MS).unwrap().remove(0);
        let mut taken = node.registry.take_due(&endpoint, 1, LEASE_MS).unwrap().unwrap();
        let delivery = taken.outgoing.remove(0).delivery;
        let attempt = Attempt {
            at: DateTime::from_timestamp_millis(node.clock.now_ms()).unwrap(),
            took: Duration::ZERO,
            outcome: Tried::Answered { status: 200, answer: String::new(), retry_after: None },
        };
        let tried = [(delivery.clone(), attempt)];
        world.cutting(cut, || node.registry.settle(&endpoint, SCHEDULE, &tried)).unwrap();
        let told = node.registry.delivery_of(app, &delivery.public_id).unwrap();
        assert_eq!((told.delivery.state, told.attempts.len()), (DeliveryState::Delivered, 1));

        world.cutting(cut, || node.acknowledge(app, "u-1", Did::Frozen));
        let name = Name::parse("skyfare").unwrap();
        let owner = node.registry.participant_named(&node.admin, &name).unwrap();
        let key = node.registry.keys_of(&owner).unwrap().remove(0).id;
        world.cutting(cut, || node.registry.revoke_key(&owner, &key)).unwrap();
        assert!(node.registry.keys_of(&owner).unwrap().is_empty());
    }
}

/// A node that reaches its database through a proxy, with one account on one number.
struct World {
    database: TestDatabase,
    direct: String,
    proxy: Proxy,
    node: Node,
    carrier: Carrier,
    app: App,
    handle: String,
}

impl World {
    fn new() -> World {
        let mut database = TestDatabase::new(Kind::Postgres);
        let direct = database.url.clone();
        let proxy = Proxy::start(&direct);
        database.url.clone_from(&proxy.url);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        let handle = node.bind(&app, "u-0", &number(0), VERIFIED).handle;
        assert_eq!(advice(&node, &app, &handle), Advice::Allow);
        World { database, direct, proxy, node, carrier, app, handle }
    }

    fn publish(&self) -> Result<Outcome<Vec<Note>>> {
        self.node.try_publish(&self.carrier, ("e-0", Disconnected), &number(0), LOST)
    }

    fn publish_cutting(&self, cuts: &[Cut]) -> Result<Outcome<Vec<Note>>> {
        self.proxy.cut(cuts);
        let published = self.publish();
        assert_eq!(self.proxy.left(), 0, "not every cut was made");
        published
    }

    /// Does something whose commit is cut off, and made once more.
    fn cutting<T>(&self, cut: Cut, act: impl FnOnce() -> T) -> T {
        self.proxy.cut(&[cut]);
        let done = act();
        assert_eq!(self.proxy.left(), 0, "the cut was not made");
        done
    }

    /// One event, told once, that every node and every resend finds.
    fn must_hold_one_event(&self) {
        assert!(matches!(self.publish(), Ok(Outcome::Duplicate(_))));
        assert_eq!(self.count_events(), 1);
        assert_eq!(advice(&self.node, &self.app, &self.handle), Advice::Freeze);
        assert_eq!(demand(&self.node, &self.app, "u-0"), "freeze");
        let second = Node::start(&self.database);
        assert_eq!(advice(&second, &self.app, &self.handle), Advice::Freeze);
    }

    fn count_events(&self) -> i64 {
        let mut connection = PgConnection::establish(&self.direct).unwrap();
        let sql = "SELECT count(*) AS count FROM events";
        diesel::sql_query(sql).get_result::<Count>(&mut connection).unwrap().count
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}
