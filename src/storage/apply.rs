//! One transaction for many commits.
//!
//! The commits of a group are decided in order against a picture of the rows they touch, loaded
//! with one statement and kept current in memory; what results is written with a few statements of
//! many rows. A commit whose precondition fails leaves no trace in the picture, so the others of
//! its group go on. Reading the counter first lets groups of several processes queue behind one
//! another: every decision sees the committed state, and nothing changes under it.

use std::collections::{BTreeMap, HashMap};

use diesel::connection::{Connection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Text};

use super::blobs;
use super::commit::{
    Change, Commit, CommitError, Committed, Condition, Expect, JobDraft, Method, Refusal, Write,
    WriteOutcome, Written,
};
use super::connection::AnyConnection;
use super::dialect::{self, Counter};
use super::dictionary::Dictionary;
use super::flush;
use super::idempotency::{self, Keep};
use super::index_rows::IndexRows;
use super::packing;
use super::quarantine::Damage;
use super::search;
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;

/// What the transaction ended with.
pub enum Group {
    /// Written and on disk; one answer per commit, in order.
    Done(Vec<std::result::Result<Committed, CommitError>>),
    /// Nothing was written.
    RolledBack(Error),
    /// The connection broke while the transaction was being ended: nobody knows.
    Unknown(Error),
}

/// Applies a group of commits in one transaction.
pub fn apply(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    now: Instant,
    commits: &[Commit],
) -> Group {
    if let Err(error) = dialect::begin(connection) {
        return Group::RolledBack(error);
    }
    match write_all(connection, dictionary, now, commits) {
        Err(error) => {
            rollback(connection);
            Group::RolledBack(error)
        }
        Ok(answers) => match end(connection) {
            Ok(()) => Group::Done(answers),
            // What finds no space has not been written, the mark of the commit least of all.
            Err(error) if error.kind() == Kind::Full => Group::RolledBack(error),
            Err(error) => Group::Unknown(error),
        },
    }
}

fn end(connection: &mut AnyConnection) -> Result<()> {
    type Manager = <AnyConnection as Connection>::TransactionManager;
    <Manager as TransactionManager<AnyConnection>>::commit_transaction(connection)?;
    Ok(())
}

fn rollback(connection: &mut AnyConnection) {
    type Manager = <AnyConnection as Connection>::TransactionManager;
    if let Err(error) =
        <Manager as TransactionManager<AnyConnection>>::rollback_transaction(connection)
    {
        tracing::warn!(%error, "rollback failed");
    }
}

fn write_all(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    now: Instant,
    commits: &[Commit],
) -> Result<Vec<std::result::Result<Committed, CommitError>>> {
    let counter = dialect::lock_counter(connection)?;
    let Counter { seq, stamp, .. } = counter;
    let mut picture = Picture {
        dictionary,
        next_seq: seq.saturating_add(1),
        next_stamp: now.max(stamp.saturating_add(1)),
        edition: counter.edition,
        keys: HashMap::new(),
        states: Vec::new(),
        journal: Vec::new(),
    };
    picture.load(connection, commits)?;
    let mut out = Outgoing::default();
    let mut answers = Vec::with_capacity(commits.len());
    for commit in commits {
        answers.push(picture.decide(connection, commit, &mut out)?);
    }
    flush::write(
        connection,
        dictionary,
        &picture.states,
        &out,
        picture.next_stamp,
    )?;
    let last = Counter {
        seq: picture.next_seq.saturating_sub(1),
        stamp: picture.next_stamp.saturating_sub(1).max(stamp),
        edition: picture.edition,
    };
    if last.seq > seq {
        dialect::raise_counter(connection, last)?;
    }
    Ok(answers)
}

/// The rows a group touches, as they are at this point of the group.
struct Picture<'a> {
    dictionary: &'a Dictionary,
    next_seq: i64,
    next_stamp: Instant,
    /// Of the definitions.
    edition: i64,
    keys: HashMap<(i64, &'a str), usize>,
    states: Vec<State<'a>>,
    /// States as they were before the commit being decided changed them.
    journal: Vec<(usize, State<'a>)>,
}

#[derive(Clone)]
pub(super) struct State<'a> {
    pub(super) type_id: i64,
    pub(super) id: &'a str,
    pub(super) pk: i64,
    /// 0: never existed.
    pub(super) version: i64,
    pub(super) deleted: bool,
    /// The packed index rows in the database; `None` when the row is not there.
    pub(super) stored: Option<Vec<u8>>,
    /// The new current version, when this group makes one.
    pub(super) pending: Option<Pending<'a>>,
    /// Versions made and replaced within this group.
    pub(super) passed: Vec<Pending<'a>>,
}

#[derive(Clone)]
pub(super) struct Pending<'a> {
    pub(super) version: i64,
    pub(super) seq: i64,
    pub(super) stamp: Instant,
    pub(super) write: &'a Write,
}

impl Pending<'_> {
    pub(super) fn method(&self) -> Method {
        match &self.write.change {
            Change::Put(content) => content.method,
            Change::Delete => Method::Delete,
        }
    }

    pub(super) fn deleted(&self) -> bool {
        matches!(self.write.change, Change::Delete)
    }

    pub(super) fn body(&self) -> Vec<u8> {
        match &self.write.change {
            Change::Put(content) => content.body.clone(),
            Change::Delete => Vec::new(),
        }
    }

    pub(super) fn blob(&self) -> Option<Vec<u8>> {
        match &self.write.change {
            Change::Put(content) => content.blob.map(|sha256| sha256.to_vec()),
            Change::Delete => None,
        }
    }

    pub(super) fn rows(&self) -> Option<&IndexRows> {
        match &self.write.change {
            Change::Put(content) => Some(&content.rows),
            Change::Delete => None,
        }
    }
}

/// Rows that do not hang on the state of a resource.
#[derive(Default)]
pub(super) struct Outgoing<'a> {
    pub(super) audit: Vec<(i64, Instant, &'a str)>,
    pub(super) jobs: Vec<(i64, &'a JobDraft)>,
    pub(super) blobs: Vec<&'a blobs::BlobDraft>,
    pub(super) damaged: Vec<&'a Damage>,
    pub(super) claims: BTreeMap<[u8; 32], i64>,
    pub(super) stale_claims: Vec<[u8; 32]>,
    pub(super) kept: Vec<(&'a Keep, Vec<u8>)>,
}

impl<'a> Picture<'a> {
    fn load(&mut self, connection: &mut AnyConnection, commits: &'a [Commit]) -> Result<()> {
        let mut wanted: Vec<(i64, &'a str)> = Vec::new();
        for write in commits.iter().flat_map(|commit| &commit.writes) {
            let type_id = self.dictionary.type_id(&write.key.resource_type)?;
            let key = (type_id, write.key.id.as_str());
            if self.keys.contains_key(&key) {
                continue;
            }
            self.keys.insert(key, self.states.len());
            self.states.push(State {
                type_id,
                id: key.1,
                pk: 0,
                version: 0,
                deleted: false,
                stored: None,
                pending: None,
                passed: Vec::new(),
            });
            wanted.push(key);
        }
        for chunk in wanted.chunks(400) {
            for row in dialect::load_states(connection, chunk)? {
                let found = self.keys.get(&(row.0, row.1.as_str())).copied();
                if let Some(state) = found.and_then(|index| self.states.get_mut(index)) {
                    (state.pk, state.version, state.deleted) = (row.2, row.3, row.4);
                    state.stored = Some(row.5);
                }
            }
        }
        Ok(())
    }

    fn index_of(&self, key: &ResourceKey) -> Result<usize> {
        let type_id = self.dictionary.type_id(&key.resource_type)?;
        self.keys
            .get(&(type_id, key.id.as_str()))
            .copied()
            .ok_or_else(|| Error::internal("a written key is not in the picture"))
    }

    /// Decides one commit. `Err` is a failure of the database, which ends the group.
    fn decide(
        &mut self,
        connection: &mut AnyConnection,
        commit: &'a Commit,
        out: &mut Outgoing<'a>,
    ) -> Result<std::result::Result<Committed, CommitError>> {
        self.journal.clear();
        let (seq, stamp) = (self.next_seq, self.next_stamp);
        if commit
            .edition
            .is_some_and(|made_by| made_by != self.edition)
        {
            return Ok(Err(CommitError::Refused(Refusal::OtherEdition)));
        }
        let refused = |picture: &mut Self, refusal: Refusal| {
            picture.restore(seq, stamp);
            Ok(Err(CommitError::Refused(refusal)))
        };

        if let Some(keep) = &commit.keep {
            let in_group = out.kept.iter().any(|(other, _)| other.hash == keep.hash);
            let known = in_group || idempotency::find(connection, &keep.hash)?.is_some();
            if known && !keep.replaces {
                return refused(self, Refusal::Repeated);
            }
        }
        for (index, condition) in commit.conditions.iter().enumerate() {
            if !self.holds(connection, condition)? {
                return refused(self, Refusal::ConditionChanged { condition: index });
            }
        }
        let mut writes = Vec::with_capacity(commit.writes.len());
        for (index, write) in commit.writes.iter().enumerate() {
            match self.one(connection, index, write)? {
                Ok(written) => writes.push(written),
                Err(refusal) => return refused(self, refusal),
            }
        }
        let changed = self.next_seq != seq;
        let audit = commit.audit.as_ref().map(|audit| {
            let (seq, stamp) = if changed {
                (
                    self.next_seq.saturating_sub(1),
                    self.next_stamp.saturating_sub(1),
                )
            } else {
                self.tick()
            };
            (seq, stamp, audit.content.as_str())
        });
        let jobs = commit.jobs.iter().map(|job| (self.tick().0, job));
        let jobs: Vec<(i64, &JobDraft)> = jobs.collect();
        let defined = i64::from(commit.defines && changed);
        let committed = Committed {
            writes,
            jobs: jobs.iter().map(|(id, _)| *id).collect(),
            edition: self.edition.saturating_add(defined),
        };
        if let Some(keep) = &commit.keep {
            match (keep.answer)(&committed) {
                Ok(answer) => out.kept.push((keep, answer)),
                Err(error) => {
                    self.restore(seq, stamp);
                    return Ok(Err(CommitError::Failed(error)));
                }
            }
        }
        self.claim(connection, commit, out)?;

        out.audit.extend(audit);
        out.jobs.extend(jobs);
        self.edition = committed.edition;
        out.blobs.extend(&commit.blobs);
        out.damaged.extend(&commit.damaged);
        Ok(Ok(committed))
    }

    /// Takes back what the commit being decided has changed.
    fn restore(&mut self, seq: i64, stamp: Instant) {
        for (index, state) in self.journal.drain(..).rev() {
            if let Some(place) = self.states.get_mut(index) {
                *place = state;
            }
        }
        (self.next_seq, self.next_stamp) = (seq, stamp);
    }

    /// The next sequence number and its time; times rise with the sequence.
    fn tick(&mut self) -> (i64, Instant) {
        let now = (self.next_seq, self.next_stamp);
        self.next_seq = self.next_seq.saturating_add(1);
        self.next_stamp = self.next_stamp.saturating_add(1);
        now
    }

    fn one(
        &mut self,
        connection: &mut AnyConnection,
        index: usize,
        write: &'a Write,
    ) -> Result<std::result::Result<Written, Refusal>> {
        let at = self.index_of(&write.key)?;
        let Some(state) = self.states.get(at).cloned() else {
            return Err(Error::internal("a state is missing"));
        };
        let exists = state.version > 0;
        match write.expect {
            Expect::New if exists => return Ok(Err(Refusal::Exists { write: index })),
            Expect::Known | Expect::Version(_) if !exists => {
                return Ok(Err(Refusal::Missing { write: index }));
            }
            Expect::Version(version) if version != state.version || state.deleted => {
                return Ok(Err(Refusal::OtherVersion {
                    write: index,
                    found: state.version,
                }));
            }
            _ => {}
        }
        let unchanged = |outcome, last_updated| Written {
            outcome,
            version: state.version,
            last_updated,
        };
        match &write.change {
            Change::Delete if !exists || state.deleted => {
                return Ok(Ok(unchanged(
                    WriteOutcome::NothingToDelete,
                    self.next_stamp,
                )));
            }
            Change::Put(content) if content.unless_equal && exists && !state.deleted => {
                let current = match &state.pending {
                    Some(pending) => Some((pending.body(), pending.blob(), pending.stamp)),
                    None => current_body(connection, state.pk)?,
                };
                if let Some((body, blob, last_updated)) = current
                    && packing::same(&body, &content.body)
                    && blob.as_deref() == content.blob.as_ref().map(|sha256| &sha256[..])
                {
                    return Ok(Ok(unchanged(WriteOutcome::Unchanged, last_updated)));
                }
            }
            _ => {}
        }

        let (seq, stamp) = self.tick();
        let pending = Pending {
            version: state.version.saturating_add(1),
            seq,
            stamp,
            write,
        };
        let outcome = match (&write.change, exists && !state.deleted) {
            (Change::Delete, _) => WriteOutcome::Deleted,
            (Change::Put(_), true) => WriteOutcome::Updated,
            (Change::Put(_), false) => WriteOutcome::Created,
        };
        let written = Written {
            outcome,
            version: pending.version,
            last_updated: stamp,
        };
        if let Some(place) = self.states.get_mut(at) {
            if place.pk == 0 {
                // The number of its first write identifies a resource inside the database.
                place.pk = seq;
            }
            place.version = pending.version;
            place.deleted = pending.deleted();
            if let Some(before) = place.pending.replace(pending) {
                place.passed.push(before);
            }
        }
        self.journal.push((at, state));
        Ok(Ok(written))
    }

    /// Whether a condition holds on the database and on what the group has changed so far.
    fn holds(&self, connection: &mut AnyConnection, condition: &Condition) -> Result<bool> {
        let matches = self.matching(connection, condition)?;
        Ok(condition.expect.are(&matches))
    }

    fn matching(
        &self,
        connection: &mut AnyConnection,
        condition: &Condition,
    ) -> Result<Vec<String>> {
        let selection = &condition.selection;
        let type_id = selection.type_id();
        let touched: HashMap<&str, &State<'a>> = self
            .states
            .iter()
            .filter(|state| state.type_id == type_id && state.pending.is_some())
            .map(|state| (state.id, state))
            .collect();
        // One more than expected is enough to tell, even if those touched here are among the first.
        let wanted = condition.expect.count().saturating_add(1);
        let limit = touched.len().saturating_add(wanted);
        let mut found = search::ids(connection, self.dictionary, selection, limit)?;
        found.retain(|id| !touched.contains_key(id.as_str()));
        for (id, state) in touched {
            if let Some(pending) = &state.pending
                && let Some(rows) = pending.rows()
                && selection.matches(id, pending.stamp, rows)
            {
                found.push(id.to_owned());
            }
        }
        Ok(found)
    }

    fn claim(
        &mut self,
        connection: &mut AnyConnection,
        commit: &'a Commit,
        out: &mut Outgoing<'a>,
    ) -> Result<()> {
        for (hash, write) in commit.conditions.iter().filter_map(|c| c.claim) {
            let Some(write) = commit.writes.get(write) else {
                return Err(Error::internal("a claim names a write that is not there"));
            };
            let pk = self
                .index_of(&write.key)
                .map(|at| self.states.get(at).map_or(0, |s| s.pk))?;
            // The search found nothing, so an older claim belongs to a resource that is gone or has changed.
            let older: Option<i64> = Sql::<BigInt>::new("SELECT pk FROM claim WHERE hash = ")
                .bind_blob(hash.to_vec())
                .get_result(connection)
                .optional()?;
            if older.is_some() {
                out.stale_claims.push(hash);
            }
            out.claims.insert(hash, pk);
        }
        Ok(())
    }
}

/// Compressed tail, document and time of the current version.
type Current = (Vec<u8>, Option<Vec<u8>>, Instant);

fn current_body(connection: &mut AnyConnection, pk: i64) -> Result<Option<Current>> {
    use diesel::sql_types::Nullable;
    let row = Sql::<(Binary, Nullable<Binary>, BigInt)>::new(
        "SELECT body, blob, last_updated FROM resource WHERE pk = ",
    )
    .bind(pk)
    .get_result(connection)
    .optional()?;
    Ok(row)
}

/// What `load_states` returns: type, id, pk, version, deleted, packed index rows.
pub type StateRow = (i64, String, i64, i64, bool, Vec<u8>);
/// The SQL types of a [`StateRow`].
pub type StateSql = (BigInt, Text, BigInt, BigInt, Bool, Binary);
