//! What is read at the edge, and refused there: times, days, zones, policies, ids, enumerations.

use vacate::domain::clearance::{Band, Clearance, clearance};
use vacate::domain::duty::{Demand, Duty, Response};
use vacate::domain::event::{EventId, EventType};
use vacate::domain::policy::{Policy, Zone};
use vacate::domain::rejection::{Code, Rejection};
use vacate::domain::summary::{Occupancy, Summary};
use vacate::domain::time::{DAY, Day, HOUR, MINUTE, Moment, Span, Stated};
use vacate::domain::verdict::Reason;

fn moment(text: &str) -> Result<Moment, Code> {
    text.parse().map_err(|rejection: Rejection| rejection.code)
}

fn day(text: &str) -> Result<Day, Code> {
    text.parse().map_err(|rejection: Rejection| rejection.code)
}

#[test]
fn an_instant_is_kept_in_utc_by_the_second() {
    for text in [
        "2026-11-23T09:30:00Z",
        "2026-11-23T09:30:00.999999999999Z",
        "2026-11-23t09:30:00z",
        "2026-11-23T11:00:00+01:30",
        "2026-11-22T21:30:00.5-12:00",
    ] {
        assert_eq!(
            moment(text).map(|it| it.to_string()),
            Ok("2026-11-23T09:30:00Z".into()),
            "{text}"
        );
    }
    assert_eq!(moment("2000-01-01T00:00:00Z"), Ok(Moment::ZERO));
    assert_eq!(moment("2000-01-01T00:00:01Z"), Ok(Moment::from_seconds(1)));
    assert_eq!(moment("2136-02-07T06:28:15Z"), Ok(Moment::MAX));
    assert_eq!(moment("9999-01-01T00:00:00Z"), Ok(Moment::MAX), "and so refused as lying ahead");
}

#[test]
fn what_is_not_rfc_3339_is_no_instant() {
    for text in [
        "",
        "2026-11-23",
        "2026-11-23T09:30Z",
        "2026-11-23T09:30:00",
        "2026-11-23 09:30:00Z",
        "2026-11-23T09:30:00 Z",
        "2026-11-23T09:30:00.Z",
        "2026-11-23T09:30:00+0100",
        "2026-11-23T09:30:00+01",
        "2026-11-23T09:30:00\u{2212}01:00",
        "2026-02-29T09:30:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:30:00Z ",
        "+2026-11-23T09:30:00Z",
        "1795426203",
    ] {
        assert_eq!(moment(text), Err(Code::TimeMalformed), "{text}");
    }
}

#[test]
fn nothing_before_2000_is_an_instant_or_a_day() {
    assert_eq!(moment("1999-12-31T23:59:59Z"), Err(Code::TimeTooOld));
    assert_eq!(moment("2000-01-01T00:00:00+00:01"), Err(Code::TimeTooOld));
    assert_eq!(day("1999-12-31"), Err(Code::TimeTooOld));
}

#[test]
fn a_day_is_ten_characters() {
    assert_eq!(day("2000-01-01"), Ok(Day::from_number(0)));
    assert_eq!(day("2026-11-23").map(|it| it.to_string()), Ok("2026-11-23".into()));
    assert_eq!(day("2028-02-29").map(|it| it.to_string()), Ok("2028-02-29".into()));
    for text in
        ["2026-1-23", "2026-11-3", " 2026-11-23", "2026-02-29", "+026-11-23", "2026/11/23", ""]
    {
        assert_eq!(day(text), Err(Code::TimeMalformed), "{text}");
    }
}

#[test]
fn a_day_lasts_from_its_first_zone_to_its_last() {
    let on = |policy: &Policy| policy.span(Stated::On(day("2026-03-01").unwrap()));
    let at = |text: &str| moment(text).unwrap().on_axis();
    let (lo, hi) = (at("2026-02-28T10:00:00Z"), at("2026-03-02T12:00:00Z"));
    assert_eq!(on(&Policy::default()), Span { lo, hi });

    let zone: Zone = "+05:30".parse().unwrap();
    let india = Policy { zone_first: zone, zone_last: zone, ..Policy::default() };
    let (lo, hi) = (at("2026-02-28T18:30:00Z"), at("2026-03-01T18:30:00Z"));
    assert_eq!(on(&india), Span { lo, hi });
}

#[test]
fn equal_and_nested_spans_are_not_before_one_another() {
    let (outer, inner) = (Span { lo: 0, hi: 10 }, Span { lo: 3, hi: 5 });
    let (left, right) = (Span { lo: 0, hi: 4 }, Span { lo: 3, hi: 9 });
    assert!(!outer.before(outer) && !outer.before(inner) && !inner.before(outer));
    assert!(left.before(right) && !right.before(left), "they overlap, and still");
    assert!(!left.before(outer), "they begin together");
}

#[test]
fn a_time_may_lie_ahead_by_the_skew_and_not_before_the_axis() {
    let now = Moment::from_seconds(DAY);
    let check = |lo: i64| Span { lo, hi: i64::MAX }.check(now, 300).map_err(|it| it.code);
    assert_eq!(check(i64::from(DAY) + 300), Ok(()));
    assert_eq!(check(i64::from(DAY) + 301), Err(Code::TimeInFuture));
    assert_eq!(check(0), Ok(()));
    assert_eq!(check(-1), Err(Code::TimeTooOld));
}

#[test]
fn a_zone_is_written_with_sign_and_four_digits() {
    for text in ["+14:00", "-12:00", "+00:00", "+05:45", "-03:30"] {
        assert_eq!(text.parse::<Zone>().map(|zone| zone.to_string()), Ok(text.to_owned()));
    }
    for text in ["+14:01", "-12:01", "14:00", "+1:00", "+01:60", "+01:0", "Z", "", "+0a:00"] {
        let refused = text.parse::<Zone>().map_err(|it| it.code);
        assert_eq!(refused, Err(Code::ValueNotAllowed), "{text}");
    }
}

#[test]
fn a_policy_is_refused_at_the_member_that_breaks_it() {
    let field = |change: fn(&mut Policy)| {
        let mut policy = Policy::default();
        change(&mut policy);
        policy.validate().err().and_then(|rejection| {
            assert_eq!(rejection.code, Code::ValueNotAllowed);
            rejection.field
        })
    };
    let at = |field: &str| Some(field.to_owned());
    assert_eq!(field(|_| {}), None);
    assert_eq!(field(|it| it.aging = 7 * DAY - 1), at("/aging_days"));
    assert_eq!(field(|it| it.aging = 731 * DAY), at("/aging_days"));
    assert_eq!(field(|it| it.max_lag = it.aging - 1), None);
    assert_eq!(field(|it| it.max_lag = it.aging), at("/max_lag_days"));
    assert_eq!(field(|it| it.max_lag = 0), at("/max_lag_days"));
    assert_eq!(field(|it| it.tolerance = 0), None);
    assert_eq!(field(|it| it.tolerance = it.aging / 4 - 1), None);
    assert_eq!(field(|it| it.tolerance = it.aging / 4), at("/tolerance_minutes"));
    assert_eq!(field(|it| it.detach_after = it.aging - 1), at("/detach_after_days"));
    assert_eq!(field(|it| it.freeze_within = HOUR - MINUTE), at("/freeze_within_hours"));
    assert_eq!(field(|it| it.detach_within = 91 * DAY), at("/detach_within_hours"));
    assert_eq!(
        field(|it| (it.zone_first, it.zone_last) = (Zone::LAST, Zone::FIRST)),
        at("/zone_last")
    );
}

#[test]
fn an_event_id_is_1_to_64_plain_characters() {
    let longest = "x".repeat(64);
    for text in ["e", "2026-11-23/000001", "A.b_c:d/e-9", &longest] {
        assert_eq!(text.parse::<EventId>().unwrap().as_str(), text);
    }
    for text in ["", " ", "a b", "a#b", "é", "a\n", &"x".repeat(65)] {
        let rejection = text.parse::<EventId>().unwrap_err();
        assert_eq!(rejection.code, Code::ValueNotAllowed);
    }
}

#[test]
fn a_value_outside_its_enumeration_is_refused_without_being_repeated() {
    let error = serde_json::from_str::<EventType>("\"sold\"").unwrap_err();
    let rejection = Rejection::from_serde(&error.to_string()).unwrap();
    assert_eq!(rejection.code, Code::ValueNotAllowed);
    assert!(rejection.detail.contains("ported_out") && !rejection.detail.contains("sold"));

    let error = serde_json::from_str::<Moment>("\"yesterday\"").unwrap_err();
    let rejection = Rejection::from_serde(&error.to_string()).unwrap();
    assert_eq!(rejection.code, Code::TimeMalformed);
    assert!(!rejection.detail.contains("yesterday"));
}

#[test]
fn codes_and_texts_lead_back_to_their_values() {
    for value in EventType::ALL.iter().copied() {
        assert_eq!(EventType::from_code(value.code()), Some(value));
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<EventType>(&json).unwrap(), value);
    }
    assert_eq!(EventType::from_code(0), None);
}

#[test]
fn reasons_are_listed_in_alphabetical_order_which_decides_ties() {
    assert!(Reason::ALL.is_sorted_by(|a, b| a.text() < b.text() && a < b));
}

const NOW: Moment = Moment::from_seconds(1_000 * DAY);

fn vacant() -> Summary {
    let changed_before = Moment::from_seconds(900 * DAY);
    Summary { occupancy: Occupancy::Vacant, changed_before, ..Summary::default() }
}

fn frozen_by(freeze_by: Moment) -> Duty {
    Duty { demand: Demand::Freeze, freeze_by: Some(freeze_by), ..Duty::default() }
}

#[test]
fn clearance_is_told_of_a_vacant_number_alone() {
    for occupancy in [Occupancy::InService, Occupancy::Unknown] {
        let duties = [frozen_by(NOW.plus(1))];
        let answer = clearance(&Summary { occupancy, ..vacant() }, &duties, NOW);
        assert_eq!(answer, Clearance::NotVacant);
    }
}

#[test]
fn clearance_comes_too_early_until_aging_is_over() {
    let over = vacant().changed_before;
    let early = Moment::from_seconds(over.seconds() - 1);
    assert_eq!(clearance(&vacant(), &[], early), Clearance::TooEarly { not_before: over });
    assert_eq!(clearance(&vacant(), &[], over), Clearance::Clear);
}

#[test]
fn clearance_waits_for_whoever_has_not_frozen_and_tells_a_band() {
    let waiting = frozen_by(NOW.plus(10));
    let answered = [
        Duty { response: Response::Frozen, freeze_by: Some(NOW.plus(99)), ..waiting },
        Duty { response: Response::Detached, demand: Demand::Detach, ..waiting },
        Duty { demand: Demand::StepUp, freeze_by: None, ..waiting },
        Duty::default(),
    ];
    assert_eq!(clearance(&vacant(), &answered, NOW), Clearance::Clear);

    let mut duties = answered.to_vec();
    duties.extend([frozen_by(NOW.plus(5)), waiting, frozen_by(NOW.plus(7)), frozen_by(NOW)]);
    let not_before = Some(NOW.plus(10));
    let few = Clearance::Outstanding { band: Band::Few, not_before };
    assert_eq!(clearance(&vacant(), &duties, NOW), few);

    duties.push(Duty { demand: Demand::Detach, ..frozen_by(NOW) });
    let many = Clearance::Outstanding { band: Band::Many, not_before };
    assert_eq!(clearance(&vacant(), &duties, NOW), many);
}

#[test]
fn a_date_that_has_passed_is_not_told() {
    let answer = clearance(&vacant(), &[frozen_by(NOW)], NOW);
    let json = serde_json::to_string(&answer).unwrap();
    assert_eq!(json, r#"{"clearance":"outstanding","band":"1-4"}"#);
}
