//! A phone number in a wrong place leaves no trace: not in the answer, not in the log, not in the
//! database.

use hyper::Request;
use serde_json::{Value, json};

use super::{refusal, send};
use crate::support::databases::Kind;
use crate::support::ear;
use crate::support::world::{World, run};

/// The digits of +491512345987, which no other test uses, as people write them.
const TRACES: [&str; 5] = ["491512345987", "1512345987", "1512 345987", "1512-345987", "512345987"];

#[test]
fn a_number_in_a_wrong_place_is_neither_logged_nor_kept() {
    run(async {
        let world = World::start(Kind::Sqlite).await;
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let digest = app.digest("+491701234567").await.text();

        for call in [
            "GET /v1/numbers/491512345987",
            "GET /491512345987",
            "GET /v1/endpoints/491512345987",
            "GET /v1/deliveries/+491512345987",
            "GET /v1/bindings?number=491512345987",
            "GET /v1/bindings?491512345987=1",
            "GET /v1/bindings?account_ref=%2B491512345987",
            "GET /v1/bindings?after=491512345987",
            "GET /v1/directory?calling_code=491512345987",
            "GET /errors/491512345987",
        ] {
            no_trace(&send(&app.client, call, "").await, call);
        }
        for header in ["x-correlator", "x-phone", "content-type", "authorization", "accept"] {
            for value in ["491512345987", "+49-1512-345987", "49.1512.345987", "tel:1512345987"] {
                let request = Request::post("/v1/check").header(header, value);
                let request = request.body("{}".to_owned()).unwrap();
                no_trace(&app.client.raw(request).await.unwrap(), header);
            }
        }
        for body in [
            json!({"491512345987": 1}),
            json!({"number": "491512345987"}),
            json!({"number": "+49 1512 345987"}),
            json!({"number": 491_512_345_987_u64}),
            json!({"number": digest, "verified_at": "491512345987"}),
            json!({"number": {"491512345987": [1]}}),
            json!({"number": digest, "verified_at": "2025-01-01T00:00:00Z", "at_least": "491512345987"}),
        ] {
            no_trace(&send(&app.client, "POST /v1/check", &body.to_string()).await, "a check");
        }
        no_trace(&send(&app.client, "POST /v1/check", "491512345987").await, "a bare number");
        keys_of_one_s_own(&carrier.client, &app.client, &digest).await;
        let kept = world.database.sqlite_bytes();
        assert!(kept.len() > 10_000 && contains(&kept, b"northtel"), "the files are read");
        for trace in TRACES {
            assert!(!contains(&kept, trace.as_bytes()), "{trace} is in the database");
        }
    });
    let heard = ear::heard();
    assert!(heard.iter().any(|line| line.contains("/v1/check")), "the log is heard");
    for line in heard {
        let found = TRACES.into_iter().find(|trace| line.contains(trace));
        assert_eq!(found, None, "{line}");
    }
}

#[test]
fn no_text_that_is_kept_as_it_is_takes_a_number() {
    run(async {
        let world = World::start(Kind::Sqlite).await;
        let app = world.app("skyfare").await;
        let put = |member: &str, number: &str| {
            let mut put = json!({"kind": "app", "display_name": "A", "accounts_declared": 1});
            put[member] = number.into();
            ("PUT /v1/participants/other".to_owned(), put)
        };
        for number in ["+49 1512 345987", "(01512) 34.59.87", "1512345", "Bob 015-12-345987"] {
            let url = "https://example.com/".to_owned() + &number.replace(' ', "");
            for ((call, body), field) in [
                (put("display_name", number), "/display_name"),
                (put("organisation", number), "/organisation"),
                (put("support_url", &url), "/support_url"),
            ] {
                let answer = send(&world.admin, &call, &body.to_string()).await;
                assert_eq!(refusal(&answer), format!("422 value_not_allowed {field}"), "{number}");
            }
            let label = json!({"label": number}).to_string();
            let answer = send(&app.client, "POST /v1/participants/me/keys", &label).await;
            assert_eq!(refusal(&answer), "422 value_not_allowed /label", "{number}");
            let why = json!({"state": "suspended", "why": number}).to_string();
            let answer = send(&world.admin, "PATCH /v1/participants/skyfare", &why).await;
            assert_eq!(refusal(&answer), "422 value_not_allowed /why", "{number}");
        }
        let named = put("display_name", "A").1.to_string();
        let answer = send(&world.admin, "PUT /v1/participants/a491512345987", &named).await;
        assert_eq!(refusal(&answer), "422 value_not_allowed name");
        let mut many = put("display_name", "A").1;
        many["accounts_declared"] = 491_512_345_987_u64.into();
        let answer = send(&world.admin, "PUT /v1/participants/other", &many.to_string()).await;
        assert_eq!(refusal(&answer), "422 value_not_allowed /accounts_declared");
        for dated in ["contract ended 2026-11-23", "Studio 54, 12 34", "room 123456"] {
            let why = json!({"state": "suspended", "why": dated}).to_string();
            let answer = send(&world.admin, "PATCH /v1/participants/skyfare", &why).await;
            assert_eq!(answer.status, 200, "{dated}");
        }
    });
}

#[test]
fn an_account_ref_that_is_the_number_itself_does_not_come_back() {
    run(async {
        let world = World::start(Kind::Sqlite).await;
        let app = world.app("skyfare").await;
        let digest = app.digest("+491512345987").await.text();
        let put = json!({"items": [
            {"account_ref": "01512345987", "number": digest, "verified_at": "2025-01-01T00:00:00Z"},
        ]});
        let answer = send(&app.client, "POST /v1/bindings", &put.to_string()).await;
        assert_eq!(refusal(&answer), "207 account_ref_personal /items/0/account_ref");
        no_trace(&answer, "the number as an account_ref");
    });
}

/// An event id and an account_ref are the sender's own, and may be a number of somebody: they come
/// back to whom they belong, and are sealed wherever they are kept.
async fn keys_of_one_s_own(
    carrier: &vacate::client::Client,
    app: &vacate::client::Client,
    digest: &str,
) {
    let event = json!({"items": [
        {"id": "491512345987", "type": "disconnected", "number": digest, "effective_on": "2026-11-01"},
        {"id": "49/1512-345987", "type": "retracted", "number": digest, "undoes": "491512345987"},
    ]});
    let answer: Value =
        send(carrier, "POST /v1/events", &event.to_string()).await.json().expect("published");
    assert_eq!(answer["summary"]["accepted"], 2, "{answer}");
    let put = json!({"items": [
        {"account_ref": "491512345987", "number": digest, "verified_at": "2025-01-01T00:00:00Z"},
    ]});
    let answer: Value =
        send(app, "POST /v1/bindings", &put.to_string()).await.json().expect("bound");
    assert_eq!(answer["items"][0]["account_ref"], "491512345987", "{answer}");
    let answer = send(app, "GET /v1/bindings?account_ref=491512345987", "").await;
    assert_eq!(answer.json::<Value>().expect("a list")["items"][0]["demand"], "none");
}

fn no_trace(answer: &vacate::client::Answer, what: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    let headers = format!("{:?}", answer.headers);
    for trace in TRACES {
        assert!(!body.contains(trace), "{what}: {body}");
        assert!(!headers.contains(trace), "{what}: {headers}");
    }
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}
