//! Documents that no commit knows: files put in place for a commit that failed (DUR-04).
//!
//! Only files can be left behind; in a database a document goes with its transaction. A file is
//! removed when it has been there for a day and has no row: a commit that still wants it is long
//! over by then, because whoever stages the same bytes again makes the file young first.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::blobs::{BlobPlace, sha256_of};
use super::connection::{AnyConnection, Purpose, Target, open};
use super::sql::Sql;
use crate::clock::{Clock, Instant};
use crate::error::{Error, Kind, Result};

/// How long a file without a row is left alone, in seconds.
const AGE: i64 = 24 * 60 * 60;
/// Time between two sweeps.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// The thread that sweeps, at start and now and then. Dropping it ends the thread.
pub struct Sweeper {
    _stop: Sender<()>,
}

impl Sweeper {
    pub fn start(
        target: Target,
        place: BlobPlace,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (stop, stopped) = bounded(1);
        let thread = std::thread::Builder::new()
            .name("sweeper".to_owned())
            .spawn(move || {
                loop {
                    match sweep(&target, &place, clock.as_ref(), &stopped) {
                        Ok(0) => {}
                        Ok(removed) => {
                            tracing::info!(removed, "documents without a commit were removed");
                        }
                        Err(error) => tracing::warn!(%error, "documents cannot be swept"),
                    }
                    if stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok((Self { _stop: stop }, thread))
    }
}

/// Removes what is left over; how many files that were.
fn sweep(
    target: &Target,
    place: &BlobPlace,
    clock: &dyn Clock,
    stopped: &Receiver<()>,
) -> Result<u64> {
    let Some(folder) = place.folder() else {
        return Ok(0);
    };
    let mut connection = None;
    let mut removed = 0u64;
    for first in entries(folder)? {
        // A file, or a folder that went away: neither holds documents.
        let Ok(files) = entries(&first) else {
            continue;
        };
        for file in files {
            if stopped.try_recv() == Err(TryRecvError::Disconnected) {
                return Ok(removed);
            }
            let Some(sha256) = sha256_of(&file) else {
                continue;
            };
            if !is_old(&file, clock.now()) {
                continue;
            }
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(open(target, Purpose::Read)?),
            };
            let gone = place.alone(|| {
                // Asked again: it may have been staged a moment ago.
                if !is_old(&file, clock.now()) || is_known(connection, &sha256)? {
                    return Ok(false);
                }
                fs::remove_file(&file)
                    .map(|()| true)
                    .map_err(|error| failed("a document cannot be removed", error))
            })?;
            removed = removed.saturating_add(u64::from(gone));
        }
    }
    Ok(removed)
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|error| failed("a folder of documents cannot be read", error))
}

fn failed(what: &'static str, error: std::io::Error) -> Error {
    Error::of(Kind::Unavailable, what).because(error)
}

fn is_old(file: &Path, now: Instant) -> bool {
    fs::symlink_metadata(file).is_ok_and(|metadata| {
        metadata.is_file() && now.div_euclid(1_000_000).saturating_sub(metadata.mtime()) > AGE
    })
}

fn is_known(connection: &mut AnyConnection, sha256: &[u8; 32]) -> Result<bool> {
    let found: i64 = Sql::<BigInt>::new("SELECT COUNT(*) FROM blob WHERE sha256 = ")
        .bind_blob(sha256.to_vec())
        .get_result(connection)?;
    Ok(found > 0)
}
