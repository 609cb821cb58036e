//! Threads for work that must not run on the async threads.
//!
//! Three pools, so that nothing stands in front of what is quicker: `compute` prepares writes and
//! never waits; `patient` may wait for the database; `bulk` executes Bundles.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::error::{Error, Kind, Result};

type Work = Box<dyn FnOnce() + Send>;

/// A number of threads behind one bounded queue.
#[derive(Clone)]
pub struct Pool {
    queue: Sender<Work>,
}

impl Pool {
    /// Starts the threads. They end when the last `Pool` is dropped.
    pub fn start(name: &str, threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (queue, work): (Sender<Work>, Receiver<Work>) = bounded(waiting);
        for _ in 0..threads {
            let work = work.clone();
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    while let Ok(next) = work.recv() {
                        next();
                    }
                })?;
        }
        Ok(Self { queue })
    }

    /// Runs a piece of work on one of the threads.
    ///
    /// # Errors
    /// `Unavailable` at once when the queue is full; `Internal` when the work panicked, which is
    /// logged and ends neither the thread nor the server.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move || {
            let result = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|_| Err(Error::internal("a panic while a request was processed")));
            // The client may be gone; then nobody waits for the answer.
            let _ = answer.send(result);
        });
        match self.queue.try_send(work) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(Error::of(
                    Kind::Unavailable,
                    "too many requests are waiting; try again",
                )
                .retry_after(1));
            }
            Err(TrySendError::Disconnected(_)) => return Err(stopping()),
        }
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }
}

fn stopping() -> Error {
    Error::of(Kind::Unavailable, "the server is stopping").retry_after(5)
}
