//! Each try to deliver a message, and what came of it.

use diesel::prelude::*;

use super::deliveries::DeliveryId;
use super::dialect::{AnyConnection, on_either};
use super::schema::attempts;
use super::{Result, Tx};

/// One try.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts, treat_none_as_default_value = false)]
pub struct Attempt {
    /// Which delivery.
    pub delivery_id: i64,
    /// Which try, from 1.
    pub attempt: i32,
    /// When it began, Unix milliseconds.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The status that came back.
    pub status: Option<i32>,
    /// The beginning of the answer, sealed.
    pub answer: Option<Vec<u8>>,
    /// What went wrong when no answer came.
    pub error: Option<String>,
}

/// Whether a try is known now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was written.
    Now,
    /// It was written before.
    Before,
}

/// Writes a try.
pub fn record(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<Recorded> {
    let written = on_either!(tx, bare => diesel::insert_into(attempts::table)
        .values(attempt)
        .on_conflict_do_nothing()
        .execute(bare))?;
    Ok(if written == 0 { Recorded::Before } else { Recorded::Now })
}

/// The tries of a delivery, oldest first.
pub fn of(connection: &mut AnyConnection, delivery: DeliveryId) -> Result<Vec<Attempt>> {
    Ok(attempts::table
        .filter(attempts::delivery_id.eq(delivery.0))
        .order(attempts::attempt)
        .select(Attempt::as_select())
        .load(connection)?)
}
