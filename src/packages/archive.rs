//! Reads the members of a gzipped tar within the limits of IN-15.
//!
//! The tar crate finds headers and checks their sums, in raw mode: what extended headers say is
//! interpreted here, and nothing is written anywhere. Long names come in two forms, GNU `L` and
//! POSIX `x`; both are read, bounded.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use flate2::bufread::GzDecoder;
use tar::EntryType;

use super::{invalid, member_name, too_large};
use crate::error::{Error, Result};

/// Bytes after inflating, headers and padding included.
const MAX_INFLATED: u64 = 512 * 1024 * 1024;
const MAX_MEMBERS: usize = 20_000;
/// Inflated bytes per compressed byte, of each member and of all together.
const MAX_RATIO: u64 = 100;
/// Below this size no ratio is counted: a tar of one short file is nearly all padding.
const RATIO_FROM: u64 = 1024 * 1024;
/// Longest extended header, bytes.
const MAX_EXTENDED: u64 = 64 * 1024;

/// The compressed bytes, and how many of them have been used.
struct Compressed<'a> {
    rest: &'a [u8],
    used: Rc<Cell<u64>>,
}

/// The inflated bytes; ends with an error where a limit is passed.
struct Inflated<'a> {
    inner: GzDecoder<Compressed<'a>>,
    meter: Meter,
}

/// Bytes out and bytes in, shared with who walks the members.
#[derive(Clone, Default)]
struct Meter {
    out: Rc<Cell<u64>>,
    used: Rc<Cell<u64>>,
    /// The limit that was passed, if any; the reader can only say "an error".
    passed: Rc<Cell<Option<&'static str>>>,
}

/// The regular members that `keep` asks for: name and bytes, in the order of the archive.
///
/// The others are read and checked as well, and let go.
///
/// # Errors
/// `Invalid` for anything that is not a gzipped tar of plain files and folders with plain names;
/// `TooLarge` over a limit.
pub fn members(bytes: &[u8], keep: impl Fn(&str) -> bool) -> Result<Vec<(String, Vec<u8>)>> {
    let meter = Meter::default();
    let compressed = Compressed {
        rest: bytes,
        used: Rc::clone(&meter.used),
    };
    let mut archive = tar::Archive::new(Inflated {
        inner: GzDecoder::new(compressed),
        meter: meter.clone(),
    });
    let mut members = Vec::new();
    let mut names = HashSet::new();
    let mut long_name: Option<Vec<u8>> = None;
    let mut count: usize = 0;
    let entries = archive.entries().map_err(|error| meter.fault(&error))?;
    for entry in entries.raw(true) {
        let mut entry = entry.map_err(|error| meter.fault(&error))?;
        count = count.saturating_add(1);
        if count > MAX_MEMBERS {
            return Err(too_large(format!(
                "expected at most {MAX_MEMBERS} members, found more"
            )));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut name = extended(&mut entry, &meter)?;
                if name.last() == Some(&0) {
                    name.pop();
                }
                set_once(&mut long_name, name)?;
                continue;
            }
            EntryType::XHeader => {
                if let Some(name) = path_of_extended(&extended(&mut entry, &meter)?)? {
                    set_once(&mut long_name, name)?;
                }
                continue;
            }
            EntryType::XGlobalHeader => {
                if path_of_extended(&extended(&mut entry, &meter)?)?.is_some() {
                    return Err(invalid(
                        "expected a global header without path, found one that renames every member",
                    ));
                }
                continue;
            }
            _ => {}
        }
        let name = match long_name.take() {
            Some(name) => name,
            None => entry.header().path_bytes().into_owned(),
        };
        let name = plain_name(&name)?;
        match entry.header().entry_type() {
            EntryType::Directory => {}
            EntryType::Regular | EntryType::Continuous => {
                if name.ends_with('/') {
                    return Err(invalid(format!(
                        "expected a file, found the name of a folder: {name}"
                    )));
                }
                if !names.insert(name.clone()) {
                    return Err(invalid(format!(
                        "expected each member once, found {name} again"
                    )));
                }
                let keep = keep(&name);
                let content = content(&mut entry, &meter, &name, keep)?;
                if keep {
                    members.push((name, content));
                }
            }
            other => {
                return Err(invalid(format!(
                    "expected plain files and folders, found {} under the name {name}",
                    describe(other)
                )));
            }
        }
    }
    if long_name.is_some() {
        return Err(invalid(
            "expected a member after a long name, found the end of the archive",
        ));
    }
    rest_is_empty(archive.into_inner(), &meter)?;
    Ok(members)
}

/// The name as text, if it may be let in. `./package/x` is the same as `package/x`.
fn plain_name(name: &[u8]) -> Result<String> {
    let name = name
        .strip_prefix(b"./")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name);
    if name == b"./" || name == b"." {
        return Ok("./".to_string()); // The folder that was packed; it holds nothing itself.
    }
    match (member_name::fault(name), std::str::from_utf8(name)) {
        (None, Ok(name)) => Ok(name.to_string()),
        (fault, _) => Err(invalid(format!(
            "expected members with plain relative names, found {}: {:?}",
            fault.unwrap_or("a name that is not UTF-8"),
            String::from_utf8_lossy(name)
                .chars()
                .take(80)
                .collect::<String>()
        ))),
    }
}

/// Reads a member. Its compressed size is what the inflater took meanwhile, give or take a window.
fn content<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    meter: &Meter,
    name: &str,
    keep: bool,
) -> Result<Vec<u8>> {
    let size = entry.size();
    let used_before = meter.used.get();
    let mut content = Vec::new();
    let mut out: u64 = 0;
    let mut part = [0u8; 16 * 1024];
    loop {
        let length = entry.read(&mut part).map_err(|error| meter.fault(&error))?;
        if length == 0 {
            break;
        }
        if keep {
            content.extend_from_slice(part.get(..length).unwrap_or_default());
        }
        out = out.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        let used = meter.used.get().saturating_sub(used_before);
        if out > RATIO_FROM.saturating_add(used.saturating_mul(MAX_RATIO)) {
            return Err(too_large(format!(
                "expected at most {MAX_RATIO} inflated bytes per compressed byte, found more in {name}"
            )));
        }
    }
    if out != size {
        return Err(invalid(format!(
            "expected {size} bytes in {name}, found {out}"
        )));
    }
    Ok(content)
}

/// Reads an extended header.
fn extended<R: Read>(entry: &mut tar::Entry<'_, R>, meter: &Meter) -> Result<Vec<u8>> {
    if entry.size() > MAX_EXTENDED {
        return Err(too_large(format!(
            "expected extended headers of at most {MAX_EXTENDED} bytes, found {}",
            entry.size()
        )));
    }
    let mut bytes = Vec::new();
    entry
        .read_to_end(&mut bytes)
        .map_err(|error| meter.fault(&error))?;
    Ok(bytes)
}

/// The path in the records of a POSIX extended header: `LENGTH KEY=VALUE\n` each.
///
/// Records that would change the size or make a link are refused: readers differ on which size
/// counts, and one archive must not be two.
fn path_of_extended(mut records: &[u8]) -> Result<Option<Vec<u8>>> {
    let malformed = || invalid("expected records of an extended header, found something else");
    let mut path = None;
    while !records.is_empty() {
        let space = records
            .iter()
            .position(|b| *b == b' ')
            .ok_or_else(malformed)?;
        let (digits, _) = records.split_at(space);
        let length: usize = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(malformed)?;
        if length > records.len() {
            return Err(malformed());
        }
        let (record, rest) = records.split_at(length);
        records = rest;
        let record = record
            .get(space.saturating_add(1)..)
            .and_then(|record| record.strip_suffix(b"\n"))
            .ok_or_else(malformed)?;
        let equals = record
            .iter()
            .position(|b| *b == b'=')
            .ok_or_else(malformed)?;
        let (key, value) = record.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        match key {
            b"path" => set_once(&mut path, value.to_vec())?,
            b"size" | b"linkpath" => {
                return Err(invalid(
                    "expected extended headers without size and linkpath, found one with it",
                ));
            }
            key if key.starts_with(b"GNU.sparse") => {
                return Err(invalid("expected plain files, found a sparse one"));
            }
            _ => {}
        }
    }
    Ok(path)
}

fn set_once(place: &mut Option<Vec<u8>>, name: Vec<u8>) -> Result<()> {
    match place.replace(name) {
        None => Ok(()),
        Some(_) => Err(invalid("expected one name for a member, found two")),
    }
}

/// After the last member: zeros only, in the tar and after the gzip stream.
fn rest_is_empty(mut inflated: Inflated<'_>, meter: &Meter) -> Result<()> {
    let mut part = [0u8; 16 * 1024];
    loop {
        let length = inflated
            .read(&mut part)
            .map_err(|error| meter.fault(&error))?;
        if length == 0 {
            break;
        }
        if part.iter().take(length).any(|byte| *byte != 0) {
            return Err(invalid(
                "expected nothing after the end of the archive, found more bytes",
            ));
        }
    }
    if inflated.inner.get_ref().rest.iter().any(|byte| *byte != 0) {
        return Err(invalid("expected one gzip stream, found bytes after it"));
    }
    Ok(())
}

fn describe(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link | EntryType::GNULongLink => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "a special file",
    }
}

impl Meter {
    /// What a failed read means: a limit that was passed, or an archive that is none.
    fn fault(&self, error: &io::Error) -> Error {
        match self.passed.get() {
            Some(limit) => too_large(limit),
            None => invalid(format!("expected a gzipped tar archive: {error}")),
        }
    }
}

impl Read for Inflated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let out = self
            .meter
            .out
            .get()
            .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        self.meter.out.set(out);
        let most = RATIO_FROM.saturating_add(self.meter.used.get().saturating_mul(MAX_RATIO));
        let limit = if out > MAX_INFLATED {
            "expected at most 512 MiB after inflating, found more"
        } else if out > most {
            "expected at most 100 inflated bytes per compressed byte, found more"
        } else {
            return Ok(length);
        };
        self.meter.passed.set(Some(limit));
        Err(io::Error::other(limit))
    }
}

impl Read for Compressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.rest.read(buffer)?;
        self.count(length);
        Ok(length)
    }
}

impl BufRead for Compressed<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest)
    }

    fn consume(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.count(length);
    }
}

impl Compressed<'_> {
    fn count(&self, length: usize) {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.used.set(self.used.get().saturating_add(length));
    }
}
