//! Statements that belong together.

use diesel::connection::{Connection, TransactionManager};

use super::connection::AnyConnection;
use super::dialect;
use crate::error::Result;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// Runs some reading statements on one state of the database.
pub fn in_snapshot<T>(
    connection: &mut AnyConnection,
    read: impl FnOnce(&mut AnyConnection) -> Result<T>,
) -> Result<T> {
    dialect::begin_snapshot(connection)?;
    let result = read(connection);
    // Nothing was written, so it may end either way; but a connection that cannot end it is broken.
    <Manager as TransactionManager<AnyConnection>>::rollback_transaction(connection)?;
    result
}

/// Runs some statements in one transaction.
pub fn in_transaction<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T>,
) -> Result<T> {
    dialect::begin(connection)?;
    let result = work(connection);
    match result {
        Ok(value) => {
            <Manager as TransactionManager<AnyConnection>>::commit_transaction(connection)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(failed) =
                <Manager as TransactionManager<AnyConnection>>::rollback_transaction(connection)
            {
                tracing::warn!(%failed, "rollback failed");
            }
            Err(error)
        }
    }
}
