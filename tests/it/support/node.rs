//! One node's registry without HTTP around it, for what is about storage, races and time.

use std::path::Path;
use std::sync::Arc;

use vacate::clock::Clock;
use vacate::config::{Config, Flag};
use vacate::domain::binding::Did;
use vacate::domain::calling_code::CallingCode;
use vacate::domain::enrolment::{Enrolment, KeyWish};
use vacate::domain::event::EventType;
use vacate::domain::number::{E164, NumberText};
use vacate::domain::participant::{Admin, App, Carrier, Kind as ParticipantKind, Name, Permission};
use vacate::domain::time::Moment;
use vacate::entropy::Entropy;
use vacate::registry::{
    Acknowledgement, Checked, Coverage, Declaration, Item, Outcome, Placement, Publication, Put,
    Question, Registry, Report, Verdict,
};
use vacate::server::{self, Migrate};

use super::databases::TestDatabase;

/// Where every test's clock begins: 2026-11-23T09:30:00Z, in Unix milliseconds.
pub const NOW_MS: i64 = 1_795_426_200_000;
/// A day in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A registry, its clock, and somebody in each role.
pub struct Node {
    pub registry: Arc<Registry>,
    pub clock: Clock,
    pub admin: Admin,
}

impl Node {
    /// A node on `database`, with a clock of its own.
    pub fn start(database: &TestDatabase) -> Node {
        Node::start_with(database, Clock::manual(NOW_MS))
    }

    /// A node on `database` that goes by `clock`.
    pub fn start_with(database: &TestDatabase, clock: Clock) -> Node {
        Node::start_at(database, clock, &database.key_file())
    }

    /// The same with a key file of its own.
    pub fn start_at(database: &TestDatabase, clock: Clock, key_file: &Path) -> Node {
        let registry = open_at(database, clock.clone(), key_file);
        registry.load_index().expect("the index loads");
        let kept = database.key_file().with_file_name("admin.key");
        registry.first_admin(|key| std::fs::write(&kept, key)).expect("an admin");
        let key = std::fs::read_to_string(&kept).expect("the admin's key");
        let caller = registry.authenticate(&key).expect("the admin's key works");
        let admin = Admin::admit(caller, Permission::Admin).expect("an admin");
        Node { registry: Arc::new(registry), clock, admin }
    }

    /// A carrier that may speak of these calling codes, and on whom none rests.
    pub fn carrier_of(&self, name: &str, codes: Vec<CallingCode>) -> Carrier {
        self.enroll(name, ParticipantKind::Carrier, codes);
        self.admit(name, Permission::Publish, Carrier::admit)
    }

    /// An app of an organisation, with as many accounts as it declares.
    pub fn app_of(&self, organisation: &str, name: &str, accounts: u64) -> App {
        let wish = Enrolment {
            organisation: Some(organisation.to_owned()),
            accounts_declared: Some(accounts),
            ..wish(name, ParticipantKind::App)
        };
        let slug = Name::parse(name).expect("a name");
        self.registry.enroll(&self.admin, &slug, &wish).expect("enrolled");
        self.admit(name, Permission::Check, App::admit)
    }

    /// A carrier that may speak of +49, on whose reports +49 rests since 2020, fresh until now.
    pub fn carrier(&self, name: &str) -> Carrier {
        self.enroll(name, ParticipantKind::Carrier, vec![germany()]);
        let carrier = self.admit(name, Permission::Publish, Carrier::admit);
        let declaration = Declaration {
            complete_since: Some(moment("2020-01-01T00:00:00Z")),
            carriers: vec![Name::parse(name).expect("a name")],
            ..Declaration::default()
        };
        self.registry.declare(&self.admin, germany(), &declaration).expect("covered");
        self.report(&carrier);
        carrier
    }

    /// The carrier has sent all that took effect until now.
    pub fn report(&self, carrier: &Carrier) {
        let said = Coverage {
            calling_code: germany(),
            through: Some(self.clock.now()),
            holds_since: None,
        };
        self.registry.cover(carrier, said).expect("reported");
    }

    /// An app.
    pub fn app(&self, name: &str) -> App {
        self.enroll(name, ParticipantKind::App, Vec::new());
        self.admit(name, Permission::Check, App::admit)
    }

    /// The text of a number, as a client would hash it.
    pub fn digest(&self, number: &str) -> NumberText {
        let number: E164 = number.parse().expect("a number");
        self.registry.directory_key().digest(&number)
    }

    /// Publishes one event that took effect at `at`; what became of it.
    pub fn publish(&self, carrier: &Carrier, event: (&str, EventType), number: &str, at: &str) {
        let outcome = self.try_publish(carrier, event, number, at);
        assert!(matches!(outcome, Ok(Outcome::Accepted(_))), "{}: {outcome:?}", event.0);
    }

    /// Publishes one event; what became of it.
    pub fn try_publish(
        &self,
        carrier: &Carrier,
        (id, says): (&str, EventType),
        number: &str,
        at: &str,
    ) -> vacate::registry::Result<Outcome<Vec<vacate::domain::event::Note>>> {
        let report = Report {
            id: id.parse().expect("an id"),
            event_type: says,
            number: self.digest(number),
            effective_at: Some(moment(at)),
            effective_on: None,
            undoes: None,
        };
        let items = vec![Item { key: Some(id.to_owned()), value: Ok(report) }];
        let receipt = self.registry.publish(carrier, Publication { through: None, items })?;
        Ok(receipt.batch.items.into_iter().next().expect("one item").1)
    }

    /// Publishes events in one batch; all of them are accepted.
    pub fn publish_all(&self, carrier: &Carrier, events: &[(String, EventType, &str)], at: &str) {
        let item = |(id, event_type, number): &(String, EventType, &str)| Item {
            key: None,
            value: Ok(Report {
                id: id.parse().expect("an id"),
                event_type: *event_type,
                number: self.digest(number),
                effective_at: Some(moment(at)),
                effective_on: None,
                undoes: None,
            }),
        };
        let publication = Publication { through: None, items: events.iter().map(item).collect() };
        let receipt = self.registry.publish(carrier, publication).expect("published");
        let accepted = |(_, outcome): &(_, Outcome<_>)| matches!(outcome, Outcome::Accepted(_));
        assert!(receipt.batch.items.iter().all(accepted), "{receipt:?}");
    }

    /// Binds an account; the binding as it stands.
    pub fn bind(&self, app: &App, account: &str, number: &str, verified_at: &str) -> Placement {
        match self.try_bind(app, account, self.digest(number), verified_at) {
            Outcome::Accepted(placement) | Outcome::Duplicate(Some(placement)) => placement,
            Outcome::Duplicate(None) | Outcome::Rejected(_) => panic!("{account} isn't bound"),
        }
    }

    /// Binds an account by any form of the number; what became of it.
    pub fn try_bind(
        &self,
        app: &App,
        account: &str,
        number: NumberText,
        verified_at: &str,
    ) -> Outcome<Placement> {
        let put = Put {
            account_ref: account.parse().expect("an account_ref"),
            number,
            verified_at: moment(verified_at),
            proof: None,
            holder: Default::default(),
        };
        let items = vec![Item { key: Some(account.to_owned()), value: Ok(put) }];
        let batch = self.registry.bind(app, items).expect("bound");
        batch.items.into_iter().next().expect("one item").1
    }

    /// Checks by handle.
    pub fn check(&self, app: &App, handle: &str) -> vacate::registry::Result<Checked<Verdict>> {
        self.ask(app, Question { number: handle.parse().expect("a handle"), verified_at: None })
    }

    /// Checks a number by digest.
    pub fn check_number(
        &self,
        app: &App,
        number: &str,
        verified_at: &str,
    ) -> vacate::registry::Result<Checked<Verdict>> {
        let verified_at = Some(moment(verified_at));
        self.ask(app, Question { number: self.digest(number), verified_at })
    }

    fn ask(&self, app: &App, question: Question) -> vacate::registry::Result<Checked<Verdict>> {
        match self.registry.check_now(app, &question, None) {
            Some(checked) => checked,
            None => self.registry.check(app, &question, None),
        }
    }

    /// Says what the app did with an account.
    pub fn acknowledge(&self, app: &App, account: &str, did: Did) {
        let said = Acknowledgement {
            account_ref: account.parse().expect("an account_ref"),
            did,
            revision: None,
            verified_at: None,
            proof: None,
        };
        let items = vec![Item { key: None, value: Ok(said) }];
        let batch = self.registry.acknowledge(app, items).expect("acknowledged");
        let outcome = batch.items.into_iter().next().expect("one item").1;
        assert!(!matches!(outcome, Outcome::Rejected(_)), "{account}: {outcome:?}");
    }

    fn enroll(&self, name: &str, kind: ParticipantKind, codes: Vec<CallingCode>) {
        let calling_codes = (kind == ParticipantKind::Carrier).then_some(codes);
        let wish = Enrolment { calling_codes, ..wish(name, kind) };
        let slug = Name::parse(name).expect("a name");
        self.registry.enroll(&self.admin, &slug, &wish).expect("enrolled");
    }

    fn admit<T>(
        &self,
        name: &str,
        permission: Permission,
        admit: fn(
            vacate::domain::participant::Caller,
            Permission,
        ) -> Result<T, vacate::domain::rejection::Rejection>,
    ) -> T {
        let name = Name::parse(name).expect("a name");
        let owner = self.registry.participant_named(&self.admin, &name).expect("enrolled");
        let issued = self.registry.issue_key(&owner, &KeyWish::new("test")).expect("a key");
        let caller = self.registry.authenticate(&issued.text).expect("the key works");
        admit(caller, permission).expect("admitted")
    }
}

fn wish(name: &str, kind: ParticipantKind) -> Enrolment {
    Enrolment {
        kind,
        display_name: name.to_owned(),
        organisation: None,
        calling_codes: None,
        accounts_declared: (kind == ParticipantKind::App).then_some(1_000_000),
        close_account_url: None,
        recover_url: None,
        support_url: None,
        advice_not_covered: None,
    }
}

/// A registry on `database`, migrated, without its index and without anybody in it.
pub fn open(database: &TestDatabase, clock: Clock) -> Registry {
    open_at(database, clock, &database.key_file())
}

fn open_at(database: &TestDatabase, clock: Clock, key_file: &Path) -> Registry {
    let flags = [
        ("database.url", database.url.clone()),
        ("keys.file", key_file.display().to_string()),
        ("database.connections_max", "24".to_owned()),
        ("database.wait_ms_max", "5000".to_owned()),
        ("webhooks.allowed_networks", "127.0.0.0/8".to_owned()),
    ];
    let flags = flags.map(|(setting, value)| Flag { name: "--test", setting, value });
    let config = Config::load(None, [], &flags).expect("the settings are right");
    server::open(&config, clock, Entropy::System, Migrate::AtStart, &mut Vec::new())
        .expect("the registry opens")
}

/// An instant.
pub fn moment(text: &str) -> Moment {
    text.parse().expect("an instant")
}

/// The calling code that the tests' numbers have.
pub fn germany() -> CallingCode {
    "49".parse().expect("a calling code")
}
