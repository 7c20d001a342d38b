//! What is derived of a node's secrets: when it is first asked for, and then kept, since deriving a key
//! costs about as much as using it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use super::Secrets;
use crate::domain::calling_code::CallingCode;
use crate::domain::number::KeyId;
use crate::domain::oprf::{ElementKey, EpochKey, TokenKey};
use crate::domain::seal::{Handle, SealKey};
use crate::domain::time::Moment;

/// Keys of one purpose and owner by generation, the newest first.
type SealKeys = Vec<(u32, SealKey)>;

/// The secrets of a node, and the keys that came of them so far.
pub(super) struct Derived {
    pub(super) secrets: Secrets,
    pub(super) directory_kid: KeyId,
    /// The newest first.
    pub(super) positions: SealKeys,
    codes: RwLock<HashMap<CallingCode, Arc<CodeKeys>>>,
    handles: RwLock<HashMap<String, Arc<SealKeys>>>,
}

/// What one calling code's numbers need.
pub(super) struct CodeKeys {
    /// By generation.
    pub(super) elements: BTreeMap<u32, ElementKey>,
    /// By epoch.
    pub(super) epochs: Vec<EpochKeys>,
}

/// The keys of one epoch under one calling code.
pub(super) struct EpochKeys {
    pub(super) epoch: u32,
    pub(super) kid: KeyId,
    pub(super) public_key: [u8; 32],
    /// k; a registry whose evaluator runs apart hasn't it.
    pub(super) key: Option<EpochKey>,
    /// To the elements of each generation.
    pub(super) tokens: BTreeMap<u32, TokenKey>,
}

/// What clients may know of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicEpoch {
    /// Counted from 1.
    pub epoch: u32,
    /// k·G, ristretto255.
    pub public_key: [u8; 32],
    /// The key id in a token's text.
    pub kid: KeyId,
    /// When its tokens end to be accepted, if that is known.
    pub accepted_until: Option<Moment>,
}

impl Derived {
    pub(super) fn new(secrets: Secrets) -> Derived {
        let servers = secrets.servers.iter().rev();
        Derived {
            directory_kid: secrets.directory.kid(),
            positions: servers
                .map(|(number, key)| (*number, key.owner_key("position", "")))
                .collect(),
            secrets,
            codes: RwLock::default(),
            handles: RwLock::default(),
        }
    }

    /// The keys of a calling code.
    pub(super) fn of_code(&self, code: CallingCode) -> Arc<CodeKeys> {
        kept(&self.codes, &code, || self.derive(code))
    }

    /// An app's handle keys by generation, the newest first.
    pub(super) fn handle_keys(&self, app: &str) -> Arc<SealKeys> {
        kept(&self.handles, app, || {
            let servers = self.secrets.servers.iter().rev();
            servers.map(|(number, key)| (*number, key.owner_key(Handle::PURPOSE, app))).collect()
        })
    }

    fn derive(&self, code: CallingCode) -> CodeKeys {
        if let Some(apart) = self.secrets.part.apart() {
            return apart.of_code(code);
        }
        let seeds = self.secrets.elements.iter();
        let elements: BTreeMap<u32, ElementKey> =
            seeds.map(|(generation, seed)| (*generation, seed.key(code))).collect();
        let epochs = self.secrets.epochs.iter().map(|(epoch, seed)| {
            let key = seed.key(code, *epoch);
            let tokens = elements.iter();
            let tokens = tokens.map(|(number, element)| (*number, TokenKey::new(element, &key)));
            let (public_key, tokens) = (key.public_key(), tokens.collect());
            EpochKeys { epoch: *epoch, kid: key.kid(), public_key, tokens, key: Some(key) }
        });
        CodeKeys { epochs: epochs.collect(), elements }
    }
}

/// What is kept under `name`; made where it is missing.
fn kept<K, Q, T>(all: &RwLock<HashMap<K, Arc<T>>>, name: &Q, make: impl FnOnce() -> T) -> Arc<T>
where
    K: std::borrow::Borrow<Q> + Eq + std::hash::Hash,
    Q: ToOwned<Owned = K> + Eq + std::hash::Hash + ?Sized,
{
    if let Some(known) = all.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(known);
    }
    let made = Arc::new(make());
    let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(name.to_owned()).or_insert(made))
}
