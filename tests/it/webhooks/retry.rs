//! The schedule and the breaker, in simulated time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use vacate::domain::attempt::{FailureKind, Outcome, RetryAfter, answer_text};
use vacate::domain::breaker::Breaker;
use vacate::domain::retry::{Next, Schedule, Tried};

const SCHEDULE: Schedule = Schedule { retry_hours: 75 };
const FAILED: Outcome = Outcome::Failed(FailureKind::Connection);
const LEAST: u64 = 0;
const NONE: u64 = 200;
const MOST: u64 = 400;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_426_203, 0).unwrap()
}

fn answered(status: u16) -> Outcome {
    Outcome::Answered { status, answer: String::new(), retry_after: None }
}

fn asking(status: u16, retry_after: &str) -> Outcome {
    let retry_after = RetryAfter::parse(retry_after);
    Outcome::Answered { status, answer: String::new(), retry_after }
}

/// The wait before the next try.
fn wait(tries: u32, outcome: &Outcome, random: u64) -> TimeDelta {
    match SCHEDULE.next(Tried { since: start(), tries }, outcome, start(), random) {
        Next::Retry { at } | Next::Dead { at } => at - start(),
        other @ (Next::Delivered | Next::SwitchOff) => panic!("{other:?}"),
    }
}

/// The times of all tries from the first to the one that made the delivery dead, and the next.
fn life(schedule: Schedule, mut random: impl FnMut() -> u64) -> (Vec<TimeDelta>, TimeDelta) {
    let (mut now, mut times) = (start(), Vec::new());
    loop {
        times.push(now - start());
        let tried = Tried { since: start(), tries: u32::try_from(times.len()).unwrap() };
        match schedule.next(tried, &FAILED, now, random()) {
            Next::Retry { at } => now = at,
            Next::Dead { at } => return (times, at - start()),
            other @ (Next::Delivered | Next::SwitchOff) => panic!("{other:?}"),
        }
    }
}

/// A small generator, so that a failing run can be repeated.
fn randoms(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 17
    }
}

#[test]
fn without_jitter_the_tries_are_those_that_the_standard_recommends() {
    let (times, after) = life(SCHEDULE, || NONE);
    let seconds: Vec<_> = times.iter().map(TimeDelta::num_seconds).collect();
    assert_eq!(seconds, [0, 5, 305, 2105, 9305, 27305, 63305, 113_705, 185_705, 272_105]);
    assert_eq!(after - times[9], TimeDelta::hours(24));
}

#[test]
fn whatever_the_jitter_ten_tries_are_spread_over_three_days() {
    let lives = (0..10_000).map(|seed| life(SCHEDULE, randoms(seed))).chain([
        life(SCHEDULE, || LEAST),
        life(SCHEDULE, || MOST),
        life(SCHEDULE, || u64::MAX),
    ]);
    for (times, _) in lives {
        assert!(times.len() >= 10);
        assert!(times[times.len() - 1] >= TimeDelta::hours(72));
        assert!(times[times.len() - 1] <= TimeDelta::hours(75 + 29));
        assert!(times[1] <= TimeDelta::seconds(6));
    }
}

#[test]
fn jitter_stays_within_a_fifth_and_uses_all_of_it() {
    let mut random = randoms(1);
    for (tries, seconds) in [(1, 5), (2, 300), (5, 18_000), (9, 86_400), (400, 86_400)] {
        let waits: Vec<_> = (0..5_000).map(|_| wait(tries, &FAILED, random())).collect();
        let base = TimeDelta::seconds(seconds);
        assert!(waits.iter().all(|wait| *wait >= base * 4 / 5 && *wait <= base * 6 / 5));
        assert_eq!(wait(tries, &FAILED, LEAST), base * 4 / 5);
        assert_eq!(wait(tries, &FAILED, MOST), base * 6 / 5);
    }
}

#[test]
fn a_dead_delivery_is_tried_once_a_day() {
    let since = start();
    let now = since + TimeDelta::days(30);
    let next = SCHEDULE.next(Tried { since, tries: 36 }, &FAILED, now, NONE);
    assert_eq!(next, Next::Dead { at: now + TimeDelta::hours(24) });
}

#[test]
fn an_outage_of_the_registry_costs_the_receiver_no_try() {
    let since = start();
    let now = since + TimeDelta::days(9);
    let next = SCHEDULE.next(Tried { since, tries: 2 }, &FAILED, now, NONE);
    assert_eq!(next, Next::Retry { at: now + TimeDelta::minutes(5) });
}

#[test]
fn the_setting_bounds_the_tries() {
    let (times, _) = life(Schedule { retry_hours: 1 }, || NONE);
    assert_eq!(times.len(), 5);
    let (times, _) = life(Schedule { retry_hours: 100 }, || NONE);
    assert_eq!(times.len(), 12);
    let (times, _) = life(Schedule { retry_hours: 0 }, || NONE);
    assert_eq!(times.len(), 1);
}

#[test]
fn only_a_2xx_is_a_delivery_and_only_a_410_switches_off() {
    let tried = Tried { since: start(), tries: 1 };
    for status in 100..1000 {
        let next = SCHEDULE.next(tried, &answered(status), start(), NONE);
        match status {
            200..=299 => assert_eq!(next, Next::Delivered),
            410 => assert_eq!(next, Next::SwitchOff),
            _ => assert!(matches!(next, Next::Retry { .. }), "{status}"),
        }
    }
}

#[test]
fn a_receiver_that_is_short_of_breath_gets_a_minute_at_least() {
    let outcomes = [
        answered(429),
        answered(502),
        answered(504),
        Outcome::Failed(FailureKind::Timeout),
        Outcome::Failed(FailureKind::ConnectTimeout),
    ];
    for outcome in outcomes {
        for tries in 1..12 {
            assert!(wait(tries, &outcome, LEAST) >= TimeDelta::seconds(60), "{outcome:?}");
        }
        assert!(wait(2, &outcome, NONE) == TimeDelta::minutes(5));
    }
    assert!(wait(1, &answered(500), MOST) <= TimeDelta::seconds(6));
}

#[test]
fn retry_after_is_honoured_within_a_day() {
    let at = (start() + TimeDelta::hours(3)).to_rfc2822().replace("+0000", "GMT");
    for (text, expected) in [
        ("120", TimeDelta::seconds(120)),
        (" 7 ", TimeDelta::seconds(7)),
        (at.as_str(), TimeDelta::hours(3)),
        ("31536000", TimeDelta::hours(24)),
        ("99999999999999999999999999", TimeDelta::hours(24)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", TimeDelta::hours(24)),
    ] {
        assert_eq!(wait(1, &asking(503, text), NONE), expected, "{text}");
    }
    // Nobody can hurry the schedule.
    for text in ["0", "1", "Sun, 06 Nov 1994 08:49:37 GMT", "-5", "soon", "", "1.5", "+1"] {
        assert_eq!(wait(2, &asking(503, text), NONE), TimeDelta::minutes(5), "{text}");
    }
}

#[test]
fn five_failures_in_a_row_open_the_breaker_and_one_delivery_closes_it() {
    let mut breaker = Breaker::default();
    for failures in 1..5 {
        breaker = breaker.after(&FAILED, start() + TimeDelta::seconds(failures), NONE);
        assert_eq!(breaker.room(start(), 3, 8), 5);
    }
    breaker = breaker.after(&FAILED, start() + TimeDelta::seconds(9), NONE);
    assert_eq!(breaker.consecutive_failures, 5);
    assert_eq!(breaker.failing_since, Some(start() + TimeDelta::seconds(1)));
    assert_eq!(breaker.open_until, Some(start() + TimeDelta::seconds(39)));
    assert_eq!(breaker.after(&answered(204), start(), NONE), Breaker::default());
}

#[test]
fn four_failures_and_a_delivery_never_open_it() {
    let mut breaker = Breaker::default();
    for _ in 0..100 {
        for _ in 0..4 {
            breaker = breaker.after(&FAILED, start(), NONE);
        }
        assert_eq!(breaker.open_until, None);
        breaker = breaker.after(&answered(200), start(), NONE);
    }
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_a_quarter_of_an_hour() {
    let mut breaker = Breaker::default();
    let mut now = start();
    for _ in 0..4 {
        breaker = breaker.after(&FAILED, now, NONE);
    }
    for seconds in [30, 60, 120, 240, 480, 900, 900, 900] {
        breaker = breaker.after(&FAILED, now, NONE);
        assert_eq!(breaker.open_until, Some(now + TimeDelta::seconds(seconds)));
        now += TimeDelta::seconds(seconds);
    }
    let ancient = Breaker { consecutive_failures: u32::MAX, ..breaker }.after(&FAILED, now, MOST);
    assert_eq!(ancient.open_until, Some(now + TimeDelta::seconds(1080)));
    assert_eq!(ancient.failing_since, Some(start()));
}

#[test]
fn tries_that_were_under_way_when_it_opened_do_not_lengthen_the_wait() {
    let mut breaker = Breaker::default();
    for _ in 0..5 {
        breaker = breaker.after(&FAILED, start(), NONE);
    }
    let opened = breaker;
    for second in 0..15 {
        breaker = breaker.after(&FAILED, start() + TimeDelta::seconds(second), NONE);
    }
    assert_eq!(breaker, opened);
}

#[test]
fn a_receiver_that_names_a_time_is_left_alone_until_then() {
    let breaker = Breaker::default().after(&asking(503, "120"), start(), NONE);
    assert_eq!(breaker.open_until, Some(start() + TimeDelta::seconds(120)));
    let breaker = Breaker::default().after(&asking(429, "31536000"), start(), NONE);
    assert_eq!(breaker.open_until, Some(start() + TimeDelta::hours(24)));
}

/// A worker with 50,000 due messages in front of a receiver that is down for an hour: nothing but
/// single probes until the first success, then as many as are allowed.
#[test]
fn when_a_receiver_returns_one_message_goes_first() {
    let mut random = randoms(7);
    let back_at = start() + TimeDelta::hours(1);
    let (mut breaker, mut now, mut sent_while_down) = (Breaker::default(), start(), 0);
    let mut after_return = Vec::new();
    for _ in 0..10_000 {
        let batch = breaker.room(now, 0, 8);
        let up = now >= back_at;
        if up && batch > 0 {
            after_return.push(batch);
        } else {
            sent_while_down += batch;
        }
        for _ in 0..batch {
            let outcome = if up { answered(200) } else { FAILED };
            breaker = breaker.after(&outcome, now, random());
        }
        now += TimeDelta::seconds(1);
    }
    assert!(sent_while_down <= 8 + 10, "{sent_while_down} in the hour");
    assert_eq!(after_return[..3], [1, 8, 8]);
    let half_open = Breaker { open_until: Some(start()), ..Breaker::default() };
    assert_eq!(half_open.room(start(), 1, 8), 0);
}

#[test]
fn a_message_that_we_can_t_make_is_tried_again_and_says_nothing_about_its_receiver() {
    let ours = Outcome::Failed(FailureKind::NotMade);
    let failing = Breaker::default().after(&FAILED, start(), NONE);
    for breaker in [Breaker::default(), failing] {
        assert_eq!((0..9).fold(breaker, |all, _| all.after(&ours, start(), NONE)), breaker);
    }
    let begun = Tried { since: start(), tries: 1 };
    let next = SCHEDULE.next(begun, &ours, start(), NONE);
    assert!(matches!(next, Next::Retry { at } if at > start()), "{next:?}");
}

#[test]
fn what_runs_behind_an_address_is_not_told_by_the_text() {
    let texts = [FailureKind::Connection, FailureKind::ConnectTimeout, FailureKind::Tls];
    assert!(texts.iter().all(|kind| kind.text() == "no connection"));
    assert_eq!(FailureKind::NameNotFound.text(), FailureKind::AddressNotAllowed.text());
    assert_eq!(FailureKind::Timeout.text(), "no answer in time");
}

#[test]
fn an_answer_becomes_harmless_text() {
    for (body, text) in [
        (&b"upstream down"[..], "upstream down"),
        (b"a\r\nb\0\x1b[31m", r"a\r\nb\u{0}\u{1b}[31m"),
        (b"\xff\xfe ok", "\u{fffd}\u{fffd} ok"),
        ("\u{202e}gnp.exe".as_bytes(), r"\u{202e}gnp.exe"),
        (b"no account for +491701234567!", "no account for +…!"),
        ("٠١٢٣٤٥٦٧٨ grüß".as_bytes(), "… grüß"),
        (b"error 123456 in 2.5 s", "error 123456 in 2.5 s"),
    ] {
        assert_eq!(answer_text(body), text);
    }
    assert_eq!(answer_text(&[b'x'; 70_000]).len(), 1024);
    assert_eq!(RetryAfter::Seconds(5).wait(start()), Duration::from_secs(5));
}
