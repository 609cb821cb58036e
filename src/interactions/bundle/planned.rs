//! What becomes of the entries of a transaction, and how they are answered.

use std::collections::HashMap;

use super::batch::look;
use super::entry::{Entry, respond, respond_error};
use crate::clock::Instant;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::key::ResourceKey;
use crate::interactions::answer::{Answer, Body};
use crate::interactions::dispatch::{Interaction, OperationTarget};
use crate::interactions::node::Node;
use crate::interactions::read::current;
use crate::interactions::request::Return;
use crate::storage::{Change, Commit, Committed, Scope, WriteOutcome};

/// Refuses a transaction whose reads would fail: all or nothing holds for them too.
///
/// Reads are executed after the commit, so that they see it. What can be known before is asked before.
///
/// # Errors
/// What the read would answer, with the place of the entry.
pub fn check_reads(
    node: &Node,
    entries: &[Entry<'_>],
    planned: &[Planned],
    commit: &Commit,
) -> Result<()> {
    let written: HashMap<&ResourceKey, bool> = commit
        .writes
        .iter()
        .map(|write| (&write.key, matches!(write.change, Change::Delete)))
        .collect();
    for (entry, planned) in entries.iter().zip(planned) {
        if !matches!(planned, Planned::Read) {
            continue;
        }
        let subject = subject(&entry.interaction);
        let deletes = subject.and_then(|(key, _)| written.get(key).copied());
        let current = subject.is_some_and(|(_, current)| current);
        let result = match (look(node, entry), deletes) {
            (Ok(_), Some(true)) if current => Err(Error::of(
                Kind::Gone,
                "expected a resource that stays, found one that the transaction deletes",
            )),
            // It is not there yet.
            (Err(error), Some(false)) if matches!(error.kind(), Kind::NotFound | Kind::Gone) => {
                Ok(())
            }
            (result, _) => result.map(|_| ()),
        };
        result.map_err(|error| error.at(entry.place()))?;
    }
    Ok(())
}

/// Which resource an interaction reads, and whether it reads its current version.
fn subject(interaction: &Interaction) -> Option<(&ResourceKey, bool)> {
    match interaction {
        Interaction::Read(key) => Some((key, true)),
        Interaction::VRead(key, _) => Some((key, false)),
        Interaction::History(Scope::Resource(key)) => Some((key, false)),
        Interaction::Operation { on, .. } => match on {
            OperationTarget::Resource(key) => Some((key, true)),
            OperationTarget::Version(key, _) => Some((key, false)),
            OperationTarget::System | OperationTarget::Type(_) => None,
        },
        _ => None,
    }
}

/// What is shown of resources beside what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Not even what was asked for: nothing is read.
    Nothing,
    /// What was asked for by reading.
    Read,
    /// Also what was written otherwise than it was sent: with references replaced.
    Replaced,
    /// Also what was written.
    All,
}

impl Shown {
    /// By what the client prefers. R4 leaves it to the server where it says nothing: then it is told what
    /// it cannot know.
    pub fn of(preference: Option<Return>) -> Self {
        match preference {
            Some(Return::Representation) => Shown::All,
            Some(Return::Minimal | Return::OperationOutcome) => Shown::Read,
            None => Shown::Replaced,
        }
    }
}

/// The second half: reads are executed, and everything is answered in its place.
pub fn second_half(
    node: &Node,
    entries: &[Entry<'_>],
    planned: &[Planned],
    committed: &Committed,
    shown: Shown,
) -> Result<Vec<u8>> {
    let mut bundle = BundleWriter::new("transaction-response");
    for (entry, planned) in entries.iter().zip(planned) {
        let mut answer = match planned.answer(committed) {
            Some(answer) => Ok(answer),
            None if shown == Shown::Nothing => Err(unread()),
            None => look(node, entry),
        };
        if let (Ok(answer), Some(key)) = (&mut answer, planned.shows(shown))
            // Somebody may have deleted it since.
            && let Ok(version) = current(node, key)
        {
            answer.body = Body::Stored(Box::new(version));
        }
        let mut out = bundle.entry();
        match answer {
            Ok(answer) => respond(node, &mut out, &answer, Return::Representation),
            // The commit stands, whatever became of what is read since.
            Err(error) => respond_error(&mut out, &error),
        }
        out.end();
    }
    Ok(bundle.finish())
}

/// What is said of a read whose answer was not kept.
fn unread() -> Error {
    Error::new(
        Kind::Unavailable,
        "incomplete",
        "the transaction was done when it was first sent, but what this entry read was not kept; read it again",
    )
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
        /// Whether references in it were replaced.
        replaced: bool,
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
                ..
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

    /// The resource that is shown beside what became of the entry.
    pub fn shows(&self, shown: Shown) -> Option<&ResourceKey> {
        let (key, replaced) = match self {
            Planned::Existing { key, .. } => (key, false),
            Planned::Write {
                key,
                deletes: false,
                replaced,
                ..
            } => (key, *replaced),
            _ => return None,
        };
        match shown {
            Shown::All => Some(key),
            Shown::Replaced if replaced => Some(key),
            _ => None,
        }
    }
}
