//! The key file and what is derived from it: elements, handles, seals.
//!
//! Whoever steals the database without this file learns no number; whoever has both can try all
//! numbers of a country within hours. So it lies apart from the data, and is copied apart from it.
//!
//! A registry goes by a [`Ring`]: the secrets that this node has, and what the database says holds of
//! each. Both may change while it runs, so whoever does several things under one key takes one ring.

mod apart;
mod derived;
mod file;
mod private;
mod ring;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

use apart::Apart;
use derived::Derived;
pub use derived::PublicEpoch;
use file::KeyFile;
pub use file::{Found, Halves, KeyFileError, Reread, add, split};
pub use private::{draft_of, put_in_place, replace_private};
pub use ring::{Elements, Ring};

use crate::domain::generation::{Generations, Purpose};
use crate::domain::oprf::{DirectoryKey, ElementSeed, EpochSeed};
use crate::domain::role::Role;
use crate::domain::seal::ServerKey;
use crate::domain::secret::Secret;
use crate::domain::time::Moment;
use crate::entropy::Entropy;

/// The secrets of one registry. Seeds by epoch or generation, both counted from 1.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Given to every participant: hygiene, never a boundary.
    pub directory: DirectoryKey,
    /// Where the keys of tokens come from.
    pub epochs: BTreeMap<u32, EpochSeed>,
    /// Where the keys of elements come from.
    pub elements: BTreeMap<u32, ElementSeed>,
    /// Where the keys of seals come from.
    pub servers: BTreeMap<u32, ServerKey>,
    /// Whether these are all of them.
    pub part: Part,
}

/// Which of a registry's secrets a node has.
#[derive(Clone)]
pub enum Part {
    /// All.
    Whole,
    /// Those of the evaluator: its epochs' seeds. Its elements and seals are its own, not the registry's.
    Evaluator,
    /// Those of a registry whose evaluator runs apart: no seed of an epoch or an element.
    Registry(Arc<Apart>),
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.role().text())
    }
}

impl Part {
    /// What a process can be that has it.
    pub fn role(&self) -> Role {
        match self {
            Part::Whole => Role::All,
            Part::Evaluator => Role::Evaluator,
            Part::Registry(_) => Role::Registry,
        }
    }

    /// What stands for the seeds that a registry apart lacks.
    fn apart(&self) -> Option<&Apart> {
        match self {
            Part::Registry(apart) => Some(apart),
            Part::Whole | Part::Evaluator => None,
        }
    }
}

impl Secrets {
    /// New ones, one of each kind.
    pub fn generate(entropy: &Entropy) -> Secrets {
        Secrets {
            directory: DirectoryKey(entropy.secret()),
            epochs: BTreeMap::from([(1, EpochSeed(entropy.secret()))]),
            elements: BTreeMap::from([(1, ElementSeed(entropy.secret()))]),
            servers: BTreeMap::from([(1, ServerKey(entropy.secret()))]),
            part: Part::Whole,
        }
    }

    /// A SHA-256 of each secret, by purpose and generation: what the database may know of them.
    pub fn fingerprints(&self) -> Vec<(Purpose, u32, [u8; 32])> {
        let of = |secret: &Secret| Sha256::digest(secret.expose()).into();
        let mut all = vec![(Purpose::Directory, 1, of(&self.directory.0))];
        all.extend(self.epochs.iter().map(|(epoch, seed)| (Purpose::Epoch, *epoch, of(&seed.0))));
        let elements = self.elements.iter();
        all.extend(elements.map(|(number, seed)| (Purpose::Element, *number, of(&seed.0))));
        let servers = self.servers.iter();
        all.extend(servers.map(|(number, key)| (Purpose::Server, *number, of(&key.0))));
        all.extend(self.part.apart().into_iter().flat_map(|apart| apart.fingerprints.clone()));
        all
    }

    /// How many generations of each purpose are there, or are stood for.
    pub fn counted(&self) -> Vec<(Purpose, usize)> {
        let all = self.fingerprints();
        let count = |purpose| all.iter().filter(|one| one.0 == purpose).count();
        Purpose::ALL.iter().map(|purpose| (*purpose, count(*purpose))).collect()
    }

    /// The newest generation that is there.
    pub fn newest(&self, purpose: Purpose) -> Option<u32> {
        match purpose {
            Purpose::Directory => Some(1),
            Purpose::Epoch => self.epochs.last_key_value().map(|(number, _)| *number),
            Purpose::Element => self.elements.last_key_value().map(|(number, _)| *number),
            Purpose::Server => self.servers.last_key_value().map(|(number, _)| *number),
        }
    }

    /// Whether this generation is there.
    pub fn has(&self, purpose: Purpose, number: u32) -> bool {
        if let Some(apart) = self.part.apart()
            && matches!(purpose, Purpose::Epoch | Purpose::Element)
        {
            return apart.fingerprints.iter().any(|one| (one.0, one.1) == (purpose, number));
        }
        match purpose {
            Purpose::Directory => number == 1,
            Purpose::Epoch => self.epochs.contains_key(&number),
            Purpose::Element => self.elements.contains_key(&number),
            Purpose::Server => self.servers.contains_key(&number),
        }
    }
}

/// What is sealed for one participant, by purpose; the text is part of the key's derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// A carrier's event id.
    EventId,
    /// An app's account.
    AccountRef,
    /// An endpoint's signing secret.
    WebhookSecret,
    /// What a webhook's receiver answered; its owner is the delivery's id.
    Answer,
    /// A place in a list.
    Cursor,
}

impl Sealed {
    fn purpose(self) -> &'static str {
        match self {
            Sealed::EventId => "event_id",
            Sealed::AccountRef => "account_ref",
            Sealed::WebhookSecret => "webhook_secret",
            Sealed::Answer => "answer",
            Sealed::Cursor => "cursor",
        }
    }
}

/// The keys in use.
pub struct Keys {
    directory: DirectoryKey,
    ring: RwLock<Arc<Ring>>,
    file: Option<KeyFile>,
}

impl Keys {
    /// The keys of `secrets`, as a database goes by them that has no others: the newest of each kind.
    ///
    /// # Panics
    /// Unless there is at least one of each kind.
    pub fn new(secrets: Secrets) -> Keys {
        let generations = Generations::first(secrets.fingerprints(), Moment::ZERO);
        let generations = generations.expect("there is a secret of each kind");
        let directory = secrets.directory.clone();
        let ring = Arc::new(Ring::new(Arc::new(Derived::new(secrets)), generations));
        Keys { directory, ring: RwLock::new(ring), file: None }
    }

    /// What every participant hashes numbers with. It never changes.
    pub fn directory(&self) -> &DirectoryKey {
        &self.directory
    }

    /// The keys as they are now.
    pub fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys as they are under `generations`, which a transaction has read.
    pub fn ring_under(&self, generations: Generations) -> Arc<Ring> {
        let ring = self.ring();
        if *ring.generations() == generations {
            return ring;
        }
        Arc::new(ring.under(generations))
    }

    /// Goes by `generations` from here on: what the database says now.
    pub fn follow(&self, generations: Generations) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        if *ring.generations() != generations {
            *ring = Arc::new(ring.under(generations));
        }
    }

    fn replace(&self, secrets: Secrets) {
        let derived = Arc::new(Derived::new(secrets));
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        *ring = Arc::new(Ring::new(derived, ring.generations().clone()));
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, …)", self.directory.kid())
    }
}
