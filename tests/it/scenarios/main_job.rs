//! A number changes hands, and the account of its last owner is closed to the next one in time; and
//! what must not get around that.

use vacate::client::app::{Acknowledgement, Duties, ToBind};
use vacate::client::carrier::Clearance;
use vacate::domain::binding::{Change, Did, Proof};
use vacate::domain::clearance::Band;
use vacate::domain::duty::{Demand, Response};
use vacate::domain::event::EventType::{Disconnected, Reassigned, Reinstated, Retracted};

use crate::support::node::moment;
use crate::support::world::{World, in_a_world_on_both_databases};

const NUMBER: &str = "+491701234567";

in_a_world_on_both_databases! {
    async fn the_old_account_is_frozen_then_detached_and_the_new_owner_s_is_let_in(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let old = app.binds("u/1042 #b", NUMBER, "2025-06-01T12:00:00Z").await;
        assert_eq!((old.change, old.demand), (Some(Change::Bound), Demand::None));
        assert_eq!(app.checks(old.handle).await, "allow unchanged no_change");

        let notes = carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(
            app.hears().await,
            "account.freeze_requested u/1042 #b #1 disconnected"
        );
        assert_eq!(app.checks(old.handle).await, "freeze changed disconnected");
        assert_eq!(carrier.asks_for(NUMBER).await, Clearance::TooEarly);
        let done = app.did("u/1042 #b", Did::Frozen).await;
        assert_eq!((done.demand, done.response), (Demand::Freeze, Response::Frozen));

        world.pass(91);
        carrier.reports().await;
        assert_eq!(
            app.hears().await,
            "account.detach_requested u/1042 #b #2 disconnected"
        );
        assert_eq!(carrier.asks_for(NUMBER).await, Clearance::Clear);

        carrier.publishes("e-2", Reassigned, NUMBER, "2027-02-22T09:00:00Z").await;
        app.did("u/1042 #b", Did::Detached).await;
        world.pass(1);
        carrier.reports().await;
        let new = app.binds("u-2001", NUMBER, "2027-02-23T09:00:00Z").await;
        assert_eq!(app.checks(new.handle).await, "allow unchanged verified_after_change");
        assert_eq!(app.checks(old.handle).await, "freeze changed reassigned");

        let told = app.binding("u/1042 #b").await;
        let steps: Vec<_> = told.history.iter().map(|step| (step.demand, step.response)).collect();
        assert_eq!(
            steps,
            [
                (Demand::Freeze, Response::None),
                (Demand::Freeze, Response::Frozen),
                (Demand::Detach, Response::Frozen),
                (Demand::Detach, Response::Detached),
            ]
        );
        app.hears_nothing().await;
    }

    async fn an_app_that_hasn_t_answered_holds_the_number_back(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        assert_eq!(carrier.asks_for(NUMBER).await, Clearance::NotVacant);
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        app.hears().await;
        world.pass(91);
        app.hears().await;
        let asked = carrier.asks(NUMBER).await;
        assert_eq!((asked.clearance, asked.band), (Clearance::Outstanding, Some(Band::Few)));
        assert_eq!(asked.not_before, None, "the time to freeze is over");
        app.did("u-1", Did::Detached).await;
        assert_eq!(carrier.asks_for(NUMBER).await, Clearance::Clear);
    }

    async fn an_event_that_is_undone_gives_the_account_back(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let bound = app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        let mut revision = 0;
        for (id, undoing, undo) in [("e-1", "e-2", Reinstated), ("e-3", "e-4", Retracted)] {
            carrier.publishes(id, Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
            revision += 1;
            let heard = app.hears().await;
            assert_eq!(heard, format!("account.freeze_requested u-1 #{revision} disconnected"));
            app.did("u-1", Did::Frozen).await;
            let early = app.says(Acknowledgement::new("u-1", Did::Released)).await;
            assert_eq!(early.unwrap_err().code, "still_demanded");

            carrier.undoes(undoing, undo, NUMBER, id).await;
            revision += 1;
            let heard = app.hears().await;
            assert_eq!(heard, format!("account.release_requested u-1 #{revision} -"));
            let done = app.did("u-1", Did::Released).await;
            assert_eq!((done.demand, done.response), (Demand::None, Response::None));
            assert_eq!(app.checks(bound.handle).await, "allow unchanged no_change");
        }
        assert!(app.client.duties(Duties::All).all().await.unwrap().is_empty());
    }

    async fn a_login_by_code_moves_nothing_while_something_is_demanded(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let old = app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;

        let later = app.binds("u-1", NUMBER, "2026-11-20T12:00:00Z").await;
        assert_eq!(later.change, Some(Change::Refreshed));
        assert_ne!(later.handle, old.handle);

        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-22T09:00:00Z").await;
        app.hears().await;
        let login = app.put("u-1", NUMBER, "2026-11-23T09:00:00Z").await;
        let refused = app.puts(login.clone()).await.unwrap_err();
        assert_eq!(refused.code, "proof_missing");
        let by_handle = ToBind { number: later.handle, ..login.clone() };
        assert_eq!(app.puts(by_handle).await.unwrap_err().code, "proof_missing");
        let bare = Acknowledgement {
            verified_at: Some(moment("2026-11-23T09:00:00Z")),
            ..Acknowledgement::new("u-1", Did::Verified)
        };
        assert_eq!(app.says(bare).await.unwrap_err().code, "proof_missing");
        assert_eq!(app.checks(later.handle).await, "freeze changed disconnected");
        assert_eq!(app.binding("u-1").await.verified_at, moment("2026-11-20T12:00:00Z"));

        // Whoever proves himself otherwise after the change still doesn't have the number for good.
        let proved = ToBind { proof: Some(Proof::Passkey), ..login };
        let proved = app.puts(proved).await.unwrap();
        assert_eq!((proved.change, proved.demand), (Some(Change::Refreshed), Demand::StepUp));
    }

    async fn an_event_that_comes_late_still_freezes_the_account_opened_by_code(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        let old = app.binds("u-1", NUMBER, "2026-06-01T12:00:00Z").await;
        // The number changed hands on the 1st; on the 20th its new owner logs in by code.
        assert_eq!(app.checks(old.handle).await, "allow unchanged no_change");
        let login = app.binds("u-1", NUMBER, "2026-11-20T12:00:00Z").await;
        assert_eq!(login.change, Some(Change::Refreshed));

        carrier.publishes("e-1", Disconnected, NUMBER, "2026-07-25T09:00:00Z").await;
        carrier.publishes("e-2", Reassigned, NUMBER, "2026-11-01T09:00:00Z").await;
        assert_eq!(app.checks(old.handle).await, "freeze changed reassigned");
    }

    async fn the_rightful_owner_keeps_the_account_by_another_proof(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-07-25T09:00:00Z").await;
        carrier.publishes("e-2", Reassigned, NUMBER, "2026-11-01T09:00:00Z").await;
        app.hears().await;
        let before = moment("2026-10-01T09:00:00Z");
        let refused = app.says(Acknowledgement::verified("u-1", before, Proof::Document)).await;
        assert_eq!(refused.unwrap_err().code, "still_changed");
        let after = moment("2026-11-20T09:00:00Z");
        let kept = app.says(Acknowledgement::verified("u-1", after, Proof::Document)).await.unwrap();
        assert_eq!((kept.demand, kept.response), (Demand::None, Response::None));
        let handle = kept.handle.expect("a new handle");
        assert_eq!(app.checks(handle).await, "allow unchanged verified_after_change");
    }

    async fn an_app_sees_nothing_of_another(world: World) {
        let carrier = world.carrier("northtel").await;
        let (one, other) = (world.app("skyfare").await, world.app("chatly").await);
        let bound = one.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        one.hears().await;
        other.hears_nothing().await;

        assert_eq!(other.checks(bound.handle).await, "step_up handle_invalid");
        assert_eq!(other.client.binding("u-1").await.unwrap(), None);
        assert!(other.client.bindings().all().await.unwrap().is_empty());
        assert!(other.client.duties(Duties::All).all().await.unwrap().is_empty());
        let said = other.says(Acknowledgement::new("u-1", Did::Frozen)).await;
        assert_eq!(said.unwrap_err().code, "not_found");
        let theirs = one.client.deliveries(Default::default()).all().await.unwrap();
        let refused = other.client.delivery(&theirs[0].id).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));
        let refused = other.client.endpoint(&one.endpoint.id).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));

        // The same account_ref of another app is another account.
        let own = other.binds("u-1", NUMBER, "2022-11-23T09:20:00Z").await;
        assert_eq!((own.change, own.demand), (Some(Change::Bound), Demand::Freeze));
        assert_eq!(other.hears().await, "account.freeze_requested u-1 #1 disconnected");
        assert_eq!(one.binding("u-1").await.verified_at, moment("2025-06-01T12:00:00Z"));
    }

    async fn an_account_that_is_removed_is_told_nothing_more(world: World) {
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        app.client.unbind(&["u-1"]).await.unwrap().items[0].told().unwrap();
        carrier.publishes("e-1", Disconnected, NUMBER, "2026-11-23T09:00:00Z").await;
        app.hears_nothing().await;
        assert_eq!(app.client.binding("u-1").await.unwrap(), None);
    }
}
