//! Answers kept so that a request sent again is answered, not executed again (CON-04).
//!
//! The answer is written in the transaction that does the work: there is no moment in which the work is
//! done and the key forgotten.

use std::fmt;
use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::commit::Committed;
use super::connection::AnyConnection;
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::{Error, Result};

/// Microseconds that an answer is kept.
const LIFE: i64 = 24 * 60 * 60 * 1_000_000;

/// An answer to be kept with a commit.
pub struct Keep {
    /// Names client, request and key.
    pub hash: [u8; 32],
    /// Of the body: the same key with another body is refused.
    pub body: [u8; 32],
    /// Makes the answer from what the commit did. Runs inside the transaction: it must not wait.
    pub answer: MakeAnswer,
    /// In place of what is kept already; else that refuses the commit.
    pub replaces: bool,
}

/// Makes an answer from what a commit did.
pub type MakeAnswer = Arc<dyn Fn(&Committed) -> Result<Vec<u8>> + Send + Sync>;

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").finish_non_exhaustive()
    }
}

/// An answer that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub body: [u8; 32],
    pub answer: Vec<u8>,
    pub created: Instant,
}

/// The answer kept under a hash.
pub fn find(connection: &mut AnyConnection, hash: &[u8; 32]) -> Result<Option<Kept>> {
    let row: Option<(Vec<u8>, Vec<u8>, i64)> = Sql::<(Binary, Binary, BigInt)>::new(
        "SELECT body, answer, created FROM idempotency WHERE hash = ",
    )
    .bind_blob(hash.to_vec())
    .get_result(connection)
    .optional()?;
    row.map(|(body, answer, created)| {
        let body =
            <[u8; 32]>::try_from(body).map_err(|_| Error::internal("a stored hash is damaged"))?;
        Ok(Kept {
            body,
            answer,
            created,
        })
    })
    .transpose()
}

/// Keeps answers, and lets go of those that are too old.
pub fn insert(
    connection: &mut AnyConnection,
    kept: &[(&Keep, Vec<u8>)],
    now: Instant,
) -> Result<()> {
    if kept.is_empty() {
        return Ok(());
    }
    Sql::<()>::new("DELETE FROM idempotency WHERE created < ")
        .bind(now.saturating_sub(LIFE))
        .execute(connection)?;
    for (keep, answer) in kept {
        Sql::<()>::new("INSERT INTO idempotency (hash, body, created, answer) VALUES (")
            .bind_blob(keep.hash.to_vec())
            .push(", ")
            .bind_blob(keep.body.to_vec())
            .push(", ")
            .bind(now)
            .push(", ")
            .bind_blob(answer.clone())
            .push(") ON CONFLICT (hash) DO UPDATE SET answer = excluded.answer")
            .execute(connection)?;
    }
    Ok(())
}
