//! The document and the program say the same, and the harness that holds every exchange of every test
//! against the document does catch what isn't in it.

use std::collections::{BTreeSet, HashMap};

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vacate::api;
use vacate::client::Client;
use vacate::client::keys::{KeyWish, Whose};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::rejection::Code;

use crate::support::cast::PATIENCE;
use crate::support::document::{self, Exchange, document};
use crate::support::sources::root;
use crate::support::witness::Witness;
use crate::support::world::{World, in_a_world_on_both_databases, run};

#[test]
fn the_document_names_the_routes_and_what_their_keys_need() {
    let served: BTreeSet<String> = api::routes()
        .0
        .iter()
        .map(|route| format!("{} {} {}", route.method, route.path, route.access.text()))
        .collect();
    let mut documented = BTreeSet::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(permission) = operation["x-permission"].as_str() else { continue };
            documented.insert(format!("{} {path} {permission}", method.to_uppercase()));
        }
    }
    assert_eq!(documented, served);
}

#[test]
fn the_document_names_the_error_codes() {
    let documented: Vec<&str> = texts(&document()["components"]["schemas"]["ErrorCode"]["enum"]);
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    let (documented, codes) = (BTreeSet::from_iter(documented), BTreeSet::from_iter(codes));
    assert_eq!(documented, codes);
}

#[test]
fn every_error_code_has_a_section() {
    let text = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let sections: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for code in Code::ALL {
        assert!(sections.contains(code.text()), "{} has no section", code.text());
    }
}

#[test]
fn every_answer_that_a_status_has_may_have_its_code() {
    for code in Code::ALL {
        let status = vacate::http::problem::meaning(*code).status;
        let responses = document()["components"]["responses"].as_object().unwrap();
        let found = responses.values().any(|response| {
            let members = &response["content"]["application/problem+json"]["schema"]["properties"];
            members["status"]["const"] == status
                && texts(&members["code"]["enum"]).contains(&code.text())
        });
        // Those that only an item can have stand in no answer of their own.
        assert!(found || is_an_item_s(*code), "{} isn't in any answer", code.text());
    }
}

in_a_world_on_both_databases! {
    async fn the_document_is_served(world: World) {
        let request = hyper::Request::get("/openapi.json").body(String::new()).unwrap();
        let answer = world.stranger().raw(request).await.unwrap();
        let served: Value = answer.json().unwrap();
        assert_eq!(&served, document());
    }

    async fn a_planted_member_is_caught(world: World) {
        let app = world.app("skyfare").await;
        let bound = app.binds("u-1", "+491701234567", "2025-06-01T12:00:00Z").await;
        app.checks(bound.handle).await;
        let honest: Vec<Exchange> = world.witness.seen();
        assert!(honest.len() > 4, "the witness saw {}", honest.len());
        for exchange in honest.iter().filter(|exchange| !exchange.answer.is_empty()) {
            assert_eq!(document::judge(exchange), Ok(()));
            let mut answer: Value = serde_json::from_slice(&exchange.answer).unwrap();
            answer["planted"] = json!(1);
            let lie = Exchange { answer: answer.to_string().into_bytes(), ..exchange.clone() };
            assert!(document::judge(&lie).is_err(), "{lie:?}");
            let lie = Exchange { status: 202, ..exchange.clone() };
            assert!(document::judge(&lie).is_err(), "{lie:?}");
        }
        for exchange in honest.iter().filter(|exchange| exchange.method != "GET") {
            let mut request: Value = serde_json::from_slice(&exchange.request).unwrap();
            request["planted"] = json!(1);
            let lie = Exchange { request: request.to_string().into_bytes(), ..exchange.clone() };
            assert!(document::judge(&lie).is_err(), "{lie:?}");
        }
    }
}

#[test]
fn a_server_that_says_more_than_is_documented_is_caught_by_the_witness() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let witness = Witness::before(listener.local_addr().unwrap()).await;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = [0; 4096];
            assert!(stream.read(&mut read).await.unwrap() > 0);
            let body = r#"{"ready": true, "planted": 1}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-correlator: c-1\r\n\
                        cache-control: no-store\r\nconnection: close\r\ncontent-length: 29\r\n\r\n";
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        });
        let client = Client::new(&witness.url).unwrap().with_timeout(PATIENCE);
        let request = hyper::Request::builder().method(Method::GET).uri("/readyz");
        client.raw(request.body(String::new()).unwrap()).await.unwrap();
        server.await.unwrap();
        let objections = witness.objections();
        assert_eq!(objections.len(), 1, "{objections:?}");
        assert!(objections[0].contains("planted"), "{objections:?}");
    });
}

in_a_world_on_both_databases! {
    async fn every_example_is_as_long_as_what_the_registry_makes(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let number = "+491701234567";
        app.binds("u-1", number, "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, number, "2026-11-23T09:00:00Z").await;
        app.hears().await;
        app.client.issue_key(Whose::Mine, &KeyWish::new("test")).await.unwrap();
        app.client.deliveries(Default::default()).all().await.unwrap();
        app.client.bindings().page(Some(1), None).await.unwrap();
        let refused = app.client.endpoint("ep_none").await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));

        const PREFIXES: [&str; 12] = [
            "p1.", "c1.", "c_", "key_01", "ep_", "dlv_", "msg_", "whsec_", "vk1_app_", "vh1.49.",
            "vd1.49.", "vt1.49.",
        ];
        let made = |text: &str| PREFIXES.into_iter().find(|prefix| text.starts_with(prefix));
        let mut lengths = HashMap::new();
        for exchange in world.witness.seen() {
            for body in [exchange.request, exchange.answer] {
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                for text in all_texts(&body) {
                    lengths.extend(made(text).map(|prefix| (prefix, text.len())));
                }
            }
        }
        let digest = lengths["vd1.49."];
        lengths.insert("vt1.49.", digest - 64 + 43);
        assert_eq!(lengths.len(), PREFIXES.len(), "{lengths:?}");
        let mut examples = Vec::new();
        collect_examples(document(), &mut examples);
        let of_the_registry = examples.iter().filter_map(|text| Some((made(text)?, text)));
        let wrong: Vec<_> =
            of_the_registry.filter(|(prefix, text)| lengths[prefix] != text.len()).collect();
        assert!(wrong.is_empty(), "{lengths:?}: {wrong:#?}");
        assert!(examples.iter().all(|text| !text.starts_with("c-")), "an old correlator");
    }
}

/// All texts that stand in examples.
fn collect_examples(value: &'static Value, found: &mut Vec<&'static str>) {
    if let Value::Object(members) = value {
        for (name, value) in members {
            if matches!(name.as_str(), "example" | "examples") {
                found.extend(all_texts(value));
            }
        }
    }
    let inside: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    inside.for_each(|value| collect_examples(value, found));
}

fn all_texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(all_texts).collect(),
        Value::Object(members) => members.values().flat_map(all_texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn texts(list: &'static Value) -> Vec<&'static str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_an_item_s(code: Code) -> bool {
    let at_items = [
        Code::AlreadyDetached,
        Code::StillDemanded,
        Code::StillChanged,
        Code::ProofMissing,
        Code::RevisionOld,
        Code::HolderIsOrganisation,
        Code::BindingsTooMany,
        Code::BindingNewer,
        Code::EventIdReused,
    ];
    at_items.contains(&code)
}
