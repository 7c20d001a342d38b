//! The conformance vectors: ninety histories of a number, and what must be answered.

use std::collections::BTreeMap;

use serde::Deserialize;
use vacate::domain::duty::demand;
use vacate::domain::event::{EventType, ParticipantId, Says, SealedId, Statement};
use vacate::domain::policy::Policy;
use vacate::domain::summary::{State, fold};
use vacate::domain::time::{Moment, Stated};
use vacate::domain::verdict::{
    Advice, Answer, Coverage, Facts, NotCovered, OpenDispute, Promise, Reason, Scope, judge,
};

const VECTORS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/semantics.jsonl"));

#[derive(Deserialize)]
struct Vector {
    name: String,
    events: Vec<Event>,
    verified_at: String,
    now: Moment,
    coverage: Sources,
    #[serde(default)]
    relax: bool,
    dispute: Option<Dispute>,
    #[serde(default)]
    policy: Exceptions,
    expect: Expected,
}

#[derive(Deserialize)]
struct Event {
    carrier: String,
    id: String,
    #[serde(rename = "type")]
    event_type: EventType,
    effective_at: Option<String>,
    names: Option<String>,
}

#[derive(Deserialize)]
struct Sources {
    scope: Option<Since>,
    #[serde(default)]
    carriers: BTreeMap<String, Moment>,
}

#[derive(Deserialize)]
struct Since {
    since: Moment,
    through: Moment,
}

#[derive(Deserialize)]
struct Dispute {
    t: Moment,
    lapses_at: Moment,
}

#[derive(Default, Deserialize)]
struct Exceptions {
    #[serde(default)]
    own_only: Vec<String>,
}

#[derive(Deserialize)]
struct Expected {
    answer: Answer,
    advice: Advice,
    reason: Reason,
    state: String,
    demand: Option<String>,
}

#[test]
fn every_vector_is_answered_as_expected() {
    let vectors: Vec<Vector> =
        VECTORS.lines().map(|line| serde_json::from_str(line).expect("a vector")).collect();
    assert_eq!(vectors.len(), 90);
    let wrong: Vec<String> = vectors.iter().filter_map(difference).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn difference(vector: &Vector) -> Option<String> {
    let own_only = vector.policy.own_only.iter().map(|name| carrier(name)).collect();
    let policy = Policy { own_only, ..Policy::default() };
    let statements: Vec<Statement> = vector.events.iter().map(statement).collect();
    let summary = fold(&statements, &policy);
    let holder = summary.holder.and_then(|holder| {
        let mut carriers = vector.coverage.carriers.iter();
        let (_, through) = carriers.find(|(name, _)| carrier(name) == holder)?;
        Some(Promise { holds_since: Moment::ZERO, through: *through })
    });
    let scope = vector.coverage.scope.as_ref();
    let facts = Facts {
        summary: &summary,
        coverage: Coverage {
            scope: scope.map(|it| Scope { since: it.since, through: it.through }),
            holder,
            retained_since: None,
        },
        dispute: vector.dispute.as_ref().map(|it| OpenDispute {
            held_from: it.t,
            lapses_at: it.lapses_at,
            answer_by: Some(it.lapses_at),
        }),
        policy: &policy,
        now: vector.now,
    };
    let verified = policy.span(stated(&vector.verified_at));
    let not_covered = if vector.relax { NotCovered::Allow } else { NotCovered::StepUp };

    let verdict = judge(&facts, verified, not_covered);
    let expect = &vector.expect;
    let demanded = demand(&facts, verified).0.text();
    let right = (verdict.answer, verdict.advice, verdict.reason)
        == (expect.answer, expect.advice, expect.reason)
        && text(summary.state(vector.now)) == expect.state
        && expect.demand.as_ref().is_none_or(|demand| demanded == demand);
    (!right).then(|| format!("{}: {verdict:?} {demanded} {summary:?}", vector.name))
}

fn statement(event: &Event) -> Statement {
    let stated = event.effective_at.as_deref().map(stated);
    let says = Says::from_parts(event.event_type, stated, event.names.as_deref().map(sealed));
    let says = says.expect("a time or the name of an event");
    Statement { carrier: carrier(&event.carrier), id: sealed(&event.id), says }
}

fn stated(text: &str) -> Stated {
    match text.parse() {
        Ok(day) => Stated::On(day),
        Err(_) => Stated::At(text.parse().expect("a day or an instant")),
    }
}

fn sealed(id: &str) -> SealedId {
    SealedId(id.as_bytes().to_vec())
}

fn carrier(name: &str) -> ParticipantId {
    ParticipantId(i32::from(name.as_bytes()[0]))
}

fn text(state: State) -> &'static str {
    match state {
        State::Unknown => "unknown",
        State::Aging => "aging",
        State::Reissuable => "reissuable",
        State::InService => "in_service",
    }
}
