//! A whole registry behind HTTP, with a clock that stands still until it is moved, and everybody who
//! talks with it. Every exchange is held against the API document when the world ends.

use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Handle};
use tokio::task::block_in_place;
use tokio::time::timeout;
use vacate::client::Client;
use vacate::client::receiver::Receiver;
use vacate::clock::Clock;
use vacate::config::{Config, Flag};
use vacate::server::{Parts, Server};

use super::cast::{App, Carrier, Desk, PATIENCE};
use super::databases::{Kind, TestDatabase};
use super::document;
use super::ear;
use super::node::{DAY_MS, NOW_MS};
use super::witness::Witness;

/// A registry and its surroundings. Dropping it stops the server.
pub struct World {
    pub clock: Clock,
    /// Speaks with the admin's key, through the witness.
    pub admin: Client,
    /// Where the admin sits.
    pub desk: Desk,
    pub witness: Witness,
    pub database: TestDatabase,
    server: Option<Server>,
    receivers: Mutex<Vec<Arc<Receiver>>>,
}

impl World {
    /// A new registry on an empty database of this kind.
    pub async fn start(kind: Kind) -> World {
        World::start_with(kind, &[]).await
    }

    /// The same with some settings of its own.
    pub async fn start_with(kind: Kind, settings: &[(&'static str, &str)]) -> World {
        World::start_on(TestDatabase::new(kind), settings).await
    }

    /// The same on this database.
    pub async fn start_on(database: TestDatabase, settings: &[(&'static str, &str)]) -> World {
        ear::open();
        let key_file = database.key_file();
        let key_path = key_file.display().to_string();
        let usual = [
            ("server.listen", "127.0.0.1:0"),
            ("server.workers", "1"),
            ("server.stop_seconds_max", "5"),
            ("database.url", &database.url),
            ("database.wait_ms_max", "5000"),
            ("keys.file", &key_path),
            ("webhooks.allowed_networks", "127.0.0.0/8"),
            ("webhooks.attempt_seconds_max", "5"),
        ];
        let flags: Vec<Flag> = (usual.iter().chain(settings))
            .map(|&(setting, value)| Flag { name: "--test", setting, value: value.to_owned() })
            .collect();
        let config = Config::load(None, [], &flags).expect("the settings are right");
        let clock = Clock::manual(NOW_MS);
        let parts = Parts { clock: clock.clone(), ..Parts::of_this_machine() };
        let server = Server::start(&config, parts).await.expect("the registry starts");
        let witness = Witness::before(server.address()).await;
        let key = std::fs::read_to_string(key_file.with_file_name("admin.key")).expect("a key");
        let desk = Desk::new(&witness.url, key.trim(), clock.clone());
        let (admin, server, receivers) = (desk.admin.clone(), Some(server), Mutex::default());
        World { clock, admin, desk, witness, database, server, receivers }
    }

    /// Somebody without a key.
    pub fn stranger(&self) -> Client {
        self.desk.stranger()
    }

    /// Somebody with this key.
    pub fn with_key(&self, key: &str) -> Client {
        self.desk.with_key(key)
    }

    /// The server's own address, without the witness: for what isn't HTTP any more.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.as_ref().expect("it runs").address()
    }

    /// A carrier that may speak of +49, on whose reports +49 rests since 2020, fresh until now.
    pub async fn carrier(&self, name: &str) -> Carrier {
        self.desk.carrier(name).await
    }

    /// An app with a webhook receiver that goes by the world's clock.
    pub async fn app(&self, name: &str) -> App {
        let app = self.desk.app(name).await;
        self.receivers.lock().expect("unbroken").push(Arc::clone(&app.receiver));
        app
    }

    /// Ends the server as SIGTERM does. Nothing can be asked any more.
    pub async fn stop(&mut self) {
        timeout(PATIENCE, self.server.take().expect("it runs").stop()).await.expect("it ends");
    }

    /// So many days pass; what time brings is done.
    pub fn pass(&self, days: i64) {
        self.pass_ms(days * DAY_MS);
    }

    /// So many milliseconds pass.
    pub fn pass_ms(&self, ms: i64) {
        self.clock.pass(ms);
        self.server.as_ref().expect("it runs").registry().bell().notify_waiters();
    }

    /// What the document doesn't know of all that was said and sent so far.
    pub fn objections(&self) -> Vec<String> {
        let receivers = self.receivers.lock().expect("unbroken");
        let sent = receivers.iter().flat_map(|receiver| receiver.seen());
        let messages = sent.filter_map(|seen| document::judge_message(&seen.body).err());
        self.witness.objections().into_iter().chain(messages).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let objections = self.objections();
        self.witness.leave();
        if let Some(server) = self.server.take() {
            block_in_place(|| Handle::current().block_on(timeout(PATIENCE, server.stop()))).ok();
        }
        if !std::thread::panicking() {
            assert!(objections.is_empty(), "not as documented:\n{}", objections.join("\n"));
        }
    }
}

/// Runs a sentence that waits, on a runtime of its own.
pub fn run(sentence: impl Future<Output = ()>) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(sentence);
}

/// Runs each sentence in a world of its own on both databases, as two tests.
macro_rules! in_a_world_on_both_databases {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {$(
        mod $name {
            use super::*;
            use crate::support::databases::Kind;

            async fn sentence($world: World) $body

            $(#[$attribute])*
            #[test]
            fn on_sqlite() {
                crate::support::world::run(async { sentence(World::start(Kind::Sqlite).await).await });
            }

            $(#[$attribute])*
            #[test]
            fn on_postgres() {
                crate::support::world::run(async { sentence(World::start(Kind::Postgres).await).await });
            }
        }
    )*};
}
pub(crate) use in_a_world_on_both_databases;
