//! delete and conditional delete, single and multiple. Source: FHIR R4 http.html#delete, #cdelete.
//!
//! A deletion is a version without content; what it deleted stays in the history. Nothing refers
//! back: a delete is never refused because of references to the resource (LEAK-36).

use std::sync::Arc;

use super::answer::{Answer, Body, Race, Step};
use super::conditional::Criteria;
use super::node::Node;
use super::request::IfMatch;
use super::update::check_id;
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::storage::{Change, Commit, Expect, Write, WriteOutcome};

/// Resources that one conditional delete may delete.
const MOST: usize = 1000;

/// The first half of a delete by id.
pub fn delete(
    context: &RequestContext,
    node: &Node,
    key: &ResourceKey,
    if_match: IfMatch,
) -> Result<Step> {
    node.check_type(&key.resource_type)?;
    check_id(&key.id)?;
    let expect = match if_match.0 {
        Some(version) => Expect::Version(version),
        None => Expect::Anything,
    };
    if if_match.0.is_some() && node.store.read(key)?.is_none() {
        return Err(Error::of(Kind::NotFound, format!("{key} does not exist")));
    }
    Ok(Step::Commit {
        commit: commit(context, vec![(key.clone(), expect)]),
        race: Race::Refuse,
        brief: None,
        finish: Arc::new(|_, committed| {
            let mut answer = Answer::of(204, Body::Empty);
            if let Some(done) = committed.writes.first()
                && done.outcome == WriteOutcome::Deleted
            {
                answer.version = Some((done.version, done.last_updated));
            }
            Ok(answer)
        }),
    })
}

/// The first half of a delete by condition: everything that matches.
pub fn delete_matching(
    context: &RequestContext,
    node: &Node,
    resource_type: &str,
    pairs: &[(String, String)],
) -> Result<Step> {
    node.check_type(resource_type)?;
    let criteria = Criteria::parse(node, resource_type, pairs)?;
    let found = criteria.list(node, MOST.saturating_add(1))?;
    if found.len() > MOST {
        return Err(Error::new(
            Kind::PreconditionFailed,
            "too-costly",
            format!("expected a condition that matches at most {MOST} resources, found more"),
        ));
    }
    if found.is_empty() {
        return Ok(Step::Done(Answer::of(204, Body::Empty)));
    }
    // The versions that were found: one that changed meanwhile may match no longer.
    let writes = found
        .into_iter()
        .map(|version| (version.key, Expect::Version(version.version)))
        .collect();
    Ok(Step::Commit {
        commit: commit(context, writes),
        race: Race::Retry,
        brief: None,
        finish: Arc::new(|_, committed| {
            let deleted = committed
                .writes
                .iter()
                .filter(|done| done.outcome == WriteOutcome::Deleted)
                .count();
            let text = format!("deleted: {deleted}");
            let issue = Issue::information("informational", text);
            Ok(Answer::of(200, Body::Outcome(vec![issue])))
        }),
    })
}

fn commit(context: &RequestContext, writes: Vec<(ResourceKey, Expect)>) -> Commit {
    Commit {
        audit: Some(audit::draft(
            context,
            Action::Delete,
            writes.iter().map(|(key, _)| key),
        )),
        writes: writes
            .into_iter()
            .map(|(key, expect)| Write {
                key,
                expect,
                change: Change::Delete,
            })
            .collect(),
        ..Commit::default()
    }
}
