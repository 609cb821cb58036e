//! What the handlers share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::pool::Pool;
use crate::config::{Config, Limits};
use crate::error::{Error, Kind, Result};
use crate::interactions::{Live, Node};
use crate::monitoring::counters::Counters;

/// Everything a handler may use; one per process.
pub struct State {
    live: Arc<Live>,
    pub config: Config,
    /// Prepares writes; never waits.
    pub compute: Pool,
    /// May wait for the database.
    pub patient: Pool,
    /// Executes Bundles.
    pub bulk: Pool,
    /// Looks whether the server is well; never behind work.
    pub probe: Pool,
    pub patience: Patience,
    pub counters: Counters,
    /// Bytes of large bodies in memory (OPS-09); one permit is one KiB.
    in_flight: Arc<Semaphore>,
    stopping: AtomicBool,
    /// Host names that requests may name.
    hosts: Vec<String>,
    /// Bodies by path, served from memory for the benchmark; empty unless switched on.
    bench: HashMap<String, Bytes>,
}

/// How long work may wait for its turn (LOAD-01, LOAD-04).
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Somebody looks at the screen, and can ask again without harm.
    pub read: Duration,
    /// One fsync serves all writes that wait, so that even a long line of them moves.
    pub write: Duration,
    /// An import would rather wait than begin again.
    pub bulk: Duration,
}

impl Patience {
    fn of(limits: &Limits) -> Self {
        let write = Duration::from_secs(limits.waiting_seconds);
        Self {
            read: Duration::from_millis(limits.waiting_milliseconds),
            write,
            bulk: write.max(Duration::from_secs(limits.upload_seconds)),
        }
    }
}

impl State {
    pub fn new(
        live: Arc<Live>,
        config: Config,
        hosts: Vec<String>,
        pools: [Pool; 4],
        bench_mem: bool,
    ) -> Self {
        let [compute, patient, bulk, probe] = pools;
        let permits = config.limits.in_flight_bytes / 1024;
        Self {
            live,
            compute,
            patient,
            bulk,
            probe,
            patience: Patience::of(&config.limits),
            counters: Counters::default(),
            in_flight: Arc::new(Semaphore::new(permits)),
            stopping: AtomicBool::new(false),
            hosts,
            config,
            bench: if bench_mem {
                bench_bodies()
            } else {
                HashMap::new()
            },
        }
    }

    /// The node by the definitions in force.
    pub fn node(&self) -> Arc<Node> {
        self.live.node()
    }

    /// Waits until a body of this size may be held in memory; refuses when others wait already.
    ///
    /// # Errors
    /// `Unavailable` when the bytes in flight do not get fewer in time.
    pub async fn admit(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let most = self.config.limits.in_flight_bytes / 1024;
        let permits = (bytes / 1024).saturating_add(1).min(most);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let waiting = Arc::clone(&self.in_flight).acquire_many_owned(permits);
        match tokio::time::timeout(self.patience.write, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::of(
                Kind::Unavailable,
                "too many bytes are being processed; try again",
            )
            .retry_after(2)),
        }
    }

    /// Whether a `Host` is one of ours (HTTP-05, DEV-04).
    pub fn knows_host(&self, host: &str) -> bool {
        let name = host_name(host);
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether a web origin may call the FHIR endpoints (HTTP-06, DEV-04).
    pub fn allows_origin(&self, origin: &str) -> bool {
        if self
            .config
            .http
            .cors_origins
            .iter()
            .any(|known| known == origin)
        {
            return true;
        }
        let Some((_, host)) = origin.split_once("://") else {
            return false;
        };
        self.config.dev && matches!(host_name(host), "127.0.0.1" | "localhost" | "[::1]")
    }

    /// The body that the benchmark reads from memory.
    pub fn bench_body(&self, path: &str) -> Option<Bytes> {
        self.bench.get(path).cloned()
    }

    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// As many bodies as the benchmark reads resources, of their size.
fn bench_bodies() -> HashMap<String, Bytes> {
    (0..10_000)
        .map(|number| {
            (
                format!("/bench/mem/{number}"),
                Bytes::from(vec![b'x'; 4_000]),
            )
        })
        .collect()
}

/// The host of an authority, with its brackets if it is an IPv6 address, without port.
fn host_name(authority: &str) -> &str {
    if authority.starts_with('[') {
        return match authority.find(']') {
            Some(end) => authority.get(..=end).unwrap_or(authority),
            None => authority,
        };
    }
    authority.split(':').next().unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(host_name("127.0.0.1:8080"), "127.0.0.1");
        assert_eq!(host_name("fse.example.it"), "fse.example.it");
        assert_eq!(host_name("[::1]:80"), "[::1]");
    }
}
