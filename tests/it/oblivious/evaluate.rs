//! `POST /v1/evaluate` over HTTP: whoever has a key makes tokens, and they reach the rows that digests
//! reach.

use serde_json::json;
use vacate::client::app::ToBind;
use vacate::client::carrier::Event;
use vacate::client::check::Question;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::number::Directory;
use vacate::client::tokens::Evaluation;
use vacate::domain::blinded::Blinding;
use vacate::domain::calling_code::CallingCode;
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::{E164, NumberText};
use vacate::domain::oprf::DirectoryKey;
use vacate::domain::secret::Secret;
use vacate::domain::text;
use vacate::domain::time::Stated;
use vacate::entropy::Entropy;

use crate::client::registry::FakeRegistry;
use crate::support::node::{germany, moment};
use crate::support::world::{World, in_a_world_on_both_databases};

const NUMBER: &str = "+491701234567";
const LAST_YEAR: &str = "2025-06-01T12:00:00Z";

in_a_world_on_both_databases! {
    async fn a_token_reaches_the_row_that_the_digest_reaches(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let token = Directory::new(&app.client).token(&number(NUMBER)).await.unwrap();
        assert!(matches!(token, NumberText::Token { .. }), "{token:?}");

        let bound = app.binds("u-1", NUMBER, LAST_YEAR).await;
        assert_eq!(app.checks(bound.handle).await, "allow unchanged no_change");
        let question = Question { number: token, verified_at: Some(moment(LAST_YEAR)) };
        let asked = app.client.check(question, None).await.told.unwrap();
        assert_eq!(asked.reason.as_deref(), Some("no_change"));

        // Another blind, the same token; sent by the carrier, it freezes what was bound by digest.
        let again = Directory::new(&carrier.client).token(&number(NUMBER)).await.unwrap();
        assert_eq!(again, token);
        let at = Stated::At(moment("2026-11-23T09:00:00Z"));
        let event = Event::new("e-1", Disconnected, token, at);
        carrier.client.publish(&[event], None).await.unwrap().items[0].told().unwrap();
        assert_eq!(app.hears().await, "account.freeze_requested u-1 #1 disconnected");
        assert_eq!(app.checks(bound.handle).await, "freeze changed disconnected");
        assert_eq!(app.checks_number(NUMBER, LAST_YEAR).await, "freeze changed disconnected");
        let checked = app.client.check(question, None).await.told.unwrap();
        assert_eq!(checked.reason.as_deref(), Some("disconnected"));

        // And the other way round: bound by token, found by the carrier's digest.
        let other = Directory::new(&app.client).token(&number("+491709999999")).await.unwrap();
        app.puts(ToBind::new("u-2", other, moment(LAST_YEAR))).await.unwrap();
        carrier.publishes("e-2", Disconnected, "+491709999999", "2026-11-23T09:00:00Z").await;
        assert_eq!(app.hears().await, "account.freeze_requested u-2 #1 disconnected");
    }

    async fn a_thousand_numbers_of_several_calling_codes_come_back_in_their_order(world: World) {
        let app = world.app("skyfare").await;
        let numbers: Vec<E164> = (0..1_100)
            .map(|n| number(&if n % 10 == 0 { format!("+1202555{n:04}") } else { format!("+4917{n:08}") }))
            .collect();
        let directory = Directory::new(&app.client);
        let tokens = directory.tokens(&numbers).await.unwrap();
        assert_eq!(tokens.len(), numbers.len());
        for place in [0, 1, 9, 10, 999, 1_090, 1_099] {
            assert_eq!(directory.token(&numbers[place]).await.unwrap(), tokens[place]);
            assert_eq!(tokens[place].calling_code(), numbers[place].calling_code());
        }
        assert_eq!(directory.tokens(&[]).await.unwrap(), []);
    }

    async fn any_key_may_evaluate_and_a_proof_comes_only_where_it_is_asked_for(world: World) {
        let carrier = world.carrier("northtel").await;
        for client in [&world.admin, &carrier.client] {
            let entry = client.directory(germany()).await.unwrap();
            let key_id = entry.calling_codes[0].epochs[0].key_id;
            let (_, elements) = Blinding::new(&[[7; 32], [8; 32]], &mut &Entropy::System);
            let plain = Evaluation { calling_code: germany(), key_id, elements, proof: false };
            let without = client.evaluate(&plain).await.unwrap();
            let with = client.evaluate(&Evaluation { proof: true, ..plain }).await.unwrap();
            assert_eq!(without.elements, with.elements);
            assert_eq!((without.proof, with.proof.is_some()), (None, true));
        }
    }

    async fn who_can_not_blind_has_digests_made_into_the_same_tokens(world: World) {
        let app = world.app("skyfare").await;
        let entry = app.client.directory(germany()).await.unwrap();
        let key_id = entry.calling_codes[0].epochs[0].key_id;
        let digests = [app.digest(NUMBER).await, app.digest("+491709999999").await];
        let made = app.client.evaluate_digests(germany(), key_id, &digests).await.unwrap();
        let directory = Directory::new(&app.client);
        let blinded = directory.tokens(&[number(NUMBER), number("+491709999999")]).await.unwrap();
        assert_eq!(made, blinded);
    }

    async fn a_client_whose_directory_key_is_wrong_makes_no_number(world: World) {
        let app = world.app("skyfare").await;
        let code = CallingCode::TEST;
        let entry = app.client.directory(code).await.unwrap();
        let epoch = &entry.calling_codes[0].epochs[0];
        let wrong = DirectoryKey(Secret::new([7; 32]));
        // Somebody between them, who hands out another key and passes the rest on.
        let told = |key: &DirectoryKey| {
            json!({"directory_key": text::to_hex(key.0.expose()), "key_id": key.kid(),
                "evaluator": world.witness.url, "calling_codes": [{"calling_code": code,
                "complete_since": null, "through": null, "aging_days": 90, "max_lag_days": 40,
                "freeze_within_hours": 24, "detach_within_hours": 120, "epochs": [
                {"epoch": 1, "public_key": text::to_hex(&epoch.public_key),
                    "key_id": epoch.key_id, "accepted_until": null}]}]})
        };
        let key = world.desk.admin.issue_key(Whose::Of("skyfare"), &KeyWish::new("x")).await;
        let key = key.unwrap().text;
        for (given, code) in [(&wrong, Some("key_id_unknown")), (&entry.directory_key, None)] {
            let between = FakeRegistry::answering(200, &told(given).to_string()).await;
            let client = between.client().with_evaluator_key(key.clone());
            let directory = Directory::new(&client);
            let number = number("+9990000001");
            let refused = directory.digest(&number).await.err();
            assert_eq!(refused.as_ref().and_then(|error| error.code()), code, "{refused:?}");
            assert_eq!(directory.token(&number).await.is_err(), code.is_some());
        }
    }

    async fn an_unknown_key_id_is_an_error_and_never_an_answer(world: World) {
        let app = world.app("skyfare").await;
        let entry = app.client.directory(germany()).await.unwrap();
        let key_id = entry.calling_codes[0].epochs[0].key_id;
        let (_, elements) = Blinding::new(&[[7; 32]], &mut &Entropy::System);
        // The epoch's key id under another calling code, and that of the directory key.
        for (calling_code, key_id) in
            [("1".parse().unwrap(), key_id), (germany(), entry.key_id)]
        {
            let asked = Evaluation { calling_code, key_id, elements: elements.clone(), proof: true };
            let error = app.client.evaluate(&asked).await.unwrap_err();
            assert_eq!(error.code(), Some("key_id_unknown"));
        }
    }
}

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}
