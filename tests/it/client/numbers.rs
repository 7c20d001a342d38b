//! Digests made on this side, and the proof that they are understood on the other.

use serde_json::json;
use vacate::client::number::Directory;
use vacate::client::{ApiKey, Error};
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

/// A registry that says this of the canary.
async fn registry(status: u16, canary: &'static str) -> FakeRegistry {
    FakeRegistry::start(move |asked| match asked.path.as_str() {
        "/v1/evaluate" => response(status, canary),
        "/v1/directory?calling_code=999" => response(
            200,
            &entry("d07c4d5f").replace(r#""calling_code":"49""#, r#""calling_code":"999""#),
        ),
        _ => response(200, &entry("d07c4d5f")),
    })
    .await
}

const MADE: &str =
    r#"{"tokens": ["vt1.999.7648e2e5.BlA9fEQqCyCsFh27ahMVMqK2fv1RxMfNsbUNPqKQzg0"]}"#;
const UNKNOWN: &str = r#"{"title": "t", "code": "test_number_unknown"}"#;
const DIGEST: &str =
    "vd1.49.d07c4d5f.12b46ca4383d3924aa9b15f8e37a9322af3111589f8a57771660de5bd99b2996";

#[tokio::test]
async fn before_the_first_number_the_canary_is_asked_about_and_each_code_once() {
    let registry = registry(200, MADE).await;
    let directory = Directory::new(&registry.client());
    let number: E164 = "+491701234567".parse().unwrap();
    for _ in 0..3 {
        assert_eq!(directory.digest(&number).await.unwrap().text(), DIGEST);
    }
    directory.prove().await.unwrap();
    let asked: Vec<String> = registry.asked().into_iter().map(|asked| asked.path).collect();
    let code = |code: &str| format!("/v1/directory?calling_code={code}");
    assert_eq!(asked, [code("999"), "/v1/evaluate".to_owned(), code("49")]);
    let canary = registry.asked()[1].json();
    assert_eq!(canary["numbers"][0].as_str(), Some(CANARY));
    assert!(canary.get("elements").is_none() && canary["calling_code"] == "999", "{canary}");
    assert!(!format!("{directory:?}").contains("00010203"), "{directory:?}");
}

#[tokio::test]
async fn no_number_is_made_while_the_canary_is_not_understood() {
    for (status, refused) in [(422, UNKNOWN), (422, KEY_UNKNOWN), (403, SUSPENDED), (503, AWAY)] {
        let registry = registry(status, refused).await;
        let directory = Directory::new(&registry.client());
        let number: E164 = "+491701234567".parse().unwrap();
        let code = serde_json::from_str::<serde_json::Value>(refused).unwrap()["code"].clone();
        for _ in 0..2 {
            let error = directory.digest(&number).await.unwrap_err();
            assert_eq!(error.code(), code.as_str());
            assert_eq!(directory.token(&number).await.unwrap_err().code(), code.as_str());
            assert_eq!(directory.prove().await.unwrap_err().code(), code.as_str());
        }
        let mut asked = registry.asked().into_iter();
        assert!(
            asked.all(|asked| !asked.body.contains("12b46ca4") && !asked.path.ends_with("=49"))
        );
    }
}

#[tokio::test]
async fn an_evaluator_apart_is_asked_and_the_key_is_not_sent_out_of_tls() {
    let evaluator = registry(200, MADE).await;
    let apart = entry("d07c4d5f")
        .replace(r#""calling_code":"49""#, r#""calling_code":"999""#)
        .replace(r#""evaluator":null"#, &format!(r#""evaluator":"{}""#, evaluator.url));
    let registry = FakeRegistry::answering(200, &apart).await;
    let keyless = Directory::new(&registry.client()).prove().await;
    assert_eq!(keyless, Err(Error::NoEvaluatorKey), "it isn't shown the registry's key");
    let key = ApiKey::parse(format!("vk1_app_{}", "e".repeat(32))).unwrap();
    let with_both = |registry: &FakeRegistry| registry.client().with_evaluator_key(key.clone());
    Directory::new(&with_both(&registry)).prove().await.unwrap();
    assert_eq!(evaluator.last().0, "POST /v1/evaluate");
    let bearer = format!("Bearer {}", key.expose());
    assert_eq!(evaluator.asked()[0].header("authorization"), bearer);
    assert_eq!(registry.asked().len(), 2);

    let nowhere = apart.replace(&evaluator.url, "ftp://evaluator.example");
    let registry = FakeRegistry::answering(200, &nowhere).await;
    let error = Directory::new(&with_both(&registry)).prove().await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
}

const KEY_UNKNOWN: &str = r#"{"title": "t", "code": "key_id_unknown"}"#;
const SUSPENDED: &str = r#"{"title": "t", "code": "participant_suspended"}"#;
const AWAY: &str = r#"{"title": "t", "code": "unavailable"}"#;
/// +9990000001 under the key above.
const CANARY: &str =
    "vd1.999.d07c4d5f.7d8aff5ab736d6482dd435fde975a9e9909b197bf9af461934b6bd4efeecafe0";

#[tokio::test]
async fn a_key_that_its_id_does_not_name_is_not_used() {
    let registry = FakeRegistry::answering(200, &entry("d07c4d60")).await;
    let directory = Directory::new(&registry.client());
    let error = directory.digest(&"+491701234567".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::NotOurs { .. }), "{error}");
}
