//! How messages are sent: none waits for another without need, and none is sent that nobody would settle.

use std::time::Duration;

use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use vacate::client::endpoints::{Delivery, DeliveryState};
use vacate::client::receiver::Reply;
use vacate::domain::event::EventType::Disconnected;

use crate::support::cast::{App, Carrier, PATIENCE};
use crate::support::databases::{Kind, on_both_databases};
use crate::support::world::{World, in_a_world_on_both_databases, run};
use crate::webhooks::receiver::{Receiver, hear, ok};

const IN_FLIGHT: usize = 4;
/// More than the half of it is never sent at once.
const ACCOUNTS: usize = 12;
/// Shorter than an attempt may take, and long enough to look at what happens meanwhile.
const SLOW: Duration = Duration::from_secs(3);

on_both_databases! {
    fn whoever_stops_sends_nothing_more_and_settles_what_is_under_way(kind: Kind) {
        run(stopped_while_sending(kind));
    }
}

async fn stopped_while_sending(kind: Kind) {
    let in_flight = IN_FLIGHT.to_string();
    let settings =
        [("webhooks.in_flight_per_endpoint_max", &*in_flight), ("server.stop_seconds_max", "20")];
    let mut world = World::start_with(kind, &settings).await;
    let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
    app.receiver.reply(Reply::default().after(SLOW));
    // A request that is answered after five seconds: the messages don't wait for its end.
    let question = json!({"number": app.digest("+9990000008").await.text(),
        "verified_at": "2025-06-01T12:00:00Z"});
    let slow = Request::post("/v1/check").header(CONTENT_TYPE, "application/json");
    let slow = slow.body(question.to_string()).unwrap();
    let client = app.client.clone();
    let asking = tokio::spawn(async move { client.raw(slow).await });
    for n in 0..ACCOUNTS {
        binds_and_loses(&carrier, &app, n).await;
    }
    app.receiver.seen_at_least(IN_FLIGHT, PATIENCE).await.expect("some are under way");
    world.stop().await;

    let sent = i64::try_from(app.receiver.seen().len()).unwrap();
    assert_eq!(sent, i64::try_from(IN_FLIGHT).unwrap());
    let count = |what: &str| world.database.find(&format!("SELECT count(*) AS n FROM {what}"))[0];
    assert_eq!(count("attempts"), sent);
    assert_eq!(count("deliveries WHERE state = 2 AND tries = 1"), sent);
    let waiting = i64::try_from(ACCOUNTS).unwrap() - sent;
    assert_eq!(count("deliveries WHERE state = 1 AND tries = 0"), waiting, "none was only counted");
    let now = world.clock.now_ms();
    assert_eq!(count(&format!("endpoints WHERE leased_until <= {now}")), 1, "it is given back");
    assert_eq!(asking.await.unwrap().unwrap().status, StatusCode::OK);
}

in_a_world_on_both_databases! {
    async fn a_receiver_that_is_slow_with_one_message_gets_the_next(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.receiver.reply(Reply::default().after(SLOW));
        binds_and_loses(&carrier, &app, 0).await;
        app.receiver.seen_at_least(1, PATIENCE).await.expect("the first is under way");
        app.receiver.reply(Reply::default());
        binds_and_loses(&carrier, &app, 1).await;
        let [second, first] = once(&app, |all| all[0].state == DeliveryState::Delivered).await;
        assert_eq!((first.state, first.attempts.len()), (DeliveryState::Pending, 0));
        assert_eq!(second.attempts.len(), 1);
        let [_, first] = once(&app, |all| all[1].state == DeliveryState::Delivered).await;
        assert!(first.attempts[0].took_ms >= 3_000, "{first:?}");
    }

    async fn what_a_receiver_repeats_is_stored_for_nobody_but_its_app(world: World) {
        let carrier = world.carrier("northtel").await;
        let app = world.app("skyfare").await;
        let echo = Receiver::start(async |mut stream, _| {
            while let Some(request) = hear(&mut stream).await {
                let (_, body) = request.split_once("\r\n\r\n").unwrap();
                stream.write_all(ok(body).as_bytes()).await.unwrap();
            }
        });
        let echo = echo.await;
        app.client.remove_endpoint(&app.endpoint.id).await.unwrap();
        app.client.add_endpoint(&echo.url(), &[]).await.unwrap();
        app.binds("account-of-ada", "+491701234567", "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, "+491701234567", "2026-11-23T09:00:00Z").await;

        let [delivery] = once(&app, |all| all[0].state == DeliveryState::Delivered).await;
        let answer = delivery.attempts[0].answer.as_ref().unwrap();
        assert!(answer.contains(r#""account_ref":"account-of-ada""#), "{answer}");
        let hex = match world.database.kind() {
            Kind::Sqlite => "lower(hex(answer))",
            Kind::Postgres => "encode(answer, 'hex')",
        };
        let holds = |text: &str| {
            let text: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            let sql = format!("SELECT count(*) AS n FROM attempts WHERE {hex} LIKE '%{text}%'");
            world.database.find(&sql)
        };
        assert_eq!((holds(""), holds("ada"), holds("freeze")), (vec![1], vec![0], vec![0]));
    }

    async fn a_test_goes_past_an_open_breaker_and_all_that_waits(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.receiver.reply(Reply::status(StatusCode::INTERNAL_SERVER_ERROR));
        for n in 0..ACCOUNTS {
            binds_and_loses(&carrier, &app, n).await;
        }
        let failing = async || app.client.endpoint(&app.endpoint.id).await.unwrap().failing_since;
        app.receiver.seen_at_least(5, PATIENCE).await.expect("enough fail");
        let tried = |all: &[Delivery]| all.iter().filter(|one| !one.attempts.is_empty()).count();
        let _: [Delivery; ACCOUNTS] = once(&app, |all| tried(all) >= 5).await;
        assert!(failing().await.is_some());

        app.receiver.reply(Reply::default());
        let tested = app.client.test_endpoint(&app.endpoint.id).await.unwrap();
        assert_eq!(tested.state, DeliveryState::Delivered);
        // It is back, and everybody may know.
        assert_eq!(failing().await, None);
    }

    async fn a_message_that_can_t_be_signed_is_a_failure_of_ours_and_not_the_receiver_s(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        world.database.meddle(match world.database.kind() {
            Kind::Sqlite => "UPDATE endpoints SET secret = x'00'",
            Kind::Postgres => r"UPDATE endpoints SET secret = '\x00'",
        });
        for n in 0..ACCOUNTS {
            binds_and_loses(&carrier, &app, n).await;
        }
        let all: [Delivery; ACCOUNTS] =
            once(&app, |all| all.iter().all(|one| !one.attempts.is_empty())).await;
        for delivery in &all {
            let attempt = &delivery.attempts[0];
            assert_eq!(attempt.error.as_deref(), Some("not sent: our own failure"));
            assert_eq!(delivery.state, DeliveryState::Pending);
            assert!(delivery.next_attempt_at > Some(world.clock.now()), "{delivery:?}");
        }
        assert_eq!(app.client.endpoint(&app.endpoint.id).await.unwrap().failing_since, None);
        assert!(app.receiver.seen().is_empty());
    }
}

/// Binds one account, whose number is then lost.
async fn binds_and_loses(carrier: &Carrier, app: &App, n: usize) {
    let number = format!("+4917012345{n:02}");
    app.binds(&format!("u-{n}"), &number, "2025-06-01T12:00:00Z").await;
    carrier.publishes(&format!("e-{n}"), Disconnected, &number, "2026-11-23T09:00:00Z").await;
}

/// All deliveries with their attempts, newest first, once they are so many and as they should be.
async fn once<const N: usize>(app: &App, is_so: impl Fn(&[Delivery]) -> bool) -> [Delivery; N] {
    let waiting = async {
        loop {
            let mut all = Vec::new();
            for one in app.client.deliveries(Default::default()).all().await.expect("a list") {
                all.push(app.client.delivery(&one.id).await.expect("a delivery"));
            }
            if all.len() == N && is_so(&all) {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    let all = tokio::time::timeout(PATIENCE, waiting).await.expect("it comes about");
    all.try_into().expect("so many")
}
