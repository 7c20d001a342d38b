//! Calling code 999: eight numbers that answer the same on every registry, so that an app can build
//! the whole loop before any carrier joins.

use std::time::{Duration, Instant};

use vacate::client::app::ToBind;
use vacate::client::carrier::Clearance;
use vacate::domain::binding::{Did, Proof};
use vacate::domain::duty::Demand;
use vacate::domain::event::EventType::Disconnected;

use crate::support::node::moment;
use crate::support::world::{World, in_a_world_on_both_databases};

const LONG_AGO: &str = "2020-06-01T12:00:00Z";
const JUST_NOW: &str = "2026-11-23T09:29:00Z";

/// Last digit, and what a check says.
const ANSWERS: [(u32, &str); 7] = [
    (1, "allow unchanged no_change"),
    (2, "freeze changed reassigned"),
    (3, "freeze changed disconnected"),
    (4, "step_up changed uncorroborated"),
    (5, "step_up cannot_tell not_covered"),
    (6, "step_up unavailable"),
    (7, "step_up rate_limited"),
];

in_a_world_on_both_databases! {
    async fn each_test_number_has_its_answer_whatever_the_date_and_the_form(world: World) {
        let app = world.app("skyfare").await;
        for (digit, answer) in ANSWERS {
            let number = number(digit);
            for date in [LONG_AGO, JUST_NOW] {
                assert_eq!(app.checks_number(&number, date).await, answer, "{number} {date}");
            }
            let bound = app.binds(&format!("u-{digit}"), &number, JUST_NOW).await;
            assert_eq!(app.checks(bound.handle).await, answer, "{number} by handle");
        }
    }

    async fn binding_to_a_number_that_changed_hands_demands_at_once(world: World) {
        let app = world.app("skyfare").await;
        for (digit, demand, heard) in [
            (2, Demand::Detach, "account.detach_requested u-2 #1 reassigned"),
            (3, Demand::Freeze, "account.freeze_requested u-3 #1 disconnected"),
            (4, Demand::StepUp, "account.step_up_requested u-4 #1 uncorroborated"),
        ] {
            let account = format!("u-{digit}");
            let bound = app.binds(&account, &number(digit), JUST_NOW).await;
            assert_eq!((bound.demand, bound.revision), (demand, 1));
            assert_eq!(app.hears().await, heard);
        }
        app.did("u-2", Did::Detached).await;
        app.did("u-3", Did::Frozen).await;
        let put = app.put("u-3", &number(3), "2026-11-23T09:30:00Z").await;
        let proved = ToBind { proof: Some(Proof::InPerson), ..put };
        assert_eq!(app.puts(proved).await.unwrap_err().code, "still_changed");
        // They are constants: a year changes nothing.
        world.pass(365);
        app.hears_nothing().await;
        assert_eq!(app.binding("u-3").await.duty.demand, Demand::Freeze);
    }

    async fn the_slow_number_outlasts_a_client_s_patience(world: World) {
        let app = world.app("skyfare").await;
        let digest = app.digest(&number(8)).await.text();
        assert_eq!(app.checks_number(&number(8), JUST_NOW).await, "step_up no answer");
        let body = format!(r#"{{"number": "{digest}", "verified_at": "{JUST_NOW}"}}"#);
        let began = Instant::now();
        let request = hyper::Request::post("/v1/check").body(body).unwrap();
        let answer: serde_json::Value = app.client.raw(request).await.unwrap().json().unwrap();
        assert_eq!(answer["advice"], "allow");
        assert!(began.elapsed() >= Duration::from_secs(5), "{:?}", began.elapsed());
    }

    async fn a_ninth_number_is_none(world: World) {
        let app = world.app("skyfare").await;
        assert_eq!(app.checks_number(&number(9), JUST_NOW).await, "step_up test_number_unknown");
        let put = app.put("u-9", &number(9), JUST_NOW).await;
        assert_eq!(app.puts(put).await.unwrap_err().code, "test_number_unknown");
    }

    async fn any_carrier_may_ask_for_a_test_number_but_say_nothing_of_it(world: World) {
        let carrier = world.carrier("northtel").await;
        for digit in 1..=8 {
            let expected = if digit == 3 { Clearance::Clear } else { Clearance::NotVacant };
            assert_eq!(carrier.asks_for(&number(digit)).await, expected, "…{digit}");
        }
        let asked = carrier.asks(&number(9)).await;
        assert_eq!(asked.error.expect("refused").code, "test_number_unknown");
        let event = vacate::client::carrier::Event::new(
            "e-1",
            Disconnected,
            carrier.digest(&number(1)).await,
            vacate::domain::time::Stated::At(moment(JUST_NOW)),
        );
        let published = carrier.client.publish(&[event], None).await.unwrap();
        let refused = published.items[0].told().unwrap_err();
        assert_eq!(refused.code, "calling_code_not_granted");
    }
}

fn number(digit: u32) -> String {
    format!("+999000000{digit}")
}
