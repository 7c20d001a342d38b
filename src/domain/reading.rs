//! Who is believed: what the living statements of one number say of one another.
//!
//! Each rule carries its letter in docs/semantics.md, and the life of a number that forbids the
//! simpler rule. Every rule is a predicate on the set of statements; none looks at the order in
//! which they came. Reading n statements takes O(n²) cheap steps.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Note, ParticipantId, Says, SealedId, Statement};
use super::policy::Policy;
use super::time::{Span, Stated};

/// All accepted statements of one number, the living ones sorted by what they say and weighed.
pub struct Reading<'a> {
    pub(super) policy: &'a Policy,
    pub(super) statements: BTreeMap<(ParticipantId, &'a SealedId), &'a Says>,
    pub(super) disconnects: Vec<Disconnect<'a>>,
    pub(super) reassigns: Vec<Reassign<'a>>,
    pub(super) holds: Vec<Hold>,
    /// Every `reassigned` and `held`.
    pub(super) begins: Vec<Said>,
    /// Every `disconnected` and `ported_out`.
    pub(super) ends: Vec<Said>,
}

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

pub(super) struct Hold {
    pub said: Said,
    /// The earliest `lo` of an end of its own carrier that is not before it: it vouches until then.
    until: Option<i64>,
}

impl<'a> Reading<'a> {
    /// Reads a set of statements. One that is there twice counts once.
    pub fn of(
        statements: impl IntoIterator<Item = &'a Statement>,
        policy: &'a Policy,
    ) -> Reading<'a> {
        let statements = statements.into_iter().map(|it| ((it.carrier, &it.id), &it.says));
        let mut reading = Reading {
            policy,
            statements: statements.collect(),
            disconnects: Vec::new(),
            reassigns: Vec::new(),
            holds: Vec::new(),
            begins: Vec::new(),
            ends: Vec::new(),
        };
        reading.sort_living();
        reading.find_limits();
        reading.weigh_disconnects();
        reading.weigh_reassigns();
        reading
    }

    /// What to tell the carrier of one of these statements. Nothing, if it was undone.
    pub fn note(&self, which: &Statement) -> Option<Note> {
        let carrier = which.carrier;
        match &which.says {
            Says::Disconnected(_) => {
                let mut own = self.disconnects.iter().filter(|it| it.said.carrier == carrier);
                match own.find(|it| *it.id == which.id)?.standing {
                    Standing::Solid => None,
                    Standing::Weak => Some(Note::Uncorroborated),
                    Standing::Contested => Some(Note::Contested),
                }
            }
            Says::Reassigned(_) => {
                let mut own = self.reassigns.iter().filter(|it| it.said.carrier == carrier);
                match own.find(|it| *it.id == which.id)?.backing {
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

    /// [W] A statement is dead if a `retracted` of the same carrier names it, or it is a
    /// `disconnected` and a `reinstated` does. Undoing is never undone.
    fn sort_living(&mut self) {
        let (mut retracted, mut reinstated) = (BTreeSet::new(), BTreeSet::new());
        for ((carrier, _), says) in &self.statements {
            match says {
                Says::Retracted { undoes } => drop(retracted.insert((*carrier, undoes))),
                Says::Reinstated { undoes } => drop(reinstated.insert((*carrier, undoes))),
                Says::Disconnected(_)
                | Says::Reassigned(_)
                | Says::Held(_)
                | Says::PortedOut(_) => {}
            }
        }
        let policy = self.policy;
        for (key, says) in &self.statements {
            let (carrier, id) = *key;
            if retracted.contains(key) {
                continue;
            }
            let said = |stated: &Stated| Said { carrier, span: policy.span(*stated) };
            match says {
                Says::Disconnected(_) if reinstated.contains(key) => {}
                Says::Disconnected(stated) => {
                    let (said, standing) = (said(stated), Standing::Solid);
                    self.disconnects.push(Disconnect { id, said, next_person: None, standing });
                    self.ends.push(said);
                }
                Says::Reassigned(stated) => {
                    let said = said(stated);
                    self.reassigns.push(Reassign { id, said, backing: Backing::Unsure });
                    self.begins.push(said);
                }
                Says::Held(stated) => {
                    let said = said(stated);
                    self.holds.push(Hold { said, until: None });
                    self.begins.push(said);
                }
                Says::PortedOut(stated) => self.ends.push(said(stated)),
                Says::Reinstated { .. } | Says::Retracted { .. } => {}
            }
        }
    }

    fn find_limits(&mut self) {
        for hold in &mut self.holds {
            let own = self.ends.iter().filter(|end| end.carrier == hold.said.carrier);
            let later = own.filter(|end| !end.span.before(hold.said.span));
            hold.until = later.map(|end| end.span.lo).min();
        }
        for disconnect in &mut self.disconnects {
            let reassigned = self.reassigns.iter().map(|reassign| reassign.said.span);
            let later = reassigned.filter(|span| disconnect.said.span.before(*span));
            disconnect.next_person = later.map(|span| span.lo).min();
        }
    }

    /// [C] Only `held` contests. If a `reassigned` did too: A says `reassigned`, the number is
    /// ported to B, which nobody must report, and the true disconnect by B would not freeze.
    ///
    /// [S] A carrier with `own_only` must have said that the number began with it.
    fn weigh_disconnects(&mut self) {
        let standings: Vec<_> = self
            .disconnects
            .iter()
            .map(|disconnect| {
                let said = disconnect.said;
                if self.is_vouched_across(said) || self.is_held_in_aging(disconnect) {
                    Standing::Contested
                } else if self.policy.own_only.contains(&said.carrier) && !self.began_before(said) {
                    Standing::Weak
                } else {
                    Standing::Solid
                }
            })
            .collect();
        for (disconnect, standing) in self.disconnects.iter_mut().zip(standings) {
            disconnect.standing = standing;
        }
    }

    /// [K] A `reassigned` is sure if a solid disconnect lies a full aging before it and nobody
    /// began in between. Of any carrier: the one who disconnects and the one who reassigns differ
    /// after a port. If every `reassigned` froze, a direct transfer from a company to its employee
    /// would freeze the innocent.
    fn weigh_reassigns(&mut self) {
        let (aging, tolerance) = (i64::from(self.policy.aging), i64::from(self.policy.tolerance));
        let mut begins: Vec<_> = self.begins.iter().map(|begin| begin.span).collect();
        begins.sort_unstable_by(|a, b| b.cmp(a));
        let backings: Vec<_> = self
            .reassigns
            .iter()
            .map(|reassign| {
                let given = reassign.said.span;
                let between = latest_before(&begins, given);
                let sure = self.solid().any(|lost| {
                    lost.before(given)
                        && lost.lo + aging <= given.hi
                        && lost.hi + tolerance <= given.lo
                        && !between.iter().any(|begin| lost.before(*begin))
                });
                if sure {
                    Backing::Sure
                } else if self.is_vouched_across(reassign.said) {
                    Backing::Contested
                } else {
                    Backing::Unsure
                }
            })
            .collect();
        for (reassign, backing) in self.reassigns.iter_mut().zip(backings) {
            reassign.backing = backing;
        }
    }

    /// [C] Whether a `held` of another carrier vouches that its subscriber kept the number. A
    /// vouch never reaches back over a port: a silent third may have had it in between.
    fn is_vouched_across(&self, said: Said) -> bool {
        self.holds.iter().any(|hold| {
            hold.said.carrier != said.carrier
                && hold.said.span.hi < said.span.lo
                && hold.until.is_none_or(|until| until > said.span.hi)
        })
    }

    /// [C] Whether a `held` begins while the number should age, so that the disconnect was a port
    /// or an error, and no `reassigned` says that it is a new person.
    fn is_held_in_aging(&self, disconnect: &Disconnect) -> bool {
        let Said { carrier, span: lost } = disconnect.said;
        let aged = lost.hi + i64::from(self.policy.aging);
        self.holds.iter().map(|hold| hold.said).any(|held| {
            held.span.lo < aged
                && (lost.before(held.span) || held.carrier != carrier && held.span.hi >= lost.lo)
                && disconnect.next_person.is_none_or(|next| next > held.span.hi)
        })
    }

    fn began_before(&self, end: Said) -> bool {
        self.begins.iter().any(|begin| begin.carrier == end.carrier && begin.span.before(end.span))
    }

    /// The spans of the disconnects that are neither contested nor weak.
    pub(super) fn solid(&self) -> impl Iterator<Item = Span> {
        let solid = self.disconnects.iter().filter(|it| it.standing == Standing::Solid);
        solid.map(|disconnect| disconnect.said.span)
    }

    /// Whether it was lost and nobody began after that.
    pub(super) fn is_vacant(&self) -> bool {
        self.solid().any(|lost| !self.begins.iter().any(|begin| lost.before(begin.span)))
    }

    /// Whether its carrier has not ended this begin.
    pub(super) fn lasts(&self, begin: Said) -> bool {
        self.ends.iter().all(|end| end.carrier != begin.carrier || end.span.before(begin.span))
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
            || self.begins.iter().any(|begin| begin.span.lo >= aged)
            || self.solid().any(|other| other.lo >= aged)
    }

    /// [V] Whether a `held` stands: whatever else was said of the number is before it. A question
    /// to each `held`, since "the newest begin" of two carriers at one time would depend on order.
    pub(super) fn stands(&self, hold: &Hold) -> bool {
        let Said { carrier, span } = hold.said;
        self.begins.iter().all(|begin| begin.carrier == carrier || begin.span.before(span))
            && self.ends.iter().all(|end| end.carrier != carrier || end.span.before(span))
            && self.disconnects.iter().all(|disconnect| disconnect.said.span.before(span))
    }
}

/// The begins before `span`, without those that another of them is later than at both ends: if
/// any begin lies after a disconnect, one of these does. Spans have two lengths, an instant and a
/// day, so one or two are left, and [K] is not cubic. `begins` are sorted, the latest first.
fn latest_before(begins: &[Span], span: Span) -> Vec<Span> {
    let mut latest: Vec<Span> = Vec::new();
    for begin in begins.iter().filter(|begin| begin.before(span)) {
        if latest.last().is_none_or(|last| last.hi < begin.hi) {
            latest.push(*begin);
        }
    }
    latest
}
