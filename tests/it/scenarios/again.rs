//! What is sent again, or a little later, and must not do harm.

use vacate::client::app::ToBind;
use vacate::client::keys::{KeyWish, Whose};
use vacate::domain::binding::{Holder, Proof};

use crate::support::databases::{Kind, on_both_databases};
use crate::support::world::{World, in_a_world_on_both_databases, run};

const NUMBER: &str = "+491701234567";
const OTHER: &str = "+491707654321";

in_a_world_on_both_databases! {
    async fn what_is_deleted_twice_is_gone_both_times(world: World) {
        let app = world.app("skyfare").await;
        for _ in 0..2 {
            app.client.remove_endpoint(&app.endpoint.id).await.unwrap();
        }
        let key = app.client.issue_key(Whose::Mine, &KeyWish::new("spare")).await.unwrap().key;
        for _ in 0..2 {
            app.client.revoke_key(Whose::Mine, &key.id).await.unwrap();
        }
        let foreign = world.app("chatly").await;
        let refused = foreign.client.remove_endpoint(&app.endpoint.id).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));
        let refused = foreign.client.revoke_key(Whose::Mine, &key.id).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));
    }

    async fn an_organisation_s_account_stays_one_until_something_else_is_said(world: World) {
        let app = world.app("skyfare").await;
        let put = app.put("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
        app.puts(ToBind { holder: Some(Holder::Organisation), ..put }).await.unwrap();
        let later = app.put("u-1", NUMBER, "2025-07-01T12:00:00Z").await;
        app.puts(ToBind { proof: Some(Proof::Password), ..later }).await.unwrap();
        assert_eq!(app.binding("u-1").await.holder, Holder::Organisation);
        app.binds("u-1", OTHER, "2025-08-01T12:00:00Z").await;
        assert_eq!(app.binding("u-1").await.holder, Holder::Organisation);
        let person = app.put("u-1", NUMBER, "2025-09-01T12:00:00Z").await;
        app.puts(ToBind { holder: Some(Holder::Person), ..person }).await.unwrap();
        assert_eq!(app.binding("u-1").await.holder, Holder::Person);
    }
}

on_both_databases! {
    fn an_account_that_leaves_a_full_number_makes_room_in_the_same_batch(kind: Kind) {
        run(swap(kind));
    }
}

async fn swap(kind: Kind) {
    let settings = [("limits.bindings_per_app_and_number_max", "1")];
    let world = World::start_with(kind, &settings).await;
    let app = world.app("skyfare").await;
    app.binds("u-1", NUMBER, "2025-06-01T12:00:00Z").await;
    let moved = [
        app.put("u-1", OTHER, "2025-07-01T12:00:00Z").await,
        app.put("u-2", NUMBER, "2025-07-01T12:00:00Z").await,
    ];
    let bound = app.client.bind(&moved).await.unwrap().items;
    assert!(bound.iter().all(|item| item.told().is_ok()), "{bound:?}");
    let third = app.put("u-3", NUMBER, "2025-07-01T12:00:00Z").await;
    assert_eq!(app.puts(third).await.unwrap_err().code, "bindings_too_many");
}
