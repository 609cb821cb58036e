//! FHIR packages added at run time, kept in the database so that every process has them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::connection::AnyConnection;
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;

/// A package as the database lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRow {
    pub name: String,
    pub version: String,
    /// Lower-case hex SHA-256 of the archive: what it is pinned to.
    pub sha256: String,
    pub added: Instant,
}

/// Adds a package, or replaces the one of the same name and version.
pub fn put(connection: &mut AnyConnection, row: &PackageRow, archive: Vec<u8>) -> Result<()> {
    Sql::<()>::new("INSERT INTO package (name, version, sha256, added, archive) VALUES (")
        .bind_text(row.name.clone())
        .push(", ")
        .bind_text(row.version.clone())
        .push(", ")
        .bind_text(row.sha256.clone())
        .push(", ")
        .bind(row.added)
        .push(", ")
        .bind_blob(archive)
        .push(
            ") ON CONFLICT (name, version) DO UPDATE SET sha256 = excluded.sha256, \
             added = excluded.added, archive = excluded.archive",
        )
        .execute(connection)?;
    Ok(())
}

/// All packages, by name and version.
pub fn list(connection: &mut AnyConnection) -> Result<Vec<PackageRow>> {
    let rows: Vec<(String, String, String, i64)> =
        Sql::<(Text, Text, Text, BigInt)>::new("SELECT name, version, sha256, added FROM package")
            .load(connection)?;
    let mut rows: Vec<PackageRow> = rows
        .into_iter()
        .map(|(name, version, sha256, added)| PackageRow {
            name,
            version,
            sha256,
            added,
        })
        .collect();
    rows.sort_unstable_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(rows)
}

/// The archive of a package.
pub fn archive(connection: &mut AnyConnection, name: &str, version: &str) -> Result<Vec<u8>> {
    let bytes = Sql::<Binary>::new("SELECT archive FROM package WHERE name = ")
        .bind_text(name.to_owned())
        .push(" AND version = ")
        .bind_text(version.to_owned())
        .get_result(connection)?;
    Ok(bytes)
}
