//! Messages on their way: one row for each endpoint that is to get one.
//!
//! A delivery belongs to one revision of a binding. Its body is rendered when it is sent; when the
//! binding has gone on it settles as superseded, so that type, body and id always agree.

use std::collections::HashSet;

use diesel::prelude::*;

use super::bindings::{BindingId, revision_from};
use super::dialect::{self, AnyConnection, on_either};
use super::endpoints::{ENABLED, EndpointId};
use super::schema::{deliveries, endpoints};
use super::{Error, Result, Tx};
use crate::domain::duty::MessageType;
use crate::domain::event::ParticipantId;
use crate::domain::number::NumberId;

const ROWS_PER_STATEMENT_MAX: usize = 2_000;

/// A delivery's place in the database; deliveries about one number rise with their commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Will be tried.
    Pending,
    /// Answered with 2xx.
    Delivered,
    /// The binding went on before it was delivered.
    Superseded,
    /// Out of tries; one more a day.
    Dead,
}

/// A message on its way to one endpoint. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place in the database; 0 before it has one.
    pub id: DeliveryId,
    /// Public: `dlv_…`.
    pub public_id: String,
    /// The message's id, the same for each endpoint and each try: `msg_…`.
    pub message_id: String,
    /// To whom.
    pub app: ParticipantId,
    /// To which of its endpoints.
    pub endpoint: EndpointId,
    /// The number it is about, which keeps its order; none for a test.
    pub number: Option<NumberId>,
    /// The binding it is about; none for a test.
    pub binding: Option<BindingId>,
    /// The revision that it tells.
    pub revision: u32,
    /// What it says.
    pub kind: MessageType,
    /// How far it is.
    pub state: State,
    /// Tries begun.
    pub tries: i32,
    /// When it is tried next; none when nothing is left to try.
    pub next_attempt_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// When it was delivered, superseded or declared dead.
    pub settled_at: Option<i64>,
}

/// Writes new deliveries.
pub fn insert(tx: &mut Tx<'_>, new: &[Delivery]) -> Result<()> {
    let rows: Vec<NewRow> = new.iter().map(NewRow::from).collect();
    for some in rows.chunks(ROWS_PER_STATEMENT_MAX) {
        on_either!(tx, bare => diesel::insert_into(deliveries::table).values(some).execute(bare))?;
    }
    Ok(())
}

/// What is due at `now` to one endpoint, in the order in which it came about. Nothing about a number
/// overtakes what is still to be sent about it: a failed try holds back what came after.
pub fn due(
    connection: &mut AnyConnection,
    endpoint: EndpointId,
    now: i64,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let earlier = diesel::alias!(deliveries as earlier);
    let first_before = earlier
        .filter(earlier.field(deliveries::endpoint_id).eq(deliveries::endpoint_id))
        .filter(earlier.field(deliveries::number_id).eq(deliveries::number_id))
        .filter(earlier.field(deliveries::id).lt(deliveries::id))
        .filter(earlier.field(deliveries::state).eq(PENDING))
        .filter(earlier.field(deliveries::next_attempt_at).is_not_null())
        .select(diesel::dsl::min(earlier.field(deliveries::id)))
        .single_value();
    let rows = deliveries::table
        .filter(deliveries::endpoint_id.eq(endpoint.0).and(deliveries::next_attempt_at.le(now)))
        .filter(first_before.is_null())
        .order((deliveries::next_attempt_at, deliveries::id))
        .limit(limit)
        .select(DeliveryRow::as_select())
        .load(connection)?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Tests that nobody has tried yet, to endpoints that aren't disabled, oldest first.
pub fn untried_tests(
    connection: &mut AnyConnection,
    now: i64,
    limit: i64,
) -> Result<Vec<DeliveryId>> {
    // Only a test is about no number, which is how the index knows it.
    let ids: Vec<i64> = deliveries::table
        .inner_join(endpoints::table.on(endpoints::id.eq(deliveries::endpoint_id)))
        .filter(deliveries::number_id.is_null().and(deliveries::next_attempt_at.is_not_null()))
        .filter(deliveries::tries.eq(0).and(deliveries::next_attempt_at.le(now)))
        .filter(endpoints::deleted_at.is_null().and(endpoints::state.eq(ENABLED)))
        .order(deliveries::id)
        .limit(limit)
        .select(deliveries::id)
        .load(connection)?;
    Ok(ids.into_iter().map(DeliveryId).collect())
}

/// Counts a try before it is made: one that takes the process down must not be made for ever. The ids
/// of those that are still to be sent, and that nobody else is sending.
pub fn begin_try(
    tx: &mut Tx<'_>,
    ids: &[DeliveryId],
    now: i64,
    again_at: i64,
) -> Result<HashSet<DeliveryId>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let still_due = deliveries::id.eq_any(ids).and(deliveries::next_attempt_at.le(now));
    let begun: Vec<i64> = diesel::update(deliveries::table.filter(still_due))
        .set((
            deliveries::tries.eq(deliveries::tries + 1),
            deliveries::next_attempt_at.eq(again_at),
        ))
        .returning(deliveries::id)
        .get_results(&mut **tx)?;
    Ok(begun.into_iter().map(DeliveryId).collect())
}

/// Writes how a delivery stands, unless another try has begun since `delivery` was read, or it was
/// settled otherwise meanwhile.
pub fn settle(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<()> {
    diesel::update(deliveries::table.find(delivery.id.0))
        .filter(deliveries::tries.eq(delivery.tries))
        .filter(deliveries::next_attempt_at.is_not_null())
        .set((
            deliveries::state.eq(state_code(delivery.state)),
            deliveries::next_attempt_at.eq(delivery.next_attempt_at),
            deliveries::settled_at.eq(delivery.settled_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Puts a delivery back on its way.
pub fn put_back(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<()> {
    diesel::update(deliveries::table.find(delivery.id.0))
        .set((
            deliveries::state.eq(state_code(delivery.state)),
            deliveries::next_attempt_at.eq(delivery.next_attempt_at),
            deliveries::settled_at.eq(delivery.settled_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Settles what is still to be sent about bindings that have gone on, or were removed.
pub fn supersede(tx: &mut Tx<'_>, bindings: &[BindingId], now: i64) -> Result<()> {
    let ids: Vec<i64> = bindings.iter().map(|id| id.0).collect();
    for some in ids.chunks(ROWS_PER_STATEMENT_MAX) {
        let pending = dialect::lock_deliveries(tx, some)?;
        diesel::update(deliveries::table.filter(deliveries::id.eq_any(pending)))
            .set((
                deliveries::state.eq(state_code(State::Superseded)),
                deliveries::next_attempt_at.eq(None::<i64>),
                deliveries::settled_at.eq(now),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Which of an app's deliveries a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those to this endpoint.
    pub endpoint: Option<EndpointId>,
}

/// An app's deliveries before the id `before`, newest first, `limit` at most.
pub fn page(
    connection: &mut AnyConnection,
    app: ParticipantId,
    filter: Filter,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let mut query = deliveries::table
        .filter(deliveries::app_id.eq(app.0))
        .order(deliveries::id.desc())
        .limit(limit)
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(deliveries::state.eq(state_code(state)));
    }
    if let Some(endpoint) = filter.endpoint {
        query = query.filter(deliveries::endpoint_id.eq(endpoint.0));
    }
    if let Some(before) = before {
        query = query.filter(deliveries::id.lt(before.0));
    }
    query.load(connection)?.into_iter().map(Delivery::try_from).collect()
}

/// One of an app's deliveries.
pub fn by_public_id(
    connection: &mut AnyConnection,
    app: ParticipantId,
    public_id: &str,
) -> Result<Option<Delivery>> {
    deliveries::table
        .filter(deliveries::app_id.eq(app.0).and(deliveries::public_id.eq(public_id)))
        .select(DeliveryRow::as_select())
        .get_result(connection)
        .optional()?
        .map(Delivery::try_from)
        .transpose()
}

/// One delivery.
pub fn by_id(connection: &mut AnyConnection, id: DeliveryId) -> Result<Option<Delivery>> {
    deliveries::table
        .find(id.0)
        .select(DeliveryRow::as_select())
        .get_result(connection)
        .optional()?
        .map(Delivery::try_from)
        .transpose()
}

/// How many of an endpoint's deliveries are in each state that isn't settled: (pending, dead).
pub fn unsettled(connection: &mut AnyConnection, endpoint: EndpointId) -> Result<(i64, i64)> {
    let rows: Vec<(i16, i64)> = deliveries::table
        .filter(deliveries::endpoint_id.eq(endpoint.0))
        .filter(deliveries::next_attempt_at.is_not_null())
        .group_by(deliveries::state)
        .select((deliveries::state, diesel::dsl::count_star()))
        .load(connection)?;
    let of = |state| rows.iter().find(|row| row.0 == state_code(state)).map_or(0, |row| row.1);
    Ok((of(State::Pending), of(State::Dead)))
}

pub(super) const PENDING: i16 = 1;
pub(super) const DEAD: i16 = 4;

fn state_code(state: State) -> i16 {
    match state {
        State::Pending => PENDING,
        State::Delivered => 2,
        State::Superseded => 3,
        State::Dead => DEAD,
    }
}

fn state_from(code: i16) -> Result<State> {
    [State::Pending, State::Delivered, State::Superseded, State::Dead]
        .into_iter()
        .find(|state| state_code(*state) == code)
        .ok_or(Error::Inconsistent("a delivery state that doesn't exist"))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct DeliveryRow {
    id: i64,
    public_id: String,
    message_id: String,
    app_id: i32,
    endpoint_id: i64,
    number_id: Option<i64>,
    binding_id: Option<i64>,
    revision: i64,
    kind: i16,
    state: i16,
    tries: i32,
    next_attempt_at: Option<i64>,
    created_at: i64,
    settled_at: Option<i64>,
}

#[derive(Insertable)]
#[diesel(table_name = deliveries, treat_none_as_default_value = false)]
struct NewRow {
    public_id: String,
    message_id: String,
    app_id: i32,
    endpoint_id: i64,
    number_id: Option<i64>,
    binding_id: Option<i64>,
    revision: i64,
    kind: i16,
    state: i16,
    tries: i32,
    next_attempt_at: Option<i64>,
    created_at: i64,
    settled_at: Option<i64>,
}

impl From<&Delivery> for NewRow {
    fn from(delivery: &Delivery) -> NewRow {
        NewRow {
            public_id: delivery.public_id.clone(),
            message_id: delivery.message_id.clone(),
            app_id: delivery.app.0,
            endpoint_id: delivery.endpoint.0,
            number_id: delivery.number.map(|id| id.0),
            binding_id: delivery.binding.map(|id| id.0),
            revision: delivery.revision.into(),
            kind: delivery.kind.code(),
            state: state_code(delivery.state),
            tries: delivery.tries,
            next_attempt_at: delivery.next_attempt_at,
            created_at: delivery.created_at,
            settled_at: delivery.settled_at,
        }
    }
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;

    fn try_from(row: DeliveryRow) -> Result<Delivery> {
        Ok(Delivery {
            id: DeliveryId(row.id),
            public_id: row.public_id,
            message_id: row.message_id,
            app: ParticipantId(row.app_id),
            endpoint: EndpointId(row.endpoint_id),
            number: row.number_id.map(NumberId),
            binding: row.binding_id.map(BindingId),
            revision: revision_from(row.revision)?,
            kind: MessageType::from_code(row.kind)
                .ok_or(Error::Inconsistent("a message type that doesn't exist"))?,
            state: state_from(row.state)?,
            tries: row.tries,
            next_attempt_at: row.next_attempt_at,
            created_at: row.created_at,
            settled_at: row.settled_at,
        })
    }
}
