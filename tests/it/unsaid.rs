//! What stands for a number, a person or a secret is never said by `Debug`, wherever it is held.

use std::fmt::Debug;

use serde_json::{from_value, json};
use vacate::config::Flag;
use vacate::domain::attempt::Outcome as Tried;
use vacate::domain::enrolment::KeyWish;
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::participant::Name;
use vacate::registry::{
    Acknowledgement, DutyFilter, EndpointChange, Item, Put, Question, Removal, Report,
    ShownDeliveries, Wanted,
};

use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::Node;
use crate::support::sources;

/// What speaks with people or lives with those whom the texts belong to.
const OUTSIDE: [&str; 3] = ["src/cli", "src/client/", "src/demo"];

/// Types that derive `Debug` and hold text or bytes, and why these may be said. A type that isn't here
/// holds types that keep their own secrets, or is `unsaid!`.
const SAID: &[(&str, &str)] = &[
    ("Code", "stable words"),
    ("Server", "the registry's own address"),
    ("Error", "the name of a setting, a schema's step; never a value"),
    ("StartError", "paths"),
    ("Database", "names of schema steps"),
    ("KeyFileError", "paths"),
    ("Halves", "the evaluator's address"),
    ("Rejection", "never holds what was refused"),
    ("ItemError", "never holds what was refused"),
    ("Origin", "the registry's own address, and what the log says anyway"),
    ("Route", "a pattern"),
    ("List", "a sealed cursor; the items keep their own secrets"),
    ("Enrolment", "the admin's words, which hold no phone number"),
    ("KeyWish", "an admin's or a participant's word, which holds no phone number"),
    ("Name", "a slug"),
    ("Participant", "the admin's words, which hold no phone number"),
    ("Caller", "a public id"),
    ("KnownKey", "a public id"),
    ("ApiKey", "a public id and a hash of 192 random bits"),
    ("Contents", "names of organisations"),
    ("Spent", "names of organisations"),
    ("Node", "the registry's own name"),
    ("Attention", "names of participants"),
    ("AppStanding", "names of participants"),
    ("CarrierStanding", "names of participants"),
    ("Declared", "a policy"),
    ("MoveView", "who wrote"),
    ("Delivery", "public ids"),
    ("Attempt", "sealed"),
    ("SealedId", "sealed"),
    ("Guard", "random"),
    ("Generation", "a fingerprint"),
    ("PublicEpoch", "a public key"),
    ("Blinded", "says nothing about what was blinded"),
    ("Proof", "public"),
    ("Headers", "what a receiver was sent beside the message"),
];

#[test]
fn whatever_holds_text_and_says_it_is_named_here() {
    let mut found = Vec::new();
    for source in sources::all("src") {
        if OUTSIDE.iter().any(|folder| source.path.starts_with(folder)) {
            continue;
        }
        for item in source.code().split("#[derive(").skip(1) {
            let Some((derived, item)) = item.split_once(")]") else { continue };
            let Some((name, body)) = held(item).filter(|_| derived.contains("Debug")) else {
                continue;
            };
            let mut words = sources::words(&body);
            if words.any(|word| matches!(word, "String" | "str" | "u8" | "Cow" | "Value")) {
                found.push(name);
            }
        }
    }
    for name in &found {
        assert!(SAID.iter().any(|(said, _)| said == name), "{name} says what it holds");
    }
    for (said, why) in SAID {
        assert!(found.iter().any(|name| name == said), "there is no {said} any more: {why}");
    }
}

/// The name of the type that some code begins with, and what it holds.
fn held(item: &str) -> Option<(String, String)> {
    let begins = [item.find("struct "), item.find("enum ")].into_iter().flatten().min()?;
    let (_, item) = item[begins..].split_once(' ').filter(|(_, item)| !item.starts_with('$'))?;
    let (line, _) = item.split_once('\n')?;
    let body = if line.contains('{') { item.split("\n}").next()? } else { line };
    let name = sources::words(line).next()?.to_owned();
    Some((name, body.to_owned()))
}

const ACCOUNT: &str = "account-31415";
const EVENT: &str = "event-27182";
const NUMBER: &str = "+491701234567";
const VERIFIED: &str = "2025-06-01T12:00:00Z";
const URL: &str = "https://hooks.example.com/secret-16180";
const PASSWORD: &str = "password-14142";
const ANSWER: &str = "answer-17320";

on_both_databases! {
    fn nothing_that_is_handed_on_says_what_it_holds(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        let (registry, number) = (&node.registry, node.digest(NUMBER));
        let owner = registry.participant_named(&node.admin, &Name::parse("skyfare").unwrap());
        let placed = node.bind(&app, ACCOUNT, NUMBER, VERIFIED);
        node.publish(&carrier, (EVENT, Disconnected), NUMBER, "2026-11-23T09:00:00Z");
        let issued = registry.issue_key(&owner.unwrap(), &KeyWish::new("test")).unwrap();
        let wanted = Wanted { url: URL.to_owned(), types: None };
        let subscribed = registry.subscribe(&app, &wanted).unwrap();
        let text = number.text();
        let hidden = [
            ACCOUNT, EVENT, URL, PASSWORD, ANSWER, &text[12..], &placed.handle, &issued.text,
        ];
        let put: Put = from_value(json!(
            {"account_ref": ACCOUNT, "number": text, "verified_at": VERIFIED}
        )).unwrap();
        let report: Report = from_value(json!(
            {"id": EVENT, "type": "disconnected", "number": text, "effective_at": VERIFIED}
        )).unwrap();
        let question: Question = from_value(json!({"number": placed.handle})).unwrap();
        let did: Acknowledgement =
            from_value(json!({"account_ref": ACCOUNT, "did": "frozen"})).unwrap();
        let removal: Removal = from_value(json!({"account_ref": ACCOUNT})).unwrap();
        let change = EndpointChange { url: Some(URL.to_owned()), ..EndpointChange::default() };
        let shown = ShownDeliveries { endpoint: Some(URL.to_owned()), ..Default::default() };
        let flag = Flag { name: "--database", setting: "database.url", value: PASSWORD.into() };
        let answer = ANSWER.to_owned();
        let tried = Tried::Answered { status: 200, answer, retry_after: None };
        let handed: [&dyn Debug; 18] = [
            &placed, &issued, &subscribed, &wanted, &put, &report, &question, &did, &removal,
            &change, &shown, &flag, &tried, &number, &carrier,
            &Item { key: Some(ACCOUNT.to_owned()), value: Ok(removal.clone()) },
            &registry.binding(&app, &put.account_ref).unwrap(),
            &registry.duties(&app, DutyFilter::Open, None, 10).unwrap(),
        ];
        for one in handed {
            let said = format!("{one:?}");
            let found = hidden.iter().find(|hidden| said.contains(**hidden));
            assert_eq!(found, None, "{said}");
        }
    }
}
