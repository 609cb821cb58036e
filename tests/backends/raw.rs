//! Past the public face: statements as an operator with a database console could send them.
#![allow(dead_code)]

use diesel::prelude::*;
use diesel::sql_types::Text;
use fascicolo::storage::Target;

use crate::support::database::TestDatabase;

#[derive(QueryableByName)]
pub struct Line {
    #[diesel(sql_type = Text)]
    pub line: String,
}

enum Console {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

fn console(database: &TestDatabase) -> Console {
    match fascicolo::app::target(&database.config()).unwrap() {
        Target::Sqlite(path) => {
            let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            diesel::sql_query("PRAGMA busy_timeout = 5000")
                .execute(&mut connection)
                .unwrap();
            Console::Sqlite(connection)
        }
        Target::Postgres { url, .. } => Console::Postgres(PgConnection::establish(&url).unwrap()),
    }
}

/// Runs a statement; the text of the error when the database refuses it.
pub fn execute(database: &TestDatabase, statement: &str) -> Result<usize, String> {
    let query = diesel::sql_query(statement);
    match console(database) {
        Console::Sqlite(mut connection) => query.execute(&mut connection),
        Console::Postgres(mut connection) => query.execute(&mut connection),
    }
    .map_err(|error| error.to_string())
}

/// The rows of a query with one text column named `line`.
pub fn lines(database: &TestDatabase, query: &str) -> Vec<String> {
    let query = diesel::sql_query(query);
    let rows: Vec<Line> = match console(database) {
        Console::Sqlite(mut connection) => query.load(&mut connection),
        Console::Postgres(mut connection) => query.load(&mut connection),
    }
    .unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

/// The contents of the audit records that a clause selects.
pub fn audits(database: &TestDatabase, clause: &str) -> Vec<String> {
    lines(
        database,
        &format!("SELECT content AS line FROM audit_record {clause}"),
    )
    .iter()
    .map(|kept| {
        fascicolo::storage::packing::unpack_text(kept)
            .unwrap()
            .into_owned()
    })
    .collect()
}

/// The rows of a query with one column of bytes named `line`, in hexadecimal.
pub fn hex(database: &TestDatabase, column: &str, from: &str) -> Vec<String> {
    let expression = if database.is_postgres() {
        format!("encode({column}, 'hex')")
    } else {
        format!("lower(hex({column}))")
    };
    lines(database, &format!("SELECT {expression} AS line {from}"))
}

/// The tables that migrations have made, sorted.
pub fn tables(database: &TestDatabase) -> Vec<String> {
    let query = if database.is_postgres() {
        "SELECT table_name::text AS line FROM information_schema.tables WHERE table_schema = 'public'"
    } else {
        "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    };
    let mut names = lines(database, query);
    names.retain(|name| name != "__diesel_schema_migrations");
    names.sort_unstable();
    names
}
