//! The node by the definitions that are in force: they change while the server runs.
//!
//! A request works with one node from its beginning to its end. When the database says that another
//! edition of the definitions is in force, a new node takes the place of the old one, and what was made
//! ready by the old one is made ready again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use super::node::{Defined, Node};
use crate::error::{Error, Kind, Result};
use crate::storage::is_outdated;

/// Reads what is defined now; brings back nothing that is not in force.
pub type Define = Box<dyn Fn() -> Result<Defined> + Send + Sync>;

/// The node in force, and the way to the next one.
pub struct Live {
    node: RwLock<Arc<Node>>,
    define: Define,
    /// Held by the one who renews.
    renewing: Mutex<()>,
}

impl Live {
    /// The node is built by `node`, which keeps the way back to here.
    pub fn new(define: Define, node: impl FnOnce(Weak<Self>) -> Node) -> Arc<Self> {
        Arc::new_cyclic(|live| Self {
            node: RwLock::new(Arc::new(node(Weak::clone(live)))),
            define,
            renewing: Mutex::new(()),
        })
    }

    /// The node in force, as far as this process knows.
    pub fn node(&self) -> Arc<Node> {
        Arc::clone(&self.node.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The node by the definitions that the database says are in force.
    pub fn renew(&self) -> Result<Arc<Node>> {
        let _one: MutexGuard<'_, ()> =
            (self.renewing.lock()).unwrap_or_else(PoisonError::into_inner);
        let node = self.node();
        if node.store.edition()? == node.edition {
            return Ok(node);
        }
        let fresh = Arc::new(node.defined_by((self.define)()?));
        *self.node.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }
}

impl Node {
    /// The node in force, as far as this process knows.
    pub fn current(&self) -> Result<Arc<Node>> {
        Ok(self.likewise(self.live()?.node()))
    }

    /// The node by the definitions that the database says are in force.
    pub fn renewed(&self) -> Result<Arc<Node>> {
        Ok(self.likewise(self.live()?.renew()?))
    }

    fn live(&self) -> Result<Arc<Live>> {
        let stopping = || Error::of(Kind::Unavailable, "the server is stopping").retry_after(5);
        self.live.upgrade().ok_or_else(stopping)
    }

    /// Follows a commit after which other definitions are in force, so that whoever made it finds them.
    /// What cannot be done now is done by the next who asks.
    pub fn follow(&self, edition: i64) {
        if edition != self.edition
            && let Err(error) = self.renewed()
        {
            tracing::warn!(%error, "the definitions have changed and cannot be read now");
        }
    }

    /// Reads something; again by other definitions when they have changed meanwhile.
    pub fn reading<T>(&self, read: impl Fn(&Node) -> Result<T>) -> Result<T> {
        match read(self) {
            Err(error) if is_outdated(&error) => {
                let node = self.renewed()?;
                read(&node)
            }
            other => other,
        }
    }
}
