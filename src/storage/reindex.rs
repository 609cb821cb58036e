//! Bringing the index up to what the definitions say, for resources that are stored already.
//!
//! Batch by batch, in the order of type and id: what a batch should be found by is computed without any
//! lock, and written in a transaction of its own, where what was changed meanwhile is left alone: whoever
//! changed it has written its rows. So it can be ended at any moment and begun again, and writers wait for
//! the rows of one batch at the most. Only what differs is touched.

use std::borrow::Cow;
use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::body;
use super::connection::AnyConnection;
use super::dialect::{self, Counter};
use super::dictionary::Dictionary;
use super::index_rows::{FORMAT, IndexRows};
use super::index_tables::{Entries, ResourceEntry};
use super::indexed;
use super::packing;
use super::quarantine::{self, Damage};
use super::setting;
use super::sql::Sql;
use super::transaction::in_transaction;
use crate::clock::Instant;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::search::Form;

/// Resources of one transaction.
const BATCH: i64 = 200;

/// Makes the index rows of a resource from its type and its JSON.
pub type Compute<'a> = Box<dyn Fn(&str, &[u8]) -> Result<IndexRows> + 'a>;

/// By which definitions rows are made.
pub struct IndexedBy<'a> {
    pub dictionary: &'a Dictionary,
    pub edition: i64,
    pub forms: &'a [Form],
    pub compute: Compute<'a>,
}

/// How many resources were looked at, and how many had other rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    pub looked_at: u64,
    pub changed: u64,
    /// Resources that cannot be read: their rows stay as they are.
    pub failed: u64,
}

/// What is made of the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are compared.
    Compare,
    /// They are of another form: all are taken away and made anew.
    Rebuild,
}

/// Goes through all current resources; `progress` is told after each batch.
///
/// # Errors
/// `Unavailable` when the definitions change meanwhile.
pub fn reindex(
    connection: &mut AnyConnection,
    by: &IndexedBy<'_>,
    mode: Mode,
    progress: &mut dyn FnMut(Reindexed),
) -> Result<Reindexed> {
    if mode == Mode::Rebuild {
        in_transaction(connection, |connection| {
            dialect::lock_counter(connection)?;
            // From here on it has none: a rebuild that is ended half-way begins again at the next start.
            setting::forget_index_format(connection)?;
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
    let mut done = Reindexed::default();
    for name in by.dictionary.type_names() {
        let type_id = by.dictionary.type_id(name)?;
        let mut after = String::new();
        while let Some(batch) = Batch::read(connection, by, type_id, &after)? {
            in_transaction(connection, |connection| {
                let stamp = own_counter(connection, by)?.stamp;
                batch.write(connection, mode, stamp, &mut done)
            })?;
            if let Some(error) = batch.failed {
                return Err(error);
            }
            after = batch.last;
            progress(done);
        }
    }
    in_transaction(connection, |connection| {
        let counter = own_counter(connection, by)?;
        indexed::replace(connection, by.dictionary, by.forms, None)?;
        if mode == Mode::Rebuild {
            setting::set_index_format(connection, FORMAT)?;
        }
        // Others hear of it as of every change of what can be searched by.
        raise_edition(connection, counter)
    })?;
    Ok(done)
}

/// Puts another edition in force.
pub fn raise_edition(connection: &mut AnyConnection, counter: Counter) -> Result<()> {
    let edition = counter.edition.saturating_add(1);
    dialect::raise_counter(connection, Counter { edition, ..counter })
}

fn own_counter(connection: &mut AnyConnection, by: &IndexedBy<'_>) -> Result<Counter> {
    let counter = dialect::lock_counter(connection)?;
    if counter.edition == by.edition {
        return Ok(counter);
    }
    Err(Error::of(
        Kind::Unavailable,
        "the definitions have changed while the index was brought up to date; begin again",
    ))
}

type RowSql = (BigInt, Text, BigInt, BigInt, Binary);
type Row = (i64, String, i64, i64, Vec<u8>);

/// Some resources of one type with the rows that they should have.
pub struct Batch {
    type_id: i64,
    resources: Vec<Computed>,
    /// The id of the last one.
    pub last: String,
    /// Why the first one that cannot be indexed cannot, if it is not damaged.
    pub failed: Option<Error>,
    failures: u64,
}

struct Computed {
    pk: i64,
    version: i64,
    link: i64,
    /// What is damaged keeps the rows that it has.
    rows: std::result::Result<IndexRows, Damage>,
}

impl Batch {
    /// The resources of a type that follow an id; `None` when there are none.
    pub fn read(
        connection: &mut AnyConnection,
        by: &IndexedBy<'_>,
        type_id: i64,
        after: &str,
    ) -> Result<Option<Self>> {
        let rows: Vec<Row> = Sql::<RowSql>::new(
            "SELECT pk, id, version, last_updated, body FROM resource WHERE type = ",
        )
        .bind(type_id)
        .push(" AND id > ")
        .bind_text(after.to_owned())
        .push(" AND deleted = ")
        .bind_bool(false)
        .push(" ORDER BY id LIMIT ")
        .bind(BATCH)
        .load(connection)?;
        let Some(last) = rows.last().map(|row| row.1.clone()) else {
            return Ok(None);
        };
        let mut batch = Self {
            type_id,
            resources: Vec::with_capacity(rows.len()),
            last,
            failed: None,
            failures: 0,
        };
        let name = by.dictionary.type_name(type_id)?;
        for (pk, id, version, last_updated, bytes) in rows {
            let link = by.dictionary.link(type_id, &id)?;
            let mut json = Vec::new();
            let key = ResourceKey::new(name, id);
            body::head(&key, version, last_updated, &mut json);
            let rows =
                packing::unpack_into(&bytes, &mut json).and_then(|()| (by.compute)(name, &json));
            let rows = match rows {
                Ok(rows) => Ok(rows),
                Err(error) => {
                    batch.failures = batch.failures.saturating_add(1);
                    if error.kind() != Kind::Damaged {
                        tracing::error!(pk, %error, "a resource cannot be indexed");
                        batch.failed.get_or_insert(error);
                        continue;
                    }
                    let damage = Damage::Version { key, version };
                    tracing::error!(%damage, "stored bytes are damaged: what they are found by stays");
                    Err(damage)
                }
            };
            batch.resources.push(Computed {
                pk,
                version,
                link,
                rows,
            });
        }
        Ok(Some(batch))
    }

    /// Writes what differs, and enters what is damaged in quarantine, inside a transaction that keeps other
    /// writers out.
    pub fn write(
        &self,
        connection: &mut AnyConnection,
        mode: Mode,
        now: Instant,
        done: &mut Reindexed,
    ) -> Result<()> {
        let pks: Vec<i64> = self.resources.iter().map(|one| one.pk).collect();
        let stored: Vec<(i64, i64, Vec<u8>)> = Sql::<(BigInt, BigInt, Binary)>::new(
            "SELECT pk, version, index_rows FROM resource WHERE pk IN ",
        )
        .uncached()
        .bind_list(&pks)
        .load(connection)?;
        let stored: HashMap<i64, (i64, Vec<u8>)> = stored
            .into_iter()
            .map(|(pk, version, packed)| (pk, (version, packed)))
            .collect();
        let (mut gone, mut new) = (Entries::default(), Entries::default());
        for one in &self.resources {
            done.looked_at = done.looked_at.saturating_add(1);
            if let Err(damage) = &one.rows {
                quarantine::insert(connection, damage, now)?;
            }
            let Some((version, packed)) = stored.get(&one.pk) else {
                continue;
            };
            let before = match mode {
                Mode::Compare => IndexRows::unpack(packed),
                Mode::Rebuild => IndexRows::default(),
            };
            let pk = one.pk;
            let now = match &one.rows {
                Ok(rows) => Cow::Borrowed(rows),
                Err(_) => Cow::Owned(IndexRows::unpack(packed)),
            };
            // Whoever wrote another version has written its rows.
            if *version != one.version || (mode == Mode::Compare && before == *now) {
                continue;
            }
            done.changed = done.changed.saturating_add(1);
            let (old, fresh) = before.difference(&now);
            gone.add(old, before.sort, pk);
            new.add(fresh, now.sort, pk);
            let entry = |sort| ResourceEntry([pk, self.type_id, sort, one.link]);
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
        done.failed = done.failed.saturating_add(self.failures);
        gone.delete(connection)?;
        new.insert(connection)
    }
}
