//! What may be forgotten of a number: nothing that changes an answer, now or after whatever is said
//! later. Beside each number whose past is forgotten again and again stands one that remembers all.

use vacate::domain::duty::demand;
use vacate::domain::event::Statement;
use vacate::domain::policy::Policy;
use vacate::domain::reading::Reading;
use vacate::domain::retention::forgettable;
use vacate::domain::summary::{Summary, fold};
use vacate::domain::time::{DAY, Day, HOUR, Moment, Span, Stated};
use vacate::domain::verdict::{Coverage, Facts, NotCovered, Promise, Scope, judge};

use super::random::{CARRIERS, Random, Undoing, sealed, undoing};

const NUMBERS: usize = 24_000;

/// A number as it would be if nothing were forgotten, and as it is.
struct Number {
    policy: Policy,
    horizon: Moment,
    whole: Vec<Statement>,
    kept: Vec<Statement>,
}

#[test]
fn what_was_forgotten_is_missed_by_no_answer_whatever_is_said_later() {
    let mut random = Random::new(11);
    let (mut forgotten, mut kept_from_before) = (0, 0);
    for _ in 0..NUMBERS {
        let (whole, policy) = (random.set(9), random.policy());
        let kept = whole.clone();
        let mut number = Number { policy, horizon: Moment::ZERO, whole, kept };
        for _ in 0..3 {
            number.forget(&mut random);
            number.compare(&mut random);
            for _ in 0..random.below(5) {
                number.hear(&mut random);
            }
            number.compare(&mut random);
        }
        forgotten += number.whole.len() - number.kept.len();
        kept_from_before += number.kept.iter().filter(|it| number.is_before(it)).count();
    }
    assert!(forgotten > 2 * NUMBERS, "only {forgotten} were forgotten");
    assert!(kept_from_before > NUMBERS / 2, "only {kept_from_before} were needed still");
}

impl Number {
    /// Time passes, and what may go is forgotten.
    fn forget(&mut self, random: &mut Random) {
        let days = u32::try_from(random.below(40)).expect("a few days");
        self.horizon = self.horizon.plus(random.pick(&[days * DAY, days * DAY / 4, DAY]));
        let gone = forgettable(&self.kept, &self.policy, self.horizon);
        let kept = self.kept.iter().enumerate().filter(|(place, _)| !gone.contains(place));
        self.kept = kept.map(|(_, it)| it.clone()).collect();
    }

    /// A carrier says something more about the number, and it is accepted.
    fn hear(&mut self, random: &mut Random) {
        let carrier = random.pick(&CARRIERS);
        let id = self.whole.len();
        let said = if random.below(3) == 0 && !self.whole.is_empty() {
            let target = &self.whole[random.below(self.whole.len())];
            if target.carrier == carrier && self.is_before(target) {
                return;
            }
            let verb = if random.below(2) == 0 { Undoing::Retracted } else { Undoing::Reinstated };
            undoing(carrier, id, target, verb)
        } else {
            let stated = self.since_the_horizon(random);
            Statement { carrier, id: sealed(id), says: random.says(stated) }
        };
        self.whole.push(said.clone());
        self.kept.push(said);
    }

    /// A time that lies wholly behind the horizon, often just so.
    fn since_the_horizon(&self, random: &mut Random) -> Stated {
        let quarters = u32::try_from(random.below(80)).expect("twenty days");
        let moment = self.horizon.plus(quarters * 6 * HOUR);
        let day =
            Stated::On(Day::from_number(u16::try_from(moment.seconds() / DAY).expect("a day")));
        let exact = random.below(2) == 0 || self.lies_before(self.policy.span(day).lo);
        if exact { Stated::At(moment) } else { day }
    }

    fn lies_before(&self, moment: i64) -> bool {
        moment < self.horizon.on_axis()
    }

    /// Nothing about such a statement is accepted any more.
    fn is_before(&self, statement: &Statement) -> bool {
        let stated = statement.says.stated();
        stated.is_some_and(|stated| self.lies_before(self.policy.span(stated).hi))
    }

    fn compare(&self, random: &mut Random) {
        let (whole, kept) = (fold(&self.whole, &self.policy), fold(&self.kept, &self.policy));
        let place = || {
            let Number { policy, horizon, whole, kept } = self;
            format!("{horizon:?} {policy:?}\nwhole {whole:#?}\nkept {kept:#?}")
        };
        assert_eq!(kept.occupancy, whole.occupancy, "{}", place());
        let mut probes = random.probes(&whole, &self.policy);
        probes.extend(random.probes(&kept, &self.policy));
        let horizon = self.horizon.on_axis();
        let latest = horizon + i64::from(DAY) * i64::try_from(random.below(40)).expect("days");
        probes.extend([horizon - 1, horizon, latest].map(|at| Span { lo: at, hi: at }));
        probes.push(Span { lo: horizon - 1, hi: latest });
        probes.push(Span { lo: horizon, hi: latest });
        probes.retain(|verified| verified.lo >= 0 && random.below(3) == 0);
        for verified in probes {
            self.compare_one((&whole, &kept), verified, random, place);
        }
        let [all, left] = [&self.whole, &self.kept].map(|said| Reading::of(said, &self.policy));
        for statement in self.kept.iter().filter(|it| !self.is_before(it)) {
            let note = |reading: &Reading<'_>| reading.note(statement.carrier, &statement.id);
            assert_eq!(note(&left), note(&all), "{statement:?} {}", place());
        }
    }

    fn compare_one(
        &self,
        (whole, kept): (&Summary, &Summary),
        verified: Span,
        random: &mut Random,
        place: impl Fn() -> String,
    ) {
        let now = self.horizon.plus(u32::try_from(random.below(60)).expect("days") * DAY);
        let through = (random.below(2) == 0).then_some(now);
        let (whole, kept) = (self.facts(whole, through, now), self.facts(kept, through, now));
        let answer = |facts: &Facts| judge(facts, verified, NotCovered::StepUp);
        assert_eq!(answer(&kept), answer(&whole), "{verified:?} {now:?}\n{}", place());
        if !self.lies_before(verified.lo) {
            let demanded = |facts: &Facts| demand(facts, verified);
            assert_eq!(demanded(&kept), demanded(&whole), "{verified:?} {now:?}\n{}", place());
        }
    }

    /// In a calling code that is covered as a whole `through` a time, or where only holders promise.
    fn facts<'a>(
        &'a self,
        summary: &'a Summary,
        through: Option<Moment>,
        now: Moment,
    ) -> Facts<'a> {
        let promise = Promise { holds_since: Moment::ZERO, through: now };
        let coverage = Coverage {
            scope: through.map(|through| Scope { since: Moment::ZERO, through }),
            holder: summary.holder.map(|_| promise),
            retained_since: Some(self.horizon),
        };
        Facts { summary, coverage, dispute: None, policy: &self.policy, now }
    }
}
