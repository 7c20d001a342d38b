//! SIGKILL in the middle of publishing: what was acknowledged is there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::runtime::Runtime;
use vacate::client::admin::Enrolment;
use vacate::client::carrier::Event;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::number::Directory;
use vacate::client::{ApiKey, Client, Item};
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::E164;
use vacate::domain::time::Stated;

use super::{LOST, number};
use crate::support::node::{germany, moment};

const PUBLISHERS: usize = 4;
const EVENTS_PER_BATCH: usize = 10;
/// After so many acknowledged batches the server is killed, while others are under way.
const KILLED_AFTER: [usize; 5] = [7, 23, 2, 31, 12];

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let key = carrier_key(&server, folder.path());
    drop(server);
    let next = AtomicUsize::new(0);
    let acknowledged = Mutex::new(BTreeSet::new());
    for batches in KILLED_AFTER {
        let server = Server::start(folder.path());
        publish_until_killed(server, &key, batches, &next, &acknowledged);
    }

    let server = Server::start(folder.path());
    let (runtime, client) = (Runtime::new().unwrap(), server.client(&key));
    let directory = Directory::new(&client);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= KILLED_AFTER.iter().sum::<usize>());
    for batch in 0..next.into_inner() {
        let answered = runtime.block_on(publish(&client, &directory, batch)).unwrap();
        for told in answered {
            match told {
                Item::Duplicate(_) => {}
                Item::Accepted(_) if !acknowledged.contains(&batch) => {}
                lost => panic!("batch {batch} was acknowledged, and now: {lost:?}"),
            }
        }
    }
}

/// Publishes from four threads, and kills the server after so many acknowledged batches.
fn publish_until_killed(
    mut server: Server,
    key: &ApiKey,
    batches: usize,
    next: &AtomicUsize,
    acknowledged: &Mutex<BTreeSet<usize>>,
) {
    thread::scope(|scope| {
        let (said, heard) = mpsc::channel();
        for _ in 0..PUBLISHERS {
            let (client, said) = (server.client(key), said.clone());
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
        server.child.kill().unwrap();
        server.child.wait().unwrap();
    });
}

async fn publish(
    client: &Client,
    directory: &Directory,
    batch: usize,
) -> Result<Vec<Item<vacate::client::carrier::Noted>>, vacate::client::Error> {
    let mut events = Vec::with_capacity(EVENTS_PER_BATCH);
    for n in batch * EVENTS_PER_BATCH..(batch + 1) * EVENTS_PER_BATCH {
        let number: E164 = number(n).parse().unwrap();
        let digest = directory.digest(&number).await?;
        let effective = Stated::At(moment(LOST));
        events.push(Event::new(format!("e-{n}"), Disconnected, digest, effective));
    }
    Ok(client.publish(&events, None).await?.items)
}

fn carrier_key(server: &Server, folder: &Path) -> ApiKey {
    let kept = std::fs::read_to_string(folder.join("keys/admin.key")).unwrap();
    let admin = server.client(&ApiKey::parse(kept.trim()).unwrap());
    Runtime::new().unwrap().block_on(async {
        let wish = Enrolment::carrier("Northtel", vec![germany()]);
        admin.enrol("northtel", &wish).await.unwrap();
        let whose = Whose::Of("northtel");
        admin.issue_key(whose, &KeyWish::new("test")).await.unwrap().text
    })
}

/// The real program, on SQLite in `folder`. Killed, at the latest, with this.
struct Server {
    child: Child,
    url: String,
    _talk: BufReader<ChildStderr>,
}

impl Server {
    fn start(folder: &Path) -> Server {
        let database = format!("sqlite:{}", folder.join("data/vacate.db").display());
        let mut child = Command::new(env!("CARGO_BIN_EXE_vacate"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "off"])
            .args(["--database-url", &database, "--keys-file"])
            .arg(folder.join("keys/vacate.keys"))
            .current_dir(folder)
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let from = said.len();
            assert_ne!(talk.read_line(&mut said).unwrap(), 0, "it doesn't start: {said}");
            if let Some((_, url)) = said[from..].split_once(" on http://") {
                break format!("http://{}", url.trim());
            }
        };
        Server { child, url, _talk: talk }
    }

    fn client(&self, key: &ApiKey) -> Client {
        Client::new(&self.url).unwrap().with_key(key.clone())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
