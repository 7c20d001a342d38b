//! Whoever steals what a registry keeps, without its key file, finds no phone number in it: a
//! registry is given thousands of secret numbers, in right places and in wrong ones, and then
//! everything that it wrote anywhere is searched for every form of them.
//!
//! The full form, with 20,000 numbers, and the planted bugs run by hand; CONTRIBUTING.md says how.

mod broken;
mod digits;
mod echo;
mod misplaced;
mod needles;
mod paths;
mod planted;
mod planting;
mod plants;
mod run;
mod scanner;
mod server;
mod stores;
mod subjects;
mod wraps;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use needles::Needles;
use plants::Plant;
use run::{Leak, Run, found};
use scanner::Scanner;
use stores::Store;
use subjects::{KeyFile, Subjects};
use vacate::entropy::Entropy;

use crate::support::databases::{Kind, on_both_databases};
use crate::support::world;

/// Numbers that go through every call.
const NUMBERS: usize = 160;
const NUMBERS_IN_FULL: usize = 20_000;

on_both_databases! {
    fn nothing_that_a_registry_writes_holds_a_number(kind: Kind) {
        world::run(async {
            let (run, stores) = lived_through(kind, server::program(), NUMBERS).await;
            must_be_clean(&run.search(&stores));
            whatever_is_planted_is_found(&run, stores);
        });
    }

    #[ignore = "20,000 numbers take minutes: see CONTRIBUTING.md"]
    fn nothing_that_a_registry_writes_holds_one_of_many_numbers(kind: Kind) {
        world::run(async {
            let (run, stores) = lived_through(kind, server::program(), NUMBERS_IN_FULL).await;
            let bytes: u64 = stores.iter().map(Store::len).sum();
            let leaks = run.search(&stores);
            let numbers = run.subjects.all().len();
            let told = format!(
                "{kind:?}: {numbers} numbers, {} stores, {bytes} bytes, {} leaks\n",
                stores.len(),
                leaks.len()
            );
            std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
            must_be_clean(&leaks);
            must_be_clean(&run.search(&[Store::noise(bytes)]));
        });
    }
}

/// A registry's life, and all that it left behind, while it ran and afterwards.
async fn lived_through(kind: Kind, program: PathBuf, numbers: usize) -> (Run, Vec<Store>) {
    let mut run = Run::start(kind, program).await;
    paths::calls(&mut run, numbers).await;
    paths::commands(&mut run);
    misplaced::everywhere(&mut run).await;
    let mut stores = match kind {
        // Its log ahead ends with the last connection.
        Kind::Sqlite => run.database_stores("running"),
        Kind::Postgres => Vec::new(),
    };
    broken::everything(&mut run).await;
    stores.extend(run.database_stores("ended"));
    stores.extend(run.other_stores());
    (run, stores)
}

fn must_be_clean(leaks: &[Leak]) {
    let mut kinds: BTreeMap<(&str, &str, &str), (usize, u64)> = BTreeMap::new();
    for leak in leaks {
        let kind = (leak.store.as_str(), leak.what.as_str(), leak.whose.as_str());
        kinds.entry(kind).or_insert((0, leak.at)).0 += 1;
    }
    let told: Vec<String> = kinds
        .iter()
        .map(|((store, what, whose), (times, at))| {
            format!("{store}: {what}, {whose}; {times} times, first at byte {at}")
        })
        .collect();
    assert!(told.is_empty(), "{} leaks:\n{}", leaks.len(), told.join("\n"));
}

/// Plants each form once in each store, and sees that the search finds it there.
fn whatever_is_planted_is_found(run: &Run, stores: Vec<Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut subjects = Subjects::new(KeyFile::make(&folder.path().join("keys")));
    subjects.long("planted first");
    let forms = plants::of(&subjects.all()[0]).len();
    for n in 1..forms {
        if n.is_multiple_of(3) {
            subjects.ordinary("planted")
        } else {
            subjects.long("planted")
        };
    }
    let mut needles = Needles::default();
    let plants: Vec<Plant> = subjects
        .all()
        .iter()
        .enumerate()
        .map(|(n, subject)| {
            needles.number(subject);
            plants::of(subject).swap_remove(n)
        })
        .collect();
    let scanner = Scanner::new(&needles);
    let mut missed = Vec::new();
    let mut must_hold_all = |store: &Store| {
        let hits = scanner.scan(store.open().expect("it opens")).expect("it is read");
        let found: BTreeSet<u32> = hits.into_iter().map(|hit| hit.whose).collect();
        let missing = plants.iter().zip(0..).filter(|(_, n)| !found.contains(n));
        missed.extend(missing.map(|(plant, _)| format!("{}: {}", store.name, plant.form)));
    };
    let all: Vec<u8> =
        plants.iter().flat_map(|plant| [b"\n", plant.bytes.as_slice(), b"\n"].concat()).collect();
    planting::planted(&run.database, folder.path(), &plants).iter().for_each(&mut must_hold_all);
    let written = stores.into_iter().filter(|store| !store.is_of_the_database());
    for mut store in written {
        store.plant(&all);
        must_hold_all(&store);
    }
    assert!(missed.is_empty(), "{} forms are missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn each_form_of_a_number_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut subjects = Subjects::new(KeyFile::make(&folder.path().join("keys")));
    for _ in 0..9 {
        subjects.long("planted");
        subjects.ordinary("planted");
    }
    let mut missed = Vec::new();
    for subject in subjects.all() {
        let mut needles = Needles::default();
        needles.number(subject);
        let scanner = Scanner::new(&needles);
        for plant in plants::of(subject) {
            let around = [b"\x00some {\"text\": \"", plant.bytes.as_slice(), b"\"} and more\xff"];
            if scanner.scan(around.concat().as_slice()).unwrap().is_empty() {
                missed.push(format!("{} of {} digits", plant.form, subject.digits().len()));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_needle_across_the_edge_of_a_block_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut subjects = Subjects::new(KeyFile::make(&folder.path().join("keys")));
    let subject = subjects.long("planted");
    let mut needles = Needles::default();
    needles.number(subject);
    let scanner = Scanner::new(&needles);
    let hex = vacate::domain::text::to_hex(&subject.nd);
    for before in [(1 << 20) - 60, (1 << 20) - 32, (1 << 20) - 1, 3 << 20] {
        for plant in [subject.nd.as_slice(), hex.as_bytes(), subject.digits().as_bytes()] {
            let text = [vec![b' '; before].as_slice(), plant, b" "].concat();
            assert!(!scanner.scan(text.as_slice()).unwrap().is_empty(), "{before}");
        }
    }
}

#[test]
fn noise_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut subjects = Subjects::new(KeyFile::make(&folder.path().join("keys")));
    let mut needles = Needles::default();
    for _ in 0..200 {
        needles.number(subjects.long("nowhere"));
        needles.number(subjects.ordinary("nowhere"));
    }
    let letters = |alphabet: &'static [u8]| {
        let letter = move |byte: u8| alphabet[usize::from(byte) % alphabet.len()];
        noise().into_iter().map(letter).collect::<Vec<u8>>()
    };
    for (what, noise) in [
        ("bytes", noise()),
        ("hex", letters(b"0123456789abcdef")),
        ("base64", letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")),
        ("digits", letters(b"0123456789")),
        ("spaced digits", letters(b"01234567890123456789 -")),
    ] {
        let leaks = found(&needles, &[Store::of_bytes(what, noise)]);
        must_be_clean(&leaks);
    }
}

/// 256 KiB. The full form searches as much as a registry wrote.
fn noise() -> Vec<u8> {
    (0..8_192).flat_map(|_| Entropy::System.bytes::<32>()).collect()
}
