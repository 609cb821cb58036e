//! The database: versions of resources, what they are found by, documents, the audit log, jobs.
//!
//! The only room that names Diesel. It knows nothing of HTTP, callers or consent. Layout and
//! execution model are argued, with figures, in `docs/storage.md`.

pub mod admin;
mod apply;
mod backup;
mod blobs;
pub mod body;
mod cache;
mod clocks;
mod commit;
mod connection;
mod database;
mod deadline;
mod dialect;
mod dictionary;
mod document;
mod file_system;
mod flush;
mod history;
mod idempotency;
mod index_rows;
mod index_tables;
mod indexed;
mod migrate;
mod outline;
mod packages;
pub mod packing;
mod pg_tls;
mod pulse;
mod quarantine;
mod readers;
mod received;
mod reindex;
mod reindex_job;
mod resources;
mod search;
mod setting;
mod sql;
mod sweep;
mod transaction;
mod verify;
mod wanted;
mod writer;

pub use admin::Checked;
pub use backup::Carried;
pub use blobs::{BlobDraft, Upload, UploadWriter, hex};
pub use cache::{Cached, Epoch, Look};
pub use commit::{
    AuditDraft, Change, Commit, CommitError, Committed, Condition, Content, Expect, JobDraft,
    Matches, Method, Refusal, Ticket, Write, WriteOutcome, Written,
};
pub use connection::Target;
pub use database::{Database, Found, FoundOne, Options, is_outdated};
pub use dictionary::{Dictionary, EVERY};
pub use document::Document;
pub use history::{HistoryEntry, HistoryPage, Scope};
pub use idempotency::{Keep, Kept, MakeAnswer};
pub use index_rows::{Hasher, IndexRow, IndexRows, LinkRow, RangeRow, StringRow, UNDATED};
pub use indexed::Known;
pub use outline::{Listed, Outline};
pub use packages::PackageRow;
pub use pg_tls::PgTls;
pub use quarantine::Damage;
pub use received::{Received, Receiver};
pub use reindex::{Compute, IndexedBy, Mode as ReindexMode, Reindexed};
pub use reindex_job::{REINDEX, ReindexJob, Reindexer, Turn};
pub use resources::Version;
pub use search::{
    By, Clause, Direction, Explanation, Key, Like, MOST_KEYS, Page, Position, Range, Restrictions,
    Selection, Statement, Step,
};
pub use wanted::Wanted;
