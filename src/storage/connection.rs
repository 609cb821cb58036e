//! One connection type for both databases, opened and checked.
//!
//! Source of the settings: DUR-02, DUR-03 and IN-25 of the security handbook. They are read back
//! after they were set, and a connection whose settings differ is not used.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::deadline;
use super::pg_tls::PgTls;
use super::sql::Sql;
use crate::error::{Error, Kind, Result};

/// A connection to either database. The URL scheme chooses.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Where the database is, as written in the configuration.
#[derive(Clone, Debug)]
pub enum Target {
    /// A file on a local file system.
    Sqlite(PathBuf),
    /// A libpq connection URL, and how to reach it over TLS.
    Postgres { url: String, tls: Option<PgTls> },
}

/// What a connection is going to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Read,
    Write,
}

impl Target {
    /// Reads `sqlite:///path/file.db` or `postgres://…`.
    ///
    /// # Errors
    /// `Invalid` for any other scheme.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            if path.is_empty() {
                return Err(Error::of(
                    Kind::Invalid,
                    "expected sqlite:///path/file.db, found no path",
                ));
            }
            return Ok(Target::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Target::Postgres {
                url: url.to_owned(),
                tls: None,
            });
        }
        Err(Error::of(
            Kind::Invalid,
            "expected a database URL that starts with sqlite:// or postgres://, found another",
        ))
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self, Target::Sqlite(_))
    }
}

/// Oldest SQLite whose WAL mode is sound (DUR-02); as `sqlite3_libversion_number` counts.
const SQLITE_AT_LEAST: i64 = 3_051_003;
/// A release without the repair, published beside it.
const SQLITE_WITHDRAWN: i64 = 3_052_000;
const SQLITE_VERSION: &str = "SELECT 1000000 * CAST(substr(sqlite_version(), 1, 1) AS INTEGER) \
     + 1000 * CAST(substr(sqlite_version(), 3, 2) AS INTEGER) \
     + CAST(substr(sqlite_version(), 6) AS INTEGER)";

/// Opens a connection and applies and verifies the settings it must have.
pub fn open(target: &Target, purpose: Purpose) -> Result<AnyConnection> {
    match target {
        Target::Sqlite(path) => {
            let mut connection =
                SqliteConnection::establish(&path.to_string_lossy()).map_err(|error| {
                    Error::of(Kind::Unavailable, "the database file cannot be opened")
                        .because(error)
                })?;
            sqlite_settings(&mut connection, purpose)?;
            Ok(AnyConnection::Sqlite(connection))
        }
        Target::Postgres { url, tls } => {
            let reachable = match tls {
                Some(tls) => tls.tunnelled(url)?,
                None => url.clone(),
            };
            let mut connection = PgConnection::establish(&reachable).map_err(|error| {
                Error::of(Kind::Unavailable, "the database cannot be reached").because(error)
            })?;
            postgres_settings(&mut connection)?;
            if let Purpose::Read = purpose {
                connection.batch_execute(POSTGRES_PLANS)?;
            }
            Ok(AnyConnection::Postgres(connection))
        }
    }
}

/// The folder of a database file.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates the folder of a database file, for its owner only.
pub fn prepare_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder_of(path)).map_err(|error| {
        Error::of(Kind::Unavailable, "the data directory cannot be created").because(error)
    })
}

fn sqlite_settings(connection: &mut SqliteConnection, purpose: Purpose) -> Result<()> {
    let common = "PRAGMA busy_timeout = 5000; \
         PRAGMA page_size = 4096; \
         PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON; \
         PRAGMA trusted_schema = OFF; \
         PRAGMA cell_size_check = ON; \
         PRAGMA temp_store = MEMORY; \
         PRAGMA journal_size_limit = 268435456;";
    let own = match purpose {
        Purpose::Write => {
            "PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 32000; PRAGMA cache_size = -65536;"
        }
        Purpose::Read => {
            "PRAGMA mmap_size = 1073741824; PRAGMA query_only = ON; PRAGMA cache_size = -2048;"
        }
    };
    connection.batch_execute(common)?;
    connection.batch_execute(own)?;

    // Read back: a setting that silently did not take would break a promise of durability.
    let expected: [(&'static str, &str); 6] = [
        (
            "SELECT CAST(journal_mode AS TEXT) FROM pragma_journal_mode",
            "wal",
        ),
        (
            "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
            "2",
        ),
        (
            "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys",
            "1",
        ),
        (
            "SELECT CAST(trusted_schema AS TEXT) FROM pragma_trusted_schema",
            "0",
        ),
        (
            "SELECT CAST(cell_size_check AS TEXT) FROM pragma_cell_size_check",
            "1",
        ),
        (
            "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout",
            "5000",
        ),
    ];
    for (question, wanted) in expected {
        let found: String = Sql::<Text>::new(question).get_result(connection)?;
        if found != wanted {
            return Err(Error::of(
                Kind::Unavailable,
                format!("expected ‘{question}’ to give {wanted}, found {found}"),
            ));
        }
    }
    let version: i64 = Sql::<BigInt>::new(SQLITE_VERSION).get_result(connection)?;
    if !is_sound(version) {
        return Err(Error::of(
            Kind::Unavailable,
            format!("expected SQLite 3.51.3 or later but 3.52.0, found {version}"),
        ));
    }
    Ok(())
}

/// A search is planned here (`docs/storage.md`): the database is to follow, with look-ups in the order
/// that is written.
const POSTGRES_PLANS: &str = "SET join_collapse_limit = 1; SET from_collapse_limit = 1; \
     SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET jit = off;";
fn is_sound(version: i64) -> bool {
    version >= SQLITE_AT_LEAST && version != SQLITE_WITHDRAWN
}

/// Warns when SQLite was not compiled as `.cargo/config.toml` says (IN-25): cargo reads that file only
/// when it runs inside the repository.
pub fn warn_if_undefended(connection: &mut AnyConnection) -> Result<()> {
    let AnyConnection::Sqlite(connection) = connection else {
        return Ok(());
    };
    let loads: i64 = Sql::<BigInt>::new(
        "SELECT COUNT(*) FROM pragma_compile_options WHERE compile_options = 'ENABLE_LOAD_EXTENSION'",
    )
    .get_result(connection)?;
    if loads > 0 {
        tracing::warn!("SQLite is not in defensive mode: build inside the repository");
    }
    Ok(())
}

fn postgres_settings(connection: &mut PgConnection) -> Result<()> {
    connection.batch_execute(
        "SET search_path = public; SET timezone = 'UTC'; SET statement_timeout = '30s'; \
         SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning;",
    )?;
    let refused: [(&'static str, &str); 4] = [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "off"),
        ("data_sync_retry", "on"),
    ];
    for (name, bad) in refused {
        let found: String = Sql::<Text>::new("SELECT current_setting(")
            .bind_text(name.to_owned())
            .push(")")
            .get_result(connection)?;
        if found == bad {
            return Err(Error::of(
                Kind::Unavailable,
                format!(
                    "expected PostgreSQL with {name} other than {bad}, found {found}: writes would not be durable"
                ),
            ));
        }
    }
    Ok(())
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::DatabaseErrorKind as DbKind;
        use diesel::result::Error as DbError;
        // SQLite has rolled back by itself: that it cannot be done twice is no news.
        let error = match error {
            DbError::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
            error => error,
        };
        let (kind, text) = match &error {
            DbError::DatabaseError(DbKind::SerializationFailure, _) => {
                (Kind::Unavailable, "the database asks to try again")
            }
            DbError::DatabaseError(DbKind::ClosedConnection | DbKind::UnableToSendCommand, _) => {
                (Kind::Unavailable, "the connection to the database was lost")
            }
            DbError::DatabaseError(_, info) if is_late(info.message()) => (
                Kind::Timeout,
                "the time for reading is over: ask for less at once",
            ),
            DbError::DatabaseError(_, info) if is_full(info.message()) => {
                (Kind::Full, "the database has no space left")
            }
            DbError::DatabaseError(_, info) if info.message().contains("readonly database") => {
                (Kind::Unavailable, "the database can only be read now")
            }
            DbError::DatabaseError(_, info) if is_busy(info.message()) => {
                (Kind::Unavailable, "the database is busy")
            }
            _ => (Kind::Internal, "a statement failed in the database"),
        };
        Error::of(kind, text).because(error)
    }
}

fn is_late(message: &str) -> bool {
    message.contains(deadline::LATE)
        || message.contains("canceling statement due to statement timeout")
}

fn is_full(message: &str) -> bool {
    message.contains("disk is full") || message.contains("No space left")
}

fn is_busy(message: &str) -> bool {
    message.contains("database is locked")
        || message.contains("canceling statement")
        || message.contains("terminating connection")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_data_directory_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/test.db");
        prepare_folder(&file).unwrap();
        for made in ["a", "a/b"] {
            let mode = std::fs::metadata(folder.path().join(made))
                .unwrap()
                .permissions();
            assert_eq!(mode.mode() & 0o777, 0o700, "{made}");
        }
        prepare_folder(&file).unwrap();
    }

    #[test]
    fn dur_02_versions_of_sqlite() {
        assert!(!is_sound(3_051_002));
        assert!(is_sound(3_051_003));
        assert!(!is_sound(3_052_000));
        assert!(is_sound(3_053_000));
    }
}
