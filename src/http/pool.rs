//! Threads for work that must not run on the async threads.
//!
//! Four pools, so that nothing stands in front of what is quicker: `compute` prepares writes and
//! never waits; `patient` may wait for the database; `bulk` executes Bundles; `probe` looks whether
//! the server is well.
//!
//! Who waits, waits in a line with those of the same client. A thread that is free takes from the line
//! whose client has the fewest threads, so that one client has more than its part only while nobody
//! else wants it (LOAD-03). Work that cannot begin in time is refused, at once when that can be
//! foreseen, and work whose client has gone away is not begun (LOAD-01): a queue that is full of slow
//! work must not become a wait without end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::lines::Lines;
use super::peers::Client;
use crate::error::{Error, Kind, Result};
use crate::storage::Wanted;

type Work = Box<dyn FnOnce() + Send>;

/// A number of threads behind lines of bounded length.
#[derive(Clone)]
pub struct Pool(Arc<Owner>);

/// Who asks for a thread, and for how long it may have to wait for one.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// `None` where clients are not told apart.
    pub client: Option<Client>,
    pub patience: Duration,
    /// So that it can be broken off when the client goes away.
    pub only_reads: bool,
}

/// Ends the threads when the last `Pool` is gone.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.desk().open = false;
        self.0.changed.notify_all();
    }
}

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
    threads: u32,
}

struct Desk {
    lines: Lines<Option<Client>, Work>,
    /// Threads at work.
    busy: u32,
    /// How long a piece of work takes, lately.
    pace: Duration,
    open: bool,
}

/// One place in a line. Going away is giving it up.
struct Place<'a> {
    shared: &'a Shared,
    client: Option<Client>,
    number: u64,
    held: bool,
}

impl Place<'_> {
    /// Gives the place up; false when a thread has begun the work.
    fn give_up(&mut self) -> bool {
        if !std::mem::take(&mut self.held) {
            return false;
        }
        let work = self.shared.desk().lines.withdraw(&self.client, self.number);
        // What the work holds is dropped after the desk is free again.
        work.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Lines are whole after each statement, whatever happened to the thread that held them.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes work from the lines until the pool is gone and nobody waits.
    fn serve(&self) {
        let mut desk = self.desk();
        loop {
            if let Some((client, work)) = desk.lines.next() {
                desk.busy = desk.busy.saturating_add(1);
                drop(desk);
                let begun = Instant::now();
                work();
                let took = begun.elapsed();
                desk = self.desk();
                desk.lines.done(&client);
                desk.busy = desk.busy.saturating_sub(1);
                desk.pace = average(desk.pace.saturating_mul(7).saturating_add(took), 8);
            } else if desk.open {
                desk = self
                    .changed
                    .wait(desk)
                    .unwrap_or_else(PoisonError::into_inner);
            } else {
                return;
            }
        }
    }

    /// Puts work into the line of its client.
    fn enter(&self, turn: Turn, work: Work) -> Result<Place<'_>> {
        let mut desk = self.desk();
        let ahead = u32::try_from(desk.lines.ahead(&turn.client)).unwrap_or(u32::MAX);
        // What is about to be taken by a thread that is free does not wait.
        let ahead = ahead.saturating_sub(self.threads.saturating_sub(desk.busy));
        let wait = average(desk.pace.saturating_mul(ahead), self.threads);
        if wait > turn.patience {
            return Err(overloaded());
        }
        if desk.lines.is_full() {
            return Err(overloaded());
        }
        // One client cannot take the places of the others; where clients are not told apart, all are one.
        let most = desk.lines.places() / 4;
        if turn.client.is_some() && desk.lines.length(&turn.client) >= most.max(1) {
            return Err(Error::of(
                Kind::Throttled,
                "expected fewer requests of one client to wait at once; try again",
            )
            .retry_after(1));
        }
        let number = desk.lines.push(turn.client, work);
        drop(desk);
        self.changed.notify_one();
        Ok(Place {
            shared: self,
            client: turn.client,
            number,
            held: true,
        })
    }
}

impl Pool {
    /// Starts the threads. They end when the last `Pool` is dropped and nothing waits.
    pub fn start(name: &str, threads: usize, places: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            desk: Mutex::new(Desk {
                lines: Lines::new(places),
                busy: 0,
                pace: Duration::ZERO,
                open: true,
            }),
            changed: Condvar::new(),
            threads: u32::try_from(threads).unwrap_or(u32::MAX).max(1),
        });
        let owner = Owner(Arc::clone(&shared));
        for _ in 0..threads {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || shared.serve())?;
        }
        Ok(Self(Arc::new(owner)))
    }

    /// Runs a piece of work on one of the threads.
    ///
    /// # Errors
    /// `Unavailable` at once when all places are taken or a thread will not be free in time, and when none was; `Throttled` when
    /// too much of the same client waits already; `Internal` when the work panicked, which is logged and ends neither the thread
    /// nor the server.
    pub async fn run<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        let wanted = Wanted::default();
        let leaving = turn.only_reads.then(|| Leaving(wanted.clone()));
        let work: Work = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(|| wanted.during(work)))
                .unwrap_or_else(|_| Err(Error::internal("a panic while a request was processed")));
            // The client may be gone; then nobody waits for the answer.
            let _ = answer.send(result);
        });
        let Owner(shared) = &*self.0;
        let mut place = shared.enter(turn, work)?;
        let answer = match tokio::time::timeout(turn.patience, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if place.give_up() => return Err(overloaded()),
            // It is at work, which has limits of its own.
            Err(_) => answered.await,
        };
        place.held = false;
        drop(leaving);
        answer.unwrap_or_else(|_| Err(stopping()))
    }
}

fn average(sum: Duration, count: u32) -> Duration {
    sum.checked_div(count).unwrap_or(sum)
}

/// What is answered when there is no turn in time.
pub fn overloaded() -> Error {
    Error::of(
        Kind::Unavailable,
        "too many requests are waiting; try again",
    )
    .retry_after(1)
}

/// Somebody who waits for what is read; going away breaks it off.
struct Leaving(Wanted);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.forget();
    }
}

fn stopping() -> Error {
    Error::of(Kind::Unavailable, "the server is stopping").retry_after(5)
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
