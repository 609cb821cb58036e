//! Backup and restore: every table of a snapshot, in one SQLite file.
//!
//! The same file comes from either database and goes into either. A backup reads one state of a
//! live database without stopping writers; documents kept as files are put inside. A restore goes
//! into an empty database, in one transaction, and what came back is checked before it counts.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::blobs::{self, BlobPlace};
use super::connection::{AnyConnection, Purpose, Target, open};
use super::dialect;
use super::migrate;
use super::sql::Sql;
use super::transaction::in_transaction;
use super::verify::{damaged, verify};
use crate::error::{Error, Kind, Result};

/// Told after each table and now and then within one: its name and the rows so far.
pub type Progress<'a> = &'a mut dyn FnMut(&'static str, u64);

/// What a backup or restore carried over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub rows: Vec<(&'static str, u64)>,
    pub documents: u64,
}

/// Rows between two reports of progress.
const REPORT: u64 = 5_000;

/// A value that a row carries over.
trait Cell {
    fn bind_to(self, sql: Sql<()>) -> Sql<()>;
}

impl Cell for i64 {
    fn bind_to(self, sql: Sql<()>) -> Sql<()> {
        sql.bind(self)
    }
}

impl Cell for String {
    fn bind_to(self, sql: Sql<()>) -> Sql<()> {
        sql.bind_text(self)
    }
}

impl Cell for bool {
    fn bind_to(self, sql: Sql<()>) -> Sql<()> {
        sql.bind_bool(self)
    }
}

impl Cell for Vec<u8> {
    fn bind_to(self, sql: Sql<()>) -> Sql<()> {
        sql.bind_blob(self)
    }
}

impl Cell for Option<Vec<u8>> {
    fn bind_to(self, sql: Sql<()>) -> Sql<()> {
        sql.bind_maybe_blob(self)
    }
}

/// Carries one table over, row by row: neither side holds it in memory.
macro_rules! carry {
    ($from:expr, $to:expr, $carried:expr, $progress:expr, $table:literal, $columns:literal,
     $first:ident : $first_sql:ty => $first_rust:ty $(, $name:ident : $sql:ty => $rust:ty)*) => {{
        let mut count = 0u64;
        let mut put = |row: ($first_rust, $($rust,)*)| -> Result<()> {
            let ($first, $($name,)*) = row;
            let mut insert = Sql::<()>::new(concat!("INSERT INTO ", $table, " (", $columns, ") VALUES ("));
            insert = $first.bind_to(insert);
            $( insert = $name.bind_to(insert.push(", ")); )*
            insert.push(")").execute($to)?;
            count = count.saturating_add(1);
            if count.is_multiple_of(REPORT) {
                $progress($table, count);
            }
            Ok(())
        };
        let select = || Sql::<($first_sql, $($sql,)*)>::new(concat!("SELECT ", $columns, " FROM ", $table));
        match $from {
            AnyConnection::Sqlite(from) => {
                for row in select().load_iter::<($first_rust, $($rust,)*), diesel::connection::DefaultLoadingMode>(from)? {
                    put(row?)?;
                }
            }
            AnyConnection::Postgres(from) => {
                for row in select().load_iter::<($first_rust, $($rust,)*), diesel::pg::PgRowByRowLoadingMode>(from)? {
                    put(row?)?;
                }
            }
        }
        $progress($table, count);
        $carried.rows.push(($table, count));
    }};
}

fn carry_tables(
    from: &mut AnyConnection,
    to: &mut AnyConnection,
    progress: Progress<'_>,
) -> Result<Carried> {
    let mut carried = Carried::default();
    carry!(from, to, carried, progress, "setting", "name, value", name: Text => String, value: Text => String);
    carry!(from, to, carried, progress, "counter", "name, value, stamp, edition",
        name: Text => String, value: BigInt => i64, stamp: BigInt => i64, edition: BigInt => i64);
    carry!(from, to, carried, progress, "indexed", "param, definition",
        param: BigInt => i64, definition: BigInt => i64);
    carry!(from, to, carried, progress, "dictionary", "id, kind, text",
        id: BigInt => i64, kind: Text => String, text: Text => String);
    carry!(from, to, carried, progress, "resource",
        "pk, type, id, version, seq, last_updated, method, deleted, body, blob, index_rows, present",
        pk: BigInt => i64, kind: BigInt => i64, id: Text => String, version: BigInt => i64, seq: BigInt => i64,
        updated: BigInt => i64, method: BigInt => i64, deleted: Bool => bool, body: Binary => Vec<u8>,
        blob: Nullable<Binary> => Option<Vec<u8>>, rows: Binary => Vec<u8>,
        present: Text => String);
    carry!(from, to, carried, progress, "history",
        "pk, version, type, seq, last_updated, method, deleted, body, blob",
        pk: BigInt => i64, version: BigInt => i64, kind: BigInt => i64, seq: BigInt => i64,
        updated: BigInt => i64, method: BigInt => i64, deleted: Bool => bool, body: Binary => Vec<u8>,
        blob: Nullable<Binary> => Option<Vec<u8>>);
    carry!(from, to, carried, progress, "index_value", "patient, param, value, sort, pk",
        patient: BigInt => i64, param: BigInt => i64, value: BigInt => i64, sort: BigInt => i64, pk: BigInt => i64);
    carry!(from, to, carried, progress, "index_string", "param, value, exact, pk",
        param: BigInt => i64, value: Text => String, exact: BigInt => i64, pk: BigInt => i64);
    carry!(from, to, carried, progress, "index_range", "param, class, low, high, pk",
        param: BigInt => i64, class: BigInt => i64, low: BigInt => i64, high: BigInt => i64, pk: BigInt => i64);
    carry!(from, to, carried, progress, "index_link", "pk, param, link",
        pk: BigInt => i64, param: BigInt => i64, link: BigInt => i64);
    carry!(from, to, carried, progress, "index_resource", "pk, type, sort, link",
        pk: BigInt => i64, kind: BigInt => i64, sort: BigInt => i64, link: BigInt => i64);
    carry!(from, to, carried, progress, "claim", "hash, pk", hash: Binary => Vec<u8>, pk: BigInt => i64);
    carry!(from, to, carried, progress, "idempotency", "hash, body, created, answer",
        hash: Binary => Vec<u8>, body: Binary => Vec<u8>, created: BigInt => i64, answer: Binary => Vec<u8>);
    carry!(from, to, carried, progress, "audit_record", "seq, recorded, content, salt, leaf",
        seq: BigInt => i64, recorded: BigInt => i64, content: Text => String, salt: Binary => Vec<u8>,
        leaf: Binary => Vec<u8>);
    carry!(from, to, carried, progress, "job", "id, kind, payload, run_after, lease_until, attempts",
        id: BigInt => i64, kind: Text => String, payload: Text => String, run_after: BigInt => i64,
        lease: BigInt => i64, attempts: BigInt => i64);
    carry!(from, to, carried, progress, "blob", "sha256, size, created",
        sha256: Binary => Vec<u8>, size: BigInt => i64, created: BigInt => i64);
    carry!(from, to, carried, progress, "blob_chunk", "sha256, part, bytes",
        sha256: Binary => Vec<u8>, part: BigInt => i64, bytes: Binary => Vec<u8>);
    carry!(from, to, carried, progress, "package", "name, version, sha256, added, archive",
        name: Text => String, version: Text => String, sha256: Text => String, added: BigInt => i64,
        archive: Binary => Vec<u8>);
    Ok(carried)
}

/// Writes a backup of a live database to a new file.
///
/// # Errors
/// `Conflict` when the file exists.
pub fn backup(
    source: &Target,
    data_dir: &Path,
    file: &Path,
    progress: Progress<'_>,
) -> Result<Carried> {
    if file.exists() {
        return Err(Error::of(
            Kind::Conflict,
            "expected a new file for the backup, found one that exists",
        ));
    }
    // Complete under its own name or not there at all.
    let partial = file.with_extension("partial");
    let _ = std::fs::remove_file(&partial);
    let target = Target::Sqlite(partial.clone());
    let mut to = open(&target, Purpose::Write)?;
    migrate::run(&mut to)?;
    let mut from = open(source, Purpose::Read)?;
    dialect::begin_snapshot(&mut from)?;
    let place = match source {
        Target::Sqlite(_) => BlobPlace::files(data_dir)?,
        Target::Postgres { .. } => BlobPlace::database(),
    };
    let carried = in_transaction(&mut to, |to| {
        Sql::<()>::new("DELETE FROM counter").execute(to)?;
        let mut carried = carry_tables(&mut from, to, progress)?;
        carried.documents = put_documents_inside(&mut from, to, &place)?;
        Ok(carried)
    })?;
    verify(&mut to, &BlobPlace::database())?;
    close(to)?;
    let failed = |error: std::io::Error| {
        Error::of(Kind::Unavailable, "the backup cannot be put in place").because(error)
    };
    std::fs::File::open(&partial)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    std::fs::rename(&partial, file).map_err(failed)?;
    Ok(carried)
}

/// Documents that are files beside the database become chunks in the backup.
fn put_documents_inside(
    from: &mut AnyConnection,
    to: &mut AnyConnection,
    place: &BlobPlace,
) -> Result<u64> {
    let hashes: Vec<Vec<u8>> = Sql::<Binary>::new("SELECT sha256 FROM blob").load(to)?;
    let mut count = 0u64;
    for hash in hashes {
        let sha256 =
            <[u8; 32]>::try_from(hash).map_err(|_| Error::internal("a stored hash is damaged"))?;
        let inside: i64 = Sql::<BigInt>::new("SELECT COUNT(*) FROM blob_chunk WHERE sha256 = ")
            .bind_blob(sha256.to_vec())
            .get_result(to)?;
        if inside == 0 {
            let bytes = place.read(from, &sha256)?;
            for (part, chunk) in (0i64..).zip(bytes.chunks(256 * 1024)) {
                blobs::insert_chunk(to, &sha256, part, chunk.to_vec())?;
            }
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// One file without a log beside it.
fn close(mut connection: AnyConnection) -> Result<()> {
    use diesel::connection::SimpleConnection;
    connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;")?;
    Ok(())
}

/// Brings a backup into an empty database and checks that what came back is whole.
///
/// # Errors
/// `Conflict` when the database holds resources; `Unprocessable` when the backup is damaged.
pub fn restore(file: &Path, target: &Target, progress: Progress<'_>) -> Result<Carried> {
    if !file.is_file() {
        return Err(Error::of(
            Kind::NotFound,
            "expected a backup file, found none",
        ));
    }
    // Held to the end: nobody serves a database while it is being filled.
    let _lock = match target {
        Target::Sqlite(path) => {
            super::connection::prepare_folder(path)?;
            Some(super::file_system::lock_file(path)?)
        }
        Target::Postgres { .. } => None,
    };
    // A copy: opening turns the log on, and a backup is never written to.
    let copy = file.with_extension("restoring");
    let failed = |error: std::io::Error| {
        Error::of(Kind::Unavailable, "the backup cannot be read").because(error)
    };
    std::fs::copy(file, &copy).map_err(failed)?;
    let result = restore_copy(&copy, target, progress);
    for suffix in ["", "-wal", "-shm"] {
        let mut name = copy.clone().into_os_string();
        name.push(suffix);
        let _ = std::fs::remove_file(name);
    }
    result
}

fn restore_copy(copy: &Path, target: &Target, progress: Progress<'_>) -> Result<Carried> {
    let mut from = open_backup(copy).map_err(|error| {
        damaged("expected a backup that can be read, found another file or a damaged one")
            .because(error)
    })?;
    verify(&mut from, &BlobPlace::database())?;
    let mut to = open(target, Purpose::Write)?;
    migrate::run(&mut to)?;
    let carried = in_transaction(&mut to, |to| {
        dialect::lock_counter(to)?;
        let held: i64 = Sql::<BigInt>::new("SELECT COUNT(*) FROM resource").get_result(to)?;
        if held > 0 {
            return Err(Error::of(
                Kind::Conflict,
                "expected an empty database to restore into, found resources",
            ));
        }
        for table in [
            "DELETE FROM counter",
            "DELETE FROM setting",
            "DELETE FROM dictionary",
            "DELETE FROM indexed",
        ] {
            Sql::<()>::new(table).execute(to)?;
        }
        let carried = carry_tables(&mut from, to, progress)?;
        check_counts(to, &carried)?;
        Ok(carried)
    })?;
    verify(&mut to, &BlobPlace::database())?;
    Ok(carried)
}

/// Opens the copy of a backup, with the schema up to date. What has none of our tables is no backup,
/// and must not become one by being migrated.
fn open_backup(copy: &Path) -> Result<AnyConnection> {
    let mut from = open(&Target::Sqlite(copy.to_owned()), Purpose::Write)?;
    let _: i64 =
        Sql::<BigInt>::new("SELECT value FROM counter WHERE name = 'seq'").get_result(&mut from)?;
    migrate::run(&mut from)?;
    Ok(from)
}

fn check_counts(connection: &mut AnyConnection, carried: &Carried) -> Result<()> {
    let counts: [(&'static str, &'static str); 6] = [
        ("resource", "SELECT COUNT(*) FROM resource"),
        ("history", "SELECT COUNT(*) FROM history"),
        ("index_value", "SELECT COUNT(*) FROM index_value"),
        ("audit_record", "SELECT COUNT(*) FROM audit_record"),
        ("blob_chunk", "SELECT COUNT(*) FROM blob_chunk"),
        ("package", "SELECT COUNT(*) FROM package"),
    ];
    for (table, question) in counts {
        let found: i64 = Sql::<BigInt>::new(question).get_result(connection)?;
        let expected = carried
            .rows
            .iter()
            .find(|(name, _)| *name == table)
            .map_or(0, |(_, count)| *count);
        if u64::try_from(found) != Ok(expected) {
            return Err(damaged(format!(
                "expected {expected} rows of {table}, found {found}"
            )));
        }
    }
    Ok(())
}
