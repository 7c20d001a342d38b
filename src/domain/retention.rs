//! What of a number's past may be forgotten: statements that change no answer from a horizon on, and
//! never will, whatever is said later.
//!
//! Before the horizon the book is closed: nothing is accepted about that time any more, and nothing in
//! it is undone. What lies far enough back is then surely before everything else in every rule of
//! docs/semantics.md, and the fold sees five things of it (`Past` below). Statements whose absence changes
//! none of the five may go. The decision record *What may be forgotten* has the argument and the lives
//! of numbers that forbid to go further.

use std::collections::BTreeSet;

use super::event::{ParticipantId, Says, SealedId, Statement};
use super::policy::Policy;
use super::reading::Reading;
use super::time::{Moment, Span};

/// Which of the statements of one number may go when its answers reach back to `horizon`, by their
/// places: with each also those that undo it.
pub fn forgettable(statements: &[Statement], policy: &Policy, horizon: Moment) -> Vec<usize> {
    let past = past(statements, policy, horizon);
    let undoing = statements.iter().filter(|it| it.says.undoes().is_some());
    let all: Vec<&Statement> = past.iter().copied().chain(undoing).collect();
    let seen = Past::of(&Reading::of(all.iter().copied(), policy));
    let mut forgetting = Forgetting { all, policy, seen, gone: BTreeSet::new() };
    forgetting.go_without(&past);
    let mut gone = forgetting.gone;
    while let Some(undoes) = undoes_one_of(statements, &gone) {
        gone.insert(undoes);
    }
    (0..)
        .zip(statements)
        .filter(|(_, it)| gone.contains(&key(it)))
        .map(|(place, _)| place)
        .collect()
}

type Key<'a> = (ParticipantId, &'a SealedId);

fn key(statement: &Statement) -> Key<'_> {
    (statement.carrier, &statement.id)
}

/// A statement that undoes one that is gone, and isn't gone itself.
fn undoes_one_of<'a>(statements: &'a [Statement], gone: &BTreeSet<Key<'a>>) -> Option<Key<'a>> {
    let undoes =
        |it: &&Statement| it.says.undoes().is_some_and(|id| gone.contains(&(it.carrier, id)));
    statements.iter().filter(undoes).map(key).find(|it| !gone.contains(it))
}

/// What lies so far back that everything else, said or to be said, is later in every rule: no aging
/// reaches from it to the horizon, or to the first statement that isn't among it. Oldest first.
fn past<'a>(statements: &'a [Statement], policy: &Policy, horizon: Moment) -> Vec<&'a Statement> {
    let aging = i64::from(policy.aging);
    let instant = i64::from(policy.tolerance).max(1);
    let mut timed: Vec<(i64, Span, &Statement)> = statements
        .iter()
        .filter_map(|it| {
            let span = policy.span(it.says.stated()?);
            let ends = matches!(it.says, Says::Disconnected(_));
            Some((span.hi + if ends { aging } else { instant }, span, it))
        })
        .collect();
    timed.sort_by_key(|(reach, ..)| *reach);
    let mut limit = horizon.on_axis();
    loop {
        let later = timed.iter().filter(|(reach, ..)| *reach > limit);
        match later.map(|(_, span, _)| span.lo).min() {
            Some(first) if first < limit => limit = first,
            _ => break,
        }
    }
    timed.into_iter().filter(|(reach, ..)| *reach <= limit).map(|(.., it)| it).collect()
}

/// What whatever is later sees of the past.
#[derive(PartialEq, Eq)]
struct Past {
    /// [S] The carriers believed about their own numbers alone with whom it began.
    began: BTreeSet<ParticipantId>,
    /// [C] The carriers with a `held` that they haven't ended: it vouches across what others say.
    vouching: BTreeSet<ParticipantId>,
    /// [V] The carrier whose `held` stands.
    holder: Option<ParticipantId>,
    /// The carriers with a begin that they haven't ended: the number is in service.
    serving: BTreeSet<ParticipantId>,
    /// [K] Whether it was lost and nobody began after that: a later `reassigned` is then sure, and until
    /// then the number is vacant.
    lost: bool,
}

impl Past {
    fn of(reading: &Reading) -> Past {
        Past {
            began: reading.began().filter(|it| reading.policy.own_only.contains(it)).collect(),
            vouching: reading.vouching().collect(),
            holder: reading.standing_holds().next().map(|held| held.carrier),
            serving: reading.serving().collect(),
            lost: reading.is_vacant(),
        }
    }
}

/// What goes, half by half.
struct Forgetting<'a> {
    all: Vec<&'a Statement>,
    policy: &'a Policy,
    seen: Past,
    gone: BTreeSet<Key<'a>>,
}

impl<'a> Forgetting<'a> {
    /// Forgets `some` if that can't be seen, or else what of each half of it can't.
    fn go_without(&mut self, some: &[&'a Statement]) {
        let mut gone = self.gone.clone();
        gone.extend(some.iter().map(|it| key(it)));
        let kept = self.all.iter().copied().filter(|it| !gone.contains(&key(it)));
        if Past::of(&Reading::of(kept, self.policy)) == self.seen {
            self.gone = gone;
        } else if some.len() > 1 {
            let (older, newer) = some.split_at(some.len() / 2);
            self.go_without(older);
            self.go_without(newer);
        }
    }
}
