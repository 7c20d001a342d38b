//! Random numbers, and all that any key of the registry makes of them, computed here anew from the
//! key file: seeds to scalars, numbers to digests, points, tokens and elements.

use std::collections::BTreeMap;
use std::path::Path;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::Sha512;
use vacate::domain::calling_code::CallingCode;
use vacate::domain::number::{E164, NumberText};
use vacate::domain::oprf::{DirectoryKey, EpochSeed};
use vacate::domain::secret::Secret;
use vacate::domain::text;
use vacate::entropy::Entropy;
use voprf::{Group, Ristretto255, VoprfServer};

/// What a key file holds: two epochs, and one of everything else.
pub struct KeyFile {
    pub directory: [u8; 32],
    pub epochs: [[u8; 32]; 2],
    pub element: [u8; 32],
    pub server: [u8; 32],
}

impl KeyFile {
    /// New keys, in a file that a first start finds.
    pub fn make(path: &Path) -> KeyFile {
        let random = || Entropy::System.bytes::<32>();
        let keys = KeyFile {
            directory: random(),
            epochs: [random(), random()],
            element: random(),
            server: random(),
        };
        let table = |name: &str, rows: &[[u8; 32]]| {
            let rows = rows.iter().enumerate();
            let rows = rows.map(|(n, key)| format!("{} = \"{}\"\n", n + 1, text::to_hex(key)));
            format!("[{name}]\n{}", rows.collect::<String>())
        };
        let written = table("directory", &[keys.directory])
            + &table("epochs", &keys.epochs)
            + &table("elements", &[keys.element])
            + &table("servers", &[keys.server]);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, written).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).expect("private");
        keys
    }

    /// Every key as it is kept, with a name.
    pub fn all(&self) -> Vec<(&'static str, [u8; 32])> {
        vec![
            ("the directory key", self.directory),
            ("the seed of epoch 1", self.epochs[0]),
            ("the seed of epoch 2", self.epochs[1]),
            ("the element seed", self.element),
            ("the server key", self.server),
        ]
    }

    /// The key that seals for one purpose and owner.
    pub fn seal(&self, purpose: &str, owner: &str) -> [u8; 32] {
        let name = format!("vacate/v1/{purpose}:{owner}");
        Secret::new(self.server).mac(&[name.as_bytes()])
    }
}

/// The scalars of one calling code.
pub struct CodeKeys {
    pub epochs: [Scalar; 2],
    pub element: Scalar,
}

impl CodeKeys {
    /// κ/k, which makes elements of tokens.
    pub fn carries(&self) -> [Scalar; 2] {
        self.epochs.map(|k| self.element * k.invert())
    }
}

/// Makes numbers, and what the keys make of them.
pub struct Subjects {
    keys: KeyFile,
    pub codes: BTreeMap<CallingCode, CodeKeys>,
    all: Vec<Subject>,
}

/// A secret number.
pub struct Subject {
    pub e164: E164,
    /// Where it was put, and nowhere else.
    pub told: String,
    /// The digits after the calling code.
    pub national: String,
    pub nd: [u8; 32],
    pub point: [u8; 32],
    pub element: [u8; 32],
    pub digest: NumberText,
    /// One an epoch.
    pub tokens: [NumberText; 2],
}

impl Subject {
    /// Its digits, without `+`.
    pub fn digits(&self) -> &str {
        &self.e164.as_str()[1..]
    }
}

/// Ordinary numbers: a calling code, what its mobile numbers may begin with, and their length. None
/// looks like a time in seconds or a date, which a store is full of.
const ORDINARY: &[(&str, &str, usize)] = &[
    ("49", "15", 11),
    ("86", "13", 11),
    ("55", "11", 11),
    ("1", "64", 10),
    ("44", "75", 10),
    ("91", "98", 10),
    ("39", "06", 10),
    ("234", "80", 10),
    ("225", "07", 10),
];

impl Subjects {
    pub fn new(keys: KeyFile) -> Subjects {
        Subjects { keys, codes: BTreeMap::new(), all: Vec::new() }
    }

    pub fn keys(&self) -> &KeyFile {
        &self.keys
    }

    pub fn all(&self) -> &[Subject] {
        &self.all
    }

    /// The calling codes of all numbers that there may be.
    pub fn calling_codes() -> Vec<CallingCode> {
        let codes = ORDINARY.iter().map(|(code, ..)| *code).chain(["883"]);
        codes.map(|code| code.parse().expect("a calling code")).collect()
    }

    /// A number under +883, with as many digits as there may be.
    pub fn long(&mut self, told: &str) -> &Subject {
        self.make("883", "", 12, told)
    }

    /// An ordinary number of one country after the other.
    pub fn ordinary(&mut self, told: &str) -> &Subject {
        let (code, begins, length) = ORDINARY[self.all.len() % ORDINARY.len()];
        self.make(code, begins, length, told)
    }

    fn make(&mut self, code: &str, begins: &str, length: usize, told: &str) -> &Subject {
        let random = 10_u64.pow(u32::try_from(length - begins.len()).expect("few digits"));
        let drawn = loop {
            let drawn = u64::from_le_bytes(Entropy::System.bytes()) % random;
            // PostgreSQL's numeric drops zeros at the end, four at a time; a leading zero is a
            // trunk prefix elsewhere.
            if !drawn.is_multiple_of(10_000) && drawn * 10 >= random {
                break drawn;
            }
        };
        let national = format!("{begins}{drawn}");
        let e164: E164 = format!("+{code}{national}").parse().expect("a number");
        let subject = self.derive(e164, national, told);
        self.all.push(subject);
        self.all.last().expect("just made")
    }

    fn derive(&mut self, e164: E164, national: String, told: &str) -> Subject {
        let code = e164.calling_code();
        let keys = &self.keys;
        let codes = self.codes.entry(code).or_insert_with(|| keys.of_code(code));
        let directory = DirectoryKey(Secret::new(keys.directory));
        let nd = directory.nd(&e164);
        let point = Ristretto255::hash_to_curve::<Sha512>(&[&nd], &[HASH_TO_GROUP])
            .expect("an input of fitting size");
        let times = |scalar: &Scalar| -> [u8; 32] { encoded(point * scalar) };
        let token = |n: usize| NumberText::Token {
            calling_code: code,
            kid: EpochSeed(Secret::new(keys.epochs[n])).key(code, epoch(n)).kid(),
            point: times(&codes.epochs[n]),
        };
        Subject {
            told: told.to_owned(),
            national,
            nd,
            point: encoded(point),
            element: times(&codes.element),
            digest: directory.digest(&e164),
            tokens: [token(0), token(1)],
            e164,
        }
    }
}

/// RFC 9497, sections 3.1 and 4.1: mode 0x01 of ristretto255-SHA512.
const HASH_TO_GROUP: &[u8] = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512";

impl KeyFile {
    fn of_code(&self, code: CallingCode) -> CodeKeys {
        let k = |n: usize| {
            let info = format!("vacate/v1/oprf;calling_code={code};epoch={}", epoch(n));
            scalar(&self.epochs[n], &info)
        };
        let element = scalar(&self.element, &format!("vacate/v1/element;calling_code={code}"));
        CodeKeys { epochs: [k(0), k(1)], element }
    }
}

fn epoch(n: usize) -> u32 {
    u32::try_from(n).expect("few epochs") + 1
}

fn scalar(seed: &[u8; 32], info: &str) -> Scalar {
    let pair = VoprfServer::<Ristretto255>::new_from_seed(seed, info.as_bytes()).expect("a key");
    Ristretto255::deserialize_scalar(&pair.serialize()[..32]).expect("a scalar")
}

fn encoded(point: RistrettoPoint) -> [u8; 32] {
    point.compress().to_bytes()
}
