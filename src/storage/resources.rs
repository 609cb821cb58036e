//! Versions of resources as they come out of the database.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::commit::Method;
use super::connection::AnyConnection;
use super::dialect;
use super::dictionary::Dictionary;
use super::sql::Sql;
use super::{body, packing};
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::fhir::model::key::ResourceKey;

/// One version of a resource. Its bytes are put together only when they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub key: ResourceKey,
    pub version: i64,
    pub last_updated: Instant,
    pub method: Method,
    /// A deletion is a version without content.
    pub deleted: bool,
    /// The compressed tail; empty when deleted.
    pub body: Vec<u8>,
    /// SHA-256 of the document bytes that belong to it.
    pub blob: Option<[u8; 32]>,
}

impl Version {
    /// The whole resource as JSON bytes.
    ///
    /// # Errors
    /// `Internal` for a deletion, which has no content; `Damaged` for damaged bytes.
    pub fn json(&self) -> Result<Vec<u8>> {
        if self.deleted {
            return Err(Error::internal("a deletion has no content"));
        }
        let mut out = Vec::with_capacity(self.body.len().saturating_mul(4).saturating_add(256));
        self.json_into(&mut out)?;
        Ok(out)
    }

    /// Appends the whole resource as JSON bytes.
    pub fn json_into(&self, out: &mut Vec<u8>) -> Result<()> {
        body::head(&self.key, self.version, self.last_updated, out);
        packing::unpack_into(&self.body, out)
    }
}

/// The SHA-256 in a column of 32 bytes.
pub fn sha256_column(column: Option<Vec<u8>>) -> Result<Option<[u8; 32]>> {
    column
        .map(|bytes| {
            <[u8; 32]>::try_from(bytes).map_err(|_| Error::internal("a stored hash is damaged"))
        })
        .transpose()
}

/// The current versions of some keys; a key that never existed has none.
pub fn current(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    keys: &[&ResourceKey],
) -> Result<Vec<Version>> {
    let mut wanted = Vec::with_capacity(keys.len());
    for key in keys {
        if let Ok(type_id) = dictionary.type_id(&key.resource_type) {
            wanted.push((type_id, key.id.as_str()));
        }
    }
    let rows = dialect::load_points(connection, &wanted)?;
    rows.into_iter()
        .map(
            |(type_id, id, version, last_updated, method, deleted, body, blob)| {
                Ok(Version {
                    key: ResourceKey::new(dictionary.type_name(type_id)?, id),
                    version,
                    last_updated,
                    method: Method::from_code(method),
                    deleted,
                    body,
                    blob: sha256_column(blob)?,
                })
            },
        )
        .collect()
}

type OldSql = (BigInt, BigInt, Bool, Binary, Nullable<Binary>);
type OldRow = (i64, i64, bool, Vec<u8>, Option<Vec<u8>>);

/// One version of a resource, current or older.
pub fn version(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    key: &ResourceKey,
    version: i64,
) -> Result<Option<Version>> {
    let Ok(type_id) = dictionary.type_id(&key.resource_type) else {
        return Ok(None);
    };
    let found: Option<OldRow> = Sql::<OldSql>::new(
        "SELECT last_updated, method, deleted, body, blob FROM resource WHERE type = ",
    )
    .bind(type_id)
    .push(" AND id = ")
    .bind_text(key.id.to_string())
    .push(" AND version = ")
    .bind(version)
    .push(
        " UNION ALL SELECT h.last_updated, h.method, h.deleted, h.body, h.blob \
         FROM resource r JOIN history h ON h.pk = r.pk WHERE r.type = ",
    )
    .bind(type_id)
    .push(" AND r.id = ")
    .bind_text(key.id.to_string())
    .push(" AND h.version = ")
    .bind(version)
    .load(connection)?
    .into_iter()
    .next();
    found
        .map(|(last_updated, method, deleted, body, blob)| {
            Ok(Version {
                key: key.clone(),
                version,
                last_updated,
                method: Method::from_code(method),
                deleted,
                body,
                blob: sha256_column(blob)?,
            })
        })
        .transpose()
}

type WholeSql = (Text, BigInt, BigInt, Binary);

/// All current resources of a type as JSON; what was written last comes last. For types of which there
/// are few.
pub fn all(connection: &mut AnyConnection, resource_type: &str) -> Result<Vec<Vec<u8>>> {
    let rows: Vec<(String, i64, i64, Vec<u8>)> = Sql::<WholeSql>::new(
        "SELECT r.id, r.version, r.last_updated, r.body FROM dictionary d \
         JOIN resource r ON r.type = d.id WHERE d.kind = 'type' AND d.text = ",
    )
    .bind_text(resource_type.to_owned())
    .push(" AND r.deleted = ")
    .bind_bool(false)
    .push(" ORDER BY r.seq")
    .load(connection)?;
    let mut texts = Vec::with_capacity(rows.len());
    for (id, version, last_updated, bytes) in rows {
        let mut json = Vec::new();
        let key = ResourceKey::new(resource_type, id);
        body::head(&key, version, last_updated, &mut json);
        match packing::unpack_into(&bytes, &mut json) {
            Ok(()) => texts.push(json),
            // The others are still what they are.
            Err(error) => tracing::error!(%key, %error, "a definition cannot be read"),
        }
    }
    Ok(texts)
}
