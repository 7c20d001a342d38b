//! Who talks with a registry: carriers and apps, each through the client that the product ships.

use std::sync::Arc;
use std::time::Duration;

use vacate::client::admin::{Declaration, Enrolment};
use vacate::client::app::{Acknowledged, Acknowledgement, Binding, Bound, ToBind};
use vacate::client::carrier::{Clearance, ClearedItem, Coverage, Event, HoldsSince};
use vacate::client::check::Question;
use vacate::client::endpoints::Endpoint;
use vacate::client::inbox::Message;
use vacate::client::keys::{KeyWish, Whose};
use vacate::client::number::Directory;
use vacate::client::receiver::Receiver;
use vacate::client::{ApiKey, Client, Item, Problem};
use vacate::clock::Clock;
use vacate::domain::binding::Did;
use vacate::domain::event::EventType;
use vacate::domain::number::NumberText;
use vacate::domain::participant::Permission;
use vacate::domain::signature::Secret;
use vacate::domain::time::Stated;

use super::node::{germany, moment};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The admin, who lets everybody else in.
pub struct Desk {
    pub admin: Client,
    url: String,
    clock: Clock,
}

impl Desk {
    /// The admin of the registry at `url`, which goes by `clock`.
    pub fn new(url: &str, admin_key: &str, clock: Clock) -> Desk {
        Desk { admin: client(url, admin_key), url: url.to_owned(), clock }
    }

    /// Somebody without a key.
    pub fn stranger(&self) -> Client {
        Client::new(&self.url).expect("a URL")
    }

    /// Somebody with this key.
    pub fn with_key(&self, key: &str) -> Client {
        client(&self.url, key)
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

    /// An app with a webhook receiver that goes by the registry's clock.
    pub async fn app(&self, name: &str) -> App {
        self.admin.enrol(name, &Enrolment::app(name, 1_000)).await.expect("enrolled");
        let clock = self.clock.clone();
        let now = move || {
            chrono::DateTime::from_timestamp_millis(clock.now_ms()).expect("within the calendar")
        };
        let receiver = Arc::new(Receiver::start(now).await.expect("a free port"));
        App::new(self.key(name, None).await, receiver).await
    }

    /// A client with a new key of this participant, which may do only so much if that is said.
    pub async fn key(&self, name: &str, permissions: Option<Vec<Permission>>) -> Client {
        let wish = KeyWish { permissions, ..KeyWish::new("test") };
        let issued = self.admin.issue_key(Whose::Of(name), &wish).await.expect("a key");
        self.with_key(issued.text.expose())
    }
}

fn client(url: &str, key: &str) -> Client {
    let key = ApiKey::parse(key).expect("a key");
    Client::new(url).expect("a URL").with_key(key)
}

/// A carrier.
pub struct Carrier {
    pub client: Client,
    directory: Directory,
    clock: Clock,
}

impl Carrier {
    pub fn new(client: Client, clock: Clock) -> Carrier {
        Carrier { directory: Directory::new(&client), client, clock }
    }

    /// A number as this carrier sends it.
    pub async fn digest(&self, number: &str) -> NumberText {
        digest(&self.directory, number).await
    }

    /// It has sent all that took effect until now.
    pub async fn reports(&self) {
        let coverage = Coverage {
            calling_code: germany(),
            through: self.clock.now(),
            holds_since: HoldsSince::AsBefore,
        };
        self.client.cover(&coverage).await.expect("reported");
    }

    /// Publishes an event that took effect at `at`; its notes.
    pub async fn publishes(
        &self,
        id: &str,
        says: EventType,
        number: &str,
        at: &str,
    ) -> Vec<String> {
        let number = self.digest(number).await;
        self.sends(Event::new(id, says, number, Stated::At(moment(at)))).await
    }

    /// Undoes an event of its own.
    pub async fn undoes(&self, id: &str, says: EventType, number: &str, earlier: &str) {
        let number = self.digest(number).await;
        self.sends(Event::undoing(id, says, number, earlier)).await;
    }

    async fn sends(&self, event: Event) -> Vec<String> {
        let published = self.client.publish(&[event], None).await.expect("published");
        published.items[0].told().expect("accepted").notes.clone()
    }

    /// May this number be given on?
    pub async fn asks_for(&self, number: &str) -> Clearance {
        self.asks(number).await.clearance
    }

    /// The same, with all that is told.
    pub async fn asks(&self, number: &str) -> ClearedItem {
        let number = self.digest(number).await;
        let cleared = self.client.clearance(&[number], None).await.expect("answered");
        cleared.items.into_iter().next().expect("one item")
    }
}

/// An app with a webhook receiver.
pub struct App {
    pub client: Client,
    pub receiver: Arc<Receiver>,
    pub endpoint: Endpoint,
    /// What its endpoint's messages were first signed with.
    pub secret: Secret,
    directory: Directory,
}

impl App {
    /// Registers the receiver, and believes what the registry signs.
    pub async fn new(client: Client, receiver: Arc<Receiver>) -> App {
        let added = client.add_endpoint(&receiver.url(), &[]).await.expect("an endpoint");
        receiver.trust(vec![added.secret.clone()]);
        let directory = Directory::new(&client);
        App { client, receiver, endpoint: added.endpoint, secret: added.secret, directory }
    }

    /// A number as this app sends it.
    pub async fn digest(&self, number: &str) -> NumberText {
        digest(&self.directory, number).await
    }

    /// Binds an account that it knows since `verified_at`.
    pub async fn binds(&self, account: &str, number: &str, verified_at: &str) -> Bound {
        let put = self.put(account, number, verified_at).await;
        self.puts(put).await.expect("bound")
    }

    /// A binding to be put.
    pub async fn put(&self, account: &str, number: &str, verified_at: &str) -> ToBind {
        ToBind::new(account, self.digest(number).await, moment(verified_at))
    }

    /// Puts a binding; what became of it.
    pub async fn puts(&self, put: ToBind) -> Result<Bound, Problem> {
        only(self.client.bind(&[put]).await.expect("answered").items)
    }

    /// Checks by handle: advice, answer and reason.
    pub async fn checks(&self, handle: NumberText) -> String {
        self.asks(Question::from(handle)).await
    }

    /// Checks a number that it hasn't bound.
    pub async fn checks_number(&self, number: &str, verified_at: &str) -> String {
        let number = self.digest(number).await;
        self.asks(Question { number, verified_at: Some(moment(verified_at)) }).await
    }

    async fn asks(&self, question: Question) -> String {
        let checked = self.client.check(question, None).await;
        let advice = checked.advice.text();
        match checked.told {
            Ok(told) => {
                format!("{advice} {} {}", told.answer.text(), told.reason.unwrap_or_default())
            }
            Err(error) => format!("{advice} {}", error.code().unwrap_or("no answer")),
        }
    }

    /// Says what it did with an account.
    pub async fn did(&self, account: &str, did: Did) -> Acknowledged {
        self.says(Acknowledgement::new(account, did)).await.expect("acknowledged")
    }

    /// Says something; what became of it.
    pub async fn says(&self, said: Acknowledgement) -> Result<Acknowledged, Problem> {
        only(self.client.acknowledge(&[said]).await.expect("answered").items)
    }

    /// The next message of the registry: its type, and account, revision, demand and reason.
    pub async fn hears(&self) -> String {
        let message = self.receives().await;
        let what = message.message_type.text();
        let Some(duty) = message.duty else { return what.to_owned() };
        let reason = duty.reason.unwrap_or_else(|| "-".to_owned());
        format!("{what} {} #{} {reason}", duty.account_ref, duty.revision)
    }

    /// The next message of the registry.
    pub async fn receives(&self) -> Message {
        self.receiver.next(PATIENCE).await.expect("a message comes")
    }

    /// Hears nothing for as long as it takes to be fairly sure.
    pub async fn hears_nothing(&self) {
        let heard = self.receiver.next(Duration::from_millis(300)).await;
        assert!(heard.is_none(), "{heard:?}");
    }

    /// The binding of an account.
    pub async fn binding(&self, account: &str) -> Binding {
        self.client.binding(account).await.expect("answered").expect("bound")
    }
}

async fn digest(directory: &Directory, number: &str) -> NumberText {
    directory.digest(&number.parse().expect("a number")).await.expect("hashed")
}

fn only<T>(items: Vec<Item<T>>) -> Result<T, Problem> {
    match items.into_iter().next().expect("one item") {
        Item::Accepted(told) | Item::Duplicate(told) => Ok(told),
        Item::Rejected(problem) => Err(problem),
    }
}
