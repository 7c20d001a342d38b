//! Epochs: distribute the key, then activate it by a row; nothing else changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use vacate::domain::number::NumberText;
use vacate::domain::rejection::Code;
use vacate::domain::verdict::Advice;
use vacate::registry::Outcome;

use super::{VERIFIED, advice, lose, number, token, with, without};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{DAY_MS, Node, germany};
use crate::support::world::{World, in_a_world_on_both_databases};

/// Numbers of the test under load, each published and checked in every form.
const NUMBERS: usize = 60;

on_both_databases! {
    fn an_event_under_either_epoch_is_found_by_a_check_under_either(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        activate(&node, &database, 2);
        let forms = |n: usize| {
            let key_file = database.key_file();
            let number = number(n);
            [node.digest(&number), token(&key_file, &number, 1), token(&key_file, &number, 2)]
        };
        for published in 0..3 {
            let bound = node.bind(&app, &format!("u-{published}"), &number(published), VERIFIED);
            let outcome = lose(&node, &carrier, &format!("e-{published}"), forms(published)[published]);
            assert!(matches!(outcome, Ok(Outcome::Accepted(()))), "{outcome:?}");
            let handle: NumberText = bound.handle.parse().unwrap();
            for asked in forms(published).into_iter().chain([handle]) {
                assert_eq!(advice(&node, &app, asked), Ok(Advice::Freeze), "{asked:?}");
            }
            // The same event is the same, under whichever key.
            for again in forms(published) {
                let outcome = lose(&node, &carrier, &format!("e-{published}"), again);
                assert!(matches!(outcome, Ok(Outcome::Duplicate(_))), "{outcome:?}");
            }
        }
    }

    fn a_token_is_accepted_from_its_epoch_s_activation_until_its_time_is_over(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app("skyfare");
        let key_file = database.key_file();
        with(&key_file, "epochs", 2, 7);
        let [old, new] = [1, 2].map(|epoch| token(&key_file, &number(1), epoch));
        let refused = |number| advice(&node, &app, number).map_err(|refused| refused.code);

        node.registry.reread_keys().unwrap();
        assert_eq!(refused(new), Err(Code::KeyIdUnknown), "published, not activated");
        assert!(refused(old).is_ok());
        node.registry.activate_epoch(&node.admin, 2).unwrap();
        assert!(refused(new).is_ok() && refused(old).is_ok());
        let directory = &node.registry.directory(Some(germany()))[0];
        let ends: Vec<_> = directory.epochs.iter().map(|epoch| epoch.accepted_until).collect();
        let end = node.clock.now().plus(90 * 24 * 60 * 60);
        assert_eq!(ends, [Some(end), None]);

        node.clock.pass(90 * DAY_MS - 1_000);
        assert!(refused(old).is_ok());
        node.clock.pass(1_000);
        assert_eq!(refused(old), Err(Code::KeyIdUnknown), "its time is over");
        assert!(refused(new).is_ok());
        assert_eq!(node.registry.directory(Some(germany()))[0].epochs.len(), 1);
    }

    fn a_token_of_a_retired_epoch_is_refused(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app("skyfare");
        activate(&node, &database, 2);
        let old = token(&database.key_file(), &number(1), 1);
        assert!(advice(&node, &app, old).is_ok());
        node.registry.retire_epoch(&node.admin, 1).unwrap();
        let again = node.registry.retire_epoch(&node.admin, 1).unwrap();
        assert_eq!(again.state.text(), "retired");
        assert_eq!(advice(&node, &app, old).unwrap_err().code, Code::KeyIdUnknown);
        drop(node);
        // Its key may go, too.
        without(&database.key_file(), "epochs", 1);
        let node = Node::start(&database);
        assert_eq!(node.registry.retire_epoch(&node.admin, 2).unwrap_err().code, Code::ValueNotAllowed);
    }

    fn an_epoch_is_activated_only_when_its_key_is_known_and_held(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let refused = |epoch| node.registry.activate_epoch(&node.admin, epoch).unwrap_err().code;
        assert_eq!(refused(2), Code::NotFound, "nobody has told of it");
        with(&database.key_file(), "epochs", 2, 7);
        node.registry.reread_keys().unwrap();
        without(&database.key_file(), "epochs", 2);
        assert_eq!(refused(2), Code::ValueNotAllowed, "this node hasn't its key");
        activate(&node, &database, 3);
        activate(&node, &database, 3);
        with(&database.key_file(), "epochs", 2, 7);
        assert_eq!(refused(2), Code::ValueNotAllowed, "it is older than the one in force");
        assert_eq!(refused(1), Code::ValueNotAllowed, "it was in force");
    }

    fn no_request_fails_while_an_epoch_comes_and_another_goes(kind: Kind) {
        let database = TestDatabase::new(kind);
        let nodes: Vec<Node> = match kind {
            Kind::Sqlite => vec![Node::start(&database)],
            Kind::Postgres => vec![Node::start(&database), Node::start(&database)],
        };
        let (carrier, app) = (nodes[0].carrier("northtel"), nodes[0].app("skyfare"));
        let key_file = database.key_file();
        with(&key_file, "epochs", 2, 7);
        for node in &nodes {
            node.registry.catch_up().unwrap();
            node.registry.reread_keys().unwrap();
        }
        let handles: Vec<NumberText> = (0..NUMBERS)
            .map(|n| nodes[0].bind(&app, &format!("u-{n}"), &number(n), VERIFIED).handle)
            .map(|handle| handle.parse().unwrap())
            .collect();
        // Set where the activation has been answered, on whichever node.
        let active = AtomicBool::new(false);
        let epoch = || if active.load(Ordering::SeqCst) { 2 } else { 1 };
        let (done, answered) = mpsc::channel();
        thread::scope(|scope| {
            let work: Vec<_> = (0..4)
                .map(|worker| {
                    let (node, carrier, app) = (&nodes[worker % nodes.len()], &carrier, &app);
                    let (key_file, handles, epoch) = (&key_file, &handles, &epoch);
                    let done = done.clone();
                    scope.spawn(move || {
                        for n in (worker..NUMBERS).step_by(4) {
                            let token = token(key_file, &number(n), epoch());
                            let sent = if n % 2 == 0 { token } else { node.digest(&number(n)) };
                            let outcome = lose(node, carrier, &format!("e-{n}"), sent);
                            assert!(matches!(outcome, Ok(Outcome::Accepted(()))), "{outcome:?}");
                            for asked in [token, node.digest(&number(n)), handles[n]] {
                                assert_eq!(advice(node, app, asked), Ok(Advice::Freeze), "{n}");
                            }
                            done.send(()).unwrap();
                        }
                    })
                })
                .collect();
            assert_eq!(answered.iter().take(NUMBERS / 3).count(), NUMBERS / 3);
            nodes[0].registry.activate_epoch(&nodes[0].admin, 2).unwrap();
            active.store(true, Ordering::SeqCst);
            for worker in work {
                worker.join().unwrap();
            }
        });
    }
}

#[test]
fn a_node_without_the_key_of_an_active_epoch_is_not_ready_and_never_says_unknown() {
    let database = TestDatabase::new(Kind::Postgres);
    let node = Node::start(&database);
    let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
    let elsewhere = database.key_file().with_file_name("elsewhere.keys");
    std::fs::copy(database.key_file(), &elsewhere).unwrap();
    let other = Node::start_at(&database, node.clock.clone(), &elsewhere);
    activate(&node, &database, 2);

    // It hasn't heard of it yet.
    let new = token(&database.key_file(), &number(1), 2);
    assert_eq!(advice(&other, &app, new).unwrap_err().code, Code::Unavailable);
    let bound = other.try_bind(&app, "u-1", new, VERIFIED);
    assert!(matches!(&bound, Outcome::Rejected(why) if why.code == Code::Unavailable), "{bound:?}");
    let outcome = lose(&other, &carrier, "e-1", new);
    assert!(
        matches!(&outcome, Ok(Outcome::Rejected(why)) if why.code == Code::Unavailable),
        "{outcome:?}"
    );
    let outcome = lose(&other, &carrier, "e-1", other.digest(&number(1)));
    assert_eq!(outcome.unwrap_err().code, Code::Unavailable);
    assert_eq!(other.registry.waiting_for(), ["key file: epoch key 2"]);
    assert!(other.registry.authenticate("vk1_app_glTDKakoUPbVOd03b0gW7idkUX2l4CNV").is_err());

    std::fs::copy(database.key_file(), &elsewhere).unwrap();
    other.registry.reread_keys().unwrap();
    assert_eq!(other.registry.waiting_for(), Vec::<String>::new());
    assert!(matches!(lose(&other, &carrier, "e-1", new), Ok(Outcome::Accepted(()))));
    assert_eq!(advice(&other, &app, new), Ok(Advice::Freeze));
}

in_a_world_on_both_databases! {
    async fn an_admin_activates_and_retires_epochs(world: World) {
        let key_file = world.database.key_file();
        let refused = world.admin.activate_epoch(2).await.unwrap_err();
        assert_eq!(refused.code(), Some("not_found"));
        with(&key_file, "epochs", 2, 7);
        let told = |all: Vec<vacate::client::epochs::Epoch>| -> Vec<String> {
            all.into_iter().map(|one| format!("{} {} {}", one.epoch, one.state, one.held)).collect()
        };
        let all = world.admin.epochs().all().await.unwrap();
        assert_eq!(told(all), ["2 published true", "1 active true"]);
        assert_eq!(world.admin.activate_epoch(2).await.unwrap().state, "active");
        let all = world.admin.epochs().all().await.unwrap();
        assert_eq!(told(all), ["2 active true", "1 accepted true"]);
        assert_eq!(world.admin.retire_epoch(2).await.unwrap_err().code(), Some("value_not_allowed"));
        assert_eq!(world.admin.retire_epoch(1).await.unwrap().state, "retired");
        world.app("skyfare").await.binds("u-1", &number(1), VERIFIED).await;
    }
}

/// Publishes an epoch and activates it.
fn activate(node: &Node, database: &TestDatabase, epoch: u32) {
    with(&database.key_file(), "epochs", epoch, 7);
    node.registry.activate_epoch(&node.admin, epoch).unwrap();
}
