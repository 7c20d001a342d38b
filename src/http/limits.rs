//! How often one participant may ask, by the generic cell rate algorithm: one number for each, and no
//! burst at the edge of a window. In memory, for each node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use actix_web::{HttpMessage, HttpRequest};

use super::shared_registry::SharedRegistry;
use crate::domain::event::ParticipantId;
use crate::domain::participant::Caller;
use crate::domain::rejection::{Code, Rejection};

/// When each participant's allowance is used up, in seconds since this node began to count.
pub struct Pace {
    began: Instant,
    used_until: Mutex<HashMap<ParticipantId, f64>>,
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
    pub fn admit(&self, who: ParticipantId, per_second: u32, now: f64) -> Option<Left> {
        let cost = 1.0 / f64::from(per_second.max(1));
        let mut used_until = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
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
pub(super) fn count(request: &HttpRequest, caller: &Caller) -> Result<(), Rejection> {
    let Some(pace) = request.app_data::<actix_web::web::Data<Pace>>() else { return Ok(()) };
    let per_second = SharedRegistry::limits(request).requests_per_second;
    let now = pace.began.elapsed().as_secs_f64();
    let left = pace.admit(caller.participant.id, per_second, now);
    request.extensions_mut().insert(left.unwrap_or(Left { per_second, remaining: 0 }));
    if left.is_some() {
        return Ok(());
    }
    let detail = format!("A participant has {per_second} requests a second.");
    Err(Rejection::new(Code::RateLimited, detail))
}
