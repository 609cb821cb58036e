//! Writing what a group of commits has decided: few statements, many rows.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::apply::{Outgoing, Pending, State};
use super::blobs;
use super::commit::JobDraft;
use super::connection::AnyConnection;
use super::dictionary::Dictionary;
use super::idempotency;
use super::index_rows::IndexRows;
use super::index_tables::{Entries, ResourceEntry};
use super::packing;
use super::quarantine;
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;
use crate::ids::random_bytes;

/// Writes the new rows of all states and everything that goes with them.
pub fn write(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    states: &[State<'_>],
    out: &Outgoing<'_>,
    now: Instant,
) -> Result<()> {
    for blob in &out.blobs {
        blobs::insert(connection, blob, now)?;
    }
    for damage in &out.damaged {
        quarantine::insert(connection, damage, now)?;
    }
    let changed: Vec<&State<'_>> = states
        .iter()
        .filter(|state| state.pending.is_some())
        .collect();
    let replaced: Vec<i64> = changed
        .iter()
        .filter(|state| state.stored.is_some())
        .map(|state| state.pk)
        .collect();
    move_to_history(connection, &replaced)?;
    insert_history(connection, &changed)?;
    upsert_resources(connection, &changed)?;

    // A resource's rows are its own: one part of the resources after the other, so that a large import does
    // not hold all rows at once.
    for part in changed.chunks(PART) {
        write_index(connection, dictionary, part)?;
    }

    for hash in &out.stale_claims {
        Sql::<()>::new("DELETE FROM claim WHERE hash = ")
            .bind_blob(hash.to_vec())
            .execute(connection)?;
    }
    insert_claims(connection, &out.claims)?;
    idempotency::insert(connection, &out.kept, now)?;
    insert_audit(connection, &out.audit)?;
    insert_jobs(connection, &out.jobs)
}

/// Resources whose index rows are written together.
const PART: usize = 4_000;

/// Replaces the index rows of some resources.
fn write_index(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    changed: &[&State<'_>],
) -> Result<()> {
    let (mut gone, mut new) = (Entries::default(), Entries::default());
    let none = IndexRows::default();
    for state in changed {
        // A deleted resource has no rows, packed or not.
        let stored = state.stored.as_deref().filter(|packed| !packed.is_empty());
        let before = stored.map_or_else(IndexRows::default, IndexRows::unpack);
        let rows = state.pending.as_ref().and_then(Pending::rows);
        let after = rows.unwrap_or(&none);
        let (old, fresh) = before.difference(after);
        gone.add(old, before.sort, state.pk);
        new.add(fresh, after.sort, state.pk);
        let link = dictionary.link(state.type_id, state.id)?;
        let entry = |sort| ResourceEntry([state.pk, state.type_id, sort, link]);
        match (stored.map(|_| before.sort), rows.map(|rows| rows.sort)) {
            (Some(old), Some(fresh)) if old == fresh => {}
            (old, fresh) => {
                old.into_iter()
                    .for_each(|sort| gone.add_resource(entry(sort)));
                fresh
                    .into_iter()
                    .for_each(|sort| new.add_resource(entry(sort)));
            }
        }
    }
    gone.delete(connection)?;
    new.insert(connection)
}

fn move_to_history(connection: &mut AnyConnection, pks: &[i64]) -> Result<()> {
    let one = "INSERT INTO history (pk, version, type, seq, last_updated, method, deleted, body, blob) \
         SELECT pk, version, type, seq, last_updated, method, deleted, body, blob FROM resource WHERE pk ";
    if let [pk] = pks {
        Sql::<()>::new(one)
            .push("= ")
            .bind(*pk)
            .execute(connection)?;
        return Ok(());
    }
    for chunk in pks.chunks(1000) {
        Sql::<()>::new(one)
            .uncached()
            .push("IN ")
            .bind_list(chunk)
            .execute(connection)?;
    }
    Ok(())
}

fn insert_history(connection: &mut AnyConnection, changed: &[&State<'_>]) -> Result<()> {
    for state in changed {
        for passed in &state.passed {
            Sql::<()>::new(
                "INSERT INTO history (pk, version, type, seq, last_updated, method, deleted, body, blob) VALUES (",
            )
            .bind(state.pk)
            .push(", ")
            .bind(passed.version)
            .push(", ")
            .bind(state.type_id)
            .push(", ")
            .bind(passed.seq)
            .push(", ")
            .bind(passed.stamp)
            .push(", ")
            .bind(passed.method().code())
            .push(", ")
            .bind_bool(passed.deleted())
            .push(", ")
            .bind_blob(passed.body())
            .push(", ")
            .bind_maybe_blob(passed.blob())
            .push(")")
            .execute(connection)?;
        }
    }
    Ok(())
}

/// Rows per statement that keep their statement prepared; what is left over goes singly.
const ROWS: usize = 16;

fn upsert_resources(connection: &mut AnyConnection, changed: &[&State<'_>]) -> Result<()> {
    let chunks = changed.chunks_exact(ROWS);
    let rest = chunks.remainder();
    for chunk in chunks {
        upsert(connection, chunk)?;
    }
    for state in rest {
        upsert(connection, &[state])?;
    }
    Ok(())
}

fn upsert(connection: &mut AnyConnection, states: &[&State<'_>]) -> Result<()> {
    let rows = states
        .iter()
        .filter_map(|state| state.pending.as_ref().map(|pending| (state, pending)));
    let none = IndexRows::default();
    Sql::<()>::new(
        "INSERT INTO resource (pk, type, id, version, seq, last_updated, method, deleted, body, blob, index_rows, present) VALUES ",
    )
    .each(rows, |sql, (state, pending)| {
        let rows = pending.rows().unwrap_or(&none);
        sql.push("(")
            .bind(state.pk)
            .push(", ")
            .bind(state.type_id)
            .push(", ")
            .bind_text(state.id.to_owned())
            .push(", ")
            .bind(pending.version)
            .push(", ")
            .bind(pending.seq)
            .push(", ")
            .bind(pending.stamp)
            .push(", ")
            .bind(pending.method().code())
            .push(", ")
            .bind_bool(pending.deleted())
            .push(", ")
            .bind_blob(pending.body())
            .push(", ")
            .bind_maybe_blob(pending.blob())
            .push(", ")
            .bind_blob(pending.rows().map_or_else(Vec::new, IndexRows::pack))
            .push(", ")
            .bind_text(rows.present())
            .push(")")
    })
    .push(
        " ON CONFLICT (pk) DO UPDATE SET version = excluded.version, seq = excluded.seq, \
         last_updated = excluded.last_updated, method = excluded.method, deleted = excluded.deleted, \
         body = excluded.body, blob = excluded.blob, index_rows = excluded.index_rows, \
         present = excluded.present",
    )
    .execute(connection)?;
    Ok(())
}

fn insert_claims(connection: &mut AnyConnection, claims: &BTreeMap<[u8; 32], i64>) -> Result<()> {
    for (hash, pk) in claims {
        Sql::<()>::new("INSERT INTO claim (hash, pk) VALUES (")
            .bind_blob(hash.to_vec())
            .push(", ")
            .bind(*pk)
            .push(")")
            .execute(connection)?;
    }
    Ok(())
}

/// The leaf of an audit record: SHA-256 of 0x00 and SHA-256 of salt and content (AUD-04, RFC 6962).
pub fn leaf(salt: &[u8], content: &str) -> Vec<u8> {
    use ring::digest::{Context, SHA256};
    let mut inner = Context::new(&SHA256);
    inner.update(salt);
    inner.update(content.as_bytes());
    let mut leaf = Context::new(&SHA256);
    leaf.update(&[0]);
    leaf.update(inner.finish().as_ref());
    leaf.finish().as_ref().to_vec()
}

fn insert_audit(connection: &mut AnyConnection, records: &[(i64, Instant, &str)]) -> Result<()> {
    let mut salted = Vec::with_capacity(records.len());
    for (seq, recorded, content) in records {
        let salt = random_bytes::<16>()?;
        let leaf = leaf(&salt, content);
        let packed = packing::pack_text(content)?;
        salted.push((*seq, *recorded, packed, salt.to_vec(), leaf));
    }
    type Record = (i64, Instant, String, Vec<u8>, Vec<u8>);
    let mut insert = |chunk: &[Record]| -> Result<()> {
        Sql::<()>::new("INSERT INTO audit_record (seq, recorded, content, salt, leaf) VALUES ")
            .each(chunk, |sql, (seq, recorded, packed, salt, leaf)| {
                sql.push("(")
                    .bind(*seq)
                    .push(", ")
                    .bind(*recorded)
                    .push(", ")
                    .bind_text(packed.clone())
                    .push(", ")
                    .bind_blob(salt.clone())
                    .push(", ")
                    .bind_blob(leaf.clone())
                    .push(")")
            })
            .execute(connection)?;
        Ok(())
    };
    let chunks = salted.chunks_exact(ROWS);
    let rest = chunks.remainder();
    for chunk in chunks {
        insert(chunk)?;
    }
    for record in rest {
        insert(std::slice::from_ref(record))?;
    }
    Ok(())
}

fn insert_jobs(connection: &mut AnyConnection, jobs: &[(i64, &JobDraft)]) -> Result<()> {
    for (id, job) in jobs {
        Sql::<()>::new(
            "INSERT INTO job (id, kind, payload, run_after, lease_until, attempts) VALUES (",
        )
        .bind(*id)
        .push(", ")
        .bind_text(job.kind.to_owned())
        .push(", ")
        .bind_text(job.payload.clone())
        .push(", ")
        .bind(job.run_after)
        .push(", 0, 0)")
        .execute(connection)?;
    }
    Ok(())
}
