//! What a client has sent, in memory while it is little and in a file when it is much (IN-05).

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::blobs::disk;
use crate::error::{Error, Result};
use crate::ids::random_uuid;

/// Bytes that are kept in memory; more go to a file.
const LITTLE: usize = 1 << 20;

/// Bytes that were received.
#[derive(Debug)]
pub enum Received {
    Memory(Vec<u8>),
    /// A file that has lost its name already: it is gone with its last user, whatever happens.
    File {
        file: File,
        size: u64,
    },
}

/// Takes bytes as they come.
#[derive(Debug)]
pub struct Receiver {
    folder: PathBuf,
    received: Received,
}

impl Receiver {
    /// A receiver with a place for its file in this data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("tmp"),
            received: Received::Memory(Vec::new()),
        }
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.received {
            Received::Memory(all) if all.len().saturating_add(bytes.len()) <= LITTLE => {
                all.extend_from_slice(bytes);
            }
            Received::Memory(all) => {
                let mut file = nameless(&self.folder)?;
                file.write_all(all)
                    .and_then(|()| file.write_all(bytes))
                    .map_err(full)?;
                let size = length(all.len()).saturating_add(length(bytes.len()));
                self.received = Received::File { file, size };
            }
            Received::File { file, size } => {
                file.write_all(bytes).map_err(full)?;
                *size = size.saturating_add(length(bytes.len()));
            }
        }
        Ok(())
    }

    /// How many bytes there are so far.
    pub fn size(&self) -> u64 {
        self.received.size()
    }

    pub fn finish(self) -> Received {
        self.received
    }
}

impl Received {
    pub fn size(&self) -> u64 {
        match self {
            Received::Memory(bytes) => length(bytes.len()),
            Received::File { size, .. } => *size,
        }
    }

    /// A part of the bytes.
    ///
    /// # Errors
    /// `Internal` for a part that is not there.
    pub fn part(&self, part: &Range<u64>) -> Result<Cow<'_, [u8]>> {
        let outside = || Error::internal("a part of a body that is not there");
        let size = part.end.checked_sub(part.start).ok_or_else(outside)?;
        let size = usize::try_from(size).map_err(|_| outside())?;
        match self {
            Received::Memory(bytes) => {
                let from = usize::try_from(part.start).map_err(|_| outside())?;
                let bytes = bytes.get(from..).and_then(|bytes| bytes.get(..size));
                bytes.map(Cow::Borrowed).ok_or_else(outside)
            }
            Received::File { file, .. } => {
                let mut bytes = vec![0; size];
                file.read_exact_at(&mut bytes, part.start)
                    .map_err(|error| disk(error, "a body cannot be read back"))?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// All bytes at once.
    pub fn into_bytes(self) -> Result<Vec<u8>> {
        match self {
            Received::Memory(bytes) => Ok(bytes),
            file => Ok(file.part(&(0..file.size()))?.into_owned()),
        }
    }

    /// Reads all bytes from the beginning.
    pub fn reader(&self) -> impl Read + '_ {
        Reader {
            received: self,
            at: 0,
        }
    }
}

struct Reader<'a> {
    received: &'a Received,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.received {
            Received::Memory(bytes) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX);
                let mut rest = bytes.get(at..).unwrap_or(&[]);
                rest.read(buffer)?
            }
            Received::File { file, .. } => file.read_at(buffer, self.at)?,
        };
        self.at = self.at.saturating_add(length(read));
        Ok(read)
    }
}

/// A new file that only its handle leads to.
fn nameless(folder: &Path) -> Result<File> {
    let failed = |error| disk(error, "no place for a body");
    fs::create_dir_all(folder).map_err(failed)?;
    let path = folder.join(random_uuid()?);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(failed)?;
    fs::remove_file(&path).map_err(failed)?;
    Ok(file)
}

fn full(error: io::Error) -> Error {
    disk(error, "a body cannot be written")
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_05_little_stays_in_memory_and_much_goes_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, LITTLE, LITTLE + 1, 3 * LITTLE + 5] {
            let bytes: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut receiver = Receiver::new(folder.path());
            for piece in bytes.chunks(10_000) {
                receiver.write(piece).unwrap();
            }
            assert_eq!(receiver.size(), length(size));
            let received = receiver.finish();
            let is_file = matches!(received, Received::File { .. });
            assert_eq!(is_file, size > LITTLE);
            let mut all = Vec::new();
            received.reader().read_to_end(&mut all).unwrap();
            assert!(all == bytes);
            if size > 300 {
                let part = received.part(&(100..300)).unwrap();
                assert_eq!(part.as_ref(), &bytes[100..300]);
            }
            assert!(received.part(&(0..length(size) + 1)).is_err());
            let backwards = std::ops::Range { start: 1, end: 0 };
            assert!(received.part(&backwards).is_err());
            assert!(received.into_bytes().unwrap() == bytes);
        }
        let left = std::fs::read_dir(folder.path().join("tmp")).unwrap();
        assert_eq!(left.count(), 0, "no file has a name");
    }
}
