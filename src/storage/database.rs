//! The database as the rooms above see it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::blobs::{BlobDraft, BlobPlace, Upload, UploadWriter, clear_uploads};
use super::cache::{Cache, Cached, Epoch, Look};
use super::clocks::ClockWatch;
use super::commit::{Commit, CommitError, Committed};
use super::connection::{AnyConnection, Purpose, Target, open, prepare_folder, warn_if_undefended};
use super::dialect::Counter;
use super::dictionary::Dictionary;
use super::document::Document;
use super::file_system::{lock_file, require_room};
use super::history::{self, HistoryEntry, HistoryPage, Scope};
use super::idempotency::{self, Kept};
use super::index_rows::{FORMAT, Hasher};
use super::quarantine::{self, Damage, Watch};
use super::readers::{Health, PointReply, Readers, wait};
use super::received::Receiver;
use super::reindex_job::{self, ReindexJob};
use super::resources::{self, Version};
use super::search::{self, FoundVersion, Page, Position, Restrictions, Selection, Step};
use super::sweep::Sweeper;
use super::transaction::{in_snapshot, in_transaction};
use super::writer::{CommitReply, Writer, stopped};
use super::{dialect, migrate, setting};
use crate::clock::{Clock, Instant};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;

/// How a database is opened.
pub struct Options {
    pub target: Target,
    /// Where documents, uploads and an embedded database live.
    pub data_dir: PathBuf,
    /// Over synthetic data only (DEV-05).
    pub dev: bool,
    /// The resource types with the codes of the parameters they are indexed by.
    pub names: Vec<(String, Vec<String>)>,
    /// Reader threads of each kind.
    pub readers: usize,
    /// Requests that may wait in each queue.
    pub waiting: usize,
    /// Time that a search or another long read may take in the database.
    pub read_limit: Duration,
    /// Bytes of resources kept ready to be sent; only an embedded database keeps any.
    pub cache_bytes: usize,
    /// Free bytes on the disk of the data directory below which the database is not ready.
    pub reserve_bytes: u64,
}

/// An open database with its threads.
pub struct Database {
    readers: Readers,
    writer: Writer,
    dictionary: Arc<Dictionary>,
    /// Whether the index has the form that this version writes.
    indexed: bool,
    cursor_key: [u8; 32],
    place: BlobPlace,
    data_dir: PathBuf,
    reserve: u64,
    cache: Option<Arc<Cache>>,
    watch: Watch,
    clock: Arc<dyn Clock>,
    clocks: Arc<ClockWatch>,
    /// Where documents are files.
    sweeper: Option<Sweeper>,
    /// Held as long as the database is open: no other process writes an embedded database.
    _lock: Option<File>,
    threads: Vec<JoinHandle<()>>,
}

/// A page of a search, with the order key of its last entry.
#[derive(Debug)]
pub struct Found {
    /// In order, each with its position.
    pub found: Vec<(Position, FoundOne)>,
    /// Where the page begins and ends among all matches.
    pub first: Option<Position>,
    pub last: Option<Position>,
    /// Whether there is more in the direction that was asked for.
    pub more: bool,
    /// The time of the latest write when the search began.
    pub until: Instant,
}

/// A found resource and its number inside the database.
#[derive(Debug)]
pub struct FoundOne {
    pub pk: i64,
    pub version: Version,
}

impl Database {
    /// Opens a database, brings its schema up to date and starts its threads.
    ///
    /// # Errors
    /// `Invalid` for a database of the other kind (dev or production), `Unavailable` when it cannot
    /// be reached or its settings would not keep the promises made to clients.
    pub fn open(options: Options, clock: Arc<dyn Clock>) -> Result<Self> {
        let lock = match &options.target {
            Target::Sqlite(path) => {
                prepare_folder(path)?;
                Some(lock_file(path)?)
            }
            Target::Postgres { .. } => None,
        };
        let cache = lock
            .as_ref()
            .map(|_| Arc::new(Cache::new(options.cache_bytes)));
        let mut connection = open(&options.target, Purpose::Write)?;
        warn_if_undefended(&mut connection)?;
        migrate::run(&mut connection)?;
        let damaged = quarantine::list(&mut connection)?.len();
        if damaged > 0 {
            tracing::warn!(
                damaged,
                "the database holds damaged bytes: see fascicolo fsck"
            );
        }
        let clocks = Arc::new(ClockWatch::default());
        clocks.compare(&mut connection, clock.now())?;
        let (dictionary, cursor_key, indexed) = in_transaction(&mut connection, |connection| {
            dialect::lock_counter(connection)?;
            setting::check_stamp(connection, options.dev)?;
            let hasher = Hasher::new(&setting::key(connection, setting::INDEX_KEY)?);
            Ok((
                Dictionary::load(connection, &options.names, hasher)?,
                setting::key(connection, "cursor-key")?,
                setting::index_format(connection, FORMAT)?,
            ))
        })?;
        clear_uploads(&options.data_dir);
        let dictionary = Arc::new(dictionary);
        let place = match &options.target {
            Target::Sqlite(_) => BlobPlace::files(&options.data_dir)?,
            Target::Postgres { .. } => BlobPlace::database(),
        };
        let (readers, mut threads) = Readers::start(
            &options.target,
            &dictionary,
            options.readers,
            options.waiting,
            options.read_limit,
        )?;
        let cannot_start = |error: std::io::Error| {
            Error::internal("a thread of the database cannot be started").because(error)
        };
        let sweeper = match &options.target {
            Target::Sqlite(_) => {
                let (target, clock) = (options.target.clone(), Arc::clone(&clock));
                let (sweeper, thread) =
                    Sweeper::start(target, place.clone(), clock).map_err(cannot_start)?;
                threads.push(thread);
                Some(sweeper)
            }
            Target::Postgres { .. } => None,
        };
        let (writer, thread) = Writer::start(
            connection,
            options.target,
            Arc::clone(&dictionary),
            Arc::clone(&clock),
            cache.clone(),
            options.waiting,
        )
        .map_err(cannot_start)?;
        threads.push(thread);
        Ok(Self {
            readers,
            writer,
            dictionary,
            indexed,
            cursor_key,
            place,
            data_dir: options.data_dir,
            reserve: options.reserve_bytes,
            cache,
            watch: Watch::default(),
            clock,
            clocks,
            sweeper,
            _lock: lock,
            threads,
        })
    }

    /// Ends the threads after what is queued. Further requests are answered `Unavailable`.
    pub fn close(self) {
        let Self {
            readers,
            writer,
            sweeper,
            threads,
            ..
        } = self;
        drop((readers, writer, sweeper));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a database thread panicked");
            }
        }
    }

    pub fn dictionary(&self) -> &Arc<Dictionary> {
        &self.dictionary
    }

    pub fn hasher(&self) -> &Hasher {
        self.dictionary.hasher()
    }

    /// The state of a job that brings the index up to date; `None` when there is none of this number.
    pub fn reindex_job(&self, id: i64) -> Result<Option<ReindexJob>> {
        self.reading(move |connection, _| reindex_job::find(connection, id))
    }

    /// Jobs of that kind which are not at an end, each with its number.
    pub fn reindex_jobs(&self) -> Result<Vec<(i64, ReindexJob)>> {
        self.reading(|connection, _| reindex_job::unfinished(connection))
    }

    /// Whether the index has the form that this version reads; else it is to be rebuilt first.
    pub fn is_indexed(&self) -> bool {
        self.indexed
    }

    /// The key that seals cursors, the same for all processes (IN-19, OPS-07).
    pub fn cursor_key(&self) -> &[u8; 32] {
        &self.cursor_key
    }

    /// Asks for the current version of a resource; the answer comes on another thread.
    pub fn read_then(&self, key: ResourceKey, reply: PointReply) {
        self.readers.point(key, reply);
    }

    /// A resource that is ready to be sent, if it is at hand.
    pub fn look(&self, key: &ResourceKey) -> Option<Look> {
        self.cache.as_ref().map(|cache| cache.look(key))
    }

    /// Keeps a resource ready to be sent; `epoch` is from the look that missed it.
    pub fn keep(&self, key: &ResourceKey, epoch: Epoch, cached: Cached) {
        if let Some(cache) = &self.cache {
            cache.keep(key, epoch, cached);
        }
    }

    /// The current version of a resource, deleted or not; `None` when it never existed.
    pub fn read(&self, key: &ResourceKey) -> Result<Option<Version>> {
        wait(|reply| self.readers.point(key.clone(), reply))
    }

    /// Applies a commit; the answer comes on the writer's thread, after the fsync.
    pub fn commit_then(&self, commit: Commit, reply: CommitReply) {
        self.writer.submit(commit, reply);
    }

    /// Applies a commit and waits until it is on disk.
    pub fn commit(&self, commit: Commit) -> std::result::Result<Committed, CommitError> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.writer.submit(
            commit,
            Box::new(move |result| {
                let _ = answer.send(result);
            }),
        );
        answered
            .recv()
            .unwrap_or_else(|_| Err(CommitError::Failed(stopped())))
    }

    /// One version of a resource.
    pub fn version(&self, key: &ResourceKey, version: i64) -> Result<Option<Version>> {
        let key = key.clone();
        self.reading(move |connection, dictionary| {
            resources::version(connection, dictionary, &key, version)
        })
    }

    /// The current versions of some keys.
    pub fn read_many(&self, keys: Vec<ResourceKey>) -> Result<Vec<Version>> {
        self.reading(move |connection, dictionary| {
            let mut found = Vec::with_capacity(keys.len());
            let keys: Vec<&ResourceKey> = keys.iter().collect();
            for chunk in keys.chunks(500) {
                found.extend(resources::current(connection, dictionary, chunk)?);
            }
            Ok(found)
        })
    }

    /// The edition of the definitions in force.
    pub fn edition(&self) -> Result<i64> {
        self.reading(|connection, _| Ok(dialect::counter(connection)?.edition))
    }

    /// A page of a search over one resource type.
    ///
    /// # Errors
    /// `Unavailable` when the clause was made by another edition of the definitions than is in force.
    pub fn search(&self, selection: Selection, page: Page) -> Result<Found> {
        self.reading(move |connection, dictionary| {
            let name = dictionary.type_name(selection.type_id())?;
            let one_more = Page {
                limit: page.limit.saturating_add(1),
                ..page.clone()
            };
            let until = began(connection, page.until, page.edition)?;
            let mut rows = search::page(connection, dictionary, &selection, &one_more)?;
            let more = rows.len() > page.limit;
            if more && page.backward {
                rows.remove(0);
            } else {
                rows.truncate(page.limit);
            }
            let ends = (
                rows.first().map(|row| row.position.clone()),
                rows.last().map(|row| row.position.clone()),
            );
            let found = rows
                .into_iter()
                .map(|row| {
                    let one = FoundOne {
                        pk: row.position.pk,
                        version: found_version(name, row.version)?,
                    };
                    Ok((row.position, one))
                })
                .collect::<Result<_>>()?;
            Ok(Found {
                found,
                first: ends.0,
                last: ends.1,
                more,
                until,
            })
        })
    }

    /// Refuses to go on when another edition of the definitions is in force.
    pub fn check_edition(&self, edition: i64) -> Result<()> {
        self.reading(move |connection, _| {
            check_edition(&dialect::counter(connection)?, Some(edition))
        })
    }

    /// How many resources a search matches.
    pub fn count(&self, selection: Selection) -> Result<i64> {
        self.reading(move |connection, dictionary| {
            search::count(connection, dictionary, &selection)
        })
    }

    /// The numbers of the resources that a step along references leads to, at most `limit`.
    pub fn reached(&self, from: Vec<i64>, step: Step, limit: usize) -> Result<Vec<i64>> {
        self.reading(move |connection, _| search::reached(connection, &from, &step, limit))
    }

    /// Current resources by number, of those that may be known of.
    pub fn by_number(&self, pks: Vec<i64>, restrictions: &Restrictions) -> Result<Vec<FoundOne>> {
        let restrictions = restrictions.clone();
        self.reading(move |connection, dictionary| {
            search::by_number(connection, &pks, &restrictions)?
                .into_iter()
                .map(|(type_id, pk, row)| {
                    Ok(FoundOne {
                        pk,
                        version: found_version(dictionary.type_name(type_id)?, row)?,
                    })
                })
                .collect()
        })
    }

    /// A page of a history, and how many versions it has in all, where that is cheap to tell.
    ///
    /// Of a resource whose current version may not be known of no version may, nor of a deleted one where
    /// its type is restricted.
    pub fn history(
        &self,
        scope: Scope,
        page: HistoryPage,
        restrictions: &Restrictions,
    ) -> Result<(Vec<HistoryEntry>, Option<i64>)> {
        let restrictions = restrictions.clone();
        self.reading(move |connection, dictionary| {
            // Of one state: a write moves a version from one table to the other.
            in_snapshot(connection, |connection| {
                let scoped = history::Scoped::new(connection, dictionary, &scope, &restrictions)?;
                let entries = history::page(connection, dictionary, &scoped, &page)?;
                let is_all = page.beyond.is_none() && entries.len() < page.limit;
                let total = match is_all {
                    true => i64::try_from(entries.len()).ok(),
                    false => history::count(connection, &scoped, &page)?,
                };
                Ok((entries, total))
            })
        })
    }

    /// The answer kept for a request that was sent before.
    pub fn kept(&self, hash: [u8; 32]) -> Result<Option<Kept>> {
        self.reading(move |connection, _| idempotency::find(connection, &hash))
    }

    /// Begins to receive a body that may be too much for memory.
    pub fn receive(&self) -> Receiver {
        Receiver::new(&self.data_dir)
    }

    /// Opens an upload, to be hashed while it is written.
    pub fn upload(&self) -> Result<UploadWriter> {
        UploadWriter::create(&self.data_dir, self.place.folder().is_some())
    }

    /// Brings an upload to where a commit can insert it.
    pub fn stage(&self, upload: Arc<Upload>) -> Result<BlobDraft> {
        self.place.stage(upload)
    }

    /// A document, found whole, to be read piece by piece.
    ///
    /// # Errors
    /// As [`Database::blob`].
    pub fn document(&self, sha256: [u8; 32]) -> Result<Document> {
        let read = Document::open(&self.place, &self.readers, sha256);
        self.watched(read, || Damage::Document(sha256))
    }

    /// The bytes of a document, verified.
    ///
    /// # Errors
    /// `Damaged` when they are missing or others; they are in quarantine then.
    pub fn blob(&self, sha256: [u8; 32]) -> Result<Vec<u8>> {
        let read = Document::whole(&self.place, &self.readers, sha256);
        self.watched(read, || Damage::Document(sha256))
    }

    /// The whole resource of a version as JSON bytes, verified.
    ///
    /// # Errors
    /// `Damaged` when they are others than were written; they are in quarantine then.
    pub fn json(&self, version: &Version) -> Result<Vec<u8>> {
        self.watched(version.json(), || Damage::Version {
            key: version.key.clone(),
            version: version.version,
        })
    }

    /// How often damage was met since the start.
    pub fn damage_met(&self) -> u64 {
        self.watch.met()
    }

    /// Counts and remembers damage, and tells the operator.
    fn watched<T>(&self, read: Result<T>, damage: impl FnOnce() -> Damage) -> Result<T> {
        if matches!(&read, Err(error) if error.kind() == Kind::Damaged) {
            let damage = damage();
            if self.watch.meet(&damage) {
                tracing::error!(%damage, "stored bytes are damaged and not served");
                let commit = Commit {
                    damaged: vec![damage],
                    ..Commit::default()
                };
                // Nobody waits for it: the next one who meets it tells it again.
                self.writer.submit(commit, Box::new(drop));
            }
        }
        read
    }

    /// Whether there is room on the disk, the clock can be right, the database answers readers and gives
    /// the writer its lock.
    ///
    /// Of threads at work it is known that they work: nothing waits behind them. Idle ones are asked.
    pub fn ready(&self) -> Result<()> {
        require_room(&self.data_dir, self.reserve)?;
        let idle = !self.readers.pulse().is_fresh();
        if idle || self.clocks.is_stale() {
            let (answer, answered) = crossbeam_channel::bounded(1);
            let (clock, clocks) = (Arc::clone(&self.clock), Arc::clone(&self.clocks));
            self.readers.task(Box::new(move |lent| {
                let found =
                    lent.and_then(|(connection, _)| clocks.compare(connection, clock.now()));
                let health = Health::of(&found);
                let _ = answer.send(found);
                health
            }));
            if idle {
                answered
                    .recv_timeout(PROBE)
                    .unwrap_or_else(|_| Err(stuck("readers")))?;
            }
        }
        self.clocks.verdict()?;
        if self.writer.pulse().is_fresh() {
            return Ok(());
        }
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.writer.submit(
            Commit::default(),
            Box::new(move |result| {
                let _ = answer.send(result.map(drop));
            }),
        );
        match answered.recv_timeout(PROBE) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(CommitError::Failed(error))) => Err(error),
            Ok(Err(CommitError::Refused(_))) => Err(Error::internal("an empty commit was refused")),
            Err(_) => Err(stuck("the writer")),
        }
    }

    /// Brings everything from the log into the database file: for the end, when nobody writes.
    pub fn settle(&self) -> Result<()> {
        self.reading(|connection, _| dialect::settle(connection))
    }

    /// Runs a piece of reading on a reader's thread and waits for it.
    pub(super) fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut AnyConnection, &Dictionary) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(read)
    }
}

/// How long a probe waits for a thread that has given no sign of life.
const PROBE: Duration = Duration::from_secs(2);

fn stuck(who: &str) -> Error {
    Error::of(
        Kind::Unavailable,
        format!("no answer from {who} of the database"),
    )
}

/// The latest write that a search may find, asked before it: what is written meanwhile is not looked for on
/// later pages.
pub(super) fn began(
    connection: &mut AnyConnection,
    until: Option<Instant>,
    edition: Option<i64>,
) -> Result<Instant> {
    if let (Some(until), None) = (until, edition) {
        return Ok(until);
    }
    let counter = dialect::counter(connection)?;
    check_edition(&counter, edition)?;
    Ok(until.unwrap_or(counter.stamp))
}

/// A search by definitions that are no longer in force could find rows made by others.
fn check_edition(counter: &Counter, edition: Option<i64>) -> Result<()> {
    if edition.is_none_or(|edition| edition == counter.edition) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Unavailable,
        OUTDATED,
        "the search parameters have just changed; try again",
    )
    .retry_after(1))
}

/// The code of the issue by which a search by an earlier edition is told from an overload.
const OUTDATED: &str = "conflict";

/// Whether something was refused because other definitions are in force than it was made by.
pub fn is_outdated(error: &Error) -> bool {
    error.kind() == Kind::Unavailable && error.issues().iter().any(|issue| issue.code == OUTDATED)
}

fn found_version(resource_type: &str, row: FoundVersion) -> Result<Version> {
    let (id, version, last_updated, method, body, blob) = row;
    Ok(Version {
        key: ResourceKey::new(resource_type, id),
        version,
        last_updated,
        method: super::commit::Method::from_code(method),
        deleted: false,
        body,
        blob: resources::sha256_column(blob)?,
    })
}
