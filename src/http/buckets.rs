//! Token buckets (LOAD-02): how many requests each of many clients may begin in a time.
//!
//! A bucket is one number, the time at which it will be full again; one that is full need not be kept.
//! So memory is bounded by the clients of the last moments, and by [`MOST`] whatever happens.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets kept at the most. Who comes when there are as many shares one bucket with all who come then.
const MOST: usize = 100_000;
/// Buckets that are not worth being looked through for full ones.
const FEW: usize = 1_024;

/// The buckets of all clients.
pub struct Buckets<K> {
    origin: Instant,
    /// Time in which one token comes back.
    each: Duration,
    /// Time in which a bucket fills.
    whole: Duration,
    table: Mutex<Table<K>>,
}

struct Table<K> {
    /// When each bucket is full again, after the origin.
    full: HashMap<K, Duration>,
    common: Duration,
    /// How many buckets there are when they are next looked through.
    tidy_at: usize,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// Buckets of `burst` tokens into which `per_second` come back; `None` without a rate.
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Option<Self> {
        let each = Duration::from_secs(1).checked_div(per_second)?;
        Some(Self {
            origin: now,
            each,
            whole: each.saturating_mul(burst.max(1)),
            table: Mutex::new(Table {
                full: HashMap::new(),
                common: Duration::ZERO,
                tidy_at: FEW,
            }),
        })
    }

    /// Takes a token from the bucket of a client, or tells after what time there will be one.
    pub fn take(&self, client: K, now: Instant) -> Result<(), Duration> {
        let now = now.saturating_duration_since(self.origin);
        // Every statement leaves the table whole.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.full.len() >= table.tidy_at {
            table.full.retain(|_, full| *full > now);
            table.tidy_at = table.full.len().saturating_mul(2).clamp(FEW, MOST);
        }
        let Table { full, common, .. } = &mut *table;
        let full = if full.len() < MOST || full.contains_key(&client) {
            full.entry(client).or_default()
        } else {
            common
        };
        let then = (*full).max(now).saturating_add(self.each);
        let empty_until = then.saturating_sub(self.whole);
        if empty_until > now {
            return Err(empty_until.saturating_sub(now));
        }
        *full = then;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_02_a_bucket_empties_and_fills() {
        let start = Instant::now();
        let buckets = Buckets::new(10, 3, start).unwrap();
        let take = |client: u32, millis: u64| {
            buckets
                .take(client, start + Duration::from_millis(millis))
                .map_err(|wait| wait.as_millis())
        };
        assert_eq!([take(1, 0), take(1, 0), take(1, 0)], [Ok(()); 3]);
        assert_eq!(take(1, 0), Err(100));
        assert_eq!(take(2, 0), Ok(()), "each has its own");
        assert_eq!(take(1, 40), Err(60), "a refusal costs nothing");
        assert_eq!(take(1, 100), Ok(()));
        assert_eq!(take(1, 100), Err(100));
        assert_eq!([take(1, 900), take(1, 900), take(1, 900)], [Ok(()); 3]);
        assert_eq!(take(1, 900), Err(100), "it holds no more than the burst");
    }

    #[test]
    fn load_02_no_rate_no_buckets() {
        assert!(Buckets::<u32>::new(0, 3, Instant::now()).is_none());
        let start = Instant::now();
        let one = Buckets::new(1, 0, start).unwrap();
        assert_eq!(one.take(1, start), Ok(()), "a burst is one at least");
        assert!(one.take(1, start).is_err());
    }

    #[test]
    fn load_02_memory_is_bounded() {
        let start = Instant::now();
        let buckets = Buckets::new(1, 1, start).unwrap();
        for client in 0..10_000u32 {
            let now = start + Duration::from_millis(u64::from(client) * 10);
            assert_eq!(buckets.take(client, now), Ok(()));
        }
        assert!(buckets.table.lock().unwrap().full.len() <= FEW);
        // All at one time: the last ones share what there is.
        let crowded = Buckets::new(1, 1, start).unwrap();
        let most = u32::try_from(MOST).unwrap();
        for client in 0..most {
            assert_eq!(crowded.take(client, start), Ok(()));
        }
        assert_eq!(crowded.take(most, start), Ok(()));
        assert!(crowded.take(most + 1, start).is_err());
        assert!(crowded.take(0, start).is_err(), "it is known");
        assert_eq!(crowded.table.lock().unwrap().full.len(), MOST);
        let later = start + Duration::from_secs(2);
        assert_eq!(crowded.take(most + 1, later), Ok(()));
        assert!(crowded.table.lock().unwrap().full.len() <= FEW);
    }
}
