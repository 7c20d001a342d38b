//! Digests made on this side, and the proof that they are understood on the other.

use serde_json::json;
use vacate::client::Error;
use vacate::client::number::Directory;
use vacate::domain::number::E164;

use super::registry::{FakeRegistry, response};

/// Of calling code 49 and epoch 1 in the vectors.
const PUBLIC_KEY: &str = "886396846f694237d7576754d8c4815a42c24e4ea66d7948a8517fe0084d2c57";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn entry(key_id: &str) -> String {
    json!({"directory_key": KEY, "key_id": key_id, "evaluator": null, "calling_codes": [
        {"calling_code": "49", "complete_since": null, "through": null, "aging_days": 90, "max_lag_days": 40,
         "freeze_within_hours": 24, "detach_within_hours": 120, "epochs": [
            {"epoch": 1, "public_key": PUBLIC_KEY, "key_id": "7648e2e5", "accepted_until": null}]}]})
    .to_string()
}

/// A registry whose checks and clearances answer like this.
async fn registry(check: (u16, &'static str), clearance: (u16, &'static str)) -> FakeRegistry {
    FakeRegistry::start(move |asked| match asked.path.as_str() {
        "/v1/check" => response(check.0, check.1),
        "/v1/clearance" => response(clearance.0, clearance.1),
        _ => response(200, &entry("d07c4d5f")),
    })
    .await
}

const ALLOW: (u16, &str) = (200, r#"{"advice": "allow"}"#);
const MISSING: (u16, &str) = (403, r#"{"title": "t", "code": "permission_missing"}"#);
const UNKNOWN: (u16, &str) = (422, r#"{"title": "t", "code": "test_number_unknown"}"#);

#[tokio::test]
async fn a_number_is_hashed_with_the_directory_key_and_asked_for_once() {
    let registry = registry(ALLOW, ALLOW).await;
    let directory = Directory::new(&registry.client());
    let number: E164 = "+491701234567".parse().unwrap();
    for _ in 0..3 {
        let digest = directory.digest(&number).await.unwrap().text();
        assert_eq!(
            digest,
            "vd1.49.d07c4d5f.12b46ca4383d3924aa9b15f8e37a9322af3111589f8a57771660de5bd99b2996"
        );
    }
    let asked: Vec<String> = registry.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/v1/directory?calling_code=49"]);
    assert!(!format!("{directory:?}").contains("00010203"), "{directory:?}");
}

#[tokio::test]
async fn a_key_that_its_id_does_not_name_is_not_used() {
    let registry = FakeRegistry::answering(200, &entry("d07c4d60")).await;
    let directory = Directory::new(&registry.client());
    let error = directory.digest(&"+491701234567".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
}

#[tokio::test]
async fn a_digest_is_proved_by_a_test_number() {
    let right = registry(ALLOW, MISSING).await;
    Directory::new(&right.client()).prove().await.unwrap();
    let sent = right.last().1;
    assert_eq!(sent["verified_at"], "2000-01-01T00:00:00Z");
    assert!(sent["number"].as_str().unwrap().starts_with("vd1.999.d07c4d5f."));

    let wrong = registry(UNKNOWN, MISSING).await;
    let error = Directory::new(&wrong.client()).prove().await.unwrap_err();
    assert_eq!(error.code(), Some("test_number_unknown"));
}

#[tokio::test]
async fn a_carrier_that_may_not_check_proves_its_digests_by_clearance() {
    const NOT_VACANT: (u16, &str) =
        (200, r#"{"position": "p1.x", "items": [{"clearance": "not_vacant"}]}"#);
    const REFUSED: (u16, &str) = (
        207,
        r#"{"position": "p1.x", "items": [{"error": {"title": "t", "code": "test_number_unknown"}}]}"#,
    );
    let right = registry(MISSING, NOT_VACANT).await;
    Directory::new(&right.client()).prove().await.unwrap();
    let wrong = registry(MISSING, REFUSED).await;
    let error = Directory::new(&wrong.client()).prove().await.unwrap_err();
    assert_eq!(error.code(), Some("test_number_unknown"));
    let neither = registry(MISSING, MISSING).await;
    let error = Directory::new(&neither.client()).prove().await.unwrap_err();
    assert_eq!(error.code(), Some("permission_missing"));
}
