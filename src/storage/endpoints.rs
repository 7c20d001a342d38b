//! Webhook addresses. What is leased to a worker is an endpoint with all that is due to it, never a
//! single delivery: a dead endpoint's backlog then costs the others nothing.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::deliveries::{DEAD, PENDING};
use super::dialect::{self, AnyConnection};
use super::schema::{deliveries, endpoints};
use super::{Result, Tx};
use crate::domain::duty::MessageType;
use crate::domain::event::ParticipantId;
use crate::domain::unsaid::unsaid;

/// An endpoint's place in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub i64);

/// Whether messages are sent, or kept until it is enabled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Sent.
    Enabled,
    /// Kept.
    Disabled,
}

/// A webhook address. Times are Unix milliseconds.
#[derive(Clone)]
pub struct Endpoint {
    /// Its place in the database; 0 before it has one.
    pub id: EndpointId,
    /// Public: `ep_…`.
    pub public_id: String,
    /// Whose.
    pub app: ParticipantId,
    /// Where messages go.
    pub url: String,
    /// Sent or kept.
    pub state: State,
    /// Which message types it wants; `*` for all.
    pub types: Vec<String>,
    /// The signing secret, sealed.
    pub secret: Vec<u8>,
    /// The secret before it, sealed, which signs too until `old_secret_until`.
    pub old_secret: Option<Vec<u8>>,
    /// Until when the old secret signs.
    pub old_secret_until: Option<i64>,
    /// When it was registered.
    pub created_at: i64,
    /// When it was deleted.
    pub deleted_at: Option<i64>,
    /// The breaker: failures in a row,
    pub failures: i32,
    /// since when nothing got through,
    pub failing_since: Option<i64>,
    /// and until when nothing is tried.
    pub open_until: Option<i64>,
    /// Until when a worker has it.
    pub leased_until: i64,
    /// Counts leases: who settles under an older one is ignored.
    pub lease: i64,
}

impl Endpoint {
    /// Whether messages go here at all.
    pub fn is_sent_to(&self) -> bool {
        self.state == State::Enabled && self.deleted_at.is_none()
    }

    /// Whether messages of `kind` go here.
    pub fn wants(&self, kind: MessageType) -> bool {
        self.types.iter().any(|wanted| wanted == "*" || wanted == kind.text())
    }
}

/// An app's endpoints that aren't deleted, newest first.
pub fn of_app(connection: &mut AnyConnection, app: ParticipantId) -> Result<Vec<Endpoint>> {
    let rows = endpoints::table
        .filter(endpoints::app_id.eq(app.0).and(endpoints::deleted_at.is_null()))
        .order(endpoints::id.desc())
        .select(EndpointRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// One of an app's endpoints by its public id, deleted or not.
pub fn named(
    connection: &mut AnyConnection,
    app: ParticipantId,
    public_id: &str,
) -> Result<Option<Endpoint>> {
    let row = endpoints::table
        .filter(endpoints::app_id.eq(app.0).and(endpoints::public_id.eq(public_id)))
        .select(EndpointRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.map(Endpoint::from))
}

/// The endpoints of several apps that aren't deleted.
pub fn of_apps(connection: &mut AnyConnection, apps: &[ParticipantId]) -> Result<Vec<Endpoint>> {
    let ids: Vec<i32> = apps.iter().map(|app| app.0).collect();
    let rows = endpoints::table
        .filter(endpoints::app_id.eq_any(ids).and(endpoints::deleted_at.is_null()))
        .order(endpoints::id)
        .select(EndpointRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// One endpoint, deleted or not.
pub fn by_id(connection: &mut AnyConnection, id: EndpointId) -> Result<Option<Endpoint>> {
    let row = endpoints::table
        .find(id.0)
        .select(EndpointRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.map(Endpoint::from))
}

/// The public ids of some endpoints, deleted or not.
pub fn names(
    connection: &mut AnyConnection,
    ids: impl Iterator<Item = EndpointId>,
) -> Result<HashMap<EndpointId, String>> {
    let ids: HashSet<i64> = ids.map(|id| id.0).collect();
    let rows: Vec<(i64, String)> = endpoints::table
        .filter(endpoints::id.eq_any(ids))
        .select((endpoints::id, endpoints::public_id))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, name)| (EndpointId(id), name)).collect())
}

/// Every endpoint that isn't deleted, for the status page.
pub fn all(connection: &mut AnyConnection) -> Result<Vec<Endpoint>> {
    let rows = endpoints::table
        .filter(endpoints::deleted_at.is_null())
        .order(endpoints::id)
        .select(EndpointRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// Writes a new endpoint; its id.
pub fn insert(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<EndpointId> {
    let id = diesel::insert_into(endpoints::table)
        .values((
            endpoints::public_id.eq(&endpoint.public_id),
            endpoints::app_id.eq(endpoint.app.0),
            endpoints::created_at.eq(endpoint.created_at),
            Changeable::from(endpoint),
        ))
        .returning(endpoints::id)
        .get_result(&mut **tx)?;
    Ok(EndpointId(id))
}

/// Writes what an app may change of an endpoint: not the lease and not the breaker.
pub fn update(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<()> {
    diesel::update(endpoints::table.find(endpoint.id.0))
        .set(Changeable::from(endpoint))
        .execute(&mut **tx)?;
    Ok(())
}

/// When the first delivery in one of these states comes due to an endpoint. What is held back, because
/// something about its number has still to be sent before it, doesn't count. One step in the index for
/// each endpoint, however many deliveries wait.
macro_rules! first_due {
    ($states:expr) => {{
        let (waiting, earlier) = diesel::alias!(deliveries as waiting, deliveries as earlier);
        let first_before = earlier
            .filter(
                earlier.field(deliveries::endpoint_id).eq(waiting.field(deliveries::endpoint_id)),
            )
            .filter(earlier.field(deliveries::number_id).eq(waiting.field(deliveries::number_id)))
            .filter(earlier.field(deliveries::id).lt(waiting.field(deliveries::id)))
            .filter(earlier.field(deliveries::state).eq(PENDING))
            .filter(earlier.field(deliveries::next_attempt_at).is_not_null())
            .select(diesel::dsl::min(earlier.field(deliveries::id)))
            .single_value();
        waiting
            .filter(waiting.field(deliveries::endpoint_id).eq(endpoints::id))
            .filter(waiting.field(deliveries::next_attempt_at).is_not_null())
            .filter(waiting.field(deliveries::state).eq_any($states))
            .filter(first_before.is_null())
            .order(waiting.field(deliveries::next_attempt_at))
            .select(waiting.field(deliveries::next_attempt_at))
            .single_value()
    }};
}

/// The endpoints that have something due at `now`, may be tried, and that no worker has; those
/// waiting longest first.
pub fn due(connection: &mut AnyConnection, now: i64, limit: i64) -> Result<Vec<EndpointId>> {
    let ids: Vec<i64> = endpoints::table
        .filter(endpoints::deleted_at.is_null().and(endpoints::state.eq(ENABLED)))
        .filter(endpoints::leased_until.le(now))
        .filter(endpoints::open_until.is_null().or(endpoints::open_until.le(now)))
        .filter(first_due!([PENDING, DEAD]).le(now))
        .order(endpoints::leased_until)
        .limit(limit)
        .select(endpoints::id)
        .load(connection)?;
    Ok(ids.into_iter().map(EndpointId).collect())
}

/// When what waits longest to be sent was due, dead letters aside. What is kept for a disabled endpoint
/// isn't.
pub fn oldest_due(connection: &mut AnyConnection) -> Result<Option<i64>> {
    let first: Vec<Option<i64>> = endpoints::table
        .filter(endpoints::deleted_at.is_null().and(endpoints::state.eq(ENABLED)))
        .select(first_due!([PENDING]))
        .load(connection)?;
    Ok(first.into_iter().flatten().min())
}

/// Takes for one worker until `until` those of `ids` that no other has, or is taking.
pub fn lease(tx: &mut Tx<'_>, ids: &[EndpointId], now: i64, until: i64) -> Result<Vec<Endpoint>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let free = dialect::lock_free_endpoints(tx, &ids, now)?;
    diesel::update(endpoints::table.filter(endpoints::id.eq_any(&free)))
        .set((endpoints::leased_until.eq(until), endpoints::lease.eq(endpoints::lease + 1)))
        .execute(&mut **tx)?;
    let rows = endpoints::table
        .filter(endpoints::id.eq_any(&free))
        .select(EndpointRow::as_select())
        .load(&mut **tx)?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// Keeps a leased endpoint until `until`.
pub fn renew(tx: &mut Tx<'_>, endpoint: &Endpoint, until: i64) -> Result<()> {
    diesel::update(endpoints::table.find(endpoint.id.0))
        .filter(endpoints::lease.eq(endpoint.lease))
        .set(endpoints::leased_until.eq(until))
        .execute(&mut **tx)?;
    Ok(())
}

/// Ends every lease: for a process that knows that it is the only one.
pub fn end_leases(tx: &mut Tx<'_>) -> Result<()> {
    diesel::update(endpoints::table)
        .filter(endpoints::leased_until.gt(0))
        .set(endpoints::leased_until.eq(0))
        .execute(&mut **tx)?;
    Ok(())
}

/// Gives an endpoint back. Says nothing when the lease has gone to another worker meanwhile.
pub fn release(tx: &mut Tx<'_>, endpoint: &Endpoint, now: i64) -> Result<()> {
    diesel::update(endpoints::table.find(endpoint.id.0))
        .filter(endpoints::lease.eq(endpoint.lease))
        .set(endpoints::leased_until.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes what the breaker makes of tries to a locked endpoint.
pub fn note_breaker(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<()> {
    diesel::update(endpoints::table.find(endpoint.id.0))
        .set((
            endpoints::failures.eq(endpoint.failures),
            endpoints::failing_since.eq(endpoint.failing_since),
            endpoints::open_until.eq(endpoint.open_until),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// An endpoint, deleted or not, that nobody else changes until the transaction ends.
pub fn lock(tx: &mut Tx<'_>, id: EndpointId) -> Result<Option<Endpoint>> {
    dialect::lock_endpoint(tx, id.0)?;
    by_id(tx, id)
}

/// A leased endpoint as it is now, locked; none when another worker has it, or nothing is to be sent to
/// it.
pub fn still_leased(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<Option<Endpoint>> {
    let now = lock(tx, endpoint.id)?;
    Ok(now.filter(|now| now.lease == endpoint.lease && now.is_sent_to()))
}

pub(super) const ENABLED: i16 = 1;
const DISABLED: i16 = 2;

#[derive(Queryable, Selectable)]
#[diesel(table_name = endpoints)]
struct EndpointRow {
    id: i64,
    public_id: String,
    app_id: i32,
    created_at: i64,
    failures: i32,
    failing_since: Option<i64>,
    open_until: Option<i64>,
    leased_until: i64,
    lease: i64,
    #[diesel(embed)]
    changeable: Changeable,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = endpoints, treat_none_as_null = true, treat_none_as_default_value = false)]
struct Changeable {
    url: String,
    state: i16,
    types: String,
    secret: Vec<u8>,
    old_secret: Option<Vec<u8>>,
    old_secret_until: Option<i64>,
    deleted_at: Option<i64>,
}

impl From<&Endpoint> for Changeable {
    fn from(endpoint: &Endpoint) -> Changeable {
        Changeable {
            url: endpoint.url.clone(),
            state: match endpoint.state {
                State::Enabled => ENABLED,
                State::Disabled => DISABLED,
            },
            types: endpoint.types.join(" "),
            secret: endpoint.secret.clone(),
            old_secret: endpoint.old_secret.clone(),
            old_secret_until: endpoint.old_secret_until,
            deleted_at: endpoint.deleted_at,
        }
    }
}

impl From<EndpointRow> for Endpoint {
    fn from(row: EndpointRow) -> Endpoint {
        let changeable = row.changeable;
        Endpoint {
            id: EndpointId(row.id),
            public_id: row.public_id,
            app: ParticipantId(row.app_id),
            url: changeable.url,
            state: if changeable.state == DISABLED { State::Disabled } else { State::Enabled },
            types: changeable.types.split(' ').map(str::to_owned).collect(),
            secret: changeable.secret,
            old_secret: changeable.old_secret,
            old_secret_until: changeable.old_secret_until,
            created_at: row.created_at,
            deleted_at: changeable.deleted_at,
            failures: row.failures,
            failing_since: row.failing_since,
            open_until: row.open_until,
            leased_until: row.leased_until,
            lease: row.lease,
        }
    }
}

unsaid! { Endpoint }
