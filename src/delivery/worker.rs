//! The worker: wakes when something is due, takes endpoints, sends what is due to each, settles. It also
//! lets time do its work, because a demand that changes by itself is told like any other.
//!
//! Everything that waits for the database runs on threads where it may. Nothing is held while a message
//! is under way but the lease on its endpoint.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::sender::Sender;
use crate::domain::attempt::{Attempt, FailureKind, Outcome};
use crate::domain::breaker::Breaker;
use crate::domain::rejection::Rejection;
use crate::domain::retry::Schedule;
use crate::domain::signature::{self, ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER};
use crate::registry::{Delivery, Endpoint, EndpointState, More, Outgoing, Registry};

/// How often the worker looks without being woken: for what time brings, and for what another node
/// committed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Beyond the longest round of attempts, so that a lease outlives what it covers.
const LEASE_MARGIN_MS: i64 = 15_000;

/// What a worker may do at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages under way, at most.
    pub in_flight_max: usize,
    /// Messages under way to one endpoint, at most.
    pub in_flight_per_endpoint_max: usize,
    /// The longest attempt.
    pub attempt_max: Duration,
    /// When a delivery counts as dead.
    pub schedule: Schedule,
}

/// Sends webhooks until it is told to stop.
pub struct Worker {
    registry: Arc<Registry>,
    sender: Arc<Sender>,
    limits: Limits,
    in_flight: Arc<Semaphore>,
}

impl Worker {
    /// A worker of `registry`.
    pub fn new(registry: Arc<Registry>, sender: Sender, limits: Limits) -> Worker {
        let in_flight = Arc::new(Semaphore::new(limits.in_flight_max));
        Worker { registry, sender: Arc::new(sender), limits, in_flight }
    }

    /// Works until `stop` turns true; then it takes nothing more, waits for what is under way, and gives
    /// its endpoints back.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let bell = self.registry.bell();
        let this = Arc::new(self);
        let mut serving = JoinSet::new();
        while !*stop.borrow() {
            // Armed before the look, so that what is committed meanwhile isn't slept through.
            let rung = bell.notified();
            let more = this.let_time_pass().await;
            this.take_endpoints(&mut serving, &stop).await;
            while serving.try_join_next().is_some() {}
            if more == More::Perhaps {
                continue;
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                // Whoever could say stop is gone: that says it too.
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        while serving.join_next().await.is_some() {}
        this.ask(Registry::keep_uses).await;
    }

    /// Follows what other nodes committed, and does a part of what time and policy change. Never more
    /// than a part: what is due to be sent must not wait for all of it.
    async fn let_time_pass(&self) -> More {
        if self.registry.is_ready() {
            self.ask(|registry| registry.catch_up().map(drop)).await;
        } else {
            self.ask(Registry::load_index).await;
        }
        self.ask(Registry::reread_keys).await;
        self.ask(Registry::keep_uses_now_and_then).await;
        let due = self.ask(Registry::recompute_due).await;
        let changed = self.ask(Registry::recompute_changed).await;
        let forgotten = self.ask(Registry::forget_some).await;
        if [due, changed, forgotten].contains(&Some(More::Perhaps)) {
            More::Perhaps
        } else {
            More::No
        }
    }

    async fn take_endpoints(
        self: &Arc<Self>,
        serving: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) {
        let most = self.in_flight.available_permits();
        if most == 0 {
            return;
        }
        let lease_ms = self.lease_ms();
        let leased = self.ask(move |registry| registry.lease_endpoints(most, lease_ms)).await;
        for endpoint in leased.unwrap_or_default() {
            let (this, stop) = (Arc::clone(self), stop.clone());
            serving.spawn(async move { this.serve(endpoint, stop).await });
        }
    }

    /// Sends what is due to one endpoint, round after round, while its breaker lets it.
    async fn serve(&self, mut endpoint: Endpoint, stop: watch::Receiver<bool>) {
        let mut room = self.room(&endpoint);
        while room > 0 && !*stop.borrow() {
            let again_ms = self.lease_ms();
            let asked = endpoint.clone();
            let taken = self.ask(move |registry| registry.take_due(&asked, room, again_ms)).await;
            let Some(taken) = taken.flatten().filter(|taken| !taken.outgoing.is_empty()) else {
                break;
            };
            endpoint = taken.endpoint;
            let tried = self.send_all(&endpoint, taken.outgoing).await;
            let schedule = self.limits.schedule;
            let mut settled = endpoint.clone();
            let breaker = self
                .ask(move |registry| {
                    let breaker = registry.settle(&mut settled, schedule, &tried)?;
                    Ok((breaker, settled))
                })
                .await;
            let Some((breaker, settled)) = breaker else { break };
            endpoint = settled;
            room = self.room_after(breaker);
            if endpoint.state == EndpointState::Disabled {
                break;
            }
        }
        self.ask(move |registry| registry.release_endpoint(&endpoint)).await;
    }

    fn room(&self, endpoint: &Endpoint) -> usize {
        // A half-open breaker lets one through; what a row says of it is all that is needed.
        if endpoint.open_until.is_some() { 1 } else { usize::MAX }
    }

    fn room_after(&self, breaker: Breaker) -> usize {
        if breaker.open_until.is_some() { 0 } else { usize::MAX }
    }

    /// Sends a round, so many at once as one endpoint may have.
    async fn send_all(&self, endpoint: &Endpoint, due: Vec<Outgoing>) -> Vec<(Delivery, Attempt)> {
        let asked = endpoint.clone();
        let secrets = Arc::new(
            self.ask(move |registry| registry.secrets_of(&asked)).await.unwrap_or_default(),
        );
        let own = Arc::new(Semaphore::new(self.limits.in_flight_per_endpoint_max));
        let mut sending = JoinSet::new();
        for outgoing in due {
            let (own, all) = (Arc::clone(&own), Arc::clone(&self.in_flight));
            let (secrets, sender) = (Arc::clone(&secrets), Arc::clone(&self.sender));
            let (registry, url) = (Arc::clone(&self.registry), endpoint.url.clone());
            sending.spawn(async move {
                let _own = own.acquire_owned().await;
                let _all = all.acquire_owned().await;
                let now_ms = registry.clock().now_ms();
                let attempt = send(&sender, &url, &secrets, &outgoing, now_ms).await;
                (outgoing.delivery, attempt)
            });
        }
        let mut tried = Vec::new();
        while let Some(done) = sending.join_next().await {
            tried.extend(done);
        }
        tried.sort_by_key(|(delivery, _)| delivery.id);
        tried
    }

    fn lease_ms(&self) -> i64 {
        let rounds = 32_usize.div_ceil(self.limits.in_flight_per_endpoint_max.max(1));
        let longest = self.limits.attempt_max.as_millis() * u128::try_from(rounds).unwrap_or(1);
        i64::try_from(longest).unwrap_or(i64::MAX).saturating_add(LEASE_MARGIN_MS)
    }

    /// Asks the registry where waiting is allowed. A failure is logged, and tried again at the next look.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Registry) -> Result<T, Rejection> + Send + 'static,
    ) -> Option<T> {
        let registry = Arc::clone(&self.registry);
        let asked = tokio::task::spawn_blocking(move || question(&registry)).await;
        match asked {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(refused)) => {
                log::warn!("the worker waits: {}", refused.code.text());
                None
            }
            Err(_) => {
                log::error!("a step of the worker panicked");
                None
            }
        }
    }
}

/// One attempt, signed anew.
async fn send(
    sender: &Sender,
    url: &str,
    secrets: &[Secret],
    outgoing: &Outgoing,
    now_ms: i64,
) -> Attempt {
    let at = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    let began = Instant::now();
    let outcome = match headers(secrets, outgoing, at.timestamp()) {
        Some(headers) => sender.post(url, headers, outgoing.body.clone().into()).await,
        None => Outcome::Failed(FailureKind::BadAnswer),
    };
    Attempt { at, took: began.elapsed(), outcome }
}

fn headers(secrets: &[Secret], outgoing: &Outgoing, timestamp: i64) -> Option<HeaderMap> {
    let signing: Vec<&Secret> = secrets.iter().collect();
    if signing.is_empty() {
        return None;
    }
    let id = &outgoing.delivery.message_id;
    let signed = signature::sign(&signing, id, timestamp, outgoing.body.as_bytes());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (ID_HEADER, id.clone()),
        (TIMESTAMP_HEADER, timestamp.to_string()),
        (SIGNATURE_HEADER, signed),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
    }
    Some(headers)
}
