//! What `POST /v1/evaluate` refuses.

use serde_json::{Value, json};
use vacate::domain::calling_code::CallingCode;
use vacate::domain::number::{E164, KeyId};

use super::{refusal, send};
use crate::support::databases::Kind;
use crate::support::node::germany;
use crate::support::world::{World, run};

/// The contract's: a blinded +491701234567.
const POINT: &str = "uqYUGjGrCgotYThECdcHyT_-4UCpBPM69j7aMT5NyiM";
const IDENTITY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NOT_CANONICAL: &str = "7f_______________________________________38";

#[test]
fn each_mistake_in_an_evaluation_has_its_code_at_its_place() {
    run(async {
        let world = World::start(Kind::Sqlite).await;
        let app = world.app("skyfare").await;
        let digest = app.digest("+491701234567").await.text();
        let entry = app.client.directory(germany()).await.unwrap();
        let epoch = entry.calling_codes[0].epochs[0].key_id;
        let (kid, foreign) = (entry.key_id.to_string(), app.digest("+447911123456").await.text());
        let token = format!("vt1.49.{epoch}.{POINT}");
        let test = app.client.directory(CallingCode::TEST).await.unwrap();
        let of_a_test_number = |digit: &str| {
            let number: E164 = format!("+999000000{digit}").parse().unwrap();
            let digest = test.directory_key.digest(&number);
            let key_id = test.calling_codes[0].epochs[0].key_id;
            json!({"calling_code": "999", "key_id": key_id, "numbers": [digest]})
        };
        for (body, expected) in [
            (with(epoch, json!([POINT])), "200 - -"),
            (with(epoch, json!([])), "422 items_out_of_range /elements"),
            (with(epoch, json!(vec![POINT; 1_001])), "422 items_out_of_range /elements"),
            (with(epoch, json!([POINT, IDENTITY])), "422 element_invalid /elements/1"),
            (with(epoch, json!([NOT_CANONICAL])), "422 element_invalid /elements/0"),
            (with(epoch, json!([POINT, digest])), "422 element_invalid /elements/1"),
            (with(epoch, json!([POINT, format!("{POINT}=")])), "422 element_invalid /elements/1"),
            (with(epoch, json!([POINT, "+491701234567"])), "422 number_plain /elements/1"),
            (with(epoch, json!([491_701_234_567_u64])), "400 field_wrong_type /elements/0"),
            (with(epoch, json!("+491701234567")), "400 field_wrong_type /elements"),
            (with(entry.key_id, json!([POINT])), "422 key_id_unknown /key_id"),
            (but(epoch, "key_id", json!("7648E2E5")), "422 number_malformed /key_id"),
            (but(epoch, "calling_code", json!("1")), "422 key_id_unknown /key_id"),
            (
                but(epoch, "calling_code", json!("4917012")),
                "422 calling_code_unknown /calling_code",
            ),
            (but(epoch, "proof", json!("491701234567")), "400 field_wrong_type /proof"),
            (but(epoch, "phone", json!("491701234567")), "400 field_unknown /phone"),
            (but(epoch, "numbers", json!([digest])), "400 field_unknown /numbers"),
            (but(epoch, "elements", json!(null)), "400 field_missing /elements"),
            (instead(epoch, json!([digest])), "200 - -"),
            (instead(epoch, json!([])), "422 items_out_of_range /numbers"),
            (instead(epoch, json!(vec![&digest; 1_001])), "422 items_out_of_range /numbers"),
            (instead(epoch, json!([digest, "+491701234567"])), "422 number_plain /numbers/1"),
            (instead(epoch, json!([POINT])), "422 number_malformed /numbers/0"),
            (instead(epoch, json!([token])), "422 number_malformed /numbers/0"),
            (instead(epoch, json!([digest, foreign])), "422 calling_codes_mixed /numbers/1"),
            (
                instead(epoch, json!([digest.replacen(&kid, "deadbeef", 1)])),
                "422 key_id_unknown /numbers/0",
            ),
            (instead(entry.key_id, json!([digest])), "422 key_id_unknown /key_id"),
            (of_a_test_number("1"), "200 - -"),
            (of_a_test_number("9"), "422 test_number_unknown /numbers/0"),
        ] {
            for proof in [false, true] {
                let mut body = body.clone();
                if body.get("proof").is_none() {
                    body["proof"] = json!(proof);
                }
                let answer = send(&app.client, "POST /v1/evaluate", &body.to_string()).await;
                assert_eq!(refusal(&answer), expected, "{body}");
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(!said.contains("1701234567") && !said.contains(&digest[20..]), "{said}");
            }
        }
    });
}

fn with(key_id: KeyId, elements: Value) -> Value {
    json!({"calling_code": "49", "key_id": key_id, "elements": elements})
}

/// Digests in the place of points.
fn instead(key_id: KeyId, numbers: Value) -> Value {
    json!({"calling_code": "49", "key_id": key_id, "numbers": numbers})
}

fn but(key_id: KeyId, member: &str, value: Value) -> Value {
    let mut body = with(key_id, json!([POINT]));
    body[member] = value;
    body
}
