//! Binary as the bytes it holds. Source: FHIR R4 binary.html.

use std::sync::Arc;

use super::answer::{Answer, Body, Race, Step};
use super::node::Node;
use super::request::{IfMatch, Return};
use super::update::{check_id, expectation};
use super::write::{self, Incoming, Single};
use crate::audit::Action;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::key::{ResourceKey, is_id, is_type_name};
use crate::fhir::model::value::{Object, Value};
use crate::storage::{Document, Expect, Method, Upload, Version};

/// Bytes that become a Binary.
pub struct RawBinary {
    /// The id of an update; `None` creates.
    pub id: Option<String>,
    pub content_type: String,
    /// The header `X-Security-Context`: a reference to the resource whose access rules hold.
    pub security_context: Option<String>,
    pub upload: Arc<Upload>,
    pub if_match: IfMatch,
    pub preference: Return,
}

/// The first half of a create or update of a Binary from raw bytes.
pub fn write_raw(context: &RequestContext, node: &Node, raw: &RawBinary) -> Result<Step> {
    let mut object = Object::new();
    object.push("resourceType", "Binary");
    object.push("contentType", raw.content_type.as_str());
    if let Some(reference) = &raw.security_context {
        let mut context = Object::new();
        context.push("reference", reference.as_str());
        object.push("securityContext", context);
    }
    let incoming = Incoming::from_tree(Value::Object(object));
    write::check(node, &incoming, "Binary")?;
    let (method, action, expect, id) = match &raw.id {
        Some(id) => {
            check_id(id)?;
            let expect = expectation(node, "Binary", &raw.if_match, id)?;
            (Method::Put, Action::Update, expect, id.clone())
        }
        None => (
            Method::Post,
            Action::Create,
            Expect::New,
            node.ids.new_id()?,
        ),
    };
    let mut prepared = write::prepare(node, "Binary", incoming, method)?;
    let draft = node.store.stage(Arc::clone(&raw.upload))?;
    prepared.content.blob = Some(draft.sha256);
    prepared.blobs.push(draft);
    Ok(write::single(
        context,
        prepared,
        Single {
            action,
            key: ResourceKey::new("Binary", id),
            expect,
            conditions: Vec::new(),
            race: Race::of(&raw.if_match),
            preference: raw.preference,
        },
    ))
}

/// The bytes of a Binary, with the media type it declares.
pub fn raw(node: &Node, version: &Version) -> Result<Answer> {
    let tree = json::parse(&node.store.json(version)?, &node.choices.limits)?;
    let content_type = tree
        .str_at("contentType")
        .filter(|text| is_media_type(text))
        .unwrap_or("application/octet-stream")
        .to_owned();
    let document = match version.blob {
        Some(sha256) => node.store.document(sha256)?,
        None => Document::empty(),
    };
    let mut answer = Answer::of(
        200,
        Body::Raw {
            content_type,
            document,
        },
    );
    answer.version = Some((version.version, version.last_updated));
    Ok(answer)
}

/// A Binary as JSON, whose data is put in while it is sent.
pub fn around(node: &Node, version: &Version) -> Result<Answer> {
    let json = node.store.json(version)?;
    let body = match version.blob {
        Some(sha256) => Body::Around {
            json,
            document: node.store.document(sha256)?,
        },
        None => Body::Json(json),
    };
    let mut answer = Answer::of(200, body);
    answer.version = Some((version.version, version.last_updated));
    Ok(answer)
}

/// Reads `X-Security-Context`: a relative or absolute reference to a resource.
///
/// # Errors
/// `Invalid` for anything else.
pub fn security_context(text: &str) -> Result<String> {
    let mut parts = text.rsplit('/');
    let well_formed = match (parts.next(), parts.next()) {
        (Some(id), Some(name)) => is_id(id) && is_type_name(name),
        _ => false,
    };
    if well_formed {
        return Ok(text.to_owned());
    }
    Err(Error::new(
        Kind::Invalid,
        "value",
        "expected a reference such as Patient/1 in X-Security-Context, found another form",
    ))
}

/// `type/subtype` and parameters, in printable characters: safe to be sent as a header.
pub fn is_media_type(text: &str) -> bool {
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    let token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    essence
        .trim()
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for good in [
            "application/pdf",
            "text/plain; charset=utf-8",
            "image/svg+xml",
        ] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "pdf", "a/b\r\nX: y", "/", "a/", "a b/c"] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
