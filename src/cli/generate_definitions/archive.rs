//! Members of an npm archive, read as bytes: nothing is extracted.

use std::collections::BTreeMap;
use std::io::Read;

use crate::error::{Error, Kind, Result};

/// The largest member read; HL7's resource profiles have 35 MB.
const MEMBER_LIMIT: u64 = 64 << 20;
/// What the archive may inflate to (IN-15).
const ARCHIVE_LIMIT: u64 = 512 << 20;

/// The members of these names. Each must be there.
pub fn read(archive: &[u8], wanted: &[String]) -> Result<BTreeMap<String, Vec<u8>>> {
    let inflated = flate2::read::GzDecoder::new(archive).take(ARCHIVE_LIMIT);
    let mut archive = tar::Archive::new(inflated);
    let mut found = BTreeMap::new();
    for entry in archive.entries().map_err(not_an_archive)? {
        let entry = entry.map_err(not_an_archive)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if !wanted.contains(&name) {
            continue;
        }
        let mut bytes = Vec::new();
        entry
            .take(MEMBER_LIMIT)
            .read_to_end(&mut bytes)
            .map_err(not_an_archive)?;
        found.insert(name, bytes);
    }
    match wanted.iter().find(|name| !found.contains_key(*name)) {
        None => Ok(found),
        Some(name) => Err(Error::of(
            Kind::Invalid,
            format!("expected {name} in the archive, found none"),
        )),
    }
}

fn not_an_archive(error: std::io::Error) -> Error {
    Error::of(Kind::Invalid, "expected a gzip-compressed tar archive").because(error)
}
