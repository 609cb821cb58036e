//! Latencies in little memory: a histogram of logarithmic buckets.
//!
//! Each power of two of microseconds is cut into 64 equal buckets, so a reading is at most 1.6 %
//! above the truth. Values over 2^32 µs (71 minutes) fall into the last bucket.

use std::time::Duration;

/// Values below this are exact, and each octave above has half as many buckets.
const STEPS: u64 = 128;
const STEP_BITS: u32 = 7;
const OCTAVES: u64 = 26;

/// How many requests took how long.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = STEPS + OCTAVES * (STEPS / 2);
        Self {
            buckets: vec![0; usize::try_from(buckets).unwrap_or(0)],
            count: 0,
            max: 0,
        }
    }
}

impl Histogram {
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let last = self.buckets.len().saturating_sub(1);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(micros).min(last)) {
            *bucket = bucket.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.max = self.max.max(micros);
    }

    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.saturating_add(*theirs);
        }
        self.count = self.count.saturating_add(other.count);
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Largest value seen, exact, in microseconds.
    pub fn max_micros(&self) -> u64 {
        self.max
    }

    /// The value that `permille` of all values do not exceed, in microseconds; 0 when empty.
    pub fn permille_micros(&self, permille: u64) -> u64 {
        let rank = self.count.saturating_mul(permille).div_ceil(1000).max(1);
        let mut seen = 0_u64;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen = seen.saturating_add(*bucket);
            if seen >= rank {
                return upper_bound(index).min(self.max);
            }
        }
        self.max
    }
}

fn bucket_of(micros: u64) -> usize {
    let octave = (u64::BITS - micros.leading_zeros()).saturating_sub(STEP_BITS);
    let step = micros >> octave;
    let index = u64::from(octave) * (STEPS / 2) + step;
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The largest value that falls into bucket `index`.
fn upper_bound(index: usize) -> u64 {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    if index < STEPS {
        return index;
    }
    let half = STEPS / 2;
    let octave = index / half - 1;
    let step = index - octave * half;
    let shift = u32::try_from(octave).unwrap_or(u32::MAX);
    (step + 1)
        .checked_shl(shift)
        .unwrap_or(u64::MAX)
        .saturating_sub(1)
}
