//! Numbers: made once, locked before anything is written about them, and the summary of their
//! events beside the lock. The only file that reads or writes elements.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{self, AnyConnection, on_either};
use super::schema::{elements, numbers};
use super::{Error, Result, Tx};
use crate::domain::calling_code::CallingCode;
use crate::domain::event::ParticipantId;
use crate::domain::number::{Element, Guard, NumberId};
use crate::domain::summary::{Occupancy, Summary};
use crate::domain::time::Moment;
use crate::domain::verdict::Reason;

/// How many values one statement takes; PostgreSQL's protocol ends at 65,535.
const ROWS_PER_STATEMENT_MAX: usize = 5_000;

/// One number as the database holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Never reissued.
    pub id: NumberId,
    /// Stands in the row and in each handle: a handle from before a restored backup doesn't fit.
    pub guard: Guard,
    /// Selects the policy.
    pub calling_code: CallingCode,
    /// What the fold made of the number's events.
    pub summary: Summary,
}

/// What a new number's row begins with.
#[derive(Clone, Debug)]
pub struct NewNumber {
    /// What stands for the number.
    pub element: Element,
    /// Selects the policy.
    pub calling_code: CallingCode,
    /// Random.
    pub guard: Guard,
    /// Nothing known, except for the test numbers, whose summaries are constants.
    pub summary: Summary,
}

/// The id of each element that has one.
pub fn find(
    connection: &mut AnyConnection,
    sought: &[Element],
) -> Result<HashMap<Element, NumberId>> {
    let mut found = HashMap::with_capacity(sought.len());
    for some in sought.chunks(ROWS_PER_STATEMENT_MAX) {
        let bytes: Vec<&[u8]> = some.iter().map(|element| element.as_bytes().as_slice()).collect();
        let rows: Vec<(Vec<u8>, i64)> = elements::table
            .filter(elements::element.eq_any(bytes))
            .select((elements::element, elements::number_id))
            .load(connection)?;
        for (element, id) in rows {
            found.insert(element_from(&element)?, NumberId(id));
        }
    }
    Ok(found)
}

/// The id of each element; those that have none get a row, in the order of their elements, so that
/// two who bring the same new numbers never wait for each other in a circle.
pub fn find_or_make(tx: &mut Tx<'_>, wanted: &[NewNumber]) -> Result<HashMap<Element, NumberId>> {
    let sought: Vec<Element> = wanted.iter().map(|number| number.element).collect();
    let mut found = find(tx, &sought)?;

    let mut missing: Vec<&NewNumber> =
        wanted.iter().filter(|number| !found.contains_key(&number.element)).collect();
    missing.sort_by_key(|number| number.element);
    missing.dedup_by(|a, b| a.element == b.element);
    for some in missing.chunks(ROWS_PER_STATEMENT_MAX / 4) {
        make(tx, some, &mut found)?;
    }
    Ok(found)
}

fn make(
    tx: &mut Tx<'_>,
    missing: &[&NewNumber],
    found: &mut HashMap<Element, NumberId>,
) -> Result<()> {
    let rows: Vec<NewNumberRow> =
        missing.iter().map(|number| NewNumberRow::from(*number)).collect();
    let ids = dialect::insert_numbers(tx, &rows)?;
    let links: Vec<ElementRow> = missing
        .iter()
        .zip(&ids)
        .map(|(number, id)| ElementRow {
            element: number.element.as_bytes().to_vec(),
            number_id: *id,
        })
        .collect();
    let made: usize = on_either!(tx, bare => diesel::insert_into(elements::table)
        .values(&links)
        .on_conflict_do_nothing()
        .execute(bare))?;

    let made_all = made == links.len();
    if !made_all {
        // Another transaction made some of them meanwhile; the insert waited for its commit.
        let sought: Vec<Element> = missing.iter().map(|number| number.element).collect();
        found.extend(find(tx, &sought)?);
        let orphans: Vec<i64> = links
            .iter()
            .zip(missing)
            .filter(|(link, number)| found.get(&number.element) != Some(&NumberId(link.number_id)))
            .map(|(link, _)| link.number_id)
            .collect();
        diesel::delete(numbers::table.filter(numbers::id.eq_any(orphans))).execute(&mut **tx)?;
    } else {
        found.extend(missing.iter().zip(ids).map(|(number, id)| (number.element, NumberId(id))));
    }
    Ok(())
}

/// Locks the rows of `ids` until the transaction ends and returns them by id.
pub fn lock(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = NumberId>,
) -> Result<HashMap<NumberId, Number>> {
    let mut sorted: Vec<i64> = ids.into_iter().map(|id| id.0).collect();
    sorted.sort_unstable();
    sorted.dedup();
    by_id(dialect::lock_numbers(tx, &sorted)?)
}

/// The rows of `ids` as they stand.
pub fn load(connection: &mut AnyConnection, ids: &[NumberId]) -> Result<HashMap<NumberId, Number>> {
    let mut all = HashMap::with_capacity(ids.len());
    for some in ids.chunks(ROWS_PER_STATEMENT_MAX) {
        let ids: Vec<i64> = some.iter().map(|id| id.0).collect();
        let rows = numbers::table
            .filter(numbers::id.eq_any(ids))
            .select(NumberRow::as_select())
            .load(connection)?;
        all.extend(by_id(rows)?);
    }
    Ok(all)
}

/// Every element and its number from `after` on, in the order of the ids, `limit` at most: how the
/// index is loaded.
pub fn page(
    connection: &mut AnyConnection,
    after: NumberId,
    limit: i64,
) -> Result<Vec<(Element, Number)>> {
    let rows: Vec<(Vec<u8>, NumberRow)> = numbers::table
        .inner_join(elements::table.on(elements::number_id.eq(numbers::id)))
        .filter(numbers::id.gt(after.0))
        .order(numbers::id)
        .limit(limit)
        .select((elements::element, NumberRow::as_select()))
        .load(connection)?;
    rows.into_iter().map(|(element, row)| Ok((element_from(&element)?, row.try_into()?))).collect()
}

/// The elements of `ids`.
pub fn elements_of(
    connection: &mut AnyConnection,
    ids: &[NumberId],
) -> Result<Vec<(Element, NumberId)>> {
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(ROWS_PER_STATEMENT_MAX) {
        let ids: Vec<i64> = some.iter().map(|id| id.0).collect();
        let rows: Vec<(Vec<u8>, i64)> = elements::table
            .filter(elements::number_id.eq_any(ids))
            .select((elements::element, elements::number_id))
            .load(connection)?;
        for (element, id) in rows {
            all.push((element_from(&element)?, NumberId(id)));
        }
    }
    Ok(all)
}

/// The ids after `after`, `limit` at most.
pub fn ids_after(
    connection: &mut AnyConnection,
    after: NumberId,
    limit: i64,
) -> Result<Vec<NumberId>> {
    let ids: Vec<i64> = numbers::table
        .filter(numbers::id.gt(after.0))
        .order(numbers::id)
        .limit(limit)
        .select(numbers::id)
        .load(connection)?;
    Ok(ids.into_iter().map(NumberId).collect())
}

/// The ids of a calling code's numbers after `after`, `limit` at most.
pub fn ids_of_calling_code(
    connection: &mut AnyConnection,
    calling_code: CallingCode,
    after: NumberId,
    limit: i64,
) -> Result<Vec<NumberId>> {
    let ids: Vec<i64> = numbers::table
        .filter(numbers::calling_code.eq(code_column(calling_code)))
        .filter(numbers::id.gt(after.0))
        .order(numbers::id)
        .limit(limit)
        .select(numbers::id)
        .load(connection)?;
    Ok(ids.into_iter().map(NumberId).collect())
}

/// Writes the summary of a locked number.
pub fn write_summary(tx: &mut Tx<'_>, id: NumberId, summary: &Summary) -> Result<()> {
    diesel::update(numbers::table.find(id.0)).set(SummaryRow::from(summary)).execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = numbers)]
pub(super) struct NumberRow {
    id: i64,
    calling_code: i32,
    guard: i64,
    #[diesel(embed)]
    summary: SummaryRow,
}

#[derive(Queryable, Selectable, AsChangeset, Insertable, Clone)]
#[diesel(table_name = numbers, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(super) struct SummaryRow {
    freeze_before: i64,
    changed_before: i64,
    clear_from: i64,
    detach_before: i64,
    changed_reason: i16,
    clear_reason: i16,
    detach_from: Option<i64>,
    held_since: Option<i64>,
    holder: Option<i32>,
    occupancy: i16,
    version: i64,
    kept_since: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = numbers, treat_none_as_default_value = false)]
pub(super) struct NewNumberRow {
    calling_code: i32,
    guard: i64,
    #[diesel(embed)]
    summary: SummaryRow,
}

#[derive(Insertable)]
#[diesel(table_name = elements, treat_none_as_default_value = false)]
struct ElementRow {
    element: Vec<u8>,
    number_id: i64,
}

impl From<&NewNumber> for NewNumberRow {
    fn from(number: &NewNumber) -> NewNumberRow {
        NewNumberRow {
            calling_code: code_column(number.calling_code),
            guard: i64::from(u32::from_be_bytes(number.guard.0)),
            summary: SummaryRow::from(&number.summary),
        }
    }
}

impl From<&Summary> for SummaryRow {
    fn from(summary: &Summary) -> SummaryRow {
        SummaryRow {
            freeze_before: summary.freeze_before.on_axis(),
            changed_before: summary.changed_before.on_axis(),
            clear_from: summary.clear_from.on_axis(),
            detach_before: summary.detach_before.on_axis(),
            changed_reason: code_of(summary.changed_reason),
            clear_reason: code_of(summary.clear_reason),
            detach_from: summary.detach_from.map(Moment::on_axis),
            held_since: summary.held_since.map(Moment::on_axis),
            holder: summary.holder.map(|holder| holder.0),
            occupancy: summary.occupancy.code(),
            version: summary.version.into(),
            kept_since: summary.kept_since.map(Moment::on_axis),
        }
    }
}

impl TryFrom<NumberRow> for Number {
    type Error = Error;

    fn try_from(row: NumberRow) -> Result<Number> {
        let summary = row.summary;
        let moment = |seconds| moment_from(seconds);
        Ok(Number {
            id: NumberId(row.id),
            guard: Guard(
                u32::try_from(row.guard)
                    .map_err(|_| Error::Inconsistent("a guard of more than four bytes"))?
                    .to_be_bytes(),
            ),
            calling_code: calling_code_from(row.calling_code)?,
            summary: Summary {
                freeze_before: moment(summary.freeze_before)?,
                changed_before: moment(summary.changed_before)?,
                clear_from: moment(summary.clear_from)?,
                detach_before: moment(summary.detach_before)?,
                changed_reason: reason_from(summary.changed_reason)?,
                clear_reason: reason_from(summary.clear_reason)?,
                detach_from: summary.detach_from.map(moment).transpose()?,
                held_since: summary.held_since.map(moment).transpose()?,
                holder: summary.holder.map(ParticipantId),
                occupancy: Occupancy::from_code(summary.occupancy)
                    .ok_or(Error::Inconsistent("an occupancy that doesn't exist"))?,
                version: u32::try_from(summary.version)
                    .map_err(|_| Error::Inconsistent("a version out of range"))?,
                kept_since: summary.kept_since.map(moment).transpose()?,
            },
        })
    }
}

fn by_id(rows: Vec<NumberRow>) -> Result<HashMap<NumberId, Number>> {
    rows.into_iter().map(|row| Number::try_from(row).map(|number| (number.id, number))).collect()
}

fn element_from(bytes: &[u8]) -> Result<Element> {
    let bytes =
        bytes.try_into().map_err(|_| Error::Inconsistent("an element that isn't 32 bytes"))?;
    Ok(Element::from_bytes(bytes))
}

/// No reason is 0.
fn code_of(reason: Option<Reason>) -> i16 {
    reason.map_or(0, Reason::code)
}

/// A reason from its code in a column; 0 is none.
pub(super) fn reason_from(code: i16) -> Result<Option<Reason>> {
    match code {
        0 => Ok(None),
        code => Reason::from_code(code)
            .map(Some)
            .ok_or(Error::Inconsistent("a reason that doesn't exist")),
    }
}

/// A moment from its seconds in a column.
pub(super) fn moment_from(seconds: i64) -> Result<Moment> {
    let seconds = u32::try_from(seconds).map_err(|_| Error::Inconsistent("a time out of range"))?;
    Ok(Moment::from_seconds(seconds))
}

/// A calling code as a column holds it.
pub(super) fn code_column(code: CallingCode) -> i32 {
    i32::from(u16::from(code))
}

/// A calling code from its column.
pub(super) fn calling_code_from(value: i32) -> Result<CallingCode> {
    u16::try_from(value)
        .ok()
        .and_then(|code| CallingCode::try_from(code).ok())
        .ok_or(Error::Inconsistent("a calling code that isn't assigned"))
}
