//! Whether a database is whole: what `fascicolo fsck` checks, and what a backup must pass.
//!
//! Everything that can be checked without a second copy (DUR-07): the file, every body by its
//! checksum, every document by its hash, every audit record by its leaf, every package by its pin,
//! and the index rows against those that the resources say they have.

use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Text};
use ring::digest::{Context, SHA256, digest};

use super::blobs::{BlobPlace, hex};
use super::connection::AnyConnection;
use super::dictionary::Dictionary;
use super::flush::leaf;
use super::index_rows::IndexRows;
use super::index_tables::{Cell, Entries, ResourceEntry};
use super::packing;
use super::quarantine::Damage;
use super::sql::Sql;
use super::transaction::in_snapshot;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;

/// Checks one state of a database that may be in use.
///
/// # Errors
/// `Unprocessable` with the first damage found.
pub fn verify(connection: &mut AnyConnection, place: &BlobPlace) -> Result<()> {
    in_snapshot(connection, |connection| {
        check(connection, place, &mut |finding| Err(damaged(finding.text)))
    })
}

/// Something that is not as it should be.
pub struct Finding {
    pub text: String,
    /// What is damaged, where it is one thing that can be named.
    pub damage: Option<Damage>,
}

impl Finding {
    fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            damage: None,
        }
    }
}

/// Told each finding; an error ends the check.
pub type Tell<'a> = &'a mut dyn FnMut(Finding) -> Result<()>;

/// A finding of damage.
pub fn damaged(what: impl Into<String>) -> Error {
    Error::new(Kind::Unprocessable, "processing", what)
}

/// Checks what a connection sees.
pub fn check(connection: &mut AnyConnection, place: &BlobPlace, tell: Tell<'_>) -> Result<()> {
    if let AnyConnection::Sqlite(connection) = connection {
        let answer: String = Sql::<Text>::new(
            "SELECT CAST(integrity_check AS TEXT) FROM pragma_integrity_check LIMIT 1",
        )
        .get_result(connection)?;
        if answer != "ok" {
            tell(Finding::of(
                "expected an intact database file, found a damaged one",
            ))?;
        }
    }
    let expected = check_resources(connection, tell)?;
    let found = index_sum(connection)?;
    if found != expected {
        tell(Finding::of(format!(
            "expected {} index rows as the resources have them, found {} or others",
            expected.count, found.count
        )))?;
    }
    check_history(connection, tell)?;
    check_documents(connection, place, tell)?;
    check_audit(connection, tell)?;
    check_packages(connection, tell)
}

/// A sum over index rows that does not depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct IndexSum {
    count: u64,
    sum: u64,
}

impl IndexSum {
    fn add(&mut self, cells: &[Cell<'_>]) {
        let mut context = Context::new(&SHA256);
        for cell in cells {
            match cell {
                Cell::Int(number) => context.update(&number.to_be_bytes()),
                Cell::Text(text) => {
                    context.update(text.as_bytes());
                    context.update(&[0xff]);
                }
            }
        }
        let hash = context.finish();
        let first = hash.as_ref().first_chunk::<8>();
        self.count = self.count.saturating_add(1);
        self.sum = self
            .sum
            .wrapping_add(first.map_or(0, |first| u64::from_be_bytes(*first)));
    }
}

type CurrentSql = (BigInt, BigInt, Text, BigInt, Bool, Binary, Binary);
type Current = (i64, i64, String, i64, bool, Vec<u8>, Vec<u8>);

/// Checks the current versions, and sums up the index rows they should have.
fn check_resources(connection: &mut AnyConnection, tell: Tell<'_>) -> Result<IndexSum> {
    let mut expected = IndexSum::default();
    let names = Dictionary::stored(connection)?;
    let mut after = 0i64;
    loop {
        let page: Vec<Current> = Sql::<CurrentSql>::new(
            "SELECT pk, type, id, version, deleted, body, index_rows FROM resource WHERE pk > ",
        )
        .bind(after)
        .push(" ORDER BY pk LIMIT 1000")
        .load(connection)?;
        let Some(last) = page.last() else {
            return Ok(expected);
        };
        after = last.0;
        for (pk, type_id, id, version, deleted, bytes, packed) in page {
            if !deleted {
                let rows = IndexRows::unpack(&packed);
                let link = names.link(type_id, &id)?;
                let resource = ResourceEntry([pk, type_id, rows.sort, link]);
                Entries::of(&rows, resource).visit(&mut |cells| expected.add(cells));
            }
            if !deleted && !is_whole(&bytes) {
                let key = ResourceKey::new(names.type_name(type_id)?, id);
                tell(body_finding(key, version))?;
            }
        }
    }
}

/// Goes through a whole table, row by row.
macro_rules! each_row {
    ($connection:expr, $sql:ty, $row:ty, $select:expr, $visit:expr) => {
        match $connection {
            AnyConnection::Sqlite(connection) => {
                let select = Sql::<$sql>::new($select);
                for row in select.load_iter::<$row, DefaultLoadingMode>(connection)? {
                    $visit(row?);
                }
            }
            AnyConnection::Postgres(connection) => {
                let select = Sql::<$sql>::new($select);
                for row in select.load_iter::<$row, PgRowByRowLoadingMode>(connection)? {
                    $visit(row?);
                }
            }
        }
    };
}

type FiveSql = (BigInt, BigInt, BigInt, BigInt, BigInt);
type Five = (i64, i64, i64, i64, i64);

/// Sums up the index rows there are.
fn index_sum(connection: &mut AnyConnection) -> Result<IndexSum> {
    use Cell::{Int, Text as Words};
    let mut found = IndexSum::default();
    let five = |row: Five| [Int(row.0), Int(row.1), Int(row.2), Int(row.3), Int(row.4)];
    each_row!(
        connection,
        FiveSql,
        Five,
        "SELECT patient, param, value, sort, pk FROM index_value",
        |row| found.add(&five(row))
    );
    each_row!(
        connection,
        FiveSql,
        Five,
        "SELECT param, class, low, high, pk FROM index_range",
        |row| found.add(&five(row))
    );
    each_row!(
        connection,
        (BigInt, Text, BigInt, BigInt),
        (i64, String, i64, i64),
        "SELECT param, value, exact, pk FROM index_string",
        |row: (i64, String, i64, i64)| found.add(&[
            Int(row.0),
            Words(&row.1),
            Int(row.2),
            Int(row.3)
        ])
    );
    each_row!(
        connection,
        (BigInt, BigInt, BigInt, BigInt),
        (i64, i64, i64, i64),
        "SELECT pk, type, sort, link FROM index_resource",
        |row: (i64, i64, i64, i64)| found.add(&[Int(row.0), Int(row.1), Int(row.2), Int(row.3)])
    );
    each_row!(
        connection,
        (BigInt, BigInt, BigInt),
        (i64, i64, i64),
        "SELECT pk, param, link FROM index_link",
        |row: (i64, i64, i64)| found.add(&[Int(row.0), Int(row.1), Int(row.2)])
    );
    Ok(found)
}

fn check_history(connection: &mut AnyConnection, tell: Tell<'_>) -> Result<()> {
    let names = Dictionary::stored(connection)?;
    let mut after = (0i64, 0i64);
    loop {
        let page: Vec<(i64, i64, bool, Vec<u8>)> = Sql::<(BigInt, BigInt, Bool, Binary)>::new(
            "SELECT pk, version, deleted, body FROM history WHERE (pk, version) > (",
        )
        .bind(after.0)
        .push(", ")
        .bind(after.1)
        .push(") ORDER BY pk, version LIMIT 1000")
        .load(connection)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = (last.0, last.1);
        for (pk, version, deleted, bytes) in page {
            if !deleted && !is_whole(&bytes) {
                let (type_id, id): (i64, String) =
                    Sql::<(BigInt, Text)>::new("SELECT type, id FROM resource WHERE pk = ")
                        .bind(pk)
                        .get_result(connection)?;
                let key = ResourceKey::new(names.type_name(type_id)?, id);
                tell(body_finding(key, version))?;
            }
        }
    }
}

fn is_whole(body: &[u8]) -> bool {
    packing::unpack_into(body, &mut Vec::new()).is_ok()
}

fn body_finding(key: ResourceKey, version: i64) -> Finding {
    let damage = Damage::Version { key, version };
    Finding {
        text: format!("expected {damage} with its checksum, found it damaged"),
        damage: Some(damage),
    }
}

/// Every document there is, and that every one that a version names is there.
fn check_documents(
    connection: &mut AnyConnection,
    place: &BlobPlace,
    tell: Tell<'_>,
) -> Result<()> {
    for question in [
        "SELECT COUNT(*) FROM resource v WHERE v.blob IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = v.blob)",
        "SELECT COUNT(*) FROM history v WHERE v.blob IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.sha256 = v.blob)",
    ] {
        let missing: i64 = Sql::<BigInt>::new(question).get_result(connection)?;
        if missing > 0 {
            tell(Finding::of(format!(
                "expected the documents of all versions, found {missing} versions without"
            )))?;
        }
    }
    let hashes: Vec<Vec<u8>> = Sql::<Binary>::new("SELECT sha256 FROM blob").load(connection)?;
    for hash in hashes {
        let Ok(sha256) = <[u8; 32]>::try_from(hash) else {
            tell(Finding::of("expected a document with its hash, found none"))?;
            continue;
        };
        match place.read(connection, &sha256) {
            Ok(_) => {}
            Err(error) if error.kind() == Kind::Damaged => tell(Finding {
                text: format!(
                    "expected the document {} with its hash, found it missing or damaged",
                    hex(&sha256)
                ),
                damage: Some(Damage::Document(sha256)),
            })?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn check_audit(connection: &mut AnyConnection, tell: Tell<'_>) -> Result<()> {
    let mut after = 0i64;
    loop {
        let page: Vec<(i64, String, Vec<u8>, Vec<u8>)> =
            Sql::<(BigInt, Text, Binary, Binary)>::new(
                "SELECT seq, content, salt, leaf FROM audit_record WHERE seq > ",
            )
            .bind(after)
            .push(" ORDER BY seq LIMIT 1000")
            .load(connection)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.0;
        for (seq, content, salt, kept) in page {
            let content = packing::unpack_text(&content);
            if content.is_none_or(|content| leaf(&salt, &content) != kept) {
                tell(Finding::of(format!(
                    "expected the audit record {seq} with its hash, found it changed"
                )))?;
            }
        }
    }
}

fn check_packages(connection: &mut AnyConnection, tell: Tell<'_>) -> Result<()> {
    for row in super::packages::list(connection)? {
        let archive = super::packages::archive(connection, &row.name, &row.version)?;
        if hex(digest(&SHA256, &archive).as_ref()) != row.sha256 {
            tell(Finding::of(format!(
                "expected the package {} {} with its hash, found it damaged",
                row.name, row.version
            )))?;
        }
    }
    Ok(())
}
