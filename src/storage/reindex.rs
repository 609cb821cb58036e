//! Bringing the index up to what the definitions say, for resources that are stored already.
//!
//! Page by page, each in a transaction of its own: it can be ended at any moment and begun again, and
//! writers wait for one page at the most. Only what differs is touched.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::connection::AnyConnection;
use super::dictionary::Dictionary;
use super::index_rows::{FORMAT, IndexRows};
use super::index_tables::{Entries, ResourceEntry};
use super::sql::Sql;
use super::transaction::in_transaction;
use super::{body, packing};
use super::{dialect, setting};
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

/// What is made of the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are compared.
    Compare,
    /// They are of another form: all are taken away and made anew.
    Rebuild,
}

/// Goes through all current resources; `progress` is told after each page.
pub fn reindex(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    mode: Mode,
    compute: Compute<'_>,
    progress: &mut dyn FnMut(Reindexed),
) -> Result<Reindexed> {
    if mode == Mode::Rebuild {
        in_transaction(connection, |connection| {
            dialect::lock_counter(connection)?;
            for statement in [
                "DELETE FROM index_value",
                "DELETE FROM index_string",
                "DELETE FROM index_range",
                "DELETE FROM index_link",
                "DELETE FROM index_resource",
            ] {
                Sql::<()>::new(statement).execute(connection)?;
            }
            Ok(())
        })?;
    }
    let (mut done, mut after) = (Reindexed::default(), Some(0));
    while let Some(from) = after {
        after = in_transaction(connection, |connection| {
            page(connection, dictionary, mode, compute, from, &mut done)
        })?;
        progress(done);
    }
    if mode == Mode::Rebuild {
        // Only now: a rebuild that was ended half-way begins again.
        in_transaction(connection, |connection| {
            dialect::lock_counter(connection)?;
            setting::set_index_format(connection, FORMAT)
        })?;
    }
    Ok(done)
}

/// One page; returns where the next begins.
fn page(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    mode: Mode,
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
    let (mut gone, mut new) = (Entries::default(), Entries::default());
    for (pk, type_id, id, version, last_updated, bytes, packed) in rows {
        let name = dictionary.type_name(type_id)?;
        let link = dictionary.link(type_id, &id)?;
        let mut json = Vec::new();
        body::head(
            &ResourceKey::new(name, id),
            version,
            last_updated,
            &mut json,
        );
        packing::unpack_into(&bytes, &mut json)?;
        let now = compute(name, &json)?;
        let before = match mode {
            Mode::Compare => IndexRows::unpack(&packed),
            Mode::Rebuild => IndexRows::default(),
        };
        done.looked_at = done.looked_at.saturating_add(1);
        if mode == Mode::Compare && before == now {
            continue;
        }
        done.changed = done.changed.saturating_add(1);
        let (old, fresh) = before.difference(&now);
        gone.add(old, before.sort, pk);
        new.add(fresh, now.sort, pk);
        let entry = |sort| ResourceEntry([pk, type_id, sort, link]);
        if mode == Mode::Compare && before.sort != now.sort {
            gone.add_resource(entry(before.sort));
        }
        if mode == Mode::Rebuild || before.sort != now.sort {
            new.add_resource(entry(now.sort));
        }
        Sql::<()>::new("UPDATE resource SET index_rows = ")
            .bind_blob(now.pack())
            .push(", present = ")
            .bind_text(now.present())
            .push(" WHERE pk = ")
            .bind(pk)
            .execute(connection)?;
    }
    gone.delete(connection)?;
    new.insert(connection)?;
    Ok(last)
}
