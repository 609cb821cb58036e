//! Threads for work that must not run on the async threads.
//!
//! Three pools, so that nothing stands in front of what is quicker: `compute` prepares writes and
//! never waits; `patient` may wait for the database; `bulk` executes Bundles.
//!
//! Work that nobody has begun in time is refused, and work whose client has gone away is not begun
//! (LOAD-01): a queue that is full of slow work must not become a wait without end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::error::{Error, Kind, Result};

type Work = Box<dyn FnOnce() + Send>;

/// A number of threads behind one bounded queue.
#[derive(Clone)]
pub struct Pool {
    queue: Sender<Work>,
    /// How long a piece of work may wait for a thread.
    patience: Duration,
}

/// One place in the queue. Whoever takes it first decides: a thread begins the work, or the one who
/// waits gives up; going away is giving up.
struct Place(Arc<AtomicBool>);

impl Place {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.take();
    }
}

impl Pool {
    /// Starts the threads. They end when the last `Pool` is dropped.
    pub fn start(
        name: &str,
        threads: usize,
        waiting: usize,
        patience: Duration,
    ) -> std::io::Result<Self> {
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
        Ok(Self { queue, patience })
    }

    /// Runs a piece of work on one of the threads.
    ///
    /// # Errors
    /// `Unavailable` at once when the queue is full, and when no thread was free in time; `Internal` when the work panicked, which is
    /// logged and ends neither the thread nor the server.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        let place = Place(Arc::default());
        let begin = Arc::clone(&place.0);
        let work: Work = Box::new(move || {
            if begin.swap(true, Ordering::AcqRel) {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|_| Err(Error::internal("a panic while a request was processed")));
            // The client may be gone; then nobody waits for the answer.
            let _ = answer.send(result);
        });
        match self.queue.try_send(work) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(overloaded());
            }
            Err(TrySendError::Disconnected(_)) => return Err(stopping()),
        }
        let answer = match tokio::time::timeout(self.patience, &mut answered).await {
            Ok(answer) => answer,
            Err(_) if place.take() => return Err(overloaded()),
            // It is at work, which has limits of its own.
            Err(_) => answered.await,
        };
        answer.unwrap_or_else(|_| Err(stopping()))
    }
}

fn overloaded() -> Error {
    Error::of(
        Kind::Unavailable,
        "too many requests are waiting; try again",
    )
    .retry_after(1)
}

fn stopping() -> Error {
    Error::of(Kind::Unavailable, "the server is stopping").retry_after(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Instant;

    #[tokio::test]
    async fn load_01_work_that_waits_too_long_is_refused_and_never_begun() {
        let pool = Pool::start("test", 1, 10, Duration::from_millis(100)).unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let slow = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || Ok(ended.recv().is_ok())).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let started = Instant::now();
        let (begun, seen) = mpsc::channel();
        let error = pool
            .run(move || {
                let _ = begun.send(());
                Ok(())
            })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(error.retry_after_seconds(), Some(1));
        assert!(started.elapsed() >= Duration::from_millis(100));
        end.send(()).unwrap();
        assert!(
            slow.await.unwrap().unwrap(),
            "what is at work is waited for"
        );
        pool.run(|| Ok(())).await.unwrap();
        assert!(seen.try_recv().is_err(), "what was refused was begun");
    }

    #[tokio::test]
    async fn load_01_work_of_a_client_that_is_gone_is_not_begun() {
        let pool = Pool::start("test", 1, 10, Duration::from_secs(60)).unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let slow = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || Ok(ended.recv().is_ok())).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (begun, seen) = mpsc::channel();
        let gone = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move || {
                    let _ = begun.send(());
                    Ok(())
                })
                .await
            }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        gone.abort();
        assert!(gone.await.is_err());
        end.send(()).unwrap();
        assert!(slow.await.unwrap().unwrap());
        pool.run(|| Ok(())).await.unwrap();
        assert!(seen.try_recv().is_err());
    }
}
