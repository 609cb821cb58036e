//! The readers: threads that own reading connections.
//!
//! Point reads have a queue of their own and are drained into one statement, so that a search never
//! stands in front of a read by id, and so that a round trip to PostgreSQL serves many readers.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::connection::{AnyConnection, Purpose, Target, open};
use super::deadline::Deadline;
use super::dictionary::Dictionary;
use super::pulse::Pulse;
use super::resources::{self, Version};
use super::wanted::Wanted;
use super::writer::{overloaded, stopped};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;

/// Point reads answered by one statement at the most.
const DRAIN: usize = 32;

/// Takes the answer to a point read; called on a reader's thread, so it must be brief.
pub type PointReply = Box<dyn FnOnce(Result<Option<Version>>) + Send>;
/// A piece of reading that needs more than one row. It gets an error instead of a connection when
/// there is none.
pub type Task = Box<dyn FnOnce(Result<(&mut AnyConnection, &Dictionary)>) -> Health + Send>;

/// Whether the connection can be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Sound,
    Broken,
}

impl Health {
    /// What a result says about the connection it came from.
    pub fn of<T>(result: &Result<T>) -> Self {
        match result {
            Err(error) if error.kind() == Kind::Unavailable => Health::Broken,
            _ => Health::Sound,
        }
    }
}

struct Point {
    key: ResourceKey,
    reply: PointReply,
}

/// A piece of reading and whether anybody still waits for it.
struct Asked {
    task: Task,
    wanted: Option<Wanted>,
}

/// The way to the readers. Dropping the last one ends them after what is queued.
#[derive(Clone)]
pub struct Readers {
    points: Sender<Point>,
    tasks: Sender<Asked>,
    pulse: Arc<Pulse>,
}

impl Readers {
    /// Starts `threads` readers of each kind, each with a connection of its own.
    ///
    /// A piece of reading that is no point read has `limit` for its time in the database.
    pub fn start(
        target: &Target,
        dictionary: &Arc<Dictionary>,
        threads: usize,
        waiting: usize,
        limit: Duration,
    ) -> Result<(Self, Vec<JoinHandle<()>>)> {
        let pulse = Arc::new(Pulse::default());
        let (points, point_queue) = bounded(waiting);
        let (tasks, task_queue) = bounded(waiting);
        let mut handles = Vec::new();
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)
                .map_err(|error| Error::internal("a thread cannot be started").because(error))
        };
        for _ in 0..threads {
            let desk = Desk::new(target, dictionary, None)?;
            let queue: Receiver<Point> = point_queue.clone();
            handles.push(spawn("reader", Box::new(move || desk.points(&queue)))?);
            let desk = Desk::new(target, dictionary, Some(Deadline::new(limit)))?;
            let queue: Receiver<Asked> = task_queue.clone();
            let pulse = Arc::clone(&pulse);
            let work = Box::new(move || desk.tasks(&queue, &pulse));
            handles.push(spawn("searcher", work)?);
        }
        let readers = Self {
            points,
            tasks,
            pulse,
        };
        Ok((readers, handles))
    }

    /// When a searcher last used its connection.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Asks for the current version of a resource.
    pub fn point(&self, key: ResourceKey, reply: PointReply) {
        match self.points.try_send(Point { key, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(point)) => (point.reply)(Err(overloaded())),
            Err(TrySendError::Disconnected(point)) => (point.reply)(Err(stopped())),
        }
    }

    /// Hands over any other piece of reading.
    pub fn task(&self, task: Task) {
        let wanted = Wanted::here();
        let (asked, error) = match self.tasks.try_send(Asked { task, wanted }) {
            Ok(()) => return,
            Err(TrySendError::Full(asked)) => (asked, overloaded()),
            Err(TrySendError::Disconnected(asked)) => (asked, stopped()),
        };
        (asked.task)(Err(error));
    }

    /// Runs a piece of reading on a searcher's thread and waits for it.
    pub fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut AnyConnection, &Dictionary) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        wait(|reply: Box<dyn FnOnce(Result<T>) + Send>| {
            self.task(Box::new(move |lent| {
                let result = lent.and_then(|(connection, dictionary)| read(connection, dictionary));
                let health = Health::of(&result);
                reply(result);
                health
            }));
        })
    }
}

fn forgotten() -> Error {
    Error::of(Kind::Timeout, "nobody waits for what was to be read")
}

struct Desk {
    connection: Option<AnyConnection>,
    target: Target,
    dictionary: Arc<Dictionary>,
    /// `None` for point reads, which are short by nature.
    deadline: Option<Deadline>,
}

impl Desk {
    fn new(
        target: &Target,
        dictionary: &Arc<Dictionary>,
        deadline: Option<Deadline>,
    ) -> Result<Self> {
        let mut desk = Self {
            connection: None,
            target: target.clone(),
            dictionary: Arc::clone(dictionary),
            deadline,
        };
        desk.connected()?;
        Ok(desk)
    }

    fn connected(&mut self) -> Result<(&mut AnyConnection, &Dictionary)> {
        if self.connection.is_none() {
            let mut connection = open(&self.target, Purpose::Read)?;
            if let Some(deadline) = &self.deadline {
                deadline.watch(&mut connection)?;
            }
            self.connection = Some(connection);
        }
        let connection = self.connection.as_mut().ok_or_else(stopped)?;
        Ok((connection, &self.dictionary))
    }

    fn tasks(mut self, queue: &Receiver<Asked>, pulse: &Pulse) {
        while let Ok(Asked { task, wanted }) = queue.recv() {
            if wanted.as_ref().is_some_and(Wanted::is_forgotten) {
                task(Err(forgotten()));
                continue;
            }
            if let Some(deadline) = &self.deadline {
                deadline.restart(wanted);
            }
            match task(self.connected()) {
                Health::Sound => pulse.beat(),
                Health::Broken => self.connection = None,
            }
        }
    }

    fn points(mut self, queue: &Receiver<Point>) {
        let mut drained: Vec<Point> = Vec::with_capacity(DRAIN);
        while let Ok(first) = queue.recv() {
            drained.push(first);
            drained.extend(queue.try_iter().take(DRAIN.saturating_sub(1)));
            match self.lookup(&drained) {
                Ok(mut found) => {
                    // By key, and cloned but for the last who asks: two can ask for the same.
                    while let Some(Point { key, reply }) = drained.pop() {
                        let at = found.iter().position(|version| version.key == key);
                        let wanted_again = drained.iter().any(|point| point.key == key);
                        let version = match at {
                            Some(at) if wanted_again => found.get(at).cloned(),
                            Some(at) => Some(found.swap_remove(at)),
                            None => None,
                        };
                        reply(Ok(version));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a read failed");
                    if error.kind() == Kind::Unavailable {
                        self.connection = None;
                    }
                    for Point { reply, .. } in drained.drain(..) {
                        reply(Err(Error::from_issues(
                            error.kind(),
                            error.issues().to_vec(),
                        )));
                    }
                }
            }
        }
    }

    fn lookup(&mut self, points: &[Point]) -> Result<Vec<Version>> {
        let mut keys: Vec<&ResourceKey> = Vec::with_capacity(points.len());
        for point in points {
            if !keys.contains(&&point.key) {
                keys.push(&point.key);
            }
        }
        let (connection, dictionary) = self.connected()?;
        resources::current(connection, dictionary, &keys)
    }
}

/// Waits for an answer that comes on another thread.
pub fn wait<T: Send + 'static>(ask: impl FnOnce(Box<dyn FnOnce(Result<T>) + Send>)) -> Result<T> {
    let (answer, answered) = crossbeam_channel::bounded(1);
    ask(Box::new(move |result| {
        let _ = answer.send(result);
    }));
    answered.recv().unwrap_or_else(|_| Err(stopped()))
}
