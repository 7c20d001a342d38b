//! The lines of the answer that the vectors leave out, and where one line ends and the next begins.

use vacate::domain::event::ParticipantId;
use vacate::domain::policy::Policy;
use vacate::domain::summary::Summary;
use vacate::domain::time::{CLOCK_SKEW_SECONDS_MAX, DAY, Moment, Span};
use vacate::domain::verdict::{
    Advice, Answer, Coverage, Facts, NotCovered, OpenDispute, Promise, Reason, Scope, Verdict,
    judge,
};

const NOW: Moment = Moment::from_seconds(1_000 * DAY);

/// F, S, B and G stand 100 days apart, and everything is covered.
fn asked(verified: impl Into<Span>, change: impl FnOnce(&mut Summary, &mut Facts)) -> Verdict {
    let mut summary = Summary {
        freeze_before: day(200),
        changed_before: day(300),
        clear_from: day(400),
        detach_before: day(100),
        changed_reason: Some(Reason::VerifiedInAging),
        clear_reason: Some(Reason::Contested),
        held_since: Some(day(410)),
        holder: Some(ParticipantId(1)),
        ..Summary::default()
    };
    let (policy, unread) = (Policy::default(), Summary::default());
    let coverage = Coverage { scope: Some(scope(0, NOW)), ..Coverage::default() };
    let mut facts = Facts { summary: &unread, coverage, dispute: None, policy: &policy, now: NOW };
    change(&mut summary, &mut facts);
    judge(&Facts { summary: &summary, ..facts }, verified.into(), NotCovered::StepUp)
}

fn reason(verified: impl Into<Span>) -> Reason {
    asked(verified, |_, _| {}).reason
}

fn day(number: u32) -> Moment {
    Moment::from_seconds(number * DAY)
}

fn second_before(moment: Moment) -> Moment {
    Moment::from_seconds(moment.seconds() - 1)
}

fn scope(since: u32, through: Moment) -> Scope {
    Scope { since: day(since), through }
}

#[test]
fn what_equals_a_threshold_is_later() {
    let last = |before: u32| second_before(day(before));
    assert_eq!(reason(last(100)), Reason::Reassigned);
    assert_eq!(reason(day(100)), Reason::Disconnected);
    assert_eq!(reason(last(200)), Reason::Disconnected);
    assert_eq!(reason(day(200)), Reason::VerifiedInAging);
    assert_eq!(reason(last(300)), Reason::VerifiedInAging);
    assert_eq!(reason(day(300)), Reason::Contested);
    assert_eq!(reason(last(400)), Reason::Contested);
    assert_eq!(reason(day(400)), Reason::VerifiedAfterChange);
}

#[test]
fn a_day_is_frozen_only_if_every_moment_of_it_is() {
    let around = |moment: Moment| Span { lo: moment.on_axis() - 1, hi: moment.on_axis() };
    assert_eq!(reason(around(day(100))), Reason::Disconnected);
    assert_eq!(reason(around(day(200))), Reason::VerifiedInAging);
    assert_eq!(reason(around(day(300))), Reason::TooClose);
    assert_eq!(reason(around(day(400))), Reason::Contested);
}

#[test]
fn each_line_has_its_answer_and_its_advice() {
    let shown = |verified: Moment| {
        let Verdict { answer, advice, .. } = asked(verified, |_, _| {});
        (answer, advice)
    };
    assert_eq!(shown(day(50)), (Answer::Changed, Advice::Freeze));
    assert_eq!(shown(day(150)), (Answer::Changed, Advice::Freeze));
    assert_eq!(shown(day(250)), (Answer::Changed, Advice::StepUp));
    assert_eq!(shown(day(350)), (Answer::CannotTell, Advice::StepUp));
    assert_eq!(shown(day(450)), (Answer::Unchanged, Advice::Allow));
}

#[test]
fn what_is_no_longer_remembered_cannot_be_told() {
    let forgotten = |verified: Moment| {
        asked(verified, |_, facts| facts.coverage.retained_since = Some(day(350))).reason
    };
    assert_eq!(forgotten(second_before(day(350))), Reason::BeyondRetention);
    assert_eq!(forgotten(day(50)), Reason::BeyondRetention);
    assert_eq!(forgotten(day(350)), Reason::Contested);
}

#[test]
fn whoever_verified_before_the_horizon_is_told_of_a_change_behind_it() {
    let long_ago = |horizon: u32| {
        asked(day(50), |_, facts| facts.coverage.retained_since = Some(day(horizon))).reason
    };
    assert_eq!(long_ago(99), Reason::Reassigned);
    assert_eq!(long_ago(100), Reason::Disconnected);
    assert_eq!(long_ago(199), Reason::Disconnected);
    assert_eq!(long_ago(200), Reason::VerifiedInAging);
    assert_eq!(long_ago(299), Reason::VerifiedInAging);
    assert_eq!(long_ago(300), Reason::BeyondRetention);
}

#[test]
fn a_change_before_the_horizon_is_not_told_of() {
    let with = |horizon: u32| {
        asked(day(450), |_, facts| facts.coverage.retained_since = Some(day(horizon))).reason
    };
    assert_eq!(with(399), Reason::VerifiedAfterChange);
    assert_eq!(with(400), Reason::NoChange);
}

#[test]
fn a_date_ahead_of_the_clock_cannot_be_told() {
    let latest = NOW.plus(CLOCK_SKEW_SECONDS_MAX);
    assert_eq!(reason(latest), Reason::VerifiedAfterChange);
    assert_eq!(reason(latest.plus(1)), Reason::VerifiedInFuture);
}

#[test]
fn coverage_that_begins_later_than_the_date_does_not_cover_it() {
    let since = |since: u32| {
        asked(day(450), |_, facts| facts.coverage.scope = Some(scope(since, NOW))).reason
    };
    assert_eq!(since(450), Reason::VerifiedAfterChange);
    assert_eq!(since(451), Reason::NotCovered);
}

#[test]
fn silence_says_something_for_max_lag_after_the_watermark() {
    let max_lag = Policy::default().max_lag;
    let oldest = Moment::from_seconds(NOW.seconds() - max_lag);
    let through = |through: Moment| {
        asked(day(450), |_, facts| facts.coverage.scope = Some(scope(0, through))).reason
    };
    assert_eq!(through(oldest), Reason::VerifiedAfterChange);
    assert_eq!(through(second_before(oldest)), Reason::ReportsLate);
    assert_eq!(through(NOW.plus(DAY)), Reason::VerifiedAfterChange, "ahead counts as now");
}

#[test]
fn a_holder_covers_since_both_its_held_and_its_promise() {
    let promised = |verified: u32, holds_since: u32, through: Moment| {
        let holder = Some(Promise { holds_since: day(holds_since), through });
        let coverage = Coverage { holder, ..Coverage::default() };
        asked(day(verified), |_, facts| facts.coverage = coverage).reason
    };
    assert_eq!(promised(410, 0, NOW), Reason::VerifiedAfterChange);
    assert_eq!(promised(409, 0, NOW), Reason::NotCovered);
    assert_eq!(promised(420, 420, NOW), Reason::VerifiedAfterChange);
    assert_eq!(promised(419, 420, NOW), Reason::NotCovered);
    assert_eq!(promised(450, 0, day(900)), Reason::ReportsLate);
}

#[test]
fn a_promise_without_a_held_that_stands_covers_nothing() {
    let holder = Some(Promise { holds_since: day(0), through: NOW });
    let verdict = asked(day(450), |summary, facts| {
        summary.held_since = None;
        facts.coverage = Coverage { holder, ..Coverage::default() };
    });
    assert_eq!(verdict.reason, Reason::NotCovered);
}

#[test]
fn one_fresh_source_suffices() {
    let holder = Some(Promise { holds_since: day(0), through: NOW });
    let verdict = asked(day(450), |_, facts| {
        facts.coverage = Coverage { scope: Some(scope(0, day(900))), holder, retained_since: None };
    });
    assert_eq!(verdict.answer, Answer::Unchanged);
}

#[test]
fn a_dispute_counts_until_it_lapses_and_then_where_nothing_fresh_covers() {
    let disputed = |verified: Moment, lapses_at: Moment, through: Moment| {
        let dispute = OpenDispute { held_from: day(500), lapses_at, answer_by: None };
        asked(verified, |_, facts| {
            facts.dispute = Some(dispute);
            facts.coverage.scope = Some(scope(0, through));
        })
        .reason
    };
    let (before, after) = (second_before(day(500)), day(500));
    assert_eq!(disputed(before, NOW.plus(1), NOW), Reason::Disputed);
    assert_eq!(disputed(before, NOW, NOW), Reason::VerifiedAfterChange);
    assert_eq!(disputed(before, NOW, day(900)), Reason::Disputed);
    assert_eq!(disputed(after, NOW.plus(1), NOW), Reason::VerifiedAfterChange);
    assert_eq!(disputed(day(350), NOW.plus(1), NOW), Reason::Contested, "an event explains more");
}

#[test]
fn a_day_that_a_dispute_falls_into_is_disputed() {
    let dispute = OpenDispute { held_from: day(500), lapses_at: NOW.plus(1), answer_by: None };
    let ends = |hi: Moment| Span { lo: day(499).on_axis(), hi: hi.on_axis() };
    for hi in [day(500), day(501)] {
        let verdict = asked(ends(hi), |_, facts| facts.dispute = Some(dispute));
        assert_eq!(verdict.reason, Reason::Disputed);
    }
}

#[test]
fn an_app_may_relax_nothing_but_not_covered() {
    let (summary, policy) = (Summary::default(), Policy::default());
    let relaxed = |scope: Option<Scope>| {
        let coverage = Coverage { scope, ..Coverage::default() };
        let facts = Facts { summary: &summary, coverage, dispute: None, policy: &policy, now: NOW };
        judge(&facts, day(450).into(), NotCovered::Allow)
    };
    let not_covered = relaxed(None);
    assert_eq!((not_covered.answer, not_covered.advice), (Answer::CannotTell, Advice::Allow));
    assert_eq!(relaxed(Some(scope(0, day(900)))).advice, Advice::StepUp);
}

#[test]
fn advice_is_the_first_member_of_an_answer() {
    let json = serde_json::to_string(&asked(day(50), |_, _| {})).unwrap();
    assert_eq!(json, r#"{"advice":"freeze","answer":"changed","reason":"reassigned"}"#);
}
