//! batch: entries that have nothing to do with each other, each answered in its place.
//!
//! Writes are handed to the database without waiting for each, so that a batch shares its fsyncs.

use std::ops::Range;

use crossbeam_channel::{Receiver, bounded};

use super::entry::{Entry, respond, respond_error};
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::search::Handling;
use crate::interactions::answer;
use crate::interactions::answer::{Answer, Body, Finish, Race, Step, Verdict, judge, keys};
use crate::interactions::capabilities;
use crate::interactions::create::{CreateRequest, create};
use crate::interactions::delete::{delete, delete_matching};
use crate::interactions::dispatch::{Interaction, OperationTarget, Target};
use crate::interactions::history::{HistoryRequest, history};
use crate::interactions::meta::{MetaChange, change_meta, meta};
use crate::interactions::node::Node;
use crate::interactions::patch::{PatchRequest, patch};
use crate::interactions::read::{current, vread};
use crate::interactions::request::{Return, version_of_etag};
use crate::interactions::search::{SearchRequest, search};
use crate::interactions::update::{UpdateRequest, update};
use crate::storage::{CommitError, Committed, Received};

/// Writes under way at once.
const UNDER_WAY: usize = 64;

/// Executes a batch.
pub fn run(
    context: &RequestContext,
    node: &Node,
    text: &Received,
    entries: &[Range<u64>],
    preference: Return,
) -> Result<Vec<u8>> {
    // One that is no JSON as a whole is refused as a whole, before anything of it is done.
    for (index, part) in entries.iter().enumerate() {
        Entry::cut(node, index, &text.part(part)?)?;
    }
    let mut bundle = BundleWriter::new("batch-response");
    for (chunk_index, chunk) in entries.chunks(UNDER_WAY).enumerate() {
        let first = chunk_index.saturating_mul(UNDER_WAY);
        let begun: Vec<(Result<Entry<'_>>, Result<Begun>)> = chunk
            .iter()
            .zip(first..)
            .map(|(part, index)| {
                let entry = Entry::read(node, index, text, part);
                begin(context, node, entry, preference)
            })
            .collect();
        for (entry, begun) in begun {
            let result = match (entry, begun) {
                (Ok(entry), Ok(begun)) => end(context, node, &entry, begun, preference),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
            let mut out = bundle.entry();
            match result {
                Ok(answer) => respond(node, &mut out, &answer, Return::Representation),
                Err(error) => respond_error(&mut out, &error),
            }
            out.end();
        }
    }
    Ok(bundle.finish())
}

/// An entry that is answered already, or waits for the disk.
enum Begun {
    Done(Answer),
    Waiting {
        answer: Receiver<std::result::Result<Committed, CommitError>>,
        keys: Vec<ResourceKey>,
        race: Race,
        finish: Finish,
    },
}

fn begin<'a>(
    context: &RequestContext,
    node: &Node,
    entry: Result<Entry<'a>>,
    preference: Return,
) -> (Result<Entry<'a>>, Result<Begun>) {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let again = Error::from_issues(error.kind(), error.issues().to_vec());
            return (Err(error), Err(again));
        }
    };
    let begun = first_half(context, node, &entry, preference).map(|step| match step {
        Step::Done(answer) => Begun::Done(answer),
        Step::Commit {
            commit,
            race,
            finish,
            ..
        } => {
            let keys = keys(&commit);
            let (sender, answer) = bounded(1);
            node.store.commit_then(
                node.made_ready(commit),
                Box::new(move |result| {
                    let _ = sender.send(result);
                }),
            );
            Begun::Waiting {
                answer,
                keys,
                race,
                finish,
            }
        }
    });
    (Ok(entry), begun)
}

fn end(
    context: &RequestContext,
    node: &Node,
    entry: &Entry<'_>,
    begun: Begun,
    preference: Return,
) -> Result<Answer> {
    match begun {
        Begun::Done(answer) => Ok(answer),
        Begun::Waiting {
            answer,
            keys,
            race,
            finish,
        } => {
            let result = answer.recv().unwrap_or_else(|_| {
                Err(Error::of(Kind::Unavailable, "the server is stopping").into())
            });
            match result {
                Ok(committed) => {
                    node.follow(committed.edition);
                    finish(node, &committed)
                }
                Err(error) => match judge(error, &keys, race, 0) {
                    Verdict::Answer(error) => Err(error),
                    Verdict::Again | Verdict::Renew => {
                        answer::run(node, |node| first_half(context, node, entry, preference))
                    }
                },
            }
        }
    }
}

/// The first half of whatever the entry asks for; reads are answered at once.
pub fn first_half(
    context: &RequestContext,
    node: &Node,
    entry: &Entry<'_>,
    preference: Return,
) -> Result<Step> {
    match &entry.interaction {
        Interaction::Create(resource_type) => create(
            context,
            node,
            &CreateRequest {
                resource_type: resource_type.clone(),
                body: entry.incoming(node)?,
                if_none_exist: entry.if_none_exist.clone(),
                preference,
            },
        ),
        Interaction::Update(resource_type, target) => update(
            context,
            node,
            &UpdateRequest {
                resource_type: resource_type.clone(),
                target: target.with(&entry.pairs),
                body: entry.incoming(node)?,
                if_match: entry.if_match.clone(),
                preference,
            },
        ),
        Interaction::Patch(resource_type, target) => patch(
            context,
            node,
            &PatchRequest {
                resource_type: resource_type.clone(),
                target: target.with(&entry.pairs),
                patch: entry.patch(node)?,
                if_match: entry.if_match.clone(),
                preference,
            },
        ),
        Interaction::Delete(resource_type, Target::Id(id)) => {
            let key = ResourceKey::new(resource_type.as_str(), id.as_str());
            delete(context, node, &key, entry.if_match.clone())
        }
        Interaction::Delete(resource_type, Target::Query) => {
            delete_matching(context, node, resource_type, &entry.pairs)
        }
        Interaction::Operation { name, on } if name == "$meta-add" || name == "$meta-delete" => {
            let OperationTarget::Resource(key) = on else {
                return Err(unknown_operation());
            };
            let change = if name == "$meta-add" {
                MetaChange::Add
            } else {
                MetaChange::Delete
            };
            change_meta(context, node, key, change, &entry.incoming(node)?)
        }
        _ => look(node, entry).map(Step::Done),
    }
}

/// Answers an entry that only reads.
pub fn look(node: &Node, entry: &Entry<'_>) -> Result<Answer> {
    match &entry.interaction {
        Interaction::Read(key) => {
            node.check_type(&key.resource_type)?;
            let version = current(node, key)?;
            let known = entry.if_none_match.as_deref().and_then(version_of_etag);
            if known == Some(version.version) {
                let mut answer = Answer::of(304, Body::Empty);
                answer.version = Some((version.version, version.last_updated));
                return Ok(answer);
            }
            Ok(Answer::stored(200, version))
        }
        Interaction::VRead(key, version) => {
            node.check_type(&key.resource_type)?;
            Ok(Answer::stored(200, vread(node, key, version)?))
        }
        Interaction::Search(reach) => {
            let request = SearchRequest {
                reach: reach.clone(),
                pairs: entry.pairs.clone(),
                handling: Handling::Lenient,
            };
            let json = node.reading(|node| search(node, &request))?;
            Ok(Answer::of(200, Body::Json(json)))
        }
        Interaction::History(scope) => {
            let request = HistoryRequest {
                scope: scope.clone(),
                pairs: entry.pairs.clone(),
            };
            Ok(Answer::of(200, Body::Json(history(node, &request)?)))
        }
        Interaction::Capabilities => Ok(Answer::of(200, Body::Json(capabilities::statement(node)))),
        Interaction::Operation { name, on } if name == "$meta" => {
            let (key, version) = match on {
                OperationTarget::Resource(key) => (key, None),
                OperationTarget::Version(key, version) => (key, Some(version.as_str())),
                _ => return Err(unknown_operation()),
            };
            Ok(Answer::of(200, Body::Json(meta(node, key, version)?)))
        }
        _ => Err(unknown_operation()),
    }
}

fn unknown_operation() -> Error {
    Error::of(
        Kind::NotSupported,
        "this interaction is not offered inside a Bundle",
    )
}
