//! The one clock. Instants are microseconds since 1970-01-01T00:00:00Z.

use std::sync::atomic::{AtomicI64, Ordering};

/// Microseconds UTC since the Unix epoch.
pub type Instant = i64;

/// Tells the time. Rooms that need it take `&dyn Clock`.
pub trait Clock: Send + Sync {
    /// The present moment, in microseconds UTC.
    fn now(&self) -> Instant;
}

/// The clock of the machine.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        chrono::Utc::now().timestamp_micros()
    }
}

/// A clock for tests: stands still until it is moved.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    pub fn at(instant: Instant) -> Self {
        Self(AtomicI64::new(instant))
    }

    /// Moves the clock on by `microseconds`.
    pub fn advance(&self, microseconds: i64) {
        self.0.fetch_add(microseconds, Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Instant {
        self.0.load(Ordering::Relaxed)
    }
}
