//! A whole registry behind HTTP, with a clock that stands still until it is moved, and everybody who
//! talks with it. Every exchange is held against the API document when the world ends.

use std::sync::{Arc, Mutex};

use tokio::runtime::{Builder, Handle};
use tokio::task::block_in_place;
use tokio::time::timeout;
use vacate::client::admin::{Declaration, Enrolment};
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::receiver::Receiver;
use vacate::client::{ApiKey, Client};
use vacate::clock::Clock;
use vacate::config::{Config, Flag};
use vacate::domain::participant::Permission;
use vacate::server::{Parts, Server};

use super::cast::{App, Carrier, PATIENCE};
use super::databases::{Kind, TestDatabase};
use super::document;
use super::ear;
use super::node::{DAY_MS, NOW_MS, germany, moment};
use super::witness::Witness;

/// A registry and its surroundings. Dropping it stops the server.
pub struct World {
    pub clock: Clock,
    /// Speaks with the admin's key, through the witness.
    pub admin: Client,
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
        ear::open();
        let database = TestDatabase::new(kind);
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
        let admin = client(&witness, key.trim());
        let (server, receivers) = (Some(server), Mutex::default());
        World { clock, admin, witness, database, server, receivers }
    }

    /// Somebody without a key.
    pub fn stranger(&self) -> Client {
        Client::new(&self.witness.url).expect("a URL")
    }

    /// Somebody with this key.
    pub fn with_key(&self, key: &str) -> Client {
        client(&self.witness, key)
    }

    /// The server's own address, without the witness: for what isn't HTTP any more.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.as_ref().expect("it runs").address()
    }

    /// A carrier that may speak of +49, on whose reports +49 rests since 2020, fresh until now.
    pub async fn carrier(&self, name: &str) -> Carrier {
        let enrolment = Enrolment::carrier(name, vec![germany()]);
        self.admin.enrol(name, &enrolment).await.expect("enrolled");
        let declaration = Declaration {
            complete_since: Some(moment("2020-01-01T00:00:00Z")),
            carriers: vec![name.to_owned()],
            ..Declaration::default()
        };
        self.admin.declare(germany(), &declaration).await.expect("declared");
        let carrier = Carrier::new(self.key(name, None).await, self.clock.clone());
        carrier.reports().await;
        carrier
    }

    /// An app with a webhook receiver that goes by the world's clock.
    pub async fn app(&self, name: &str) -> App {
        self.admin.enrol(name, &Enrolment::app(name, 1_000)).await.expect("enrolled");
        let clock = self.clock.clone();
        let now = move || {
            chrono::DateTime::from_timestamp_millis(clock.now_ms()).expect("within the calendar")
        };
        let receiver = Arc::new(Receiver::start(now).await.expect("a free port"));
        self.receivers.lock().expect("unbroken").push(Arc::clone(&receiver));
        App::new(self.key(name, None).await, receiver).await
    }

    /// A client with a new key of this participant, which may do only so much if that is said.
    pub async fn key(&self, name: &str, permissions: Option<Vec<Permission>>) -> Client {
        let wish = KeyWish { permissions, ..KeyWish::new("test") };
        let issued = self.admin.issue_key(Whose::Of(name), &wish).await.expect("a key");
        self.with_key(issued.text.expose())
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
        self.server.as_ref().expect("it runs").registry().bell().notify_one();
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

fn client(witness: &Witness, key: &str) -> Client {
    let key = ApiKey::parse(key).expect("a key");
    Client::new(&witness.url).expect("a URL").with_key(key)
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
