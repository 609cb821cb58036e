//! A time limit for what the searchers read (IN-18, CON-06).
//!
//! PostgreSQL has a timeout for statements. SQLite ends a statement early through its C interface,
//! which safe Rust does not reach, or when a function inside the statement fails. The latter is
//! what happens here: on a searcher's connection the tables that long reads walk are covered by
//! views of the same names, with one condition more, that there is time left. SQLite merges such a
//! view into the statement and uses the same indexes as without it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

use super::connection::AnyConnection;
use super::sql::Sql;
use super::wanted::Wanted;
use crate::error::Result;

/// How SQLite reports a statement whose time is over.
pub const LATE: &str = "the time of the statement is over";

/// The clock is asked for one row of 64: a call for each would double the time of a count. The key
/// is part of the condition so that it is decided in the loop over this table, not once before all
/// loops. The likelihood keeps the planner's estimates as they are without the condition.
macro_rules! covers {
    ($($table:literal),+) => {
        concat!(
            "PRAGMA query_only = OFF;",
            $(
                " CREATE TEMP VIEW ", $table, " AS SELECT * FROM main.", $table,
                " WHERE likelihood((pk & 63) OR fascicolo_time_left(), 1.0);",
            )+
            " PRAGMA query_only = ON;"
        )
    };
}

/// Every table whose rows have a `pk`, but for claims, which are only looked up.
const COVERS: &str = covers!(
    "resource",
    "history",
    "index_value",
    "index_string",
    "index_range",
    "index_link",
    "index_resource"
);

diesel::define_sql_function! {
    /// Whether the statement may go on.
    fn fascicolo_time_left() -> Bool;
}

/// The answer of `fascicolo_time_left`: true, or an error that ends the statement.
#[derive(Debug)]
struct TimeLeft(bool);

impl ToSql<Bool, Sqlite> for TimeLeft {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        if self.0 {
            <bool as ToSql<Bool, Sqlite>>::to_sql(&true, out)
        } else {
            Err(LATE.into())
        }
    }
}

/// Until when the searcher may read for the task at hand.
pub struct Deadline {
    origin: Instant,
    limit: Duration,
    at_hand: Arc<AtHand>,
}

/// What ends the task at hand.
struct AtHand {
    /// Microseconds after the origin.
    ends: AtomicU64,
    wanted: Mutex<Option<Wanted>>,
}

impl AtHand {
    /// Whether the task may go on at this time.
    fn goes_on(&self, now: u64) -> bool {
        // It is replaced as a whole.
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        now < self.ends.load(Ordering::Relaxed)
            && !wanted.as_ref().is_some_and(Wanted::is_forgotten)
    }
}

impl Deadline {
    /// A deadline that gives each task this much time.
    pub fn new(limit: Duration) -> Self {
        Self {
            origin: Instant::now(),
            limit,
            at_hand: Arc::new(AtHand {
                ends: AtomicU64::new(u64::MAX),
                wanted: Mutex::new(None),
            }),
        }
    }

    /// Places a reading connection under the deadline.
    pub fn watch(&self, connection: &mut AnyConnection) -> Result<()> {
        match connection {
            AnyConnection::Sqlite(connection) => {
                let (origin, at_hand) = (self.origin, Arc::clone(&self.at_hand));
                fascicolo_time_left_utils::register_nondeterministic_impl(connection, move || {
                    TimeLeft(at_hand.goes_on(micros(origin.elapsed())))
                })?;
                connection.batch_execute(COVERS)?;
            }
            AnyConnection::Postgres(connection) => {
                let limit = self.limit.as_millis().max(1).to_string();
                let _: String = Sql::<Text>::new("SELECT set_config('statement_timeout', ")
                    .bind_text(limit)
                    .push(", false)")
                    .get_result(connection)?;
            }
        }
        Ok(())
    }

    /// Begins a task: the time runs from now, and ends when nobody wants it.
    ///
    /// On PostgreSQL only the time ends a statement; what comes after it is not begun.
    pub fn restart(&self, wanted: Option<Wanted>) {
        let ends = micros(self.origin.elapsed().saturating_add(self.limit));
        self.at_hand.ends.store(ends, Ordering::Relaxed);
        let mut place = self
            .at_hand
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = wanted;
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::connection::{Purpose, Target, open};
    use super::super::migrate;
    use super::*;
    use crate::error::Kind;

    /// A reading connection over an empty database, as the writer left it.
    fn reading() -> (tempfile::TempDir, AnyConnection) {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("test.db"));
        migrate::run(&mut open(&target, Purpose::Write).unwrap()).unwrap();
        let connection = open(&target, Purpose::Read).unwrap();
        (folder, connection)
    }

    fn texts(connection: &mut AnyConnection, question: &'static str) -> Vec<String> {
        Sql::<Text>::new(question).load(connection).unwrap()
    }

    #[test]
    fn in_18_every_table_that_is_walked_has_a_cover() {
        let (_folder, mut connection) = reading();
        let tables = texts(
            &mut connection,
            "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ON c.name = 'pk' \
             WHERE m.type = 'table' AND m.name <> 'claim'",
        );
        assert!(!tables.is_empty());
        for table in tables {
            assert!(
                COVERS.contains(&format!("TEMP VIEW {table} AS ")),
                "{table}"
            );
        }
    }

    #[test]
    fn in_18_covers_change_no_plan() {
        let (_folder, mut connection) = reading();
        let deadline = Deadline::new(Duration::from_secs(60));
        deadline.watch(&mut connection).unwrap();
        deadline.restart(None);
        let AnyConnection::Sqlite(sqlite) = &mut connection else {
            panic!("expected SQLite");
        };
        #[derive(QueryableByName)]
        struct Step {
            #[diesel(sql_type = Text)]
            detail: String,
        }
        let plan: Vec<Step> = diesel::sql_query(
            "EXPLAIN QUERY PLAN SELECT r.id FROM index_value d JOIN resource r ON r.pk = d.pk \
             WHERE d.patient = 0 AND d.param = 1 AND d.value = 2 AND EXISTS (SELECT 1 FROM index_value p \
             WHERE p.patient = 0 AND p.param = 3 AND p.value = 4 AND p.sort = d.sort AND p.pk = d.pk)",
        )
        .load(sqlite)
        .unwrap();
        let steps: Vec<String> = plan.into_iter().map(|step| step.detail).collect();
        let searches = steps.iter().filter(|step| step.starts_with("SEARCH"));
        assert_eq!(searches.count(), 3, "{steps:?}");
        for wrong in ["SCAN", "MATERIALIZE", "CO-ROUTINE"] {
            assert!(!steps.iter().any(|step| step.contains(wrong)), "{steps:?}");
        }
    }

    #[test]
    fn in_18_a_statement_ends_when_its_time_is_over() {
        let (folder, mut connection) = reading();
        let target = Target::Sqlite(folder.path().join("test.db"));
        let mut writer = open(&target, Purpose::Write).unwrap();
        Sql::<()>::new(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
             INSERT INTO index_value (patient, param, value, sort, pk) SELECT 0, 1, 2, 0, i FROM n",
        )
        .execute(&mut writer)
        .unwrap();
        let count = |connection: &mut AnyConnection| -> Result<i64> {
            Ok(
                Sql::<diesel::sql_types::BigInt>::new("SELECT COUNT(*) FROM index_value")
                    .get_result(connection)?,
            )
        };
        let deadline = Deadline::new(Duration::ZERO);
        deadline.watch(&mut connection).unwrap();
        assert_eq!(count(&mut connection).unwrap(), 1000, "no task has begun");
        deadline.restart(None);
        assert_eq!(count(&mut connection).unwrap_err().kind(), Kind::Timeout);
        // The connection goes on with the next task, and still only reads.
        deadline.at_hand.ends.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(count(&mut connection).unwrap(), 1000);
        // Nor does it go on when nobody waits for it (CON-06).
        let wanted = Wanted::default();
        let deadline = Deadline::new(Duration::from_secs(3_600));
        let mut watched = open(&target, Purpose::Read).unwrap();
        deadline.watch(&mut watched).unwrap();
        deadline.restart(Some(wanted.clone()));
        assert_eq!(count(&mut watched).unwrap(), 1000);
        wanted.forget();
        assert_eq!(count(&mut watched).unwrap_err().kind(), Kind::Timeout);
        deadline.restart(None);
        assert_eq!(count(&mut watched).unwrap(), 1000);
        let written = Sql::<()>::new("DELETE FROM main.index_value").execute(&mut connection);
        assert!(written.is_err());
    }
}
