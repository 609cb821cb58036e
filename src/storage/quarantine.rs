//! What was found damaged, remembered until it is whole again (DUR-07).
//!
//! That nothing damaged is served does not rest on this memory: every read checks the checksum of what
//! it reads. The memory is for the operator, who learns what to bring back from a backup.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::blobs::hex;
use super::connection::AnyConnection;
use super::sql::Sql;
use crate::clock;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;

/// Something stored whose bytes are not those that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    Version { key: ResourceKey, version: i64 },
    Document([u8; 32]),
}

/// The name under which it is in quarantine. No type of resource begins with a small letter.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Version { key, version } => write!(f, "{key}/_history/{version}"),
            Damage::Document(sha256) => write!(f, "document/{}", hex(sha256)),
        }
    }
}

/// Time before the same damage is told again.
const AGAIN: Duration = Duration::from_secs(60);
/// Names kept in memory at the most.
const MOST: usize = 1_000;

/// What this process has met, so that a reader who asks again and again does not write each time.
#[derive(Debug, Default)]
pub struct Watch {
    told: Mutex<HashMap<String, Instant>>,
    met: AtomicU64,
}

impl Watch {
    /// Counts damage that was met; whether it is to be told.
    pub fn meet(&self, damage: &Damage) -> bool {
        self.met.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let name = damage.to_string();
        if told
            .get(&name)
            .is_some_and(|at| now.saturating_duration_since(*at) < AGAIN)
        {
            return false;
        }
        if told.len() >= MOST {
            told.clear();
        }
        told.insert(name, now);
        true
    }

    /// How often damage was met.
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }
}

/// Enters what is not there yet.
pub fn insert(connection: &mut AnyConnection, damage: &Damage, now: clock::Instant) -> Result<()> {
    Sql::<()>::new("INSERT INTO quarantine (what, found) VALUES (")
        .bind_text(damage.to_string())
        .push(", ")
        .bind(now)
        .push(") ON CONFLICT (what) DO NOTHING")
        .execute(connection)?;
    Ok(())
}

/// Takes out what is whole again; whether it was there.
pub fn release(connection: &mut AnyConnection, name: String) -> Result<bool> {
    let rows = Sql::<()>::new("DELETE FROM quarantine WHERE what = ")
        .bind_text(name)
        .execute(connection)?;
    Ok(rows > 0)
}

/// Everything in quarantine, by name.
pub fn list(connection: &mut AnyConnection) -> Result<Vec<String>> {
    let names = Sql::<Text>::new("SELECT what FROM quarantine ORDER BY what").load(connection)?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dur_07_damage_is_counted_each_time_and_told_once() {
        let watch = Watch::default();
        let one = Damage::Version {
            key: ResourceKey::new("Patient", "1"),
            version: 3,
        };
        let other = Damage::Document([0xab; 32]);
        assert_eq!(one.to_string(), "Patient/1/_history/3");
        assert_eq!(other.to_string(), format!("document/{}", "ab".repeat(32)));
        assert!(watch.meet(&one) && watch.meet(&other));
        assert!(!watch.meet(&one) && !watch.meet(&other));
        assert_eq!(watch.met(), 4);
        for number in 0..MOST as i64 {
            watch.meet(&Damage::Version {
                key: ResourceKey::new("Patient", "2"),
                version: number,
            });
        }
        assert!(watch.told.lock().unwrap().len() <= MOST, "bounded");
    }
}
