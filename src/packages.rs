//! FHIR packages: what they are and how they are read.
//!
//! Source: FHIR *NPM Package Specification*. A package is a gzipped tar with a folder `package/`,
//! whose `package.json` names it and whose `*.json` files directly below are its resources.
//! Archives come from anybody, so [`archive`] reads them within the limits of IN-15 and nothing is
//! ever unpacked: bytes are read and kept under a name computed here.
//!
//! A package is kept as the bytes it came in, pinned by their SHA-256, in the database; this room
//! works on bytes alone, and what the definitions mean is not known here.

mod archive;
mod folder;
mod member_name;

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Kind, Result};

/// Archives over this size are not read at all, bytes.
pub const MAX_ARCHIVE_BYTES: u64 = 256 * 1024 * 1024;

const MANIFEST: &str = "package.json";

/// One package, read and checked.
#[derive(Debug)]
pub struct Package {
    /// `hl7.fhir.us.core`.
    pub name: String,
    /// `6.1.0`.
    pub version: String,
    /// `4.0.1`; empty where the package does not say.
    pub fhir_versions: Vec<String>,
    /// Name and version of what it builds on, sorted by name.
    pub dependencies: Vec<(String, String)>,
    /// SPDX expression; empty where the package does not say.
    pub licence: String,
    /// File name and bytes of each resource (JSON, well formed), sorted by file name.
    pub resources: Vec<(String, Vec<u8>)>,
    /// Of the archive, lower-case hex.
    pub sha256: String,
}

/// The manifest `package/package.json`, as far as it matters here.
#[derive(Deserialize)]
struct Manifest {
    name: String,
    version: String,
    #[serde(default, rename = "fhirVersions", alias = "fhir-version-list")]
    fhir_versions: Vec<String>,
    #[serde(default)]
    dependencies: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    license: Option<String>,
}

/// Enough of a resource to know that it is one; reading it checks the syntax of the whole.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
}

/// The archive of a package: the bytes of a `.tgz`, or a folder packed into one.
///
/// A folder packs to the same bytes each time, on every machine.
///
/// # Errors
/// `NotFound` if there is no such path; `TooLarge` over [`MAX_ARCHIVE_BYTES`] or the limits of
/// IN-15; `Invalid` for links, special files and names no archive may hold.
pub fn archive_of(path: &Path) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path).map_err(|error| io_error("reading", path, error))?;
    if found.is_dir() {
        return folder::pack(path);
    }
    if found.len() > MAX_ARCHIVE_BYTES {
        return Err(too_large(format!(
            "expected a package of at most {MAX_ARCHIVE_BYTES} bytes, {} has {}",
            path.display(),
            found.len()
        )));
    }
    std::fs::read(path).map_err(|error| io_error("reading", path, error))
}

/// Reads and checks the archive of a package.
///
/// # Errors
/// `Invalid` when it is no package or could do harm; `TooLarge` over a limit of IN-15. The text
/// names the member and what was expected.
pub fn read_archive(bytes: &[u8]) -> Result<Package> {
    let members = archive::members(bytes, |name| resource_file(name).is_some())?;
    let mut manifest = None;
    let mut resources = Vec::new();
    for (name, content) in members {
        let Some(file) = resource_file(&name) else {
            continue;
        };
        let content = without_byte_order_mark(content);
        if file == MANIFEST {
            manifest = Some(read_manifest(&content)?);
        } else if is_resource(&content).map_err(|error| {
            invalid(format!(
                "expected JSON in {name}, found a fault at line {}, column {}",
                error.line(),
                error.column()
            ))
        })? {
            resources.push((file.to_string(), content));
        }
    }
    let manifest = manifest.ok_or_else(|| {
        invalid("expected a FHIR package with package/package.json, found an archive without it")
    })?;
    resources.sort();
    Ok(Package {
        name: manifest.name,
        version: manifest.version,
        fhir_versions: manifest.fhir_versions,
        dependencies: manifest.dependencies.into_iter().collect(),
        licence: manifest.license.unwrap_or_default(),
        resources,
        sha256: sha256(bytes),
    })
}

/// The file name of a member that may be a resource or the manifest.
///
/// By component, not by prefix: `package-x/` is another folder. Subfolders hold examples and the
/// like; files with a dot in front are indexes, or leftovers of some desktop system.
fn resource_file(name: &str) -> Option<&str> {
    let file = name.strip_prefix("package/")?;
    (file.ends_with(".json") && !file.contains('/') && !file.starts_with('.')).then_some(file)
}

/// Whether well-formed JSON is a resource; otherwise it is a note of some packaging tool.
fn is_resource(bytes: &[u8]) -> serde_json::Result<bool> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let head: Head = serde_json::from_slice(bytes)?;
        return Ok(head.resource_type.is_some());
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map(|_| false)
}

fn read_manifest(bytes: &[u8]) -> Result<Manifest> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
        invalid(format!(
            "package/package.json is not a manifest with name and version: line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    if !member_name::is_package_name(&manifest.name) {
        return Err(invalid(format!(
            "package/package.json: expected a name of letters, digits, dots, hyphens and underscores, found {:?}",
            manifest.name.chars().take(80).collect::<String>()
        )));
    }
    if !member_name::is_version(&manifest.version) {
        return Err(invalid(format!(
            "package/package.json: expected a version such as 1.0.0 or 2.1.0-ballot, found {:?}",
            manifest.version.chars().take(80).collect::<String>()
        )));
    }
    Ok(manifest)
}

/// JSON has no byte order mark, but files of published packages do.
fn without_byte_order_mark(bytes: Vec<u8>) -> Vec<u8> {
    match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    }
}

/// SHA-256 in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn invalid(text: impl Into<String>) -> Error {
    Error::of(Kind::Invalid, text)
}

fn too_large(text: impl Into<String>) -> Error {
    Error::of(Kind::TooLarge, text)
}

/// A failed step on a file, by the kind that a caller can act on.
fn io_error(doing: &str, path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => Kind::NotFound,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::Full,
        _ => Kind::Unavailable,
    };
    Error::of(kind, format!("{doing} {}: {error}", path.display())).because(error)
}

#[cfg(test)]
mod tests;
