//! Messages to apps: none is lost while a receiver fails, is switched off or changes its secret.

use hyper::StatusCode;
use vacate::client::endpoints::{DeliveryState, EndpointPatch, EndpointState};
use vacate::client::receiver::{Outcome, Reply};
use vacate::domain::event::EventType::{Disconnected, Retracted};

use crate::support::cast::{App, PATIENCE};
use crate::support::world::{World, in_a_world_on_both_databases};

const NUMBER: &str = "+491701234567";
const MINUTE_MS: i64 = 60 * 1_000;

in_a_world_on_both_databases! {
    async fn a_receiver_that_fails_is_tried_again(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        app.receiver.reply(Reply::status(StatusCode::INTERNAL_SERVER_ERROR));
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        app.receiver.seen_at_least(1, PATIENCE).await.expect("a first try");
        settled(&app, 1).await;

        app.receiver.reply(Reply::default());
        world.pass_ms(MINUTE_MS);
        assert_eq!(app.hears().await, "account.freeze_requested u-1 #1 disconnected");
        let seen = app.receiver.seen();
        assert_eq!(seen[0].headers["webhook-id"], seen[1].headers["webhook-id"]);
        assert_ne!(seen[0].headers["webhook-timestamp"], seen[1].headers["webhook-timestamp"]);
        assert_ne!(seen[0].headers["webhook-signature"], seen[1].headers["webhook-signature"]);
        assert_eq!(seen[0].body, seen[1].body);
        let delivery = settled(&app, 2).await;
        assert_eq!(delivery.state, DeliveryState::Delivered);
        let answers: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.status).collect();
        assert_eq!(answers, [Some(500), Some(204)]);
    }

    async fn a_disabled_endpoint_keeps_what_is_due(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        switch(&app, EndpointState::Disabled).await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        world.pass(1);
        app.hears_nothing().await;
        assert_eq!(app.client.endpoint(&app.endpoint.id).await.unwrap().pending, 1);
        switch(&app, EndpointState::Enabled).await;
        assert_eq!(app.hears().await, "account.freeze_requested u-1 #1 disconnected");
    }

    async fn a_message_that_was_overtaken_is_not_sent(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        switch(&app, EndpointState::Disabled).await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        carrier.undoes("e-2", Retracted, NUMBER, "e-1").await;
        switch(&app, EndpointState::Enabled).await;
        assert_eq!(app.hears().await, "account.release_requested u-1 #2 -");
        app.hears_nothing().await;
        assert_eq!(app.receiver.seen().len(), 1);
    }

    async fn what_waits_for_an_account_that_was_removed_is_not_sent(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        switch(&app, EndpointState::Disabled).await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        app.client.unbind(&["u-1"]).await.unwrap().items[0].told().unwrap();
        switch(&app, EndpointState::Enabled).await;
        app.hears_nothing().await;
        assert!(app.receiver.seen().is_empty());
    }

    async fn both_secrets_sign_while_one_replaces_the_other(world: World) {
        let app = world.app("skyfare").await;
        let rotated = app.client.rotate_secret(&app.endpoint.id, Some(24)).await.unwrap();
        assert!(rotated.old_secret_until.is_some(), "{rotated:?}");
        for secret in [app.secret.clone(), rotated.secret.clone()] {
            app.receiver.trust(vec![secret]);
            app.client.test_endpoint(&app.endpoint.id).await.unwrap();
            assert_eq!(app.hears().await, "endpoint.test");
        }
        let signatures = app.receiver.seen()[0].headers["webhook-signature"].clone();
        assert_eq!(signatures.to_str().unwrap().split(' ').count(), 2);

        world.pass(2);
        app.receiver.trust(vec![app.secret.clone()]);
        let failed = app.client.test_endpoint(&app.endpoint.id).await.unwrap();
        assert_eq!(failed.attempts[0].status, Some(401));
        let last = app.receiver.seen().pop().unwrap();
        assert!(matches!(last.outcome, Outcome::NotTaken(_)), "{last:?}");
        app.receiver.trust(vec![rotated.secret]);
        world.pass_ms(MINUTE_MS);
        assert_eq!(app.hears().await, "endpoint.test");
    }

    async fn a_resent_message_keeps_its_id(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        let message = app.receives().await;
        let delivery = settled(&app, 1).await;
        assert_eq!((delivery.state, &delivery.message), (DeliveryState::Delivered, &message.id));
        let again = app.client.resend(&delivery.id).await.unwrap();
        assert_eq!((again.state, &again.message), (DeliveryState::Pending, &message.id));
        let seen = app.receiver.seen_at_least(2, PATIENCE).await.expect("it comes again");
        assert_eq!(seen[1].headers["webhook-id"], message.id.as_str());
        app.hears_nothing().await;
    }

    async fn a_test_message_is_answered_for_at_once(world: World) {
        let app = world.app("skyfare").await;
        let tested = app.client.test_endpoint(&app.endpoint.id).await.unwrap();
        assert_eq!(tested.state, DeliveryState::Delivered);
        assert_eq!(tested.attempts[0].status, Some(204));
        assert_eq!(app.receives().await.id, tested.message);

        app.receiver.reply(Reply::status(StatusCode::IM_A_TEAPOT));
        let failed = app.client.test_endpoint(&app.endpoint.id).await.unwrap();
        assert_eq!(failed.state, DeliveryState::Pending);
        assert_eq!(failed.attempts[0].status, Some(418));
    }

    async fn a_receiver_that_is_gone_switches_its_endpoint_off(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        app.receiver.reply(Reply::status(StatusCode::GONE));
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        app.receiver.seen_at_least(1, PATIENCE).await.expect("a first try");
        settled(&app, 1).await;
        let endpoint = app.client.endpoint(&app.endpoint.id).await.unwrap();
        assert_eq!((endpoint.state, endpoint.pending), (EndpointState::Disabled, 1));
        world.pass(2);
        app.receiver.reply(Reply::default());
        app.hears_nothing().await;
        switch(&app, EndpointState::Enabled).await;
        assert_eq!(app.hears().await, "account.freeze_requested u-1 #1 disconnected");
    }

    async fn an_endpoint_gets_the_types_that_it_wants(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let types = Some(vec!["account.release_requested".to_owned()]);
        let patch = EndpointPatch { types, ..EndpointPatch::default() };
        app.client.change_endpoint(&app.endpoint.id, &patch).await.unwrap();
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        carrier.undoes("e-2", Retracted, NUMBER, "e-1").await;
        assert_eq!(app.hears().await, "account.release_requested u-1 #2 -");
        assert_eq!(app.receiver.seen().len(), 1);
    }

    async fn a_removed_endpoint_gets_nothing(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        app.client.remove_endpoint(&app.endpoint.id).await.unwrap();
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        app.hears_nothing().await;
        let refused = app.client.endpoint(&app.endpoint.id).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));
    }
}

async fn switch(app: &App, state: EndpointState) {
    let patch = EndpointPatch { state: Some(state), ..EndpointPatch::default() };
    app.client.change_endpoint(&app.endpoint.id, &patch).await.expect("changed");
}

/// The app's only delivery, once so many tries are written down.
async fn settled(app: &App, tries: usize) -> vacate::client::endpoints::Delivery {
    let waiting = async {
        loop {
            let all = app.client.deliveries(Default::default()).all().await.expect("a list");
            let one = app.client.delivery(&all[0].id).await.expect("a delivery");
            if one.attempts.len() >= tries {
                return one;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it is settled")
}
