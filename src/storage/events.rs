//! What carriers said, kept for ever in commit order.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{AnyConnection, on_either};
use super::numbers::moment_from;
use super::schema::events;
use super::{Error, Result, Tx};
use crate::domain::event::{EventType, ParticipantId, Says, SealedId, Statement};
use crate::domain::number::NumberId;
use crate::domain::position::Position;
use crate::domain::time::{Day, Stated};

/// Seven columns a row, and PostgreSQL's protocol ends at 65,535 values.
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
) -> Result<HashMap<SealedId, Event>> {
    let mut all = HashMap::new();
    for some in ids.chunks(ROWS_PER_STATEMENT_MAX) {
        let bytes: Vec<&[u8]> = some.iter().map(|id| id.0.as_slice()).collect();
        let rows = events::table
            .filter(events::carrier_id.eq(carrier.0).and(events::event_id.eq_any(bytes)))
            .select(EventRow::as_select())
            .load(connection)?;
        for row in rows {
            let event = Event::try_from(row)?;
            all.insert(event.statement.id.clone(), event);
        }
    }
    Ok(all)
}

/// Everything that was ever said of `numbers`.
pub fn of_numbers(
    connection: &mut AnyConnection,
    numbers: &[NumberId],
) -> Result<HashMap<NumberId, Vec<Statement>>> {
    let mut all: HashMap<NumberId, Vec<Statement>> = HashMap::with_capacity(numbers.len());
    for some in numbers.chunks(ROWS_PER_STATEMENT_MAX) {
        let ids: Vec<i64> = some.iter().map(|id| id.0).collect();
        let rows = events::table
            .filter(events::number_id.eq_any(ids))
            .select(EventRow::as_select())
            .load(connection)?;
        for row in rows {
            let event = Event::try_from(row)?;
            all.entry(event.number).or_default().push(event.statement);
        }
    }
    Ok(all)
}

/// Writes `new` under the positions from `first` on.
pub fn append(tx: &mut Tx<'_>, first: Position, new: &[Event], now_ms: i64) -> Result<()> {
    let rows: Vec<EventRow> = (first.0..)
        .zip(new)
        .map(|(position, event)| EventRow::new(position, event, now_ms))
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
    number_id: i64,
    event_id: Vec<u8>,
    kind: i16,
    stated_on: Option<i64>,
    stated_at: Option<i64>,
    undoes: Option<Vec<u8>>,
    recorded_at: i64,
}

impl EventRow {
    fn new(position: i64, event: &Event, now_ms: i64) -> EventRow {
        let statement = &event.statement;
        let (stated_on, stated_at) = match statement.says.stated() {
            Some(Stated::On(day)) => (Some(i64::from(day.number())), None),
            Some(Stated::At(moment)) => (None, Some(moment.on_axis())),
            None => (None, None),
        };
        EventRow {
            position,
            carrier_id: statement.carrier.0,
            number_id: event.number.0,
            event_id: statement.id.0.clone(),
            kind: statement.says.event_type().code(),
            stated_on,
            stated_at,
            undoes: statement.says.undoes().map(|id| id.0.clone()),
            recorded_at: now_ms,
        }
    }
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Event> {
        let kind = EventType::from_code(row.kind)
            .ok_or(Error::Inconsistent("an event type that doesn't exist"))?;
        let stated = match (row.stated_on, row.stated_at) {
            (Some(day), None) => Some(Stated::On(day_from(day)?)),
            (None, Some(seconds)) => Some(Stated::At(moment_from(seconds)?)),
            _ => None,
        };
        let says = Says::from_parts(kind, stated, row.undoes.map(SealedId))
            .ok_or(Error::Inconsistent("an event with the wrong members"))?;
        Ok(Event {
            number: NumberId(row.number_id),
            statement: Statement {
                carrier: ParticipantId(row.carrier_id),
                id: SealedId(row.event_id),
                says,
            },
        })
    }
}

fn day_from(number: i64) -> Result<Day> {
    let number = u16::try_from(number).map_err(|_| Error::Inconsistent("a day out of range"))?;
    Ok(Day::from_number(number))
}
