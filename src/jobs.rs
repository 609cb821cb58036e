//! Work that outlives its request: one thread per process looks for it.
//!
//! It also looks whether another process, or a command, has changed what is defined.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::error::{Error, Result};
use crate::fhir::model::json;
use crate::interactions::{Live, Node};
use crate::storage::{IndexedBy, Reindexer, Turn};

/// How often it looks while there is nothing to do.
const PAUSE: Duration = Duration::from_millis(500);

/// How long it waits when something failed.
const SETBACK: Duration = Duration::from_secs(5);

/// The thread; it ends when this is dropped.
pub struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread, which works through `reindexer`.
    pub fn start(live: &Arc<Live>, reindexer: Reindexer) -> Result<Self> {
        let live = Arc::downgrade(live);
        let (stop, stopped) = bounded(0);
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || keep(&live, reindexer, &stopped))
            .map_err(|error| {
                Error::internal("the thread for jobs cannot be started").because(error)
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for jobs panicked");
        }
    }
}

fn keep(live: &Weak<Live>, mut reindexer: Reindexer, stopped: &Receiver<()>) {
    let mut pause = Duration::ZERO;
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let Some(live) = live.upgrade() else {
            return;
        };
        let turn = live.renew().and_then(|node| turn(&node, &mut reindexer));
        pause = match turn {
            Ok(Turn::Worked | Turn::OtherEdition) => Duration::ZERO,
            Ok(Turn::Idle) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, "a step of a job failed and is tried again");
                SETBACK
            }
        };
    }
}

/// One step of whatever is to be done.
fn turn(node: &Node, reindexer: &mut Reindexer) -> Result<Turn> {
    reindexer.turn(&indexed_by(node), node.clock.now())
}

/// The definitions of a node, as the index is made by them.
pub fn indexed_by(node: &Node) -> IndexedBy<'_> {
    IndexedBy {
        dictionary: &node.dictionary,
        edition: node.edition,
        forms: node.extractor.forms(),
        compute: Box::new(|resource_type, text| {
            let tree = json::parse(text, &node.choices.limits)?;
            node.index(resource_type, &tree)
        }),
    }
}
