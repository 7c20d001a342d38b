//! What of a budget is seen from outside: the refusal, the headers, and nothing about who has bound what.

use serde_json::{Value, json};
use vacate::client::Answer;
use vacate::client::admin::Enrolment;

use super::{VERIFIED, number};
use crate::support::cast::App;
use crate::support::node::germany;
use crate::support::world::{World, in_a_world_on_both_databases};

in_a_world_on_both_databases! {
    async fn an_empty_purse_is_429_and_says_when_to_come_back(world: World) {
        let app = world.app("skyfare").await;
        world.admin.enrol("skyfare", &Enrolment::app("skyfare", 100)).await.unwrap();
        for n in 0..4 {
            let answer = asks(&app, n).await;
            assert_eq!((answer.status.as_u16(), left(&answer, "day")), (200, 4 - u64::from(n)));
            assert_eq!(left(&answer, "90-days"), 149 - u64::from(n));
        }
        let mut items = Vec::new();
        for n in 3..7 {
            items.push(json!({"number": digest(&app, n).await, "verified_at": VERIFIED}));
        }
        let answer = posts(&app, "/v1/checks", json!({"items": items})).await;
        assert_eq!(answer.status.as_u16(), 207);
        let told = body(&answer);
        assert_eq!(told["items"][2]["advice"], "step_up");
        assert_eq!(told["items"][2]["error"]["code"], "budget_exhausted");
        assert_eq!(told["items"][2]["error"]["field"], "/items/2/number");
        assert_eq!(told["summary"], json!({"allow": 0, "step_up": 4, "freeze": 0}));

        let answer = asks(&app, 7).await;
        assert_eq!(answer.status.as_u16(), 429);
        let told = body(&answer);
        assert_eq!((&told["advice"], &told["code"]), (&json!("step_up"), &json!("budget_exhausted")));
        // The clock stands at 09:30.
        assert_eq!(answer.headers["retry-after"], "52200");
        let policy = r#""second";q=2000;w=1, "day";q=5;w=86400, "90-days";q=150;w=7776000"#;
        assert_eq!(answer.headers["ratelimit-policy"], policy);
        assert_eq!(left(&answer, "day"), 0);
    }

    async fn each_point_costs_an_evaluation(world: World) {
        let app = world.app("skyfare").await;
        world.admin.enrol("skyfare", &Enrolment::app("skyfare", 100)).await.unwrap();
        let known = app.client.directory(germany()).await.unwrap();
        let kid = known.calling_codes[0].epochs[0].key_id;
        let evaluate = |count: usize| {
            let elements = vec!["uqYUGjGrCgotYThECdcHyT_-4UCpBPM69j7aMT5NyiM"; count];
            json!({"calling_code": "49", "key_id": kid, "elements": elements})
        };
        let answer = posts(&app, "/v1/evaluate", evaluate(140)).await;
        assert_eq!((answer.status.as_u16(), left(&answer, "evaluations")), (200, 10));
        let answer = posts(&app, "/v1/evaluate", evaluate(11)).await;
        assert_eq!((answer.status.as_u16(), left(&answer, "evaluations")), (429, 10));
        assert_eq!(body(&answer)["code"], "budget_exhausted");
        let days = answer.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() / 86_400;
        assert!((90..100).contains(&days), "{days}");
        let answer = posts(&app, "/v1/evaluate", evaluate(10)).await;
        assert_eq!((answer.status.as_u16(), left(&answer, "evaluations")), (200, 0));
        assert_eq!(asks(&app, 1).await.status.as_u16(), 200, "numbers are another purse");
    }

    async fn a_check_by_handle_says_nothing_of_budgets(world: World) {
        let app = world.app("skyfare").await;
        asks(&app, 1).await;
        let put = json!({"account_ref": "u-1", "number": digest(&app, 2).await, "verified_at": VERIFIED});
        let answer = posts(&app, "/v1/bindings", json!({"items": [put]})).await;
        assert_eq!((left(&answer, "day"), left(&answer, "90-days")), (49, 1_498));
        let bound = body(&answer);
        let answer = posts(&app, "/v1/check", json!({"number": bound["items"][0]["handle"]})).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.headers["ratelimit-policy"], r#""second";q=2000;w=1"#);
    }

    async fn whether_anybody_has_bound_a_number_is_not_seen(world: World) {
        let (one, other) = (world.app("skyfare").await, world.app("chatly").await);
        one.binds("u-1", &number(1), VERIFIED).await;
        let (bound, unbound) = (asks(&other, 1).await, asks(&other, 2).await);
        assert_eq!(bound.body, unbound.body);
        assert_eq!((left(&bound, "day"), left(&unbound, "day")), (49, 48));
        // Not to who has bound it, either.
        let (bound, unbound) = (asks(&one, 1).await, asks(&one, 2).await);
        assert_eq!(bound.body, unbound.body);
        assert_eq!((left(&bound, "day"), left(&unbound, "day")), (49, 48));
    }
}

async fn asks(app: &App, n: u32) -> Answer {
    let question = json!({"number": digest(app, n).await, "verified_at": VERIFIED});
    posts(app, "/v1/check", question).await
}

async fn posts(app: &App, path: &str, body: Value) -> Answer {
    let request = hyper::Request::post(path).header("content-type", "application/json");
    app.client.raw(request.body(body.to_string()).unwrap()).await.unwrap()
}

async fn digest(app: &App, n: u32) -> String {
    app.digest(&number(n)).await.text()
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// What an answer says is left of a purse.
fn left(answer: &Answer, purse: &str) -> u64 {
    let told = answer.headers["ratelimit"].to_str().unwrap();
    let item = told.split(", ").find(|item| item.starts_with(&format!("\"{purse}\"")));
    let left = item.and_then(|item| item.split(';').find_map(|part| part.strip_prefix("r=")));
    left.unwrap_or_else(|| panic!("{purse} isn't in {told}")).parse().unwrap()
}
