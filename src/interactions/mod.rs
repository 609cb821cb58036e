//! The FHIR interactions, one file per verb of the R4 *RESTful API* page.
//!
//! Typed in, typed out: nothing here knows HTTP. A write has two halves: the first reads, checks
//! and builds a commit, the second makes the answer from what the commit did; between them the
//! database decides.

pub mod answer;
pub mod binary;
pub mod bundle;
pub mod capabilities;
pub mod conditional;
pub mod create;
pub mod cursor;
pub mod delete;
pub mod dispatch;
pub mod history;
pub mod idempotency;
mod indexing;
mod known;
pub mod live;
pub mod meta;
pub mod node;
pub mod patch;
pub mod read;
mod references;
pub mod reindex;
pub mod request;
pub mod search;
pub mod search_parameters;
pub mod subset;
pub mod terminology;
pub mod update;
pub mod write;

pub use answer::{Answer, Body, Finish, Race, Step, Verdict, judge, run};
pub use live::Live;
pub use node::{Choices, Defined, Node, Permission};
