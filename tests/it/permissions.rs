//! Every route with every kind of key: who may make a call is what the route table says, and what is
//! another's can't be told from what doesn't exist.

use std::time::Instant;

use actix_web::http::Method;
use hyper::Request;
use serde_json::Value;
use vacate::api;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::{Answer, Client};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::participant::{Kind as Role, Permission};
use vacate::http::route::{Access, Route};

use crate::support::cast::PATIENCE;
use crate::support::databases::{Kind, on_both_databases};
use crate::support::world::{World, in_a_world_on_both_databases, run};

/// An id that nothing has; with a prefix of any kind it is well formed.
const NOBODY: &str = "01m83vvccg1rkf6w5nc9bf5hyw";

/// A key: whose, and what it may do. `None`: no key that works.
struct Holder {
    called: String,
    client: Client,
    may: Option<(Role, Vec<Permission>)>,
}

in_a_world_on_both_databases! {
    async fn a_key_opens_the_routes_that_name_its_permission_and_no_other(world: World) {
        world.carrier("northtel").await;
        world.app("skyfare").await;
        for holder in holders(&world).await {
            for route in api::routes().0 {
                let answer = send(&holder.client, &route.method, &filled(&route), "{}").await;
                let call = format!("{}: {} {}", holder.called, route.method, route.path);
                let said = format!("{} {}", answer.status.as_u16(), code(&answer));
                match expected(&holder, &route) {
                    None => assert!(!said.starts_with("401") && !said.starts_with("403"), "{call}: {said}"),
                    Some(expected) => assert_eq!(said, expected, "{call}"),
                }
            }
        }
    }

    async fn a_body_is_not_looked_at_before_its_key(world: World) {
        let stranger = world.with_key("vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV");
        for route in api::routes().0.iter().filter(|route| route.access != Access::Open) {
            let answer = send(&stranger, &route.method, &filled(route), "{}").await;
            assert_eq!(code(&answer), "key_unknown", "{} {}", route.method, route.path);
        }
    }

    async fn what_is_another_s_looks_like_what_does_not_exist(world: World) {
        let carrier = world.carrier("northtel").await;
        let (one, other) = (world.app("skyfare").await, world.app("chatly").await);
        one.binds("u-1", "+491701234567", "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, "+491701234567", "2026-11-23T09:00:00Z").await;
        one.hears().await;
        let delivery = one.client.deliveries(Default::default()).all().await.unwrap().remove(0);
        let key = one.client.keys(Whose::Mine).all().await.unwrap().remove(0);

        let mut compared = 0;
        for route in api::routes().0.iter().filter(|route| route.path.contains("{id}")) {
            let foreign = match route.path.split('/').nth(2).unwrap() {
                "endpoints" => &one.endpoint.id,
                "deliveries" => &delivery.id,
                _ => &key.id,
            };
            let absent = format!("{}_{NOBODY}", foreign.split('_').next().unwrap());
            let admin = route.access == Access::Needs(Permission::Admin);
            let client = if admin { &world.admin } else { &other.client };
            let body = body(route);
            let mut answers = Vec::new();
            for id in [foreign, &absent] {
                let path = route.path.replace("{name}", "chatly").replace("{id}", id);
                let answer = send(client, &route.method, &path, body).await;
                assert_eq!(code(&answer), "not_found", "{} {path}", route.method);
                let mut problem: Value = serde_json::from_slice(&answer.body).unwrap();
                problem.as_object_mut().unwrap().remove("correlator");
                answers.push(problem);
            }
            assert_eq!(answers[0], answers[1], "{} {}", route.method, route.path);
            compared += 1;
        }
        assert!(compared >= 11, "{compared} routes have an id");
        // The lists' filters are no way in either.
        for id in [&one.endpoint.id, &format!("ep_{NOBODY}")] {
            let path = format!("/v1/deliveries?endpoint={id}");
            let answer = send(&other.client, &Method::GET, &path, "").await;
            assert_eq!(code(&answer), "not_found");
        }
        // Nothing of it did anything.
        assert_eq!(one.client.endpoint(&one.endpoint.id).await.unwrap().url, one.endpoint.url);
        assert_eq!(one.client.keys(Whose::Mine).all().await.unwrap().len(), 1);
    }
}

on_both_databases! {
    fn keys_that_are_refused_are_counted_by_address_and_hold_back_no_key_that_works(kind: Kind) {
        run(async {
            let settings = [("limits.requests_per_second", "20")];
            let world = World::start_with(kind, &settings).await;
            let stranger = world.with_key("vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV");
            let began = Instant::now();
            loop {
                let answer = send(&stranger, &Method::POST, "/v1/check", "{}").await;
                assert_eq!(answer.headers["ratelimit-policy"], r#""second";q=20;w=1"#);
                if code(&answer) == "rate_limited" {
                    assert!(answer.headers.contains_key("retry-after"));
                    break;
                }
                assert_eq!(code(&answer), "key_unknown");
                assert!(began.elapsed() < PATIENCE, "never limited");
            }
            world.admin.participant(Whose::Mine).await.unwrap();
        });
    }
}

async fn holders(world: &World) -> Vec<Holder> {
    let mut all = vec![
        Holder { called: "no key".to_owned(), client: world.stranger(), may: None },
        Holder {
            called: "unknown key".to_owned(),
            client: world.with_key("vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV"),
            may: None,
        },
    ];
    for (name, kind) in
        [("northtel", Role::Carrier), ("skyfare", Role::App), ("admin", Role::Admin)]
    {
        let whole = kind.permissions().list();
        let single = whole.iter().map(|permission| vec![*permission]);
        for permissions in single.chain([whole.clone()]) {
            let texts: Vec<&str> = permissions.iter().map(|one| one.text()).collect();
            let called = format!("{} with {}", kind.text(), texts.join(" "));
            let wish = KeyWish { permissions: Some(permissions.clone()), ..KeyWish::new("test") };
            let issued = world.admin.issue_key(Whose::Of(name), &wish).await.unwrap();
            let client = world.with_key(issued.text.expose());
            all.push(Holder { called, client, may: Some((kind, permissions)) });
        }
    }
    all
}

/// What a refused call says; `None` where the key must do.
fn expected(holder: &Holder, route: &Route) -> Option<&'static str> {
    let needed = match route.access {
        Access::Open => return None,
        Access::AnyKey => None,
        Access::Needs(permission) => Some(permission),
    };
    let Some((kind, permissions)) = &holder.may else {
        let without = holder.called == "no key";
        return Some(if without { "401 key_missing" } else { "401 key_unknown" });
    };
    // Carriers and apps both manage their own keys; only apps have endpoints.
    let suits = needed != Some(Permission::Manage)
        || *kind == Role::App
        || route.path.starts_with("/v1/participants/me");
    let may = needed.is_none_or(|needed| permissions.contains(&needed)) && suits;
    (!may).then_some("403 permission_missing")
}

/// A path of the route on which nothing can be broken.
fn filled(route: &Route) -> String {
    let code = if route.path.starts_with("/errors") { "not_found" } else { "49" };
    let prefix = if route.path.contains("keys") { "key" } else { "ep" };
    let id = format!("{prefix}_{NOBODY}");
    let path = route.path.replace("{epoch}", "77");
    path.replace("{name}", "nobody").replace("{id}", &id).replace("{code}", code)
}

/// A body that the route takes.
fn body(route: &Route) -> &'static str {
    match (route.method.as_str(), route.path.contains("keys")) {
        ("PATCH", true) => r#"{"expires_at": "2027-01-01T00:00:00Z"}"#,
        ("PATCH", false) => r#"{"state": "disabled"}"#,
        ("POST", _) if route.path.ends_with("rotate-secret") => "{}",
        _ => "",
    }
}

async fn send(client: &Client, method: &Method, path: &str, body: &str) -> Answer {
    let bodiless = matches!(method.as_str(), "GET" | "DELETE");
    let body = if bodiless { String::new() } else { body.to_owned() };
    let request = Request::builder().method(method.as_str()).uri(path).body(body).unwrap();
    client.raw(request).await.unwrap()
}

fn code(answer: &Answer) -> String {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}
