//! `$meta`, `$meta-add`, `$meta-delete`. Source: FHIR R4 resource-operations.html.
//!
//! Adding and removing profiles, tags and security labels makes no new content, but it makes a new
//! version here: a label is part of what a reader may rely on, so that each state can be read back.

use std::sync::Arc;

use super::answer::{Answer, Body, Race, Step};
use super::node::Node;
use super::read::{current, vread};
use super::write::{self, Incoming, meta_of};
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};
use crate::storage::{Change, Commit, Expect, Method, Version, Write, packing};

/// Which change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaChange {
    Add,
    Delete,
}

/// The lists of `meta` that the operations work on.
const LISTS: [&str; 3] = ["profile", "security", "tag"];

/// The `meta` of a resource, or of one of its versions, as Parameters.
pub fn meta(node: &Node, key: &ResourceKey, version: Option<&str>) -> Result<Vec<u8>> {
    node.check_type(&key.resource_type)?;
    let version = match version {
        Some(version) => vread(node, key, version)?,
        None => current(node, key)?,
    };
    let tree = parsed(node, &version)?;
    Ok(parameters(meta_of(&tree)))
}

/// The first half of `$meta-add` and `$meta-delete`.
pub fn change_meta(
    context: &RequestContext,
    node: &Node,
    key: &ResourceKey,
    change: MetaChange,
    body: &Incoming,
) -> Result<Step> {
    node.check_type(&key.resource_type)?;
    write::check(node, body, "Parameters")?;
    let asked = body
        .tree()
        .items_at("parameter")
        .iter()
        .find(|parameter| parameter.str_at("name") == Some("meta"))
        .and_then(|parameter| parameter.get("valueMeta"))
        .and_then(Value::as_object)
        .ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "required",
                "expected a parameter ‘meta’ with a valueMeta, found none",
            )
            .at("Parameters.parameter")
        })?;
    let version = current(node, key)?;
    let mut tree = parsed(node, &version)?;
    let mut meta = meta_of(&tree);
    for list in LISTS {
        let mut items = meta
            .get(list)
            .and_then(Value::as_array)
            .map(<[Value]>::to_vec)
            .unwrap_or_default();
        for wanted in asked.get(list).and_then(Value::as_array).unwrap_or(&[]) {
            match change {
                MetaChange::Add if !items.iter().any(|item| same(item, wanted)) => {
                    items.push(wanted.clone());
                }
                MetaChange::Add => {}
                MetaChange::Delete => items.retain(|item| !same(item, wanted)),
            }
        }
        if items.is_empty() {
            meta.remove(list);
        } else {
            meta.set(list, items);
        }
    }
    if let Some(object) = tree.as_object_mut() {
        object.set("meta", meta);
    }
    let incoming = write::check_result(node, tree, &key.resource_type)?;
    let prepared = write::prepare(node, &key.resource_type, incoming, Method::Put)?;
    let (written_key, tail) = (key.clone(), prepared.tail);
    Ok(Step::Commit {
        commit: Commit {
            audit: Some(audit::draft(context, Action::Update, [key])),
            blobs: prepared.blobs,
            writes: vec![Write {
                key: key.clone(),
                expect: Expect::Version(version.version),
                change: Change::Put(prepared.content),
            }],
            ..Commit::default()
        },
        race: Race::Retry,
        brief: None,
        finish: Arc::new(move |node, committed| {
            let done = write::only(committed)?;
            let now = Version {
                key: written_key.clone(),
                version: done.version,
                last_updated: done.last_updated,
                method: Method::Put,
                deleted: false,
                body: packing::pack(&tail)?,
                // Its meta is in the text.
                blob: None,
            };
            let tree = parsed(node, &now)?;
            let mut answer = Answer::of(200, Body::Json(parameters(meta_of(&tree))));
            answer.version = Some((done.version, done.last_updated));
            Ok(answer)
        }),
    })
}

fn parsed(node: &Node, version: &Version) -> Result<Value> {
    let text = write::content(node, version)?;
    Ok(json::parse(&text, &node.choices.limits)?)
}

/// Codings are the same by system and code; profiles by their text.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(_), Value::Object(_)) => {
            a.str_at("system") == b.str_at("system") && a.str_at("code") == b.str_at("code")
        }
        _ => a == b,
    }
}

fn parameters(meta: Object) -> Vec<u8> {
    let mut parameter = Object::new();
    parameter.push("name", "return");
    parameter.push("valueMeta", meta);
    let mut parameters = Object::new();
    parameters.push("resourceType", "Parameters");
    parameters.push("parameter", vec![Value::Object(parameter)]);
    json::to_vec(&Value::Object(parameters))
}
