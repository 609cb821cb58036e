//! Signs of life of the threads that own connections, so that a probe need not wait in their queues.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When something last went well.
#[derive(Debug)]
pub struct Pulse {
    origin: Instant,
    /// Milliseconds after `origin`; 0 for never.
    last: AtomicU64,
}

/// How long a sign of life counts: longer than a search may take, so that busy searchers always have
/// one.
const FRESH: Duration = Duration::from_secs(3);

impl Default for Pulse {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    /// Something went well just now.
    pub fn beat(&self) {
        let now = millis(self.origin.elapsed()).max(1);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Whether something went well lately.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh_at(self.origin.elapsed())
    }

    fn is_fresh_at(&self, now: Duration) -> bool {
        match self.last.load(Ordering::Relaxed) {
            0 => false,
            last => millis(now).saturating_sub(last) <= millis(FRESH),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_counts_for_a_while() {
        let pulse = Pulse::default();
        assert!(!pulse.is_fresh());
        pulse.beat();
        assert!(pulse.is_fresh());
        let later =
            |seconds| pulse.is_fresh_at(pulse.origin.elapsed() + Duration::from_secs(seconds));
        assert!(later(2) && !later(4));
    }
}
