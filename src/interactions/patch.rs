//! patch and conditional patch. Source: FHIR R4 http.html#patch, #cond-patch.

use super::answer::{Race, Step};
use super::conditional::{Criteria, FoundByCondition, several};
use super::node::Node;
use super::read::current;
use super::references;
use super::request::{IfMatch, Return};
use super::update::{UpdateTarget, check_id};
use super::write::{self, Incoming, Single};
use crate::audit::Action;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Value;
use crate::fhir::patch::{Patch, apply};
use crate::storage::{Expect, Matches, Method, Version};

/// A patch as it was asked for.
pub struct PatchRequest {
    pub resource_type: String,
    pub target: UpdateTarget,
    pub patch: Patch,
    pub if_match: IfMatch,
    pub preference: Return,
}

/// The first half of a patch.
pub fn patch(context: &RequestContext, node: &Node, request: &PatchRequest) -> Result<Step> {
    node.check_type(&request.resource_type)?;
    let (version, condition) = match &request.target {
        UpdateTarget::Id(id) => {
            check_id(id)?;
            let key = ResourceKey::new(request.resource_type.as_str(), id.as_str());
            (current(node, &key)?, None)
        }
        UpdateTarget::Criteria(pairs) => {
            let criteria = Criteria::parse(node, &request.resource_type, pairs)?;
            match criteria.find(node)? {
                FoundByCondition::Several => return Err(several()),
                FoundByCondition::None => {
                    return Err(Error::of(
                        Kind::NotFound,
                        "expected the condition to match one resource, found none",
                    ));
                }
                FoundByCondition::One(version) => {
                    let only = Matches::Only(version.key.id.to_string());
                    let condition = criteria.condition(node, only, None)?;
                    (*version, Some(condition))
                }
            }
        }
    };
    if let Some(wanted) = request.if_match.0
        && wanted != version.version
    {
        return Err(Error::of(
            Kind::PreconditionFailed,
            format!(
                "expected the version named by If-Match, found version {}",
                version.version
            ),
        ));
    }
    if request.if_match.0.is_none()
        && node.holds(node.choices.require_if_match, &request.resource_type)
    {
        return Err(Error::of(
            Kind::PreconditionRequired,
            "expected If-Match with the version to be changed, found none",
        ));
    }
    let mut patched = patched(node, &version, &request.patch)?;
    let mut conditions = references::resolve(node, &mut patched)?;
    conditions.extend(condition);
    let prepared = write::prepare(node, &request.resource_type, patched, Method::Patch)?;
    Ok(write::single(
        context,
        prepared,
        Single {
            action: Action::Update,
            key: version.key,
            expect: Expect::Version(version.version),
            conditions,
            race: Race::of(&request.if_match),
            preference: request.preference,
        },
    ))
}

/// The resource after the patch, with the shape R4 gives it and still the same resource (IN-22).
pub fn patched(node: &Node, version: &Version, patch: &Patch) -> Result<Incoming> {
    let text = write::content(node, version)?;
    let before = json::parse(&text, &node.choices.limits)?;
    let protected: Vec<Option<Value>> = protected(&before);
    let after = apply(before, patch, &node.definitions)?;
    if protected != self::protected(&after) {
        return Err(Error::new(
            Kind::Invalid,
            "business-rule",
            "expected resourceType, id and meta.versionId, which are immutable, found a patch that changes one",
        ));
    }
    write::check_result(node, after, &version.key.resource_type)
}

fn protected(tree: &Value) -> Vec<Option<Value>> {
    vec![
        tree.get("resourceType").cloned(),
        tree.get("id").cloned(),
        tree.get("meta")
            .and_then(|meta| meta.get("versionId"))
            .cloned(),
    ]
}
