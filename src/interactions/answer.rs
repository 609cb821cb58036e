//! What a use case answers, before HTTP gives it a form.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Instant;
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::storage::{Change, Commit, CommitError, Committed, Document, Refusal, Version};

use super::node::Node;
use super::request::IfMatch;
use super::search_parameters;

/// An answer to a FHIR interaction.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Body,
    /// The version the answer is about: `ETag` and `Last-Modified`.
    pub version: Option<(i64, Instant)>,
    /// The version-specific place of what was written, relative to the base.
    pub location: Option<String>,
    /// Where to ask how work goes on that outlives the request, relative to the base.
    pub content_location: Option<String>,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Body {
    Empty,
    /// A stored version; its bytes are put together by whoever writes them out.
    Stored(Box<Version>),
    /// A resource that was ready to be sent.
    Ready(Bytes),
    /// A resource as JSON.
    Json(Vec<u8>),
    Outcome(Vec<Issue>),
    /// A document as it is.
    Raw {
        content_type: String,
        document: Document,
    },
    /// A Binary as JSON, but for its data.
    Around {
        json: Vec<u8>,
        document: Document,
    },
}

impl Answer {
    pub fn of(status: u16, body: Body) -> Self {
        Self {
            status,
            body,
            version: None,
            location: None,
            content_location: None,
        }
    }

    /// A stored version, as read.
    pub fn stored(status: u16, version: Version) -> Self {
        Self {
            status,
            version: Some((version.version, version.last_updated)),
            location: None,
            content_location: None,
            body: Body::Stored(Box::new(version)),
        }
    }
}

/// The first half of a write: decided without the database's lock.
pub enum Step {
    /// Nothing is to be written.
    Done(Answer),
    /// To be committed; then `finish` makes the answer.
    Commit {
        commit: Commit,
        race: Race,
        finish: Finish,
        /// What can be answered without waiting, when `finish` may wait for the database.
        brief: Option<Finish>,
    },
}

/// Makes the answer from what the commit did.
pub type Finish = Arc<dyn Fn(&Node, &Committed) -> Result<Answer> + Send + Sync>;

/// What to do when somebody else changed the resource between the two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Race {
    /// The client named the version it meant: the change is refused.
    Refuse,
    /// The client named none: look again and build the change anew.
    Retry,
}

impl Race {
    /// Whether the client named the version it means.
    pub fn of(if_match: &IfMatch) -> Self {
        match if_match.0 {
            Some(_) => Race::Refuse,
            None => Race::Retry,
        }
    }
}

/// How often a write is built anew before the client is asked to come back.
const ATTEMPTS: usize = 8;

/// Whether to build a refused write anew, and what to answer when not.
pub enum Verdict {
    Again,
    /// Again by the definitions that are in force now.
    Renew,
    Answer(Error),
}

/// Judges a commit that did not happen.
pub fn judge(error: CommitError, keys: &[ResourceKey], race: Race, attempt: usize) -> Verdict {
    let refusal = match error {
        CommitError::Failed(error) => return Verdict::Answer(error),
        CommitError::Refused(refusal) => refusal,
    };
    let again = attempt < ATTEMPTS;
    match refusal {
        Refusal::ConditionChanged { .. } | Refusal::Repeated if again => Verdict::Again,
        Refusal::OtherEdition if again => Verdict::Renew,
        Refusal::OtherEdition => Verdict::Answer(
            Error::of(
                Kind::Unavailable,
                "the definitions keep changing; try again",
            )
            .retry_after(1),
        ),
        Refusal::OtherVersion { .. } if race == Race::Retry && again => Verdict::Again,
        Refusal::ConditionChanged { .. } | Refusal::Repeated => Verdict::Answer(
            Error::of(
                Kind::Unavailable,
                "what the condition matches keeps changing; try again",
            )
            .retry_after(1),
        ),
        Refusal::OtherVersion { .. } if race == Race::Retry => Verdict::Answer(
            Error::of(Kind::Unavailable, "the resource keeps changing; try again").retry_after(1),
        ),
        Refusal::OtherVersion { found, .. } => Verdict::Answer(Error::of(
            Kind::PreconditionFailed,
            format!("expected the version named by If-Match, found version {found}"),
        )),
        Refusal::Missing { .. } if race == Race::Refuse => Verdict::Answer(Error::of(
            Kind::PreconditionFailed,
            "expected the version named by If-Match, found no such resource",
        )),
        Refusal::Missing { write } => Verdict::Answer(Error::of(
            Kind::NotFound,
            match keys.get(write) {
                Some(key) => format!("{key} does not exist"),
                None => "the resource does not exist".to_owned(),
            },
        )),
        Refusal::Exists { write } => Verdict::Answer(Error::of(
            Kind::Conflict,
            match keys.get(write) {
                Some(key) => format!("{key} exists already"),
                None => "the resource exists already".to_owned(),
            },
        )),
    }
}

/// Runs a write to its end, waiting for the disk: for callers that may wait.
pub fn run(node: &Node, mut prepare: impl FnMut(&Node) -> Result<Step>) -> Result<Answer> {
    let mut renewed: Option<Arc<Node>> = None;
    for attempt in 0.. {
        let node = renewed.as_deref().unwrap_or(node);
        let (commit, race, finish) = match prepare(node)? {
            Step::Done(answer) => return Ok(answer),
            Step::Commit {
                commit,
                race,
                finish,
                ..
            } => (commit, race, finish),
        };
        let keys = keys(&commit);
        match node.store.commit(node.made_ready(commit)) {
            Ok(committed) => {
                node.follow(committed.edition);
                return finish(node, &committed);
            }
            Err(error) => match judge(error, &keys, race, attempt) {
                Verdict::Again => {}
                Verdict::Renew => renewed = Some(node.renewed()?),
                Verdict::Answer(error) => return Err(error),
            },
        }
    }
    Err(Error::internal("a write was attempted without end"))
}

impl Node {
    /// The commit with the edition of the definitions that it was made by, and whether it changes them.
    pub fn made_ready(&self, mut commit: Commit) -> Commit {
        commit.edition = Some(self.edition);
        commit.defines = commit.writes.iter().any(|write| {
            let defines = matches!(&write.change, Change::Put(content) if content.defines);
            let defined = write.key.resource_type == search_parameters::TYPE
                && self.in_force.contains(write.key.id.as_str());
            defines || defined
        });
        commit
    }
}

/// The keys a commit writes, in order: kept to name them in an error.
pub fn keys(commit: &Commit) -> Vec<ResourceKey> {
    commit
        .writes
        .iter()
        .map(|write| write.key.clone())
        .collect()
}
