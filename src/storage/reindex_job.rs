//! The job that brings the index up to the definitions while the server runs.
//!
//! It lies in the table of jobs, so that it outlives the process that works on it. Whoever has a moment
//! takes the next batch; its transaction writes rows and position together, and renews the lease by which
//! other processes leave the job alone. When the definitions change the job begins again, over
//! everything that the index is not ready for.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde::{Deserialize, Serialize};

use super::connection::{AnyConnection, Purpose, Target, open};
use super::dialect;
use super::indexed::{self, State};
use super::reindex::{Batch, IndexedBy, Mode, Reindexed, raise_edition};
use super::sql::Sql;
use super::transaction::in_transaction;
use crate::clock::Instant;
use crate::error::{Error, Result};

/// `job.kind`.
pub const REINDEX: &str = "reindex";
/// `job.run_after` of a job that is at its end.
const NEVER: Instant = Instant::MAX;
const SECOND: Instant = 1_000_000;
/// How long a process has the job to itself after each batch.
const LEASE: Instant = 10 * SECOND;
/// A job waits so long after a change of the definitions: searches by those before are over then, and
/// what is defined one after another is indexed together.
const PAUSE: Instant = SECOND;
/// How long a job can be asked about after its end.
const KEPT: Instant = 24 * 3600 * SECOND;

/// Where a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReindexJob {
    /// The types whose resources it looks at.
    pub types: BTreeSet<String>,
    /// The type it is at, and the last resource of it that is done.
    pub at: Option<String>,
    after: String,
    /// The edition of the definitions that it works by.
    edition: i64,
    pub looked_at: u64,
    pub changed: u64,
    pub failed: u64,
    pub done: bool,
}

impl ReindexJob {
    pub fn of(types: BTreeSet<String>, edition: i64) -> Self {
        Self {
            types,
            edition,
            ..Self::default()
        }
    }

    /// Whether it looks at nothing yet, so that it can stand for one that is asked for now.
    pub fn is_waiting(&self) -> bool {
        self.at.is_none() && !self.done
    }

    /// The form in which it is stored.
    pub fn payload(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::internal("a job cannot be written down").because(error))
    }

    fn read(payload: &str) -> Result<Self> {
        serde_json::from_str(payload)
            .map_err(|error| Error::internal("a stored job is damaged").because(error))
    }

    fn restart(&mut self, edition: i64, more: BTreeSet<String>) {
        let types = std::mem::take(&mut self.types);
        *self = Self::of(types.into_iter().chain(more).collect(), edition);
    }

    /// The type after the one that is done.
    fn next_type(&self) -> Option<&String> {
        let after = self.at.as_deref().unwrap_or("");
        self.types.iter().find(|name| name.as_str() > after)
    }
}

/// Queues a job, and forgets those that ended long ago.
pub fn insert(
    connection: &mut AnyConnection,
    id: i64,
    job: &ReindexJob,
    now: Instant,
) -> Result<()> {
    Sql::<()>::new("DELETE FROM job WHERE kind = ")
        .bind_text(REINDEX.to_owned())
        .push(" AND run_after = ")
        .bind(NEVER)
        .push(" AND lease_until < ")
        .bind(now.saturating_sub(KEPT))
        .execute(connection)?;
    Sql::<()>::new(
        "INSERT INTO job (id, kind, payload, run_after, lease_until, attempts) VALUES (",
    )
    .bind(id)
    .push(", ")
    .bind_text(REINDEX.to_owned())
    .push(", ")
    .bind_text(job.payload()?)
    .push(", ")
    .bind(now.saturating_add(PAUSE))
    .push(", 0, 0)")
    .execute(connection)?;
    Ok(())
}

/// A job by its number.
pub fn find(connection: &mut AnyConnection, id: i64) -> Result<Option<ReindexJob>> {
    let payload: Option<String> = Sql::<Text>::new("SELECT payload FROM job WHERE kind = ")
        .bind_text(REINDEX.to_owned())
        .push(" AND id = ")
        .bind(id)
        .get_result(connection)
        .optional()?;
    payload.as_deref().map(ReindexJob::read).transpose()
}

/// The jobs that are not at their end, in the order in which they came.
pub fn unfinished(connection: &mut AnyConnection) -> Result<Vec<(i64, ReindexJob)>> {
    let rows: Vec<(i64, String)> =
        Sql::<(BigInt, Text)>::new("SELECT id, payload FROM job WHERE kind = ")
            .bind_text(REINDEX.to_owned())
            .push(" AND run_after < ")
            .bind(NEVER)
            .push(" ORDER BY id")
            .load(connection)?;
    rows.into_iter()
        .map(|(id, payload)| Ok((id, ReindexJob::read(&payload)?)))
        .collect()
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is nothing to do, or another process does it.
    Idle,
    /// A step was done: there may be more.
    Worked,
    /// Other definitions are in force than it was called with.
    OtherEdition,
}

/// Works on the jobs of a database, on a connection of its own.
pub struct Reindexer {
    target: Target,
    connection: Option<AnyConnection>,
    /// The lease that this process has.
    lease: Option<Instant>,
}

/// A job as its row says.
struct Taken {
    id: i64,
    job: ReindexJob,
    lease: Instant,
}

impl Reindexer {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            connection: None,
            lease: None,
        }
    }

    /// Does one step: a batch, the way to the next type, or the end of a job.
    pub fn turn(&mut self, by: &IndexedBy<'_>, now: Instant) -> Result<Turn> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => open(&self.target, Purpose::Write)?,
        };
        // A connection that failed is not used again.
        let turn = self.step(&mut connection, by, now)?;
        self.connection = Some(connection);
        Ok(turn)
    }

    fn step(
        &mut self,
        connection: &mut AnyConnection,
        by: &IndexedBy<'_>,
        now: Instant,
    ) -> Result<Turn> {
        let Some(mut taken) = self.due(connection, now)? else {
            return Ok(Turn::Idle);
        };
        if taken.job.edition != by.edition {
            return self.settle(connection, &mut taken, by, now, |connection, job| {
                let state = State::read(connection, by.dictionary, by.forms)?;
                job.restart(by.edition, state.types(by.dictionary));
                Ok(now.saturating_add(PAUSE))
            });
        }
        let batch = match &taken.job.at {
            Some(name) => {
                let type_id = by.dictionary.type_id(name)?;
                Batch::read(connection, by, type_id, &taken.job.after)?
            }
            None => None,
        };
        self.settle(connection, &mut taken, by, now, |connection, job| {
            if let Some(batch) = batch {
                let mut done = Reindexed {
                    looked_at: job.looked_at,
                    changed: job.changed,
                    failed: job.failed,
                };
                batch.write(connection, Mode::Compare, now, &mut done)?;
                (job.looked_at, job.changed, job.failed) =
                    (done.looked_at, done.changed, done.failed);
                job.after = batch.last;
                return Ok(now);
            }
            if let Some(next) = job.next_type().cloned() {
                (job.at, job.after) = (Some(next), String::new());
                return Ok(now);
            }
            job.done = true;
            let counter = dialect::counter(connection)?;
            let state = State::read(connection, by.dictionary, by.forms)?;
            indexed::replace(connection, by.dictionary, by.forms, Some(&job.types))?;
            if !state.is_ready() {
                // Every process hears that more can be searched by than before.
                raise_edition(connection, counter)?;
            }
            Ok(NEVER)
        })
    }

    /// The job to work on, unless another process does.
    fn due(&self, connection: &mut AnyConnection, now: Instant) -> Result<Option<Taken>> {
        let row: Option<(i64, String, i64)> = Sql::<(BigInt, Text, BigInt)>::new(
            "SELECT id, payload, lease_until FROM job WHERE kind = ",
        )
        .bind_text(REINDEX.to_owned())
        .push(" AND run_after <= ")
        .bind(now)
        .push(" ORDER BY id LIMIT 1")
        .get_result(connection)
        .optional()?;
        let Some((id, payload, lease)) = row else {
            return Ok(None);
        };
        // An embedded database has one process: a lease is of one that was ended.
        let free = self.target.is_sqlite() || lease <= now || self.lease == Some(lease);
        if !free {
            return Ok(None);
        }
        let job = ReindexJob::read(&payload)?;
        Ok(Some(Taken { id, job, lease }))
    }

    /// Writes a step and where the job is after it, unless somebody else took the job or changed what is
    /// defined; `step` says when the job is to go on.
    fn settle(
        &mut self,
        connection: &mut AnyConnection,
        taken: &mut Taken,
        by: &IndexedBy<'_>,
        now: Instant,
        step: impl FnOnce(&mut AnyConnection, &mut ReindexJob) -> Result<Instant>,
    ) -> Result<Turn> {
        // Never the same twice: by it a process knows its own.
        let lease = now.saturating_add(LEASE);
        let lease = lease.max(taken.lease.saturating_add(1));
        let turn = in_transaction(connection, |connection| {
            if dialect::lock_counter(connection)?.edition != by.edition {
                return Ok(Turn::OtherEdition);
            }
            let held: Option<i64> = Sql::<BigInt>::new("SELECT lease_until FROM job WHERE id = ")
                .bind(taken.id)
                .get_result(connection)
                .optional()?;
            if held != Some(taken.lease) {
                return Ok(Turn::Idle);
            }
            let run_after = step(connection, &mut taken.job)?;
            // At its end the row says when that was.
            let until = if taken.job.done { now } else { lease };
            Sql::<()>::new("UPDATE job SET payload = ")
                .bind_text(taken.job.payload()?)
                .push(", run_after = ")
                .bind(run_after)
                .push(", lease_until = ")
                .bind(until)
                .push(" WHERE id = ")
                .bind(taken.id)
                .execute(connection)?;
            Ok(Turn::Worked)
        })?;
        if turn == Turn::Worked {
            self.lease = (!taken.job.done).then_some(lease);
        }
        Ok(turn)
    }
}
