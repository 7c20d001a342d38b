//! The horizon moves, and behind it the book is closed.

use vacate::domain::event::EventType::{Disconnected, Held, Reinstated, Retracted};
use vacate::domain::rejection::Code;
use vacate::domain::verdict::{Advice, Answer, Reason};
use vacate::registry::More;

use super::{LONG_AGO, Told, answer, pass, run, says, undoes};
use crate::support::databases::{Kind, TestDatabase, on_both_databases};
use crate::support::node::{Node, germany, moment};

const OLD: &str = "+4917000000001";
const NEW: &str = "+4917000000002";

on_both_databases! {
    fn nothing_is_told_of_the_time_before_the_horizon_and_everything_of_the_time_behind_it(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        node.carrier("northtel");
        let app = node.app("skyfare");
        let old = node.bind(&app, "u-1", OLD, LONG_AGO).handle;
        let last = node.bind(&app, "u-2", OLD, "2021-11-22T23:59:59Z").handle;
        let first = node.bind(&app, "u-3", OLD, "2021-11-23T00:00:00Z").handle;
        assert_eq!(answer(&node, &app, &old).advice, Advice::Allow);
        run(&node);
        let shown = node.registry.calling_code(&node.admin, germany()).unwrap().standing;
        assert_eq!(shown.retained_since, Some(moment("2021-11-23T00:00:00Z")));
        for handle in [&old, &last] {
            let told = answer(&node, &app, handle);
            assert_eq!((told.answer, told.advice), (Answer::CannotTell, Advice::StepUp));
            assert_eq!(told.reason, Reason::BeyondRetention);
        }
        assert_eq!(answer(&node, &app, &first).advice, Advice::Allow);
    }

    fn a_number_that_was_lost_is_frozen_for_however_old_an_account(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        let app = node.app("skyfare");
        let old = node.bind(&app, "u-1", OLD, LONG_AGO).handle;
        run(&node);
        node.publish(&carrier, ("e-1", Disconnected), OLD, "2026-11-20T12:00:00Z");
        let told = answer(&node, &app, &old);
        assert_eq!((told.advice, told.reason), (Advice::Freeze, Reason::Disconnected));
    }

    fn what_took_effect_before_the_horizon_is_not_taken_any_more_and_makes_no_number(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        node.publish(&carrier, ("e-1", Held), OLD, LONG_AGO);
        run(&node);
        let at_once = says(&node, &carrier, ("e-2", Held), NEW, LONG_AGO);
        assert_eq!(at_once, Told::Refused(Code::TimeTooOld));
        let on_the_day = says(&node, &carrier, ("e-3", Held), NEW, "2021-11-22T23:59:59Z");
        assert_eq!(on_the_day, Told::Refused(Code::TimeTooOld));
        drop(node);
        let node = Node::start(&database);
        assert_eq!(node.registry.loaded(), 1, "one number is known");
        node.publish(&carrier, ("e-4", Held), NEW, "2021-11-23T00:00:00Z");
    }

    fn what_took_effect_before_the_horizon_is_not_undone_any_more(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        node.publish(&carrier, ("e-1", Held), OLD, LONG_AGO);
        node.publish(&carrier, ("e-2", Disconnected), OLD, "2026-11-01T12:00:00Z");
        run(&node);
        let undone = undoes(&node, &carrier, ("u-1", Retracted), OLD, "e-1");
        assert_eq!(undone, Told::Refused(Code::TimeTooOld));
        let undone = undoes(&node, &carrier, ("u-2", Reinstated), OLD, "e-2");
        assert_eq!(undone, Told::Accepted(Vec::new()));
    }

    /// Else a carrier could find out that some app has an account on the number.
    fn a_carrier_is_told_the_same_of_an_old_event_whether_it_is_kept_or_forgotten(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let (carrier, app) = (node.carrier("northtel"), node.app("skyfare"));
        let numbers = [OLD, NEW];
        for (n, number) in numbers.into_iter().enumerate() {
            for (id, what, at) in [
                ("held", Held, "2015-06-01T12:00:00Z"),
                ("lost", Disconnected, "2016-06-01T12:00:00Z"),
                ("lost-again", Disconnected, "2018-06-01T12:00:00Z"),
            ] {
                node.publish(&carrier, (&format!("{id}-{n}"), what), number, at);
            }
        }
        node.bind(&app, "u-1", OLD, "2014-06-01T12:00:00Z");
        assert_eq!(run(&node)[0], 2, "of the number that isn't bound");
        let tell = |n: usize| {
            let number = numbers[n];
            let id = |what: &str| format!("{what}-{n}");
            let mut all = Vec::new();
            for event in ["held", "lost", "lost-again"] {
                for at in ["2016-06-01T12:00:00Z", "2016-06-02T12:00:00Z", "2026-06-01T12:00:00Z"] {
                    for what in [Held, Disconnected] {
                        all.push(says(&node, &carrier, (&id(event), what), number, at));
                        // About another number, too.
                        all.push(says(&node, &carrier, (&id(event), what), numbers[1 - n], at));
                    }
                }
                for what in [Retracted, Reinstated] {
                    all.push(undoes(&node, &carrier, (&id(event), what), number, "nothing"));
                    all.push(undoes(&node, &carrier, (&id("u"), what), number, &id(event)));
                    all.push(undoes(&node, &carrier, (&id("u"), what), numbers[1 - n], &id(event)));
                }
            }
            all
        };
        let (kept, forgotten) = (tell(0), tell(1));
        assert_eq!(kept, forgotten);
        let [reused, old] = [Code::EventIdReused, Code::TimeTooOld].map(Told::Refused);
        for told in [Told::Duplicate, reused, old] {
            assert!(kept.contains(&told), "{told:?}");
        }
    }

    fn the_horizon_moves_once_a_day_and_never_back(kind: Kind) {
        let database = TestDatabase::new(kind);
        let node = Node::start(&database);
        let carrier = node.carrier("northtel");
        let since = || {
            let shown = node.registry.calling_code(&node.admin, germany()).unwrap();
            shown.standing.retained_since.unwrap()
        };
        run(&node);
        assert_eq!(node.registry.forget_some().unwrap(), More::No);
        let before = since();
        pass(&node, &carrier, 1);
        run(&node);
        assert_eq!(since(), before.plus(24 * 60 * 60));
        node.clock.pass(-30 * crate::support::node::DAY_MS);
        node.registry.forget_some().unwrap();
        assert_eq!(since(), before.plus(24 * 60 * 60));
    }
}

#[test]
fn another_node_knows_the_horizon_with_its_next_answer() {
    let database = TestDatabase::new(Kind::Postgres);
    let (node, other) = (Node::start(&database), Node::start(&database));
    node.carrier("northtel");
    let app = other.app("skyfare");
    let old = other.bind(&app, "u-1", OLD, LONG_AGO).handle;
    assert_eq!(answer(&other, &app, &old).advice, Advice::Allow);
    run(&node);
    assert_eq!(answer(&other, &app, &old).reason, Reason::BeyondRetention);
}
