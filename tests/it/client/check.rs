//! Rule 1: let in if, and only if, the status is 200 and `advice` is the string `allow`.

use std::time::{Duration, Instant};

use serde_json::json;
use vacate::client::check::{Checked, Question};
use vacate::client::{Client, Error};
use vacate::domain::number::NumberText;
use vacate::domain::verdict::{Advice, Answer};

use super::registry::{FakeRegistry, response};

const HANDLE: &str = "vh1.49.80e27820.NyiGPUbRH43Csiy9i6K11DH-by91ahREIWMjNq-nstoR7OwS";
const TOKEN: &str = "vt1.49.c7490aa4.TMCyiikSO3FEWYi4qLR3ugIDbkaxkleqawUO7nH5ZCU";

fn handle() -> NumberText {
    HANDLE.parse().unwrap()
}

async fn checked(status: u16, body: &str) -> Checked<Error> {
    FakeRegistry::answering(status, body).await.client().check(handle(), None).await
}

#[tokio::test]
async fn only_a_200_that_says_allow_lets_in() {
    let told =
        r#""answer":"unchanged","reason":"no_change","covered_since":null,"position":"p1.x""#;
    let allow = format!(r#"{{"advice":"allow",{told}}}"#);
    let cases: &[(u16, &str, Advice)] = &[
        (200, &allow, Advice::Allow),
        (200, r#"{"advice":"allow"}"#, Advice::Allow),
        (200, r#"{"advice":"allow","handle":null,"new_member":[{"a":1}]}"#, Advice::Allow),
        (200, r#"{"advice":"freeze"}"#, Advice::Freeze),
        (200, r#"{"advice":"step_up"}"#, Advice::StepUp),
        (200, &format!("{{{told}}}"), Advice::StepUp),
        (200, r#"{"advice":"ALLOW"}"#, Advice::StepUp),
        (200, r#"{"advice":" allow"}"#, Advice::StepUp),
        (200, r#"{"Advice":"allow"}"#, Advice::StepUp),
        (200, r#"{"advice":["allow"]}"#, Advice::StepUp),
        (200, r#"{"advice":{"allow":null}}"#, Advice::StepUp),
        (200, r#"{"advice":true}"#, Advice::StepUp),
        (200, r#"{"advice":null}"#, Advice::StepUp),
        (200, r#"{"advice":"step_up","advice":"allow"}"#, Advice::StepUp),
        (200, r#"[{"advice":"allow"}]"#, Advice::StepUp),
        (200, r#""allow""#, Advice::StepUp),
        (200, &format!("{allow} {allow}"), Advice::StepUp),
        (200, "", Advice::StepUp),
        (200, "<p>allow", Advice::StepUp),
        (201, &allow, Advice::StepUp),
        (204, "", Advice::StepUp),
        (207, &allow, Advice::StepUp),
        (302, &allow, Advice::StepUp),
        (404, &allow, Advice::StepUp),
        (500, &allow, Advice::StepUp),
        (500, r#"{"advice":"freeze"}"#, Advice::StepUp),
        (503, &allow, Advice::StepUp),
    ];
    for (status, body, advice) in cases {
        let checked = checked(*status, body).await;
        assert_eq!(checked.advice, *advice, "{status} {body}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let registry = FakeRegistry::start(|_| {
        let mut away = response(307, r#"{"advice":"allow"}"#);
        away.headers_mut().insert("location", "/v1/elsewhere".parse().unwrap());
        away
    })
    .await;
    let checked = registry.client().check(handle(), None).await;
    assert_eq!(checked.advice, Advice::StepUp);
    assert!(matches!(checked.told, Err(Error::NotOurs { status: 307, .. })), "{checked:?}");
    assert_eq!(registry.asked().len(), 1);
}

#[tokio::test]
async fn what_a_check_tells_is_read() {
    let body = r#"{"advice": "freeze", "answer": "changed", "reason": "disconnected",
        "covered_since": "2026-01-01T00:00:00Z", "position": "p1.AAAAAAAARyOKsaa46AAyfA"}"#;
    let checked = checked(200, body).await;
    assert_eq!(checked.advice, Advice::Freeze);
    let told = checked.told.unwrap();
    assert_eq!(told.answer, Answer::Changed);
    assert_eq!(told.reason.as_deref(), Some("disconnected"));
    assert_eq!(told.covered_since, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(told.position.as_deref(), Some("p1.AAAAAAAARyOKsaa46AAyfA"));
    assert_eq!(told.handle, None);
}

#[tokio::test]
async fn an_answer_of_later_times_is_read_on_the_safe_side() {
    let body = json!({"advice": "quarantine", "answer": "half", "reason": "eclipse",
        "handle": HANDLE});
    let checked = checked(200, &body.to_string()).await;
    assert_eq!(checked.advice, Advice::StepUp);
    let told = checked.told.unwrap();
    assert_eq!(told.answer, Answer::CannotTell);
    assert_eq!(told.reason.as_deref(), Some("eclipse"));
    assert_eq!(told.handle, Some(handle()));
}

#[tokio::test]
async fn a_refused_check_tells_why() {
    let body = r#"{"advice": "step_up", "title": "Not available", "code": "unavailable"}"#;
    let checked = checked(503, body).await;
    assert_eq!(checked.advice, Advice::StepUp);
    assert_eq!(checked.told.unwrap_err().code(), Some("unavailable"));
}

#[tokio::test]
async fn a_check_by_handle_is_the_whole_question() {
    let registry = FakeRegistry::answering(200, r#"{"advice":"allow"}"#).await;
    let client = registry.client();
    client.check(handle(), None).await;
    assert_eq!(registry.last(), ("POST /v1/check".to_owned(), json!({"number": HANDLE})));

    let question = Question {
        number: TOKEN.parse().unwrap(),
        verified_at: Some("2026-02-14T21:20:00Z".parse().unwrap()),
    };
    client.check(question, Some("p1.AAAAAAAARyOKsaa46AAyfA")).await;
    let body = json!({"number": TOKEN, "verified_at": "2026-02-14T21:20:00Z",
        "at_least": "p1.AAAAAAAARyOKsaa46AAyfA"});
    assert_eq!(registry.last().1, body);
}

#[tokio::test]
async fn a_check_steps_up_when_the_answer_takes_too_long() {
    // Accepts connections, by the backlog alone, and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    let checked = Client::new(&url).unwrap().check(handle(), None).await;
    assert_eq!(checked, Checked { advice: Advice::StepUp, told: Err(Error::TooSlow) });
    let took = begun.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(3)).contains(&took), "{took:?}");

    let hasty = Client::new(&url).unwrap().with_timeout(Duration::from_millis(50));
    let begun = Instant::now();
    assert_eq!(hasty.check(handle(), None).await.told, Err(Error::TooSlow));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_check_steps_up_when_nobody_is_there() {
    let checked = Client::new("http://127.0.0.1:1").unwrap().check(handle(), None).await;
    assert_eq!(checked.advice, Advice::StepUp);
    assert!(matches!(checked.told, Err(Error::Unreachable(_))), "{checked:?}");
}

#[tokio::test]
async fn many_checks_keep_the_rule_for_each() {
    let items = json!([
        {"advice": "freeze", "answer": "changed", "reason": "disconnected", "covered_since": null},
        {"advice": "allow", "answer": "unchanged", "reason": "no_change", "covered_since": null},
        {"advice": "Allow", "answer": "unchanged"},
        {"answer": "unchanged"},
        {"advice": "step_up", "error": {"title": "A plain phone number was sent",
            "code": "number_plain", "detail": "x", "field": "/items/4/number", "remedy": "y"}},
        {"advice": "allow", "error": {"title": "Contradiction", "code": "internal"}},
    ]);
    let body = json!({"position": "p1.x", "summary": {"allow": 2}, "items": items}).to_string();
    let questions = [Question::from(handle()); 6];
    for status in [200, 207] {
        let registry = FakeRegistry::answering(status, &body).await;
        let checks = registry.client().checks(&questions, None).await.unwrap();
        let advice: Vec<Advice> = checks.items.iter().map(|item| item.advice).collect();
        use Advice::{Allow, Freeze, StepUp};
        assert_eq!(advice, [Freeze, Allow, StepUp, StepUp, StepUp, StepUp]);
        let problem = checks.items[4].told.as_ref().unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.field.as_deref()),
            ("number_plain", Some("/items/4/number"))
        );
    }
    for status in [201, 302, 404, 500] {
        let registry = FakeRegistry::answering(status, &body).await;
        assert!(registry.client().checks(&questions, None).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn answers_that_lack_an_item_are_not_matched_to_the_wrong_question() {
    let body = r#"{"position": "p1.x", "items": [{"advice": "allow"}]}"#;
    let registry = FakeRegistry::answering(200, body).await;
    let questions = [Question::from(handle()); 2];
    let error = registry.client().checks(&questions, Some("p1.y")).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    let sent = json!({"at_least": "p1.y", "items": [{"number": HANDLE}, {"number": HANDLE}]});
    assert_eq!(registry.last(), ("POST /v1/checks".to_owned(), sent));
}
