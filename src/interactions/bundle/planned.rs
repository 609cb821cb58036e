//! What becomes of the entries of a transaction, and how they are answered.

use super::batch::look;
use super::entry::{Entry, respond};
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::key::ResourceKey;
use crate::interactions::answer::{Answer, Body};
use crate::interactions::node::Node;
use crate::interactions::read::current;
use crate::interactions::request::Return;
use crate::storage::{Committed, WriteOutcome};

/// The second half: reads are executed, and everything is answered in its place.
pub fn second_half(
    node: &Node,
    entries: &[Entry<'_>],
    planned: &[Planned],
    committed: &Committed,
    preference: Return,
) -> Result<Vec<u8>> {
    let mut bundle = BundleWriter::new("transaction-response");
    for (entry, planned) in entries.iter().zip(planned) {
        let mut answer = match planned.answer(committed) {
            Some(answer) => answer,
            None => look(node, entry).map_err(|error| error.at(entry.place()))?,
        };
        if preference == Return::Representation
            && let Some(key) = planned.shown()
        {
            answer.body = Body::Stored(Box::new(current(node, key)?));
        }
        let mut out = bundle.entry();
        respond(node, &mut out, &answer, Return::Representation)?;
        out.end();
    }
    Ok(bundle.finish())
}

/// What becomes of an entry.
pub enum Planned {
    /// It is answered by reading, after the commit.
    Read,
    /// A conditional delete that matched nothing.
    Nothing,
    /// A conditional create that found the resource.
    Existing {
        key: ResourceKey,
        version: i64,
        last_updated: Instant,
    },
    /// The write at this position of the commit.
    Write {
        position: usize,
        key: ResourceKey,
        deletes: bool,
    },
}

impl Planned {
    /// The answer to an entry that writes, once the commit is done.
    fn answer(&self, committed: &Committed) -> Option<Answer> {
        let mut answer = Answer::of(204, Body::Empty);
        match self {
            Planned::Read => return None,
            Planned::Nothing => {}
            Planned::Existing {
                key,
                version,
                last_updated,
            } => {
                answer.status = 200;
                answer.version = Some((*version, *last_updated));
                answer.location = Some(format!("{key}/_history/{version}"));
            }
            Planned::Write {
                position,
                key,
                deletes,
            } => {
                let done = committed.writes.get(*position)?;
                answer.status = match done.outcome {
                    WriteOutcome::Created => 201,
                    WriteOutcome::Updated | WriteOutcome::Unchanged => 200,
                    WriteOutcome::Deleted | WriteOutcome::NothingToDelete => 204,
                };
                answer.version = Some((done.version, done.last_updated));
                if !deletes {
                    answer.location = Some(format!("{key}/_history/{}", done.version));
                }
            }
        }
        Some(answer)
    }

    /// The resource that a client who wants representations is shown.
    fn shown(&self) -> Option<&ResourceKey> {
        match self {
            Planned::Existing { key, .. }
            | Planned::Write {
                key,
                deletes: false,
                ..
            } => Some(key),
            _ => None,
        }
    }
}
