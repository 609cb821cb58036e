//! Whether anybody still waits for what is read (CON-06).
//!
//! A request that reads asks the database many times, through functions that know nothing of clients.
//! So the sign travels beside them, with the thread: whoever runs such a request says so around it,
//! and every piece of reading that is begun inside carries the sign to its searcher.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The sign of one request.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<AtomicBool>);

thread_local! {
    static HERE: RefCell<Option<Wanted>> = const { RefCell::new(None) };
}

impl Wanted {
    /// Nobody waits any more.
    pub fn forget(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits any more.
    pub fn is_forgotten(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Runs work whose reading is given up when this is forgotten.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Takes the sign away also when the work panics.
        struct Around(Option<Wanted>);
        impl Drop for Around {
            fn drop(&mut self) {
                HERE.set(self.0.take());
            }
        }
        let _around = Around(HERE.replace(Some(self.clone())));
        work()
    }

    /// The sign of the work that this thread is at.
    pub fn here() -> Option<Self> {
        HERE.with_borrow(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn con_06_the_sign_is_there_during_the_work() {
        assert!(Wanted::here().is_none());
        let (outer, inner) = (Wanted::default(), Wanted::default());
        inner.forget();
        let is_forgotten = || Wanted::here().map(|wanted| wanted.is_forgotten());
        outer.during(|| {
            assert_eq!(is_forgotten(), Some(false));
            inner.during(|| assert_eq!(is_forgotten(), Some(true)));
            assert_eq!(is_forgotten(), Some(false));
            let panics = std::panic::AssertUnwindSafe(|| inner.during(|| panic!("expected here")));
            assert!(std::panic::catch_unwind(panics).is_err());
            assert_eq!(is_forgotten(), Some(false));
            outer.forget();
            assert_eq!(is_forgotten(), Some(true));
        });
        assert!(Wanted::here().is_none());
    }
}
