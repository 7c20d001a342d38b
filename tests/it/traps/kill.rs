//! SIGKILL in the middle of publishing: what was acknowledged is there.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Runtime;
use vacate::client::admin::Enrolment;
use vacate::client::carrier::{Event, Noted};
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::number::Directory;
use vacate::client::{ApiKey, Client, Error, Item};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::E164;
use vacate::domain::time::Stated;

use super::{LOST, number};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::node::{germany, moment};
use crate::support::program::Program;

const PUBLISHERS: usize = 4;
const EVENTS_PER_BATCH: usize = 10;
/// After so many acknowledged batches the server is killed, while others are under way.
const KILLED_AFTER: [usize; 5] = [7, 23, 2, 31, 12];

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let database = TestDatabase::new(Kind::Sqlite);
    let server = Program::start(&database);
    let key = carrier_key(&server);
    drop(server);
    let next = AtomicUsize::new(0);
    let acknowledged = Mutex::new(BTreeSet::new());
    for batches in KILLED_AFTER {
        let server = Program::start(&database);
        publish_until_killed(server, &key, batches, &next, &acknowledged);
    }

    let server = Program::start(&database);
    let (runtime, client) = (Runtime::new().unwrap(), server.desk().with_key(key.expose()));
    let directory = Directory::new(&client);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= KILLED_AFTER.iter().sum::<usize>());
    for batch in 0..next.into_inner() {
        let answered = runtime.block_on(publish(&client, &directory, batch)).unwrap();
        let stands = |told: &Item<Noted>| match told {
            Item::Duplicate(_) => true,
            Item::Accepted(_) => !acknowledged.contains(&batch),
            Item::Rejected(_) => false,
        };
        assert!(answered.iter().all(stands), "batch {batch}: {answered:?}");
    }
}

/// Publishes from four threads, and kills the server after so many acknowledged batches.
fn publish_until_killed(
    mut server: Program,
    key: &ApiKey,
    batches: usize,
    next: &AtomicUsize,
    acknowledged: &Mutex<BTreeSet<usize>>,
) {
    thread::scope(|scope| {
        let (said, heard) = mpsc::channel();
        for _ in 0..PUBLISHERS {
            let (client, said) = (server.desk().with_key(key.expose()), said.clone());
            scope.spawn(move || {
                let (runtime, directory) = (Runtime::new().unwrap(), Directory::new(&client));
                loop {
                    let batch = next.fetch_add(1, Ordering::SeqCst);
                    let answered = runtime.block_on(publish(&client, &directory, batch));
                    let Ok(items) = answered else { return };
                    assert!(items.iter().all(|item| matches!(item, Item::Accepted(_))));
                    acknowledged.lock().unwrap().insert(batch);
                    // Nobody listens any more once the server was killed.
                    said.send(()).ok();
                }
            });
        }
        drop(said);
        assert_eq!(heard.iter().take(batches).count(), batches, "the server ended by itself");
        server.kill();
    });
}

async fn publish(
    client: &Client,
    directory: &Directory,
    batch: usize,
) -> Result<Vec<Item<Noted>>, Error> {
    let mut events = Vec::with_capacity(EVENTS_PER_BATCH);
    for n in batch * EVENTS_PER_BATCH..(batch + 1) * EVENTS_PER_BATCH {
        let number: E164 = number(n).parse().unwrap();
        let digest = directory.digest(&number).await?;
        let effective = Stated::At(moment(LOST));
        events.push(Event::new(format!("e-{n}"), Disconnected, digest, effective));
    }
    Ok(client.publish(&events, None).await?.items)
}

fn carrier_key(server: &Program) -> ApiKey {
    let admin = server.desk().admin;
    Runtime::new().unwrap().block_on(async {
        let wish = Enrolment::carrier("Northtel", vec![germany()]);
        admin.enrol("northtel", &wish).await.unwrap();
        let whose = Whose::Of("northtel");
        admin.issue_key(whose, &KeyWish::new("test")).await.unwrap().text
    })
}
