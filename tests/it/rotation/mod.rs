//! Keys come into use and go out of it, while carriers publish and apps check.

mod epochs;
mod key_file;

use std::collections::BTreeMap;
use std::path::Path;

use vacate::domain::blinded::Blinding;
use vacate::domain::event::EventType::Disconnected;
use vacate::domain::number::{E164, NumberText};
use vacate::domain::oprf::{DirectoryKey, EpochSeed};
use vacate::domain::participant::{App, Carrier};
use vacate::domain::secret::Secret;
use vacate::domain::text;
use vacate::domain::verdict::Advice;
use vacate::entropy::Entropy;
use vacate::keys::replace_private;
use vacate::registry::{Item, Outcome, Publication, Question, Report, Result};

use crate::support::node::{Node, moment};

/// When the tests' accounts were verified, before their numbers are lost.
const VERIFIED: &str = "2025-06-01T12:00:00Z";
/// When the tests' numbers are lost.
const LOST: &str = "2026-11-23T09:00:00Z";

/// One of ten million numbers.
fn number(n: usize) -> String {
    format!("+49170{n:07}")
}

/// The token of a number, as its holder would make it together with an evaluator that has the keys in
/// the file at `path`.
fn token(path: &Path, number: &str, epoch: u32) -> NumberText {
    let written: Written = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let key = |table: &str, generation: u32| -> [u8; 32] {
        text::from_hex(&written[table][&generation.to_string()]).unwrap()
    };
    let number: E164 = number.parse().unwrap();
    let nd = DirectoryKey(Secret::new(key("directory", 1))).nd(&number);
    let calling_code = number.calling_code();
    let epoch = EpochSeed(Secret::new(key("epochs", epoch))).key(calling_code, epoch);
    let mut rng = &Entropy::System;
    let (blinding, blinded) = Blinding::new(&[nd], &mut rng);
    let (evaluated, proof) = epoch.evaluate_and_prove(&blinded, &mut rng).unwrap();
    let unblinded = blinding.unblind(&evaluated, &proof, &epoch.public_key()).unwrap();
    NumberText::Token { calling_code, kid: epoch.kid(), point: unblinded[0] }
}

/// Publishes that a number, in any form, is lost.
fn lose(node: &Node, carrier: &Carrier, id: &str, number: NumberText) -> Result<Outcome<()>> {
    let report = Report {
        id: id.parse().unwrap(),
        event_type: Disconnected,
        number,
        effective_at: Some(moment(LOST)),
        effective_on: None,
        undoes: None,
    };
    let items = vec![Item { key: Some(id.to_owned()), value: Ok(report) }];
    let receipt = node.registry.publish(carrier, Publication { through: None, items })?;
    let outcome = receipt.batch.items.into_iter().next().unwrap().1;
    Ok(match outcome {
        Outcome::Accepted(_) => Outcome::Accepted(()),
        Outcome::Duplicate(_) => Outcome::Duplicate(None),
        Outcome::Rejected(why) => Outcome::Rejected(why),
    })
}

/// Checks a number in any form; a date goes with all but handles.
fn advice(node: &Node, app: &App, number: NumberText) -> Result<Advice> {
    let by_handle = matches!(number, NumberText::Handle { .. });
    let verified_at = (!by_handle).then(|| moment(VERIFIED));
    let question = Question { number, verified_at };
    let checked = match node.registry.check_now(app, &question, None) {
        Some(checked) => checked,
        None => node.registry.check(app, &question, None),
    };
    checked.map(|checked| checked.answers.advice)
}

/// Tables, and in each a key by its generation.
type Written = BTreeMap<String, BTreeMap<String, String>>;

/// Takes one key out of the key file.
fn without(path: &Path, table: &str, generation: u32) {
    rewrite(path, |written| {
        let keys = written.get_mut(table).unwrap();
        keys.remove(&generation.to_string()).unwrap();
    });
}

/// Puts a key into the key file, in place of the one that may be there.
fn with(path: &Path, table: &str, generation: u32, byte: u8) {
    rewrite(path, |written| {
        let key = format!("{byte:02x}").repeat(32);
        written.get_mut(table).unwrap().insert(generation.to_string(), key);
    });
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Written)) {
    let mut written: Written = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    change(&mut written);
    let mut text = String::new();
    for (table, keys) in written {
        text.push_str(&format!("[{table}]\n"));
        text.extend(keys.iter().map(|(generation, key)| format!("{generation} = \"{key}\"\n")));
    }
    replace_private(path, &text).unwrap();
}
