//! Where an embedded database may lie, and who has it: on this machine, one process (DUR-02).
//!
//! Over a network, locks and shared memory are promises that SQLite's write-ahead log cannot
//! build on: two machines can write at once and damage the database.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::connection::folder_of;
use crate::error::{Error, Kind, Result};

/// File systems of the network, by the number with which Linux names their type (`statfs(2)`).
const NETWORK: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564c, "NCP"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x4750_4653, "GPFS"),
    (0x013b_ca86, "PanFS"),
];
/// Anything that a process of the user provides: a disk, or a connection to another machine.
const FUSE: i64 = 0x6573_5546;

/// What the number of a file system says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinship {
    Local,
    /// Nobody can tell from here.
    Unclear,
    Network(&'static str),
}

fn kinship(number: i64) -> Kinship {
    if number == FUSE {
        return Kinship::Unclear;
    }
    NETWORK
        .iter()
        .find(|(known, _)| *known == number)
        .map_or(Kinship::Local, |(_, name)| Kinship::Network(name))
}

/// Refuses the folder of an embedded database that lies on another machine.
///
/// # Errors
/// `Unavailable` for a network file system. A file system that cannot be told is let pass, with a
/// warning where it may be one.
fn require_local(folder: &Path) -> Result<()> {
    match number(folder).map_or(Kinship::Local, kinship) {
        Kinship::Local => Ok(()),
        Kinship::Unclear => {
            tracing::warn!(
                "the database lies on a file system in user space: it must be a local one"
            );
            Ok(())
        }
        Kinship::Network(name) => Err(Error::of(
            Kind::Unavailable,
            format!(
                "expected the database on a local file system, found it on {name}: \
                 use a local disk, or PostgreSQL"
            ),
        )),
    }
}

#[cfg(target_os = "linux")]
fn number(folder: &Path) -> Option<i64> {
    let found = rustix::fs::statfs(folder).ok()?;
    // Some platforms have it signed and narrow, and sign it on the way.
    i64::try_from(i128::from(found.f_type) & 0xffff_ffff).ok()
}

#[cfg(not(target_os = "linux"))]
fn number(_folder: &Path) -> Option<i64> {
    None
}

/// Refuses when less than this many bytes are free where a folder lies (OPS-01).
///
/// # Errors
/// `Full`. Where nobody can tell there is room.
pub fn require_room(folder: &Path, bytes: u64) -> Result<()> {
    let free = rustix::fs::statvfs(folder)
        .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if free >= bytes {
        return Ok(());
    }
    Err(Error::of(
        Kind::Full,
        format!("expected {bytes} free bytes on the disk of the data directory, found {free}"),
    ))
}

/// After a failed fsync nobody knows what is on the disk, and a second one may succeed although pages
/// were dropped: nothing is acknowledged any more, and the next start begins with the log (DUR-05).
pub fn stop_at_once(error: &Error) -> ! {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, source, "the disk failed while a write was made durable; stopping at once");
    std::process::abort();
}

/// How often a lock that somebody has is tried again.
const PATIENCE: u32 = 10;

/// Takes the lock beside an embedded database; it goes with the process, however that ends.
///
/// # Errors
/// `Conflict` when another process has it; `Unavailable` on a file system of the network.
pub fn lock_file(path: &Path) -> Result<File> {
    require_local(folder_of(path))?;
    let failed = |error: std::io::Error| {
        Error::of(Kind::Unavailable, "the database cannot be locked").because(error)
    };
    let file = File::create(path.with_extension("lock")).map_err(failed)?;
    let mut locked = file.try_lock();
    for _ in 0..PATIENCE {
        if !matches!(locked, Err(TryLockError::WouldBlock)) {
            break;
        }
        // A child that is being started has copies of all open files for a moment, also of a lock
        // that was just given back.
        std::thread::sleep(Duration::from_millis(20));
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::of(
            Kind::Conflict,
            "expected an embedded database that no other process uses, found one in use: \
             post to the running server, or use PostgreSQL for several processes",
        )),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dur_02_network_file_systems() {
        assert_eq!(kinship(0xef53), Kinship::Local); // ext4
        assert_eq!(kinship(0x0102_1994), Kinship::Local); // tmpfs
        assert_eq!(kinship(0x5846_5342), Kinship::Local); // XFS
        assert_eq!(kinship(FUSE), Kinship::Unclear);
        assert_eq!(kinship(0x6969), Kinship::Network("NFS"));
        assert_eq!(kinship(0xff53_4d42), Kinship::Network("CIFS"));
    }

    #[test]
    fn ops_01_room_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        require_room(folder.path(), 1).unwrap();
        let error = require_room(folder.path(), u64::MAX).unwrap_err();
        assert_eq!(error.kind(), Kind::Full);
        require_room(&folder.path().join("not-there"), u64::MAX).unwrap();
    }

    #[test]
    fn a_temporary_folder_is_local() {
        let folder = tempfile::tempdir().unwrap();
        require_local(folder.path()).unwrap();
        require_local(&folder.path().join("not-there")).unwrap();
    }
}
