//! Who is believed: what the living statements of one number say of one another.
//!
//! Each rule carries its letter in docs/semantics.md, and the life of a number that forbids the
//! simpler rule. Every rule is a predicate on the set of statements; none looks at the order in
//! which they came. Each is asked of sorted spans, by halving: to read n statements takes O(n log n) steps
//! for each carrier that speaks of the number.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Note, ParticipantId, Says, SealedId, Statement};
use super::policy::Policy;
use super::spans::Spans;
use super::time::{Span, Stated};

/// All accepted statements of one number, the living ones sorted by what they say and weighed.
pub struct Reading<'a> {
    pub(super) policy: &'a Policy,
    pub(super) statements: Statements<'a>,
    pub(super) disconnects: Vec<Disconnect<'a>>,
    pub(super) reassigns: Vec<Reassign<'a>>,
    disconnected: Spans,
    reassigned: Spans,
    /// The disconnects that are neither contested nor weak.
    pub(super) solid: Spans,
    /// Every `reassigned` and `held`.
    begins: Spans,
    begins_of: ByCarrier,
    /// Every `disconnected` and `ported_out`.
    ends_of: ByCarrier,
    holds_of: ByCarrier,
}

type Statements<'a> = BTreeMap<(ParticipantId, &'a SealedId), &'a Says>;
type ByCarrier = BTreeMap<ParticipantId, Spans>;

/// Who says it, and for when.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub carrier: ParticipantId,
    pub span: Span,
}

pub(super) struct Disconnect<'a> {
    id: &'a SealedId,
    pub said: Said,
    /// The earliest `lo` of a `reassigned` that it is before.
    next_person: Option<i64>,
    pub standing: Standing,
}

/// How far a `disconnected` is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Solid,
    /// The number never began with this carrier, who is believed about its own only.
    Weak,
    Contested,
}

pub(super) struct Reassign<'a> {
    id: &'a SealedId,
    pub said: Said,
    pub backing: Backing,
}

/// How far a `reassigned` is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Backing {
    /// A disconnect and full aging stand before it.
    Sure,
    Unsure,
    Contested,
}

impl<'a> Reading<'a> {
    /// Reads a set of statements. One that is there twice counts once.
    pub fn of(
        statements: impl IntoIterator<Item = &'a Statement>,
        policy: &'a Policy,
    ) -> Reading<'a> {
        let statements = statements.into_iter().map(|it| ((it.carrier, &it.id), &it.says));
        let statements: Statements<'a> = statements.collect();
        let (mut disconnects, mut reassigns) = (Vec::new(), Vec::new());
        let (mut begins, mut ends, mut holds) = (Vec::new(), Vec::new(), Vec::new());
        for ((carrier, id), says) in living(&statements) {
            let said = |stated: &Stated| Said { carrier, span: policy.span(*stated) };
            match says {
                Says::Disconnected(stated) => {
                    let (said, standing) = (said(stated), Standing::Solid);
                    disconnects.push(Disconnect { id, said, next_person: None, standing });
                    ends.push(said);
                }
                Says::Reassigned(stated) => {
                    let said = said(stated);
                    reassigns.push(Reassign { id, said, backing: Backing::Unsure });
                    begins.push(said);
                }
                Says::Held(stated) => {
                    holds.push(said(stated));
                    begins.push(said(stated));
                }
                Says::PortedOut(stated) => ends.push(said(stated)),
                Says::Reinstated { .. } | Says::Retracted { .. } => {}
            }
        }
        let mut reading = Reading {
            policy,
            statements,
            disconnected: disconnects.iter().map(|it| it.said.span).collect(),
            reassigned: reassigns.iter().map(|it| it.said.span).collect(),
            disconnects,
            reassigns,
            solid: Spans::default(),
            begins: begins.iter().map(|said| said.span).collect(),
            begins_of: by_carrier(begins),
            ends_of: by_carrier(ends),
            holds_of: by_carrier(holds),
        };
        reading.weigh_disconnects();
        reading.weigh_reassigns();
        reading
    }

    /// What to tell a carrier of one of its statements. Nothing, if it was undone.
    pub fn note(&self, carrier: ParticipantId, id: &SealedId) -> Option<Note> {
        let key = (carrier, id);
        match self.statements.get(&key)? {
            Says::Disconnected(_) => {
                let found =
                    self.disconnects.binary_search_by_key(&key, |it| (it.said.carrier, it.id));
                match self.disconnects[found.ok()?].standing {
                    Standing::Solid => None,
                    Standing::Weak => Some(Note::Uncorroborated),
                    Standing::Contested => Some(Note::Contested),
                }
            }
            Says::Reassigned(_) => {
                let found =
                    self.reassigns.binary_search_by_key(&key, |it| (it.said.carrier, it.id));
                match self.reassigns[found.ok()?].backing {
                    Backing::Sure => None,
                    Backing::Unsure => Some(Note::Uncorroborated),
                    Backing::Contested => Some(Note::Contested),
                }
            }
            Says::Held(_) | Says::PortedOut(_) => None,
            Says::Reinstated { undoes } => match self.statements.get(&(carrier, undoes)) {
                Some(Says::Disconnected(_)) => None,
                _ => Some(Note::NamesNothing),
            },
            Says::Retracted { undoes } => match self.statements.get(&(carrier, undoes)) {
                Some(target) if target.undoes().is_none() => None,
                _ => Some(Note::NamesNothing),
            },
        }
    }

    /// [C] Only `held` contests. If a `reassigned` did too: A says `reassigned`, the number is
    /// ported to B, which nobody must report, and the true disconnect by B would not freeze.
    ///
    /// [S] A carrier with `own_only` must have said that the number began with it.
    fn weigh_disconnects(&mut self) {
        let mut disconnects = std::mem::take(&mut self.disconnects);
        for disconnect in &mut disconnects {
            let said = disconnect.said;
            let given_on = self.reassigned.first_after(|given| !said.span.before(given));
            disconnect.next_person = given_on.map(|given| given.lo).min();
            disconnect.standing =
                if self.is_vouched_across(said) || self.is_held_in_aging(disconnect) {
                    Standing::Contested
                } else if self.policy.own_only.contains(&said.carrier) && !self.began_before(said) {
                    Standing::Weak
                } else {
                    Standing::Solid
                };
        }
        let solid = disconnects.iter().filter(|it| it.standing == Standing::Solid);
        self.solid = solid.map(|disconnect| disconnect.said.span).collect();
        self.disconnects = disconnects;
    }

    /// [K] A `reassigned` is sure if a solid disconnect lies a full aging before it and nobody
    /// began in between. Of any carrier: the one who disconnects and the one who reassigns differ
    /// after a port. If every `reassigned` froze, a direct transfer from a company to its employee
    /// would freeze the innocent.
    fn weigh_reassigns(&mut self) {
        let mut reassigns = std::mem::take(&mut self.reassigns);
        for reassign in &mut reassigns {
            reassign.backing = if self.is_aged(reassign.said.span) {
                Backing::Sure
            } else if self.is_vouched_across(reassign.said) {
                Backing::Contested
            } else {
                Backing::Unsure
            };
        }
        self.reassigns = reassigns;
    }

    /// [K] If any begin lies between a disconnect and `given`, one of the last before `given` does;
    /// and if any disconnect is old enough and has none, one of the last that are old enough has none.
    fn is_aged(&self, given: Span) -> bool {
        let (aging, tolerance) = (i64::from(self.policy.aging), i64::from(self.policy.tolerance));
        let begun: Vec<Span> = self.begins.last_while(|begin| begin.before(given)).collect();
        let mut old_enough = self.solid.last_while(|lost| {
            lost.before(given) && lost.lo + aging <= given.hi && lost.hi + tolerance <= given.lo
        });
        old_enough.any(|lost| !begun.iter().any(|begin| lost.before(*begin)))
    }

    /// [C] Whether a `held` of another carrier vouches that its subscriber kept the number. A
    /// vouch never reaches back over a port: a silent third may have had it in between. Later ones
    /// vouch for longer.
    fn is_vouched_across(&self, said: Said) -> bool {
        let others = self.holds_of.iter().filter(|(carrier, _)| **carrier != said.carrier);
        others.into_iter().any(|(carrier, holds)| {
            holds.last_while(|hold| hold.hi < said.span.lo).any(|hold| {
                let vouched_until = self.end_after(*carrier, hold);
                vouched_until.is_none_or(|until| until > said.span.hi)
            })
        })
    }

    /// The earliest `lo` of an end of this carrier's that isn't before its `hold`.
    fn end_after(&self, carrier: ParticipantId, hold: Span) -> Option<i64> {
        let ends = self.ends_of.get(&carrier)?;
        ends.first_after(|end| end.before(hold)).map(|end| end.lo).min()
    }

    /// [C] Whether a `held` begins while the number should age, so that the disconnect was a port
    /// or an error, and no `reassigned` says that it is a new person.
    fn is_held_in_aging(&self, disconnect: &Disconnect) -> bool {
        let Said { carrier, span: lost } = disconnect.said;
        let aged = lost.hi + i64::from(self.policy.aging);
        self.holds_of.iter().any(|(by, holds)| {
            let too_early = |held: Span| {
                if *by == carrier { !lost.before(held) } else { held.hi < lost.lo }
            };
            holds.first_after(too_early).any(|held| {
                held.lo < aged && disconnect.next_person.is_none_or(|next| next > held.hi)
            })
        })
    }

    fn began_before(&self, end: Said) -> bool {
        let own = self.begins_of.get(&end.carrier);
        own.is_some_and(|own| own.last_while(|begin| begin.before(end.span)).next().is_some())
    }

    /// Whether it was lost and nobody began after that.
    pub(super) fn is_vacant(&self) -> bool {
        self.solid.latest().any(|lost| !self.begins.latest().any(|begin| lost.before(begin)))
    }

    /// The carriers with whom it began.
    pub(super) fn began(&self) -> impl Iterator<Item = ParticipantId> {
        self.begins_of.keys().copied()
    }

    /// The carriers with a begin that they have not ended.
    pub(super) fn serving(&self) -> impl Iterator<Item = ParticipantId> {
        self.unended(&self.begins_of)
    }

    /// The carriers with a `held` that they have not ended.
    pub(super) fn vouching(&self) -> impl Iterator<Item = ParticipantId> {
        self.unended(&self.holds_of)
    }

    fn unended<'s>(&'s self, begun: &'s ByCarrier) -> impl Iterator<Item = ParticipantId> + 's {
        let lasts = |carrier, begin| self.ends_of_are_before(carrier, begin);
        let all = begun.iter();
        all.filter(move |(by, begun)| begun.latest().any(|begin| lasts(**by, begin)))
            .map(|(by, _)| *by)
    }

    fn ends_of_are_before(&self, carrier: ParticipantId, begin: Span) -> bool {
        let own = self.ends_of.get(&carrier);
        own.is_none_or(|own| own.latest().all(|end| end.before(begin)))
    }

    /// [A] Until when the number is in nobody's hands. By time too, not by `reassigned` alone:
    /// where nobody ever says that, the new owner would be stepped up for ever.
    pub(super) fn aging_ends(&self, disconnect: &Disconnect) -> i64 {
        let aged = disconnect.said.span.hi + i64::from(self.policy.aging);
        let next = disconnect.next_person.map(|next| next - i64::from(self.policy.tolerance));
        next.map_or(aged, |next| next.min(aged))
    }

    /// [G] Whether somebody surely had the number after this disconnect.
    pub(super) fn is_followed(&self, disconnect: &Disconnect) -> bool {
        let aged = disconnect.said.span.hi + i64::from(self.policy.aging);
        disconnect.next_person.is_some()
            || self.begins.latest().any(|begin| begin.lo >= aged)
            || self.solid.latest().any(|other| other.lo >= aged)
    }

    /// [V] The `held` that stand: whatever else was said of the number is before them. A question
    /// to each `held`, since "the newest begin" of two carriers at one time would depend on order.
    pub(super) fn standing_holds(&self) -> impl Iterator<Item = Said> {
        let all = self.holds_of.iter();
        let all = all
            .flat_map(|(carrier, holds)| holds.iter().map(|span| Said { carrier: *carrier, span }));
        all.filter(|held| self.stands(*held))
    }

    fn stands(&self, Said { carrier, span }: Said) -> bool {
        let mut others = self.begins_of.iter().filter(|(by, _)| **by != carrier);
        others.all(|(_, begins)| begins.latest().all(|begin| begin.before(span)))
            && self.ends_of_are_before(carrier, span)
            && self.disconnected.latest().all(|lost| lost.before(span))
    }
}

/// [W] A statement is dead if a `retracted` of the same carrier names it, or it is a
/// `disconnected` and a `reinstated` does. Undoing is never undone.
fn living<'a, 's>(
    statements: &'s Statements<'a>,
) -> impl Iterator<Item = ((ParticipantId, &'a SealedId), &'a Says)> + use<'a, 's> {
    let (mut retracted, mut reinstated) = (BTreeSet::new(), BTreeSet::new());
    for ((carrier, _), says) in statements {
        match says {
            Says::Retracted { undoes } => drop(retracted.insert((*carrier, undoes))),
            Says::Reinstated { undoes } => drop(reinstated.insert((*carrier, undoes))),
            Says::Disconnected(_) | Says::Reassigned(_) | Says::Held(_) | Says::PortedOut(_) => {}
        }
    }
    statements.iter().map(|(key, says)| (*key, *says)).filter(move |(key, says)| {
        let is_reinstated = matches!(says, Says::Disconnected(_)) && reinstated.contains(key);
        !retracted.contains(key) && !is_reinstated
    })
}

fn by_carrier(all: Vec<Said>) -> ByCarrier {
    let mut spans: BTreeMap<ParticipantId, Vec<Span>> = BTreeMap::new();
    for said in all {
        spans.entry(said.carrier).or_default().push(said.span);
    }
    spans.into_iter().map(|(carrier, spans)| (carrier, spans.into_iter().collect())).collect()
}
