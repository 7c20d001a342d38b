//! Lists come in pages, newest first, and each item once.

use serde::de::DeserializeOwned;
use vacate::client::List;
use vacate::client::admin::Enrolment;
use vacate::client::keys::{KeyWish, Whose};

use crate::support::world::{World, in_a_world_on_both_databases};

in_a_world_on_both_databases! {
    async fn participants_keys_and_endpoints_come_in_pages(world: World) {
        let app = world.app("skyfare").await;
        for n in 0..5 {
            world.pass_ms(1);
            let name = format!("carrier-{n}");
            let wish = Enrolment::carrier(&name, vec!["49".parse().unwrap()]);
            world.admin.enrol(&name, &wish).await.unwrap();
            app.client.issue_key(Whose::Mine, &KeyWish::new(format!("key {n}"))).await.unwrap();
            let url = format!("{}{n}", app.receiver.url());
            app.client.add_endpoint(&url, &[]).await.unwrap();
        }
        let everybody = in_pages(world.admin.participants()).await;
        let names: Vec<&str> = everybody.iter().map(|one| one.name.as_str()).collect();
        let newest_first =
            ["carrier-4", "carrier-3", "carrier-2", "carrier-1", "carrier-0", "skyfare", "admin"];
        assert_eq!(names, newest_first);
        assert!(everybody[..5].iter().all(|one| one.calling_codes.len() == 1));

        let labels = ["key 4", "key 3", "key 2", "key 1", "key 0", "test"];
        for list in [app.client.keys(Whose::Mine), world.admin.keys(Whose::Of("skyfare"))] {
            let keys = in_pages(list).await;
            assert_eq!(keys.iter().map(|key| key.label.as_str()).collect::<Vec<_>>(), labels);
        }
        let endpoints = in_pages(app.client.endpoints()).await;
        let last: Vec<char> = endpoints.iter().filter_map(|one| one.url.chars().last()).collect();
        assert_eq!(last[..5], ['4', '3', '2', '1', '0']);
        assert_eq!((endpoints.len(), &endpoints[5].id), (6, &app.endpoint.id));
    }

    async fn a_page_goes_on_where_its_last_key_was_although_that_is_gone(world: World) {
        let app = world.app("skyfare").await;
        world.pass_ms(1);
        app.client.issue_key(Whose::Mine, &KeyWish::new("second")).await.unwrap();
        let page = app.client.keys(Whose::Mine).page(Some(1), None).await.unwrap();
        app.client.revoke_key(Whose::Mine, &page.items[0].id).await.unwrap();
        let next = app.client.keys(Whose::Mine).page(Some(1), page.next.as_deref()).await.unwrap();
        assert_eq!(next.items[0].label, "test");

        // It is a place in this list of this reader alone.
        let other = world.app("chatly").await;
        let after = page.next.as_deref();
        for refused in [
            other.client.keys(Whose::Mine).page(None, after).await.unwrap_err(),
            world.admin.keys(Whose::Of("skyfare")).page(None, after).await.unwrap_err(),
            app.client.endpoints().page(None, after).await.unwrap_err(),
        ] {
            assert_eq!(refused.code(), Some("cursor_invalid"), "{refused}");
        }
    }
}

/// All of a list, two at a time.
async fn in_pages<T: DeserializeOwned>(list: List<'_, T>) -> Vec<T> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = list.page(Some(2), after.as_deref()).await.unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}
