//! What is no longer needed goes, and nobody notices.

mod book;
mod erasure;
mod events;
mod leftovers;

use vacate::domain::event::{EventType, Note};
use vacate::domain::participant::{App, Carrier};
use vacate::domain::rejection::Code;
use vacate::registry::{Item, More, Outcome, Publication, Report, Verdict};

use crate::support::node::{DAY_MS, Node};

/// Beyond the horizon of the first run, which is 2021-11-23.
const LONG_AGO: &str = "2020-06-01T12:00:00Z";

/// What a carrier is told of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Accepted(Vec<Note>),
    Duplicate,
    Refused(Code),
}

/// A whole run; what it deleted of events, deliveries, history and bindings.
fn run(node: &Node) -> [i64; 4] {
    while node.registry.forget_some().unwrap() == More::Perhaps {}
    let run = node.registry.survey(&node.admin).unwrap().retention.expect("it ran");
    assert!(run.ended_at.is_some());
    [run.events, run.deliveries, run.history, run.bindings]
}

fn pass(node: &Node, carrier: &Carrier, days: i64) {
    node.clock.pass(days * DAY_MS);
    node.report(carrier);
}

fn told(outcome: Outcome<Vec<Note>>) -> Told {
    match outcome {
        Outcome::Accepted(notes) => Told::Accepted(notes),
        Outcome::Duplicate(_) => Told::Duplicate,
        Outcome::Rejected(why) => Told::Refused(why.code),
    }
}

fn says(node: &Node, carrier: &Carrier, event: (&str, EventType), number: &str, at: &str) -> Told {
    told(node.try_publish(carrier, event, number, at).unwrap())
}

fn undoes(
    node: &Node,
    carrier: &Carrier,
    (id, event_type): (&str, EventType),
    number: &str,
    target: &str,
) -> Told {
    let report = Report {
        id: id.parse().unwrap(),
        event_type,
        number: node.digest(number),
        effective_at: None,
        effective_on: None,
        undoes: Some(target.parse().unwrap()),
    };
    let items = vec![Item { key: None, value: Ok(report) }];
    let publication = Publication { through: None, items };
    let batch = node.registry.publish(carrier, publication).unwrap().batch;
    told(batch.items.into_iter().next().expect("one item").1)
}

fn answer(node: &Node, app: &App, handle: &str) -> Verdict {
    node.check(app, handle).unwrap().answers
}

/// A binding as its app sees it.
fn binding(node: &Node, app: &App, account: &str) -> serde_json::Value {
    let shown = node.registry.binding(app, &account.parse().unwrap()).unwrap();
    serde_json::to_value(shown).unwrap()
}
