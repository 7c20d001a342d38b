//! Messages on their way out, seen from the registry: what is due to an endpoint is handed to a worker
//! together with the endpoint, sent outside of any transaction, and settled.
//!
//! At least once: a try is counted before it is made, and what is never settled comes due again.

use std::collections::HashMap;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Registry, Result, internal};
use crate::domain::attempt::{Attempt, Outcome};
use crate::domain::breaker::Breaker;
use crate::domain::duty::MessageType;
use crate::domain::position::Position;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::retry::{Next, Schedule, Tried};
use crate::domain::signature::Secret;
use crate::domain::time::Moment;
use crate::keys::Sealed;
use crate::storage::attempts::{self, Recorded};
use crate::storage::bindings::{self, BindingId, Bound};
use crate::storage::deliveries::{self, Delivery, DeliveryId, State};
use crate::storage::endpoints::{self, Endpoint};
use crate::storage::{self, Backend, Tx, log};

/// A message to be sent; its try is counted.
pub struct Outgoing {
    /// Which delivery.
    pub delivery: Delivery,
    /// The body, as it will be signed. Without one there is nothing to send, and the try has failed.
    pub body: Option<String>,
}

/// What a worker takes at once.
pub struct Taken {
    /// The endpoint as it is now.
    pub endpoint: Endpoint,
    /// What signs for it now: the old secret too while it overlaps; nothing when they can't be opened.
    pub secrets: Vec<Secret>,
    /// What is due to it.
    pub outgoing: Vec<Outgoing>,
}

/// What was begun in a transaction, and what its messages are made of.
struct Begun {
    endpoint: Endpoint,
    deliveries: Vec<Delivery>,
    bound: HashMap<BindingId, Bound>,
    head: Position,
}

#[derive(Serialize)]
struct Message<D> {
    r#type: MessageType,
    timestamp: Moment,
    data: D,
}

#[derive(Serialize)]
struct TestData<'a> {
    endpoint: &'a str,
}

impl Registry {
    /// Takes endpoints that have something due, for `lease_ms`.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn lease_endpoints(&self, most: usize, lease_ms: i64) -> Result<Vec<Endpoint>> {
        let now = self.clock.now_ms();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let due = self
            .errands
            .read(|db| endpoints::due(db, now, most))
            .map_err(|error| self.failed(error))?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        self.errands
            .write(|tx| endpoints::lease(tx, &due, now, now + lease_ms))
            .map_err(|error| self.failed(error))
    }

    /// Ends the leases of a process that was killed, where no other can have any: on SQLite this one is
    /// the only one. On PostgreSQL they end by themselves.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn end_stale_leases(&self) -> Result<()> {
        match self.errands.backend() {
            Backend::Sqlite => {
                self.errands.write(endpoints::end_leases).map_err(|error| self.failed(error))
            }
            Backend::Postgres => Ok(()),
        }
    }

    /// How many more messages may be begun to an endpoint that has `in_flight` under way.
    pub fn room(&self, endpoint: &Endpoint, in_flight: usize, in_flight_max: usize) -> usize {
        let now = chrono::DateTime::from_timestamp_millis(self.clock.now_ms()).unwrap_or_default();
        breaker_of(endpoint).room(now, in_flight, in_flight_max)
    }

    /// Takes what is due to a leased endpoint, `room` messages at most, and counts the tries. What is
    /// taken comes due again after `lease_ms`, if this process is never heard of again, and so long the
    /// endpoint is kept.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn take_due(
        &self,
        endpoint: &Endpoint,
        room: usize,
        lease_ms: i64,
    ) -> Result<Option<Taken>> {
        let now = self.clock.now_ms();
        let most = i64::try_from(room).unwrap_or(i64::MAX);
        let begun = self
            .errands
            .write(|tx| {
                let Some(endpoint) = endpoints::still_leased(tx, endpoint)? else {
                    return Ok(None);
                };
                let due = deliveries::due(tx, endpoint.id, now, most)?;
                if !due.is_empty() {
                    endpoints::renew(tx, &endpoint, now + lease_ms)?;
                }
                begin(tx, endpoint, due, (now, now + lease_ms)).map(Some)
            })
            .map_err(|error| self.failed(error))?;
        Ok(begun.map(|begun| self.taken(begun)))
    }

    /// Tests that nobody has tried yet.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn untried_tests(&self, most: usize) -> Result<Vec<DeliveryId>> {
        let now = self.clock.now_ms();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.errands
            .read(|db| deliveries::untried_tests(db, now, most))
            .map_err(|error| self.failed(error))
    }

    /// Takes a test as [`Registry::take_due`] takes what is due, but whoever has its endpoint, whatever
    /// else is due to it and however it failed: whoever asks for a test wants to know how it is now.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn take_test(&self, test: DeliveryId, lease_ms: i64) -> Result<Option<Taken>> {
        let now = self.clock.now_ms();
        let begun = self
            .errands
            .write(|tx| {
                let Some(test) = deliveries::by_id(tx, test)? else { return Ok(None) };
                let Some(endpoint) = endpoints::by_id(tx, test.endpoint)? else { return Ok(None) };
                if !endpoint.is_sent_to() {
                    return Ok(None);
                }
                begin(tx, endpoint, vec![test], (now, now + lease_ms)).map(Some)
            })
            .map_err(|error| self.failed(error))?;
        Ok(begun.map(|begun| self.taken(begun)))
    }

    /// Writes the messages of what was begun.
    fn taken(&self, begun: Begun) -> Taken {
        let Begun { endpoint, deliveries, bound, head } = begun;
        let position = self.position_text(head);
        let outgoing = deliveries.into_iter().map(|delivery| Outgoing {
            body: self.body(&delivery, &endpoint, &bound, &position).ok(),
            delivery,
        });
        let outgoing = outgoing.collect();
        let secrets = self.secrets_of(&endpoint).unwrap_or_default();
        Taken { endpoint, secrets, outgoing }
    }

    /// The whole duty at its revision, as `GET /v1/duties` shows it: never a delta.
    fn body(
        &self,
        delivery: &Delivery,
        endpoint: &Endpoint,
        bound: &HashMap<BindingId, Bound>,
        position: &str,
    ) -> Result<String> {
        let timestamp = Moment::from_unix_ms(delivery.created_at);
        let r#type = delivery.kind;
        let text = match delivery.binding.and_then(|id| bound.get(&id)) {
            Some(bound) => {
                let data = self.duty_view(bound, position)?;
                serde_json::to_string(&Message { r#type, timestamp, data })
            }
            None => {
                let data = TestData { endpoint: &endpoint.public_id };
                serde_json::to_string(&Message { r#type, timestamp, data })
            }
        };
        text.map_err(|_| internal("a message that can't be written"))
    }

    fn secrets_of(&self, endpoint: &Endpoint) -> Result<Vec<Secret>> {
        let owner = self.name_of(endpoint.app)?;
        let (ring, now) = (self.keys.ring(), self.clock.now_ms());
        let old = endpoint.old_secret.as_ref().filter(|_| endpoint.old_secret_until > Some(now));
        std::iter::once(&endpoint.secret)
            .chain(old)
            .map(|sealed| {
                ring.open(Sealed::WebhookSecret, owner.as_str(), sealed)
                    .map(Zeroizing::new)
                    .and_then(|bytes| Secret::from_bytes(bytes.to_vec()).ok())
                    .ok_or_else(|| internal("a webhook secret that can't be opened"))
            })
            .collect()
    }

    /// Writes what came of tries, and what the breaker makes of them; the endpoint after them.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn settle(
        &self,
        called: &Endpoint,
        schedule: Schedule,
        tried: &[(Delivery, Attempt)],
    ) -> Result<Option<Endpoint>> {
        let now = chrono::DateTime::from_timestamp_millis(self.clock.now_ms()).unwrap_or_default();
        let mut settled = Vec::with_capacity(tried.len());
        let mut gone = false;
        for (delivery, attempt) in tried {
            let begun = Tried {
                since: chrono::DateTime::from_timestamp_millis(delivery.created_at)
                    .unwrap_or_default(),
                tries: u32::try_from(delivery.tries).unwrap_or(1).max(1),
            };
            let next = schedule.next(begun, &attempt.outcome, now, self.random());
            gone |= next == Next::SwitchOff;
            settled.push(after(delivery.clone(), next, now.timestamp_millis()));
        }
        let endpoint = self
            .errands
            .write(|tx| {
                let Some(mut endpoint) = endpoints::lock(tx, called.id)? else { return Ok(None) };
                let mut breaker = breaker_of(&endpoint);
                for (settled, (delivery, attempt)) in settled.iter().zip(tried) {
                    deliveries::settle(tx, settled)?;
                    // A commit that was lost, and made all the same, must not count twice.
                    let row = self.attempt_row(delivery, attempt);
                    if attempts::record(tx, &row)? == Recorded::Now {
                        breaker = breaker.after(&attempt.outcome, now, self.random());
                    }
                }
                put_breaker(&mut endpoint, breaker);
                endpoints::note_breaker(tx, &endpoint)?;
                // Not if it was given another address meanwhile: that one has said nothing.
                if gone && endpoint.url == called.url {
                    endpoint.state = endpoints::State::Disabled;
                    endpoints::update(tx, &endpoint)?;
                }
                Ok(Some(endpoint))
            })
            .map_err(|error| self.failed(error))?;
        self.settled.notify_waiters();
        Ok(endpoint)
    }

    /// What is written of a try. A receiver may repeat in its answer what it was sent, and say whose
    /// number it takes it to be, so that is sealed.
    fn attempt_row(&self, delivery: &Delivery, attempt: &Attempt) -> attempts::Attempt {
        let (status, answer, error) = match &attempt.outcome {
            Outcome::Answered { status, answer, .. } => {
                let owner = delivery.public_id.as_str();
                let sealed = self.keys.ring().seal(Sealed::Answer, owner, answer.as_bytes());
                (Some(i32::from(*status)), Some(sealed.0), None)
            }
            Outcome::Failed(kind) => (None, None, Some(kind.text().to_owned())),
        };
        attempts::Attempt {
            delivery_id: delivery.id.0,
            attempt: delivery.tries,
            at: attempt.at.timestamp_millis(),
            took_ms: i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX),
            status,
            answer,
            error,
        }
    }

    /// Gives a leased endpoint back.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn release_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        let now = self.clock.now_ms();
        self.errands
            .write(|tx| endpoints::release(tx, endpoint, now))
            .map_err(|error| self.failed(error))
    }

    fn random(&self) -> u64 {
        u64::from_be_bytes(self.entropy.bytes())
    }
}

/// Counts the tries of what is still to be told `now`, and settles what no longer is. What is begun comes
/// due again at `again_at`.
fn begin(
    tx: &mut Tx<'_>,
    endpoint: Endpoint,
    due: Vec<Delivery>,
    (now, again_at): (i64, i64),
) -> storage::Result<Begun> {
    let ids: Vec<BindingId> = due.iter().filter_map(|one| one.binding).collect();
    let bound = bindings::by_ids(tx, &ids)?;
    let (mut current, passed): (Vec<_>, Vec<_>) =
        due.into_iter().partition(|one| is_current(one, &bound));
    for mut delivery in passed {
        delivery.state = State::Superseded;
        delivery.next_attempt_at = None;
        delivery.settled_at = Some(now);
        deliveries::settle(tx, &delivery)?;
    }
    let ids: Vec<DeliveryId> = current.iter().map(|one| one.id).collect();
    let begun = deliveries::begin_try(tx, &ids, now, again_at)?;
    current.retain(|one| begun.contains(&one.id));
    for delivery in &mut current {
        delivery.tries += 1;
    }
    Ok(Begun { endpoint, deliveries: current, bound, head: log::head(tx)? })
}

/// A delivery tells one revision; a binding that went on, or was removed, is told by another, or not.
fn is_current(delivery: &Delivery, bound: &HashMap<BindingId, Bound>) -> bool {
    match delivery.binding {
        None => true,
        Some(id) => bound.get(&id).is_some_and(|bound| {
            bound.removed_at.is_none() && bound.binding.duty.revision == delivery.revision
        }),
    }
}

fn after(mut delivery: Delivery, next: Next, now: i64) -> Delivery {
    let (state, next_attempt_at) = match next {
        Next::Delivered => (State::Delivered, None),
        Next::Retry { at } => (State::Pending, Some(at.timestamp_millis())),
        Next::Dead { at } => (State::Dead, Some(at.timestamp_millis())),
        // Kept, and due when the endpoint is enabled again.
        Next::SwitchOff => (State::Pending, Some(now)),
    };
    delivery.state = state;
    delivery.next_attempt_at = next_attempt_at;
    delivery.settled_at = (state != State::Pending).then_some(now);
    delivery
}

/// What an endpoint's breaker remembers.
pub(super) fn breaker_of(endpoint: &Endpoint) -> Breaker {
    let time = |ms: Option<i64>| ms.and_then(chrono::DateTime::from_timestamp_millis);
    Breaker {
        consecutive_failures: u32::try_from(endpoint.failures).unwrap_or(0),
        failing_since: time(endpoint.failing_since),
        open_until: time(endpoint.open_until),
    }
}

fn put_breaker(endpoint: &mut Endpoint, breaker: Breaker) {
    endpoint.failures = i32::try_from(breaker.consecutive_failures).unwrap_or(i32::MAX);
    endpoint.failing_since = breaker.failing_since.map(|time| time.timestamp_millis());
    endpoint.open_until = breaker.open_until.map(|time| time.timestamp_millis());
}

pub(super) fn no_endpoint() -> Rejection {
    Rejection::new(Code::NotFound, "There is no endpoint of yours under this id.")
}
