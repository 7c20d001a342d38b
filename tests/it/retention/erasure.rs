//! What is kept about a number is erased for its holder, and nobody is let in by that.

use vacate::client::Error;
use vacate::domain::binding::Proof;
use vacate::domain::event::EventType::{Disconnected, Reassigned};
use vacate::domain::participant::App;
use vacate::domain::policy_terms::PolicyTerms;
use vacate::domain::verdict::{Advice, Answer, Reason};
use vacate::registry::{Declaration, Item, More, Outcome, Put, Verdict, Wanted};

use super::{Told, answer, binding, pass, run, says};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{Node, germany, moment};
use crate::support::world::{World, in_a_world_on_both_databases};

const NUMBER: &str = "+4917000000001";
const VERIFIED: &str = "2025-06-01T12:00:00Z";
const LOST: &str = "2026-11-20T12:00:00Z";

fn erase(node: &Node) {
    node.registry.erase(&node.admin, &node.digest(NUMBER)).unwrap();
}

/// Answer, advice and reason of a check for whoever verified the number at `at`.
fn asked(node: &Node, app: &App, at: &str) -> (Answer, Advice, Reason) {
    let Verdict { answer, advice, reason, .. } =
        node.check_number(app, NUMBER, at).unwrap().answers;
    (answer, advice, reason)
}

fn subscribe(node: &Node, app: &App) {
    let wanted = Wanted { url: "https://hooks.skyfare.example/vacate".to_owned(), types: None };
    node.registry.subscribe(app, &wanted).unwrap();
}

/// What tells of the number or its accounts: events, lines of history, messages that are settled.
fn traces(database: &TestDatabase) -> [i64; 3] {
    let count = |of: &str| database.find(&format!("SELECT count(*) AS n FROM {of}"))[0];
    [
        count("events WHERE number_id IS NOT NULL"),
        count("duty_history"),
        count("deliveries WHERE next_attempt_at IS NULL"),
    ]
}

const NOT_KNOWN: (Answer, Advice, Reason) =
    (Answer::CannotTell, Advice::StepUp, Reason::BeyondRetention);

on_both_databases! {
    fn whoever_verified_before_an_erasure_is_never_told_that_nothing_changed(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        node.publish(&carrier, ("e-1", Reassigned), NUMBER, "2025-01-01T12:00:00Z");
        assert_eq!(asked(&node, &app, VERIFIED).1, Advice::Allow);
        let handle = node.bind(&app, "u-1", NUMBER, VERIFIED).handle;
        erase(&node);
        for at in ["2024-01-01T12:00:00Z", VERIFIED, "2026-11-23T09:29:59Z"] {
            assert_eq!(asked(&node, &app, at), NOT_KNOWN, "{at}");
        }
        assert_eq!(answer(&node, &app, &handle).advice, Advice::StepUp);
        // A node that starts anew knows it too.
        let clock = node.clock.clone();
        drop(node);
        let node = Node::start_with(&database, clock);
        assert_eq!(asked(&node, &app, VERIFIED), NOT_KNOWN);

        pass(&node, &carrier, 2);
        let (answer, advice, reason) = asked(&node, &app, "2026-11-24T12:00:00Z");
        assert_eq!((answer, advice, reason), (Answer::Unchanged, Advice::Allow, Reason::NoChange));
        node.publish(&carrier, ("e-2", Disconnected), NUMBER, "2026-11-25T09:00:00Z");
        assert_eq!(asked(&node, &app, "2026-11-24T12:00:00Z").1, Advice::Freeze);
    }

    fn whoever_verifies_a_number_that_ages_isn_t_let_in_because_it_was_erased(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        node.publish(&carrier, ("e-1", Disconnected), NUMBER, LOST);
        erase(&node);
        pass(&node, &carrier, 2);
        assert_eq!(asked(&node, &app, "2026-11-24T12:00:00Z"), NOT_KNOWN);
    }

    fn an_erasure_holds_whatever_is_said_folded_anew_or_forgotten_afterwards(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        node.publish(&carrier, ("e-1", Disconnected), NUMBER, "2021-12-20T12:00:00Z");
        erase(&node);
        node.publish(&carrier, ("e-2", Reassigned), NUMBER, "2022-01-01T12:00:00Z");
        assert_eq!(asked(&node, &app, VERIFIED), NOT_KNOWN, "what was said");
        let policy = PolicyTerms { aging_days: Some(91), ..PolicyTerms::default() };
        let carriers = vec![carrier.name().clone()];
        let complete_since = Some(moment("2020-01-01T00:00:00Z"));
        let declaration =
            Declaration { complete_since, carriers, policy, ..Declaration::default() };
        node.registry.declare(&node.admin, germany(), &declaration).unwrap();
        while node.registry.recompute_changed().unwrap() == More::Perhaps {}
        assert_eq!(asked(&node, &app, VERIFIED), NOT_KNOWN, "what was folded anew");
        pass(&node, &carrier, 200);
        run(&node);
        assert_eq!(asked(&node, &app, VERIFIED), NOT_KNOWN, "what was forgotten");
    }

    fn what_was_demanded_for_an_erased_number_falls_to_step_up_and_is_not_released(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        subscribe(&node, &app);
        node.bind(&app, "u-1", NUMBER, VERIFIED);
        node.publish(&carrier, ("e-1", Disconnected), NUMBER, LOST);
        let demanded = || {
            let shown = binding(&node, &app, "u-1");
            ["demand", "reason", "revision"].map(|member| shown[member].to_string())
        };
        assert_eq!(demanded(), ["\"freeze\"", "\"disconnected\"", "1"]);
        erase(&node);
        let stepped_up = ["\"step_up\"", "\"beyond_retention\"", "2"];
        assert_eq!(demanded(), stepped_up);
        assert_eq!(traces(&database), [0, 0, 0]);
        // The carrier sends it again, and the admin erases it again.
        let event = ("e-1", Disconnected);
        assert_eq!(says(&node, &carrier, event, NUMBER, LOST), Told::Duplicate);
        erase(&node);
        pass(&node, &carrier, 200);
        while node.registry.recompute_due().unwrap() == More::Perhaps {}
        assert_eq!(demanded(), stepped_up);
    }

    fn an_account_goes_when_its_app_has_heard_or_after_30_days(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, deaf, mute) =
            (node.carrier("northtel"), node.app("skyfare"), node.app("chatly"));
        subscribe(&node, &deaf);
        for app in [&deaf, &mute] {
            node.bind(app, "u-1", NUMBER, VERIFIED);
        }
        erase(&node);
        let live = || database.find("SELECT live_bindings AS n FROM participants ORDER BY name");
        let before = live();
        assert_eq!(run(&node)[3], 1, "of the app that has no endpoint to be told at");
        assert_eq!(binding(&node, &deaf, "u-1")["demand"], "step_up");
        pass(&node, &carrier, 30);
        assert_eq!(run(&node)[3], 0);
        pass(&node, &carrier, 1);
        assert_eq!(run(&node)[3], 1);
        assert!(node.registry.binding(&deaf, &"u-1".parse().unwrap()).unwrap().is_none());
        assert_eq!(database.find("SELECT count(*) AS n FROM bindings"), [0]);
        assert_eq!(database.find("SELECT count(*) AS n FROM deliveries"), [0]);
        assert_eq!(before.iter().sum::<i64>() - live().iter().sum::<i64>(), 2);
        assert_eq!(asked(&node, &deaf, VERIFIED), NOT_KNOWN);
    }

    fn an_account_that_is_verified_anew_stays(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        node.bind(&app, "u-1", NUMBER, VERIFIED);
        erase(&node);
        pass(&node, &carrier, 2);
        let put = Put {
            account_ref: "u-1".parse().unwrap(),
            number: node.digest(NUMBER),
            verified_at: moment("2026-11-24T12:00:00Z"),
            proof: Some(Proof::Document),
            holder: Default::default(),
        };
        let items = vec![Item { key: None, value: Ok(put) }];
        let outcome = node.registry.bind(&app, items).unwrap().items.remove(0).1;
        assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        assert_eq!(run(&node)[3], 0);
        assert_eq!(binding(&node, &app, "u-1")["demand"], "none");
    }
}

in_a_world_on_both_databases! {
    async fn the_admin_erases_and_is_not_told_whether_anything_was_known(world: World) {
        let app = world.app("skyfare").await;
        let handle = app.binds("u-1", NUMBER, VERIFIED).await.handle;
        for number in [NUMBER, "+4917000000002"] {
            let number = app.digest(number).await;
            assert!(world.admin.erase(number).await.unwrap().position.starts_with("p1."));
        }
        assert_eq!(app.checks(handle).await, "step_up cannot_tell beyond_retention");
        assert_eq!(app.hears().await, "account.step_up_requested u-1 #1 beyond_retention");
        for (number, code) in [
            (handle, "handle_invalid"),
            (app.digest("+9990000001").await, "value_not_allowed"),
        ] {
            match world.admin.erase(number).await {
                Err(Error::Refused { problem, .. }) => assert_eq!(problem.code, code),
                other => panic!("{other:?}"),
            }
        }
    }
}
