//! Who plays: a registry in a folder of its own, with a clock that can be moved, two carriers, and
//! three apps that are told by webhook.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::DateTime;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use super::{Failed, Result, must};
use crate::client::admin::{Declaration, Enrolment};
use crate::client::app::Acknowledgement;
use crate::client::carrier::{Coverage, HoldsSince};
use crate::client::inbox::Message;
use crate::client::keys::{KeyWish, Whose};
use crate::client::number::Directory;
use crate::client::receiver::Receiver;
use crate::client::{ApiKey, Client};
use crate::clock::Clock;
use crate::config::{Config, Flag};
use crate::domain::binding::Did;
use crate::domain::calling_code::CallingCode;
use crate::domain::duty::MessageType;
use crate::domain::number::{E164, NumberText};
use crate::domain::policy_terms::PolicyTerms;
use crate::domain::time::{DAY, Moment};
use crate::server::{Parts, Server};

/// Those of the numbers that the demo uses.
const CALLING_CODES: [&str; 3] = ["1", "44", "49"];
/// How long a number rests here, and how late reports may be.
pub(super) const AGING_DAYS: u32 = 90;
const MAX_LAG_DAYS: u32 = 40;
/// Since when everything is reported.
const COVERED_FOR_DAYS: u32 = 2 * 365;
/// The accounts that an app declares.
const ACCOUNTS_DECLARED: u64 = 100_000;
/// How often the clock is moved on by the time that really passed.
const TICK: Duration = Duration::from_millis(10);
/// A message that takes longer counts as lost.
const MESSAGE_WAIT_MAX: Duration = Duration::from_secs(20);
/// What an app answers at once.
const ANSWERS_MAX: usize = 1_000;

/// Everybody.
pub(super) struct Cast {
    pub carriers: [Participant; 2],
    pub apps: [App; 3],
    pub admin: Client,
    directory: Directory,
    clock: Clock,
    server: Server,
    _clockwork: JoinSet<()>,
    folder: TempDir,
}

/// Somebody with a key.
pub(super) struct Participant {
    pub name: &'static str,
    pub client: Client,
}

/// An app, and where it is told.
pub(super) struct App {
    pub name: &'static str,
    pub client: Client,
    pub receiver: Receiver,
}

/// What came of waiting for messages.
#[derive(Default)]
pub(super) struct Answered {
    /// Messages that came and were meant to.
    pub messages: usize,
    /// Messages that didn't come.
    pub lost: usize,
    /// Messages that weren't meant to.
    pub unexpected: usize,
    /// When the first one came.
    pub first: Option<Duration>,
}

impl Cast {
    /// Starts the registry and enrols everybody.
    pub async fn assemble() -> Result<Cast> {
        let folder = tempfile::Builder::new().prefix("vacate-demo-").tempdir()?;
        let clock = Clock::manual(Clock::System.now_ms());
        let mut clockwork = JoinSet::new();
        clockwork.spawn(run_on(clock.clone()));
        let parts = Parts { clock: clock.clone(), ..Parts::of_this_machine() };
        let server = Server::start(&settings(&folder)?, parts).await?;

        let client = Client::new(server.public_url()).expect("the registry has a URL");
        let key = std::fs::read_to_string(folder.path().join("keys/admin.key"))?;
        let key = ApiKey::parse(key.trim()).expect("the registry wrote a key");
        let admin = client.with_key(key);
        let codes = CALLING_CODES.map(|code| code.parse().expect("a calling code"));
        let carriers =
            [carrier(&admin, "northtel", &codes).await?, carrier(&admin, "coastel", &codes).await?];
        let apps = [
            app(&admin, "skyfare", &clock).await?,
            app(&admin, "chatly", &clock).await?,
            app(&admin, "paywell", &clock).await?,
        ];
        let directory = Directory::new(&carriers[0].client);
        let cast =
            Cast { carriers, apps, admin, directory, clock, server, _clockwork: clockwork, folder };
        cast.declare(&codes).await?;
        cast.report().await?;
        Ok(cast)
    }

    /// What the registry's clock shows.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// So many days ago.
    pub fn days_ago(&self, days: u32) -> Moment {
        Moment::from_axis(self.now().on_axis() - i64::from(days) * i64::from(DAY))
    }

    pub async fn digest(&self, number: &E164) -> Result<NumberText> {
        Ok(self.directory.digest(number).await?)
    }

    /// Where the database lies.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Lets days pass, when every message has arrived; and the carriers report until then.
    pub async fn let_days_pass(&self, days: u32) -> Result<()> {
        self.quiet().await?;
        self.clock.pass(i64::from(days) * i64::from(DAY) * 1_000);
        self.server.registry().bell().notify_one();
        self.report().await
    }

    /// Waits until no message is on its way.
    pub async fn quiet(&self) -> Result<()> {
        let began = Instant::now();
        while self.admin.status().await?.deliveries.pending > 0 {
            must(began.elapsed() < MESSAGE_WAIT_MAX, || "every message arrives".to_owned())?;
            sleep(TICK).await;
        }
        Ok(())
    }

    /// Everybody leaves, the registry stops, the folder goes.
    pub async fn leave(self) {
        let Cast { carriers, apps, admin, directory, server, folder, .. } = self;
        // Open connections would keep the registry waiting.
        drop((carriers, apps, admin, directory));
        server.stop().await;
        drop(folder);
    }

    /// Both carriers report all of every calling code, and a number rests for 90 days.
    async fn declare(&self, codes: &[CallingCode]) -> Result<()> {
        let carriers = self.carriers.iter().map(|carrier| carrier.name.to_owned()).collect();
        let declaration = Declaration {
            complete_since: Some(self.days_ago(COVERED_FOR_DAYS)),
            carriers,
            policy: PolicyTerms {
                aging_days: Some(AGING_DAYS),
                detach_after_days: Some(AGING_DAYS),
                max_lag_days: Some(MAX_LAG_DAYS),
                ..PolicyTerms::default()
            },
            ..Declaration::default()
        };
        for code in codes {
            self.admin.declare(*code, &declaration).await?;
        }
        Ok(())
    }

    /// Both carriers have sent all that took effect until now.
    async fn report(&self) -> Result<()> {
        let through = self.now();
        for code in CALLING_CODES {
            let calling_code = code.parse().expect("a calling code");
            let said = Coverage { calling_code, through, holds_since: HoldsSince::AsBefore };
            for carrier in &self.carriers {
                carrier.client.cover(&said).await?;
            }
        }
        Ok(())
    }
}

impl App {
    /// The next message; it must be this one.
    pub async fn told(&self, what: MessageType, account_ref: &str) -> Result<Message> {
        let message = self.receiver.next(MESSAGE_WAIT_MAX).await;
        let message = message.filter(|message| is_about(message, what, account_ref));
        message.ok_or_else(|| Failed::Otherwise(format!("{} is told {}", self.name, what.text())))
    }

    /// Says what it did with one account.
    pub async fn did(&self, account_ref: &str, did: Did) -> Result<()> {
        self.acknowledge(&[Acknowledgement::new(account_ref, did)]).await
    }

    /// Answers the messages about `accounts` as they come, until all are there.
    pub async fn answer(
        &self,
        mut accounts: HashSet<String>,
        what: MessageType,
        did: Did,
    ) -> Result<Answered> {
        let began = Instant::now();
        let mut answered = Answered::default();
        while !accounts.is_empty() {
            let Some(first) = self.receiver.next(MESSAGE_WAIT_MAX).await else { break };
            answered.first.get_or_insert(began.elapsed());
            let mut next = Some(first);
            let mut done = Vec::new();
            while let Some(message) = next {
                let duty = message.duty.filter(|duty| accounts.remove(&duty.account_ref));
                match duty.filter(|_| message.message_type == what) {
                    Some(duty) => {
                        let answer = Acknowledgement::new(duty.account_ref, did);
                        done.push(answer.at_revision(duty.revision));
                    }
                    None => answered.unexpected += 1,
                }
                let more = done.len() < ANSWERS_MAX;
                next = if more { self.receiver.next(Duration::ZERO).await } else { None };
            }
            answered.messages += done.len();
            self.acknowledge(&done).await?;
        }
        answered.lost = accounts.len();
        Ok(answered)
    }

    async fn acknowledge(&self, done: &[Acknowledgement]) -> Result<()> {
        if done.is_empty() {
            return Ok(());
        }
        let accepted = self.client.acknowledge(done).await?.summary.accepted;
        must(u64::try_from(done.len()) == Ok(accepted), || {
            format!("{}'s acknowledgements are accepted", self.name)
        })
    }
}

fn is_about(message: &Message, what: MessageType, account_ref: &str) -> bool {
    let duty = message.duty.as_ref();
    message.message_type == what && duty.is_some_and(|duty| duty.account_ref == account_ref)
}

fn settings(folder: &TempDir) -> Result<Config> {
    let place = |name: &str| folder.path().join(name).display().to_string();
    let flags = [
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("server.stop_seconds_max", "5".to_owned()),
        ("database.url", format!("sqlite:{}", place("data/vacate.db"))),
        ("database.wait_ms_max", "10000".to_owned()),
        ("keys.file", place("keys/vacate.keys")),
        ("webhooks.allowed_networks", "127.0.0.0/8".to_owned()),
        ("limits.requests_per_second", "1000000".to_owned()),
    ];
    let flags = flags.map(|(setting, value)| Flag { name: "demo", setting, value });
    Ok(Config::load(None, [], &flags)?)
}

async fn carrier(admin: &Client, name: &'static str, codes: &[CallingCode]) -> Result<Participant> {
    admin.enrol(name, &Enrolment::carrier(name, codes.to_vec())).await?;
    Ok(Participant { name, client: with_own_key(admin, name).await? })
}

async fn app(admin: &Client, name: &'static str, clock: &Clock) -> Result<App> {
    admin.enrol(name, &Enrolment::app(name, ACCOUNTS_DECLARED)).await?;
    let client = with_own_key(admin, name).await?;
    let clock = clock.clone();
    let now = move || DateTime::from_timestamp_millis(clock.now_ms()).unwrap_or_default();
    let receiver = Receiver::start(now).await?;
    let added = client.add_endpoint(&receiver.url(), &[]).await?;
    receiver.trust(vec![added.secret]);
    Ok(App { name, client, receiver })
}

async fn with_own_key(admin: &Client, name: &str) -> Result<Client> {
    let issued = admin.issue_key(Whose::Of(name), &KeyWish::new("demo")).await?;
    Ok(admin.clone().with_key(issued.text))
}

/// The clock of the demo stands still unless it is moved: it is moved on as time passes, so that
/// what is to be tried again later is.
async fn run_on(clock: Clock) {
    let began = Instant::now();
    let (mut passed, mut ticks) = (0, interval(TICK));
    loop {
        ticks.tick().await;
        let ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        clock.pass(ms - passed);
        passed = ms;
    }
}
