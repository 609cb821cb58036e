//! Documents on their way out: found whole first, then read piece by piece.
//!
//! A document is immutable and named by its hash, so it is read twice: once to know that every byte
//! is right before the first one is sent, once to send it. At no time is more of it in memory than a
//! piece (IN-04).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::blobs::{self, BlobPlace, CHUNK};
use super::readers::Readers;
use crate::error::Result;

/// A document whose bytes are right.
#[derive(Clone, Debug)]
pub struct Document {
    size: u64,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// All of it, when it is no more than a piece.
    Piece(Bytes),
    File(Arc<File>),
    /// Chunks in the database.
    Rows {
        readers: Readers,
        sha256: [u8; 32],
    },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Source::Piece(_) => "Piece",
            Source::File(_) => "File",
            Source::Rows { .. } => "Rows",
        })
    }
}

impl Document {
    /// A document without bytes.
    pub fn empty() -> Self {
        Self {
            size: 0,
            source: Source::Piece(Bytes::new()),
        }
    }

    /// Finds a document and reads it through. Blocks.
    ///
    /// # Errors
    /// `Damaged` when it is missing or damaged.
    pub fn open(place: &BlobPlace, readers: &Readers, sha256: [u8; 32]) -> Result<Self> {
        Self::read(place, readers, sha256, |_| {})
    }

    /// All bytes of a document at once.
    ///
    /// # Errors
    /// As [`Document::open`].
    pub fn whole(place: &BlobPlace, readers: &Readers, sha256: [u8; 32]) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        Self::read(place, readers, sha256, |piece| all.extend_from_slice(piece))?;
        Ok(all)
    }

    fn read(
        place: &BlobPlace,
        readers: &Readers,
        sha256: [u8; 32],
        mut each: impl FnMut(&Bytes),
    ) -> Result<Self> {
        let source = match place.file(&sha256)? {
            Some(file) => Source::File(Arc::new(file)),
            // A restored database has its documents inside.
            None => Source::Rows {
                readers: readers.clone(),
                sha256,
            },
        };
        let mut document = Self { size: 0, source };
        let mut hash = Context::new(&SHA256);
        let mut first = Bytes::new();
        loop {
            let piece = document.piece(document.size)?;
            if piece.is_empty() {
                break;
            }
            hash.update(&piece);
            each(&piece);
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            if document.size == 0 {
                first = piece;
            }
            document.size = document.size.saturating_add(length);
        }
        if hash.finish().as_ref() != sha256 {
            return Err(blobs::damaged());
        }
        if u64::try_from(first.len()) == Ok(document.size) {
            document.source = Source::Piece(first);
        }
        Ok(document)
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes from this place on, a piece at the most; none at the end. Blocks.
    pub fn piece(&self, from: u64) -> Result<Bytes> {
        match &self.source {
            Source::Piece(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(from..))
            }
            Source::File(file) => {
                let mut piece = vec![0; CHUNK];
                let mut length = 0usize;
                while let Some(rest) = piece.get_mut(length..).filter(|rest| !rest.is_empty()) {
                    let at = u64::try_from(length).unwrap_or(u64::MAX);
                    match file.read_at(rest, from.saturating_add(at)) {
                        Ok(0) => break,
                        Ok(read) => length = length.saturating_add(read),
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => {
                            return Err(blobs::disk(error, "a document cannot be read"));
                        }
                    }
                }
                piece.truncate(length);
                Ok(piece.into())
            }
            Source::Rows { readers, sha256 } => {
                let chunk = u64::try_from(CHUNK).unwrap_or(u64::MAX);
                let part = from.checked_div(chunk).unwrap_or(0);
                let part = i64::try_from(part).unwrap_or(i64::MAX);
                let sha256 = *sha256;
                let bytes =
                    readers.read(move |connection, _| blobs::chunk(connection, &sha256, part))?;
                let bytes = Bytes::from(bytes);
                let skip = from.checked_rem(chunk).unwrap_or(0);
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                Ok(bytes.slice(skip.min(bytes.len())..))
            }
        }
    }
}
