//! Requests that are wrong as a whole: too big, too slow, of another type; and batches in which some
//! items are.

use hyper::Request;
use hyper::header::{ALLOW, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{refusal, send};
use crate::support::databases::Kind;
use crate::support::world::{World, in_a_world_on_both_databases, run};

in_a_world_on_both_databases! {
    async fn a_body_of_more_than_two_mebibytes_is_refused(world: World) {
        let app = world.app("skyfare").await;
        let filler = "x".repeat(2 * 1024 * 1024 + 1);
        let answer = send(&app.client, "POST /v1/check", &filler).await;
        assert_eq!(refusal(&answer), "413 body_too_large -");
    }

    async fn a_head_of_more_than_sixteen_kibibytes_is_refused(world: World) {
        let app = world.app("skyfare").await;
        let answered = async |bytes: usize| {
            let filler = "4917".repeat(bytes / 4 + 1);
            let request = Request::post("/v1/check").header(CONTENT_TYPE, "application/json");
            let filled = request.header("x-filler", &filler[..bytes]).body("{}".to_owned());
            let answer = app.client.raw(filled.unwrap()).await.unwrap();
            let body = String::from_utf8(answer.body.clone()).unwrap();
            assert!(body.starts_with(r#"{"advice":"step_up","#), "{body}");
            refusal(&answer)
        };
        assert_eq!(answered(15 * 1024).await, "400 field_missing /number");
        assert_eq!(answered(16 * 1024).await, "431 head_too_large -");
        assert_eq!(answered(100 * 1024).await, "431 head_too_large -");

        let query = format!("GET /v1/bindings?after=c1.{}", "x".repeat(16 * 1024));
        assert_eq!(refusal(&send(&app.client, &query, "").await), "431 head_too_large -");
        assert_eq!(refusal(&send(&world.stranger(), &query, "").await), "431 head_too_large -");
    }

    async fn a_body_that_isn_t_declared_as_json_is_refused(world: World) {
        let app = world.app("skyfare").await;
        for declared in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let request = Request::post("/v1/check").header(CONTENT_TYPE, declared);
            let answer = app.client.raw(request.body("{}".to_owned()).unwrap()).await.unwrap();
            assert_eq!(refusal(&answer), "415 content_type_unsupported Content-Type");
        }
        let request = Request::post("/v1/check")
            .header(CONTENT_TYPE, "Application/JSON; charset=utf-8")
            .body("{}".to_owned())
            .unwrap();
        let answer = app.client.raw(request).await.unwrap();
        assert_eq!(refusal(&answer), "400 field_missing /number");
    }

    async fn a_correlator_that_may_hold_a_number_or_a_secret_is_replaced(world: World) {
        let app = world.app("skyfare").await;
        let comes_back = async |given: &str| {
            let request = Request::post("/v1/check").header("x-correlator", given);
            let answer = app.client.raw(request.body("{}".to_owned()).unwrap()).await.unwrap();
            answer.headers["x-correlator"] == given
        };
        let handle = app.binds("u-1", "+491701234567", "2025-06-01T12:00:00Z").await.handle.text();
        for kept in [
            "c-7",
            "order:4711/42",
            "f81d4fae-7dec-11d0-a765",
            "4bf92f35a7b34da6a3ce929d0e0e4736",
            "app1.eu",
            "vh1",
            "123456",
        ] {
            assert!(comes_back(kept).await, "{kept}");
        }
        for replaced in [
            &handle,
            "login/vd1.49.d07c4d5f",
            "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
            "vt1.49.7648e2e5",
            "key:vk1_app_hoverfly",
            "<whsec_hoverfly>",
            "p1.AAAA",
            "after;c1.AAAA",
            "1234567",
            "49-1701-2345",
            "49_1701:23;45",
            "4/9<1>7{0}1.2",
        ] {
            assert!(!comes_back(replaced).await, "{replaced}");
        }
    }

    async fn a_method_that_a_path_doesn_t_take_is_told_those_that_it_does(world: World) {
        let app = world.app("skyfare").await;
        for (call, allowed) in [
            ("DELETE /v1/check", "POST"),
            ("PUT /v1/bindings", "POST, GET"),
            ("POST /v1/participants/me", "GET"),
            ("PUT /v1/endpoints/ep_1", "GET, PATCH, DELETE"),
        ] {
            let answer = send(&app.client, call, "").await;
            assert_eq!(refusal(&answer), "405 method_not_allowed -", "{call}");
            assert_eq!(answer.headers[ALLOW], allowed, "{call}");
        }
    }

    async fn a_check_that_fails_says_step_up_first(world: World) {
        let app = world.app("skyfare").await;
        for call in ["POST /v1/check", "POST /v1/checks", "GET /v1/check"] {
            for client in [&app.client, &world.stranger()] {
                let answer = send(client, call, "{}").await;
                let body = String::from_utf8(answer.body).unwrap();
                assert!(body.starts_with(r#"{"advice":"step_up","#), "{call}: {body}");
            }
        }
    }

    async fn one_bad_item_is_refused_in_its_place_and_the_good_ones_stand(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let digest = app.digest("+491701234567").await.text();
        let put = |account: &str, number: &str| {
            json!({"account_ref": account, "number": number, "verified_at": "2025-01-01T00:00:00Z"})
        };
        let body = json!({"items": [
            put("u-1", &digest), put("u-2", "+491701234567"), 7, put("u-4", &digest),
        ]});
        let answer = send(&app.client, "POST /v1/bindings", &body.to_string()).await;
        assert_eq!(answer.status.as_u16(), 207);
        let answer: Value = answer.json().unwrap();
        assert_eq!(answer["summary"], json!({"accepted": 2, "duplicate": 0, "rejected": 2}));
        let told: Vec<(&Value, &Value)> = answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (&item["account_ref"], &item["error"]["field"]))
            .collect();
        assert_eq!(
            told,
            [
                (&json!("u-1"), &Value::Null),
                (&json!("u-2"), &json!("/items/1/number")),
                (&Value::Null, &json!("/items/2")),
                (&json!("u-4"), &Value::Null),
            ]
        );
        assert!(app.client.binding("u-2").await.unwrap().is_none());
        app.binding("u-4").await;

        // A rejected item keeps the watermark where it was.
        let body = json!({"through": "2026-11-23T09:30:00Z", "items": [
            {"id": "e-1", "type": "held", "number": digest, "effective_on": "2026-11-01"},
            {"id": "e-2", "type": "held", "number": "+491701234567", "effective_on": "2026-11-01"},
        ]});
        world.pass_ms(60 * 60 * 1_000);
        let later = body.to_string().replace("09:30:00Z", "10:30:00Z");
        let answer = send(&carrier.client, "POST /v1/events", &later).await;
        assert_eq!(refusal(&answer), "207 number_plain /items/1/number");
        let answer: Value = answer.json().unwrap();
        assert_eq!(answer["through"], "2026-11-23T09:30:00Z");
        assert_eq!(answer["items"][0]["outcome"], "accepted");
    }

    async fn a_cursor_is_good_for_a_day(world: World) {
        let app = world.app("skyfare").await;
        for account in ["u-1", "u-2", "u-3"] {
            app.binds(account, "+491701234567", "2025-01-01T00:00:00Z").await;
        }
        let first = app.client.bindings().page(Some(2), None).await.unwrap();
        assert_eq!(first.items.len(), 2);
        assert_eq!(first.items[0].duty.account_ref, "u-3", "newest first");
        let next = first.next.expect("a third");
        world.pass(1);
        let second = app.client.bindings().page(Some(2), Some(&next)).await.unwrap();
        assert_eq!(second.items[0].duty.account_ref, "u-1");
        assert_eq!((second.items.len(), second.next), (1, None));
        world.pass_ms(1);
        let refused = app.client.bindings().page(Some(2), Some(&next)).await.unwrap_err();
        assert_eq!(refused.code(), Some("cursor_invalid"));
    }

    async fn bytes_that_are_no_text_are_no_json(world: World) {
        let answer = raw(&world, b"POST /v1/check", b"{\"number\": \"\xff\"}", 13).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("body_malformed"), "{answer}");
    }
}

#[test]
fn a_body_that_doesn_t_come_is_cut_off() {
    run(async {
        let settings = [("server.body_seconds_max", "1")];
        let world = World::start_with(Kind::Sqlite, &settings).await;
        let answer = raw(&world, b"POST /v1/check", b"{\"number\": ", 100).await;
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_too_slow"),
            "{answer}"
        );
        assert!(answer.contains(r#"{"advice":"step_up","#), "{answer}");
    });
}

/// Sends bytes as they are, with a declared length, and reads until the server has no more to say.
async fn raw(world: &World, call: &[u8], body: &[u8], length: usize) -> String {
    use vacate::client::keys::{KeyWish, Whose};

    world.app("skyfare").await;
    let wish = KeyWish::new("raw");
    let key = world.admin.issue_key(Whose::Of("skyfare"), &wish).await.unwrap().text;
    let head = format!(
        " HTTP/1.1\r\nhost: registry\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        key.expose()
    );
    let mut stream = TcpStream::connect(world.address()).await.unwrap();
    stream.write_all(&[call, head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}
