//! Document bytes, kept by their SHA-256 (DUR-04).
//!
//! Beside SQLite they are files in the data directory: written under a temporary name, synced,
//! renamed, and only then does the row commit. Where several processes share a PostgreSQL they
//! are chunks in the database, in the same transaction as everything else. The hash is checked
//! whenever a document is read.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use ring::digest::{Context, SHA256};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use rustix::io::Errno;

use super::connection::AnyConnection;
use super::file_system::stop_at_once;
use super::quarantine::{self, Damage};
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::{Error, Kind, Result};
use crate::ids::random_uuid;

/// Bytes of one chunk in the database.
pub const CHUNK: usize = 256 * 1024;

/// A document whose row a commit inserts.
#[derive(Debug)]
pub struct BlobDraft {
    pub sha256: [u8; 32],
    pub size: u64,
    /// Where the bytes are until the commit; `None` when they are in place as a file already.
    source: Option<Arc<Upload>>,
}

/// Bytes on their way in: a temporary file, hashed while it is written.
#[derive(Debug)]
pub struct Upload {
    path: PathBuf,
    pub sha256: [u8; 32],
    pub size: u64,
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Already renamed, or never needed: either way nothing is lost.
        let _ = fs::remove_file(&self.path);
    }
}

impl Upload {
    /// The bytes, to be read; also after the upload has been put in place.
    pub fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| disk(error, "an upload cannot be read back"))
    }
}

/// Writes an upload piece by piece.
pub struct UploadWriter {
    file: File,
    hash: Context,
    upload: Upload,
    /// Whether the file is what stays.
    durable: bool,
}

impl UploadWriter {
    /// Opens a temporary file in the data directory; a durable one will stay as the document.
    pub fn create(data_dir: &Path, durable: bool) -> Result<Self> {
        let folder = data_dir.join("tmp");
        fs::create_dir_all(&folder).map_err(|error| disk(error, "no place for uploads"))?;
        let path = folder.join(random_uuid()?);
        let file = File::create(&path).map_err(|error| disk(error, "no place for an upload"))?;
        Ok(Self {
            file,
            hash: Context::new(&SHA256),
            upload: Upload {
                path,
                sha256: [0; 32],
                size: 0,
            },
            durable,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| disk(error, "an upload cannot be written"))?;
        self.hash.update(bytes);
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.upload.size = self.upload.size.saturating_add(more);
        Ok(())
    }

    /// Syncs a file that stays, and tells its hash.
    pub fn finish(self) -> Result<Upload> {
        if self.durable {
            synced(self.file.sync_all(), "an upload cannot be made durable")?;
        }
        let mut upload = self.upload;
        for (place, byte) in upload.sha256.iter_mut().zip(self.hash.finish().as_ref()) {
            *place = *byte;
        }
        Ok(upload)
    }
}

/// Removes the uploads that a process which ended before its time has left.
pub fn clear_uploads(data_dir: &Path) {
    // Nothing there, or not ours to remove: uploads do not depend on it.
    let _ = fs::remove_dir_all(data_dir.join("tmp"));
}

/// Where documents live.
#[derive(Clone, Debug)]
pub struct BlobPlace {
    /// `None`: in the database.
    folder: Option<PathBuf>,
    /// Held while it is decided whether a file stays.
    turn: Arc<Mutex<()>>,
}

impl BlobPlace {
    /// Documents as files below the data directory.
    pub fn files(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join("blobs");
        fs::create_dir_all(&folder).map_err(|error| disk(error, "no place for documents"))?;
        // The working directory has no name of its own.
        let here = data_dir.as_os_str().is_empty();
        let found = sync_folder(if here { Path::new(".") } else { data_dir })?;
        found.map_err(|error| disk(error, "a folder cannot be made durable"))?;
        Ok(Self {
            folder: Some(folder),
            turn: Arc::default(),
        })
    }

    /// Documents as chunks in the database.
    pub fn database() -> Self {
        Self {
            folder: None,
            turn: Arc::default(),
        }
    }

    /// The folder of the files; `None` when there are none.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Decides about a file while nobody else does.
    pub fn alone<T>(&self, decide: impl FnOnce() -> Result<T>) -> Result<T> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        decide()
    }

    /// Brings an upload to where it can be committed.
    pub fn stage(&self, upload: Arc<Upload>) -> Result<BlobDraft> {
        let (sha256, size) = (upload.sha256, upload.size);
        let Some(folder) = &self.folder else {
            return Ok(BlobDraft {
                sha256,
                size,
                source: Some(upload),
            });
        };
        let place = file_path(folder, &sha256);
        let parent = place.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| disk(error, "no place for documents"))?;
        // Also over a file that is there: it may be damaged, and these bytes are not.
        self.alone(|| match fs::rename(&upload.path, &place) {
            Ok(()) => Ok(()),
            // Staged before, for a commit that is built anew.
            Err(_) if make_young(&place)? => Ok(()),
            Err(error) => Err(disk(error, "a document cannot be put in place")),
        })?;
        for folder in [parent, folder] {
            synced(sync_folder(folder)?, "a folder cannot be made durable")?;
        }
        Ok(BlobDraft {
            sha256,
            size,
            source: None,
        })
    }

    /// The file of a document; `None` when it is in the database.
    pub fn file(&self, sha256: &[u8; 32]) -> Result<Option<File>> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        match File::open(file_path(folder, sha256)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk(error, "a document cannot be read")),
        }
    }

    /// Reads a document on a connection of one's own.
    ///
    /// # Errors
    /// `Damaged` when it is missing or damaged.
    pub fn read(&self, connection: &mut AnyConnection, sha256: &[u8; 32]) -> Result<Vec<u8>> {
        let bytes = match &self.folder {
            Some(folder) => match fs::read(file_path(folder, sha256)) {
                Ok(bytes) => bytes,
                // A restored database has its documents inside.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    read_chunks(connection, sha256)?
                }
                Err(error) => return Err(disk(error, "a document cannot be read")),
            },
            None => read_chunks(connection, sha256)?,
        };
        if ring::digest::digest(&SHA256, &bytes).as_ref() != sha256 {
            return Err(damaged());
        }
        Ok(bytes)
    }
}

/// Marks a file as wanted now, so that it is not swept before the commit; false when there is none.
fn make_young(place: &Path) -> Result<bool> {
    let now = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        },
    };
    match utimensat(CWD, place, &now, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(disk(error.into(), "a document cannot be put in place")),
    }
}

/// The hash that the place of a file stands for.
pub fn sha256_of(file: &Path) -> Option<[u8; 32]> {
    let rest = file.file_name()?.to_str()?;
    let first = file.parent()?.file_name()?.to_str()?;
    if (first.len(), rest.len()) != (2, 62) {
        return None;
    }
    let name = format!("{first}{rest}");
    let mut sha256 = [0u8; 32];
    for (byte, digits) in sha256.iter_mut().zip(name.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    // As we write it, and no other way.
    (hex(&sha256) == name).then_some(sha256)
}

fn file_path(folder: &Path, sha256: &[u8; 32]) -> PathBuf {
    let name = hex(sha256);
    let (first, rest) = name.split_at_checked(2).unwrap_or((&name, ""));
    folder.join(first).join(rest)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// Syncs a folder; an error beside it when it could not even be opened.
fn sync_folder(folder: &Path) -> Result<io::Result<()>> {
    File::open(folder)
        .map(|folder| folder.sync_all())
        .map_err(|error| disk(error, "a folder cannot be opened"))
}

/// What came of a sync on the way of a document: only for want of space may the server go on (DUR-05).
fn synced(result: io::Result<()>, what: &'static str) -> Result<()> {
    result.map_err(|error| {
        let error = disk(error, what);
        if error.kind() != Kind::Full {
            stop_at_once(&error);
        }
        error
    })
}

/// Inserts the row of a document, and its chunks where they live in the database.
pub fn insert(connection: &mut AnyConnection, blob: &BlobDraft, now: Instant) -> Result<()> {
    let size = i64::try_from(blob.size).unwrap_or(i64::MAX);
    // What comes in now is whole.
    let mended = quarantine::release(connection, Damage::Document(blob.sha256).to_string())?;
    let new = Sql::<()>::new("INSERT INTO blob (sha256, size, created) VALUES (")
        .bind_blob(blob.sha256.to_vec())
        .push(", ")
        .bind(size)
        .push(", ")
        .bind(now)
        .push(") ON CONFLICT (sha256) DO NOTHING")
        .execute(connection)?;
    let Some(upload) = &blob.source else {
        return Ok(());
    };
    if new == 0 && !mended {
        return Ok(());
    }
    if mended {
        Sql::<()>::new("DELETE FROM blob_chunk WHERE sha256 = ")
            .bind_blob(blob.sha256.to_vec())
            .execute(connection)?;
    }
    let mut file = File::open(&upload.path).map_err(|error| disk(error, "an upload is gone"))?;
    let mut part = 0i64;
    loop {
        let mut bytes = Vec::with_capacity(CHUNK);
        let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let read = (&mut file)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| disk(error, "an upload cannot be read back"))?;
        if read == 0 {
            return Ok(());
        }
        insert_chunk(connection, &blob.sha256, part, bytes)?;
        part = part.saturating_add(1);
    }
}

/// Inserts one chunk of a document.
pub fn insert_chunk(
    connection: &mut AnyConnection,
    sha256: &[u8; 32],
    part: i64,
    bytes: Vec<u8>,
) -> Result<()> {
    Sql::<()>::new("INSERT INTO blob_chunk (sha256, part, bytes) VALUES (")
        .bind_blob(sha256.to_vec())
        .push(", ")
        .bind(part)
        .push(", ")
        .bind_blob(bytes)
        .push(")")
        .execute(connection)?;
    Ok(())
}

/// One chunk of a document; empty when there is none.
pub fn chunk(connection: &mut AnyConnection, sha256: &[u8; 32], part: i64) -> Result<Vec<u8>> {
    let found: Option<Vec<u8>> = Sql::<Binary>::new("SELECT bytes FROM blob_chunk WHERE sha256 = ")
        .bind_blob(sha256.to_vec())
        .push(" AND part = ")
        .bind(part)
        .get_result(connection)
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn read_chunks(connection: &mut AnyConnection, sha256: &[u8; 32]) -> Result<Vec<u8>> {
    let rows: Vec<(i64, Vec<u8>)> =
        Sql::<(BigInt, Binary)>::new("SELECT part, bytes FROM blob_chunk WHERE sha256 = ")
            .bind_blob(sha256.to_vec())
            .push(" ORDER BY part")
            .load(connection)?;
    let mut all = Vec::new();
    for (_, bytes) in rows {
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// What is told of a document whose bytes are others than were stored.
pub fn damaged() -> Error {
    Error::of(Kind::Damaged, "the document stored here is damaged")
}

/// An error of the disk.
pub fn disk(error: io::Error, what: &'static str) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
        _ => Kind::Unavailable,
    };
    Error::of(kind, what).because(error)
}
