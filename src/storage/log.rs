//! The log: events, and whatever else changes an answer, numbered in commit order without a hole.
//!
//! One row holds the head and is updated last in a transaction. A sequence would number in the order
//! of asking, so that a follower who reads up to 7 misses a 6 that commits later.

use diesel::prelude::*;

use super::dialect::{AnyConnection, on_either};
use super::schema::{changes, events, log_head};
use super::{Error, Result, Tx};
use crate::domain::calling_code::CallingCode;
use crate::domain::event::ParticipantId;
use crate::domain::number::NumberId;
use crate::domain::position::{Place, Position};

/// What, beside an event, changes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A number's summary was derived anew without an event: policy, retention.
    Number(NumberId),
    /// A calling code's coverage or policy, or a carrier's watermark in it.
    CallingCode(CallingCode),
    /// A participant or one of its keys.
    Participant(ParticipantId),
    /// Which secrets of the key file hold.
    Keys,
}

/// What every entry of one commit has in common.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// When, in Unix milliseconds.
    pub now_ms: i64,
    /// Random; see [`Place`].
    pub mark: i64,
}

/// A stretch of the log.
#[derive(Debug, Default)]
pub struct Entries {
    /// The last place in it.
    pub through: Place,
    /// Numbers whose events or summary changed; a number may stand here more than once.
    pub numbers: Vec<NumberId>,
    /// Calling codes whose coverage or policy changed.
    pub calling_codes: Vec<CallingCode>,
    /// Participants that changed, or whose keys did.
    pub participants: Vec<ParticipantId>,
    /// How often it changed which secrets of the key file hold.
    pub key_changes: usize,
}

/// The end of the log.
pub fn head(connection: &mut AnyConnection) -> Result<Position> {
    Ok(Position(log_head::table.select(log_head::position).get_result(connection)?))
}

/// The end of the log with its mark.
pub fn end(connection: &mut AnyConnection) -> Result<Place> {
    let (position, mark) =
        log_head::table.select((log_head::position, log_head::mark)).get_result(connection)?;
    Ok(Place { position: Position(position), mark })
}

/// The end of the log and when it last moved, in Unix milliseconds (0: never).
pub fn head_and_time(connection: &mut AnyConnection) -> Result<(Position, i64)> {
    let (position, moved_at): (i64, i64) =
        log_head::table.select((log_head::position, log_head::moved_at)).get_result(connection)?;
    Ok((Position(position), moved_at))
}

/// Takes `count` positions at the end of the log, and with them the lock on it; the first of them.
/// The last statement but the inserts of what they number.
pub fn advance(tx: &mut Tx<'_>, count: usize, stamp: Stamp) -> Result<Position> {
    let count = i64::try_from(count).map_err(|_| Error::Inconsistent("a batch too long"))?;
    let last: i64 = diesel::update(log_head::table)
        .set((
            log_head::position.eq(log_head::position + count),
            log_head::mark.eq(stamp.mark),
            log_head::moved_at.eq(stamp.now_ms),
        ))
        .returning(log_head::position)
        .get_result(&mut **tx)?;
    Ok(Position(last - count + 1))
}

/// Writes `all` at the end of the log; the position of the last one.
pub fn append(tx: &mut Tx<'_>, all: &[Change], stamp: Stamp) -> Result<Position> {
    let first = advance(tx, all.len(), stamp)?;
    let rows: Vec<_> = (first.0..)
        .zip(all)
        .map(|(position, change)| {
            let (kind, subject) = match change {
                Change::Number(id) => (NUMBER, id.0),
                Change::CallingCode(code) => (CALLING_CODE, i64::from(u16::from(*code))),
                Change::Participant(id) => (PARTICIPANT, i64::from(id.0)),
                Change::Keys => (KEYS, 0),
            };
            (
                changes::position.eq(position),
                changes::kind.eq(kind),
                changes::subject.eq(subject),
                changes::mark.eq(stamp.mark),
            )
        })
        .collect();
    on_either!(tx, bare => diesel::insert_into(changes::table).values(&rows).execute(bare))?;
    Ok(Position(first.0 - 1 + i64::try_from(all.len()).unwrap_or(0)))
}

/// All that stands after `applied`. Never a part of it: coverage that is newer than the numbers beside
/// it would vouch for what wasn't seen yet.
///
/// # Errors
/// `Rewound` when the log is not the one that was read up to `applied`; `Inconsistent` when a position is
/// missing: then nobody may answer from what was pulled so far.
pub fn since(connection: &mut AnyConnection, applied: Place) -> Result<Entries> {
    let through = end(connection)?;
    if through == applied {
        return Ok(Entries { through, ..Entries::default() });
    }
    if through.position <= applied.position || !is_there(connection, applied)? {
        return Err(Error::Rewound);
    }
    let (Position(from), Position(to)) = (applied.position, through.position);
    let said: Vec<Option<i64>> = events::table
        .filter(events::position.gt(from).and(events::position.le(to)))
        .select(events::number_id)
        .load(connection)?;
    let changed: Vec<(i16, i64)> = changes::table
        .filter(changes::position.gt(from).and(changes::position.le(to)))
        .select((changes::kind, changes::subject))
        .load(connection)?;
    let expected = usize::try_from(to - from);
    if expected != Ok(said.len() + changed.len()) {
        return Err(Error::Inconsistent("the log has a hole"));
    }

    let mut entries = Entries { through, ..Entries::default() };
    // What was forgotten meanwhile names no number; that the number changed is told further on.
    entries.numbers.extend(said.into_iter().flatten().map(NumberId));
    for (kind, subject) in changed {
        let subject_in = i32::try_from(subject).map_err(|_| UNKNOWN_CHANGE);
        match kind {
            NUMBER => entries.numbers.push(NumberId(subject)),
            CALLING_CODE => {
                entries.calling_codes.push(super::numbers::calling_code_from(subject_in?)?);
            }
            PARTICIPANT => entries.participants.push(ParticipantId(subject_in?)),
            KEYS => entries.key_changes += 1,
            _ => return Err(UNKNOWN_CHANGE),
        }
    }
    Ok(entries)
}

/// Whether the entry at a place is still the one that was read there.
fn is_there(connection: &mut AnyConnection, Place { position, mark }: Place) -> Result<bool> {
    if position == Position::default() {
        return Ok(true);
    }
    let event = events::table.find(position.0).select(events::mark);
    let found: Option<i64> = match event.get_result(connection).optional()? {
        Some(found) => Some(found),
        None => {
            let change = changes::table.find(position.0).select(changes::mark);
            change.get_result(connection).optional()?
        }
    };
    Ok(found == Some(mark))
}

const NUMBER: i16 = 1;
const CALLING_CODE: i16 = 2;
const PARTICIPANT: i16 = 3;
const KEYS: i16 = 4;
const UNKNOWN_CHANGE: Error = Error::Inconsistent("a change of a kind that doesn't exist");
