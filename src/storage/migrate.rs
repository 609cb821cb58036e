//! The schema: its migrations, and the refusal of a schema that is newer than this binary.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::AnyConnection;
use crate::error::{Error, Kind, Result};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Brings the schema up to date and returns the names of the migrations that ran.
///
/// # Errors
/// `Unavailable` when the database has a migration that this binary does not know (OPS-04).
pub fn run(connection: &mut AnyConnection) -> Result<Vec<String>> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal(format!("the schema cannot be brought up to date: {error}"))
    };
    match connection {
        AnyConnection::Sqlite(connection) => {
            refuse_newer(connection.applied_migrations().map_err(failed)?, &SQLITE)?;
            let ran = connection.run_pending_migrations(SQLITE).map_err(failed)?;
            Ok(ran.iter().map(ToString::to_string).collect())
        }
        AnyConnection::Postgres(connection) => {
            // Processes that start at one time bring it up to date one after another.
            connection.batch_execute(LOCK)?;
            let ran = run_postgres(connection);
            connection.batch_execute(UNLOCK)?;
            ran.map_err(failed)?
        }
    }
}

/// The key of the lock is this product's own.
const LOCK: &str = "SELECT pg_advisory_lock(7382113450571)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7382113450571)";

fn run_postgres(connection: &mut PgConnection) -> diesel::migration::Result<Result<Vec<String>>> {
    if let Err(error) = refuse_newer(connection.applied_migrations()?, &POSTGRES) {
        return Ok(Err(error));
    }
    let ran = connection.run_pending_migrations(POSTGRES)?;
    Ok(Ok(ran.iter().map(ToString::to_string).collect()))
}

/// Reverts every migration. For tests of the migrations.
pub fn revert_all(connection: &mut AnyConnection) -> Result<()> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal(format!("the schema cannot be reverted: {error}"))
    };
    match connection {
        AnyConnection::Sqlite(connection) => {
            connection.revert_all_migrations(SQLITE).map_err(failed)?;
        }
        AnyConnection::Postgres(connection) => {
            connection.revert_all_migrations(POSTGRES).map_err(failed)?;
        }
    }
    Ok(())
}

fn refuse_newer(
    applied: Vec<diesel::migration::MigrationVersion<'_>>,
    known: &EmbeddedMigrations,
) -> Result<()> {
    use diesel::migration::MigrationSource;
    let known: Vec<String> = MigrationSource::<diesel::sqlite::Sqlite>::migrations(known)
        .map_err(|error| Error::internal(format!("the migrations cannot be read: {error}")))?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    for version in applied {
        if !known.contains(&version.to_string()) {
            return Err(Error::of(
                Kind::Unavailable,
                format!(
                    "expected a schema that this version knows, found migration {version}: use the newer fascicolo"
                ),
            ));
        }
    }
    Ok(())
}
