//! What happens: one verb, one file, one transaction. The use cases are methods of [`Registry`], plain
//! functions that take valid input and answer with an outcome or a refusal. Start with `publish.rs`
//! and `check.rs`; `follow.rs` is how one becomes visible to the other, and `demand.rs` what follows
//! from it for the apps.

mod acknowledge;
mod authenticate;
mod batch;
mod bind;
mod check;
mod clear;
mod cover;
mod deliver;
mod demand;
mod enroll;
mod erase;
mod evaluate;
mod follow;
mod forget;
mod inform;
mod issue;
mod prove;
mod publish;
mod recompute;
mod rotate;
mod spend;
mod subscribe;
mod survey;
mod test_numbers;
mod trace;
mod turn_away;

pub use acknowledge::{Acknowledgement, Answered, Removal};
pub use batch::{Batch, Item, Keyed, Outcome};
pub use bind::{Placement, Put};
pub use check::{Checked, Delay, Question, Verdict};
pub use clear::Reissue;
pub use cover::{CallingCodeView, Coverage, Declaration, DirectoryEntry, Given};
pub use deliver::{Outgoing, Taken};
pub use enroll::{Enrolled, FirstAdmin};
pub use evaluate::{Evaluated, Evaluation, Made, Prove, Unevaluated};
pub use forget::Retention;
pub use inform::{BindingView, DutyFilter, DutyView, Row};
pub use issue::IssuedKey;
pub use publish::{Publication, Receipt, Report};
pub use recompute::More;
pub use rotate::{EpochView, Held};
pub use spend::BudgetSettings;
pub use subscribe::{EndpointChange, EndpointView, Wanted};
pub use survey::Status;
pub use trace::{Followed, FollowedAttempt, ShownDeliveries};

pub use crate::storage::deliveries::{Delivery, DeliveryId, State as DeliveryState};
pub use crate::storage::endpoints::{Endpoint, State as EndpointState};
pub use crate::storage::participants::ApiKey;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::calling_code::CallingCode;
use crate::domain::oprf::DirectoryKey;
use crate::domain::policy::Policy;
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::time::Moment;
use crate::entropy::Entropy;
use crate::index::Index;
use crate::keys::{Keys, Sealed};
use crate::storage::log::Stamp;
use crate::storage::{Backend, Storage};
use spend::Budgets;
use test_numbers::TestNumbers;

/// What a use case answers: its outcome, or why not.
pub type Result<T> = std::result::Result<T, Rejection>;

/// Connections of the worker, beside those of requests. A step of it takes milliseconds.
pub const WORKER_CONNECTIONS: u32 = 4;
/// Connections that follow the log: one at a time does.
pub const FOLLOWER_CONNECTIONS: u32 = 1;

/// The settings that use cases look at.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Items of a batch, at most.
    pub items_max: usize,
    /// Accounts of one app on one number, at most.
    pub bindings_per_app_and_number_max: usize,
    /// How long a check waits for the log's head before it is refused.
    pub fresh_wait_max: Duration,
    /// Days that tokens of an epoch are accepted after a newer one came into force.
    pub epoch_overlap_days: u32,
    /// Hours that an old webhook secret signs beside a new one when nothing is said.
    pub secret_overlap_hours: u32,
    /// How far ahead of the clock a time may lie, in seconds.
    pub clock_skew_seconds_max: u32,
    /// What budgets follow from.
    pub budgets: BudgetSettings,
    /// Networks that webhooks may go to although they aren't public.
    pub webhook_networks: Vec<ipnet::IpNet>,
    /// The policies of calling codes that the admin hasn't set.
    pub policies: Policies,
    /// How long things are kept.
    pub retention: Retention,
}

/// Policies by calling code, and the one of all others.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// The policy of a calling code that isn't named.
    pub default: Policy,
    /// Those that are.
    pub by_code: HashMap<CallingCode, Policy>,
}

impl Policies {
    /// The policy of `code`.
    pub fn of(&self, code: CallingCode) -> &Policy {
        self.by_code.get(&code).unwrap_or(&self.default)
    }
}

/// The registry of one node.
pub struct Registry {
    /// For requests.
    storage: Storage,
    /// For the worker, so that neither waits behind the other.
    errands: Storage,
    /// For whoever has the turn to follow the log: a commit that has given its connection back must not
    /// queue for one again before it can be answered.
    follower: Storage,
    index: Index,
    keys: Keys,
    clock: Clock,
    entropy: Entropy,
    settings: Settings,
    test_numbers: TestNumbers,
    budgets: Budgets,
    bell: Arc<Notify>,
    settled: Arc<Notify>,
    loaded: AtomicUsize,
    looked_at_ms: AtomicI64,
    uses: Mutex<HashMap<String, Moment>>,
    uses_kept_at_ms: AtomicI64,
}

impl Registry {
    /// A registry that has not loaded its index yet.
    pub fn new(
        storage: Storage,
        keys: Keys,
        clock: Clock,
        entropy: Entropy,
        settings: Settings,
    ) -> Registry {
        Registry {
            errands: storage.beside(WORKER_CONNECTIONS),
            follower: storage.beside(FOLLOWER_CONNECTIONS),
            storage,
            index: Index::default(),
            keys,
            clock,
            entropy,
            settings,
            test_numbers: TestNumbers::default(),
            budgets: Budgets::default(),
            bell: Arc::new(Notify::new()),
            settled: Arc::new(Notify::new()),
            loaded: AtomicUsize::new(0),
            looked_at_ms: AtomicI64::new(0),
            uses: Mutex::default(),
            uses_kept_at_ms: AtomicI64::new(0),
        }
    }

    /// The clock that all of it goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Randomness.
    pub fn entropy(&self) -> &Entropy {
        &self.entropy
    }

    /// What every participant hashes numbers with.
    pub fn directory_key(&self) -> &DirectoryKey {
        self.keys.directory()
    }

    /// Where tokens are made, if not here.
    pub fn evaluator(&self) -> Option<String> {
        self.keys.ring().evaluator().map(str::to_owned)
    }

    /// The place in the log that a client hands back.
    ///
    /// # Errors
    /// `position_invalid` for one that this registry didn't make.
    pub fn position(&self, text: &str) -> Result<Position> {
        self.keys.ring().open_position(text)
    }

    /// Rings, for all who listen, when something was committed that may have to be delivered.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Rings when tries were settled.
    pub fn settled_bell(&self) -> Arc<Notify> {
        Arc::clone(&self.settled)
    }

    /// How many numbers the index has loaded so far.
    pub fn loaded(&self) -> usize {
        self.loaded.load(Ordering::Relaxed)
    }

    /// The place of the log, as clients are told it.
    pub fn position_text(&self, position: Position) -> String {
        self.keys.ring().seal_position(position)
    }

    /// Seals a place in a list for the participant who reads it.
    pub fn seal_cursor(&self, owner: &str, place: &[u8]) -> Vec<u8> {
        self.keys.ring().seal(Sealed::Cursor, owner, place).0
    }

    /// The place in a list that was sealed for this participant.
    pub fn open_cursor(&self, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.keys.ring().open(Sealed::Cursor, owner, sealed)
    }

    /// What the entries of a commit are stamped with.
    fn stamp(&self) -> Stamp {
        Stamp { now_ms: self.clock.now_ms(), mark: i64::from_be_bytes(self.entropy.bytes()) }
    }

    /// What follows a commit, before the caller is told: the index catches up, the worker wakes. It
    /// runs where the use case runs, so that a client who hangs up can't lose it.
    fn committed(&self, head: Position) {
        self.index.note_head(head);
        if let Err(error) = self.catch_up() {
            log::warn!("checks wait for the index: {error}");
        }
        self.bell.notify_waiters();
    }

    /// The log's head, where this process can know it without asking: on SQLite it is the only
    /// writer. On PostgreSQL another node may have moved it.
    fn head_in_memory(&self) -> Option<Position> {
        match self.storage.backend() {
            Backend::Sqlite => self.index.head().map(|head| head.max(self.storage.committed())),
            Backend::Postgres => None,
        }
    }

    /// Storage's errors on their way to the caller; after a lost outcome nobody knows the head.
    fn failed(&self, error: crate::storage::Error) -> Rejection {
        if matches!(error, crate::storage::Error::OutcomeUnknown) {
            self.index.forget_head();
        }
        error.into()
    }
}

fn internal(what: &str) -> Rejection {
    log::error!("registry: {what}");
    Rejection::new(Code::Internal, "Something that can't be happened here.")
}
