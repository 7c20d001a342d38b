//! Tokens made on this side, by an evaluator that may lie.

use std::sync::Arc;

use serde_json::{Value, json};
use vacate::client::Error;
use vacate::client::number::Directory;
use vacate::domain::blinded::{Blinded, Proof};
use vacate::domain::number::E164;
use vacate::domain::oprf::EpochKey;
use vacate::entropy::Entropy;

use super::registry::{Asked, FakeRegistry, response};
use crate::numbers::vectors::Vectors;
use crate::support::node::germany;

const NUMBER: &str = "+491701234567";
/// The token of the vectors' first number under epoch 2.
const TOKEN: &str = "vt1.49.c7490aa4.TMCyiikSO3FEWYi4qLR3ugIDbkaxkleqawUO7nH5ZCU";

/// What is said of the canary; nobody looks at the token.
const CANARY_MADE: &str =
    r#"{"tokens": ["vt1.999.c7490aa4.TMCyiikSO3FEWYi4qLR3ugIDbkaxkleqawUO7nH5ZCU"]}"#;

/// How an evaluator lies, if it does: what it makes of an honest answer.
type Lie = fn(&Evaluator, Value) -> Value;

/// One that has the keys of the vectors.
struct Evaluator {
    key: EpochKey,
    other: EpochKey,
    directory: String,
    lie: Lie,
}

impl Evaluator {
    fn new(lie: Lie) -> Evaluator {
        let vectors = Vectors::read();
        let epoch = |epoch: u32| {
            let key = &vectors.keys[&germany()].epochs[&epoch];
            let public_key = vacate::domain::text::to_hex(&key.pk.0);
            json!({"epoch": epoch, "public_key": public_key, "key_id": key.kid, "accepted_until": null})
        };
        let entry = |code: &str| {
            json!({"calling_code": code, "complete_since": null, "through": null, "aging_days": 90,
            "max_lag_days": 40, "freeze_within_hours": 24, "detach_within_hours": 120,
            "epochs": [epoch(1), epoch(2)]})
        };
        let directory_key = vacate::domain::text::to_hex(&vectors.secrets.directory_key.0);
        let directory = json!({"directory_key": directory_key, "key_id": vectors.kids.directory,
            "evaluator": null, "calling_codes": [entry("49"), entry("999")]});
        let [other, key] = [1, 2].map(|epoch| vectors.epoch_key(germany(), epoch));
        Evaluator { key, other, directory: directory.to_string(), lie }
    }

    async fn serve(self) -> FakeRegistry {
        let evaluator = Arc::new(self);
        FakeRegistry::start(move |asked| match asked.path.as_str() {
            "/v1/evaluate" if asked.json().get("numbers").is_some() => response(200, CANARY_MADE),
            "/v1/evaluate" => {
                let honest = evaluator.evaluate(&evaluator.key, asked);
                response(200, &(evaluator.lie)(&evaluator, honest).to_string())
            }
            _ => response(200, &evaluator.directory),
        })
        .await
    }

    fn evaluate(&self, key: &EpochKey, asked: &Asked) -> Value {
        assert_eq!(asked.json()["key_id"], "c7490aa4");
        let points: Vec<Blinded> =
            serde_json::from_value(asked.json()["elements"].clone()).unwrap();
        answer(key.evaluate_and_prove(&points, &mut &Entropy::System).unwrap())
    }
}

fn answer((elements, proof): (Vec<Blinded>, Proof)) -> Value {
    json!({"elements": elements, "proof": proof})
}

/// The same points, evaluated a second time with another key, which is a lie whatever they are.
fn with_another_key(evaluator: &Evaluator, honest: &Value) -> Value {
    let points: Vec<Blinded> = serde_json::from_value(honest["elements"].clone()).unwrap();
    answer(evaluator.other.evaluate_and_prove(&points, &mut &Entropy::System).unwrap())
}

async fn token_of(lie: Lie) -> Result<String, Error> {
    let registry = Evaluator::new(lie).serve().await;
    let number: E164 = NUMBER.parse().unwrap();
    let numbers = vec![number; 3];
    let tokens = Directory::new(&registry.client()).tokens(&numbers).await?;
    assert!(tokens.len() == 3 && tokens[0] == tokens[2]);
    Ok(tokens[0].text())
}

#[tokio::test]
async fn an_honest_evaluator_makes_the_token_of_the_newest_epoch() {
    assert_eq!(token_of(|_, honest| honest).await.unwrap(), TOKEN);
}

#[tokio::test]
async fn what_an_evaluator_does_not_prove_is_no_token() {
    let lies: [(&str, Lie); 6] = [
        ("another key, and its proof", |me, honest| with_another_key(me, &honest)),
        ("another key's points", |me, mut honest| {
            honest["elements"] = with_another_key(me, &honest)["elements"].clone();
            honest
        }),
        ("another key's point, once", |me, mut honest| {
            honest["elements"][1] = with_another_key(me, &honest)["elements"][1].clone();
            honest
        }),
        ("another key's proof", |me, mut honest| {
            honest["proof"] = with_another_key(me, &honest)["proof"].clone();
            honest
        }),
        ("no proof", |_, honest| json!({"elements": honest["elements"]})),
        ("another order", |_, mut honest| {
            honest["elements"].as_array_mut().unwrap().reverse();
            honest
        }),
    ];
    for (what, lie) in lies {
        assert_eq!(token_of(lie).await, Err(Error::Unproven), "{what}");
    }
}

#[tokio::test]
async fn an_answer_of_another_length_is_not_ours() {
    let error = token_of(|_, mut honest| {
        honest["elements"].as_array_mut().unwrap().pop();
        honest
    });
    assert!(matches!(error.await, Err(Error::NotOurs { .. })));
}

#[tokio::test]
async fn a_public_key_that_its_id_does_not_name_is_not_used() {
    let mut evaluator = Evaluator::new(|_, honest| honest);
    evaluator.directory = evaluator.directory.replace("c7490aa4", "c7490aa5");
    let registry = evaluator.serve().await;
    let error = Directory::new(&registry.client()).token(&NUMBER.parse().unwrap()).await;
    assert!(matches!(error, Err(Error::NotOurs { .. })), "{error:?}");
}

/// An epoch that ended while its key was kept here.
#[tokio::test]
async fn a_key_that_was_kept_too_long_is_asked_for_again_once() {
    let evaluator = Arc::new(Evaluator::new(|_, honest| honest));
    let old = evaluator.directory.replace("\"epoch\":2", "\"epoch\":0");
    let directories = std::sync::Mutex::new(vec![evaluator.directory.clone(), old.clone(), old]);
    let unknown = r#"{"title": "t", "code": "key_id_unknown"}"#;
    let registry = FakeRegistry::start(move |asked| {
        if asked.path != "/v1/evaluate" {
            return response(200, &directories.lock().unwrap().pop().unwrap());
        }
        if asked.json().get("numbers").is_some() {
            return response(200, CANARY_MADE);
        }
        if asked.json()["key_id"] == "7648e2e5" {
            return response(422, unknown);
        }
        response(200, &evaluator.evaluate(&evaluator.key, asked).to_string())
    });
    let registry = registry.await;
    let directory = Directory::new(&registry.client());
    assert_eq!(directory.token(&NUMBER.parse().unwrap()).await.unwrap().text(), TOKEN);
    assert_eq!(registry.asked().len(), 6);
}
