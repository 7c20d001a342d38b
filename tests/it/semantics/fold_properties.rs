//! The fold against a second, direct reading of the rules, and what must hold of it for every set
//! of statements. The sets are random and the same in each run.

use std::collections::BTreeSet;

use vacate::domain::duty::{Demand, demand};
use vacate::domain::event::{Note, ParticipantId, Says, SealedId, Statement};
use vacate::domain::policy::Policy;
use vacate::domain::reading::Reading;
use vacate::domain::summary::{Occupancy, Summary, fold};
use vacate::domain::time::{DAY, Day, HOUR, Moment, Span, Stated};
use vacate::domain::verdict::{
    Advice, Answer, Coverage, Facts, NotCovered, Reason, Scope, Verdict, judge,
};

use super::random::{CARRIERS, Kind, Random, Undoing, sealed, undoing};

#[test]
fn neither_order_nor_repetition_matters() {
    let mut random = Random::new(1);
    for _ in 0..30_000 {
        let (set, policy) = (random.set(7), random.policy());
        let mut other = set.clone();
        other.extend(set.iter().filter(|_| random.below(3) == 0).cloned());
        random.shuffle(&mut other);
        assert_eq!(fold(&other, &policy), fold(&set, &policy), "{set:?} {other:?}");
    }
}

#[test]
fn a_retraction_leaves_no_trace_but_the_version() {
    let mut random = Random::new(2);
    for _ in 0..20_000 {
        let (mut set, policy) = (random.set(6), random.policy());
        let target = random.statement(&[], 100);
        let without = fold(&set, &policy);
        set.push(target.clone());
        set.push(undoing(target.carrier, 101, &target, Undoing::Retracted));
        random.shuffle(&mut set);
        assert_eq!(fold(&set, &policy), Summary { version: without.version + 2, ..without });
    }
}

#[test]
fn a_reinstatement_undoes_a_disconnect_and_nothing_else() {
    let mut random = Random::new(3);
    for _ in 0..10_000 {
        let (mut set, policy) = (random.set(5), random.policy());
        let target = random.statement(&[], 100);
        let without = fold(&set, &policy);
        set.push(target.clone());
        let with = fold(&set, &policy);
        set.push(undoing(target.carrier, 101, &target, Undoing::Reinstated));
        let ended = matches!(target.says, Says::Disconnected(_));
        let expected = if ended { without } else { with };
        assert_eq!(fold(&set, &policy), Summary { version: without.version + 2, ..expected });
    }
}

#[test]
fn nobody_undoes_what_another_carrier_said() {
    let mut random = Random::new(4);
    for _ in 0..10_000 {
        let (mut set, policy) = (random.set(6), random.policy());
        let before = fold(&set, &policy);
        for (place, target) in set.clone().iter().enumerate() {
            let stranger = ParticipantId(target.carrier.0 % 3 + 1);
            let verb = if random.below(2) == 0 { Undoing::Retracted } else { Undoing::Reinstated };
            set.push(undoing(stranger, 100 + place, target, verb));
        }
        let after = fold(&set, &policy);
        assert_eq!(Summary { version: before.version, ..after }, before, "{set:?}");
    }
}

#[test]
fn the_version_counts_distinct_statements_and_the_thresholds_are_in_order() {
    let mut random = Random::new(5);
    for _ in 0..10_000 {
        let (set, policy) = (random.set(7), random.policy());
        for end in 0..=set.len() {
            let summary = fold(&set[..end], &policy);
            assert_eq!(summary.version as usize, end);
            assert!(summary.detach_before <= summary.freeze_before, "{set:?}");
            assert!(summary.freeze_before <= summary.changed_before, "{set:?}");
            assert!(summary.changed_before <= summary.clear_from, "{set:?}");
            assert_eq!(summary.holder.is_some(), summary.held_since.is_some());
        }
    }
}

#[test]
fn three_thresholds_answer_as_a_direct_reading_does_for_every_date() {
    compare_with_a_direct_reading(&mut Random::new(6), 40_000, 6);
}

#[test]
fn what_much_was_said_of_is_read_as_directly() {
    compare_with_a_direct_reading(&mut Random::new(8), 800, 40);
}

fn compare_with_a_direct_reading(random: &mut Random, sets: usize, size_max: usize) {
    for _ in 0..sets {
        let (set, policy) = (random.set(size_max), random.policy());
        let (summary, direct) = (fold(&set, &policy), Direct::read(&set, &policy));
        let probes = random.probes(&summary, &policy);
        for verified in probes {
            let now = random.moment().plus(40 * DAY);
            let (expected, demanded) = direct.answer(verified, now, &policy);
            let scope = Some(Scope { since: Moment::ZERO, through: now });
            let coverage = Coverage { scope, ..Coverage::default() };
            let facts = Facts { summary: &summary, coverage, dispute: None, policy: &policy, now };
            let place = || format!("{set:?} {policy:?} {verified:?} {now:?} {summary:?}");
            assert_eq!(demand(&facts, verified).0, demanded, "{}", place());
            if verified.lo <= now.on_axis() {
                assert_eq!(judge(&facts, verified, NotCovered::StepUp), expected, "{}", place());
            }
        }
        direct.compare_the_rest(&set, &summary, &policy);
    }
}

#[test]
fn who_began_in_between_is_found_among_days_and_instants() {
    let (day, at) = (
        |number: u16| Stated::On(Day::from_number(number)),
        |hours: u32| Stated::At(Moment::from_seconds(hours * HOUR)),
    );
    let between = [
        // Lost on a day and given on the next; an instant that may be earlier comes later by `lo`.
        [Says::Disconnected(day(100)), Says::Reassigned(day(101)), Says::Reassigned(at(2_424))],
        // Lost and given on at instants within the day of another report.
        [Says::Disconnected(at(2_424)), Says::Reassigned(day(101)), Says::Reassigned(at(2_430))],
    ];
    for says in between {
        let says = says.into_iter().chain([Says::Reassigned(day(160))]).enumerate();
        let set: Vec<_> = says
            .map(|(id, says)| Statement { carrier: CARRIERS[0], id: sealed(id), says })
            .collect();
        let policy = Policy::default();
        assert_eq!(
            Reading::of(&set, &policy).note(set[3].carrier, &set[3].id),
            Some(Note::Uncorroborated)
        );
    }
}

#[test]
fn a_hostile_carrier_cannot_make_the_fold_quadratic() {
    let mut random = Random::new(7);
    let set: Vec<_> = (0..100_000).map(|place| random.statement(&[], place)).collect();
    // Some 10^7 steps. A quadratic rule would take 10^10 and more.
    assert_eq!(fold(&set, &random.policy()).version, 100_000);
}

// The direct reading: every rule as it stands in docs/semantics.md, one statement and one moment at
// a time, without thresholds.

#[derive(Clone, Debug)]
struct Said {
    carrier: i32,
    id: Vec<u8>,
    kind: Kind,
    lo: i64,
    hi: i64,
}

/// What one statement makes of one moment, until when, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Doubt {
    level: u8,
    until: i64,
    reason: Reason,
}

const CANNOT_TELL: u8 = 1;
const CHANGED: u8 = 2;
const LOST: u8 = 3;
const TAKEN: u8 = 4;

struct Direct {
    living: Vec<Said>,
    own_only: BTreeSet<i32>,
    aging: i64,
    tol: i64,
}

impl Direct {
    fn read(set: &[Statement], policy: &Policy) -> Direct {
        let dead = |it: &Statement| {
            set.iter().filter(|by| by.carrier == it.carrier).any(|by| match &by.says {
                Says::Retracted { undoes } => *undoes == it.id,
                Says::Reinstated { undoes } => {
                    *undoes == it.id && matches!(it.says, Says::Disconnected(_))
                }
                Says::Disconnected(_)
                | Says::Reassigned(_)
                | Says::Held(_)
                | Says::PortedOut(_) => false,
            })
        };
        let living = set.iter().filter(|it| !dead(it)).filter_map(|it| {
            let (kind, stated) = match it.says {
                Says::Disconnected(stated) => (Kind::Disconnected, stated),
                Says::Reassigned(stated) => (Kind::Reassigned, stated),
                Says::Held(stated) => (Kind::Held, stated),
                Says::PortedOut(stated) => (Kind::PortedOut, stated),
                Says::Reinstated { .. } | Says::Retracted { .. } => return None,
            };
            let (lo, hi) = match stated {
                Stated::At(moment) => (i64::from(moment.seconds()), i64::from(moment.seconds())),
                Stated::On(day) => (
                    i64::from(day.number()) * 86_400 - policy.zone_first.seconds_east(),
                    i64::from(day.number()) * 86_400 + 86_400 - policy.zone_last.seconds_east(),
                ),
            };
            Some(Said { carrier: it.carrier.0, id: it.id.0.clone(), kind, lo, hi })
        });
        Direct {
            living: living.collect(),
            own_only: policy.own_only.iter().map(|it| it.0).collect(),
            aging: i64::from(policy.aging),
            tol: i64::from(policy.tolerance),
        }
    }

    fn of(&self, kinds: &'static [Kind]) -> impl Iterator<Item = &Said> {
        self.living.iter().filter(|it| kinds.contains(&it.kind))
    }

    fn begins(&self) -> impl Iterator<Item = &Said> {
        self.of(&[Kind::Reassigned, Kind::Held])
    }

    fn ends(&self) -> impl Iterator<Item = &Said> {
        self.of(&[Kind::Disconnected, Kind::PortedOut])
    }

    fn vouches_across(&self, h: &Said, x: &Said) -> bool {
        let own_ends = || self.ends().filter(|e| e.carrier == h.carrier && !before(e, h));
        h.carrier != x.carrier && h.hi < x.lo && own_ends().all(|e| e.lo > x.hi)
    }

    fn contested(&self, x: &Said) -> bool {
        if self.of(&[Kind::Held]).any(|h| self.vouches_across(h, x)) {
            return x.kind == Kind::Disconnected || !self.sure(x);
        }
        x.kind == Kind::Disconnected
            && self.of(&[Kind::Held]).any(|h| {
                h.lo < x.hi + self.aging
                    && (before(x, h) || h.carrier != x.carrier && h.hi >= x.lo)
                    && !self.of(&[Kind::Reassigned]).any(|r| before(x, r) && r.lo <= h.hi)
            })
    }

    fn weak(&self, d: &Said) -> bool {
        self.own_only.contains(&d.carrier)
            && !self.contested(d)
            && !self.begins().any(|b| b.carrier == d.carrier && before(b, d))
    }

    fn solid(&self) -> impl Iterator<Item = &Said> {
        self.of(&[Kind::Disconnected]).filter(|d| !self.contested(d) && !self.weak(d))
    }

    fn sure(&self, r: &Said) -> bool {
        self.solid().any(|d| {
            before(d, r)
                && d.lo + self.aging <= r.hi
                && d.hi + self.tol <= r.lo
                && !self.begins().any(|b| before(d, b) && before(b, r))
        })
    }

    fn end(&self, d: &Said) -> i64 {
        let reassigned = self.of(&[Kind::Reassigned]).filter(|r| before(d, r));
        reassigned.map(|r| r.lo - self.tol).fold(d.hi + self.aging, i64::min)
    }

    fn followed(&self, d: &Said) -> bool {
        self.of(&[Kind::Reassigned]).any(|r| before(d, r))
            || self.begins().any(|b| b.lo >= d.hi + self.aging)
            || self.solid().any(|other| other.lo >= d.hi + self.aging)
    }

    /// All that all statements make of any moment; one counts for the moments before its `until`.
    fn doubts(&self) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut add = |level, until, reason| doubts.push(Doubt { level, until, reason });
        for r in self.of(&[Kind::Reassigned]) {
            if self.sure(r) {
                add(TAKEN, r.lo - self.tol, Reason::Reassigned);
                add(CANNOT_TELL, r.lo, Reason::TooClose);
            } else if self.contested(r) {
                add(CANNOT_TELL, r.hi + self.tol, Reason::Contested);
            } else {
                add(CHANGED, r.lo - self.tol, Reason::Uncorroborated);
                add(CANNOT_TELL, r.hi + self.tol, Reason::TooClose);
            }
        }
        for d in self.of(&[Kind::Disconnected]) {
            let over = self.end(d).max(d.hi + self.tol);
            if self.contested(d) {
                add(CANNOT_TELL, over, Reason::Contested);
            } else if self.weak(d) {
                add(CHANGED, d.lo - self.tol, Reason::Uncorroborated);
                add(CANNOT_TELL, over, Reason::Uncorroborated);
            } else {
                let lost = if self.followed(d) {
                    (TAKEN, Reason::Reassigned)
                } else {
                    (LOST, Reason::Disconnected)
                };
                add(lost.0, d.lo - self.tol, lost.1);
                add(CHANGED, self.end(d), Reason::VerifiedInAging);
            }
        }
        doubts
    }

    /// The answer in a calling code that is fully and freshly covered, and the demand.
    fn answer(&self, verified: Span, now: Moment, policy: &Policy) -> (Verdict, Demand) {
        let doubts = self.doubts();
        let worst = |moment: i64| {
            let there = doubts.iter().filter(|doubt| moment < doubt.until.max(0));
            there.copied().max().unwrap_or(Doubt { level: 0, until: 0, reason: Reason::NoChange })
        };
        let (first, last) = (worst(verified.lo), worst(verified.hi));
        let quiet = if doubts.iter().all(|doubt| doubt.until <= 0) {
            Reason::NoChange
        } else {
            Reason::VerifiedAfterChange
        };
        let (advice, answer, reason) = match (last.level, first.level) {
            (LOST | TAKEN, _) => (Advice::Freeze, Answer::Changed, last.reason),
            (CHANGED, _) => (Advice::StepUp, Answer::Changed, last.reason),
            (_, CHANGED..) => (Advice::StepUp, Answer::CannotTell, Reason::TooClose),
            (_, CANNOT_TELL) => (Advice::StepUp, Answer::CannotTell, first.reason),
            _ => (Advice::Allow, Answer::Unchanged, quiet),
        };
        let aged = self.detach_from(policy).is_some_and(|from| from <= now.on_axis());
        let demand = match advice {
            Advice::Freeze if last.level == TAKEN || aged => Demand::Detach,
            Advice::Freeze => Demand::Freeze,
            Advice::StepUp => Demand::StepUp,
            Advice::Allow => Demand::None,
        };
        (Verdict { advice, answer, reason }, demand)
    }

    /// When the earliest loss after which nobody followed turns into `detach`: of those that a
    /// taken number does not explain already.
    fn detach_from(&self, policy: &Policy) -> Option<i64> {
        let doubts = self.doubts();
        let taken = doubts.iter().filter(|doubt| doubt.level == TAKEN).map(|doubt| doubt.until);
        let taken = taken.max().unwrap_or(0).max(0);
        let unexplained = self.solid().filter(|d| d.lo - self.tol > taken);
        unexplained.map(|d| d.hi + i64::from(policy.detach_after)).min()
    }

    fn compare_the_rest(&self, set: &[Statement], summary: &Summary, policy: &Policy) {
        let stands = |h: &&Said| {
            self.begins().filter(|b| b.carrier != h.carrier).all(|b| before(b, h))
                && self.ends().filter(|e| e.carrier == h.carrier).all(|e| before(e, h))
                && self.of(&[Kind::Disconnected]).all(|d| before(d, h))
        };
        let held: Vec<_> = self.of(&[Kind::Held]).filter(stands).collect();
        assert!(held.iter().all(|h| h.carrier == held[0].carrier));
        assert_eq!(summary.holder.map(|it| it.0), held.first().map(|h| h.carrier));
        let since = held.iter().map(|h| h.hi).min();
        assert_eq!(summary.held_since.map(Moment::on_axis), since);
        assert_eq!(summary.detach_from.map(Moment::on_axis), self.detach_from(policy));

        let vacant = self.solid().any(|d| !self.begins().any(|b| before(d, b)));
        let in_service = self
            .begins()
            .any(|b| !self.ends().any(|end| end.carrier == b.carrier && !before(end, b)));
        let occupancy = match (vacant, in_service) {
            (true, _) => Occupancy::Vacant,
            (false, true) => Occupancy::InService,
            (false, false) => Occupancy::Unknown,
        };
        assert_eq!(summary.occupancy, occupancy, "{set:?}");

        let reading = Reading::of(set, policy);
        for statement in set {
            let told = reading.note(statement.carrier, &statement.id);
            assert_eq!(told, self.note(set, statement), "{set:?} {statement:?}");
        }
    }

    fn note(&self, set: &[Statement], of: &Statement) -> Option<Note> {
        let own = || set.iter().filter(|it| it.carrier == of.carrier);
        let undone = |undoes: &SealedId, can: fn(&Says) -> bool| {
            let found = own().any(|it| it.id == *undoes && can(&it.says));
            if found { None } else { Some(Note::NamesNothing) }
        };
        match &of.says {
            Says::Retracted { undoes } => undone(undoes, |target| target.stated().is_some()),
            Says::Reinstated { undoes } => {
                undone(undoes, |target| matches!(target, Says::Disconnected(_)))
            }
            Says::Held(_) | Says::PortedOut(_) => None,
            Says::Disconnected(_) | Says::Reassigned(_) => {
                let same = |it: &&Said| it.carrier == of.carrier.0 && it.id == of.id.0;
                let it = self.living.iter().find(same)?;
                let given = it.kind == Kind::Reassigned;
                if self.contested(it) {
                    return Some(Note::Contested);
                }
                let alone = if given { !self.sure(it) } else { self.weak(it) };
                alone.then_some(Note::Uncorroborated)
            }
        }
    }
}

fn before(x: &Said, y: &Said) -> bool {
    x.lo < y.lo && x.hi < y.hi
}
