//! Histories: of a resource, of a type, of everything.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::commit::Method;
use super::connection::AnyConnection;
use super::dictionary::Dictionary;
use super::resources::{Version, sha256_column};
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;

/// Whose history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Resource(ResourceKey),
    Type(String),
    System,
}

/// Which part of a history.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// Versions made at or after this moment (`_since`).
    pub since: Option<Instant>,
    /// Versions that were current at some time within `[low, high)` (`_at`).
    pub at: Option<(Instant, Instant)>,
    /// Only what comes after this sequence number, in the order of the page.
    pub beyond: Option<i64>,
    /// Else the newest first.
    pub oldest_first: bool,
    pub limit: usize,
}

/// A version in a history, with its place in the order.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub seq: i64,
    pub version: Version,
    /// Whether there was nothing before it, or a deletion.
    pub creates: bool,
}

type EntrySql = (
    BigInt,
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    Bool,
    Binary,
    Nullable<Binary>,
    Bool,
);
type EntryRow = (
    i64,
    i64,
    String,
    i64,
    i64,
    i64,
    bool,
    Vec<u8>,
    Option<Vec<u8>>,
    bool,
);

const CURRENT: &str = "SELECT v.seq, v.type, v.id, v.version, v.last_updated, v.method, v.deleted, v.body, v.blob, \
     v.version = 1 OR COALESCE((SELECT p.deleted FROM history p WHERE p.pk = v.pk AND p.version = v.version - 1), FALSE) \
     FROM resource v WHERE 1 = 1";
const OLDER: &str = "SELECT v.seq, v.type, r.id, v.version, v.last_updated, v.method, v.deleted, v.body, v.blob, \
     v.version = 1 OR COALESCE((SELECT p.deleted FROM history p WHERE p.pk = v.pk AND p.version = v.version - 1), FALSE) \
     FROM history v JOIN resource r ON r.pk = v.pk WHERE 1 = 1";

/// The versions of a scope, in the order of the page.
pub fn page(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    scope: &Scope,
    page: &HistoryPage,
) -> Result<Vec<HistoryEntry>> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut rows: Vec<EntryRow> = Vec::new();
    for (select, current) in [(CURRENT, true), (OLDER, false)] {
        let sql = restrict(
            Sql::<EntrySql>::new(select),
            dictionary,
            scope,
            page,
            current,
        )?;
        let found: Vec<EntryRow> = sql
            .push(if page.oldest_first {
                " ORDER BY v.seq LIMIT "
            } else {
                " ORDER BY v.seq DESC LIMIT "
            })
            .bind(limit)
            .load(connection)?;
        rows.extend(found);
    }
    rows.sort_unstable_by_key(|row| row.0);
    if !page.oldest_first {
        rows.reverse();
    }
    rows.truncate(page.limit);
    rows.into_iter()
        .map(
            |(seq, type_id, id, version, last_updated, method, deleted, body, blob, creates)| {
                Ok(HistoryEntry {
                    seq,
                    creates,
                    version: Version {
                        key: ResourceKey::new(dictionary.type_name(type_id)?, id),
                        version,
                        last_updated,
                        method: Method::from_code(method),
                        deleted,
                        body,
                        blob: sha256_column(blob)?,
                    },
                })
            },
        )
        .collect()
}

/// How many versions a scope has.
pub fn count(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    scope: &Scope,
    page: &HistoryPage,
) -> Result<i64> {
    let whole = HistoryPage {
        beyond: None,
        ..page.clone()
    };
    let mut total = 0i64;
    for (select, current) in [
        ("SELECT COUNT(*) FROM resource v WHERE 1 = 1", true),
        (
            "SELECT COUNT(*) FROM history v JOIN resource r ON r.pk = v.pk WHERE 1 = 1",
            false,
        ),
    ] {
        let sql = restrict(
            Sql::<BigInt>::new(select),
            dictionary,
            scope,
            &whole,
            current,
        )?;
        let found: i64 = sql.get_result(connection)?;
        total = total.saturating_add(found);
    }
    Ok(total)
}

fn restrict<ST>(
    mut sql: Sql<ST>,
    dictionary: &Dictionary,
    scope: &Scope,
    page: &HistoryPage,
    current: bool,
) -> Result<Sql<ST>> {
    sql = match scope {
        Scope::Resource(key) => {
            let type_id = dictionary.type_id(&key.resource_type)?;
            let id = key.id.to_string();
            if current {
                sql.push(" AND v.type = ")
                    .bind(type_id)
                    .push(" AND v.id = ")
                    .bind_text(id)
            } else {
                sql.push(" AND r.type = ")
                    .bind(type_id)
                    .push(" AND r.id = ")
                    .bind_text(id)
            }
        }
        Scope::Type(name) => sql.push(" AND v.type = ").bind(dictionary.type_id(name)?),
        Scope::System => sql,
    };
    if let Some(since) = page.since {
        sql = sql.push(" AND v.last_updated >= ").bind(since);
    }
    if let Some((low, high)) = page.at {
        sql = sql.push(" AND v.last_updated < ").bind(high);
        if !current {
            // Still current at `low` when the version after it was made later than that.
            sql = sql.push(" AND ").push(SUCCESSOR).push(" > ").bind(low);
        }
    }
    if let Some(beyond) = page.beyond {
        sql = sql
            .push(if page.oldest_first {
                " AND v.seq > "
            } else {
                " AND v.seq < "
            })
            .bind(beyond);
    }
    Ok(sql)
}

/// When the version after `v` was made.
const SUCCESSOR: &str = "COALESCE((SELECT n.last_updated FROM history n WHERE n.pk = v.pk AND n.version = v.version + 1), r.last_updated)";
