//! What the admin is shown at three in the morning: how everybody stands, and whom to call.

use serde_json::{Value, json};
use vacate::domain::event::EventType::Disconnected;
use vacate::registry::Wanted;

use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{DAY_MS, Node};

const NUMBER: &str = "+491701234567";
const VERIFIED: &str = "2025-06-01T12:00:00Z";
const LOST: &str = "2026-11-23T09:00:00Z";
const REPORTED: &str = "2026-11-23T09:30:00Z";

on_both_databases! {
    fn the_admin_sees_how_everybody_stands_and_whom_to_call(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (northtel, skyfare) = (node.carrier("northtel"), node.app("skyfare"));
        node.carrier("mobilis");
        assert_eq!(survey(&node)["attention"], json!([]));
        let wanted = Wanted { url: "https://hooks.skyfare.example/".to_owned(), types: None };
        node.registry.subscribe(&skyfare, &wanted).unwrap();
        node.bind(&skyfare, "u-1", NUMBER, VERIFIED);
        node.clock.pass(1_000);
        node.publish(&northtel, ("e-1", Disconnected), NUMBER, LOST);

        let calm = survey(&node);
        let apps = json!([{"name": "skyfare", "pending": 1, "dead": 0, "overdue": 0}]);
        assert_eq!((&calm["attention"], &calm["apps"]), (&json!([]), &apps));
        let carriers = json!([
            {"name": "mobilis", "calling_code": "49", "through": REPORTED, "last_event_at": null},
            {"name": "northtel", "calling_code": "49", "through": REPORTED,
             "last_event_at": "2026-11-23T09:30:01Z"},
        ]);
        assert_eq!(calm["carriers"], carriers);

        node.clock.pass(3 * DAY_MS);
        node.report(&northtel);
        let late = survey(&node);
        let who = |what: &str| {
            let all = late["attention"].as_array().unwrap().iter();
            all.filter(|one| one["what"] == what).map(|one| one["who"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(who("carrier_silent"), ["mobilis"]);
        assert_eq!(who("duties_overdue"), ["skyfare"]);
        assert_eq!(late["apps"][0]["overdue"], 1);
        assert_eq!(late["carriers"][0]["through"], REPORTED);
        assert_eq!(late["carriers"][1]["through"], "2026-11-26T09:30:01Z");
    }
}

fn survey(node: &Node) -> Value {
    serde_json::to_value(node.registry.survey(&node.admin).unwrap()).unwrap()
}
