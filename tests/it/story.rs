//! The main job, told to a registry without HTTP around it.

use vacate::domain::binding::Did;
use vacate::domain::duty::Demand;
use vacate::domain::event::EventType::{Disconnected, Reassigned};
use vacate::domain::verdict::{Advice, Answer, Reason};

use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{DAY_MS, Node};

const NUMBER: &str = "+491701234567";

on_both_databases! {
    fn a_disconnect_freezes_the_account_and_a_new_owner_s_own_is_let_in(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));

        let old = node.bind(&app, "u-1042", NUMBER, "2025-06-01T12:00:00Z");
        assert_eq!(node.check(&app, &old.handle).unwrap().answers.advice, Advice::Allow);

        node.publish(&carrier, ("e-1", Disconnected), NUMBER, "2026-11-23T09:00:00Z");
        let verdict = node.check(&app, &old.handle).unwrap().answers;
        assert_eq!(
            (verdict.advice, verdict.answer, verdict.reason),
            (Advice::Freeze, Answer::Changed, Reason::Disconnected)
        );
        node.acknowledge(&app, "u-1042", Did::Frozen);

        node.clock.pass(91 * DAY_MS);
        while node.registry.recompute_due().unwrap() == vacate::registry::More::Perhaps {}
        let account = "u-1042".parse().unwrap();
        let duty = node.registry.binding(&app, &account).unwrap();
        let duty = serde_json::to_value(duty).unwrap();
        assert_eq!(duty["demand"], Demand::Detach.text());
        node.acknowledge(&app, "u-1042", Did::Detached);

        node.publish(&carrier, ("e-2", Reassigned), NUMBER, "2027-02-22T08:00:00Z");
        node.clock.pass(DAY_MS);
        node.report(&carrier);
        let new = node.bind(&app, "u-2001", NUMBER, "2027-02-23T08:00:00Z");
        assert_eq!(node.check(&app, &new.handle).unwrap().answers.advice, Advice::Allow);
        assert_eq!(
            node.check(&app, &old.handle).unwrap().answers.reason,
            Reason::Reassigned
        );
    }
}
