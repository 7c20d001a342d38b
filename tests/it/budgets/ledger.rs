//! The rules of budgets by themselves: what fills a purse, what empties it, and when something comes
//! back.

use vacate::domain::budget::{Ledger, Naming, Purse, Terms};
use vacate::domain::time::{DAY, Moment};

use super::sketch::hashes;

const TERMS: Terms = Terms { accounts: 200, day_percent: 5, quarter_percent: 150 };
const BEGIN: Moment = Moment::from_seconds(9_820 * DAY + 7_200);

#[test]
fn purses_follow_from_the_accounts_declared() {
    let of = |accounts| Terms { accounts, ..TERMS };
    let all = |terms: Terms| {
        (terms.of(Purse::Day), terms.of(Purse::Quarter), terms.of(Purse::Evaluations))
    };
    assert_eq!(all(of(2_000_000)), (100_000, 3_000_000, 3_000_000));
    assert_eq!(of(2_000_000).live_bindings(), 2_400_000);
    assert_eq!(all(of(0)), all(of(100)), "whoever declares little can try things out");
    assert_eq!((all(of(0)), of(0).live_bindings()), ((5, 150, 150), 120));
    assert_eq!(of(u64::MAX).of(Purse::Quarter), u64::MAX / 100);
}

#[test]
fn a_number_that_was_named_costs_nothing() {
    let mut ledger = Ledger::default();
    let all = hashes(1, 10);
    assert_eq!(named(&mut ledger, &all, BEGIN), 10);
    assert_eq!(named(&mut ledger, &all, BEGIN), 10);
    assert_eq!(ledger.spend(Naming::Check, all[3], &TERMS, BEGIN), Ok(false));
    assert_eq!(ledger.spend(Naming::Check, hashes(2, 1)[0], &TERMS, BEGIN), Err(Purse::Day));
}

#[test]
fn a_day_ends_at_midnight() {
    let mut ledger = Ledger::default();
    assert_eq!(named(&mut ledger, &hashes(1, 20), BEGIN), 10);
    let midnight = Moment::from_seconds(9_821 * DAY);
    let day = ledger.allowance(Purse::Day, &TERMS, BEGIN);
    assert_eq!((day.left, day.back_in_seconds), (0, DAY - 7_200));
    let before = Moment::from_seconds(midnight.seconds() - 1);
    assert_eq!(named(&mut ledger, &hashes(2, 20), before), 0);
    assert_eq!(named(&mut ledger, &hashes(2, 20), midnight), 10);
}

#[test]
fn what_was_named_counts_for_ninety_days_at_least_and_a_hundred_at_most() {
    // Buckets of ten days begin with every tenth day since 2000.
    for named_on in 9_820..9_830 {
        let mut ledger = Ledger::default();
        let day = |number: u32| Moment::from_seconds(number * DAY);
        for hash in hashes(1, 300) {
            ledger.spend(Naming::Bind, hash, &TERMS, day(named_on)).unwrap();
        }
        let comes_back = (named_on..named_on + 200)
            .find(|on| ledger.spend(Naming::Bind, hashes(2, 1)[0], &TERMS, day(*on)).is_ok());
        let comes_back = comes_back.unwrap();
        assert_eq!(comes_back, 9_920, "named on {named_on}");
    }
}

#[test]
fn what_is_bound_counts_against_the_ninety_days_alone() {
    let mut ledger = Ledger::default();
    for hash in hashes(1, 300) {
        assert_eq!(ledger.spend(Naming::Bind, hash, &TERMS, BEGIN), Ok(true));
    }
    assert_eq!(ledger.allowance(Purse::Day, &TERMS, BEGIN).left, 10);
    let (known, new) = (hashes(1, 1)[0], hashes(2, 1)[0]);
    assert_eq!(ledger.spend(Naming::Bind, new, &TERMS, BEGIN), Err(Purse::Quarter));
    assert_eq!(ledger.spend(Naming::Check, new, &TERMS, BEGIN), Err(Purse::Quarter));
    assert_eq!(ledger.allowance(Purse::Day, &TERMS, BEGIN).left, 10, "a refusal costs nothing");
    assert_eq!(ledger.spend(Naming::Check, known, &TERMS, BEGIN), Ok(true));
    assert_eq!(ledger.allowance(Purse::Day, &TERMS, BEGIN).left, 9);
}

#[test]
fn each_evaluation_counts_in_a_purse_of_its_own() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.evaluate(&hashes(1, 299), &TERMS, BEGIN), Ok(()));
    assert_eq!(ledger.evaluate(&hashes(2, 2), &TERMS, BEGIN), Err(Purse::Evaluations));
    assert_eq!(ledger.evaluate(&hashes(2, 1), &TERMS, BEGIN), Ok(()));
    assert_eq!(ledger.allowance(Purse::Evaluations, &TERMS, BEGIN).left, 0);
    assert_eq!(ledger.allowance(Purse::Quarter, &TERMS, BEGIN).left, 300);
}

#[test]
fn an_empty_purse_that_was_estimated_lets_nothing_through() {
    let terms = Terms { accounts: 40_000, ..TERMS };
    let mut ledger = Ledger::default();
    let numbers = hashes(1, 4_000);
    let answered = named_under(&terms, &mut ledger, &numbers, BEGIN);
    assert!(answered.abs_diff(2_000) < 100, "{answered}");
    // Nobody knows any more which these were, and most of any others would change nothing.
    for hash in &numbers[..500] {
        assert_eq!(ledger.spend(Naming::Check, *hash, &terms, BEGIN), Err(Purse::Day));
    }
}

#[test]
fn what_is_left_of_an_estimate_is_told_in_whole_per_cents() {
    let terms = Terms { accounts: 40_000, ..TERMS };
    let mut ledger = Ledger::default();
    let left = |ledger: &mut Ledger| ledger.allowance(Purse::Day, &terms, BEGIN).left;
    for (count, hash) in (1..).zip(hashes(1, 1_500)) {
        ledger.spend(Naming::Check, hash, &terms, BEGIN).unwrap();
        if count <= 512 {
            assert_eq!(left(&mut ledger), 2_000 - count);
        } else {
            assert_eq!(left(&mut ledger) % 20, 0);
        }
    }
}

#[test]
fn what_was_kept_is_learned_again_unless_it_is_too_old() {
    let mut ledger = Ledger::default();
    named(&mut ledger, &hashes(1, 10), BEGIN);
    ledger.evaluate(&hashes(2, 4), &TERMS, BEGIN).unwrap();
    let kept = ledger.to_keep();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(ledger.to_keep().is_empty(), "nothing has changed since");
    ledger.was_not_kept(&kept[0]);
    assert_eq!(ledger.to_keep().len(), 1);

    let left_after = |days: u32| {
        let mut other = Ledger::default();
        let now = BEGIN.plus(days * DAY);
        // In whatever order, and however often.
        for one in kept.iter().rev().chain(&kept) {
            other.learn(one, now);
        }
        assert!(other.to_keep().is_empty(), "it is kept already");
        Purse::ALL.iter().map(|purse| other.allowance(*purse, &TERMS, now).left).collect::<Vec<_>>()
    };
    assert_eq!(left_after(0), [0, 290, 296]);
    assert_eq!(left_after(1), [10, 290, 296]);
    assert_eq!(left_after(99), [10, 290, 296]);
    assert_eq!(left_after(100), [10, 300, 300]);
}

fn named(ledger: &mut Ledger, hashes: &[u64], now: Moment) -> u64 {
    named_under(&TERMS, ledger, hashes, now)
}

/// How many of these numbers could be named.
fn named_under(terms: &Terms, ledger: &mut Ledger, hashes: &[u64], now: Moment) -> u64 {
    hashes
        .iter()
        .map(|hash| u64::from(ledger.spend(Naming::Check, *hash, terms, now).is_ok()))
        .sum()
}
