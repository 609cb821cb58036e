//! Bringing the index up to what the definitions say, for resources that are stored already.
//!
//! Page by page, each in a transaction of its own: it can be ended at any moment and begun again, and
//! writers wait for one page at the most. Only what differs is touched.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::body;
use super::connection::AnyConnection;
use super::dialect;
use super::dictionary::Dictionary;
use super::flush::IndexValue;
use super::index_rows::IndexRows;
use super::sql::Sql;
use super::transaction::in_transaction;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;

/// Resources of one transaction.
const PAGE: i64 = 500;

/// Makes the index rows of a resource from its type and its JSON.
pub type Compute<'a> = &'a dyn Fn(&str, &[u8]) -> Result<IndexRows>;

/// How many resources were looked at, and how many had other rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    pub looked_at: u64,
    pub changed: u64,
}

type RowSql = (BigInt, BigInt, Text, BigInt, BigInt, Binary, Binary);
type Row = (i64, i64, String, i64, i64, Vec<u8>, Vec<u8>);

/// Goes through all current resources; `progress` is told after each page.
pub fn reindex(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    compute: Compute<'_>,
    progress: &mut dyn FnMut(Reindexed),
) -> Result<Reindexed> {
    let (mut done, mut after) = (Reindexed::default(), Some(0));
    while let Some(from) = after {
        after = in_transaction(connection, |connection| {
            page(connection, dictionary, compute, from, &mut done)
        })?;
        progress(done);
    }
    Ok(done)
}

/// One page; returns where the next begins.
fn page(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    compute: Compute<'_>,
    after: i64,
    done: &mut Reindexed,
) -> Result<Option<i64>> {
    dialect::lock_counter(connection)?;
    let rows: Vec<Row> = Sql::<RowSql>::new(
        "SELECT pk, type, id, version, last_updated, body, index_rows FROM resource WHERE pk > ",
    )
    .bind(after)
    .push(" AND deleted = ")
    .bind_bool(false)
    .push(" ORDER BY pk LIMIT ")
    .bind(PAGE)
    .load(connection)?;
    let last = rows.last().map(|row| row.0);
    let (mut gone, mut new): (Vec<IndexValue>, Vec<IndexValue>) = (Vec::new(), Vec::new());
    for (pk, type_id, id, version, last_updated, bytes, packed) in rows {
        let name = dictionary.type_name(type_id)?;
        let mut json = Vec::new();
        body::head(
            &ResourceKey::new(name, id),
            version,
            last_updated,
            &mut json,
        );
        body::decompress_into(&bytes, &mut json)?;
        let (before, now) = (IndexRows::unpack(&packed), compute(name, &json)?);
        done.looked_at = done.looked_at.saturating_add(1);
        if before == now {
            continue;
        }
        done.changed = done.changed.saturating_add(1);
        let (old, fresh) = before.difference(&now);
        let full = |row: super::IndexRow, sort| [row.patient, row.param, row.value, sort, pk];
        gone.extend(old.into_iter().map(|row| full(row, before.sort)));
        new.extend(fresh.into_iter().map(|row| full(row, now.sort)));
        Sql::<()>::new("UPDATE resource SET index_rows = ")
            .bind_blob(now.pack())
            .push(" WHERE pk = ")
            .bind(pk)
            .execute(connection)?;
    }
    dialect::delete_index_rows(connection, &gone)?;
    dialect::insert_index_rows(connection, &new)?;
    Ok(last)
}
