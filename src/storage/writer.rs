//! The writer: one thread that owns the writing connection and groups what waits for it.
//!
//! While one group is on its way to the disk the next one gathers, so that one fsync serves as many
//! commits as arrived meanwhile. A group that fails as a whole is replayed one by one, so that
//! only the guilty fails; unless nobody can know whether it was written.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::apply::{Group, apply};
use super::cache::Cache;
use super::commit::{Commit, CommitError, Committed};
use super::connection::{AnyConnection, Purpose, Target, open};
use super::dialect;
use super::dictionary::Dictionary;
use super::file_system::stop_at_once;
use super::pulse::Pulse;
use crate::clock::Clock;
use crate::error::{Error, Kind};

/// Commits in one group at the most.
const GROUP: usize = 256;
/// After this time without an order the log is emptied.
const QUIET: Duration = Duration::from_secs(1);
/// Resources in one group at the most: a large import goes alone.
const GROUP_WRITES: usize = 2_000;

/// Takes the answer to a commit; called on the writer's thread, so it must be brief.
pub type CommitReply = Box<dyn FnOnce(Result<Committed, CommitError>) + Send>;

struct Order {
    commit: Commit,
    reply: CommitReply,
}

/// The way to the writer. Dropping the last one ends it after what is queued.
#[derive(Clone)]
pub struct Writer {
    queue: Sender<Order>,
    pulse: Arc<Pulse>,
}

impl Writer {
    /// Starts the writer on a connection of its own.
    pub fn start(
        connection: AnyConnection,
        target: Target,
        dictionary: Arc<Dictionary>,
        clock: Arc<dyn Clock>,
        cache: Option<Arc<Cache>>,
        waiting: usize,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, orders) = bounded(waiting);
        let pulse = Arc::new(Pulse::default());
        let desk = Desk {
            connection: Some(connection),
            target,
            dictionary,
            clock,
            cache,
            unsettled: false,
            pulse: Arc::clone(&pulse),
        };
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || desk.serve(&orders))?;
        Ok((Self { queue, pulse }, thread))
    }

    /// When something was last written.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Hands a commit over. When the queue is full the answer is `Unavailable` at once.
    pub fn submit(&self, commit: Commit, reply: CommitReply) {
        match self.queue.try_send(Order { commit, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(order)) => (order.reply)(Err(overloaded().into())),
            Err(TrySendError::Disconnected(order)) => (order.reply)(Err(stopped().into())),
        }
    }
}

/// What a full queue answers.
pub fn overloaded() -> Error {
    Error::of(
        Kind::Unavailable,
        "too much work is waiting for the database; try again",
    )
    .retry_after(1)
}

/// What a queue answers whose thread has ended.
pub fn stopped() -> Error {
    Error::of(Kind::Unavailable, "the server is stopping").retry_after(5)
}

struct Desk {
    connection: Option<AnyConnection>,
    target: Target,
    dictionary: Arc<Dictionary>,
    clock: Arc<dyn Clock>,
    cache: Option<Arc<Cache>>,
    /// Something was written that may still be in SQLite's log alone.
    unsettled: bool,
    pulse: Arc<Pulse>,
}

impl Desk {
    fn serve(mut self, orders: &Receiver<Order>) {
        let mut waiting: Option<Order> = None;
        loop {
            let Some(first) = waiting.take().or_else(|| self.next(orders)) else {
                return;
            };
            // Whoever waited for it has gone.
            if !first.commit.ticket.take() {
                continue;
            }
            let mut writes = first.commit.writes.len();
            let (mut commits, mut replies) = (vec![first.commit], vec![first.reply]);
            while commits.len() < GROUP {
                let Ok(order) = orders.try_recv() else {
                    break;
                };
                writes = writes.saturating_add(order.commit.writes.len());
                if writes > GROUP_WRITES {
                    waiting = Some(order);
                    break;
                }
                if !order.commit.ticket.take() {
                    continue;
                }
                commits.push(order.commit);
                replies.push(order.reply);
            }
            for (reply, answer) in replies.into_iter().zip(self.group(&commits)) {
                reply(answer);
            }
        }
    }

    /// Waits for an order; `None` when there will be no more.
    fn next(&mut self, orders: &Receiver<Order>) -> Option<Order> {
        if self.unsettled {
            match orders.recv_timeout(QUIET) {
                Ok(order) => return Some(order),
                Err(RecvTimeoutError::Timeout) => self.settle(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        orders.recv().ok()
    }

    /// Empties the log in a quiet moment, so that readers need not look there and a start after a
    /// crash is short (DUR-02).
    fn settle(&mut self) {
        self.unsettled = false;
        let Some(connection) = &mut self.connection else {
            return;
        };
        if let Err(error) = dialect::settle_what_is_quiet(connection) {
            tracing::warn!(%error, "the log of the database cannot be emptied");
            if failed_sync(&error) {
                stop_at_once(&error);
            }
        }
    }

    fn group(&mut self, commits: &[Commit]) -> Vec<Result<Committed, CommitError>> {
        match self.apply(commits) {
            Group::Done(answers) => answers,
            Group::RolledBack(error) if commits.len() == 1 => vec![Err(error.into())],
            Group::RolledBack(error) => {
                tracing::warn!(%error, commits = commits.len(), "a group failed and is replayed one by one");
                commits.iter().map(|commit| self.alone(commit)).collect()
            }
            Group::Unknown(error) => {
                tracing::error!(%error, "the end of a group is unknown");
                commits.iter().map(|_| Err(unknown().into())).collect()
            }
        }
    }

    fn alone(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        match self.apply(std::slice::from_ref(commit)) {
            Group::Done(answers) => answers
                .into_iter()
                .next()
                .unwrap_or_else(|| Err(Error::internal("a commit has no answer").into())),
            Group::RolledBack(error) => Err(error.into()),
            Group::Unknown(_) => Err(unknown().into()),
        }
    }

    fn apply(&mut self, commits: &[Commit]) -> Group {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => match open(&self.target, Purpose::Write) {
                Ok(connection) => self.connection.insert(connection),
                Err(error) => return Group::RolledBack(error),
            },
        };
        let group = apply(connection, &self.dictionary, self.clock.now(), commits);
        match &group {
            Group::Done(_) => {
                self.pulse.beat();
                self.forget(commits);
                self.unsettled |= self.target.is_sqlite()
                    && commits.iter().any(|commit| !commit.writes.is_empty());
            }
            Group::Unknown(error) => {
                // It may have been written after all.
                self.forget(commits);
                if self.target.is_sqlite() && failed_sync(error) {
                    stop_at_once(error);
                }
                self.connection = None;
            }
            // A full disk may have kept the transaction from being taken back in order.
            Group::RolledBack(error) if matches!(error.kind(), Kind::Unavailable | Kind::Full) => {
                self.connection = None;
            }
            Group::RolledBack(_) => {}
        }
        group
    }
}

impl Desk {
    /// What was written is old in memory, before anybody hears that it was.
    fn forget(&self, commits: &[Commit]) {
        let Some(cache) = &self.cache else {
            return;
        };
        for write in commits.iter().flat_map(|commit| &commit.writes) {
            cache.forget(&write.key);
        }
    }
}

fn failed_sync(error: &Error) -> bool {
    use std::error::Error as _;
    error
        .source()
        .is_some_and(|source| source.to_string().contains("disk I/O error"))
}

fn unknown() -> Error {
    Error::of(
        Kind::Unavailable,
        "the connection to the database was lost while the write was being committed: read it back to know whether it happened",
    )
    .retry_after(1)
}
