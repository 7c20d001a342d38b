//! An app looks at what became of its messages, and has one sent again.

use super::deliver::no_endpoint;
use super::{Registry, Result};
use crate::domain::id::{self, Prefix};
use crate::domain::participant::App;
use crate::domain::rejection::{Code, Rejection};
use crate::domain::unsaid::unsaid;
use crate::keys::Sealed;
use crate::storage::attempts::{self, Attempt};
use crate::storage::deliveries::{self, Delivery, DeliveryId, Filter, State};
use crate::storage::{self, endpoints};

/// Which deliveries a list shows.
#[derive(Clone, Default)]
pub struct ShownDeliveries {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those to the endpoint with this public id.
    pub endpoint: Option<String>,
}

/// A delivery, and the tries that were made, where they were asked for.
pub struct Followed {
    /// The delivery.
    pub delivery: Delivery,
    /// Which endpoint it goes to.
    pub endpoint: String,
    /// The tries, oldest first.
    pub attempts: Vec<FollowedAttempt>,
}

/// One try.
pub struct FollowedAttempt {
    /// When, for how long, and what came back.
    pub attempt: Attempt,
    /// The beginning of the answer. None where there was none, or where the key that sealed it is gone.
    pub answer: Option<String>,
}

impl Registry {
    /// An app's deliveries without their tries, newest first.
    ///
    /// # Errors
    /// `not_found` for an endpoint that isn't the app's, `unavailable`.
    pub fn deliveries(
        &self,
        app: &App,
        shown: &ShownDeliveries,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Followed>> {
        self.storage
            .read(|db| {
                let endpoint = match &shown.endpoint {
                    None => None,
                    Some(id) => {
                        let mine = endpoints::of_app(db, app.id())?;
                        let one = mine.into_iter().find(|one| one.public_id == *id);
                        Some(one.ok_or_else(no_endpoint)?.id)
                    }
                };
                let filter = Filter { state: shown.state, endpoint };
                let page = deliveries::page(db, app.id(), filter, before.map(DeliveryId), limit)?;
                let names = endpoints::names(db, page.iter().map(|one| one.endpoint))?;
                let row = |delivery: Delivery| {
                    let endpoint = names.get(&delivery.endpoint).ok_or(NOWHERE)?.clone();
                    Ok(Followed { delivery, endpoint, attempts: Vec::new() })
                };
                page.into_iter().map(row).collect()
            })
            .map_err(|error| self.failed(error))
    }

    /// One of an app's deliveries.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub fn delivery_of(&self, app: &App, public_id: &str) -> Result<Followed> {
        // A database may log what it is asked for, and in a path may stand anything.
        id::must_be(Prefix::Delivery, public_id)?;
        self.storage
            .read(|db| {
                let delivery = deliveries::by_public_id(db, app.id(), public_id)?;
                self.follow(db, delivery.ok_or_else(no_delivery)?)
            })
            .map_err(|error| self.failed(error))
    }

    /// Sends a delivery again, whatever became of it, under the same message id.
    ///
    /// # Errors
    /// `not_found`, `unavailable`, `outcome_unknown`.
    pub fn resend(&self, app: &App, public_id: &str) -> Result<Followed> {
        id::must_be(Prefix::Delivery, public_id)?;
        let now = self.clock.now_ms();
        let followed = self
            .storage
            .write(|tx| {
                let mut delivery =
                    deliveries::by_public_id(tx, app.id(), public_id)?.ok_or_else(no_delivery)?;
                delivery.state = State::Pending;
                delivery.next_attempt_at = Some(now);
                delivery.settled_at = None;
                deliveries::put_back(tx, &delivery)?;
                self.follow(tx, delivery)
            })
            .map_err(|error| self.failed(error))?;
        self.bell.notify_waiters();
        Ok(followed)
    }

    fn follow(
        &self,
        db: &mut storage::AnyConnection,
        delivery: Delivery,
    ) -> storage::Result<Followed> {
        let endpoint = endpoints::by_id(db, delivery.endpoint)?.ok_or(NOWHERE)?.public_id;
        let ring = self.keys.ring();
        let attempts = attempts::of(db, delivery.id)?.into_iter().map(|attempt| {
            let sealed = attempt.answer.as_deref();
            let opened = sealed.and_then(|it| ring.open(Sealed::Answer, &delivery.public_id, it));
            let answer = opened.and_then(|bytes| String::from_utf8(bytes).ok());
            FollowedAttempt { attempt, answer }
        });
        let attempts = attempts.collect();
        Ok(Followed { delivery, endpoint, attempts })
    }
}

const NOWHERE: storage::Error =
    storage::Error::Inconsistent("a delivery to an endpoint that doesn't exist");

fn no_delivery() -> Rejection {
    Rejection::new(Code::NotFound, "There is no delivery of yours under this id.")
}

unsaid! { ShownDeliveries }
