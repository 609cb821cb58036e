//! create and conditional create. Source: FHIR R4 http.html#create, #ccreate.

use std::sync::Arc;

use super::answer::{Answer, Body, Race, Step};
use super::conditional::{Criteria, FoundByCondition, several};
use super::node::Node;
use super::request::Return;
use super::write::{self, Incoming};
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::storage::{Change, Commit, Expect, Matches, Method, Write};

/// A create as it was asked for.
pub struct CreateRequest {
    pub resource_type: String,
    pub body: Incoming,
    /// The query of `If-None-Exist`.
    pub if_none_exist: Option<Vec<(String, String)>>,
    pub preference: Return,
}

/// The first half of a create.
pub fn create(context: &RequestContext, node: &Node, request: &CreateRequest) -> Result<Step> {
    let resource_type = &request.resource_type;
    node.check_type(resource_type)?;
    write::check(node, &request.body, resource_type)?;
    let criteria = match &request.if_none_exist {
        Some(pairs) => Some(Criteria::parse(node, resource_type, pairs)?),
        None => None,
    };
    if let Some(criteria) = &criteria {
        match criteria.find(node)? {
            FoundByCondition::None => {}
            FoundByCondition::Several => return Err(several()),
            FoundByCondition::One(version) => {
                let mut answer = Answer::stored(200, *version);
                if let Body::Stored(version) = &answer.body {
                    answer.location = Some(format!("{}/_history/{}", version.key, version.version));
                }
                if request.preference == Return::Minimal {
                    answer.body = Body::Empty;
                }
                return Ok(Step::Done(answer));
            }
        }
    }
    let key = ResourceKey::new(resource_type.as_str(), node.ids.new_id()?);
    let prepared = write::prepare(node, resource_type, request.body.clone(), Method::Post)?;
    let (tail, blob, preference) = (prepared.tail, prepared.content.blob, request.preference);
    let commit = Commit {
        conditions: criteria
            .iter()
            .map(|criteria| criteria.condition(node, Matches::None, Some(0)))
            .collect(),
        audit: Some(audit::draft(context, Action::Create, [&key])),
        blobs: prepared.blobs,
        writes: vec![Write {
            key: key.clone(),
            expect: Expect::New,
            change: Change::Put(prepared.content),
        }],
        ..Commit::default()
    };
    Ok(Step::Commit {
        commit,
        race: Race::Retry,
        waits: blob.is_some(),
        finish: Arc::new(move |node, committed| {
            let done = write::only(committed)?;
            write::written(node, &key, done, &tail, preference, blob)
        }),
    })
}
