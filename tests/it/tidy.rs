//! What is held of every file: how it begins, how long it is, what it may be called, and that what is
//! there is documented.

use std::collections::BTreeSet;

use vacate::domain::rejection::Code;

use crate::support::sources::{self, root};

/// Lines of a file, at most: sources, tests.
const SOURCE_LINES_MAX: usize = 400;
const TEST_LINES_MAX: usize = 600;

/// Longer ones, each with its reason.
const LONGER: &[(&str, usize, &str)] =
    &[("src/storage/bindings.rs", 460, "one table with its rows, its lists and its history")];

/// Names that say nothing about what is inside.
const SAY_NOTHING: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "core", "types", "misc"];

#[test]
fn every_file_says_first_what_it_is() {
    for folder in ["src", "tests", "benches"] {
        for source in sources::all(folder) {
            assert!(source.text.starts_with("//!"), "{} doesn't begin with //!", source.path);
        }
    }
}

#[test]
fn no_file_is_longer_than_can_be_read() {
    let mut wrong = Vec::new();
    for (folder, max) in [("src", SOURCE_LINES_MAX), ("tests", TEST_LINES_MAX)] {
        for source in sources::all(folder) {
            let lines = source.text.lines().count();
            let own = LONGER.iter().find(|(path, ..)| source.path == *path);
            let max = own.map_or(max, |(_, max, _)| *max);
            if lines > max {
                wrong.push(format!("{}: {lines} lines, {max} at most", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    for folder in ["src", "tests"] {
        for source in sources::all(folder) {
            let parts = source.path.trim_end_matches(".rs").split('/');
            for part in parts {
                assert!(!SAY_NOTHING.contains(&part), "{} says nothing", source.path);
            }
        }
    }
}

#[test]
fn both_migration_folders_have_the_same_steps() {
    let steps = |backend: &str| -> BTreeSet<String> {
        let folder = root().join("migrations").join(backend);
        std::fs::read_dir(folder)
            .expect("a folder of migrations")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect()
    };
    assert_eq!(steps("sqlite"), steps("postgres"));
    assert!(!steps("sqlite").is_empty());
}

/// The index is loaded and kept up to date by number; without this each look reads the whole table.
#[test]
fn elements_are_found_by_their_number_without_reading_all_of_them() {
    for backend in ["sqlite", "postgres"] {
        let folder = root().join("migrations").join(backend);
        let step = std::fs::read_dir(folder).expect("a folder").next().expect("a step");
        let step = step.expect("a step").path().join("up.sql");
        let schema = std::fs::read_to_string(step).expect("a schema");
        let tables = schema.split("CREATE TABLE ").skip(1);
        let elements: Vec<&str> = tables
            .filter_map(|table| table.split_whitespace().next())
            .filter(|name| name.starts_with("elements"))
            .collect();
        assert!(!elements.is_empty(), "{backend}: no table of elements");
        for name in elements {
            assert!(schema.contains(&format!(" ON {name} (number_id)")), "{backend}: {name}");
        }
    }
}

#[test]
fn every_error_code_is_documented() {
    let text = std::fs::read_to_string(root().join("docs/errors.md")).expect("docs/errors.md");
    for code in Code::ALL {
        assert!(
            text.lines()
                .any(|line| line.trim_start_matches('#').trim().trim_matches('`') == code.text()),
            "{} isn't documented",
            code.text()
        );
    }
}

#[test]
fn nothing_of_a_developer_s_machine_is_named() {
    for source in sources::all("src").into_iter().chain(sources::all("tests")) {
        for place in ["/home/", "/root/", &root().display().to_string()] {
            // This line names them itself.
            let named = source.text.lines().filter(|line| !line.contains("for place in"));
            assert!(
                named.clone().all(|line| !line.contains(place)),
                "{} names {place}",
                source.path
            );
        }
    }
}
