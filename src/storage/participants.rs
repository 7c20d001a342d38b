//! Who takes part, and by which keys. A key is kept as its SHA-256 alone: it has 192 random bits.

use std::collections::HashMap;

use diesel::prelude::*;

use super::dialect::{self, AnyConnection};
use super::numbers::{calling_code_from, code_column, moment_from};
use super::schema::{api_keys, grants, participants};
use super::{Error, Result, Tx};
use crate::domain::calling_code::CallingCode;
use crate::domain::event::ParticipantId;
use crate::domain::participant::{Kind, Name, Participant, Permissions, State};
use crate::domain::time::Moment;
use crate::domain::verdict::NotCovered;

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Public: `key_…`.
    pub id: String,
    /// Whose.
    pub participant: ParticipantId,
    /// What the participant calls it.
    pub label: String,
    /// What it may do.
    pub permissions: Permissions,
    /// SHA-256 of the key's text.
    pub secret_hash: Vec<u8>,
    /// When it was issued.
    pub created_at: Moment,
    /// When it ends, if it does.
    pub expires_at: Option<Moment>,
    /// When it was revoked.
    pub revoked_at: Option<Moment>,
    /// About when it was last used.
    pub last_used_at: Option<Moment>,
}

/// Locks a participant's row until the transaction ends: what is written in one app's name is
/// written in turn.
pub fn lock(tx: &mut Tx<'_>, id: ParticipantId) -> Result<()> {
    Ok(dialect::lock_participant(tx, id.0)?)
}

/// Locks every admin likewise.
pub fn lock_admins(tx: &mut Tx<'_>) -> Result<()> {
    Ok(dialect::lock_participants_of(tx, Kind::Admin.code())?)
}

/// Locks every app of an organisation likewise; how many accounts they have bound together.
pub fn lock_apps_of(tx: &mut Tx<'_>, organisation: &str) -> Result<i64> {
    Ok(dialect::lock_apps_of(tx, organisation, Kind::App.code())?.into_iter().sum())
}

/// Counts bindings that came and went. The app's row is locked.
pub fn count_bindings(tx: &mut Tx<'_>, app: ParticipantId, more: i64) -> Result<()> {
    if more != 0 {
        diesel::update(participants::table.find(app.0))
            .set(participants::live_bindings.eq(participants::live_bindings + more))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Every participant, by name.
pub fn all(connection: &mut AnyConnection) -> Result<Vec<Participant>> {
    let rows = participants::table
        .order(participants::name)
        .select(ParticipantRow::as_select())
        .load(connection)?;
    all_with_grants(connection, rows)
}

/// Participants, newest first, before this id, `limit` at most.
pub fn page(
    connection: &mut AnyConnection,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Participant>> {
    let before = before.and_then(|id| i32::try_from(id).ok()).unwrap_or(i32::MAX);
    let rows = participants::table
        .filter(participants::id.lt(before))
        .order(participants::id.desc())
        .limit(limit)
        .select(ParticipantRow::as_select())
        .load(connection)?;
    all_with_grants(connection, rows)
}

fn all_with_grants(
    connection: &mut AnyConnection,
    rows: Vec<ParticipantRow>,
) -> Result<Vec<Participant>> {
    let ids = rows.iter().map(|row| row.id);
    let found: Vec<(i32, i32)> = grants::table
        .filter(grants::participant_id.eq_any(ids))
        .order((grants::participant_id, grants::calling_code))
        .select((grants::participant_id, grants::calling_code))
        .load(connection)?;
    let mut granted: HashMap<i32, Vec<CallingCode>> = HashMap::new();
    for (id, code) in found {
        granted.entry(id).or_default().push(calling_code_from(code)?);
    }
    rows.into_iter()
        .map(|row| {
            let codes = granted.remove(&row.id).unwrap_or_default();
            row.participant(codes)
        })
        .collect()
}

/// One participant by id.
pub fn by_id(connection: &mut AnyConnection, id: ParticipantId) -> Result<Option<Participant>> {
    let row = participants::table
        .find(id.0)
        .select(ParticipantRow::as_select())
        .get_result(connection)
        .optional()?;
    with_grants(connection, row)
}

/// One participant by name.
pub fn by_name(connection: &mut AnyConnection, name: &Name) -> Result<Option<Participant>> {
    let row = participants::table
        .filter(participants::name.eq(name.as_str()))
        .select(ParticipantRow::as_select())
        .get_result(connection)
        .optional()?;
    with_grants(connection, row)
}

/// Writes a new participant; its id. The one that is handed in is ignored.
pub fn insert(tx: &mut Tx<'_>, participant: &Participant) -> Result<ParticipantId> {
    let id = diesel::insert_into(participants::table)
        .values((
            participants::name.eq(participant.name.as_str()),
            participants::kind.eq(participant.kind.code()),
            participants::created_at.eq(participant.created_at.on_axis()),
            Changeable::from(participant),
        ))
        .returning(participants::id)
        .get_result(&mut **tx)?;
    grant(tx, id, &participant.calling_codes)?;
    Ok(ParticipantId(id))
}

/// Writes all of a participant that may change.
pub fn update(tx: &mut Tx<'_>, participant: &Participant) -> Result<()> {
    let id = participant.id.0;
    diesel::update(participants::table.find(id))
        .set(Changeable::from(participant))
        .execute(&mut **tx)?;
    diesel::delete(grants::table.filter(grants::participant_id.eq(id))).execute(&mut **tx)?;
    grant(tx, id, &participant.calling_codes)
}

fn grant(tx: &mut Tx<'_>, id: i32, codes: &[CallingCode]) -> Result<()> {
    for code in codes {
        diesel::insert_into(grants::table)
            .values((grants::participant_id.eq(id), grants::calling_code.eq(code_column(*code))))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// A participant's keys, revoked ones too, newest first.
pub fn keys_of(connection: &mut AnyConnection, id: ParticipantId) -> Result<Vec<ApiKey>> {
    let rows = api_keys::table
        .filter(api_keys::participant_id.eq(id.0))
        .order(api_keys::id.desc())
        .select(KeyRow::as_select())
        .load(connection)?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// The keys of all admins that aren't suspended, without those revoked.
pub fn keys_of_admins(connection: &mut AnyConnection) -> Result<Vec<ApiKey>> {
    let rows = api_keys::table
        .inner_join(participants::table.on(participants::id.eq(api_keys::participant_id)))
        .filter(participants::kind.eq(Kind::Admin.code()))
        .filter(participants::state.eq(State::Active.code()))
        .filter(api_keys::revoked_at.is_null())
        .select(KeyRow::as_select())
        .load(connection)?;
    rows.into_iter().map(ApiKey::try_from).collect()
}

/// Writes a new key.
pub fn insert_key(tx: &mut Tx<'_>, key: &ApiKey) -> Result<()> {
    diesel::insert_into(api_keys::table).values(KeyRow::from(key)).execute(&mut **tx)?;
    Ok(())
}

/// Writes when a key ends, or that it was revoked.
pub fn update_key(tx: &mut Tx<'_>, key: &ApiKey) -> Result<()> {
    diesel::update(api_keys::table.find(&key.id))
        .set((
            api_keys::expires_at.eq(key.expires_at.map(Moment::on_axis)),
            api_keys::revoked_at.eq(key.revoked_at.map(Moment::on_axis)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes when keys were last used.
pub fn note_use(tx: &mut Tx<'_>, used: &HashMap<String, Moment>) -> Result<()> {
    for (id, at) in used {
        diesel::update(api_keys::table.find(id))
            .set(api_keys::last_used_at.eq(at.on_axis()))
            .execute(&mut **tx)?;
    }
    Ok(())
}

fn with_grants(
    connection: &mut AnyConnection,
    row: Option<ParticipantRow>,
) -> Result<Option<Participant>> {
    let Some(row) = row else { return Ok(None) };
    let codes: Vec<i32> = grants::table
        .filter(grants::participant_id.eq(row.id))
        .order(grants::calling_code)
        .select(grants::calling_code)
        .load(connection)?;
    let codes = codes.into_iter().map(calling_code_from).collect::<Result<_>>()?;
    row.participant(codes).map(Some)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = participants)]
struct ParticipantRow {
    id: i32,
    name: String,
    kind: i16,
    created_at: i64,
    #[diesel(embed)]
    changeable: Changeable,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = participants, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Changeable {
    organisation: String,
    display_name: String,
    state: i16,
    state_why: Option<String>,
    accounts_declared: Option<i64>,
    close_account_url: Option<String>,
    recover_url: Option<String>,
    support_url: Option<String>,
    advice_not_covered: i16,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
struct KeyRow {
    id: String,
    participant_id: i32,
    label: String,
    permissions: i32,
    secret_hash: Vec<u8>,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl ParticipantRow {
    fn participant(self, calling_codes: Vec<CallingCode>) -> Result<Participant> {
        let changeable = self.changeable;
        Ok(Participant {
            id: ParticipantId(self.id),
            name: Name::parse(&self.name)
                .map_err(|_| Error::Inconsistent("a participant's name that isn't one"))?,
            kind: Kind::from_code(self.kind)
                .ok_or(Error::Inconsistent("a kind that doesn't exist"))?,
            organisation: changeable.organisation,
            display_name: changeable.display_name,
            state: State::from_code(changeable.state)
                .ok_or(Error::Inconsistent("a state that doesn't exist"))?,
            state_why: changeable.state_why,
            accounts_declared: changeable.accounts_declared.and_then(|n| u64::try_from(n).ok()),
            close_account_url: changeable.close_account_url,
            recover_url: changeable.recover_url,
            support_url: changeable.support_url,
            advice_not_covered: NotCovered::from_code(changeable.advice_not_covered)
                .ok_or(Error::Inconsistent("an advice that doesn't exist"))?,
            calling_codes,
            created_at: moment_from(self.created_at)?,
        })
    }
}

impl From<&Participant> for Changeable {
    fn from(participant: &Participant) -> Changeable {
        Changeable {
            organisation: participant.organisation.clone(),
            display_name: participant.display_name.clone(),
            state: participant.state.code(),
            state_why: participant.state_why.clone(),
            accounts_declared: participant.accounts_declared.and_then(|n| i64::try_from(n).ok()),
            close_account_url: participant.close_account_url.clone(),
            recover_url: participant.recover_url.clone(),
            support_url: participant.support_url.clone(),
            advice_not_covered: participant.advice_not_covered.code(),
        }
    }
}

impl From<&ApiKey> for KeyRow {
    fn from(key: &ApiKey) -> KeyRow {
        KeyRow {
            id: key.id.clone(),
            participant_id: key.participant.0,
            label: key.label.clone(),
            permissions: key.permissions.bits(),
            secret_hash: key.secret_hash.clone(),
            created_at: key.created_at.on_axis(),
            expires_at: key.expires_at.map(Moment::on_axis),
            revoked_at: key.revoked_at.map(Moment::on_axis),
            last_used_at: key.last_used_at.map(Moment::on_axis),
        }
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = Error;

    fn try_from(row: KeyRow) -> Result<ApiKey> {
        Ok(ApiKey {
            id: row.id,
            participant: ParticipantId(row.participant_id),
            label: row.label,
            permissions: Permissions::from_bits(row.permissions),
            secret_hash: row.secret_hash,
            created_at: moment_from(row.created_at)?,
            expires_at: row.expires_at.map(moment_from).transpose()?,
            revoked_at: row.revoked_at.map(moment_from).transpose()?,
            last_used_at: row.last_used_at.map(moment_from).transpose()?,
        })
    }
}
