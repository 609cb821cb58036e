//! Whether this machine's clock can be right (OPS-03).
//!
//! Order never rests on it: each commit takes a time after the one before, whatever the clock says. But
//! what people read is its time, and so is what expires. So it is compared with the time of the last
//! commit, and where the database has a clock of its own with that: at start, and when somebody asks
//! whether the server is ready.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::AnyConnection;
use super::dialect;
use crate::clock;
use crate::error::{Error, Kind, Result};

const SECOND: i64 = 1_000_000;
/// Microseconds of difference that are worth a word.
const NOTABLE: i64 = 5 * SECOND;
/// Microseconds of difference with which a server is not ready.
const MOST: i64 = 60 * SECOND;
/// Time between two warnings, and between two comparisons while readers are at work.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// What a clock was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    /// That of the database, which is another machine's.
    Database,
    /// The time of the last commit: some clock was ahead when it was made, or this one is behind.
    LastCommit,
}

/// A difference that is notable: how far ahead of the other this clock is, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skew(Other, i64);

/// Compares the clock with whatever there is to compare it with.
fn judge(
    now: clock::Instant,
    last_commit: clock::Instant,
    database: Option<clock::Instant>,
) -> Option<Skew> {
    if let Some(database) = database {
        let ahead = now.saturating_sub(database);
        if ahead.saturating_abs() > NOTABLE {
            return Some(Skew(Other::Database, ahead));
        }
    }
    // After the last commit any time may have passed.
    let ahead = now.saturating_sub(last_commit);
    (ahead < -NOTABLE).then_some(Skew(Other::LastCommit, ahead))
}

/// What the comparisons have said.
#[derive(Debug, Default)]
pub struct ClockWatch {
    compared: Mutex<Option<Instant>>,
    warned: Mutex<Option<Instant>>,
    /// Seconds by which the clock was ahead of that of the database, when that was too many; else 0.
    off: AtomicI64,
}

impl ClockWatch {
    /// Compares the clock, and warns of a notable difference.
    pub fn compare(&self, connection: &mut AnyConnection, now: clock::Instant) -> Result<()> {
        let last_commit = dialect::counter(connection)?.stamp;
        let skew = judge(now, last_commit, dialect::clock(connection)?);
        let off = match skew {
            Some(Skew(Other::Database, ahead)) if ahead.saturating_abs() > MOST => ahead,
            // A last commit of the future is no reason: whichever clock was wrong may have been mended.
            _ => 0,
        };
        self.off.store(off / SECOND, Ordering::Relaxed);
        is_due(&self.compared);
        if let Some(Skew(other, ahead)) = skew
            && is_due(&self.warned)
        {
            let seconds = ahead / SECOND;
            tracing::warn!(seconds, than = ?other, "the clock is ahead by this, or another is wrong");
        }
        Ok(())
    }

    /// Whether the last comparison is an hour old.
    pub fn is_stale(&self) -> bool {
        let compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        compared.is_none_or(|at| at.elapsed() >= AGAIN)
    }

    /// What the last comparison said.
    ///
    /// # Errors
    /// `Unavailable` when the clock is more than a minute off that of the database.
    pub fn verdict(&self) -> Result<()> {
        match self.off.load(Ordering::Relaxed) {
            0 => Ok(()),
            seconds => Err(Error::of(
                Kind::Unavailable,
                format!(
                    "expected the clock of the database, found one {seconds} seconds ahead of it"
                ),
            )),
        }
    }
}

/// Whether it was an hour ago or never; from now on it is now.
fn is_due(last: &Mutex<Option<Instant>>) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let due = last.is_none_or(|at| at.elapsed() >= AGAIN);
    if due {
        *last = Some(Instant::now());
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ops_03_clocks_are_compared() {
        const S: i64 = 1_000_000;
        // 2026-01-01; the second after the last one that fits 32 bits; a leap second's neighbours.
        for now in [1_767_225_600 * S, 2_147_483_648 * S, 1_483_228_799 * S] {
            let hour = 3_600 * S;
            for (last_commit, database, expected) in [
                (now, None, None),
                (now - 999 * hour, None, None),
                (now + 5 * S, None, None),
                (
                    now + 5 * S + 1,
                    None,
                    Some(Skew(Other::LastCommit, -5 * S - 1)),
                ),
                (
                    now + 2 * hour,
                    None,
                    Some(Skew(Other::LastCommit, -2 * hour)),
                ),
                (now, Some(now), None),
                (now, Some(now - 5 * S), None),
                (now, Some(now - 6 * S), Some(Skew(Other::Database, 6 * S))),
                (now, Some(now + 6 * S), Some(Skew(Other::Database, -6 * S))),
                (
                    now + 2 * hour,
                    Some(now),
                    Some(Skew(Other::LastCommit, -2 * hour)),
                ),
                (
                    now + 2 * hour,
                    Some(now + 2 * hour),
                    Some(Skew(Other::Database, -2 * hour)),
                ),
                (0, None, None),
            ] {
                assert_eq!(judge(now, last_commit, database), expected, "{now}");
            }
        }
        // Nonsense has an answer too.
        assert!(judge(i64::MIN, i64::MAX, Some(i64::MAX)).is_some());
    }

    #[test]
    fn ops_03_a_warning_is_given_once_an_hour() {
        let watch = ClockWatch::default();
        assert!(watch.is_stale());
        assert!(is_due(&watch.warned) && !is_due(&watch.warned));
        assert!(is_due(&watch.compared) && !watch.is_stale());
        watch.verdict().unwrap();
        watch.off.store(-61, Ordering::Relaxed);
        assert_eq!(watch.verdict().unwrap_err().kind(), Kind::Unavailable);
    }
}
