//! From a phone number to the digest that stands for it, on this side of the wire. Tokens, which show
//! the registry less, are in `tokens`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Method;
use serde::{Deserialize, Deserializer};
use tokio::sync::OnceCell;

use super::error::Error;
use super::{Client, empty, with_query};
use crate::domain::calling_code::CallingCode;
use crate::domain::number::{E164, KeyId, NumberText};
use crate::domain::oprf::{DirectoryKey, token_kid};
use crate::domain::secret::Secret;
use crate::domain::text;
use crate::domain::time::Moment;

/// The canary: a test number that every registry knows, and that no wrong key hits.
const CANARY: &str = "+9990000001";

/// Makes digests and tokens. Keep one for as long as the process runs: each calling code is asked for
/// once and its keys kept. Should the registry refuse a digest with `key_id_unknown`, the key was
/// replaced, and a new `Directory` knows the new one.
///
/// Before the first number it asks one call about the canary, a test number, and makes none until the
/// answer shows that numbers made here are understood there: a wrong key would make every number look
/// like one to which nothing happened.
#[derive(Debug)]
pub struct Directory {
    client: Client,
    kept: Mutex<HashMap<CallingCode, Arc<Known>>>,
    proved: OnceCell<()>,
}

/// What numbers of one calling code are made with.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) directory_key: DirectoryKey,
    /// Who makes tokens: the registry itself, or an evaluator apart.
    pub(super) evaluator: Client,
    /// The newest.
    epoch: Option<PublicEpoch>,
}

impl Known {
    /// The key of new tokens.
    pub(super) fn epoch(&self) -> Result<&PublicEpoch, Error> {
        let why = || "the directory names no key of tokens".to_owned();
        self.epoch.as_ref().ok_or_else(|| Error::NotOurs { status: 200, why: why() })
    }
}

impl Directory {
    /// The directory of the client's registry. Nothing is asked yet.
    pub fn new(client: &Client) -> Directory {
        Directory { client: client.clone(), kept: Mutex::default(), proved: OnceCell::new() }
    }

    /// The digest of a number.
    ///
    /// # Errors
    /// The first time for a calling code: `calling_code_unknown`, and those of every call; before the
    /// first number those of [`Directory::prove`].
    pub async fn digest(&self, number: &E164) -> Result<NumberText, Error> {
        Ok(self.known(number.calling_code()).await?.directory_key.digest(number))
    }

    /// Asks about the canary now, where the first number would. Any key can.
    ///
    /// # Errors
    /// `test_number_unknown` or `key_id_unknown` when numbers made here aren't understood there, and
    /// those of every call. It is asked again then, the next time.
    pub async fn prove(&self) -> Result<(), Error> {
        self.proved.get_or_try_init(async || self.ask_about_the_canary().await).await.copied()
    }

    /// Whoever makes tokens tells a digest of a test number from any other.
    async fn ask_about_the_canary(&self) -> Result<(), Error> {
        let canary: E164 = CANARY.parse().expect("the canary is a number");
        let known = self.asked(canary.calling_code()).await?;
        let (digest, key_id) = (known.directory_key.digest(&canary), known.epoch()?.key_id);
        known.evaluator.evaluate_digests(canary.calling_code(), key_id, &[digest]).await.map(drop)
    }

    /// What is known of a calling code, after the canary was asked about.
    pub(super) async fn known(&self, calling_code: CallingCode) -> Result<Arc<Known>, Error> {
        self.prove().await?;
        self.asked(calling_code).await
    }

    async fn asked(&self, calling_code: CallingCode) -> Result<Arc<Known>, Error> {
        let kept = self.kept().get(&calling_code).cloned();
        if let Some(known) = kept {
            return Ok(known);
        }
        let entry = self.client.directory(calling_code).await?;
        let evaluator = match &entry.evaluator {
            Some(url) => self.client.evaluator(url)?,
            None => self.client.clone(),
        };
        let codes = entry.calling_codes.into_iter();
        let served = codes.filter(|served| served.calling_code == calling_code);
        let epoch = served.flat_map(|served| served.epochs).max_by_key(|epoch| epoch.epoch);
        let known = Arc::new(Known { directory_key: entry.directory_key, evaluator, epoch });
        self.kept().insert(calling_code, Arc::clone(&known));
        Ok(known)
    }

    /// Asks anew, the next time.
    pub(super) fn forget(&self, calling_code: CallingCode) {
        self.kept().remove(&calling_code);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<CallingCode, Arc<Known>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the registry tells about one calling code, or all, to make numbers for it.
#[derive(Clone, Debug, Deserialize)]
pub struct DirectoryEntry {
    /// What digests are made with.
    #[serde(deserialize_with = "directory_key")]
    pub directory_key: DirectoryKey,
    /// Names it in every digest.
    pub key_id: KeyId,
    /// Where tokens are made, if not here.
    pub evaluator: Option<String>,
    /// The calling codes that were asked for.
    pub calling_codes: Vec<ServedCallingCode>,
}

/// A calling code, as far as a client must know it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServedCallingCode {
    /// Which.
    pub calling_code: CallingCode,
    /// Since when it is covered as a whole.
    pub complete_since: Option<Moment>,
    /// How far it was reported.
    pub through: Option<Moment>,
    /// From a disconnect until the next person, at least, in days.
    pub aging_days: u32,
    /// How late reports may be, in days.
    pub max_lag_days: u32,
    /// The time to freeze, in hours.
    pub freeze_within_hours: u32,
    /// The time to detach, in hours.
    pub detach_within_hours: u32,
    /// How far answers reach back, and events are taken; `None`: for ever.
    #[serde(default)]
    pub retained_since: Option<Moment>,
    /// The keys that tokens may be made with.
    pub epochs: Vec<PublicEpoch>,
}

/// The public half of a token key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PublicEpoch {
    /// Counted from 1.
    pub epoch: u32,
    /// A ristretto255 element (RFC 9496), which proofs are checked against.
    #[serde(deserialize_with = "public_key")]
    pub public_key: [u8; 32],
    /// Names it in every token.
    pub key_id: KeyId,
    /// Until when its tokens are accepted, if that is known.
    pub accepted_until: Option<Moment>,
}

impl Client {
    /// What is needed to make numbers of a calling code. Any key can ask.
    ///
    /// # Errors
    /// `calling_code_unknown`; [`Error::NotOurs`] when a key and its key id don't belong together;
    /// those of every call.
    pub async fn directory(&self, calling_code: CallingCode) -> Result<DirectoryEntry, Error> {
        let calling_code = calling_code.to_string();
        let path = with_query("/v1/directory", &[("calling_code", Some(&calling_code))]);
        let answer = self.raw(empty(Method::GET, &path)).await?;
        let entry: DirectoryEntry = answer.json()?;
        if entry.directory_key.kid() != entry.key_id {
            return Err(answer.not_ours("key_id isn't that of directory_key"));
        }
        let mut epochs = entry.calling_codes.iter().flat_map(|served| &served.epochs);
        if epochs.any(|epoch| token_kid(&epoch.public_key) != epoch.key_id) {
            return Err(answer.not_ours("key_id isn't that of public_key"));
        }
        Ok(entry)
    }
}

fn directory_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DirectoryKey, D::Error> {
    let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
    let bytes = text::from_hex(&text);
    let key = bytes.map(|bytes| DirectoryKey(Secret::new(bytes)));
    key.ok_or_else(|| serde::de::Error::custom(HEX_EXPECTED))
}

fn public_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    text::from_hex(&text).ok_or_else(|| serde::de::Error::custom(HEX_EXPECTED))
}

const HEX_EXPECTED: &str = "64 lower hex digits are expected";
