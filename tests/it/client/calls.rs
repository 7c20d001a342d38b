//! The calls of carriers and apps: requests to the letter of the contract, its answers understood.

use serde_json::json;
use vacate::client::Item;
use vacate::client::app::{Acknowledgement, Duties, ToBind};
use vacate::client::carrier::{Clearance, Coverage, Event, HoldsSince};
use vacate::domain::binding::{Change, Did, Holder, Proof};
use vacate::domain::clearance::Band;
use vacate::domain::duty::{Demand, Response};
use vacate::domain::event::EventType;
use vacate::domain::number::NumberText;
use vacate::domain::time::{Moment, Stated};

use super::registry::{FakeRegistry, response};

const DIGEST: &str =
    "vd1.49.d07c4d5f.12b46ca4383d3924aa9b15f8e37a9322af3111589f8a57771660de5bd99b2996";
const HANDLE: &str = "vh1.49.80e27820.NyiGPUbRH43Csiy9i6K11DH-by91ahREIWMjNq-nstoR7OwS";

fn digest() -> NumberText {
    DIGEST.parse().unwrap()
}

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

#[tokio::test]
async fn events_are_published_and_their_outcomes_read() {
    let answer = json!({"position": "p1.AAAAAAAARyOKsaa46AAyfA", "through": "2026-11-22T23:00:00Z",
        "summary": {"accepted": 2, "duplicate": 1, "rejected": 1}, "items": [
        {"id": "2026-11-23/000001", "outcome": "accepted", "notes": []},
        {"id": "2026-11-23/000002", "outcome": "accepted", "notes": ["uncorroborated", "eclipsed"]},
        {"id": "2026-11-23/000005", "outcome": "duplicate"},
        {"id": null, "outcome": "rejected", "error": {"title": "Missing", "code": "field_missing",
            "detail": "d", "field": "/items/3/id", "remedy": "r"}}]});
    let registry = FakeRegistry::answering(207, &answer.to_string()).await;
    let day = Stated::On("2026-11-22".parse().unwrap());
    let events = [
        Event::new(
            "2026-11-23/000001",
            EventType::Disconnected,
            digest(),
            Stated::At(at("2026-11-23T09:00:00Z")),
        ),
        Event::new("2026-11-23/000002", EventType::Reassigned, digest(), day),
        Event::undoing("2026-11-23/000005", EventType::Reinstated, digest(), "2026-11-19/000214"),
        Event::new("", EventType::Held, digest(), day),
    ];
    let through = Some(at("2026-11-23T09:15:00Z"));
    let published = registry.client().publish(&events, through).await.unwrap();

    let sent = json!({"through": "2026-11-23T09:15:00Z", "items": [
        {"id": "2026-11-23/000001", "type": "disconnected", "number": DIGEST, "effective_at": "2026-11-23T09:00:00Z"},
        {"id": "2026-11-23/000002", "type": "reassigned", "number": DIGEST, "effective_on": "2026-11-22"},
        {"id": "2026-11-23/000005", "type": "reinstated", "number": DIGEST, "undoes": "2026-11-19/000214"},
        {"id": "", "type": "held", "number": DIGEST, "effective_on": "2026-11-22"}]});
    assert_eq!(registry.last(), ("POST /v1/events".to_owned(), sent));
    assert_eq!(published.through, Some(at("2026-11-22T23:00:00Z")));
    assert_eq!(published.summary.accepted, 2);
    let noted = published.items[1].told().unwrap();
    assert_eq!(noted.notes, ["uncorroborated", "eclipsed"]);
    assert!(matches!(&published.items[2], Item::Duplicate(noted) if noted.notes.is_empty()));
    assert_eq!(published.items[3].told().unwrap_err().code, "field_missing");

    registry.client().publish(&events, None).await.unwrap();
    assert!(registry.last().1.get("through").is_none());
}

#[tokio::test]
async fn coverage_tells_no_promise_from_nothing_said() {
    let answer =
        r#"{"calling_code": "49", "through": "2026-11-23T09:15:00Z", "holds_since": null}"#;
    let registry = FakeRegistry::answering(200, answer).await;
    let through = at("2026-11-23T09:15:00Z");
    let calling_code = "49".parse().unwrap();
    let cases = [
        (HoldsSince::AsBefore, json!({"calling_code": "49", "through": through})),
        (
            HoldsSince::NoPromise,
            json!({"calling_code": "49", "through": through, "holds_since": null}),
        ),
        (
            HoldsSince::Since(through),
            json!({"calling_code": "49", "through": through, "holds_since": through}),
        ),
    ];
    for (holds_since, sent) in cases {
        let coverage = Coverage { calling_code, through, holds_since };
        let covered = registry.client().cover(&coverage).await.unwrap();
        assert_eq!((covered.through, covered.holds_since), (Some(through), None));
        assert_eq!(registry.last(), ("PUT /v1/coverage".to_owned(), sent));
    }
}

#[tokio::test]
async fn only_clear_is_clear() {
    let answer = json!({"position": "p1.x", "items": [
        {"clearance": "outstanding", "band": "1-4", "not_before": "2027-02-26T09:00:00Z"},
        {"clearance": "clear"}, {"clearance": "too_early"}, {"clearance": "not_vacant"},
        {"clearance": "nearly_clear", "band": "1000+"},
        {"error": {"title": "t", "code": "calling_code_not_granted"}}]});
    let registry = FakeRegistry::answering(207, &answer.to_string()).await;
    let cleared = registry.client().clearance(&[digest(); 6], Some("p1.w")).await.unwrap();
    use Clearance::{Clear, NotVacant, Outstanding, TooEarly};
    let all: Vec<Clearance> = cleared.items.iter().map(|item| item.clearance).collect();
    assert_eq!(all, [Outstanding, Clear, TooEarly, NotVacant, Outstanding, Outstanding]);
    assert_eq!(cleared.items[0].band, Some(Band::Few));
    assert_eq!(cleared.items[0].not_before, Some(at("2027-02-26T09:00:00Z")));
    assert_eq!(cleared.items[4].band, None);
    assert_eq!(cleared.items[5].error.as_ref().unwrap().code, "calling_code_not_granted");
    let items = vec![json!({"number": DIGEST}); 6];
    let sent = json!({"at_least": "p1.w", "items": items});
    assert_eq!(registry.last(), ("POST /v1/clearance".to_owned(), sent));
}

#[tokio::test]
async fn accounts_are_bound_and_their_handles_read() {
    let answer = json!({"summary": {"accepted": 2, "duplicate": 1, "rejected": 1}, "items": [
        {"account_ref": "u/1042 #b", "outcome": "accepted", "change": "bound", "handle": HANDLE,
            "verified_at": "2023-11-14T22:13:20Z", "demand": "none", "revision": 0},
        {"account_ref": "u-7", "outcome": "accepted", "change": "moved", "handle": HANDLE,
            "verified_at": "2026-11-20T08:00:00Z", "demand": "burn", "revision": 4_000_000_000u32},
        {"account_ref": "u-8", "outcome": "duplicate", "handle": HANDLE,
            "verified_at": "2026-11-20T08:00:00Z", "demand": "detach", "revision": 1},
        {"account_ref": "u-9", "outcome": "postponed"}]});
    let registry = FakeRegistry::answering(207, &answer.to_string()).await;
    let verified_at = at("2023-11-14T22:13:20Z");
    let bindings = [
        ToBind::new("u/1042 #b", digest(), verified_at),
        ToBind { proof: Some(Proof::Passkey), ..ToBind::new("u-7", digest(), verified_at) },
        ToBind { holder: Some(Holder::Organisation), ..ToBind::new("u-8", digest(), verified_at) },
        ToBind::new("u-9", digest(), verified_at),
    ];
    let batch = registry.client().bind(&bindings).await.unwrap();

    let time = "2023-11-14T22:13:20Z";
    let sent = json!({"items": [
        {"account_ref": "u/1042 #b", "number": DIGEST, "verified_at": time},
        {"account_ref": "u-7", "number": DIGEST, "verified_at": time, "proof": "passkey"},
        {"account_ref": "u-8", "number": DIGEST, "verified_at": time, "holder": "organisation"},
        {"account_ref": "u-9", "number": DIGEST, "verified_at": time}]});
    assert_eq!(registry.last(), ("POST /v1/bindings".to_owned(), sent));
    let bound = batch.items[0].told().unwrap();
    assert_eq!((bound.change, bound.handle.text().as_str()), (Some(Change::Bound), HANDLE));
    let bound = batch.items[1].told().unwrap();
    assert_eq!((bound.change, bound.demand), (None, Demand::StepUp));
    assert!(matches!(&batch.items[2], Item::Duplicate(bound) if bound.demand == Demand::Detach));
    assert_eq!(batch.items[3].told().unwrap_err().code, "client_outdated");
}

#[tokio::test]
async fn an_account_is_asked_for_in_the_query() {
    let answer = json!({"items": [{"account_ref": "u/1042 #b", "handle": HANDLE,
        "verified_at": "2023-11-14T22:13:20Z", "bound_at": "2026-11-23T09:00:00Z", "holder": "person",
        "revision": 2, "demand": "detach", "reason": "disconnected", "response": "frozen",
        "freeze_by": "2026-11-24T09:30:02Z", "detach_by": "2027-02-26T09:00:00Z", "answer_by": null,
        "position": "p1.AAAAAAAARz3p0v5yqEw1Cg", "history": [
        {"at": "2026-11-23T09:30:02Z", "by": "registry", "revision": 1, "demand": "freeze", "response": "none"}]}],
        "next": null});
    let registry = FakeRegistry::answering(200, &answer.to_string()).await;
    let binding = registry.client().binding("u/1042 #b ä").await.unwrap().unwrap();
    assert_eq!(registry.last().0, "GET /v1/bindings?account_ref=u%2F1042%20%23b%20%C3%A4");
    assert_eq!((binding.duty.account_ref.as_str(), binding.duty.revision), ("u/1042 #b", 2));
    assert_eq!((binding.duty.demand, binding.duty.response), (Demand::Detach, Response::Frozen));
    assert_eq!(binding.history[0].by, "registry");

    let nobody = FakeRegistry::answering(200, r#"{"items": [], "next": null}"#).await;
    assert_eq!(nobody.client().binding("u-1").await.unwrap(), None);
}

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let registry = FakeRegistry::start(|asked| {
        let duty = |account: &str| {
            json!({"account_ref": account, "revision": 1, "demand": "freeze", "reason": null,
                "response": "none", "freeze_by": null, "detach_by": null, "answer_by": null, "position": "p1.x"})
        };
        let page = match asked.path.split_once("after=") {
            None => json!({"items": [duty("u-1"), duty("u-2")], "next": "c1.a/b"}),
            Some((_, "c1.a%2Fb")) => json!({"items": [duty("u-3")], "next": "c1.z"}),
            Some(_) => json!({"items": [], "next": null}),
        };
        response(200, &page.to_string())
    })
    .await;
    let client = registry.client();
    let all = client.duties(Duties::Open).all().await.unwrap();
    let accounts: Vec<&str> = all.iter().map(|duty| duty.account_ref.as_str()).collect();
    assert_eq!(accounts, ["u-1", "u-2", "u-3"]);
    let paths: Vec<String> = registry.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(
        paths,
        [
            "/v1/duties?open=true",
            "/v1/duties?open=true&after=c1.a%2Fb",
            "/v1/duties?open=true&after=c1.z",
        ]
    );

    let page = client.duties(Duties::Overdue).page(Some(2), None).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (2, Some("c1.a/b")));
    assert_eq!(registry.last().0, "GET /v1/duties?overdue=true&limit=2");
    client.duties(Duties::All).page(Some(2), Some("c1.z")).await.unwrap();
    assert_eq!(registry.last().0, "GET /v1/duties?limit=2&after=c1.z");
}

#[tokio::test]
async fn what_was_done_is_acknowledged() {
    let answer = json!({"summary": {"accepted": 2, "duplicate": 0, "rejected": 1}, "items": [
        {"account_ref": "u/1042 #b", "outcome": "accepted", "revision": 1, "demand": "freeze", "response": "frozen"},
        {"account_ref": "u-31", "outcome": "accepted", "revision": 2, "demand": "none", "response": "none",
            "handle": HANDLE, "verified_at": "2026-11-24T10:05:00Z"},
        {"account_ref": "u-55", "outcome": "rejected", "error": {"title": "Still demanded", "code": "still_demanded",
            "detail": "The demand is freeze.", "field": "/items/2/did", "remedy": "Keep it."}}]});
    let registry = FakeRegistry::answering(207, &answer.to_string()).await;
    let done = [
        Acknowledgement::new("u/1042 #b", Did::Frozen).at_revision(1),
        Acknowledgement::verified("u-31", at("2026-11-24T10:05:00Z"), Proof::Document),
        Acknowledgement::new("u-55", Did::Released),
    ];
    let batch = registry.client().acknowledge(&done).await.unwrap();
    let sent = json!({"items": [
        {"account_ref": "u/1042 #b", "did": "frozen", "revision": 1},
        {"account_ref": "u-31", "did": "verified", "verified_at": "2026-11-24T10:05:00Z", "proof": "document"},
        {"account_ref": "u-55", "did": "released"}]});
    assert_eq!(registry.last(), ("POST /v1/acknowledgements".to_owned(), sent));
    assert_eq!(batch.items[0].told().unwrap().response, Response::Frozen);
    assert_eq!(batch.items[1].told().unwrap().handle, Some(HANDLE.parse().unwrap()));
    assert_eq!(batch.items[2].told().unwrap_err().code, "still_demanded");
}

#[tokio::test]
async fn accounts_are_unbound_by_name() {
    let answer = json!({"summary": {"accepted": 1, "duplicate": 1, "rejected": 0}, "items": [
        {"account_ref": "u-7", "outcome": "accepted"}, {"account_ref": "u-8", "outcome": "duplicate"}]});
    let registry = FakeRegistry::answering(200, &answer.to_string()).await;
    let batch = registry.client().unbind(&["u-7", "u-8"]).await.unwrap();
    assert!(matches!(&batch.items[..], [Item::Accepted(_), Item::Duplicate(_)]));
    let sent = json!({"items": [{"account_ref": "u-7"}, {"account_ref": "u-8"}]});
    assert_eq!(registry.last(), ("POST /v1/bindings/remove".to_owned(), sent));
}
