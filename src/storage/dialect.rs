//! Every difference between the two databases, and nothing else.

use std::fmt::Write as _;
use std::time::Duration;

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Text};

use super::apply::{StateRow, StateSql};
use super::connection::AnyConnection;
use super::index_tables::{Cell, Row};
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;

/// Opens a transaction for writing.
///
/// SQLite takes its write lock here, so that a group never has to be retried half-way.
pub fn begin(connection: &mut AnyConnection) -> Result<()> {
    match connection {
        AnyConnection::Sqlite(connection) => {
            type Manager = <SqliteConnection as diesel::Connection>::TransactionManager;
            Manager::begin_transaction_sql(connection, "BEGIN IMMEDIATE")?;
        }
        AnyConnection::Postgres(connection) => {
            type Manager = <PgConnection as diesel::Connection>::TransactionManager;
            <Manager as TransactionManager<PgConnection>>::begin_transaction(connection)?;
        }
    }
    Ok(())
}

/// Opens a transaction that sees one state of the database throughout.
pub fn begin_snapshot(connection: &mut AnyConnection) -> Result<()> {
    match connection {
        AnyConnection::Sqlite(connection) => {
            type Manager = <SqliteConnection as diesel::Connection>::TransactionManager;
            Manager::begin_transaction_sql(connection, "BEGIN DEFERRED")?;
        }
        AnyConnection::Postgres(connection) => {
            type Manager = <PgConnection as diesel::Connection>::TransactionManager;
            <Manager as TransactionManager<PgConnection>>::begin_transaction(connection)?;
            Sql::<()>::new("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                .execute(connection)?;
        }
    }
    Ok(())
}

/// Moves what is in SQLite's log into the database file and empties the log.
pub fn settle(connection: &mut AnyConnection) -> Result<()> {
    let AnyConnection::Sqlite(connection) = connection else {
        return Ok(());
    };
    // Two of these cannot run at one time, and SQLite does not wait for the other.
    for _ in 0..50 {
        let (busy, _, _): (i64, i64, i64) =
            Sql::<(BigInt, BigInt, BigInt)>::new("PRAGMA wal_checkpoint(TRUNCATE)")
                .get_result(connection)?;
        if busy == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Moves what it can without making anybody wait.
pub fn settle_what_is_quiet(connection: &mut AnyConnection) -> Result<()> {
    if let AnyConnection::Sqlite(connection) = connection {
        connection.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(())
}

/// Waits until no other process rebuilds the index, and keeps others from it until the end of the
/// connection. An embedded database has one process.
pub fn rebuild_alone(connection: &mut AnyConnection) -> Result<()> {
    if let AnyConnection::Postgres(connection) = connection {
        // The key of the lock is this product's own.
        connection.batch_execute("SELECT pg_advisory_lock(7382113450572)")?;
    }
    Ok(())
}

/// Where the database is: the row that every commit begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The sequence number of the latest commit.
    pub seq: i64,
    /// Its time.
    pub stamp: Instant,
    /// The edition of the definitions.
    pub edition: i64,
}

type CounterSql = (BigInt, BigInt, BigInt);
const COUNTER: &str = "SELECT value, stamp, edition FROM counter WHERE name = 'seq'";

/// Reads the counter, and keeps other writers out until the end of the transaction.
pub fn lock_counter(connection: &mut AnyConnection) -> Result<Counter> {
    let (seq, stamp, edition) = match connection {
        AnyConnection::Sqlite(connection) => {
            Sql::<CounterSql>::new(COUNTER).get_result(connection)?
        }
        AnyConnection::Postgres(connection) => Sql::<CounterSql>::new(COUNTER)
            .push(" FOR UPDATE")
            .get_result(connection)?,
    };
    Ok(Counter {
        seq,
        stamp,
        edition,
    })
}

/// The counter as it is now.
pub fn counter(connection: &mut AnyConnection) -> Result<Counter> {
    let (seq, stamp, edition) = Sql::<CounterSql>::new(COUNTER).get_result(connection)?;
    Ok(Counter {
        seq,
        stamp,
        edition,
    })
}

/// The beginnings of a bounded count of versions, of the current ones and of older ones. SQLite counts
/// them in the index alone: without the cover of the deadline (`super::deadline`), which looks into rows.
pub fn bounded_versions(connection: &AnyConnection) -> [&'static str; 2] {
    match connection {
        AnyConnection::Sqlite(_) => [
            "SELECT COUNT(*) FROM (SELECT 1 FROM main.resource v WHERE 1 = 1",
            "SELECT COUNT(*) FROM (SELECT 1 FROM main.history v WHERE 1 = 1",
        ],
        AnyConnection::Postgres(_) => [
            "SELECT COUNT(*) FROM (SELECT 1 FROM resource v WHERE 1 = 1",
            "SELECT COUNT(*) FROM (SELECT 1 FROM history v WHERE 1 = 1",
        ],
    }
}

/// What the clock of the database says, where that is another machine's.
pub fn clock(connection: &mut AnyConnection) -> Result<Option<Instant>> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(None),
        AnyConnection::Postgres(connection) => {
            let now = Sql::<BigInt>::new(
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
            )
            .get_result(connection)?;
            Ok(Some(now))
        }
    }
}

/// How one row leads to the next in a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joins {
    /// SQLite keeps the order of `CROSS JOIN`.
    Crossed,
    /// PostgreSQL keeps the pairs of tables but not which of two is walked, and takes the wrong one
    /// where it has no statistics yet: a table is looked up for each row before it, by force.
    Lateral,
}

impl Joins {
    pub fn of(connection: &AnyConnection) -> Self {
        match connection {
            AnyConnection::Sqlite(_) => Joins::Crossed,
            AnyConnection::Postgres(_) => Joins::Lateral,
        }
    }

    /// Appends a table that is looked up for each row before it, by a condition.
    pub fn look_up<ST>(
        self,
        sql: Sql<ST>,
        table: &'static str,
        alias: impl Fn(Sql<ST>) -> Sql<ST>,
        on: impl FnOnce(Sql<ST>) -> Sql<ST>,
    ) -> Sql<ST> {
        match self {
            Joins::Crossed => {
                let sql = alias(sql.push(" CROSS JOIN ").push(table).push(" "));
                on(sql.push(" ON "))
            }
            Joins::Lateral => {
                let sql = sql.push(" CROSS JOIN LATERAL (SELECT * FROM ").push(table);
                let sql = alias(sql.push(" "));
                alias(on(sql.push(" WHERE ")).push(" OFFSET 0) "))
            }
        }
    }
}

/// How the database goes about a statement whose values it does not know, line by line; nothing where it
/// cannot tell.
///
/// The text comes from a statement of this process with its placeholders, never from a request.
pub fn plan_of(connection: &mut AnyConnection, statement: &str) -> Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let lines = |lines: Vec<Line>| lines.into_iter().map(|line| line.detail).collect();
    Ok(match connection {
        AnyConnection::Sqlite(connection) => {
            let explained = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"));
            lines(explained.load(connection)?)
        }
        AnyConnection::Postgres(connection) => {
            let count = (1..)
                .take_while(|n| statement.contains(&format!("${n}")))
                .count();
            let nulls = vec!["NULL"; count].join(", ");
            let values = if count > 0 {
                format!("({nulls})")
            } else {
                nulls
            };
            // In a transaction of its own: a statement whose types cannot be guessed is not explained.
            let found = connection.transaction(|connection| {
                connection.batch_execute("SET LOCAL plan_cache_mode = force_generic_plan")?;
                connection.batch_execute(&format!("PREPARE explained AS {statement}"))?;
                let explain = diesel::sql_query(format!("EXPLAIN EXECUTE explained{values}"));
                explain.load::<PgLine>(connection)
            });
            if found.is_ok() {
                connection.batch_execute("DEALLOCATE explained")?;
            }
            let plans = found.unwrap_or_default().into_iter();
            plans.map(|line| line.detail).collect()
        }
    })
}

#[derive(QueryableByName)]
struct PgLine {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    detail: String,
}

/// Stores what a transaction ends with.
pub fn raise_counter(connection: &mut AnyConnection, counter: Counter) -> Result<()> {
    Sql::<()>::new("UPDATE counter SET value = ")
        .bind(counter.seq)
        .push(", stamp = ")
        .bind(counter.stamp)
        .push(", edition = ")
        .bind(counter.edition)
        .push(" WHERE name = 'seq'")
        .execute(connection)?;
    Ok(())
}

const STATE: &str =
    "SELECT r.type, r.id, r.pk, r.version, r.deleted, r.index_rows FROM resource r ";

/// Rows of `resource r` by keys (type, id): a prepared statement many times where a look-up stays in the
/// process, one statement where it is a round trip.
macro_rules! rows_by_keys {
    ($connection:expr, $keys:expr, $select:expr, $sql:ty) => {
        match $connection {
            AnyConnection::Sqlite(connection) => {
                let mut rows = Vec::with_capacity($keys.len());
                for (type_id, id) in $keys {
                    let found = Sql::<$sql>::new($select)
                        .push("WHERE r.type = ")
                        .bind(*type_id)
                        .push(" AND r.id = ")
                        .bind_text((*id).to_owned())
                        .get_result(connection)
                        .optional()?;
                    rows.extend(found);
                }
                Ok(rows)
            }
            AnyConnection::Postgres(connection) => {
                let (types, ids) = key_arrays($keys);
                let rows = Sql::<$sql>::new($select)
                    .push("JOIN unnest(")
                    .bind_text(types)
                    .push("::text::bigint[], ")
                    .bind_text(ids)
                    .push("::text::text[]) AS k(type, id) ON r.type = k.type AND r.id = k.id")
                    .load(connection)?;
                Ok(rows)
            }
        }
    };
}

/// The current state of some keys (type, id); unknown ones have no row.
pub fn load_states(connection: &mut AnyConnection, keys: &[(i64, &str)]) -> Result<Vec<StateRow>> {
    rows_by_keys!(connection, keys, STATE, StateSql)
}

/// A row of a point read: type, id, then what [`super::resources`] makes a version of.
pub type PointRow = (i64, String, i64, i64, i64, bool, Vec<u8>, Option<Vec<u8>>);
type PointSql = (
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    Bool,
    Binary,
    diesel::sql_types::Nullable<Binary>,
);

const POINT: &str = "SELECT r.type, r.id, r.version, r.last_updated, r.method, r.deleted, r.body, r.blob FROM resource r ";

/// The current versions of some keys (type, id); unknown ones have no row.
pub fn load_points(connection: &mut AnyConnection, keys: &[(i64, &str)]) -> Result<Vec<PointRow>> {
    let load = |connection: &mut AnyConnection| -> Result<Vec<PointRow>> {
        rows_by_keys!(connection, keys, POINT, PointSql)
    };
    match connection {
        // Each statement by itself would take the lock of a snapshot and give it up.
        AnyConnection::Sqlite(_) if keys.len() > 1 => connection.transaction(load),
        _ => load(connection),
    }
}

/// Array literals for PostgreSQL. Logical ids have no character that would need quoting.
fn key_arrays(keys: &[(i64, &str)]) -> (String, String) {
    let (mut types, mut ids) = (String::from("{"), String::from("{"));
    for (index, (type_id, id)) in keys.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(types, "{comma}{type_id}");
        let _ = write!(ids, "{comma}\"{id}\"");
    }
    types.push('}');
    ids.push('}');
    (types, ids)
}

const INDEX_CHUNK: usize = 32;

/// Inserts rows of an index table.
pub fn insert_index_rows<R: Row>(connection: &mut AnyConnection, rows: &[R]) -> Result<()> {
    match connection {
        AnyConnection::Sqlite(connection) => {
            let insert = |connection: &mut SqliteConnection, rows: &[R]| {
                Sql::<()>::new("INSERT INTO ")
                    .push(R::TABLE)
                    .push(" (")
                    .each(R::COLUMNS, |sql, column| sql.push(column))
                    .push(") VALUES ")
                    .each(rows, |sql, row| {
                        sql.push("(")
                            .each(0..R::COLUMNS.len(), |sql, column| {
                                bind_cell(sql, row.cell(column))
                            })
                            .push(")")
                    })
                    .execute(connection)
            };
            let chunks = rows.chunks_exact(INDEX_CHUNK);
            let rest = chunks.remainder();
            for chunk in chunks {
                insert(connection, chunk)?;
            }
            for row in rest {
                insert(connection, std::slice::from_ref(row))?;
            }
        }
        AnyConnection::Postgres(connection) => {
            for chunk in rows.chunks(8192) {
                let sql = Sql::new("INSERT INTO ")
                    .push(R::TABLE)
                    .push(" (")
                    .each(R::COLUMNS, |sql, column| sql.push(column))
                    .push(") SELECT * FROM ");
                unnest_rows(sql, chunk).execute(connection)?;
            }
        }
    }
    Ok(())
}

/// Deletes rows of an index table by their whole key.
pub fn delete_index_rows<R: Row>(connection: &mut AnyConnection, rows: &[R]) -> Result<()> {
    match connection {
        AnyConnection::Sqlite(connection) => {
            for row in rows {
                let mut sql = Sql::<()>::new("DELETE FROM ").push(R::TABLE);
                for (index, column) in R::COLUMNS.iter().enumerate() {
                    sql = sql
                        .push(if index == 0 { " WHERE " } else { " AND " })
                        .push(column)
                        .push(" = ");
                    sql = bind_cell(sql, row.cell(index));
                }
                sql.execute(connection)?;
            }
        }
        AnyConnection::Postgres(connection) => {
            for chunk in rows.chunks(8192) {
                let sql = Sql::new("DELETE FROM ").push(R::TABLE).push(" v USING ");
                let mut sql = unnest_rows(sql, chunk)
                    .push(" AS k(")
                    .each(R::COLUMNS, |sql, column| sql.push(column))
                    .push(")");
                for (index, column) in R::COLUMNS.iter().enumerate() {
                    sql = sql
                        .push(if index == 0 { " WHERE v." } else { " AND v." })
                        .push(column)
                        .push(" = k.")
                        .push(column);
                }
                sql.execute(connection)?;
            }
        }
    }
    Ok(())
}

fn bind_cell(sql: Sql<()>, cell: Cell<'_>) -> Sql<()> {
    match cell {
        Cell::Int(number) => sql.bind(number),
        Cell::Text(text) => sql.bind_text(text.to_owned()),
    }
}

/// Appends `unnest(` with one array per column and the closing bracket.
fn unnest_rows<R: Row>(mut sql: Sql<()>, rows: &[R]) -> Sql<()> {
    for column in 0..R::COLUMNS.len() {
        let (mut array, mut kind) = (String::with_capacity(rows.len().saturating_mul(12)), "");
        for (index, row) in rows.iter().enumerate() {
            array.push(if index > 0 { ',' } else { '{' });
            match row.cell(column) {
                Cell::Int(number) => {
                    kind = "::text::bigint[]";
                    let _ = write!(array, "{number}");
                }
                Cell::Text(text) => {
                    kind = "::text::text[]";
                    array.push('"');
                    for c in text.chars() {
                        if matches!(c, '"' | '\\') {
                            array.push('\\');
                        }
                        array.push(c);
                    }
                    array.push('"');
                }
            }
        }
        array.push('}');
        sql = sql.push(if column == 0 { "unnest(" } else { ", " });
        sql = sql.bind_text(array).push(kind);
    }
    sql.push(")")
}
