//! Time, handed in. Only this file asks the machine for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::Moment;

/// Where "now" comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is moved: tests and the demo's time machine.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `unix_ms`.
    pub fn manual(unix_ms: i64) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(unix_ms)))
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Clock::System => chrono::Utc::now().timestamp_millis(),
            Clock::Manual(unix_ms) => unix_ms.load(Ordering::SeqCst),
        }
    }

    /// Whole seconds on the axis of the domain.
    pub fn now(&self) -> Moment {
        Moment::from_unix_ms(self.now_ms())
    }

    /// Moves a manual clock forward; the machine's can't be.
    pub fn pass(&self, ms: i64) {
        if let Clock::Manual(unix_ms) = self {
            unix_ms.fetch_add(ms, Ordering::SeqCst);
        }
    }
}
