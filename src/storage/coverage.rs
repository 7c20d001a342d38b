//! What the admin and the carriers said about calling codes: since when silence means something, up
//! to when it was listened to, and the policy.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{self, AnyConnection, PolicyUse, on_either};
use super::numbers::{calling_code_from, code_column, moment_from};
use super::schema::{
    calling_code_carriers, calling_codes, carrier_coverage, folded_policies, grants,
};
use super::{Result, Tx};
use crate::domain::calling_code::CallingCode;
use crate::domain::coverage::Reported;
use crate::domain::event::ParticipantId;
use crate::domain::number::NumberId;
use crate::domain::time::Moment;

/// What the admin declared of a calling code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// All the carriers report completely since then. `None`: not covered as a whole.
    pub complete_since: Option<Moment>,
    /// The carriers that this rests on, by id.
    pub carriers: Vec<ParticipantId>,
    /// The carriers whose disconnects count only after a begin of their own, by id.
    pub own_only: Vec<ParticipantId>,
    /// The members of the policy that differ from the default, as JSON.
    pub policy: String,
    /// Numbers up to this id were derived anew since the policy changed. `None`: all were.
    pub recompute_after: Option<NumberId>,
    /// The horizon; declaring something else leaves it as it is.
    pub retained_since: Option<Moment>,
}

/// Holds the policy of a calling code until the transaction ends.
pub fn hold_policy(tx: &mut Tx<'_>, code: CallingCode, policy_use: PolicyUse) -> Result<()> {
    Ok(dialect::hold_policy(tx, code_column(code), policy_use)?)
}

/// What was declared of a calling code, if anything was.
pub fn declared(connection: &mut AnyConnection, code: CallingCode) -> Result<Option<Declared>> {
    let key = code_column(code);
    let row: Option<DeclaredRow> = calling_codes::table
        .find(key)
        .select(DeclaredRow::as_select())
        .get_result(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let rows: Vec<(i32, i16, i16)> = calling_code_carriers::table
        .filter(calling_code_carriers::calling_code.eq(key))
        .order(calling_code_carriers::carrier_id)
        .select((
            calling_code_carriers::carrier_id,
            calling_code_carriers::complete,
            calling_code_carriers::own_only,
        ))
        .load(connection)?;
    let listed = |which: fn(&(i32, i16, i16)) -> i16| {
        rows.iter().filter(|row| which(row) == 1).map(|row| ParticipantId(row.0)).collect()
    };
    Ok(Some(Declared {
        complete_since: row.complete_since.map(moment_from).transpose()?,
        carriers: listed(|row| row.1),
        own_only: listed(|row| row.2),
        policy: row.policy,
        recompute_after: row.recompute_after.map(NumberId),
        retained_since: row.retained_since.map(moment_from).transpose()?,
    }))
}

/// Writes what the admin declares; it replaces what was declared before.
pub fn declare(tx: &mut Tx<'_>, code: CallingCode, declared: &Declared) -> Result<()> {
    let key = code_column(code);
    let values = (
        calling_codes::complete_since.eq(declared.complete_since.map(Moment::on_axis)),
        calling_codes::policy.eq(&declared.policy),
        calling_codes::recompute_after.eq(declared.recompute_after.map(|id| id.0)),
    );
    on_either!(tx, bare => diesel::insert_into(calling_codes::table)
        .values((calling_codes::calling_code.eq(key), values))
        .on_conflict(calling_codes::calling_code)
        .do_update()
        .set(values)
        .execute(bare))?;

    diesel::delete(
        calling_code_carriers::table.filter(calling_code_carriers::calling_code.eq(key)),
    )
    .execute(&mut **tx)?;
    let mut named: Vec<ParticipantId> =
        declared.carriers.iter().chain(&declared.own_only).copied().collect();
    named.sort_unstable();
    named.dedup();
    for carrier in named {
        diesel::insert_into(calling_code_carriers::table)
            .values((
                calling_code_carriers::calling_code.eq(key),
                calling_code_carriers::carrier_id.eq(carrier.0),
                calling_code_carriers::complete.eq(i16::from(declared.carriers.contains(&carrier))),
                calling_code_carriers::own_only.eq(i16::from(declared.own_only.contains(&carrier))),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// The policy, as a fingerprint, that each calling code's numbers were folded under.
pub fn folded_under(connection: &mut AnyConnection) -> Result<HashMap<CallingCode, Vec<u8>>> {
    let rows: Vec<(i32, Vec<u8>)> = folded_policies::table
        .select((folded_policies::calling_code, folded_policies::policy))
        .load(connection)?;
    rows.into_iter().map(|(code, policy)| Ok((calling_code_from(code)?, policy))).collect()
}

/// Notes the first policies that numbers of these calling codes are folded under; one that was noted
/// before stays.
pub fn first_fold_under(tx: &mut Tx<'_>, policies: &[(CallingCode, Vec<u8>)]) -> Result<()> {
    for (code, policy) in policies {
        let row = (
            folded_policies::calling_code.eq(code_column(*code)),
            folded_policies::policy.eq(policy),
        );
        on_either!(tx, bare => diesel::insert_into(folded_policies::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(bare))?;
    }
    Ok(())
}

/// Notes the policy that a calling code's numbers are folded under from now on.
pub fn fold_under(tx: &mut Tx<'_>, code: CallingCode, policy: &[u8]) -> Result<()> {
    let value = folded_policies::policy.eq(policy);
    on_either!(tx, bare => diesel::insert_into(folded_policies::table)
        .values((folded_policies::calling_code.eq(code_column(code)), value))
        .on_conflict(folded_policies::calling_code)
        .do_update()
        .set(value)
        .execute(bare))?;
    Ok(())
}

/// Calling codes whose numbers are being derived anew, and how far that is.
pub fn being_recomputed(connection: &mut AnyConnection) -> Result<Vec<(CallingCode, NumberId)>> {
    let rows: Vec<(i32, Option<i64>)> = calling_codes::table
        .filter(calling_codes::recompute_after.is_not_null())
        .select((calling_codes::calling_code, calling_codes::recompute_after))
        .load(connection)?;
    rows.into_iter()
        .filter_map(|(code, after)| Some((code, after?)))
        .map(|(code, after)| Ok((calling_code_from(code)?, NumberId(after))))
        .collect()
}

/// Moves the mark up to which a calling code's numbers were derived anew, unless the policy was
/// changed meanwhile, which put it back to the beginning.
pub fn recomputed(
    tx: &mut Tx<'_>,
    code: CallingCode,
    from: NumberId,
    to: Option<NumberId>,
) -> Result<()> {
    diesel::update(calling_codes::table.find(code_column(code)))
        .filter(calling_codes::recompute_after.eq(from.0))
        .set(calling_codes::recompute_after.eq(to.map(|id| id.0)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Moves the horizon of a calling code.
pub fn move_horizon(tx: &mut Tx<'_>, code: CallingCode, to: Moment) -> Result<()> {
    let horizon = calling_codes::retained_since.eq(to.on_axis());
    on_either!(tx, bare => diesel::insert_into(calling_codes::table)
        .values((
            calling_codes::calling_code.eq(code_column(code)),
            calling_codes::policy.eq("{}"),
            horizon,
        ))
        .on_conflict(calling_codes::calling_code)
        .do_update()
        .set(horizon)
        .execute(bare))?;
    Ok(())
}

/// A calling code that carriers may speak of, or of which anything is known, whose horizon lies before
/// `at`.
pub fn with_horizon_before(
    connection: &mut AnyConnection,
    at: Moment,
) -> Result<Option<CallingCode>> {
    let moved: Vec<i32> = calling_codes::table
        .filter(calling_codes::retained_since.ge(at.on_axis()))
        .select(calling_codes::calling_code)
        .load(connection)?;
    let granted: Vec<i32> =
        grants::table.select(grants::calling_code).distinct().load(connection)?;
    let granted: Vec<CallingCode> =
        granted.into_iter().map(calling_code_from).collect::<Result<_>>()?;
    let mut codes = known(connection)?.into_iter().chain(granted);
    Ok(codes.find(|code| *code != CallingCode::TEST && !moved.contains(&code_column(*code))))
}

/// Every calling code that anything is known of.
pub fn known(connection: &mut AnyConnection) -> Result<Vec<CallingCode>> {
    let mut codes: Vec<i32> =
        calling_codes::table.select(calling_codes::calling_code).load(connection)?;
    codes.extend(
        carrier_coverage::table
            .select(carrier_coverage::calling_code)
            .distinct()
            .load::<i32>(connection)?,
    );
    codes.sort_unstable();
    codes.dedup();
    codes.into_iter().map(calling_code_from).collect()
}

/// How far each carrier has reported about a calling code.
pub fn reported(
    connection: &mut AnyConnection,
    code: CallingCode,
) -> Result<HashMap<ParticipantId, Reported>> {
    let rows: Vec<(i32, Option<i64>, Option<i64>)> = carrier_coverage::table
        .filter(carrier_coverage::calling_code.eq(code_column(code)))
        .select((
            carrier_coverage::carrier_id,
            carrier_coverage::through,
            carrier_coverage::holds_since,
        ))
        .load(connection)?;
    rows.into_iter()
        .map(|(carrier, through, holds_since)| {
            Ok((
                ParticipantId(carrier),
                Reported {
                    through: through.map(moment_from).transpose()?,
                    holds_since: holds_since.map(moment_from).transpose()?,
                },
            ))
        })
        .collect()
}

/// Writes how far a carrier has reported.
pub fn report(
    tx: &mut Tx<'_>,
    carrier: ParticipantId,
    code: CallingCode,
    reported: Reported,
) -> Result<()> {
    let values = (
        carrier_coverage::through.eq(reported.through.map(Moment::on_axis)),
        carrier_coverage::holds_since.eq(reported.holds_since.map(Moment::on_axis)),
    );
    on_either!(tx, bare => diesel::insert_into(carrier_coverage::table)
        .values((
            carrier_coverage::carrier_id.eq(carrier.0),
            carrier_coverage::calling_code.eq(code_column(code)),
            values,
        ))
        .on_conflict((carrier_coverage::carrier_id, carrier_coverage::calling_code))
        .do_update()
        .set(values)
        .execute(bare))?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = calling_codes)]
struct DeclaredRow {
    complete_since: Option<i64>,
    policy: String,
    recompute_after: Option<i64>,
    retained_since: Option<i64>,
}
