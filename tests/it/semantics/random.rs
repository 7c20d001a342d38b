//! Random sets of statements, on a grid of times that often meet exactly, the same in each run.

use vacate::domain::event::{ParticipantId, Says, SealedId, Statement};
use vacate::domain::policy::{Policy, Zone};
use vacate::domain::summary::Summary;
use vacate::domain::time::{DAY, Day, HOUR, Moment, Span, Stated};

pub const CARRIERS: [ParticipantId; 3] = [ParticipantId(1), ParticipantId(2), ParticipantId(3)];
const KINDS: [Kind; 4] = [Kind::Disconnected, Kind::Reassigned, Kind::Held, Kind::PortedOut];

/// What a statement with a time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Disconnected,
    Reassigned,
    Held,
    PortedOut,
}

/// How a statement undoes another.
pub enum Undoing {
    Retracted,
    Reinstated,
}

pub fn undoing(carrier: ParticipantId, id: usize, target: &Statement, verb: Undoing) -> Statement {
    let undoes = target.id.clone();
    let says = match verb {
        Undoing::Retracted => Says::Retracted { undoes },
        Undoing::Reinstated => Says::Reinstated { undoes },
    };
    Statement { carrier, id: sealed(id), says }
}

pub fn sealed(id: usize) -> SealedId {
    SealedId(id.to_be_bytes().to_vec())
}

/// splitmix64, and for how many days its times spread.
pub struct Random {
    state: u64,
    days: usize,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed, days: 24 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    /// Some sets are crowded, so that spans overlap in every way.
    pub fn set(&mut self, size_max: usize) -> Vec<Statement> {
        self.days = self.pick(&[24, 24, 6, 3]);
        let mut set = Vec::new();
        for place in 0..self.below(size_max + 1) {
            let statement = self.statement(&set, place);
            set.push(statement);
        }
        set
    }

    /// One in five undoes an earlier one, its own or another's.
    pub fn statement(&mut self, earlier: &[Statement], id: usize) -> Statement {
        let carrier = self.pick(&CARRIERS);
        if !earlier.is_empty() && self.below(5) == 0 {
            let target = &earlier[self.below(earlier.len())];
            let verb = if self.below(2) == 0 { Undoing::Retracted } else { Undoing::Reinstated };
            return undoing(carrier, id, target, verb);
        }
        let stated = self.stated();
        Statement { carrier, id: sealed(id), says: self.says(stated) }
    }

    pub fn says(&mut self, stated: Stated) -> Says {
        match self.pick(&KINDS) {
            Kind::Disconnected => Says::Disconnected(stated),
            Kind::Reassigned => Says::Reassigned(stated),
            Kind::Held => Says::Held(stated),
            Kind::PortedOut => Says::PortedOut(stated),
        }
    }

    pub fn stated(&mut self) -> Stated {
        if self.below(2) == 0 {
            return Stated::At(self.moment());
        }
        Stated::On(Day::from_number(u16::try_from(self.below(self.days)).expect("24 days")))
    }

    /// Within the first days of the axis, so that some thresholds fall below zero.
    pub fn moment(&mut self) -> Moment {
        let quarter = u32::try_from(self.below(4 * self.days)).expect("24 days");
        let moment = Moment::from_seconds(quarter * 6 * HOUR);
        match self.below(4) {
            0 => moment.plus(HOUR),
            1 => Moment::from_axis(moment.on_axis() - i64::from(HOUR)),
            _ => moment,
        }
    }

    pub fn policy(&mut self) -> Policy {
        let zones = [("+14:00", "-12:00"), ("+05:00", "+05:00"), ("+01:00", "-01:00")];
        let (first, last) = self.pick(&zones);
        let zone = |text: &str| text.parse::<Zone>().expect("a zone");
        let own_only = CARRIERS.into_iter().filter(|_| self.below(3) == 0).collect();
        // A day is less than a policy may have; it makes aging end inside a day-only span.
        Policy {
            aging: self.pick(&[7 * DAY, 7 * DAY, DAY]),
            max_lag: 6 * DAY,
            tolerance: self.pick(&[HOUR, HOUR, HOUR, 0]),
            detach_after: self.pick(&[7 * DAY, 9 * DAY]),
            zone_first: zone(first),
            zone_last: zone(last),
            own_only,
            ..Policy::default()
        }
    }

    /// Dates of verification: at each threshold and a second before it, and anywhere; days as well.
    pub fn probes(&mut self, summary: &Summary, policy: &Policy) -> Vec<Span> {
        let mut probes = vec![policy.span(self.stated()), policy.span(self.stated())];
        for threshold in [
            summary.freeze_before,
            summary.changed_before,
            summary.clear_from,
            summary.detach_before,
        ] {
            let at = threshold.on_axis();
            probes.push(Span { lo: at, hi: at });
            probes.push(Span { lo: at - 1, hi: at - 1 });
            probes.push(Span { lo: at - 1, hi: at + self.pick(&[0, 86_400]) });
        }
        probes.retain(|verified| verified.lo >= 0);
        probes
    }
}
