//! An organisation's budget binds at its number, whoever asks in its name, and outlives a restart.

use vacate::domain::budget::Purse;
use vacate::domain::number::NumberText;
use vacate::domain::participant::App;
use vacate::registry::{Item, Outcome, Question, Removal};

use super::{VERIFIED, answered, bound, must_be_exhausted, number};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{DAY_MS, Node, germany};

on_both_databases! {
    fn a_day_binds_at_its_very_number_and_handles_go_on(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 400);
        let handle = node.bind(&app, "u-1", &number(9_999_999), VERIFIED).handle;
        assert_eq!(answered(&node, &app, 0..100), 20);
        assert_eq!(answered(&node, &app, 0..20), 20, "again is free");
        must_be_exhausted(&node.check_number(&app, &number(20), VERIFIED).unwrap_err());
        for _ in 0..100 {
            node.check(&app, &handle).unwrap();
        }
        node.clock.pass(DAY_MS);
        assert_eq!(answered(&node, &app, 100..200), 20);
    }

    fn ninety_days_bind_at_their_very_number_and_come_back(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 100);
        for day in 0..30 {
            assert_eq!(answered(&node, &app, day * 100..day * 100 + 100), 5, "day {day}");
            node.clock.pass(DAY_MS);
        }
        assert_eq!(answered(&node, &app, 5_000..5_100), 0, "150 were named");
        assert_eq!(answered(&node, &app, [0, 1, 100, 101, 200]), 5, "those that were are free");
        node.clock.pass(59 * DAY_MS);
        assert_eq!(answered(&node, &app, 5_000..5_100), 0, "not before the 90 days are over");
        node.clock.pass(11 * DAY_MS);
        assert_eq!(answered(&node, &app, 5_000..5_100), 5);
    }

    fn new_bindings_count_for_ninety_days_and_unbinding_gives_nothing_back(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 100);
        assert_eq!(bound(&node, &app, 0..150), 120, "live bindings");
        assert_eq!(bound(&node, &app, 0..120), 120, "the same again is a duplicate");
        unbind(&node, &app, 0..40);
        assert_eq!(bound(&node, &app, 1_000..1_100), 30, "150 were newly bound in 90 days");
        assert_eq!(answered(&node, &app, 2_000..2_001), 0, "and none is left to ask about");
        assert_eq!(answered(&node, &app, 0..10), 5, "those that were bound are, 5 a day");
        assert_eq!(bound(&node, &app, 0..10), 10, "and to come back is free");
        assert_eq!(bound(&node, &app, 10..11), 0, "120 are bound again");
        node.clock.pass(100 * DAY_MS);
        unbind(&node, &app, 0..10);
        assert_eq!(bound(&node, &app, 2_000..2_100), 10);
    }

    fn an_account_that_moves_takes_no_second_place_among_the_live(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 100);
        assert_eq!(bound(&node, &app, 0..150), 120);
        let later = "2025-07-01T12:00:00Z";
        let moved = node.try_bind(&app, "u-3", node.digest(&number(500)), later);
        assert!(matches!(moved, Outcome::Accepted(_)), "{moved:?}");
        let to_test = node.try_bind(&app, "u-4", node.digest("+9990000001"), later);
        assert!(matches!(to_test, Outcome::Accepted(_)), "{to_test:?}");
        assert_eq!(bound(&node, &app, 900..950), 1, "the test number's place is free");
        unbind(&node, &app, 4..5);
        assert_eq!(bound(&node, &app, 950..960), 0, "and was not freed twice");
    }

    fn two_apps_of_an_organisation_share_what_they_declared_together(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let one = node.app_of("travel-group", "skyfare", 200);
        let other = node.app_of("travel-group", "seafare", 300);
        let stranger = node.app_of("chatly", "chatly", 200);
        assert_eq!(answered(&node, &one, 0..15), 15);
        assert_eq!(answered(&node, &other, 10..100), 15, "five of them were named by the other");
        assert_eq!(answered(&node, &one, 100..101), 0);
        assert_eq!(answered(&node, &stranger, 0..100), 10);
        assert_eq!(bound(&node, &one, 0..400) + bound(&node, &other, 400..800), 600);
        assert_eq!(bound(&node, &other, 800..801), 0, "600 are bound between them");
    }

    fn a_restart_gives_nothing_back(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 400);
        assert_eq!(answered(&node, &app, 0..12), 12);
        let ask = |node: &Node| node.registry.spend_evaluations(app.participant(), germany(), 500);
        ask(&node).unwrap();
        node.clock.pass(59_000);
        node.registry.keep_budgets_now_and_then().unwrap();
        let clock = node.clock.clone();
        clock.pass(1_000);
        node.registry.keep_budgets_now_and_then().unwrap();
        assert_eq!(answered(&node, &app, 12..13), 1, "not kept: this is lost");
        drop(node);

        let node = Node::start_with(&database, clock);
        assert_eq!(answered(&node, &app, 0..12), 12);
        assert_eq!(answered(&node, &app, 50..100), 8);
        must_be_exhausted(&ask(&node).unwrap_err());
        let left = node.registry.allowances(app.participant());
        let left: Vec<(Purse, u64)> = left.iter().map(|one| (one.purse, one.left)).collect();
        assert_eq!(left, [(Purse::Day, 0), (Purse::Quarter, 580), (Purse::Evaluations, 100)]);
    }

    fn test_numbers_never_count(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 20);
        for digit in 1..=5 {
            for minute in 10..30 {
                let at = format!("2025-06-01T12:{minute}:00Z");
                node.check_number(&app, &format!("+999000000{digit}"), &at).unwrap();
            }
        }
        for n in 0..130 {
            node.bind(&app, &format!("t-{n}"), &format!("+999000000{}", n % 8 + 1), VERIFIED);
        }
        let evaluated = "999".parse().unwrap();
        node.registry.spend_evaluations(app.participant(), evaluated, 1_000).unwrap();
        assert!(node.registry.allowances(app.participant()).is_empty());
        assert_eq!(bound(&node, &app, 0..200), 120);
        assert_eq!(answered(&node, &app, 0..200), 5);
    }

    fn a_batch_is_answered_as_far_as_the_budget_goes(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let app = node.app_of("skyfare", "skyfare", 100);
        let handle = node.bind(&app, "u-1", &number(9_999_999), VERIFIED).handle;
        let by_digest = |n: u32| (node.digest(&number(n)), Some(VERIFIED.parse().unwrap()));
        let mut questions: Vec<(NumberText, _)> = [0, 1, 1, 2, 3, 4, 5, 6, 0].map(by_digest).to_vec();
        questions.push((handle.parse().unwrap(), None));
        let items: Vec<Item<Question>> = questions
            .into_iter()
            .map(|(number, verified_at)| Item { key: None, value: Ok(Question { number, verified_at }) })
            .collect();
        let answers = node.registry.check_all(&app, &items, None).unwrap().answers;
        let refused: Vec<usize> = (0..).zip(&answers).filter(|(_, one)| one.is_err()).map(|(at, _)| at).collect();
        assert_eq!(refused, [6, 7]);
        must_be_exhausted(answers[6].as_ref().unwrap_err());
    }

    fn a_carrier_s_evaluations_have_a_default(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        node.registry.spend_evaluations(carrier.participant(), germany(), 1_000).unwrap();
        let left = node.registry.allowances(carrier.participant());
        assert_eq!((left[0].purse, left[0].limit, left.len()), (Purse::Evaluations, 1_500_000, 1));
    }
}

fn unbind(node: &Node, app: &App, numbers: std::ops::Range<u32>) {
    let items = numbers.map(|n| {
        let account_ref = format!("u-{n}").parse().unwrap();
        Item { key: None, value: Ok(Removal { account_ref }) }
    });
    let removed = node.registry.remove(app, items.collect()).unwrap();
    assert!(removed.items.iter().all(|(_, one)| matches!(one, Outcome::Accepted(_))));
}
