//! What a database must be set to before anything is promised over it.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use fascicolo::clock::{Clock, SystemClock};
use fascicolo::error::Kind;
use fascicolo::storage::Target;

use crate::raw;
use crate::store::{START, names, open, open_as, target};
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

const HOUR: i64 = 3_600_000_000;

/// Clocks that jump, over the end of 32 bits and over a leap second.
pub fn ops_03_order_never_rests_on_the_clock(database: &TestDatabase) {
    let store = open(database);
    let jumps = [
        2 * HOUR,
        -4 * HOUR,
        0,
        2_147_483_647_000_000 - START,
        -HOUR,
        1,
    ];
    for (number, jump) in jumps.into_iter().enumerate() {
        store.clock.advance(jump);
        let version = store.set("a", &number.to_string(), &[]);
        assert_eq!(version, i64::try_from(number).unwrap() + 1);
    }
    let entries = store.everything();
    for two in entries.windows(2) {
        assert!(two[0].seq < two[1].seq);
        assert!(two[0].version.last_updated < two[1].version.last_updated);
    }
    assert_eq!(store.text("a"), Some("5".to_owned()));
}

pub fn ops_03_a_clock_far_off_is_not_ready(database: &TestDatabase) {
    for wrong in [0, -2 * HOUR, 2 * HOUR, 0] {
        let store = open(database);
        store
            .clock
            .advance(SystemClock.now() + wrong - store.clock.now());
        // Nothing has been read yet, so the clocks are compared now.
        let ready = store.database.ready();
        if database.is_postgres() && wrong != 0 {
            let error = ready.unwrap_err();
            assert_eq!(error.kind(), Kind::Unavailable);
            assert!(error.to_string().contains("clock"), "{error}");
        } else {
            // Beside SQLite there is one clock: that the last commit is of the future is only told.
            ready.unwrap();
        }
        store.set("a", "it writes all the same", &[]);
        store.close();
    }
}
