//! The half of the keys that a registry has whose evaluator runs apart: neither k nor κ, but for each
//! calling code, epoch and generation u = κ/k, which carries a token to its element.
//!
//! With it and the database nobody can tell whether a number is in there without the evaluator, which
//! counts. That u·(k·G) = κ·G, so that every token reaches the row that a digest would, is proved
//! whenever the file is read.

use std::collections::BTreeMap;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::derived::{CodeKeys, EpochKeys};
use super::file::{Table, table};
use super::{Part, Secrets};
use crate::domain::calling_code::CallingCode;
use crate::domain::generation::Purpose;
use crate::domain::number::{E164, Element};
use crate::domain::oprf::{DirectoryKey, TokenKey, token_kid};
use crate::domain::role::Role;
use crate::domain::seal::ServerKey;
use crate::domain::secret::Secret;
use crate::domain::text;

/// What takes the place of the seeds of epochs and elements.
pub struct Apart {
    /// Where tokens are made.
    pub(super) evaluator: String,
    /// Of the seeds, by which the database tells them.
    pub(super) fingerprints: Vec<(Purpose, u32, [u8; 32])>,
    codes: BTreeMap<CallingCode, Bridges>,
    /// The elements of the test numbers by generation: they can't be hashed here.
    test_numbers: BTreeMap<u32, Vec<[u8; 32]>>,
}

/// What one calling code's tokens need.
struct Bridges {
    /// k·G by epoch.
    epochs: BTreeMap<u32, [u8; 32]>,
    /// κ·G by generation.
    elements: BTreeMap<u32, [u8; 32]>,
    /// κ/k by epoch and generation.
    tokens: BTreeMap<u32, BTreeMap<u32, TokenKey>>,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "role")]
    _role: String,
    evaluator: String,
    directory: Table,
    servers: Table,
    epoch_fingerprints: Table,
    element_fingerprints: Table,
    test_numbers: BTreeMap<String, Vec<String>>,
    codes: BTreeMap<String, WrittenCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCode {
    epochs: Table,
    elements: Table,
    tokens: BTreeMap<String, Table>,
}

impl Apart {
    /// The half of whole `secrets`.
    pub(super) fn of(secrets: &Secrets, evaluator: &str) -> Apart {
        let is_seed = |purpose| matches!(purpose, Purpose::Epoch | Purpose::Element);
        let test_numbers = secrets.elements.iter().map(|(number, seed)| {
            let key = seed.key(CallingCode::TEST);
            let element = |one: E164| *key.element(&secrets.directory.nd(&one)).as_bytes();
            (*number, E164::of_tests().map(|(_, one)| element(one)).collect())
        });
        Apart {
            evaluator: evaluator.to_owned(),
            fingerprints: secrets.fingerprints().into_iter().filter(|one| is_seed(one.0)).collect(),
            test_numbers: test_numbers.collect(),
            codes: CallingCode::all().map(|code| (code, Bridges::of(secrets, code))).collect(),
        }
    }

    /// The keys of a calling code, as far as there are any here.
    pub(super) fn of_code(&self, code: CallingCode) -> CodeKeys {
        let bridges = self.codes.get(&code);
        let epochs = bridges.into_iter().flat_map(|bridges| {
            bridges.epochs.iter().map(|(&epoch, &public_key)| EpochKeys {
                epoch,
                kid: token_kid(&public_key),
                public_key,
                key: None,
                tokens: bridges.tokens.get(&epoch).cloned().unwrap_or_default(),
            })
        });
        CodeKeys { elements: BTreeMap::new(), epochs: epochs.collect() }
    }

    /// The element of a test number.
    pub(super) fn element_of_test(&self, number: &E164, generation: u32) -> Option<Element> {
        let mut all = E164::of_tests().zip(self.test_numbers.get(&generation)?);
        all.find(|((_, test), _)| test == number).map(|(_, bytes)| Element::from_bytes(*bytes))
    }
}

impl Bridges {
    fn of(secrets: &Secrets, code: CallingCode) -> Bridges {
        let elements = secrets.elements.iter();
        let elements: BTreeMap<_, _> =
            elements.map(|(number, seed)| (*number, seed.key(code))).collect();
        let (mut epochs, mut tokens) = (BTreeMap::new(), BTreeMap::new());
        for (&epoch, seed) in &secrets.epochs {
            let key = seed.key(code, epoch);
            let to_each = elements.iter();
            let to_each = to_each.map(|(number, element)| (*number, TokenKey::new(element, &key)));
            tokens.insert(epoch, to_each.collect());
            epochs.insert(epoch, key.public_key());
        }
        let elements = elements.iter().map(|(number, key)| (*number, key.public_key()));
        Bridges { epochs, elements: elements.collect(), tokens }
    }

    /// Whether each epoch leads to each generation.
    fn are_whole(&self) -> bool {
        self.epochs.iter().all(|(epoch, public_key)| {
            self.elements.iter().all(|(generation, element)| {
                let token = self.tokens.get(epoch).and_then(|all| all.get(generation));
                token.is_some_and(|token| token.leads(public_key, element))
            })
        })
    }
}

/// The registry's half as it is written.
pub(super) fn print(secrets: &Secrets, apart: &Apart) -> Zeroizing<String> {
    let fingerprints = |purpose| {
        let all = apart.fingerprints.iter().filter(move |one| one.0 == purpose);
        rows(all.map(|one| (one.1, &one.2)))
    };
    let servers = secrets.servers.iter().map(|(number, key)| (*number, key.0.expose()));
    let mut text = Zeroizing::new(format!(
        "{ABOUT}role = \"{}\"\nevaluator = \"{}\"\ndirectory = {}\nservers = {}\n\
         epoch_fingerprints = {}\nelement_fingerprints = {}\n\n[test_numbers]\n",
        Role::Registry.text(),
        apart.evaluator,
        rows(std::iter::once((1, secrets.directory.0.expose()))),
        rows(servers),
        fingerprints(Purpose::Epoch),
        fingerprints(Purpose::Element),
    ));
    for (number, all) in &apart.test_numbers {
        let all: Vec<String> = all.iter().map(|one| format!("\"{}\"", text::to_hex(one))).collect();
        text.push_str(&format!("{number} = [{}]\n", all.join(", ")));
    }
    for (code, Bridges { epochs, elements, tokens }) in &apart.codes {
        text.push_str(&format!(
            "\n[codes.{code}]\nepochs = {}\nelements = {}\n",
            rows(epochs.iter().map(|(number, bytes)| (*number, bytes))),
            rows(elements.iter().map(|(number, bytes)| (*number, bytes))),
        ));
        for (epoch, all) in tokens {
            let all: Vec<_> = all.iter().map(|(number, key)| (*number, key.to_bytes())).collect();
            let all = rows(all.iter().map(|(number, bytes)| (*number, &**bytes)));
            text.push_str(&format!("tokens.{epoch} = {all}\n"));
        }
    }
    text
}

/// Keys by the number of their generation, on one line.
fn rows<'a>(all: impl Iterator<Item = (u32, &'a [u8; 32])>) -> String {
    let all: Vec<String> =
        all.map(|(number, bytes)| format!("{number} = \"{}\"", text::to_hex(bytes))).collect();
    format!("{{ {} }}", all.join(", "))
}

const ABOUT: &str = "\
# Vacate's keys, the registry's half: no number can be hashed with it. The evaluator has the other half.
# Keep it apart from the data, and its copies apart from the data's copies. Losing it is losing the data,
# unless the whole file, of which it was made, is kept.
";

/// Reads what [`print`] has written.
///
/// # Errors
/// What is wrong with it; never what stands there.
pub(super) fn parse(text: &str) -> Result<Secrets, &'static str> {
    let written: Written =
        toml::from_str(text).map_err(|_| "this is not a registry's half, or it is damaged")?;
    let mut fingerprints = Vec::new();
    for (purpose, of) in [
        (Purpose::Epoch, written.epoch_fingerprints),
        (Purpose::Element, written.element_fingerprints),
    ] {
        fingerprints.extend(table(of)?.into_iter().map(|(number, bytes)| (purpose, number, bytes)));
    }
    let mut codes = BTreeMap::new();
    for (code, written) in written.codes {
        let code: CallingCode = code.parse().map_err(|_| "there is no such calling code")?;
        codes.insert(code, bridges(written)?);
    }
    let mut test_numbers = BTreeMap::new();
    for (number, all) in written.test_numbers {
        let number = number.parse().map_err(|_| "a generation is a number")?;
        let all: Option<_> = all.iter().map(|element| text::from_hex(element)).collect();
        test_numbers.insert(number, all.ok_or("an element is 64 lower-case hex digits")?);
    }
    let apart = Apart { evaluator: written.evaluator, fingerprints, codes, test_numbers };
    let directory = table(written.directory)?.remove(&1).ok_or("directory key 1 is missing")?;
    let servers = table(written.servers)?.into_iter();
    Ok(Secrets {
        directory: DirectoryKey(Secret::new(directory)),
        epochs: BTreeMap::new(),
        elements: BTreeMap::new(),
        servers: servers.map(|(number, key)| (number, ServerKey(Secret::new(key)))).collect(),
        part: Part::Registry(apart.into()),
    })
}

fn bridges(written: WrittenCode) -> Result<Bridges, &'static str> {
    let mut tokens = BTreeMap::new();
    for (epoch, all) in written.tokens {
        let epoch = epoch.parse().map_err(|_| "an epoch is a number")?;
        let key = |(number, bytes): (u32, [u8; 32])| Some((number, TokenKey::from_bytes(&bytes)?));
        let all: Option<_> = table(all)?.into_iter().map(key).collect();
        tokens.insert(epoch, all.ok_or("a key of tokens is no scalar")?);
    }
    let (epochs, elements) = (table(written.epochs)?, table(written.elements)?);
    let bridges = Bridges { epochs, elements, tokens };
    if bridges.are_whole() {
        Ok(bridges)
    } else {
        Err("a key of tokens doesn't lead to the elements that it should")
    }
}
