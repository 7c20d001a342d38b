//! What carriers said, in commit order. Of what was forgotten the row stays, with the carrier's id and
//! its place in the log, so that a repetition is one, and a follower finds no hole.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{AnyConnection, on_either};
use super::log::Stamp;
use super::numbers::moment_from;
use super::schema::events;
use super::{Error, Result, Tx};
use crate::domain::acceptance::Used;
use crate::domain::event::{EventType, ParticipantId, Says, SealedId, Statement};
use crate::domain::number::NumberId;
use crate::domain::position::Position;
use crate::domain::time::{DAY, Day, Moment, Stated};

/// Ten columns a row, and PostgreSQL's protocol ends at 65,535 values.
const ROWS_PER_STATEMENT_MAX: usize = 5_000;

/// One statement about one number.
#[derive(Clone, Debug)]
pub struct Event {
    /// About whom.
    pub number: NumberId,
    /// Who says what, under which id.
    pub statement: Statement,
}

/// Which of `ids` the carrier has used, and for what.
pub fn known(
    connection: &mut AnyConnection,
    carrier: ParticipantId,
    ids: &[SealedId],
) -> Result<HashMap<SealedId, Used>> {
    let mut all = HashMap::new();
    for some in ids.chunks(ROWS_PER_STATEMENT_MAX) {
        let bytes: Vec<&[u8]> = some.iter().map(|id| id.0.as_slice()).collect();
        let rows = events::table
            .filter(events::carrier_id.eq(carrier.0).and(events::event_id.eq_any(bytes)))
            .select(EventRow::as_select())
            .load(connection)?;
        for row in rows {
            let (id, used) = used(row)?;
            all.insert(id, used);
        }
    }
    Ok(all)
}

/// When the carrier's last event was stored, in Unix milliseconds.
pub fn last_of(connection: &mut AnyConnection, carrier: ParticipantId) -> Result<Option<i64>> {
    let last: Option<i64> = events::table
        .filter(events::carrier_id.eq(carrier.0))
        .select(diesel::dsl::max(events::position))
        .get_result(connection)?;
    let Some(last) = last else { return Ok(None) };
    Ok(Some(events::table.find(last).select(events::recorded_at).get_result(connection)?))
}

/// What was said of `numbers`.
pub fn of_numbers(
    connection: &mut AnyConnection,
    numbers: &[NumberId],
) -> Result<HashMap<NumberId, Vec<Statement>>> {
    let placed = placed(connection, numbers)?.into_iter();
    let statements =
        placed.map(|(id, said)| (id, said.into_iter().map(|(_, statement)| statement).collect()));
    Ok(statements.collect())
}

/// What was said of `numbers`, each with its place in the log.
pub fn placed(
    connection: &mut AnyConnection,
    numbers: &[NumberId],
) -> Result<HashMap<NumberId, Vec<(Position, Statement)>>> {
    let mut all: HashMap<NumberId, Vec<_>> = HashMap::with_capacity(numbers.len());
    for some in numbers.chunks(ROWS_PER_STATEMENT_MAX) {
        let ids: Vec<i64> = some.iter().map(|id| id.0).collect();
        let rows = events::table
            .filter(events::number_id.eq_any(ids))
            .select(EventRow::as_select())
            .load(connection)?;
        for row in rows {
            let position = Position(row.position);
            let event = Event::try_from(row)?;
            all.entry(event.number).or_default().push((position, event.statement));
        }
    }
    Ok(all)
}

/// The numbers after `after` up to `to` of which something is said that began before `at`, in the order
/// of their ids, `limit` at most.
pub fn numbers_with_past(
    connection: &mut AnyConnection,
    (after, to): (NumberId, NumberId),
    at: Moment,
    limit: i64,
) -> Result<Vec<NumberId>> {
    let (seconds, days) = (at.on_axis(), at.on_axis() / i64::from(DAY));
    let early = events::stated_at.lt(seconds).or(events::stated_on.lt(days));
    let ids: Vec<Option<i64>> = events::table
        .filter(events::number_id.gt(after.0).and(events::number_id.le(to.0)))
        .filter(early.assume_not_null())
        .select(events::number_id)
        .distinct()
        .order(events::number_id)
        .limit(limit)
        .load(connection)?;
    Ok(ids.into_iter().flatten().map(NumberId).collect())
}

/// Forgets what was said at these places but for the carrier's id, the type, and that it took effect
/// before `before`.
pub fn forget(tx: &mut Tx<'_>, places: &[Position], before: Moment) -> Result<()> {
    for some in places.chunks(ROWS_PER_STATEMENT_MAX) {
        let some = some.iter().map(|place| place.0);
        diesel::update(events::table.filter(events::position.eq_any(some)))
            .set((
                events::number_id.eq(None::<i64>),
                events::stated_on.eq(None::<i64>),
                events::stated_at.eq(before.on_axis()),
                events::undoes.eq(None::<Vec<u8>>),
                events::recorded_at.eq(0),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Writes `new` under the positions from `first` on.
pub fn append(tx: &mut Tx<'_>, first: Position, new: &[Event], stamp: Stamp) -> Result<()> {
    let rows: Vec<EventRow> = (first.0..)
        .zip(new)
        .map(|(position, event)| EventRow::new(position, event, stamp))
        .collect();
    for some in rows.chunks(ROWS_PER_STATEMENT_MAX) {
        on_either!(tx, bare => diesel::insert_into(events::table).values(some).execute(bare))?;
    }
    Ok(())
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct EventRow {
    position: i64,
    carrier_id: i32,
    number_id: Option<i64>,
    event_id: Vec<u8>,
    kind: i16,
    stated_on: Option<i64>,
    stated_at: Option<i64>,
    undoes: Option<Vec<u8>>,
    recorded_at: i64,
    mark: i64,
}

impl EventRow {
    fn new(position: i64, event: &Event, stamp: Stamp) -> EventRow {
        let statement = &event.statement;
        let (stated_on, stated_at) = match statement.says.stated() {
            Some(Stated::On(day)) => (Some(i64::from(day.number())), None),
            Some(Stated::At(moment)) => (None, Some(moment.on_axis())),
            None => (None, None),
        };
        EventRow {
            position,
            carrier_id: statement.carrier.0,
            number_id: Some(event.number.0),
            event_id: statement.id.0.clone(),
            kind: statement.says.event_type().code(),
            stated_on,
            stated_at,
            undoes: statement.says.undoes().map(|id| id.0.clone()),
            recorded_at: stamp.now_ms,
            mark: stamp.mark,
        }
    }
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Event> {
        let kind = event_type_from(row.kind)?;
        let stated = match (row.stated_on, row.stated_at) {
            (Some(day), None) => Some(Stated::On(day_from(day)?)),
            (None, Some(seconds)) => Some(Stated::At(moment_from(seconds)?)),
            _ => None,
        };
        let says = Says::from_parts(kind, stated, row.undoes.map(SealedId))
            .ok_or(Error::Inconsistent("an event with the wrong members"))?;
        Ok(Event {
            number: row.number_id.map(NumberId).ok_or(Error::Inconsistent("an event of nobody"))?,
            statement: Statement {
                carrier: ParticipantId(row.carrier_id),
                id: SealedId(row.event_id),
                says,
            },
        })
    }
}

fn used(row: EventRow) -> Result<(SealedId, Used)> {
    if row.number_id.is_none() {
        let before = moment_from(row.stated_at.unwrap_or_default())?;
        let used = Used::Forgotten { event_type: event_type_from(row.kind)?, before };
        return Ok((SealedId(row.event_id), used));
    }
    let Event { number, statement } = Event::try_from(row)?;
    Ok((statement.id, Used::Kept { number, says: statement.says }))
}

fn event_type_from(code: i16) -> Result<EventType> {
    EventType::from_code(code).ok_or(Error::Inconsistent("an event type that doesn't exist"))
}

fn day_from(number: i64) -> Result<Day> {
    let number = u16::try_from(number).map_err(|_| Error::Inconsistent("a day out of range"))?;
    Ok(Day::from_number(number))
}
