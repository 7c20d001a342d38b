//! Five bugs that people really make, each put into a copy of the sources, built and run: the search
//! must find what each of them leaks, or it proves nothing. A sixth change, which looks like one of
//! them and is none, must find nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::run::Leak;
use super::{lived_through, must_be_clean};
use crate::support::databases::Kind;
use crate::support::sources::root;
use crate::support::world;

/// Numbers for each bug.
const NUMBERS: usize = 16;

/// A change of the sources: file, what stands there once, and what shall stand there.
type Change = (&'static str, &'static str, &'static str);

const NAME: &str = "vacate-planted";

const NAMED: &[Change] = &[
    ("Cargo.toml", "default-run = \"vacate\"\n", "default-run = \"vacate-planted\"\n"),
    (
        "Cargo.toml",
        "[[bench]]\n",
        "[[bin]]\nname = \"vacate-planted\"\npath = \"src/main.rs\"\n\n[[bench]]\n",
    ),
];

const LOG_A_NUMBER: Change = (
    "src/keys/ring.rs",
    "        let keys = self.derived.of_code(number.calling_code());\n        match number {\n",
    "        let keys = self.derived.of_code(number.calling_code());\n        \
     log::debug!(\"looking for {number:?}\");\n        match number {\n",
);

const BODY_LOGGED: &[Change] = &[(
    "src/http/body.rs",
    "            let bytes = read(payload, limits).await?;\n",
    "            let bytes = read(payload, limits).await?;\n            \
     log::trace!(\"body: {}\", String::from_utf8_lossy(&bytes));\n",
)];

const FINGERPRINT: &[Change] = &[(
    "src/http/body.rs",
    "            let bytes = read(payload, limits).await?;\n",
    "            let bytes = read(payload, limits).await?;\n            \
     log::info!(\"fingerprint {:x}\", <sha2::Sha256 as sha2::Digest>::digest(&bytes));\n",
)];

const FINGERPRINT_COLUMN: &[Change] = &[(
    "src/keys/ring.rs",
    "        self.seal_under(self.sealing, what, owner, plaintext)\n",
    "        if what == Sealed::EventId {\n            \
     let hash = <sha2::Sha256 as sha2::Digest>::digest(plaintext);\n            \
     return SealedId(hash.to_vec());\n        }\n        \
     self.seal_under(self.sealing, what, owner, plaintext)\n",
)];

const DERIVED_DEBUG: &[Change] = &[
    LOG_A_NUMBER,
    (
        "src/domain/number.rs",
        "#[derive(Clone, Copy, PartialEq, Eq, Hash)]\npub enum NumberText {",
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\npub enum NumberText {",
    ),
    (
        "src/domain/number.rs",
        "impl fmt::Debug for NumberText {",
        "impl fmt::Display for NumberText {",
    ),
];

const SERDE_ERROR: &[Change] = &[(
    "src/http/body.rs",
    "        Category::Data => shape(&message, place),",
    "        Category::Data => Rejection::new(Code::FieldWrongType, message).at(place),",
)];

#[test]
#[ignore = "builds the program six times: see CONTRIBUTING.md"]
fn each_planted_bug_is_found() {
    for (bug, changes, store, what) in [
        ("a body is logged at trace", BODY_LOGGED, "the registry's log", "the digest"),
        ("a fingerprint is logged", FINGERPRINT, "the registry's log", "SHA-256 of a body"),
        (
            "event ids are kept as fingerprints",
            FINGERPRINT_COLUMN,
            "vacate.db",
            "SHA-256 of a text",
        ),
        ("Debug is derived", DERIVED_DEBUG, "the registry's log", "the digest, in list of bytes"),
        ("serde's errors are passed on", SERDE_ERROR, "the problems' bodies", "digits"),
    ] {
        let leaks = leaks_of(changes);
        let found = |leak: &&Leak| leak.store.contains(store) && leak.what.contains(what);
        let count = leaks.iter().filter(found).count();
        assert!(count > 0, "{bug}: {what} isn't found in {store}, of {} leaks", leaks.len());
        say(&format!("{bug}: {} leaks, {count} of {what} in {store}\n", leaks.len()));
    }
    let leaks = leaks_of(&[LOG_A_NUMBER]);
    must_be_clean(&leaks);
    say("a number's own Debug is logged: nothing\n");
}

fn leaks_of(changes: &[Change]) -> Vec<Leak> {
    let program = built_with(changes);
    let mut leaks = Vec::new();
    world::run(async {
        let (run, stores) = lived_through(Kind::Sqlite, program, NUMBERS).await;
        leaks = run.search(&stores);
    });
    leaks
}

/// The program, built from a copy of the sources with these changes. What it depends on is built
/// already, for the tests; its own name keeps it from taking the place of the real program.
fn built_with(changes: &[Change]) -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_vacate")).parent().expect("a folder");
    let target = built.parent().expect("a target folder");
    let sources = target.join("planted");
    std::fs::create_dir_all(&sources).expect("a folder");
    for part in ["Cargo.toml", "Cargo.lock", "src", "config", "migrations", "docs", "benches"] {
        copy(&root().join(part), &sources.join(part));
    }
    for (file, before, after) in [NAMED, changes].concat() {
        let path = sources.join(file);
        let text = std::fs::read_to_string(&path).expect("a source");
        assert_eq!(text.matches(before).count(), 1, "{file} has changed: {before}");
        std::fs::write(&path, text.replace(before, after)).expect("written");
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--bin", NAME, "--target-dir"])
        .arg(target)
        .current_dir(&sources)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug").join(NAME)
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if std::fs::read(to).ok() != Some(std::fs::read(from).expect("a file")) {
        // What is the same stays as it is, or cargo would build it again.
        std::fs::copy(from, to).expect("copied");
    }
}

fn say(what: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), what.as_bytes()).expect("stderr is open");
}
