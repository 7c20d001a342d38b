//! The key file and what is derived from it: elements, handles, seals.
//!
//! Whoever steals the database without this file learns no number; whoever has both can try all
//! numbers of a country within hours. So it lies apart from the data, and is copied apart from it.

mod file;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use sha2::{Digest, Sha256};

pub use file::{Found, KeyFileError, replace_private};

use crate::domain::calling_code::CallingCode;
use crate::domain::event::SealedId;
use crate::domain::number::{E164, Element, KeyId, NumberText};
use crate::domain::oprf::{DirectoryKey, ElementKey, ElementSeed, EpochKey, EpochSeed, TokenKey};
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::seal::{Handle, SealKey, ServerKey};
use crate::domain::secret::Secret;
use crate::domain::text;
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
}

impl Secrets {
    /// New ones, one of each kind.
    pub fn generate(entropy: &Entropy) -> Secrets {
        Secrets {
            directory: DirectoryKey(entropy.secret()),
            epochs: BTreeMap::from([(1, EpochSeed(entropy.secret()))]),
            elements: BTreeMap::from([(1, ElementSeed(entropy.secret()))]),
            servers: BTreeMap::from([(1, ServerKey(entropy.secret()))]),
        }
    }

    /// A SHA-256 of each secret, by purpose and generation: what the database may know of them.
    pub fn fingerprints(&self) -> Vec<(&'static str, u32, [u8; 32])> {
        let of = |secret: &Secret| Sha256::digest(secret.expose()).into();
        let mut all = vec![("directory", 1, of(&self.directory.0))];
        all.extend(self.epochs.iter().map(|(epoch, seed)| ("epoch", *epoch, of(&seed.0))));
        all.extend(self.elements.iter().map(|(number, seed)| ("element", *number, of(&seed.0))));
        all.extend(self.servers.iter().map(|(number, key)| ("server", *number, of(&key.0))));
        all
    }
}

/// The keys in use. Keys of a calling code are derived when it is first asked for, and kept.
pub struct Keys {
    secrets: Secrets,
    directory_kid: KeyId,
    codes: RwLock<HashMap<CallingCode, Arc<CodeKeys>>>,
    handles: RwLock<HashMap<String, Arc<Vec<SealKey>>>>,
    positions: Vec<SealKey>,
}

/// What one calling code's numbers need.
struct CodeKeys {
    element: ElementKey,
    tokens: Vec<(KeyId, TokenKey)>,
    public: Vec<PublicEpoch>,
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
    /// A place in a list.
    Cursor,
}

impl Sealed {
    fn purpose(self) -> &'static str {
        match self {
            Sealed::EventId => "event_id",
            Sealed::AccountRef => "account_ref",
            Sealed::WebhookSecret => "webhook_secret",
            Sealed::Cursor => "cursor",
        }
    }
}

impl Keys {
    /// The keys of `secrets`, which hold at least one of each kind.
    pub fn new(secrets: Secrets) -> Keys {
        let directory_kid = secrets.directory.kid();
        let positions =
            secrets.servers.values().rev().map(|key| key.owner_key("position", "")).collect();
        Keys {
            secrets,
            directory_kid,
            codes: RwLock::default(),
            handles: RwLock::default(),
            positions,
        }
    }

    /// The secrets, for their fingerprints and for the directory.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The key id in a digest's text.
    pub fn directory_kid(&self) -> KeyId {
        self.directory_kid
    }

    /// The epochs whose tokens are accepted.
    pub fn public_epochs(&self, calling_code: CallingCode) -> Vec<PublicEpoch> {
        self.of_code(calling_code).public.clone()
    }

    /// The element of a digest or a token.
    ///
    /// # Errors
    /// `key_id_unknown`, never "unknown number", for a key that isn't accepted: a wrong key must not
    /// look like a number to which nothing happened. `element_invalid` for a token that is no
    /// element; `handle_invalid` for a handle, which only an app's own calls take.
    pub fn element(&self, number: &NumberText) -> Result<Element, Rejection> {
        match number {
            NumberText::Digest { calling_code, kid, nd } => {
                if *kid != self.directory_kid {
                    return Err(key_id_unknown());
                }
                Ok(self.of_code(*calling_code).element.element(nd))
            }
            NumberText::Token { calling_code, kid, point } => {
                let keys = self.of_code(*calling_code);
                let (_, key) = keys
                    .tokens
                    .iter()
                    .find(|(known, _)| known == kid)
                    .ok_or_else(key_id_unknown)?;
                key.element(point)
            }
            NumberText::Handle { .. } => Err(Rejection::new(
                Code::HandleInvalid,
                "A handle is an app's own; this call takes a digest or a token.",
            )),
        }
    }

    /// The element of a plain number that this process itself knows: the test numbers, and an
    /// account's name that may be the number being bound.
    pub fn element_of(&self, number: &E164) -> Element {
        let nd = self.secrets.directory.nd(number);
        self.of_code(number.calling_code()).element.element(&nd)
    }

    /// The handle's text for `app`, under the newest key.
    pub fn seal_handle(&self, app: &str, calling_code: CallingCode, handle: &Handle) -> String {
        handle.seal(&self.handle_keys(app)[0], calling_code).text()
    }

    /// What a handle of `app` holds.
    ///
    /// # Errors
    /// `handle_invalid` when it is another app's, damaged, or of a key that isn't accepted.
    pub fn open_handle(&self, app: &str, number: &NumberText) -> Result<Handle, Rejection> {
        let NumberText::Handle { calling_code, kid, sealed } = number else {
            return Err(handle_invalid());
        };
        let keys = self.handle_keys(app);
        let key = keys.iter().find(|key| key.kid() == *kid).ok_or_else(handle_invalid)?;
        Handle::open(key, *calling_code, sealed)
    }

    /// Seals `plaintext` for `owner`; equal texts seal to equal bytes, so that they can be looked up.
    pub fn seal(&self, what: Sealed, owner: &str, plaintext: &[u8]) -> SealedId {
        let (generation, key) = self.newest_server_key();
        let sealed = key.owner_key(what.purpose(), owner).seal(b"", plaintext);
        SealedId([&[generation], sealed.as_slice()].concat())
    }

    /// What was sealed for `owner`; `None` when it is another's, damaged, or of a key that is gone.
    pub fn open(&self, what: Sealed, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (generation, sealed) = sealed.split_first()?;
        let key = self.secrets.servers.get(&u32::from(*generation))?;
        key.owner_key(what.purpose(), owner).open(b"", sealed)
    }

    /// A position's text, which any participant may hand back.
    pub fn seal_position(&self, position: Position) -> String {
        let sealed = self.positions[0].seal(POSITION_PREFIX.as_bytes(), &position.0.to_be_bytes());
        format!("{POSITION_PREFIX}{}", text::to_base64url(&sealed))
    }

    /// The position of a text that this registry has made.
    ///
    /// # Errors
    /// `position_invalid` for any other.
    pub fn open_position(&self, given: &str) -> Result<Position, Rejection> {
        let sealed: Option<[u8; 24]> =
            given.strip_prefix(POSITION_PREFIX).and_then(text::from_base64url);
        let opened = sealed.and_then(|sealed| {
            self.positions.iter().find_map(|key| key.open(POSITION_PREFIX.as_bytes(), &sealed))
        });
        opened
            .and_then(|bytes| bytes.try_into().ok())
            .map(|bytes| Position(i64::from_be_bytes(bytes)))
            .ok_or_else(|| {
                Rejection::new(Code::PositionInvalid, "This position is not of this registry.")
            })
    }

    fn newest_server_key(&self) -> (u8, &ServerKey) {
        let (generation, key) =
            self.secrets.servers.last_key_value().expect("a key file holds a server key");
        (u8::try_from(*generation).expect("the key file bounds generations"), key)
    }

    /// An app's handle keys, the newest first.
    fn handle_keys(&self, app: &str) -> Arc<Vec<SealKey>> {
        if let Some(keys) = self.handles.read().unwrap_or_else(PoisonError::into_inner).get(app) {
            return Arc::clone(keys);
        }
        let keys = self.secrets.servers.values().rev();
        let keys = Arc::new(keys.map(|key| key.owner_key(Handle::PURPOSE, app)).collect());
        let mut all = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(app.to_owned()).or_insert(keys))
    }

    fn of_code(&self, calling_code: CallingCode) -> Arc<CodeKeys> {
        let read = self.codes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = read.get(&calling_code) {
            return Arc::clone(keys);
        }
        drop(read);
        let keys = Arc::new(self.derive(calling_code));
        let mut all = self.codes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(calling_code).or_insert(keys))
    }

    fn derive(&self, calling_code: CallingCode) -> CodeKeys {
        let (_, seed) =
            self.secrets.elements.last_key_value().expect("a key file holds an element seed");
        let element = seed.key(calling_code);
        let epochs: Vec<(u32, EpochKey)> = self
            .secrets
            .epochs
            .iter()
            .map(|(epoch, seed)| (*epoch, seed.key(calling_code, *epoch)))
            .collect();
        let tokens =
            epochs.iter().map(|(_, key)| (key.kid(), TokenKey::new(&element, key))).collect();
        let public = epochs
            .iter()
            .map(|(epoch, key)| PublicEpoch {
                epoch: *epoch,
                public_key: key.public_key(),
                kid: key.kid(),
            })
            .collect();
        CodeKeys { element, tokens, public }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, …)", self.directory_kid)
    }
}

const POSITION_PREFIX: &str = "p1.";

fn key_id_unknown() -> Rejection {
    Rejection::new(
        Code::KeyIdUnknown,
        "The number was made with a key that isn't, or is no longer, accepted here.",
    )
}

fn handle_invalid() -> Rejection {
    Rejection::new(
        Code::HandleInvalid,
        "This handle is another app's, damaged, or of a key that is not accepted.",
    )
}
