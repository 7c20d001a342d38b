//! The key file and the rows that all nodes go by: what a start refuses, and what a running node takes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use vacate::domain::rejection::Code;

use super::{with, without};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{Node, germany};

const VERIFIED: &str = "2025-06-01T12:00:00Z";

on_both_databases! {
    fn a_start_with_another_key_of_a_known_generation_is_refused(kind: Kind) {
        for table in ["directory", "epochs", "elements", "servers"] {
            let database = TestDatabase::new(kind);
            drop(Node::start(&database));
            with(&database.key_file(), table, 1, 7);
            assert!(fails_to_start(&database), "with another key of {table}");
        }
    }

    fn a_start_without_a_key_in_use_is_refused_and_one_with_more_is_not(kind: Kind) {
        for table in ["epochs", "elements", "servers"] {
            let database = TestDatabase::new(kind);
            with(&make_key_file(&database), table, 2, 7);
            // The first start takes the newest of each.
            drop(Node::start(&database));
            without(&database.key_file(), table, 2);
            assert!(fails_to_start(&database), "without a key of {table}");
            with(&database.key_file(), table, 2, 7);
            with(&database.key_file(), table, 3, 8);
            drop(Node::start(&database));
        }
    }

    fn a_running_node_takes_a_key_file_that_has_more_and_no_other(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app("skyfare");
        let bound = node.bind(&app, "u-1", "+491701234567", VERIFIED);
        let key_file = database.key_file();
        with(&key_file, "epochs", 2, 7);
        node.registry.reread_keys().unwrap();
        // It is there, and nobody uses it yet.
        assert_eq!(node.registry.directory(Some(germany()))[0].epochs.len(), 1);

        let whole = std::fs::read_to_string(&key_file).unwrap();
        with(&key_file, "elements", 1, 9);
        let refused = node.registry.reread_keys().unwrap_err();
        assert_eq!(refused.code, Code::KeyIdUnknown);
        std::fs::write(&key_file, "not a key file").unwrap();
        node.registry.reread_keys().unwrap();
        assert!(node.check(&app, &bound.handle).is_ok(), "it goes on with the keys that it has");
        assert_eq!(node.bind(&app, "u-1", "+491701234567", VERIFIED).handle, bound.handle);

        vacate::keys::replace_private(&key_file, &whole).unwrap();
        node.registry.reread_keys().unwrap();
        drop(node);
        drop(Node::start(&database));
    }
}

fn make_key_file(database: &TestDatabase) -> std::path::PathBuf {
    let entropy = vacate::entropy::Entropy::System;
    vacate::keys::Keys::read_or_make(&database.key_file(), &entropy).unwrap();
    database.key_file()
}

fn fails_to_start(database: &TestDatabase) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(Node::start(database)))).is_err()
}
