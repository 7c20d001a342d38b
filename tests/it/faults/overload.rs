//! More requests than the database can take.

use hyper::header::RETRY_AFTER;
use tokio::task::JoinSet;

use super::{hold_writes, publish, refusal};
use crate::support::databases::{Kind, on_both_databases};
use crate::support::world::{World, run};

/// How many may wait in these tests.
const WAITING_MAX: usize = 2;

on_both_databases! {
    fn whoever_would_wait_too_long_is_told_so_at_once(kind: Kind) {
        run(refused_at_once(kind));
    }
}

async fn refused_at_once(kind: Kind) {
    let settings = [("database.waiting_max", &*WAITING_MAX.to_string())];
    let world = World::start_with(kind, &settings).await;
    let (carrier, app) = (world.carrier("northtel").await, world.app("skyfare").await);
    let handle = app.binds("u-1", "+491701234567", "2025-06-01T12:00:00Z").await.handle;

    let held = hold_writes(&world.database);
    let mut publishing = JoinSet::new();
    for n in 0..=WAITING_MAX {
        let number = carrier.digest(&format!("+49170765432{n}")).await;
        publishing.spawn(publish(carrier.client.clone(), format!("e-{n}"), number));
    }
    // All the others wait for the lock.
    let refused = publishing.join_next().await.unwrap().unwrap();
    assert_eq!(refusal(&refused), "503 overloaded");
    assert_eq!(refused.headers[RETRY_AFTER], "1");
    let expected = match kind {
        Kind::Sqlite => "allow unchanged no_change", // memory answers
        Kind::Postgres => "step_up overloaded",      // the head must be read
    };
    assert_eq!(app.checks(handle).await, expected);

    drop(held);
    while let Some(published) = publishing.join_next().await {
        let published = published.unwrap();
        assert_eq!(published.status, 200, "{}", refusal(&published));
    }
    assert_eq!(app.checks(handle).await, "allow unchanged no_change");
}
