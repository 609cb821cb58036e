//! Writes as values.
//!
//! A use case describes everything that shall happen in one [`Commit`]; the writer applies it in
//! one transaction, or refuses it as a whole. Preconditions are decided there, against the state
//! the transaction sees, so that what was true when a use case looked must still be true.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::Instant;
use crate::error::Error;
use crate::fhir::model::key::ResourceKey;

use super::blobs::BlobDraft;
use super::idempotency::Keep;
use super::index_rows::IndexRows;
use super::quarantine::Damage;
use super::search::Selection;

/// All that one request changes: applied as a whole or not at all.
#[derive(Debug, Default)]
pub struct Commit {
    pub writes: Vec<Write>,
    pub conditions: Vec<Condition>,
    /// The audit record written in the same transaction.
    pub audit: Option<AuditDraft>,
    pub jobs: Vec<JobDraft>,
    pub blobs: Vec<BlobDraft>,
    /// What was found damaged, to be remembered.
    pub damaged: Vec<Damage>,
    /// The answer to be kept for a request that may be sent again.
    pub keep: Option<Keep>,
    pub ticket: Ticket,
    /// The edition of the definitions that index rows and conditions were made by; refused when another
    /// is in force. `None` depends on none.
    pub edition: Option<i64>,
    /// Whether it changes what is defined: another edition is in force after it.
    pub defines: bool,
}

/// The right to decide about a commit that waits. Whoever takes it first decides: the writer begins, or
/// the one who waits gives up. So a write is done as a whole or not at all, and who gave up knows which.
#[derive(Clone, Debug, Default)]
pub struct Ticket(Arc<AtomicBool>);

impl Ticket {
    /// Takes the ticket; false when it is taken already.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// One change of one resource.
#[derive(Debug)]
pub struct Write {
    pub key: ResourceKey,
    pub expect: Expect,
    pub change: Change,
}

/// What must be true of the resource for the write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: create it or replace what is there.
    Anything,
    /// It does not exist and never did.
    New,
    /// It exists, deleted or not (an update that may not create).
    Known,
    /// Its current version is this one (`If-Match`).
    Version(i64),
}

#[derive(Debug)]
pub enum Change {
    Put(Content),
    Delete,
}

/// The new version of a resource, prepared outside the transaction.
#[derive(Debug)]
pub struct Content {
    /// The resource after its head, compressed: see [`super::body`].
    pub body: Vec<u8>,
    /// SHA-256 of the document bytes that belong to it.
    pub blob: Option<[u8; 32]>,
    pub rows: IndexRows,
    pub method: Method,
    /// Whether it is in force as a definition, as long as it is the current version.
    pub defines: bool,
    /// Write nothing when the current version has the same content.
    pub unless_equal: bool,
}

/// How a version came to be; `Bundle.entry.request.method` of a history entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn code(self) -> i64 {
        match self {
            Method::Post => 1,
            Method::Put => 2,
            Method::Patch => 3,
            Method::Delete => 4,
        }
    }

    pub fn from_code(code: i64) -> Self {
        match code {
            1 => Method::Post,
            3 => Method::Patch,
            4 => Method::Delete,
            _ => Method::Put,
        }
    }

    /// The HTTP verb.
    pub fn verb(self) -> &'static str {
        match self {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// What a search must still find when the commit is applied.
#[derive(Debug)]
pub struct Condition {
    pub selection: Selection,
    pub expect: Matches,
    /// For conditional creates: SHA-256 of the criteria, claimed by the write at this index.
    pub claim: Option<([u8; 32], usize)>,
}

/// How many current resources match, as far as a use case relied on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matches {
    None,
    /// Exactly one, with this logical id.
    Only(String),
    /// Exactly these logical ids, in any order.
    These(Vec<String>),
}

impl Matches {
    /// How many resources are expected.
    pub(super) fn count(&self) -> usize {
        match self {
            Matches::None => 0,
            Matches::Only(_) => 1,
            Matches::These(ids) => ids.len(),
        }
    }

    /// Whether these ids, each once, are the ones expected.
    pub(super) fn are(&self, found: &[String]) -> bool {
        found.len() == self.count()
            && match self {
                Matches::None => true,
                Matches::Only(id) => found.contains(id),
                Matches::These(ids) => ids.iter().all(|id| found.contains(id)),
            }
    }
}

/// An audit record to be: content without sequence and time, which the commit gives.
#[derive(Clone, Debug)]
pub struct AuditDraft {
    pub content: String,
}

/// Work to be queued with the commit.
#[derive(Clone, Debug)]
pub struct JobDraft {
    pub kind: &'static str,
    pub payload: String,
    pub run_after: Instant,
}

/// What came of a commit, write by write.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    pub writes: Vec<Written>,
    /// The numbers of its jobs.
    pub jobs: Vec<i64>,
    /// The edition of the definitions in force after it.
    pub edition: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub outcome: WriteOutcome,
    /// The version that is current now.
    pub version: i64,
    pub last_updated: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    Created,
    Updated,
    /// Same content as before: no new version.
    Unchanged,
    Deleted,
    /// Was deleted already, or never existed.
    NothingToDelete,
}

/// Why a commit did not happen. Nothing of it was written.
#[derive(Debug)]
pub enum CommitError {
    /// A precondition does not hold.
    Refused(Refusal),
    Failed(Error),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `Expect::New`, and the id is taken.
    Exists { write: usize },
    /// `Expect::Known`, and there is nothing; or `Expect::Version` and there is nothing.
    Missing { write: usize },
    /// `Expect::Version`, and another one is current.
    OtherVersion { write: usize, found: i64 },
    /// A condition does not hold any more: look again and build the commit anew.
    ConditionChanged { condition: usize },
    /// The definitions have changed: build the commit anew by those in force.
    OtherEdition,
    /// A request with the same Idempotency-Key was faster: its answer is kept.
    Repeated,
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        CommitError::Failed(error)
    }
}

impl From<diesel::result::Error> for CommitError {
    fn from(error: diesel::result::Error) -> Self {
        CommitError::Failed(error.into())
    }
}
