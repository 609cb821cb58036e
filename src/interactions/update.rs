//! update, conditional update and update-as-create. Source: FHIR R4 http.html#update, #cond-update.

use super::answer::{Race, Step};
use super::conditional::{Criteria, FoundByCondition, several};
use super::node::Node;
use super::references;
use super::request::{IfMatch, Return};
use super::write::{self, Incoming, Single};
use crate::audit::Action;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::{ResourceKey, is_id};
use crate::storage::{Condition, Expect, Matches, Method};

/// An update as it was asked for.
pub struct UpdateRequest {
    pub resource_type: String,
    pub target: UpdateTarget,
    pub body: Incoming,
    pub if_match: IfMatch,
    pub preference: Return,
}

/// Which resource is meant.
pub enum UpdateTarget {
    Id(String),
    Criteria(Vec<(String, String)>),
}

/// The first half of an update.
pub fn update(context: &RequestContext, node: &Node, request: &UpdateRequest) -> Result<Step> {
    let resource_type = &request.resource_type;
    node.check_type(resource_type)?;
    write::check(node, &request.body, resource_type)?;
    let plan = match &request.target {
        UpdateTarget::Id(id) => by_id(node, request, id)?,
        UpdateTarget::Criteria(pairs) => by_criteria(node, request, pairs)?,
    };
    let key = ResourceKey::new(resource_type.as_str(), plan.id.as_str());
    let mut body = request.body.clone();
    let mut conditions = references::resolve(node, &mut body)?;
    conditions.extend(plan.condition);
    let prepared = write::prepare(node, resource_type, body, Method::Put)?;
    Ok(write::single(
        context,
        prepared,
        Single {
            action: Action::Update,
            key,
            expect: plan.expect,
            conditions,
            race: Race::of(&request.if_match),
            preference: request.preference,
        },
    ))
}

struct Plan {
    id: String,
    expect: Expect,
    condition: Option<Condition>,
}

fn by_id(node: &Node, request: &UpdateRequest, id: &str) -> Result<Plan> {
    check_id(id)?;
    let found = request.body.id().ok_or_else(|| {
        Error::new(
            Kind::Invalid,
            "required",
            format!("expected the id {id} in the body, found none"),
        )
        .at(format!("{}.id", request.resource_type))
    })?;
    if found != id {
        return Err(Error::new(
            Kind::Invalid,
            "value",
            format!("expected the id {id} of the URL in the body, found another"),
        )
        .at(format!("{}.id", request.resource_type)));
    }
    Ok(Plan {
        id: id.to_owned(),
        expect: expectation(node, &request.resource_type, &request.if_match, id)?,
        condition: None,
    })
}

fn by_criteria(node: &Node, request: &UpdateRequest, pairs: &[(String, String)]) -> Result<Plan> {
    let criteria = Criteria::parse(node, &request.resource_type, pairs)?;
    match (criteria.find(node)?, request.body.id()) {
        (FoundByCondition::Several, _) => Err(several()),
        (FoundByCondition::One(version), named) => {
            let id = version.key.id.to_string();
            if named.is_some_and(|named| named != id) {
                return Err(Error::new(
                    Kind::Invalid,
                    "value",
                    "expected no id or that of the resource the condition matches, found another",
                )
                .at(format!("{}.id", request.resource_type)));
            }
            Ok(Plan {
                expect: expectation(node, &request.resource_type, &request.if_match, &id)?,
                condition: Some(criteria.condition(node, Matches::Only(id.clone()), None)?),
                id,
            })
        }
        (FoundByCondition::None, Some(id)) => {
            check_id(id)?;
            let key = ResourceKey::new(request.resource_type.as_str(), id);
            let expect = expectation(node, &request.resource_type, &request.if_match, id)?;
            Ok(Plan {
                id: id.to_owned(),
                expect: unmatched(node, &key, expect)?,
                condition: Some(criteria.condition(node, Matches::None, Some(0))?),
            })
        }
        (FoundByCondition::None, None) => {
            if request.if_match.0.is_some() {
                return Err(no_version());
            }
            Ok(Plan {
                id: node.ids.new_id()?,
                expect: Expect::New,
                condition: Some(criteria.condition(node, Matches::None, Some(0))?),
            })
        }
    }
}

/// What a conditional update that matches nothing may find under the id it names: nothing, or what
/// was deleted. Something else there is not what the condition means, and stays.
pub fn unmatched(node: &Node, key: &ResourceKey, expect: Expect) -> Result<Expect> {
    match node.store.read(key)? {
        Some(version) if !version.deleted => Err(Error::of(
            Kind::Conflict,
            format!("{key} exists already, and the condition does not match it"),
        )),
        None if expect == Expect::Anything => Ok(Expect::New),
        _ => Ok(expect),
    }
}

/// What the update may find, by `If-Match` and by the operator's choices.
pub fn expectation(
    node: &Node,
    resource_type: &str,
    if_match: &IfMatch,
    id: &str,
) -> Result<Expect> {
    let creates = node.holds(node.choices.update_create, resource_type);
    let key = ResourceKey::new(resource_type, id);
    if let Some(version) = if_match.0 {
        // A version of something that does not exist: say so before anything is made ready.
        return match node.store.read(&key)? {
            Some(_) => Ok(Expect::Version(version)),
            None => Err(no_version()),
        };
    }
    if node.holds(node.choices.require_if_match, resource_type) && node.store.read(&key)?.is_some()
    {
        return Err(Error::of(
            Kind::PreconditionRequired,
            "expected If-Match with the version to be replaced, found none",
        ));
    }
    if creates {
        return Ok(Expect::Anything);
    }
    match node.store.read(&key)? {
        Some(_) => Ok(Expect::Known),
        None => Err(Error::new(
            Kind::MethodNotAllowed,
            "not-supported",
            format!("this server gives {resource_type} resources their ids: create with POST"),
        )),
    }
}

fn no_version() -> Error {
    Error::of(
        Kind::PreconditionFailed,
        "expected the version named by If-Match, found no such resource",
    )
}

/// Refuses an id that FHIR does not allow.
pub fn check_id(id: &str) -> Result<()> {
    if is_id(id) {
        return Ok(());
    }
    Err(Error::new(
        Kind::Invalid,
        "value",
        "expected an id of 1 to 64 letters, digits, - or ., found another form",
    ))
}
