//! One registry's life under observation: who takes part, what was sent, said and kept.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::DateTime;
use hyper::Request;
use tempfile::TempDir;
use vacate::client::admin::{Declaration, Enrolment};
use vacate::client::carrier::{Coverage, HoldsSince};
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::receiver::Receiver;
use vacate::client::{Answer, ApiKey, Client};
use vacate::clock::Clock;
use vacate::domain::number::NumberText;
use vacate::domain::text;
use vacate::domain::time::Moment;
use vacate::entropy::Entropy;

use super::echo::Echo;
use super::needles::{Needles, Sort};
use super::scanner::Scanner;
use super::server::{self, Database, Server, Start};
use super::stores::{self, Store};
use super::subjects::{CodeKeys, KeyFile, Subjects};
use crate::support::databases::Kind;
use crate::support::document::Exchange;
use crate::support::witness::Witness;

/// A registry, who takes part in it, and all that must not be found afterwards.
pub struct Run {
    pub subjects: Subjects,
    pub people: People,
    pub database: Database,
    pub witness: Witness,
    program: PathBuf,
    folder: TempDir,
    server: Option<Server>,
    began: SystemTime,
    /// Through witnesses of servers that have ended.
    exchanges: Vec<Exchange>,
    /// What was sent beside the witness.
    bodies: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    others: Vec<(Sort, String, Vec<u8>)>,
    said: Vec<u8>,
}

/// Who takes part.
pub struct People {
    pub admin: Client,
    pub carrier: Client,
    pub app: Client,
    /// Somebody without a key.
    pub stranger: Client,
    /// An app whose receiver fails.
    pub other: Client,
    pub receiver: Receiver,
    pub echo: Echo,
    /// The keys, for commands.
    pub keys: Keys,
    /// The app's endpoint.
    pub endpoint: String,
}

/// API keys in clear.
pub struct Keys {
    pub admin: String,
    pub carrier: String,
    pub app: String,
}

/// What was found where it doesn't belong.
pub struct Leak {
    pub store: String,
    pub what: String,
    pub whose: String,
    pub at: u64,
}

impl Run {
    /// A registry by `program` on an empty database of this kind, with people in it.
    pub async fn start(kind: Kind, program: PathBuf) -> Run {
        let folder = tempfile::tempdir().expect("a folder");
        let mut subjects = Subjects::new(KeyFile::make(&folder.path().join("keys/vacate.keys")));
        let database = Database::make(kind, folder.path());
        let began = stores::now(folder.path());
        let server = Server::start(&Start {
            program: &program,
            folder: folder.path(),
            database: &database,
            file_bytes_max: None,
        });
        keep_rows_as_they_are(&database);
        let witness = Witness::before(server.address).await;
        let admin = std::fs::read_to_string(folder.path().join("keys/admin.key")).expect("a key");
        let answered = subjects.ordinary("in a receiver's answer");
        let spelled = format!("{} = 0{}", answered.e164.as_str(), answered.national);
        let echo = Echo::start(spelled).await;
        let mut others = Vec::new();
        let people = People::enter(&witness, admin.trim(), echo, &mut others).await;
        Run {
            subjects,
            people,
            database,
            witness,
            program,
            folder,
            server: Some(server),
            began,
            exchanges: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            others,
            said: Vec::new(),
        }
    }

    /// Remembers a secret that isn't a number.
    pub fn remember(&mut self, sort: Sort, told: &str, bytes: &[u8]) {
        self.others.push((sort, told.to_owned(), bytes.to_owned()));
    }

    /// Remembers a handle: its text, and what is in it.
    pub fn remember_handle(&mut self, told: &str, handle: &NumberText) {
        self.remember(Sort::Handle, told, handle.text().as_bytes());
        if let NumberText::Handle { sealed, .. } = handle {
            self.remember(Sort::Handle, told, sealed);
        }
    }

    /// A name that nobody else has.
    pub fn name(&mut self, sort: Sort, begins: &str, told: &str) -> String {
        let name = format!("{begins}{}", text::to_base64url(&Entropy::System.bytes::<12>()));
        self.remember(sort, told, name.as_bytes());
        name
    }

    /// Sends a request as `client`; the witness remembers its body.
    pub async fn send(&self, client: &Client, request: Request<String>) -> Answer {
        client.raw(request).await.expect("an answer")
    }

    /// Remembers a body that the witness doesn't see.
    pub fn sent(&mut self, body: &[u8]) {
        self.bodies.push(body.to_owned());
    }

    /// Remembers an answer that the witness doesn't see.
    pub fn answered(&mut self, answer: Vec<u8>) {
        self.answers.push(answer);
    }

    /// Where the registry listens, without the witness.
    pub fn address(&self) -> std::net::SocketAddr {
        self.server.as_ref().expect("it runs").address
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of the program; what it says is remembered.
    pub fn command(&mut self, key: &str, args: &[&str]) {
        let start = self.how_to_start(None);
        let said = server::said_by(&start, &self.witness.url, key, args);
        self.said.extend(said);
    }

    /// Ends the registry.
    pub fn stop(&mut self) {
        self.exchanges.extend(self.witness.seen());
        self.witness.leave();
        self.server.take().expect("it runs").stop();
    }

    /// Starts it again, on a disk on which no file can have more than so many bytes.
    pub async fn start_again(&mut self, file_bytes_max: Option<u64>) {
        let server = Server::start(&self.how_to_start(file_bytes_max));
        self.witness = Witness::before(server.address).await;
        self.people.move_to(&self.witness);
        self.server = Some(server);
    }

    fn how_to_start(&self, file_bytes_max: Option<u64>) -> Start<'_> {
        let (program, folder) = (&self.program, self.folder.path());
        Start { program, folder, database: &self.database, file_bytes_max }
    }

    /// What the database has written so far.
    pub fn database_stores(&self, named: &str) -> Vec<Store> {
        stores::of_database(&self.database, self.began, &self.path(named))
    }

    /// Whatever the registry, its commands and its receivers were left with; the registry has ended.
    /// What comes beside the database, such as Redis and metrics, belongs here.
    pub fn other_stores(&self) -> Vec<Store> {
        assert!(self.server.is_none(), "it may still have something to say");
        let refusals = self.exchanges.iter().filter(|exchange| exchange.status >= 400);
        let whole = refusals.map(|exchange| exchange.answer.clone());
        let items = self.exchanges.iter().filter(|exchange| exchange.status == 207);
        let items = items.flat_map(|exchange| errors(&exchange.answer));
        let problems = whole.chain(items).chain(self.answers.iter().cloned());
        let headers = self.exchanges.iter().map(|exchange| format!("{:?}", exchange.headers));
        let messages = self.people.receiver.seen().into_iter().map(|seen| seen.body);
        let messages = messages.chain(self.people.echo.seen());
        vec![
            Store::of_file("the registry's log", &server::log(self.folder.path())),
            Store::of_bytes("the problems' bodies", lines(problems)),
            Store::of_bytes("the answers' headers", lines(headers.map(String::into_bytes))),
            Store::of_bytes("what commands said", self.said.clone()),
            Store::messages(lines(messages)),
        ]
    }

    /// Searches `stores` for all that was sent: what doesn't belong where it was found.
    pub fn search(&self, stores: &[Store]) -> Vec<Leak> {
        let mut leaks = Vec::new();
        let mut needles = Needles::default();
        self.other_needles(&mut needles);
        for subjects in self.subjects.all().chunks(NUMBERS_AT_ONCE) {
            subjects.iter().for_each(|subject| needles.number(subject));
            leaks.extend(found(&needles, stores));
            needles = Needles::default();
        }
        leaks
    }

    fn other_needles(&self, needles: &mut Needles) {
        for (sort, told, bytes) in &self.others {
            needles.other(*sort, told, bytes);
        }
        for (told, key) in self.subjects.keys().all() {
            needles.other(Sort::Secret, told, &key);
        }
        for owner in ["northtel", "skyfare", "chatly", ""] {
            for purpose in ["handle", "event_id", "account_ref", "webhook_secret", "position"] {
                let key = self.subjects.keys().seal(purpose, owner);
                needles.other(Sort::Secret, &format!("the key of {owner}'s {purpose}s"), &key);
            }
        }
        for (code, keys) in &self.subjects.codes {
            scalars(needles, &code.to_string(), keys);
        }
        let bodies = self.exchanges.iter().map(|exchange| &exchange.request).chain(&self.bodies);
        let bodies: BTreeSet<&Vec<u8>> = bodies.filter(|body| !body.is_empty()).collect();
        for body in bodies {
            let begins: String = String::from_utf8_lossy(body).chars().take(60).collect();
            needles.body(&begins, body);
        }
    }
}

/// Numbers whose needles are in memory at the same time: about 10 KiB each.
const NUMBERS_AT_ONCE: usize = 10_000;

/// What doesn't belong into `stores`.
pub fn found(needles: &Needles, stores: &[Store]) -> Vec<Leak> {
    let scanner = Scanner::new(needles);
    let mut leaks = Vec::new();
    for store in stores {
        let opened = store.open().unwrap_or_else(|error| panic!("{}: {error}", store.name));
        let hits = scanner.scan(opened).unwrap_or_else(|error| panic!("{}: {error}", store.name));
        let wrong = hits.into_iter().filter(|hit| !store.may_hold(hit.sort, hit.at));
        leaks.extend(wrong.map(|hit| Leak {
            store: store.name.clone(),
            what: hit.what,
            whose: needles.told(hit.whose).to_owned(),
            at: hit.at,
        }));
    }
    leaks
}

fn scalars(needles: &mut Needles, code: &str, keys: &CodeKeys) {
    let carries = keys.carries();
    for (told, scalar) in [
        ("k of epoch 1", &keys.epochs[0]),
        ("k of epoch 2", &keys.epochs[1]),
        ("kappa", &keys.element),
        ("u of epoch 1", &carries[0]),
        ("u of epoch 2", &carries[1]),
    ] {
        needles.other(Sort::Secret, &format!("{told} under +{code}"), scalar.as_bytes());
    }
}

impl People {
    async fn enter(
        witness: &Witness,
        admin_key: &str,
        echo: Echo,
        others: &mut Vec<(Sort, String, Vec<u8>)>,
    ) -> People {
        let admin = with_key(witness, admin_key);
        let codes = Subjects::calling_codes();
        let carrier = Enrolment::carrier("Northtel", codes.clone());
        admin.enrol("northtel", &carrier).await.expect("enrolled");
        for name in ["skyfare", "chatly"] {
            admin.enrol(name, &Enrolment::app(name, 1_000_000)).await.expect("enrolled");
        }
        let mut key = async |name: &'static str| {
            let issued = admin.issue_key(Whose::Of(name), &KeyWish::new("test")).await;
            let text = issued.expect("a key").text.expose().to_owned();
            others.push((Sort::Secret, format!("{name}'s API key"), text.clone().into_bytes()));
            text
        };
        let (carrier_key, app_key, other_key) =
            (key("northtel").await, key("skyfare").await, key("chatly").await);
        others.push((Sort::Secret, "the admin's key".to_owned(), admin_key.into()));
        let (carrier, app) = (with_key(witness, &carrier_key), with_key(witness, &app_key));
        let other = with_key(witness, &other_key);
        let now = Clock::System.now();
        for code in codes {
            let declaration = Declaration {
                complete_since: Some(Moment::from_seconds(0)),
                carriers: vec!["northtel".to_owned()],
                ..Declaration::default()
            };
            admin.declare(code, &declaration).await.expect("declared");
            let holds_since = HoldsSince::AsBefore;
            let coverage = Coverage { calling_code: code, through: now, holds_since };
            carrier.cover(&coverage).await.expect("reported");
        }
        let receiver = Receiver::start(|| DateTime::from(Clock::System.now())).await;
        let receiver = receiver.expect("a free port");
        let added = app.add_endpoint(&receiver.url(), &[]).await.expect("an endpoint");
        let echoing = other.add_endpoint(&echo.url, &[]).await.expect("an endpoint");
        for (told, secret) in [("skyfare", &added.secret), ("chatly", &echoing.secret)] {
            let text = secret.text();
            others.push((
                Sort::Secret,
                format!("{told}'s webhook secret"),
                text.as_bytes().to_vec(),
            ));
        }
        receiver.trust(vec![added.secret]);
        let keys = Keys { admin: admin_key.to_owned(), carrier: carrier_key, app: app_key };
        let endpoint = added.endpoint.id;
        let stranger = Client::new(&witness.url).expect("a URL");
        People { admin, carrier, app, stranger, other, receiver, echo, keys, endpoint }
    }

    fn move_to(&mut self, witness: &Witness) {
        self.admin = with_key(witness, &self.keys.admin);
        self.carrier = with_key(witness, &self.keys.carrier);
        self.app = with_key(witness, &self.keys.app);
    }
}

fn with_key(witness: &Witness, key: &str) -> Client {
    Client::new(&witness.url).expect("a URL").with_key(ApiKey::parse(key).expect("a key"))
}

/// PostgreSQL compresses what is longer than 2 KiB, and nobody finds anything in that. What is live
/// is in the dump too; so that what is dead can be found, nothing is compressed.
fn keep_rows_as_they_are(database: &Database) {
    if let Database::Postgres(_) = database {
        database.execute(
            "DO $$ DECLARE one record; BEGIN FOR one IN SELECT c.oid::regclass AS of, a.attname \
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace \
             AND a.attnum > 0 AND a.atttypid IN ('text'::regtype, 'bytea'::regtype) LOOP \
             EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE EXTERNAL', one.of, \
             one.attname); END LOOP; END $$",
        );
    }
}

/// The errors of a batch's items, without the items' own names, which come back to their sender.
fn errors(answer: &[u8]) -> Vec<Vec<u8>> {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let errors = items.into_iter().map(|item| item["error"].clone());
    errors.filter(|error| !error.is_null()).map(|error| error.to_string().into_bytes()).collect()
}

fn lines(all: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    all.flat_map(|line| [line, b"\n".to_vec()]).flatten().collect()
}
