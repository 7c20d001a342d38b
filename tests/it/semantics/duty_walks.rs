//! Random walks through everything that registry and app may do to one binding, in any order: what
//! is demanded is always what the facts say, and the app that keeps the highest revision knows it.

use vacate::domain::binding::{
    Acknowledged, Binding, Holder, Move, Moved, Placed, Proof, Put, Stored, put,
};
use vacate::domain::duty::{Demand, Duty, MessageType, Response, demand, recompute_at};
use vacate::domain::event::{ParticipantId, Says, SealedId, Statement};
use vacate::domain::policy::Policy;
use vacate::domain::summary::{Summary, fold};
use vacate::domain::time::{DAY, Moment, Stated};
use vacate::domain::verdict::{Answer, Coverage, Facts, NotCovered, OpenDispute, Scope, judge};

const WALKS: u64 = 20_000;
const STEPS: usize = 25;

#[test]
fn in_whatever_order_things_happen_the_last_message_is_the_present_demand() {
    for seed in 0..WALKS {
        let mut walk = Walk::begin(seed);
        for _ in 0..STEPS {
            let before = walk.stored;
            walk.step();
            walk.check(before);
        }
        walk.check_receiver();
    }
}

#[test]
fn between_now_and_the_next_timer_time_alone_changes_nothing() {
    for seed in 0..WALKS {
        let mut walk = Walk::begin(seed);
        for _ in 0..STEPS / 5 {
            walk.happens();
        }
        let verified = walk.day().into();
        let (number, now) = (walk.number, walk.now);
        let due = recompute_at(&walk.facts(number), verified).unwrap_or(now.plus(100 * DAY));
        let demanded = demand(&walk.facts(number), verified);
        for eighth in 0..8 {
            walk.now = now.plus(due.since(now) / 8 * eighth);
            assert_eq!(demand(&walk.facts(number), verified), demanded, "seed {seed}");
        }
    }
}

/// Two numbers, one account that may be bound to either, and the app's inbox.
struct Walk {
    random: u64,
    policy: Policy,
    statements: [Vec<Statement>; 2],
    summaries: [Summary; 2],
    disputes: [Option<OpenDispute>; 2],
    covered: bool,
    now: Moment,
    number: usize,
    stored: Stored,
    inbox: Vec<(u32, Demand)>,
}

impl Walk {
    fn begin(seed: u64) -> Walk {
        Walk {
            random: seed,
            policy: Policy {
                aging: 7 * DAY,
                detach_after: 7 * DAY,
                max_lag: 6 * DAY,
                ..Policy::default()
            },
            statements: [Vec::new(), Vec::new()],
            summaries: [Summary::default(); 2],
            disputes: [None, None],
            covered: true,
            now: Moment::from_seconds(20 * DAY),
            number: 0,
            stored: Stored::Nothing,
            inbox: Vec::new(),
        }
    }

    fn step(&mut self) {
        match self.below(4) {
            0 => {
                self.happens();
                self.recompute();
            }
            1 => self.now = self.now.plus(self.half_days(4)), // the timer is late
            2 => self.put(),
            _ => match self.below(8) {
                0 => self.remove(),
                _ => self.acknowledge(),
            },
        }
    }

    /// Something is said of a number, or time passes; the registry looks at what it concerns.
    fn happens(&mut self) {
        let number = self.below(2);
        match self.below(6) {
            0 => self.now = self.now.plus(self.half_days(12)),
            1 => self.covered = !self.covered,
            2 => {
                let (held_from, lapses_at) = (self.day(), self.now.plus(3 * DAY));
                let answer_by = (self.below(3) > 0).then(|| self.now.plus(7 * DAY));
                let opened =
                    (self.below(2) > 0).then_some(OpenDispute { held_from, lapses_at, answer_by });
                self.disputes[number] = opened;
            }
            _ => {
                let statement = self.statement(number);
                self.statements[number].push(statement);
                self.summaries[number] = fold(&self.statements[number], &self.policy);
            }
        }
    }

    fn statement(&mut self, number: usize) -> Statement {
        let (place, stated) = (self.statements[number].len(), Stated::At(self.day()));
        let says = match self.below(6) {
            0 | 1 => Says::Disconnected(stated),
            2 => Says::Reassigned(stated),
            3 => Says::Held(stated),
            _ => Says::Retracted { undoes: id(self.below(place + 1)) },
        };
        let carrier = if self.below(2) == 0 { ParticipantId(1) } else { ParticipantId(2) };
        Statement { carrier, id: id(place), says }
    }

    fn recompute(&mut self) {
        let Stored::SameNumber(binding) = self.stored else { return };
        let again = binding.duty.recomputed(&self.facts(self.number), binding.verified_at.into());
        self.store(Binding { duty: again.duty, ..binding }, again.message);
    }

    fn put(&mut self) {
        let number = self.below(2);
        let stored = match self.stored {
            Stored::SameNumber(binding) if number != self.number => Stored::OtherNumber(binding),
            Stored::Nothing
            | Stored::Removed(_)
            | Stored::SameNumber(_)
            | Stored::OtherNumber(_) => self.stored,
        };
        let sent =
            Put { verified_at: self.day(), holder: Some(self.holder()), proof: self.proof() };
        let before = self.unchanged();
        match put(stored, sent, &self.facts(number)) {
            Ok(Placed::Accepted(_, Moved { binding, message })) => {
                if let Stored::SameNumber(old) = stored {
                    assert!(binding.verified_at > old.verified_at);
                    assert!(sent.proof.is_some() || before && old.duty.demand == Demand::None);
                }
                self.number = number;
                self.store(binding, message);
            }
            Ok(Placed::Duplicate) | Err(_) => {}
        }
    }

    fn acknowledge(&mut self) {
        let Stored::SameNumber(binding) = self.stored else { return };
        let did = match self.below(4) {
            0 => Move::Frozen,
            1 => Move::Detached,
            2 => Move::Released,
            _ => Move::Verified { at: self.day(), proof: self.proof() },
        };
        let before = self.unchanged();
        let guard = Some(
            binding.duty.revision - u32::from(binding.duty.revision > 0 && self.below(9) == 0),
        );
        let outcome = binding.acknowledge(did, guard, &self.facts(self.number));
        let again = match outcome {
            Ok(Acknowledged::Accepted(moved)) => {
                assert_eq!(guard, Some(binding.duty.revision));
                if let Move::Verified { proof, .. } = did {
                    assert!(proof.is_some() || before && binding.duty.demand == Demand::None);
                    assert!(moved.binding.duty.demand < Demand::Freeze);
                    assert_eq!(moved.binding.duty.response, Response::None);
                } else {
                    assert_eq!(moved.binding.verified_at, binding.verified_at);
                }
                self.store(moved.binding, moved.message);
                moved.binding
            }
            Ok(Acknowledged::Duplicate) => binding,
            Err(_) => return,
        };
        let repeated = again.acknowledge(did, guard, &self.facts(self.number));
        assert_eq!(repeated, Ok(Acknowledged::Duplicate), "{did:?} after {outcome:?}");
    }

    fn remove(&mut self) {
        if let Stored::SameNumber(binding) = self.stored {
            self.stored = Stored::Removed(binding.duty.removed());
        }
    }

    fn store(&mut self, binding: Binding, message: Option<MessageType>) {
        if let Some(message) = message {
            assert_eq!(message, binding.duty.demand.message());
            self.inbox.push((binding.duty.revision, binding.duty.demand));
        }
        self.stored = Stored::SameNumber(binding);
    }

    /// What must hold after each step, whatever it was.
    fn check(&self, before: Stored) {
        let (Some(old), Some(new)) = (duty(before).or(Some(Duty::default())), duty(self.stored))
        else {
            return;
        };
        assert!((old.revision..=old.revision + 1).contains(&new.revision));
        let demanded = |level: Demand| new.demand >= level;
        assert_eq!(new.freeze_by.is_some(), demanded(Demand::Freeze));
        assert_eq!(new.detach_by.is_some(), demanded(Demand::Detach));
        assert_eq!(new.reason.is_some(), demanded(Demand::StepUp));
        if old.demand != new.demand {
            assert!(new.revision > old.revision, "{old:?} {new:?}");
        }
        if let (Stored::SameNumber(was), Stored::SameNumber(is)) = (before, self.stored)
            && was.verified_at == is.verified_at
            && old.demand >= Demand::Freeze
            && new.demand >= Demand::Freeze
        {
            assert_eq!(old.freeze_by, new.freeze_by);
        }
        if let Stored::SameNumber(binding) = self.stored {
            assert!(!new.open() || new.demand != Demand::None);
            let highest = self.inbox.iter().max();
            match highest {
                Some((revision, told)) if *revision == new.revision => {
                    assert_eq!(*told, new.demand);
                }
                Some((revision, _)) => {
                    assert!(*revision < new.revision && new.demand == Demand::None);
                }
                None => assert_eq!(binding.duty.demand, Demand::None),
            }
        }
    }

    /// An inbox in any order holds no revision twice, and its highest is the last that was sent.
    fn check_receiver(&mut self) {
        let last = self.inbox.last().copied();
        let mut arrived = self.inbox.clone();
        arrived.sort_by_key(|(revision, _)| revision.wrapping_mul(0x9e37_79b9) ^ 5);
        let mut kept: Option<(u32, Demand)> = None;
        for message in arrived {
            if kept.is_none_or(|kept| message.0 > kept.0) {
                kept = Some(message);
            }
        }
        assert_eq!(kept, last);
        self.inbox.dedup_by_key(|(revision, _)| *revision);
        assert!(self.inbox.is_sorted_by(|a, b| a.0 < b.0));
    }

    fn unchanged(&self) -> bool {
        let Stored::SameNumber(binding) = self.stored else { return false };
        let facts = self.facts(self.number);
        let verdict = judge(&facts, binding.verified_at.into(), NotCovered::Allow);
        verdict.answer == Answer::Unchanged
    }

    fn facts(&self, number: usize) -> Facts<'_> {
        let scope = Scope { since: Moment::ZERO, through: self.now };
        let coverage = Coverage { scope: self.covered.then_some(scope), ..Coverage::default() };
        let (summary, dispute) = (&self.summaries[number], self.disputes[number]);
        Facts { summary, coverage, dispute, policy: &self.policy, now: self.now }
    }

    /// Some half day until now.
    fn day(&mut self) -> Moment {
        Moment::ZERO.plus(self.half_days(self.now.seconds() / (DAY / 2) + 1))
    }

    fn half_days(&mut self, bound: u32) -> u32 {
        (0..bound).nth(self.below(bound as usize)).expect("below the bound") * (DAY / 2)
    }

    fn proof(&mut self) -> Option<Proof> {
        (self.below(2) == 0).then_some(Proof::Password)
    }

    fn holder(&mut self) -> Holder {
        if self.below(3) == 0 { Holder::Organisation } else { Holder::Person }
    }

    /// splitmix64
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("below a usize")
    }
}

fn id(place: usize) -> SealedId {
    SealedId(place.to_be_bytes().to_vec())
}

fn duty(stored: Stored) -> Option<Duty> {
    match stored {
        Stored::Nothing => None,
        Stored::Removed(duty) => Some(duty),
        Stored::SameNumber(binding) | Stored::OtherNumber(binding) => Some(binding.duty),
    }
}
