//! Requests and the worker don't wait for each other's connections.

use tokio::task::{JoinSet, yield_now};
use vacate::domain::event::EventType::Disconnected;

use super::publish;
use crate::support::databases::Kind;
use crate::support::world::{World, run};

/// Connections for requests.
const CONNECTIONS_MAX: i64 = 2;
const FIRST: &str = "+491701234567";
const SECOND: &str = "+491701234568";
const VERIFIED: &str = "2025-06-01T12:00:00Z";
const LOCK_SECOND: &str = "BEGIN; SELECT id FROM numbers ORDER BY id DESC LIMIT 1 FOR UPDATE";
const WAITING: &str = "SELECT count(*) AS n FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[test]
fn requests_that_hold_every_connection_hold_back_neither_timers_nor_webhooks() {
    run(async {
        let settings = [("database.connections_max", &*CONNECTIONS_MAX.to_string())];
        let world = World::start_with(Kind::Postgres, &settings).await;
        let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
        for (account, number) in [("u-1", FIRST), ("u-2", SECOND)] {
            app.binds(account, number, VERIFIED).await;
        }
        carrier.publishes("e-1", Disconnected, FIRST, "2026-11-23T09:00:00Z").await;
        assert_eq!(app.hears().await, "account.freeze_requested u-1 #1 disconnected");

        let held = world.database.hold(LOCK_SECOND);
        let mut publishing = JoinSet::new();
        for n in 0..CONNECTIONS_MAX {
            let number = carrier.digest(SECOND).await;
            publishing.spawn(publish(carrier.client.clone(), format!("held-{n}"), number));
        }
        while world.database.find(WAITING) != [CONNECTIONS_MAX] {
            yield_now().await;
        }

        world.pass(180);
        assert_eq!(app.hears().await, "account.detach_requested u-1 #2 disconnected");
        assert!(publishing.try_join_next().is_none(), "a connection was free");
        drop(held);
        while let Some(published) = publishing.join_next().await {
            assert_eq!(published.unwrap().status, 200);
        }
    });
}
