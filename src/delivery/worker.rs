//! The worker: wakes when something is due, takes endpoints, sends what is due to each, settles. It also
//! lets time do its work, because a demand that changes by itself is told like any other.
//!
//! Everything that waits for the database runs on threads where it may. Nothing is held while a message
//! is under way but the lease on its endpoint.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::futures::Notified;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::sender::Sender;
use crate::domain::attempt::{Attempt, FailureKind, Outcome};
use crate::domain::rejection::Rejection;
use crate::domain::retry::Schedule;
use crate::domain::signature::{self, ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER};
use crate::registry::{Delivery, DeliveryId, Endpoint, More, Outgoing, Registry, Taken};

/// How often the worker looks without being woken: for what time brings, and for what another node
/// committed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Beyond the longest attempt, so that a lease outlives what it covers.
const LEASE_MARGIN_MS: i64 = 15_000;
/// Tests under way, at most, beside all other messages.
const TESTS_IN_FLIGHT_MAX: usize = 32;

/// Turns true when it is time to stop.
type Stop = watch::Receiver<bool>;

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
    tests: Arc<Semaphore>,
}

impl Worker {
    /// A worker of `registry`.
    pub fn new(registry: Arc<Registry>, sender: Sender, limits: Limits) -> Worker {
        let in_flight = Arc::new(Semaphore::new(limits.in_flight_max));
        let tests = Arc::new(Semaphore::new(TESTS_IN_FLIGHT_MAX));
        Worker { registry, sender: Arc::new(sender), limits, in_flight, tests }
    }

    /// Works until `stop` turns true; then it sends nothing more, settles what is under way, and gives its
    /// endpoints back. Time and sending take their own turns: a row that somebody holds locked keeps one of
    /// them waiting, and never the other.
    pub async fn run(self, stop: Stop) {
        let this = Arc::new(self);
        tokio::join!(this.keep_time(stop.clone()), this.keep_sending(stop));
        this.ask(Registry::keep_uses).await;
        this.ask(Registry::keep_budgets).await;
    }

    async fn keep_time(&self, mut stop: Stop) {
        let bell = self.registry.bell();
        while !is_over(&stop) {
            // Armed before the look, so that what is committed meanwhile isn't slept through.
            let rung = bell.notified();
            if self.let_time_pass().await == More::No {
                rest(rung, &mut stop).await;
            }
        }
    }

    async fn keep_sending(self: &Arc<Self>, mut stop: Stop) {
        let bell = self.registry.bell();
        let mut serving = JoinSet::new();
        while !is_over(&stop) {
            let rung = bell.notified();
            self.take_tests(&mut serving).await;
            self.take_endpoints(&mut serving, &stop).await;
            while serving.try_join_next().is_some() {}
            rest(rung, &mut stop).await;
        }
        while serving.join_next().await.is_some() {}
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
        self.ask(Registry::keep_budgets_now_and_then).await;
        let due = self.ask(Registry::recompute_due).await;
        let changed = self.ask(Registry::recompute_changed).await;
        let forgotten = self.ask(Registry::forget_some).await;
        if [due, changed, forgotten].contains(&Some(More::Perhaps)) {
            More::Perhaps
        } else {
            More::No
        }
    }

    /// Tests go past breakers and backlogs, so not even the room that those take is theirs.
    async fn take_tests(self: &Arc<Self>, serving: &mut JoinSet<()>) {
        let room = free(&self.tests, TESTS_IN_FLIGHT_MAX);
        let most = room.len();
        let tests = self.ask(move |registry| registry.untried_tests(most)).await;
        for (test, permit) in tests.unwrap_or_default().into_iter().zip(room) {
            let this = Arc::clone(self);
            serving.spawn(async move { this.serve_test(test, permit).await });
        }
    }

    async fn serve_test(&self, test: DeliveryId, permit: OwnedSemaphorePermit) {
        let lease_ms = self.lease_ms();
        let taken = self.ask(move |registry| registry.take_test(test, lease_ms)).await;
        let Some(taken) = taken.flatten() else { return };
        let endpoint = taken.endpoint.clone();
        let mut under_way = JoinSet::new();
        self.start(&mut under_way, taken, vec![permit]);
        let tried = under_way.join_all().await;
        self.settle(&endpoint, tried).await;
    }

    async fn take_endpoints(self: &Arc<Self>, serving: &mut JoinSet<()>, stop: &Stop) {
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

    /// Sends what is due to one endpoint while its breaker lets it, each message as soon as there is room
    /// for it, and settles each try as it ends: a slow one holds back nothing but what is about its own
    /// number.
    async fn serve(&self, mut endpoint: Endpoint, stop: Stop) {
        let mut under_way = JoinSet::new();
        let mut goes_on = true;
        loop {
            if goes_on {
                goes_on = self.begin(&mut endpoint, &mut under_way, &stop).await.is_some();
            }
            if under_way.is_empty() {
                break;
            }
            let tried = ended(&mut under_way).await;
            if !tried.is_empty() {
                match self.settle(&endpoint, tried).await {
                    Some(settled) => endpoint = settled,
                    None => goes_on = false,
                }
            }
        }
        self.ask(move |registry| registry.release_endpoint(&endpoint)).await;
    }

    /// Begins as many messages as are due and there is room for; nothing when no more may be begun.
    async fn begin(
        &self,
        endpoint: &mut Endpoint,
        under_way: &mut JoinSet<(Delivery, Attempt)>,
        stop: &Stop,
    ) -> Option<()> {
        let most = self.limits.in_flight_per_endpoint_max;
        let room = self.registry.room(endpoint, under_way.len(), most);
        let mut permits = Vec::new();
        if room > 0 && under_way.is_empty() {
            permits.push(Arc::clone(&self.in_flight).acquire_owned().await.ok()?);
        }
        permits.extend(free(&self.in_flight, room - permits.len()));
        if *stop.borrow() {
            return None;
        }
        if permits.is_empty() {
            return Some(());
        }
        // Nothing is taken that would have to wait: its lease would run out before it is sent.
        let (asked, room, lease_ms) = (endpoint.clone(), permits.len(), self.lease_ms());
        let taken = self.ask(move |registry| registry.take_due(&asked, room, lease_ms)).await??;
        *endpoint = taken.endpoint.clone();
        self.start(under_way, taken, permits);
        Some(())
    }

    /// Sends each message with a permit of its own.
    fn start(
        &self,
        under_way: &mut JoinSet<(Delivery, Attempt)>,
        taken: Taken,
        permits: Vec<OwnedSemaphorePermit>,
    ) {
        let Taken { endpoint, secrets, outgoing } = taken;
        let secrets = Arc::new(secrets);
        for (outgoing, permit) in outgoing.into_iter().zip(permits) {
            let (secrets, sender) = (Arc::clone(&secrets), Arc::clone(&self.sender));
            let (registry, url) = (Arc::clone(&self.registry), endpoint.url.clone());
            under_way.spawn(async move {
                let now_ms = registry.clock().now_ms();
                let attempt = send(&sender, &url, &secrets, &outgoing, now_ms).await;
                drop(permit);
                (outgoing.delivery, attempt)
            });
        }
    }

    /// Writes what came of tries; the endpoint after them, if that could be done.
    async fn settle(&self, called: &Endpoint, tried: Vec<(Delivery, Attempt)>) -> Option<Endpoint> {
        let (called, schedule) = (called.clone(), self.limits.schedule);
        self.ask(move |registry| registry.settle(&called, schedule, &tried)).await.flatten()
    }

    fn lease_ms(&self) -> i64 {
        let longest = i64::try_from(self.limits.attempt_max.as_millis()).unwrap_or(i64::MAX);
        longest.saturating_add(LEASE_MARGIN_MS)
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

/// Whether it is time to stop. Whoever could say so is gone: that says it too.
fn is_over(stop: &Stop) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

/// Until the bell rings, a look is due, or it may be time to stop.
async fn rest(rung: Notified<'_>, stop: &mut Stop) {
    tokio::select! {
        () = rung => {}
        () = tokio::time::sleep(LOOK_EVERY) => {}
        _ = stop.changed() => {}
    }
}

/// The tries that have ended, as soon as one has; none when it is time to look for what came due.
async fn ended(under_way: &mut JoinSet<(Delivery, Attempt)>) -> Vec<(Delivery, Attempt)> {
    let mut tried = Vec::new();
    if let Ok(Some(first)) = tokio::time::timeout(LOOK_EVERY, under_way.join_next()).await {
        tried.extend(first);
        while let Some(next) = under_way.try_join_next() {
            tried.extend(next);
        }
    }
    tried
}

/// So many permits as are free, `most` at most.
fn free(semaphore: &Arc<Semaphore>, most: usize) -> Vec<OwnedSemaphorePermit> {
    let one = || Arc::clone(semaphore).try_acquire_owned().ok();
    std::iter::from_fn(one).take(most).collect()
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
    let body = outgoing.body.as_deref();
    let signed =
        body.and_then(|body| Some((body, headers(secrets, outgoing, body, at.timestamp())?)));
    let outcome = match signed {
        Some((body, headers)) => sender.post(url, headers, body.to_owned().into()).await,
        None => Outcome::Failed(FailureKind::NotMade),
    };
    Attempt { at, took: began.elapsed(), outcome }
}

fn headers(
    secrets: &[Secret],
    outgoing: &Outgoing,
    body: &str,
    timestamp: i64,
) -> Option<HeaderMap> {
    let signing: Vec<&Secret> = secrets.iter().collect();
    if signing.is_empty() {
        return None;
    }
    let id = &outgoing.delivery.message_id;
    let signed = signature::sign(&signing, id, timestamp, body.as_bytes());
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
