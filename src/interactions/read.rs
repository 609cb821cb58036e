//! read and vread. Source: FHIR R4 http.html#read, #vread.

use super::node::Node;
use super::request::version_number;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::storage::Version;

/// Judges what a read by id found.
///
/// # Errors
/// `NotFound` when there was nothing, `Gone` when it is deleted.
pub fn found(key: &ResourceKey, version: Option<Version>) -> Result<Version> {
    match version {
        None => Err(not_found(key)),
        Some(version) if version.deleted => Err(Error::of(
            Kind::Gone,
            format!(
                "{key} was deleted; version {} is the deletion",
                version.version
            ),
        )),
        Some(version) => Ok(version),
    }
}

/// The current version of a resource, for use cases that may wait.
pub fn current(node: &Node, key: &ResourceKey) -> Result<Version> {
    if node.hides(key)? {
        return Err(not_found(key));
    }
    found(key, node.store.read(key)?)
}

/// One version of a resource.
pub fn vread(node: &Node, key: &ResourceKey, version: &str) -> Result<Version> {
    let missing = || {
        let shown: String = version.chars().take(40).collect();
        Error::of(Kind::NotFound, format!("{key} has no version {shown}"))
    };
    let number = version_number(version).ok_or_else(missing)?;
    if node.hides(key)? {
        return Err(missing());
    }
    match node.store.version(key, number)? {
        None => Err(missing()),
        Some(version) if version.deleted => Err(Error::of(
            Kind::Gone,
            format!("version {number} of {key} is its deletion"),
        )),
        Some(version) => Ok(version),
    }
}

fn not_found(key: &ResourceKey) -> Error {
    Error::of(Kind::NotFound, format!("{key} does not exist"))
}
