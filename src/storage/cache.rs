//! Resources as they were last sent, in memory.
//!
//! Only where this process is the only one that writes (an embedded database, held by a lock file):
//! then a commit of ours is the only thing that can make an entry old, and it removes the entry
//! before anybody hears of the commit. A reader that was on its way meanwhile may hold an older
//! version: it brings back the epoch under which it missed, and an epoch that has passed is refused.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use crate::clock::Instant;
use crate::fhir::model::key::ResourceKey;

/// A resource ready to be sent.
#[derive(Clone, Debug)]
pub struct Cached {
    pub version: i64,
    pub last_updated: Instant,
    /// The whole resource as JSON.
    pub json: Bytes,
}

/// What a look into the cache gives.
pub enum Look {
    Hit(Arc<Cached>),
    /// Not there; the epoch to bring back with what the database says.
    Miss(Epoch),
}

/// The state of a shard when it was looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

/// A byte-weighted cache in shards, oldest entries out first.
#[derive(Debug)]
pub struct Cache {
    shards: Vec<Mutex<Shard>>,
    /// Bytes per shard.
    most: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<ResourceKey, Arc<Cached>>,
    order: VecDeque<ResourceKey>,
    bytes: usize,
    epoch: u64,
}

const SHARDS: usize = 16;
/// What an entry costs beside its bytes.
const OVERHEAD: usize = 256;

impl Cache {
    /// A cache of at most `bytes`; 0 keeps nothing.
    pub fn new(bytes: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            most: bytes / SHARDS,
        }
    }

    fn shard(&self, key: &ResourceKey) -> Option<std::sync::MutexGuard<'_, Shard>> {
        let spread = key.id.bytes().fold(0usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        self.shards.get(spread % SHARDS)?.lock().ok()
    }

    /// Looks for a resource.
    pub fn look(&self, key: &ResourceKey) -> Look {
        let Some(shard) = self.shard(key) else {
            return Look::Miss(Epoch(u64::MAX));
        };
        match shard.entries.get(key) {
            Some(cached) => Look::Hit(Arc::clone(cached)),
            None => Look::Miss(Epoch(shard.epoch)),
        }
    }

    /// Keeps what a reader found, unless something in the shard was written since it looked.
    pub fn keep(&self, key: &ResourceKey, epoch: Epoch, cached: Cached) {
        let weight = cached.json.len().saturating_add(OVERHEAD);
        if weight > self.most / 4 {
            return;
        }
        let Some(mut shard) = self.shard(key) else {
            return;
        };
        if Epoch(shard.epoch) != epoch {
            return;
        }
        if shard
            .entries
            .insert(key.clone(), Arc::new(cached))
            .is_none()
        {
            shard.order.push_back(key.clone());
            shard.bytes = shard.bytes.saturating_add(weight);
        }
        while shard.bytes > self.most {
            let Some(oldest) = shard.order.pop_front() else {
                break;
            };
            shard.remove(&oldest);
        }
    }

    /// Forgets a resource that was just written.
    pub fn forget(&self, key: &ResourceKey) {
        if let Some(mut shard) = self.shard(key) {
            shard.epoch = shard.epoch.wrapping_add(1);
            if shard.remove(key) {
                shard.order.retain(|kept| kept != key);
            }
        }
    }
}

impl Shard {
    fn remove(&mut self, key: &ResourceKey) -> bool {
        let Some(cached) = self.entries.remove(key) else {
            return false;
        };
        let weight = cached.json.len().saturating_add(OVERHEAD);
        self.bytes = self.bytes.saturating_sub(weight);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(bytes: usize) -> Cached {
        Cached {
            version: 1,
            last_updated: 0,
            json: Bytes::from(vec![b'x'; bytes]),
        }
    }

    fn miss(cache: &Cache, key: &ResourceKey) -> Option<Epoch> {
        match cache.look(key) {
            Look::Hit(_) => None,
            Look::Miss(epoch) => Some(epoch),
        }
    }

    #[test]
    fn con_05_a_late_reader_does_not_bring_back_an_old_version() {
        let cache = Cache::new(1 << 20);
        let key = ResourceKey::new("Patient", "1");
        let epoch = miss(&cache, &key).unwrap();
        cache.forget(&key);
        cache.keep(&key, epoch, cached(10));
        let epoch = miss(&cache, &key).unwrap();
        cache.keep(&key, epoch, cached(10));
        assert!(miss(&cache, &key).is_none());
        cache.forget(&key);
        assert!(miss(&cache, &key).is_some());
    }

    #[test]
    fn bytes_are_bounded() {
        let cache = Cache::new(SHARDS * 10_000);
        for number in 0..2_000 {
            let key = ResourceKey::new("Patient", number.to_string());
            let epoch = miss(&cache, &key).unwrap();
            cache.keep(&key, epoch, cached(1_000));
        }
        let held: usize = cache.shards.iter().map(|s| s.lock().unwrap().bytes).sum();
        assert!(held <= SHARDS * 10_000);
        for shard in &cache.shards {
            let shard = shard.lock().unwrap();
            assert_eq!(shard.bytes, shard.entries.len() * (1_000 + OVERHEAD));
        }
    }
}
