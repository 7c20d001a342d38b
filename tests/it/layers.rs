//! Who may use whom. The table is that of `ARCHITECTURE.md`; the `use` lines of the sources are held
//! against it, so that a layer can't reach out unseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::sources::{self, Source};

/// A layer, and those that it may use. What is not named here doesn't exist.
const LAYERS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &["demo", "server", "config", "client", "log_format", "tls", "domain", "clock", "entropy"],
    ),
    ("demo", &["server", "client", "domain", "clock", "entropy", "config"]),
    (
        "server",
        &[
            "api", "delivery", "http", "registry", "storage", "index", "keys", "clock", "entropy",
            "config", "domain",
        ],
    ),
    ("api", &["http", "registry", "domain"]),
    ("delivery", &["registry", "tls", "domain"]),
    ("http", &["registry", "domain"]),
    ("registry", &["storage", "index", "keys", "clock", "entropy", "domain"]),
    ("storage", &["domain"]),
    ("index", &["domain"]),
    ("keys", &["domain", "entropy"]),
    ("clock", &["domain"]),
    ("entropy", &["domain"]),
    ("client", &["tls", "domain", "entropy"]),
    ("config", &["domain"]),
    ("log_format", &[]),
    ("tls", &[]),
    ("domain", &[]),
];

#[test]
fn no_layer_uses_another_that_it_may_not() {
    let table: BTreeMap<&str, BTreeSet<&str>> =
        LAYERS.iter().map(|(layer, may)| (*layer, may.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for source in sources::all("src") {
        let layer = layer_of(&source);
        if layer == "lib" {
            continue;
        }
        let may = table.get(layer.as_str()).unwrap_or_else(|| panic!("{layer} is no layer"));
        for (line, used) in uses(&source) {
            if used != layer && !may.contains(used.as_str()) {
                wrong.push(format!("{}:{line} uses {used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn outsiders_are_let_in_where_they_belong_alone() {
    let places: &[(&str, &[&str])] = &[
        ("diesel", &["src/storage"]),
        ("actix_web", &["src/api", "src/http", "src/server.rs"]),
        ("clap", &["src/cli"]),
        ("Element", &["src/domain", "src/keys", "src/storage", "src/index", "src/registry"]),
    ];
    let mut wrong = Vec::new();
    for source in sources::all("src") {
        for (name, allowed) in places {
            let here = allowed.iter().any(|place| source.path.starts_with(place));
            if !here && sources::words(&source.code()).any(|word| word == *name) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `src/storage/log.rs` is of `storage`, `src/keys.rs` of `keys`.
fn layer_of(source: &Source) -> String {
    let rest = source.path.strip_prefix("src/").unwrap_or(&source.path);
    let first = rest.split('/').next().unwrap_or_default();
    first.trim_end_matches(".rs").to_owned()
}

/// The layers that a file names after `crate::` or, in the binary, `vacate::`.
fn uses(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in source.code().lines().enumerate() {
        for root in ["crate::", "vacate::"] {
            for (at, _) in line.match_indices(root) {
                let before = line[..at].chars().next_back();
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
                    continue;
                }
                let rest = &line[at + root.len()..];
                let name: String =
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() {
                    found.push((number + 1, name));
                }
            }
        }
    }
    found
}
