//! How often one participant may ask, and how often an address may come with keys that are refused, by the
//! generic cell rate algorithm: one number for each, and no burst at the edge of a window. In memory, for
//! each node. And how an answer tells what is left of that and of the organisation's budget.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::{HttpMessage, HttpRequest};

use super::caller::CalledBy;
use super::failure::Failure;
use super::problem;
use super::shared_registry::SharedRegistry;
use crate::domain::budget::Allowance;
use crate::domain::event::ParticipantId;
use crate::domain::participant::Caller;
use crate::domain::rejection::{Code, Rejection};

/// Askers that are remembered at once, before those go whose allowance is whole again.
const ASKERS_MAX: usize = 10_000;

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A participant, whichever key it uses.
    Participant(ParticipantId),
    /// Whoever comes from there with keys that are refused; of IPv6 the first 64 bits, which are one
    /// customer's.
    Address(IpAddr),
}

/// When each asker's allowance is used up, in seconds since this node began to count.
pub struct Pace {
    began: Instant,
    used_until: Mutex<HashMap<Asker, f64>>,
}

/// What is left of an allowance, for the answer's headers.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Requests a second.
    pub per_second: u32,
    /// How many could follow at once.
    pub remaining: u32,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { began: Instant::now(), used_until: Mutex::default() }
    }
}

impl Pace {
    /// Counts one request at `now` seconds; what is left, or nothing when it is one too many. A burst of
    /// one second's allowance is let through.
    pub fn admit(&self, who: Asker, per_second: u32, now: f64) -> Option<Left> {
        let cost = 1.0 / f64::from(per_second.max(1));
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        if used_until.len() >= ASKERS_MAX {
            used_until.retain(|_, until| *until > now);
        }
        let until = used_until.entry(who).or_insert(now);
        let after = until.max(now) + cost;
        if after - now > 1.0 + cost / 2.0 {
            return None;
        }
        *until = after;
        let share = ((1.0 - (after - now)) * f64::from(per_second)).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and per_second"
        )]
        Some(Left { per_second, remaining: share as u32 })
    }
}

/// Counts this request of `caller`.
///
/// # Errors
/// `rate_limited`.
pub(super) fn count(request: &HttpRequest, caller: &Caller) -> Result<(), Rejection> {
    count_for(request, Asker::Participant(caller.participant.id), "A participant has")
}

/// Counts this request, whose key was refused, unless that was done; how it is told.
pub(super) fn count_refused(request: &HttpRequest, refused: Failure) -> Failure {
    let Some(peer) = request.peer_addr() else { return refused };
    let its_key = matches!(problem::meaning(refused.0.code).status, 401 | 403);
    if !its_key || request.extensions().contains::<Left>() {
        return refused;
    }
    let who = "With keys that are refused, an address has";
    match count_for(request, Asker::Address(network(peer.ip())), who) {
        Ok(()) => refused,
        Err(limited) => limited.into(),
    }
}

fn count_for(request: &HttpRequest, asker: Asker, who: &str) -> Result<(), Rejection> {
    let Some(pace) = request.app_data::<actix_web::web::Data<Pace>>() else { return Ok(()) };
    let per_second = SharedRegistry::limits(request).requests_per_second;
    let left = pace.admit(asker, per_second, pace.began.elapsed().as_secs_f64());
    request.extensions_mut().insert(left.unwrap_or(Left { per_second, remaining: 0 }));
    if left.is_some() {
        return Ok(());
    }
    Err(Rejection::new(Code::RateLimited, format!("{who} {per_second} requests a second.")))
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(whole) => Ipv6Addr::from_bits(whole.to_bits() & !u128::from(u64::MAX)).into(),
        short @ IpAddr::V4(_) => short,
    }
}

/// Marks an answer that something was spent for: it tells what is left.
#[derive(Clone, Copy, Debug)]
pub struct Spent;

/// What is left of the caller's budget, where this answer is to tell.
pub(super) fn allowances(
    answered: &ServiceResponse<BoxBody>,
    registry: &SharedRegistry,
) -> Vec<Allowance> {
    let extensions = answered.response().extensions();
    let refused = extensions.get::<Failure>();
    let refused = refused.is_some_and(|failure| failure.0.code == Code::BudgetExhausted);
    if !refused && !extensions.contains::<Spent>() {
        return Vec::new();
    }
    let called_by = answered.request().extensions().get::<CalledBy>().cloned();
    called_by.map_or_else(Vec::new, |CalledBy(who)| registry.allowances(&who))
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-09).
pub(super) fn fields(left: Left, allowances: &[Allowance]) -> (String, String) {
    let mut policy = format!("\"second\";q={};w=1", left.per_second);
    let mut limit = format!("\"second\";r={};t=1", left.remaining);
    for one in allowances {
        let name = one.purse.text();
        policy += &format!(", \"{name}\";q={};w={}", one.limit, one.window_seconds);
        limit += &format!(", \"{name}\";r={};t={}", one.left, one.back_in_seconds);
    }
    (policy, limit)
}

/// How long it takes until every purse that is empty has something in it again.
pub(super) fn back_in_seconds(allowances: &[Allowance]) -> Option<u32> {
    let empty = allowances.iter().filter(|one| one.left == 0).max_by_key(|one| one.back_in_seconds);
    // Evaluations, the last of them, are refused together, although some are left.
    empty.or(allowances.last()).map(|one| one.back_in_seconds)
}
