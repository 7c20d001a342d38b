//! The receiver: what it believes, what it drops, and how it can be told to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use hyper::{Request, StatusCode};
use serde_json::json;
use vacate::client::inbox::{Inbox, NotTaken, Received};
use vacate::client::receiver::{Outcome, Receiver, Reply};
use vacate::client::{Answer, Client, Error};
use vacate::domain::duty::{Demand, MessageType, Response};
use vacate::domain::signature::{Forged, Headers, Secret, sign};

const NOW: i64 = 1_795_426_203;
const SOON: Duration = Duration::from_secs(5);

/// A receiver that trusts one secret, and the registry that has it.
struct Wire {
    receiver: Receiver,
    sender: Client,
    clock: Arc<AtomicI64>,
    secret: Secret,
}

impl Wire {
    async fn new() -> Wire {
        let clock = Arc::new(AtomicI64::new(NOW));
        let its_clock = Arc::clone(&clock);
        let now = move || DateTime::from_timestamp(its_clock.load(Ordering::SeqCst), 0).unwrap();
        let receiver = Receiver::start(now).await.unwrap();
        let sender = Client::new(&receiver.url()).unwrap();
        let secret = Secret::from_bytes([7; 32]).unwrap();
        receiver.trust(vec![secret.clone()]);
        Wire { receiver, sender, clock, secret }
    }

    async fn post(&self, id: &str, body: &str) -> Result<Answer, Error> {
        self.post_signed(id, body, &sign(&[&self.secret], id, NOW, body.as_bytes())).await
    }

    async fn post_signed(&self, id: &str, body: &str, signature: &str) -> Result<Answer, Error> {
        let request = Request::post("/")
            .header("webhook-id", id)
            .header("webhook-timestamp", NOW)
            .header("webhook-signature", signature)
            .body(body.to_owned());
        self.sender.raw(request.unwrap()).await
    }

    async fn status(&self, id: &str, body: &str) -> u16 {
        self.post(id, body).await.unwrap().status.as_u16()
    }

    fn outcome(&self) -> Outcome {
        self.receiver.seen().pop().expect("a request").outcome
    }
}

fn freeze(account_ref: &str, revision: u32) -> String {
    json!({"type": "account.freeze_requested", "timestamp": "2026-11-23T09:30:02Z", "data": {
        "account_ref": account_ref, "revision": revision, "demand": "freeze", "reason": "disconnected",
        "response": "none", "freeze_by": "2026-11-24T09:30:02Z", "detach_by": null, "answer_by": null,
        "position": "p1.AAAAAAAARyOKsaa46AAyfA", "new_member": 1}})
    .to_string()
}

#[tokio::test]
async fn the_contract_s_message_is_received() {
    let wire = Wire::new().await;
    let secret = "whsec_UOch5JwBPwDGLPWfIWNUKp2N8CRk7+thXTEFGw/dwyY=";
    wire.receiver.trust(vec![Secret::parse(secret).unwrap()]);
    let body = r#"{"type":"account.freeze_requested","timestamp":"2026-11-23T09:30:02Z","data":{"account_ref":"u/1042 #b","revision":1,"demand":"freeze","reason":"disconnected","response":"none","freeze_by":"2026-11-24T09:30:02Z","detach_by":null,"answer_by":null,"position":"p1.AAAAAAAARyOKsaa46AAyfA"}}"#;
    let id = "msg_01m83vvccgwhnk40b5xv4hwrt4";
    let signature = "v1,BPW9BJFK/Qs599/lYSuu3L7xAdZVMMMnGyrgkhL3vUM=";
    let answer = wire.post_signed(id, body, signature).await.unwrap();
    assert_eq!(answer.status, StatusCode::NO_CONTENT);

    let message = wire.receiver.next(SOON).await.unwrap();
    assert_eq!((message.id.as_str(), message.message_type), (id, MessageType::FreezeRequested));
    assert_eq!(message.timestamp.to_string(), "2026-11-23T09:30:02Z");
    let duty = message.duty.unwrap();
    assert_eq!((duty.account_ref.as_str(), duty.revision), ("u/1042 #b", 1));
    assert_eq!((duty.demand, duty.response), (Demand::Freeze, Response::None));

    let seen = wire.receiver.seen();
    assert_eq!(seen[0].headers["webhook-signature"], signature);
    assert_eq!(seen[0].body, body.as_bytes());
}

#[tokio::test]
async fn what_is_not_signed_by_the_registry_is_refused() {
    let wire = Wire::new().await;
    let body = freeze("u-1", 1);
    let other = Secret::from_bytes([8; 32]).unwrap();
    let forged = [
        sign(&[&other], "msg_1", NOW, body.as_bytes()),
        sign(&[&wire.secret], "msg_2", NOW, body.as_bytes()),
        sign(&[&wire.secret], "msg_1", NOW + 1, body.as_bytes()),
        sign(&[&wire.secret], "msg_1", NOW, b"{}"),
        String::new(),
    ];
    for signature in forged {
        let answer = wire.post_signed("msg_1", &body, &signature).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(wire.outcome(), Outcome::NotTaken(NotTaken::Forged(Forged::NoMatch)));
    }
    let bare = Request::post("/").body(body.clone()).unwrap();
    assert_eq!(wire.sender.raw(bare).await.unwrap().status, StatusCode::UNAUTHORIZED);
    wire.receiver.trust(Vec::new());
    assert_eq!(wire.status("msg_1", &body).await, 401);
    assert_eq!(wire.receiver.all(), []);

    // None of it was remembered.
    wire.receiver.trust(vec![wire.secret.clone()]);
    assert_eq!(wire.status("msg_1", &body).await, 204);
    assert_eq!(wire.receiver.all().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_played_again_later_is_refused() {
    let wire = Wire::new().await;
    for (moved, status) in [(-301, 401), (-300, 204), (300, 204), (301, 401)] {
        wire.clock.store(NOW + moved, Ordering::SeqCst);
        assert_eq!(
            wire.status(&format!("msg_{moved}"), &freeze("u-1", 1)).await,
            status,
            "{moved}"
        );
    }
    assert_eq!(wire.outcome(), Outcome::NotTaken(NotTaken::Forged(Forged::OutOfTime)));
}

#[tokio::test]
async fn a_message_that_comes_twice_is_handed_out_once() {
    let wire = Wire::new().await;
    for _ in 0..2 {
        assert_eq!(wire.status("msg_1", &freeze("u-1", 1)).await, 204);
    }
    assert_eq!(wire.outcome(), Outcome::Taken(Received::Again));
    assert!(wire.receiver.next(SOON).await.is_some());
    assert_eq!(wire.receiver.next(Duration::ZERO).await, None);
    assert_eq!(wire.receiver.seen().len(), 2);
}

#[tokio::test]
async fn a_message_that_a_later_one_overtook_is_dropped() {
    let wire = Wire::new().await;
    for (id, account_ref, revision) in
        [("a", "u-1", 2), ("b", "u-1", 1), ("c", "u-2", 1), ("d", "u-1", 2), ("e", "u-1", 3)]
    {
        assert_eq!(wire.status(id, &freeze(account_ref, revision)).await, 204);
    }
    let ids: Vec<String> = wire.receiver.all().into_iter().map(|message| message.id).collect();
    assert_eq!(ids, ["a", "c", "d", "e"]);
    assert_eq!(wire.receiver.seen()[1].outcome, Outcome::Taken(Received::Overtaken));
}

#[tokio::test]
async fn both_secrets_count_while_one_replaces_the_other() {
    let wire = Wire::new().await;
    let next = Secret::from_bytes([9; 32]).unwrap();
    wire.receiver.trust(vec![next.clone(), wire.secret.clone()]);
    assert_eq!(wire.status("msg_old", &freeze("u-1", 1)).await, 204);
    let body = freeze("u-1", 2);
    let by_both = sign(&[&next, &wire.secret], "msg_both", NOW, body.as_bytes());
    assert_eq!(wire.post_signed("msg_both", &body, &by_both).await.unwrap().status, 204);
    wire.receiver.trust(vec![next.clone()]);
    assert_eq!(wire.status("msg_late", &freeze("u-1", 3)).await, 401);
    assert_eq!(wire.receiver.all().len(), 2);
}

#[tokio::test]
async fn a_type_of_later_times_is_received_and_ignored() {
    let wire = Wire::new().await;
    let body =
        r#"{"type":"account.levitation_requested","timestamp":"2026-11-23T09:30:02Z","data":7}"#;
    assert_eq!(wire.status("msg_1", body).await, 204);
    assert_eq!(wire.outcome(), Outcome::Taken(Received::Unknown));
    let test =
        r#"{"type":"endpoint.test","timestamp":"2026-11-23T09:30:02Z","data":{"endpoint":"ep_1"}}"#;
    assert_eq!(wire.status("msg_2", test).await, 204);
    let message = wire.receiver.next(SOON).await.unwrap();
    assert_eq!((message.message_type, message.duty), (MessageType::EndpointTest, None));
}

#[tokio::test]
async fn a_body_that_is_no_message_is_not_taken_for_received() {
    let wire = Wire::new().await;
    let no_duty =
        r#"{"type":"account.freeze_requested","timestamp":"2026-11-23T09:30:02Z","data":{}}"#;
    for body in ["", "[]", "{}", no_duty] {
        assert_eq!(wire.status("msg_1", body).await, 400, "{body}");
        assert_eq!(wire.outcome(), Outcome::NotTaken(NotTaken::Malformed));
    }
    assert_eq!(wire.status("msg_1", &freeze("u-1", 1)).await, 204);
}

#[tokio::test]
async fn a_receiver_that_fails_takes_nothing() {
    let wire = Wire::new().await;
    wire.receiver.reply(Reply::status(StatusCode::TOO_MANY_REQUESTS).retry_after(7));
    let answer = wire.post("msg_1", &freeze("u-1", 1)).await.unwrap();
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "7");
    assert_eq!(wire.outcome(), Outcome::Refused);
    assert_eq!(wire.receiver.all(), []);

    wire.receiver.reply(Reply::default());
    assert_eq!(wire.status("msg_1", &freeze("u-1", 1)).await, 204);
    assert_eq!(wire.receiver.all().len(), 1);
    assert_eq!(wire.receiver.seen_at_least(2, SOON).await.unwrap().len(), 2);
    assert!(wire.receiver.seen_at_least(3, Duration::ZERO).await.is_none());
}

#[tokio::test]
async fn a_receiver_that_is_slow_has_taken_the_message_nevertheless() {
    let mut wire = Wire::new().await;
    wire.sender = wire.sender.with_timeout(Duration::from_millis(100));
    wire.receiver.reply(Reply::default().after(Duration::from_secs(60)));
    assert_eq!(wire.post("msg_1", &freeze("u-1", 1)).await.unwrap_err(), Error::TooSlow);
    wire.receiver.reply(Reply::default());
    assert_eq!(wire.status("msg_1", &freeze("u-1", 1)).await, 204);
    assert_eq!(wire.outcome(), Outcome::Taken(Received::Again));
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_message() {
    let wire = Arc::new(Wire::new().await);
    let waiting = |wire: Arc<Wire>| tokio::spawn(async move { wire.receiver.next(SOON).await });
    let (one, other) = (waiting(Arc::clone(&wire)), waiting(Arc::clone(&wire)));
    tokio::task::yield_now().await;
    wire.status("msg_1", &freeze("u-1", 1)).await;
    wire.status("msg_2", &freeze("u-2", 1)).await;
    let mut ids = [one.await.unwrap().unwrap().id, other.await.unwrap().unwrap().id];
    ids.sort();
    assert_eq!(ids, ["msg_1", "msg_2"]);
}

#[tokio::test]
async fn a_receiver_that_is_dropped_ends_what_it_has_and_takes_no_more() {
    let Wire { receiver, sender, secret, .. } = Wire::new().await;
    receiver.reply(Reply::default().after(Duration::from_millis(200)));
    let body = freeze("u-1", 1);
    let signature = sign(&[&secret], "msg_1", NOW, body.as_bytes());
    let request = Request::post("/")
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", NOW)
        .header("webhook-signature", signature)
        .body(body);
    let under_way = tokio::spawn({
        let sender = sender.clone();
        async move { sender.raw(request.unwrap()).await }
    });
    receiver.seen_at_least(1, SOON).await.unwrap();
    drop(receiver);
    assert_eq!(under_way.await.unwrap().unwrap().status, StatusCode::NO_CONTENT);
    assert!(matches!(sender.healthy().await, Err(Error::Unreachable(_))));
}

#[test]
fn an_inbox_forgets_the_oldest_of_very_many_ids() {
    let secret = Secret::from_bytes([7; 32]).unwrap();
    let mut inbox = Inbox::new(vec![secret.clone()]);
    let body = br#"{"type":"endpoint.test","timestamp":"2026-11-23T09:30:02Z","data":{}}"#;
    let timestamp = NOW.to_string();
    let now = DateTime::from_timestamp(NOW, 0).unwrap();
    let mut take = |id: usize| {
        let id = id.to_string();
        let signature = sign(&[&secret], &id, NOW, body);
        let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
        inbox.take(headers, body, now).unwrap()
    };
    for id in 0..=65_536 {
        assert!(matches!(take(id), Received::New(_)));
    }
    assert_eq!(take(1), Received::Again);
    assert!(matches!(take(0), Received::New(_)));
}
