//! What is no longer needed goes, a part at a time; and a row that says how far the run is.

use diesel::prelude::*;

use super::bindings::BindingId;
use super::dialect::{self, AnyConnection};
use super::numbers::moment_from;
use super::schema::{
    attempts, bindings, deliveries, duty_history, endpoints, numbers, retention_run,
};
use super::{Result, Tx};
use crate::domain::duty::Demand;
use crate::domain::event::ParticipantId;
use crate::domain::number::NumberId;
use crate::domain::time::Moment;

/// A run, and what it deleted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began; `ZERO` before the first.
    pub began_at: Moment,
    /// When it ended, if it did.
    pub ended_at: Option<Moment>,
    /// Numbers up to this id were looked at.
    pub after: NumberId,
    /// What it deleted.
    pub gone: Gone,
}

/// How many rows were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Events.
    pub events: i64,
    /// Deliveries.
    pub deliveries: i64,
    /// Lines of the history of duties.
    pub history: i64,
    /// Bindings that were removed long ago.
    pub bindings: i64,
}

/// The last run.
pub fn run(connection: &mut AnyConnection) -> Result<Run> {
    let row: RunRow = retention_run::table.select(RunRow::as_select()).get_result(connection)?;
    Ok(Run {
        began_at: moment_from(row.began_at)?,
        ended_at: row.ended_at.map(moment_from).transpose()?,
        after: NumberId(row.after_number),
        gone: Gone {
            events: row.events,
            deliveries: row.deliveries,
            history: row.history,
            bindings: row.bindings,
        },
    })
}

/// The last run, which nobody else goes on with until the transaction ends.
pub fn lock(tx: &mut Tx<'_>) -> Result<Run> {
    dialect::lock_retention_run(tx)?;
    run(tx)
}

/// Writes how far the run is.
pub fn keep(tx: &mut Tx<'_>, run: &Run) -> Result<()> {
    let Gone { events, deliveries, history, bindings } = run.gone;
    let row = RunRow {
        began_at: run.began_at.on_axis(),
        ended_at: run.ended_at.map(Moment::on_axis),
        after_number: run.after.0,
        events,
        deliveries,
        history,
        bindings,
    };
    diesel::update(retention_run::table).set(row).execute(&mut **tx)?;
    Ok(())
}

/// Deletes deliveries, and their tries, that were settled before `before`, in Unix milliseconds, or that
/// were still due to an endpoint deleted before then; how many, `limit` at most.
pub fn drop_deliveries(tx: &mut Tx<'_>, before: i64, limit: i64) -> Result<i64> {
    let mut ids: Vec<i64> = deliveries::table
        .filter(deliveries::next_attempt_at.is_null().and(deliveries::settled_at.lt(before)))
        .order(deliveries::settled_at)
        .limit(limit)
        .select(deliveries::id)
        .load(&mut **tx)?;
    if ids.is_empty() {
        ids = deliveries::table
            .inner_join(endpoints::table.on(endpoints::id.eq(deliveries::endpoint_id)))
            .filter(deliveries::next_attempt_at.is_not_null())
            .filter(endpoints::deleted_at.lt(before))
            .limit(limit)
            .select(deliveries::id)
            .load(&mut **tx)?;
    }
    diesel::delete(attempts::table.filter(attempts::delivery_id.eq_any(&ids)))
        .execute(&mut **tx)?;
    let gone =
        diesel::delete(deliveries::table.filter(deliveries::id.eq_any(&ids))).execute(&mut **tx)?;
    Ok(count(gone))
}

/// Deletes lines of history from before `before` of duties that ask for nothing any more; how many,
/// `limit` at most.
pub fn drop_history(tx: &mut Tx<'_>, before: Moment, limit: i64) -> Result<i64> {
    let open = bindings::removed_at.is_null().and(
        (bindings::demand
            .ge(Demand::Freeze.code())
            .and(bindings::response.lt(bindings::demand - 1)))
        .or(bindings::answer_by.is_not_null()),
    );
    let ids: Vec<i64> = duty_history::table
        .inner_join(bindings::table.on(bindings::id.eq(duty_history::binding_id)))
        .filter(duty_history::at.lt(before.on_axis()))
        .filter(diesel::dsl::not(open))
        .order(duty_history::at)
        .limit(limit)
        .select(duty_history::id)
        .load(&mut **tx)?;
    let gone = diesel::delete(duty_history::table.filter(duty_history::id.eq_any(ids)))
        .execute(&mut **tx)?;
    Ok(count(gone))
}

/// Bindings that were removed before `before`, and the numbers that they were to, `limit` at most.
pub fn removed_bindings(
    connection: &mut AnyConnection,
    before: Moment,
    limit: i64,
) -> Result<Vec<(BindingId, NumberId)>> {
    let rows: Vec<(i64, i64)> = bindings::table
        .filter(bindings::removed_at.lt(before.on_axis()))
        .order(bindings::removed_at)
        .limit(limit)
        .select((bindings::id, bindings::number_id))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, number)| (BindingId(id), NumberId(number))).collect())
}

/// Deletes those of `ids`, whose numbers are locked, that are removed still since before `before`, with
/// their history; how many.
pub fn drop_removed(tx: &mut Tx<'_>, ids: &[BindingId], before: Moment) -> Result<i64> {
    let ids = ids.iter().map(|id| id.0);
    let gone: Vec<i64> = diesel::delete(
        bindings::table
            .filter(bindings::id.eq_any(ids))
            .filter(bindings::removed_at.lt(before.on_axis())),
    )
    .returning(bindings::id)
    .get_results(&mut **tx)?;
    diesel::delete(duty_history::table.filter(duty_history::binding_id.eq_any(&gone)))
        .execute(&mut **tx)?;
    Ok(count(gone.len()))
}

/// Deletes what was done about a locked number: accounts that were removed, the history of the others, and
/// the messages that are settled.
pub fn drop_traces(tx: &mut Tx<'_>, number: NumberId) -> Result<()> {
    let of_number = || bindings::table.filter(bindings::number_id.eq(number.0));
    let removed: Vec<i64> = of_number()
        .filter(bindings::removed_at.is_not_null())
        .select(bindings::id)
        .load(&mut **tx)?;
    drop_bindings(tx, &removed.into_iter().map(BindingId).collect::<Vec<_>>())?;
    let live: Vec<i64> = of_number().select(bindings::id).load(&mut **tx)?;
    let settled: Vec<i64> = deliveries::table
        .filter(deliveries::binding_id.eq_any(&live))
        .filter(deliveries::next_attempt_at.is_null())
        .select(deliveries::id)
        .load(&mut **tx)?;
    diesel::delete(duty_history::table.filter(duty_history::binding_id.eq_any(&live)))
        .execute(&mut **tx)?;
    drop_these(tx, &settled)
}

/// Live accounts that were verified before what was known of their number was erased, and of which the
/// app was told, or should have been before `told_by`, in Unix milliseconds; `limit` at most.
pub fn erased_bindings(
    connection: &mut AnyConnection,
    told_by: i64,
    limit: i64,
) -> Result<Vec<(BindingId, NumberId, ParticipantId)>> {
    let untold = deliveries::table
        .filter(deliveries::binding_id.eq(bindings::id.nullable()))
        .filter(deliveries::next_attempt_at.is_not_null().and(deliveries::created_at.ge(told_by)));
    let rows: Vec<(i64, i64, i32)> = bindings::table
        .inner_join(numbers::table.on(numbers::id.eq(bindings::number_id)))
        .filter(numbers::kept_since.is_not_null().and(bindings::removed_at.is_null()))
        .filter(bindings::verified_at.lt(numbers::kept_since.assume_not_null()))
        .filter(diesel::dsl::not(diesel::dsl::exists(untold)))
        .order(bindings::id)
        .limit(limit)
        .select((bindings::id, bindings::number_id, bindings::app_id))
        .load(connection)?;
    let ids = |(id, number, app)| (BindingId(id), NumberId(number), ParticipantId(app));
    Ok(rows.into_iter().map(ids).collect())
}

/// Deletes accounts whose numbers are locked, with their history and all messages about them.
pub fn drop_bindings(tx: &mut Tx<'_>, ids: &[BindingId]) -> Result<()> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let told: Vec<i64> = deliveries::table
        .filter(deliveries::binding_id.eq_any(&ids))
        .select(deliveries::id)
        .load(&mut **tx)?;
    drop_these(tx, &told)?;
    diesel::delete(duty_history::table.filter(duty_history::binding_id.eq_any(&ids)))
        .execute(&mut **tx)?;
    diesel::delete(bindings::table.filter(bindings::id.eq_any(&ids))).execute(&mut **tx)?;
    Ok(())
}

fn drop_these(tx: &mut Tx<'_>, ids: &[i64]) -> Result<()> {
    diesel::delete(attempts::table.filter(attempts::delivery_id.eq_any(ids))).execute(&mut **tx)?;
    diesel::delete(deliveries::table.filter(deliveries::id.eq_any(ids))).execute(&mut **tx)?;
    Ok(())
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[derive(Queryable, Selectable, AsChangeset)]
#[diesel(table_name = retention_run, treat_none_as_null = true)]
struct RunRow {
    began_at: i64,
    ended_at: Option<i64>,
    after_number: i64,
    events: i64,
    deliveries: i64,
    history: i64,
    bindings: i64,
}
