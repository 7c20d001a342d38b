//! What organisations have spent of their budgets, as sketches: read at the start, kept now and then.
//! Nodes share a row by merging into it.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{self, AnyConnection, on_either};
use super::schema::budgets;
use super::{Error, Result, Tx};
use crate::domain::budget::{Kept, Purse};
use crate::domain::sketch::Sketch;

/// A bucket of an organisation.
#[derive(Clone, Debug)]
pub struct Spent {
    /// Whose.
    pub organisation: String,
    /// Which, and what was seen in it.
    pub kept: Kept,
}

/// What was kept at `since_ms` (Unix milliseconds) or later.
pub fn since(connection: &mut AnyConnection, since_ms: i64) -> Result<Vec<Spent>> {
    let rows = budgets::table
        .filter(budgets::kept_at.ge(since_ms))
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Spent::try_from).collect()
}

/// Merges `all` into what is there. Other nodes wait: of two that merge at once the second would
/// overwrite what the first has added.
pub fn keep(tx: &mut Tx<'_>, all: &[Spent], now_ms: i64) -> Result<()> {
    dialect::hold_budgets(tx)?;
    let organisations: Vec<&str> = all.iter().map(|spent| spent.organisation.as_str()).collect();
    let buckets: Vec<i64> = all.iter().map(|spent| spent.kept.bucket.into()).collect();
    let there = budgets::table
        .filter(budgets::organisation.eq_any(organisations).and(budgets::bucket.eq_any(buckets)))
        .select(Row::as_select())
        .load(&mut **tx)?;
    let mut there: HashMap<(String, i16, i64), Vec<u8>> = there
        .into_iter()
        .map(|row| ((row.organisation, row.purse, row.bucket), row.sketch))
        .collect();
    for Spent { organisation, kept } in all {
        let key = (organisation.clone(), kept.purse.code(), i64::from(kept.bucket));
        let mut sketch = kept.sketch.clone();
        if let Some(bytes) = there.remove(&key) {
            sketch.merge(&sketch_from(&bytes)?);
        }
        let (organisation, purse, bucket) = key;
        let row = Row { organisation, purse, bucket, sketch: sketch.to_bytes(), kept_at: now_ms };
        on_either!(tx, bare => diesel::insert_into(budgets::table)
            .values(&row)
            .on_conflict((budgets::organisation, budgets::purse, budgets::bucket))
            .do_update()
            .set(&row)
            .execute(bare))?;
    }
    Ok(())
}

/// Drops the buckets of a purse that no longer count.
pub fn forget(tx: &mut Tx<'_>, purse: Purse, oldest: u32) -> Result<()> {
    let gone = budgets::purse.eq(purse.code()).and(budgets::bucket.lt(i64::from(oldest)));
    diesel::delete(budgets::table.filter(gone)).execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = budgets, treat_none_as_default_value = false)]
struct Row {
    organisation: String,
    purse: i16,
    bucket: i64,
    sketch: Vec<u8>,
    kept_at: i64,
}

impl TryFrom<Row> for Spent {
    type Error = Error;

    fn try_from(row: Row) -> Result<Spent> {
        let purse =
            Purse::from_code(row.purse).ok_or(Error::Inconsistent("a purse that doesn't exist"))?;
        let bucket =
            u32::try_from(row.bucket).map_err(|_| Error::Inconsistent("a bucket of no time"))?;
        let kept = Kept { purse, bucket, sketch: sketch_from(&row.sketch)? };
        Ok(Spent { organisation: row.organisation, kept })
    }
}

fn sketch_from(bytes: &[u8]) -> Result<Sketch> {
    Sketch::from_bytes(bytes).ok_or(Error::Inconsistent("a sketch that isn't one"))
}
