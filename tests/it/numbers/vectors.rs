//! `tests/vectors/numbers.json` as types, with its keys, and the ways that numbers take through
//! them.

use std::collections::BTreeMap;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use serde::Deserialize;
use vacate::domain::blinded::Blinding;
use vacate::domain::calling_code::CallingCode;
use vacate::domain::number::{E164, Element, Guard, KeyId, NumberId, NumberText};
use vacate::domain::oprf::{DirectoryKey, ElementKey, ElementSeed, EpochKey, EpochSeed, TokenKey};
use vacate::domain::rejection::{Code, Rejection};
use vacate::domain::seal::{Handle, SealKey, ServerKey};
use vacate::domain::secret::Secret;
use vacate::domain::text;
use vacate::entropy::Entropy;

/// Epochs and generations alike.
pub const BOTH: [u32; 2] = [1, 2];

#[derive(Deserialize)]
pub struct Vectors {
    pub secrets: Secrets,
    pub kids: Kids,
    pub app_keys: BTreeMap<String, BTreeMap<u32, Bytes>>,
    pub blind: Bytes,
    pub keys: BTreeMap<CallingCode, Keys>,
    pub numbers: Vec<Number>,
    pub handle_worked_example: WorkedExample,
    pub negative: Vec<Negative>,
    pub e164_refused: Vec<String>,
    pub inputs_doubtful: Vec<Doubtful>,
    pub inputs_refused: Vec<Refused>,
    pub calling_code_of: BTreeMap<String, CallingCode>,
}

impl Vectors {
    pub fn read() -> Vectors {
        serde_json::from_str(include_str!("../../vectors/numbers.json")).expect("the vectors")
    }

    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.numbers.iter().flat_map(|number| {
            let tokens = number.tokens.values().map(|token| token.text.clone());
            let handles = number.handles.iter().map(|handle| handle.text.clone());
            [number.digest.clone()].into_iter().chain(tokens).chain(handles)
        })
    }

    pub fn directory_key(&self) -> DirectoryKey {
        DirectoryKey(self.secrets.directory_key.secret())
    }

    pub fn epoch_key(&self, code: CallingCode, epoch: u32) -> EpochKey {
        EpochSeed(self.secrets.epoch_seeds[&epoch].secret()).key(code, epoch)
    }

    pub fn element_key(&self, code: CallingCode, generation: u32) -> ElementKey {
        ElementSeed(self.secrets.element_seeds[&generation].secret()).key(code)
    }

    pub fn token_key(&self, code: CallingCode, generation: u32, epoch: u32) -> TokenKey {
        TokenKey::new(&self.element_key(code, generation), &self.epoch_key(code, epoch))
    }

    pub fn server_key(&self, generation: u32) -> ServerKey {
        ServerKey(self.secrets.server_keys[&generation].secret())
    }

    pub fn app_key(&self, app: &str, generation: u32) -> SealKey {
        self.server_key(generation).owner_key(Handle::PURPOSE, app)
    }

    pub fn element(&self, text: &str, generation: u32) -> Result<Element, Rejection> {
        let unknown = || Rejection::new(Code::KeyIdUnknown, "");
        match text.parse()? {
            NumberText::Digest { calling_code, kid, nd } => {
                let key = self.element_key(calling_code, generation);
                (kid == self.kids.directory).then(|| key.element(&nd)).ok_or_else(unknown)
            }
            NumberText::Token { calling_code, kid, point } => {
                let mut epochs = BOTH.into_iter();
                let epoch = epochs.find(|&epoch| self.epoch_key(calling_code, epoch).kid() == kid);
                self.token_key(calling_code, generation, epoch.ok_or_else(unknown)?).element(&point)
            }
            NumberText::Handle { .. } => Err(Rejection::new(Code::Internal, "")),
        }
    }

    pub fn open(&self, text: &str, app: &str) -> Result<Handle, Rejection> {
        match text.parse()? {
            NumberText::Handle { calling_code, kid, sealed } => {
                let mut keys = BOTH.into_iter().map(|generation| self.app_key(app, generation));
                let key = keys.find(|key| key.kid() == kid).ok_or_else(Handle::invalid)?;
                Handle::open(&key, calling_code, &sealed)
            }
            NumberText::Digest { .. } | NumberText::Token { .. } => Err(Handle::invalid()),
        }
    }

    /// The handle, if its number has a row and the guard is that row's.
    pub fn known(&self, handle: Handle) -> Result<Handle, Rejection> {
        let mut rows = self.numbers.iter().map(|number| number.handles[0].contents());
        let row = rows.find(|row| row.number_id == handle.number_id).expect("a row of the vectors");
        let unknown = || Rejection::new(Code::HandleUnknown, "");
        (row.guard == handle.guard).then_some(handle).ok_or_else(unknown)
    }

    /// A token made with a blind of chance.
    pub fn oblivious_token(&self, number: &E164, epoch: u32) -> NumberText {
        let calling_code = number.calling_code();
        let (nd, key) = (self.directory_key().nd(number), self.epoch_key(calling_code, epoch));
        let mut rng = &Entropy::System;
        let (blinding, blinded) = Blinding::new(&[nd], &mut rng);
        let (evaluated, proof) = key.evaluate_and_prove(&blinded, &mut rng).expect("points");
        let unblinded = blinding.unblind(&evaluated, &proof, &key.public_key()).expect("proven");
        NumberText::Token { calling_code, kid: key.kid(), point: unblinded[0] }
    }
}

#[derive(Deserialize)]
pub struct Secrets {
    #[serde(rename = "K_dir")]
    pub directory_key: Bytes,
    pub epoch_seeds: BTreeMap<u32, Bytes>,
    pub element_seeds: BTreeMap<u32, Bytes>,
    pub server_keys: BTreeMap<u32, Bytes>,
}

#[derive(Deserialize)]
pub struct Kids {
    pub directory: KeyId,
    pub server: BTreeMap<u32, KeyId>,
}

#[derive(Deserialize)]
pub struct Keys {
    pub epochs: BTreeMap<u32, EpochVector>,
    pub element_keys: BTreeMap<u32, ElementVector>,
    pub delta_1_to_2: Bytes,
    u: BTreeMap<String, Bytes>,
}

impl Keys {
    pub fn u(&self, generation: u32, epoch: u32) -> Scalar {
        self.u[&format!("generation {generation}, epoch {epoch}")].scalar()
    }
}

#[derive(Deserialize)]
pub struct EpochVector {
    pub k: Bytes,
    pub pk: Bytes,
    pub kid: KeyId,
}

#[derive(Deserialize)]
pub struct ElementVector {
    pub kappa: Bytes,
}

#[derive(Deserialize)]
pub struct Number {
    pub e164: String,
    pub calling_code: CallingCode,
    pub digest: String,
    pub nd: Bytes,
    pub hash_to_group: Bytes,
    pub tokens: BTreeMap<u32, TokenVector>,
    pub elements: BTreeMap<u32, Bytes>,
    pub handles: Vec<HandleVector>,
    pub inputs: Vec<Input>,
}

impl Number {
    pub fn e164(&self) -> E164 {
        self.e164.parse().expect(&self.e164)
    }
}

/// What people write.
#[derive(Deserialize)]
pub struct Input {
    pub text: String,
    pub region: Option<String>,
}

/// In no range that is known to be in use.
#[derive(Deserialize)]
pub struct Doubtful {
    #[serde(flatten)]
    pub input: Input,
    pub e164: String,
}

#[derive(Deserialize)]
pub struct Refused {
    #[serde(flatten)]
    pub input: Input,
    pub why: String,
}

#[derive(Deserialize)]
pub struct TokenVector {
    pub z: Bytes,
    pub text: String,
    pub blinded: Bytes,
    pub evaluated: Bytes,
}

#[derive(Deserialize)]
pub struct HandleVector {
    pub app: String,
    pub generation: u32,
    pub number_id: String,
    pub guard: String,
    pub verified_at: i64,
    pub text: String,
}

impl HandleVector {
    pub fn contents(&self) -> Handle {
        Handle {
            number_id: NumberId(self.number_id.parse().expect("a signed 64-bit id")),
            guard: Guard(text::from_hex(&self.guard).expect("4 bytes")),
            verified_at: self.verified_at,
        }
    }
}

#[derive(Deserialize)]
pub struct WorkedExample {
    pub app: String,
    pub generation: u32,
    pub key_aes_siv_256: Bytes,
    pub associated_data_ascii: String,
    pub plaintext: String,
    pub siv_and_ciphertext: String,
}

#[derive(Deserialize)]
pub struct Negative {
    pub what: String,
    pub text: String,
    pub app: Option<String>,
    pub refuse: Option<String>,
    pub element_g1: Option<Bytes>,
    pub must_differ_from: Option<Bytes>,
}

/// Thirty-two bytes, in hex.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub struct Bytes(pub [u8; 32]);

impl TryFrom<String> for Bytes {
    type Error = &'static str;

    fn try_from(hex: String) -> Result<Bytes, &'static str> {
        text::from_hex(&hex).map(Bytes).ok_or("not 32 bytes in hex")
    }
}

impl Bytes {
    pub fn secret(&self) -> Secret {
        Secret::new(self.0)
    }

    pub fn scalar(&self) -> Scalar {
        Option::from(Scalar::from_canonical_bytes(self.0)).expect("a scalar")
    }

    pub fn point(&self) -> RistrettoPoint {
        CompressedRistretto(self.0).decompress().expect("a point")
    }
}
