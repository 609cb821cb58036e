//! create and conditional create. Source: FHIR R4 http.html#create, #ccreate.

use super::answer::{Answer, Body, Race, Step};
use super::conditional::{Criteria, FoundByCondition, several};
use super::node::Node;
use super::references;
use super::request::Return;
use super::write::{self, Incoming, Single};
use crate::audit::Action;
use crate::context::RequestContext;
use crate::error::{Issue, Result};
use crate::fhir::model::key::ResourceKey;
use crate::storage::{Expect, Matches, Method};

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
                match request.preference {
                    Return::Representation => {}
                    Return::Minimal => answer.body = Body::Empty,
                    Return::OperationOutcome => {
                        let text = "the condition matches this resource: nothing is created";
                        answer.body =
                            Body::Outcome(vec![Issue::information("informational", text)]);
                    }
                }
                return Ok(Step::Done(answer));
            }
        }
    }
    let key = ResourceKey::new(resource_type.as_str(), node.ids.new_id()?);
    let mut body = request.body.clone();
    let mut conditions = references::resolve(node, &mut body)?;
    if let Some(criteria) = &criteria {
        conditions.push(criteria.condition(node, Matches::None, Some(0))?);
    }
    let prepared = write::prepare(node, resource_type, body, Method::Post)?;
    Ok(write::single(
        context,
        prepared,
        Single {
            action: Action::Create,
            key,
            expect: Expect::New,
            conditions,
            race: Race::Retry,
            preference: request.preference,
        },
    ))
}
