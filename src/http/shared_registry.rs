//! The registry as handlers have it, and the one door to the threads where waiting is allowed.

use std::future::{Ready, ready};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use tokio::sync::Semaphore;

use super::failure::Failure;
use crate::domain::rejection::{Code, Rejection};
use crate::registry::Registry;

/// What the edge needs to know of the settings.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body, at most.
    pub body_bytes_max: usize,
    /// Seconds until a body must be there.
    pub body_seconds_max: u64,
    /// Items of a page, at most.
    pub page_max: i64,
    /// Requests a second of one participant, at most.
    pub requests_per_second: u32,
    /// The longest attempt of a webhook.
    pub attempt_max: Duration,
}

/// What all handlers share.
pub struct Shared {
    /// The registry.
    pub registry: Arc<Registry>,
    /// The limits of the edge.
    pub limits: Limits,
    /// Where clients reach us, without a slash at the end.
    pub public_url: String,
    /// Room for requests that wait for the database, or that it works on.
    pub room: Arc<Semaphore>,
}

/// A handle on it, for handlers.
#[derive(Clone)]
pub struct SharedRegistry(pub Arc<Shared>);

impl SharedRegistry {
    /// Runs a use case where it may wait. The whole of it, what follows a commit included, runs inside,
    /// so that a client who hangs up can't lose any of it.
    ///
    /// # Errors
    /// Whatever the use case refuses; `overloaded`, at once, when too many run or wait already; `internal`
    /// when it panicked.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&Registry) -> Result<T, Rejection> + Send + 'static,
    ) -> Result<T, Failure> {
        let Ok(place) = Arc::clone(&self.0.room).try_acquire_owned() else {
            let detail = "Too many requests wait for the database.";
            return Err(Rejection::new(Code::Overloaded, detail).into());
        };
        #[expect(clippy::disallowed_methods, reason = "this is the one door")]
        let done = web::block(move || {
            // Kept until the work is done, whether or not its client still waits.
            let _place = place;
            work(&self.0.registry)
        })
        .await;
        done.unwrap_or_else(|_| {
            log::error!("a use case panicked");
            Err(Rejection::new(Code::Internal, "Something that can't be happened here."))
        })
        .map_err(Failure)
    }

    /// The limits of the edge.
    pub(super) fn limits(request: &HttpRequest) -> Limits {
        Self::of(request).0.limits
    }

    /// # Panics
    /// On a server that was put together without one.
    pub(super) fn of(request: &HttpRequest) -> SharedRegistry {
        request.app_data::<SharedRegistry>().cloned().expect("the server has a registry")
    }
}

impl Deref for SharedRegistry {
    type Target = Registry;
    fn deref(&self) -> &Registry {
        &self.0.registry
    }
}

impl FromRequest for SharedRegistry {
    type Error = Failure;
    type Future = Ready<Result<SharedRegistry, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(SharedRegistry::of(request)))
    }
}
