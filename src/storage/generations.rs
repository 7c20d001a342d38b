//! Which keys hold: a row for each generation of each secret in the key file, with a SHA-256 of it, so
//! that a wrong file stops the start instead of making every number look unknown.

use diesel::prelude::*;

use super::dialect::{self, AnyConnection, on_either};
use super::numbers::moment_from;
use super::schema::key_generations;
use super::{Error, Result, Tx};
use crate::domain::generation::{Generation, Generations, Purpose, State};
use crate::domain::time::Moment;

/// What a transaction does with the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Stores, or looks up, what was made with them: many at once.
    Store,
    /// Changes which hold: alone, so that nothing is stored under one that is gone.
    Change,
}

/// Holds the keys until the transaction ends. Which they are is read after it: a state that was seen
/// before may be older than the lock.
pub fn hold(tx: &mut Tx<'_>, key_use: KeyUse) -> Result<()> {
    Ok(dialect::hold_keys(tx, key_use)?)
}

/// All generations.
pub fn all(connection: &mut AnyConnection) -> Result<Generations> {
    let known = Generations::new(recorded(connection)?);
    known.ok_or(Error::Inconsistent("keys of which none, or more than one, is in force"))
}

/// The same, where there may be none: in a database that no registry has served.
pub fn recorded(connection: &mut AnyConnection) -> Result<Vec<Generation>> {
    let rows = key_generations::table.select(Row::as_select()).load(connection)?;
    rows.into_iter().map(Generation::try_from).collect()
}

/// Writes those that are new.
pub fn record(tx: &mut Tx<'_>, new: &[Generation]) -> Result<()> {
    let rows: Vec<Row> = new.iter().map(Row::from).collect();
    on_either!(tx, bare => diesel::insert_into(key_generations::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(bare))?;
    Ok(())
}

/// Writes what holds of one from now on.
pub fn update(tx: &mut Tx<'_>, one: &Generation) -> Result<()> {
    let row = Row::from(one);
    diesel::update(key_generations::table.find((row.purpose, row.generation)))
        .set((
            key_generations::state.eq(row.state),
            key_generations::since.eq(row.since),
            key_generations::until.eq(row.until),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = key_generations, treat_none_as_default_value = false)]
struct Row {
    purpose: i16,
    generation: i32,
    fingerprint: Vec<u8>,
    state: i16,
    since: Option<i64>,
    until: Option<i64>,
}

impl From<&Generation> for Row {
    fn from(one: &Generation) -> Row {
        Row {
            purpose: one.purpose.code(),
            generation: i32::try_from(one.number).unwrap_or(i32::MAX),
            fingerprint: one.fingerprint.to_vec(),
            state: one.state.code(),
            since: one.since.map(Moment::on_axis),
            until: one.until.map(Moment::on_axis),
        }
    }
}

impl TryFrom<Row> for Generation {
    type Error = Error;

    fn try_from(row: Row) -> Result<Generation> {
        Ok(Generation {
            purpose: Purpose::from_code(row.purpose)
                .ok_or(Error::Inconsistent("a key of a purpose that doesn't exist"))?,
            number: u32::try_from(row.generation)
                .map_err(|_| Error::Inconsistent("a generation out of range"))?,
            fingerprint: row
                .fingerprint
                .try_into()
                .map_err(|_| Error::Inconsistent("a fingerprint that isn't 32 bytes"))?,
            state: State::from_code(row.state)
                .ok_or(Error::Inconsistent("a key in a state that doesn't exist"))?,
            since: row.since.map(moment_from).transpose()?,
            until: row.until.map(moment_from).transpose()?,
        })
    }
}
