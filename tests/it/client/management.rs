//! The calls about endpoints, participants, keys and calling codes.

use serde_json::json;
use vacate::client::Client;
use vacate::client::admin::{Declaration, Enrolment};
use vacate::client::endpoints::{DeliveryFilter, DeliveryState, EndpointPatch, EndpointState};
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::status::Readiness;
use vacate::domain::participant::{Kind, Permission, State};
use vacate::domain::policy_terms::PolicyTerms;
use vacate::domain::time::Moment;
use vacate::domain::verdict::NotCovered;

use super::registry::FakeRegistry;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_endpoint_is_added_and_managed() {
    const SECRET: &str = "whsec_UOch5JwBPwDGLPWfIWNUKp2N8CRk7+thXTEFGw/dwyY=";
    let answer = json!({"id": "ep_1", "url": "https://hooks.skyfare.example/vacate", "state": "enabled",
        "types": ["*"], "secret": SECRET, "old_secret_until": "2026-11-24T09:00:00Z",
        "created_at": "2026-11-23T09:00:00Z", "pending": 0, "dead": 0, "failing_since": null});
    let registry = FakeRegistry::answering(201, &answer.to_string()).await;
    let client = registry.client();
    let added = client.add_endpoint("https://hooks.skyfare.example/vacate", &[]).await.unwrap();
    let sent = json!({"url": "https://hooks.skyfare.example/vacate"});
    assert_eq!(registry.last(), ("POST /v1/endpoints".to_owned(), sent));
    assert_eq!(added.secret.text().as_str(), SECRET);
    assert_eq!(
        (added.endpoint.id.as_str(), added.endpoint.state),
        ("ep_1", EndpointState::Enabled)
    );
    assert!(!format!("{added:?}").contains("UOch5"), "{added:?}");

    let types = ["account.freeze_requested".to_owned()];
    client.add_endpoint("https://x", &types).await.unwrap();
    assert_eq!(registry.last().1, json!({"url": "https://x", "types": types}));

    let rotated = client.rotate_secret("ep_1", Some(24)).await.unwrap();
    let sent = json!({"overlap_hours": 24});
    assert_eq!(registry.last(), ("POST /v1/endpoints/ep_1/rotate-secret".to_owned(), sent));
    assert_eq!(rotated.old_secret_until, Some(at("2026-11-24T09:00:00Z")));
    client.rotate_secret("ep_1", None).await.unwrap();
    assert_eq!(registry.last().1, json!({}));

    let patch = EndpointPatch { state: Some(EndpointState::Disabled), ..EndpointPatch::default() };
    client.change_endpoint("ep_1", &patch).await.unwrap();
    let sent = json!({"state": "disabled"});
    assert_eq!(registry.last(), ("PATCH /v1/endpoints/ep_1".to_owned(), sent));
    client.endpoint("../x").await.unwrap();
    assert_eq!(registry.last().0, "GET /v1/endpoints/..%2Fx");

    let gone = FakeRegistry::answering(204, "").await;
    gone.client().remove_endpoint("ep_1").await.unwrap();
    assert_eq!(gone.last().0, "DELETE /v1/endpoints/ep_1");
}

#[tokio::test]
async fn a_delivery_is_followed() {
    let answer = json!({"id": "dlv_1", "message": "msg_1", "endpoint": "ep_1",
        "type": "account.freeze_requested", "state": "in_orbit", "next_attempt_at": "2026-11-23T09:35:10Z",
        "attempts": [{"at": "2026-11-23T09:30:03Z", "took_ms": 812, "status": 500, "answer": "upstream down"},
            {"at": "2026-11-23T09:30:08Z", "took_ms": 15000, "status": null, "answer": null, "error": "no answer in time"}]});
    let registry = FakeRegistry::answering(202, &answer.to_string()).await;
    let client = registry.client();
    let delivery = client.resend("dlv_1").await.unwrap();
    assert_eq!(registry.last().0, "POST /v1/deliveries/dlv_1/resend");
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.attempts[0].status, Some(500));
    assert_eq!(delivery.attempts[1].error.as_deref(), Some("no answer in time"));
    client.test_endpoint("ep_1").await.unwrap();
    assert_eq!(registry.last().0, "POST /v1/endpoints/ep_1/test");
    client.delivery("dlv_1").await.unwrap();
    assert_eq!(registry.last().0, "GET /v1/deliveries/dlv_1");

    let list = FakeRegistry::answering(200, r#"{"items": [], "next": null}"#).await;
    let filter = DeliveryFilter { state: Some(DeliveryState::Dead), endpoint: Some("ep_1") };
    list.client().deliveries(filter).page(Some(5), None).await.unwrap();
    assert_eq!(list.last().0, "GET /v1/deliveries?state=dead&endpoint=ep_1&limit=5");
    list.client().deliveries(DeliveryFilter::default()).page(Some(5), None).await.unwrap();
    assert_eq!(list.last().0, "GET /v1/deliveries?limit=5");
}

#[tokio::test]
async fn participants_are_enrolled_and_read() {
    let answer = json!({"name": "skyfare", "kind": "app", "display_name": "Skyfare", "state": "hibernating",
        "accounts_declared": 2000000, "close_account_url": "https://skyfare.example/account/close",
        "recover_url": null, "support_url": null, "advice_not_covered": "toss_a_coin",
        "key": {"id": "key_1", "permissions": ["check", "levitate"], "expires_at": null},
        "created_at": "2026-11-23T08:58:00Z"});
    let registry = FakeRegistry::answering(200, &answer.to_string()).await;
    let client = registry.client();

    let app = Enrolment {
        close_account_url: Some("https://skyfare.example/account/close".to_owned()),
        advice_not_covered: Some(NotCovered::StepUp),
        ..Enrolment::app("Skyfare", 2_000_000)
    };
    client.enrol("skyfare", &app).await.unwrap();
    let sent = json!({"kind": "app", "display_name": "Skyfare", "accounts_declared": 2000000,
        "close_account_url": "https://skyfare.example/account/close", "advice_not_covered": "step_up"});
    assert_eq!(registry.last(), ("PUT /v1/participants/skyfare".to_owned(), sent));
    let carrier = Enrolment::carrier("Northtel", vec!["49".parse().unwrap()]);
    client.enrol("northtel", &carrier).await.unwrap();
    let sent = json!({"kind": "carrier", "display_name": "Northtel", "calling_codes": ["49"]});
    assert_eq!(registry.last().1, sent);

    let me = client.participant(Whose::Mine).await.unwrap();
    assert_eq!(registry.last().0, "GET /v1/participants/me");
    assert_eq!((me.kind, me.state), (Some(Kind::App), State::Suspended));
    assert_eq!(me.advice_not_covered, NotCovered::StepUp);
    assert_eq!(me.key.unwrap().permissions, [Permission::Check]);

    // How many come on a page is for the registry to say.
    let list = FakeRegistry::answering(200, r#"{"items": [], "next": null}"#).await;
    list.client().participants().all().await.unwrap();
    assert_eq!(list.last().0, "GET /v1/participants");

    client.set_state("skyfare", State::Suspended, Some("contract ended")).await.unwrap();
    let sent = json!({"state": "suspended", "why": "contract ended"});
    assert_eq!(registry.last(), ("PATCH /v1/participants/skyfare".to_owned(), sent));
    client.set_state("skyfare", State::Active, None).await.unwrap();
    assert_eq!(registry.last().1, json!({"state": "active"}));
}

#[tokio::test]
async fn keys_are_issued_expired_and_revoked() {
    let answer = json!({"id": "key_1", "label": "login servers", "permissions": ["check"],
        "key": "vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV", "created_at": "2026-11-23T09:00:00Z",
        "expires_at": null, "last_used_at": null});
    let registry = FakeRegistry::answering(201, &answer.to_string()).await;
    let client = registry.client();
    let wish =
        KeyWish { permissions: Some(vec![Permission::Check]), ..KeyWish::new("login servers") };
    let issued = client.issue_key(Whose::Of("skyfare"), &wish).await.unwrap();
    let sent = json!({"label": "login servers", "permissions": ["check"]});
    assert_eq!(registry.last(), ("POST /v1/participants/skyfare/keys".to_owned(), sent));
    assert_eq!(issued.text.expose(), "vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV");
    assert_eq!((issued.key.id.as_str(), issued.key.label.as_str()), ("key_1", "login servers"));
    assert!(!format!("{issued:?}").contains("vk1_"), "{issued:?}");

    client.expire_key(Whose::Mine, "key_1", at("2026-11-24T09:00:00Z")).await.unwrap();
    let sent = json!({"expires_at": "2026-11-24T09:00:00Z"});
    assert_eq!(registry.last(), ("PATCH /v1/participants/me/keys/key_1".to_owned(), sent));
    client.revoke_key(Whose::Of("skyfare"), "key_1").await.unwrap();
    assert_eq!(registry.last().0, "DELETE /v1/participants/skyfare/keys/key_1");
}

#[tokio::test]
async fn a_calling_code_is_declared() {
    let answer = json!({"calling_code": "49", "complete_since": null, "carriers": [], "through": null,
        "own_only": [], "aging_days": 90, "max_lag_days": 40, "tolerance_minutes": 60,
        "detach_after_days": 90, "freeze_within_hours": 24, "detach_within_hours": 120,
        "zone_first": "+14:00", "zone_last": "-12:00", "recomputing": true});
    let registry = FakeRegistry::answering(200, &answer.to_string()).await;
    let client = registry.client();
    let code = "49".parse().unwrap();
    let declaration = Declaration {
        complete_since: Some(at("2026-01-01T00:00:00Z")),
        carriers: vec!["northtel".to_owned()],
        policy: PolicyTerms { aging_days: Some(90), ..PolicyTerms::default() },
        ..Declaration::default()
    };
    let standing = client.declare(code, &declaration).await.unwrap();
    assert!(standing.recomputing);
    let sent = json!({"complete_since": "2026-01-01T00:00:00Z", "carriers": ["northtel"], "aging_days": 90});
    assert_eq!(registry.last(), ("PUT /v1/calling-codes/49".to_owned(), sent));
    client.declare(code, &Declaration::default()).await.unwrap();
    assert_eq!(registry.last().1, json!({"complete_since": null, "carriers": []}));
    client.calling_code(code).await.unwrap();
    assert_eq!(registry.last().0, "GET /v1/calling-codes/49");
}

#[tokio::test]
async fn the_state_of_the_registry_is_read() {
    let answer = json!({"ready": true, "nodes": [{"name": "n1", "index_behind": 0, "version": "0.1.0"}],
        "head_at": "2026-11-23T09:30:02Z",
        "deliveries": {"pending": 412, "oldest_due_at": "2026-11-23T09:29:58Z", "dead": 3},
        "attention": [{"what": "endpoint_failing", "who": "skyfare", "since": "2026-11-23T06:12:00Z", "count": 409}]});
    let registry = FakeRegistry::answering(200, &answer.to_string()).await;
    let status = registry.client().status().await.unwrap();
    assert_eq!((status.deliveries.dead, status.attention[0].count), (3, 409));

    let waiting = r#"{"ready": false, "waiting_for": ["index 63 %"]}"#;
    let busy = FakeRegistry::answering(503, waiting).await;
    let client = Client::new(&busy.url).unwrap();
    let readiness = client.readiness().await.unwrap();
    assert_eq!(readiness, Readiness::WaitingFor(vec!["index 63 %".to_owned()]));
    assert!(!busy.asked()[0].headers.contains_key("authorization"));
    assert_eq!(registry.client().readiness().await.unwrap(), Readiness::Ready);
    let proxy = FakeRegistry::answering(503, "<h1>Service Unavailable").await;
    assert!(proxy.client().readiness().await.is_err());
}
