//! What a database must be set to before anything is promised over it.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use fascicolo::error::Kind;
use fascicolo::storage::Target;

use crate::raw;
use crate::store::{names, open, open_as, target};
use crate::support::database::TestDatabase;

pub fn dur_03_postgres_that_forgets_is_refused(database: &TestDatabase) {
    if !database.is_postgres() {
        return;
    }
    drop(open(database));
    let url = database.url();
    let name = url.rsplit('/').next().unwrap();
    let set = |value: &str| {
        let statement = format!("ALTER DATABASE {name} SET synchronous_commit = {value}");
        raw::execute(database, &statement).unwrap();
    };
    set("off");
    let Err(error) = open_as(database, true, names()) else {
        panic!("it was opened");
    };
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("synchronous_commit"), "{error}");
    set("on");
    drop(open(database));
}

pub fn in_25_sqlite_defends_itself(database: &TestDatabase) {
    if database.is_postgres() {
        return;
    }
    drop(open(database));
    let options = raw::lines(
        database,
        "SELECT compile_options AS line FROM pragma_compile_options",
    );
    assert!(
        !options
            .iter()
            .any(|option| option == "ENABLE_LOAD_EXTENSION")
    );
    let error = raw::execute(database, "SELECT load_extension('/tmp/nothing')").unwrap_err();
    assert!(error.contains("not authorized"), "{error}");
    // By the way it is compiled, so on any connection: its own tables are not to be written.
    let Target::Sqlite(path) = target(database) else {
        panic!("expected SQLite");
    };
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let error = connection
        .batch_execute(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = sql WHERE name = 'resource'",
        )
        .unwrap_err();
    assert!(error.to_string().contains("may not be modified"), "{error}");
    connection
        .batch_execute("PRAGMA journal_mode = OFF")
        .unwrap();
    let mode = raw::lines(
        database,
        "SELECT journal_mode AS line FROM pragma_journal_mode",
    );
    assert_eq!(mode, ["wal"]);
}
