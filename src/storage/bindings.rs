//! Which account of which app is bound to which number, and what is demanded of the app for it.
//! A removed binding keeps its row, so that its revision goes on when the account is bound again.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{AnyConnection, on_either};
use super::numbers::{moment_from, reason_from};
use super::schema::{bindings, duty_history};
use super::{Error, Result, Tx};
use crate::domain::binding::{Binding, Holder};
use crate::domain::duty::{Demand, Duty, Response};
use crate::domain::event::{ParticipantId, SealedId};
use crate::domain::number::NumberId;
use crate::domain::time::Moment;
use crate::domain::verdict::Reason;

const ROWS_PER_STATEMENT_MAX: usize = 2_000;

/// A binding's place in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub i64);

/// An account bound to a number, as it is kept.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Its place in the database; 0 before it has one.
    pub id: BindingId,
    /// Whose account.
    pub app: ParticipantId,
    /// Which account, sealed.
    pub account_ref: SealedId,
    /// Which number.
    pub number: NumberId,
    /// When it was bound to this number.
    pub bound_at: Moment,
    /// What the rules look at: the date, the holder, the duty.
    pub binding: Binding,
    /// When time alone may change the demand.
    pub recompute_at: Option<Moment>,
    /// When the app removed it.
    pub removed_at: Option<Moment>,
}

/// Who moved a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The registry: the demand.
    Registry,
    /// The app: the response.
    App,
}

/// One line of a duty's history.
#[derive(Clone, Debug)]
pub struct Move {
    /// When.
    pub at: Moment,
    /// Who.
    pub by: Writer,
    /// The revision after it.
    pub revision: u32,
    /// The demand after it.
    pub demand: Demand,
    /// The response after it.
    pub response: Response,
}

/// The live bindings of `numbers`, each number's in the order of their ids.
pub fn of_numbers(
    connection: &mut AnyConnection,
    numbers: &[NumberId],
) -> Result<HashMap<NumberId, Vec<Bound>>> {
    let mut all: HashMap<NumberId, Vec<Bound>> = HashMap::new();
    for some in numbers.chunks(ROWS_PER_STATEMENT_MAX) {
        let ids: Vec<i64> = some.iter().map(|id| id.0).collect();
        let rows = bindings::table
            .filter(bindings::number_id.eq_any(ids).and(bindings::removed_at.is_null()))
            .order(bindings::id)
            .select(BindingRow::as_select())
            .load(connection)?;
        for row in rows {
            let binding = Bound::try_from(row)?;
            all.entry(binding.number).or_default().push(binding);
        }
    }
    Ok(all)
}

/// An app's bindings by account, removed ones too.
pub fn by_refs(
    connection: &mut AnyConnection,
    app: ParticipantId,
    refs: &[SealedId],
) -> Result<HashMap<SealedId, Bound>> {
    let mut all = HashMap::with_capacity(refs.len());
    for some in refs.chunks(ROWS_PER_STATEMENT_MAX) {
        let bytes: Vec<&[u8]> = some.iter().map(|id| id.0.as_slice()).collect();
        let rows = bindings::table
            .filter(bindings::app_id.eq(app.0).and(bindings::account_ref.eq_any(bytes)))
            .select(BindingRow::as_select())
            .load(connection)?;
        for row in rows {
            let binding = Bound::try_from(row)?;
            all.insert(binding.account_ref.clone(), binding);
        }
    }
    Ok(all)
}

/// Bindings by id, removed ones too.
pub fn by_ids(
    connection: &mut AnyConnection,
    ids: &[BindingId],
) -> Result<HashMap<BindingId, Bound>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = bindings::table
        .filter(bindings::id.eq_any(ids))
        .select(BindingRow::as_select())
        .load(connection)?;
    rows.into_iter().map(|row| Bound::try_from(row).map(|binding| (binding.id, binding))).collect()
}

/// Which of an app's bindings a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All that aren't removed.
    Live,
    /// Those whose demand or response isn't `none`.
    WithDuty,
    /// Those that the app still owes something.
    Open,
    /// Those past one of their dates.
    Overdue(Moment),
    /// Those that are open and past one of their dates.
    OpenAndOverdue(Moment),
}

/// An app's bindings before the id `before`, newest first, `limit` at most.
pub fn page(
    connection: &mut AnyConnection,
    app: ParticipantId,
    shown: Shown,
    before: Option<BindingId>,
    limit: i64,
) -> Result<Vec<Bound>> {
    let mut query = bindings::table
        .filter(bindings::app_id.eq(app.0).and(bindings::removed_at.is_null()))
        .order(bindings::id.desc())
        .limit(limit)
        .select(BindingRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(bindings::id.lt(before.0));
    }
    let has_duty = bindings::demand.ne(0).or(bindings::response.ne(0));
    // The codes rise with the strength: freeze (2) asks frozen (1), detach (3) asks detached (2).
    let owes = bindings::demand
        .ge(Demand::Freeze.code())
        .and(bindings::response.lt(bindings::demand - 1))
        .or(bindings::answer_by.is_not_null());
    let past = |now: Moment| {
        let now = now.on_axis();
        bindings::freeze_by
            .lt(now)
            .and(bindings::response.lt(Response::Frozen.code()))
            .or(bindings::detach_by.lt(now).and(bindings::response.lt(Response::Detached.code())))
            .or(bindings::answer_by.lt(now))
    };
    query = match shown {
        Shown::Live => query,
        Shown::WithDuty => query.filter(has_duty),
        Shown::Open => query.filter(has_duty).filter(owes),
        Shown::Overdue(now) => query.filter(has_duty).filter(past(now).assume_not_null()),
        Shown::OpenAndOverdue(now) => {
            query.filter(has_duty).filter(owes).filter(past(now).assume_not_null())
        }
    };
    query.load(connection)?.into_iter().map(Bound::try_from).collect()
}

/// How many live bindings of `app` each of `numbers` has.
pub fn count_of_app(
    connection: &mut AnyConnection,
    app: ParticipantId,
    numbers: &[NumberId],
) -> Result<HashMap<NumberId, i64>> {
    let ids: Vec<i64> = numbers.iter().map(|id| id.0).collect();
    let rows: Vec<(i64, i64)> = bindings::table
        .filter(bindings::app_id.eq(app.0).and(bindings::number_id.eq_any(ids)))
        .filter(bindings::removed_at.is_null())
        .group_by(bindings::number_id)
        .select((bindings::number_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, count)| (NumberId(id), count)).collect())
}

/// How many live bindings each of `numbers` has.
pub fn count(
    connection: &mut AnyConnection,
    numbers: &[NumberId],
) -> Result<HashMap<NumberId, i64>> {
    let ids: Vec<i64> = numbers.iter().map(|id| id.0).collect();
    let rows: Vec<(i64, i64)> = bindings::table
        .filter(bindings::number_id.eq_any(ids).and(bindings::removed_at.is_null()))
        .group_by(bindings::number_id)
        .select((bindings::number_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, count)| (NumberId(id), count)).collect())
}

/// Numbers that have a binding whose demand time may have changed by now, `limit` at most.
pub fn numbers_to_recompute(
    connection: &mut AnyConnection,
    now: Moment,
    limit: i64,
) -> Result<Vec<NumberId>> {
    let ids: Vec<i64> = bindings::table
        .filter(bindings::recompute_at.le(now.on_axis()))
        .order(bindings::recompute_at)
        .limit(limit)
        .select(bindings::number_id)
        .load(connection)?;
    Ok(ids.into_iter().map(NumberId).collect())
}

/// Writes new bindings; their ids, in the same order.
pub fn insert(tx: &mut Tx<'_>, new: &[Bound]) -> Result<Vec<BindingId>> {
    let mut ids = Vec::with_capacity(new.len());
    let rows: Vec<StateRow> = new.iter().map(StateRow::from).collect();
    for some in rows.chunks(ROWS_PER_STATEMENT_MAX) {
        ids.extend(super::dialect::insert_bindings(tx, some)?.into_iter().map(BindingId));
    }
    Ok(ids)
}

/// Writes everything of a binding but its id.
pub fn update(tx: &mut Tx<'_>, binding: &Bound) -> Result<()> {
    diesel::update(bindings::table.find(binding.id.0))
        .set(StateRow::from(binding))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes lines of histories.
pub fn record(tx: &mut Tx<'_>, moves: &[(BindingId, Move)]) -> Result<()> {
    let rows: Vec<HistoryRow> = moves
        .iter()
        .map(|(id, one)| HistoryRow {
            binding_id: id.0,
            at: one.at.on_axis(),
            writer: match one.by {
                Writer::Registry => REGISTRY,
                Writer::App => APP,
            },
            revision: one.revision.into(),
            demand: one.demand.code(),
            response: one.response.code(),
        })
        .collect();
    for some in rows.chunks(ROWS_PER_STATEMENT_MAX) {
        on_either!(tx, bare => diesel::insert_into(duty_history::table).values(some).execute(bare))?;
    }
    Ok(())
}

/// A duty's history, oldest first, the last `limit` lines.
pub fn history(connection: &mut AnyConnection, id: BindingId, limit: i64) -> Result<Vec<Move>> {
    let mut rows: Vec<HistoryRow> = duty_history::table
        .filter(duty_history::binding_id.eq(id.0))
        .order(duty_history::id.desc())
        .limit(limit)
        .select(HistoryRow::as_select())
        .load(connection)?;
    rows.reverse();
    rows.into_iter()
        .map(|row| {
            Ok(Move {
                at: moment_from(row.at)?,
                by: if row.writer == APP { Writer::App } else { Writer::Registry },
                revision: revision_from(row.revision)?,
                demand: demand_from(row.demand)?,
                response: response_from(row.response)?,
            })
        })
        .collect()
}

/// How many duties of each app are past a date, and the earliest such date.
pub fn overdue_by_app(
    connection: &mut AnyConnection,
    now: Moment,
) -> Result<Vec<(ParticipantId, i64, Moment)>> {
    let now = now.on_axis();
    let late_freeze =
        bindings::freeze_by.lt(now).and(bindings::response.lt(Response::Frozen.code()));
    let late_detach =
        bindings::detach_by.lt(now).and(bindings::response.lt(Response::Detached.code()));
    let rows: Vec<(i32, i64, Option<i64>)> = bindings::table
        .filter(bindings::removed_at.is_null().and(bindings::freeze_by.is_not_null()))
        .filter(late_freeze.or(late_detach).assume_not_null())
        .group_by(bindings::app_id)
        .select((
            bindings::app_id,
            diesel::dsl::count_star(),
            diesel::dsl::min(bindings::freeze_by),
        ))
        .load(connection)?;
    rows.into_iter()
        .map(|(app, count, since)| {
            Ok((ParticipantId(app), count, moment_from(since.unwrap_or(now))?))
        })
        .collect()
}

const REGISTRY: i16 = 1;
const APP: i16 = 2;

#[derive(Queryable, Selectable)]
#[diesel(table_name = bindings)]
struct BindingRow {
    id: i64,
    #[diesel(embed)]
    state: StateRow,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = bindings, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(super) struct StateRow {
    app_id: i32,
    account_ref: Vec<u8>,
    number_id: i64,
    verified_at: i64,
    bound_at: i64,
    holder: i16,
    demand: i16,
    reason: Option<i16>,
    response: i16,
    revision: i64,
    freeze_by: Option<i64>,
    detach_by: Option<i64>,
    answer_by: Option<i64>,
    recompute_at: Option<i64>,
    removed_at: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = duty_history, treat_none_as_default_value = false)]
struct HistoryRow {
    binding_id: i64,
    at: i64,
    writer: i16,
    revision: i64,
    demand: i16,
    response: i16,
}

impl From<&Bound> for StateRow {
    fn from(bound: &Bound) -> StateRow {
        let Binding { verified_at, holder, duty } = &bound.binding;
        StateRow {
            app_id: bound.app.0,
            account_ref: bound.account_ref.0.clone(),
            number_id: bound.number.0,
            verified_at: verified_at.on_axis(),
            bound_at: bound.bound_at.on_axis(),
            holder: holder.code(),
            demand: duty.demand.code(),
            reason: duty.reason.map(Reason::code),
            response: duty.response.code(),
            revision: duty.revision.into(),
            freeze_by: duty.freeze_by.map(Moment::on_axis),
            detach_by: duty.detach_by.map(Moment::on_axis),
            answer_by: duty.answer_by.map(Moment::on_axis),
            recompute_at: bound.recompute_at.map(Moment::on_axis),
            removed_at: bound.removed_at.map(Moment::on_axis),
        }
    }
}

impl TryFrom<BindingRow> for Bound {
    type Error = Error;

    fn try_from(BindingRow { id, state }: BindingRow) -> Result<Bound> {
        Ok(Bound {
            id: BindingId(id),
            app: ParticipantId(state.app_id),
            account_ref: SealedId(state.account_ref),
            number: NumberId(state.number_id),
            bound_at: moment_from(state.bound_at)?,
            binding: Binding {
                verified_at: moment_from(state.verified_at)?,
                holder: Holder::from_code(state.holder)
                    .ok_or(Error::Inconsistent("a holder that doesn't exist"))?,
                duty: Duty {
                    demand: demand_from(state.demand)?,
                    reason: reason_from(state.reason.unwrap_or_default())?,
                    response: response_from(state.response)?,
                    revision: revision_from(state.revision)?,
                    freeze_by: state.freeze_by.map(moment_from).transpose()?,
                    detach_by: state.detach_by.map(moment_from).transpose()?,
                    answer_by: state.answer_by.map(moment_from).transpose()?,
                },
            },
            recompute_at: state.recompute_at.map(moment_from).transpose()?,
            removed_at: state.removed_at.map(moment_from).transpose()?,
        })
    }
}

fn demand_from(code: i16) -> Result<Demand> {
    Demand::from_code(code).ok_or(Error::Inconsistent("a demand that doesn't exist"))
}

fn response_from(code: i16) -> Result<Response> {
    Response::from_code(code).ok_or(Error::Inconsistent("a response that doesn't exist"))
}

/// A revision from its column.
pub(super) fn revision_from(revision: i64) -> Result<u32> {
    u32::try_from(revision).map_err(|_| Error::Inconsistent("a revision out of range"))
}
