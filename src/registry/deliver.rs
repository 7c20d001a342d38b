//! Messages on their way out, seen from the registry: what is due to an endpoint is handed to a worker
//! together with the endpoint, sent outside of any transaction, and settled.
//!
//! At least once: a try is counted before it is made, and what is never settled comes due again.

use std::collections::HashMap;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Registry, Result, internal};
use crate::domain::attempt::Attempt;
use crate::domain::breaker::Breaker;
use crate::domain::duty::MessageType;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::retry::{Next, Schedule, Tried};
use crate::domain::signature::Secret;
use crate::domain::time::Moment;
use crate::keys::Sealed;
use crate::storage::bindings::{self, BindingId, Bound};
use crate::storage::deliveries::{self, Delivery, DeliveryId, State};
use crate::storage::endpoints::{self, Endpoint};
use crate::storage::{Backend, log};

/// Deliveries of one endpoint that a worker takes at once. Their tries are settled in one commit.
const DELIVERIES_TAKEN_MAX: i64 = 32;

/// A message ready to be sent.
pub struct Outgoing {
    /// Which delivery.
    pub delivery: Delivery,
    /// The body, as it will be signed.
    pub body: String,
}

/// What a worker takes at once.
pub struct Taken {
    /// The endpoint as it is now.
    pub endpoint: Endpoint,
    /// What is due to it.
    pub outgoing: Vec<Outgoing>,
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
        let mut leased = Vec::with_capacity(due.len());
        for id in due {
            let taken = self
                .errands
                .write(|tx| endpoints::lease(tx, id, now, now + lease_ms))
                .map_err(|error| self.failed(error))?;
            leased.extend(taken);
        }
        Ok(leased)
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

    /// Takes what is due to a leased endpoint and counts the tries; the endpoint comes back as it is now.
    /// `again_ms` is when the deliveries come due again if this process is never heard of again.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn take_due(
        &self,
        endpoint: &Endpoint,
        room: usize,
        again_ms: i64,
    ) -> Result<Option<Taken>> {
        let now = self.clock.now_ms();
        let most = i64::try_from(room).unwrap_or(i64::MAX).min(DELIVERIES_TAKEN_MAX);
        let taken = self
            .errands
            .write(|tx| {
                let Some(endpoint) = endpoints::still_leased(tx, endpoint)? else {
                    return Ok(None);
                };
                let due = deliveries::due(tx, endpoint.id, now, most)?;
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
                let begun = deliveries::begin_try(tx, &ids, now + again_ms)?;
                current.retain(|one| begun.contains(&one.id));
                Ok(Some((endpoint, current, bound, log::head(tx)?)))
            })
            .map_err(|error| self.failed(error))?;
        let Some((endpoint, current, bound, head)) = taken else { return Ok(None) };
        let position = self.position_text(head);
        let mut outgoing = Vec::with_capacity(current.len());
        for mut delivery in current {
            delivery.tries += 1;
            // One that can't be written must not hold back the others; it comes due again.
            if let Ok(body) = self.body(&delivery, &endpoint, &bound, &position) {
                outgoing.push(Outgoing { delivery, body });
            }
        }
        Ok(Some(Taken { endpoint, outgoing }))
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

    /// The secrets that sign for an endpoint now: the old one too while it overlaps.
    ///
    /// # Errors
    /// `internal` for a secret that this key file can't open.
    pub fn secrets_of(&self, endpoint: &Endpoint) -> Result<Vec<Secret>> {
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

    /// Writes what came of tries, and what the breaker makes of them; the breaker after them.
    ///
    /// # Errors
    /// `unavailable`, `outcome_unknown`.
    pub fn settle(
        &self,
        endpoint: &mut Endpoint,
        schedule: Schedule,
        tried: &[(Delivery, Attempt)],
    ) -> Result<Breaker> {
        let now = chrono::DateTime::from_timestamp_millis(self.clock.now_ms()).unwrap_or_default();
        let mut breaker = breaker_of(endpoint);
        let mut settled = Vec::with_capacity(tried.len());
        let mut gone = false;
        for (delivery, attempt) in tried {
            breaker = breaker.after(&attempt.outcome, now, self.random());
            let begun = Tried {
                since: chrono::DateTime::from_timestamp_millis(delivery.created_at)
                    .unwrap_or_default(),
                tries: u32::try_from(delivery.tries).unwrap_or(1).max(1),
            };
            let next = schedule.next(begun, &attempt.outcome, now, self.random());
            gone |= next == Next::SwitchOff;
            settled.push(after(delivery.clone(), next, now.timestamp_millis()));
        }
        if gone {
            endpoint.state = endpoints::State::Disabled;
        }
        let rows: Vec<deliveries::Attempt> =
            tried.iter().map(|(delivery, attempt)| self.attempt_row(delivery, attempt)).collect();
        put_breaker(endpoint, breaker);
        self.errands
            .write(|tx| {
                for delivery in &settled {
                    deliveries::settle(tx, delivery)?;
                }
                deliveries::record(tx, &rows)?;
                endpoints::note_breaker(tx, endpoint)?;
                if gone {
                    endpoints::switch_off(tx, endpoint)?;
                }
                Ok(())
            })
            .map_err(|error| self.failed(error))?;
        self.settled.notify_waiters();
        Ok(breaker)
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

    /// What is written of a try. A receiver may repeat in its answer what it was sent, and say whose
    /// number it takes it to be, so that is sealed.
    fn attempt_row(&self, delivery: &Delivery, attempt: &Attempt) -> deliveries::Attempt {
        use crate::domain::attempt::Outcome;
        let (status, answer, error) = match &attempt.outcome {
            Outcome::Answered { status, answer, .. } => {
                let owner = delivery.public_id.as_str();
                let sealed = self.keys.ring().seal(Sealed::Answer, owner, answer.as_bytes());
                (Some(i32::from(*status)), Some(sealed.0), None)
            }
            Outcome::Failed(kind) => (None, None, Some(kind.text().to_owned())),
        };
        deliveries::Attempt {
            delivery_id: delivery.id.0,
            attempt: delivery.tries,
            at: attempt.at.timestamp_millis(),
            took_ms: i64::try_from(attempt.took.as_millis()).unwrap_or(i64::MAX),
            status,
            answer,
            error,
        }
    }

    fn random(&self) -> u64 {
        u64::from_be_bytes(self.entropy.bytes())
    }
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
