//! The steps that every write of a resource takes: read, check, index, pack.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Answer, Body, Finish, Race, Step};
use super::node::Node;
use super::request::Return;
use super::search_parameters;
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::{Error, Issue, Kind, Result, Severity};
use crate::fhir::model::json;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};
use crate::fhir::validation::shape;
use crate::storage::{
    BlobDraft, Change, Commit, Committed, Condition, Content, Expect, Method, Version, Write,
    WriteOutcome, Written, body, packing,
};

/// A resource as it arrived: the text, when it is JSON that may be kept as written, and its tree.
#[derive(Clone, Debug)]
pub struct Incoming {
    text: Option<Vec<u8>>,
    tree: Value,
}

/// A resource that is ready to be committed.
#[derive(Debug)]
pub struct Prepared {
    pub content: Content,
    /// Documents that go with it.
    pub blobs: Vec<BlobDraft>,
    /// What follows the head: to answer with the representation.
    pub tail: Vec<u8>,
}

impl Incoming {
    /// Reads a resource from JSON text.
    ///
    /// # Errors
    /// `Invalid` with the place of the first fault.
    pub fn from_json(node: &Node, text: Vec<u8>) -> Result<Self> {
        let tree = json::parse(&text, &node.choices.limits)?;
        check_size(node, text.len(), &tree)?;
        Ok(Self {
            text: Some(text),
            tree,
        })
    }

    /// Reads a resource from FHIR XML.
    pub fn from_xml(node: &Node, text: &[u8]) -> Result<Self> {
        let tree = crate::fhir::xml::from_xml(text, &node.definitions)?;
        check_size(node, text.len(), &tree)?;
        Ok(Self::from_tree(tree))
    }

    /// A resource that was built here.
    pub fn from_tree(tree: Value) -> Self {
        Self { text: None, tree }
    }

    pub fn tree(&self) -> &Value {
        &self.tree
    }

    /// Changes the tree; when `change` says that it did, the text as it was written is given up.
    pub fn change(&mut self, change: impl FnOnce(&mut Value) -> bool) {
        if change(&mut self.tree) {
            self.text = None;
        }
    }

    pub fn into_tree(self) -> Value {
        self.tree
    }

    pub fn resource_type(&self) -> Option<&str> {
        self.tree.str_at("resourceType")
    }

    pub fn id(&self) -> Option<&str> {
        self.tree.str_at("id")
    }
}

/// Checks what a change made of a resource: the same bounds as for one that is sent (IN-22), so that what
/// is stored can be read and changed again.
///
/// # Errors
/// `Unprocessable` for what is over a bound, as the request was not; `Invalid` with all findings for what
/// has not the shape of its type, as for a resource that is sent.
pub fn check_result(node: &Node, tree: Value, resource_type: &str) -> Result<Incoming> {
    let text = json::to_vec(&tree);
    let incoming = Incoming::from_tree(tree);
    json::parse(&text, &node.choices.limits)
        .map_err(Error::from)
        .and_then(|_| check_size(node, text.len(), &incoming.tree))
        .map_err(|error| Error::from_issues(Kind::Unprocessable, error.into_issues()))?;
    check(node, &incoming, resource_type)?;
    Ok(incoming)
}

/// IN-03: attachment data does not count, it is bounded by IN-04.
fn check_size(node: &Node, length: usize, tree: &Value) -> Result<()> {
    let limit = node.choices.resource_bytes;
    if length <= limit {
        return Ok(());
    }
    let rest = length.saturating_sub(attachment_bytes(tree, 0));
    if rest > limit {
        return Err(Error::of(
            Kind::TooLarge,
            format!(
                "expected a resource of at most {limit} bytes without attachment data, found {rest}"
            ),
        ));
    }
    Ok(())
}

fn attachment_bytes(value: &Value, depth: usize) -> usize {
    if depth > 64 {
        return 0;
    }
    let deeper = depth.saturating_add(1);
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, member)| match member {
                Value::String(text) if name == "data" => text.len(),
                other => attachment_bytes(other, deeper),
            })
            .fold(0, usize::saturating_add),
        Value::Array(items) => items
            .iter()
            .map(|item| attachment_bytes(item, deeper))
            .fold(0, usize::saturating_add),
        _ => 0,
    }
}

/// Checks that a body is a resource of the expected type, with the shape R4 gives it.
///
/// # Errors
/// `Invalid` with all findings.
pub fn check(node: &Node, incoming: &Incoming, resource_type: &str) -> Result<()> {
    match incoming.resource_type() {
        Some(found) if found == resource_type => {}
        Some(found) => {
            let shown: String = found.chars().take(40).collect();
            return Err(Error::of(
                Kind::Invalid,
                format!("expected a resource of type {resource_type}, found {shown}"),
            )
            .at("resourceType"));
        }
        None => {
            return Err(Error::new(
                Kind::Invalid,
                "structure",
                format!(
                    "expected a resource of type {resource_type}, found {} without resourceType",
                    incoming.tree.describe()
                ),
            ));
        }
    }
    let issues = shape::check(&incoming.tree, &node.definitions);
    if issues.iter().any(|issue| issue.severity >= Severity::Error) {
        return Err(Error::from_issues(Kind::Invalid, issues));
    }
    Ok(())
}

/// Makes a checked resource ready to be committed.
pub fn prepare(
    node: &Node,
    resource_type: &str,
    mut incoming: Incoming,
    method: Method,
) -> Result<Prepared> {
    let defines =
        resource_type == search_parameters::TYPE && search_parameters::check(node, &incoming.tree)?;
    let mut blobs = Vec::new();
    let mut blob = None;
    if resource_type == "Binary"
        && let Some(draft) = take_data(node, &mut incoming)?
    {
        blob = Some(draft.sha256);
        blobs.push(draft);
    }
    let rows = node.index(resource_type, &incoming.tree)?;
    let as_written = match &incoming.text {
        Some(text) => body::tail_of_text(text, incoming.tree.get("meta"))?,
        None => None,
    };
    let tail = match (as_written, incoming.tree.as_object()) {
        (Some(tail), _) => tail,
        (None, Some(object)) => body::tail_of_object(object),
        (None, None) => return Err(Error::internal("a resource that is no object")),
    };
    Ok(Prepared {
        content: Content {
            body: packing::pack(&tail)?,
            blob,
            rows,
            method,
            defines,
            unless_equal: false,
        },
        blobs,
        tail,
    })
}

/// `Binary.data` is kept as a document, not as text: takes it out of the resource.
fn take_data(node: &Node, incoming: &mut Incoming) -> Result<Option<BlobDraft>> {
    let Some(object) = incoming.tree.as_object_mut() else {
        return Ok(None);
    };
    let Some(Value::String(data)) = object.remove("data") else {
        return Ok(None);
    };
    incoming.text = None;
    let compact: Vec<u8> = data.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| {
        Error::new(
            Kind::Invalid,
            "value",
            "expected base64 data, found other text",
        )
        .at("Binary.data")
    })?;
    let limit = node.choices.document_bytes;
    if bytes.len() > limit {
        return Err(Error::of(
            Kind::TooLarge,
            format!(
                "expected a document of at most {limit} bytes, found {}",
                bytes.len()
            ),
        )
        .at("Binary.data"));
    }
    let mut upload = node.store.upload()?;
    upload.write(&bytes)?;
    node.store.stage(Arc::new(upload.finish()?)).map(Some)
}

/// One resource that is to be written, and under which circumstances.
pub struct Single {
    pub action: Action,
    pub key: ResourceKey,
    pub expect: Expect,
    pub conditions: Vec<Condition>,
    pub race: Race,
    pub preference: Return,
}

/// The first half of a write of one resource.
pub fn single(context: &RequestContext, prepared: Prepared, single: Single) -> Step {
    let Single {
        action,
        key,
        expect,
        conditions,
        race,
        preference,
    } = single;
    let (tail, blob) = (prepared.tail, prepared.content.blob);
    Step::Commit {
        commit: Commit {
            conditions,
            audit: Some(audit::draft(context, action, [&key])),
            blobs: prepared.blobs,
            writes: vec![Write {
                key: key.clone(),
                expect,
                change: Change::Put(prepared.content),
            }],
            ..Commit::default()
        },
        race,
        // The answer may hold the document, which is then read back.
        brief: (blob.is_some() && preference == Return::Representation).then(|| {
            let key = key.clone();
            let brief: Finish = Arc::new(move |node, committed| {
                written(node, &key, only(committed)?, &[], Return::Minimal, None)
            });
            brief
        }),
        finish: Arc::new(move |node, committed| {
            let done = only(committed)?;
            written(node, &key, done, &tail, preference, blob)
        }),
    }
}

/// The answer to a write, as the client prefers it.
fn written(
    node: &Node,
    key: &ResourceKey,
    written: Written,
    tail: &[u8],
    preference: Return,
    blob: Option<[u8; 32]>,
) -> Result<Answer> {
    let status = match written.outcome {
        WriteOutcome::Created => 201,
        _ => 200,
    };
    let body = match preference {
        Return::Minimal => Body::Empty,
        Return::OperationOutcome => Body::Outcome(vec![Issue::information(
            "informational",
            format!("{key} is stored as version {}", written.version),
        )]),
        Return::Representation => {
            let mut out = Vec::with_capacity(tail.len().saturating_add(256));
            body::head(key, written.version, written.last_updated, &mut out);
            out.extend_from_slice(tail);
            Body::Json(with_data(node, out, blob)?)
        }
    };
    Ok(Answer {
        status,
        body,
        version: Some((written.version, written.last_updated)),
        location: Some(format!("{key}/_history/{}", written.version)),
        content_location: None,
    })
}

/// A stored version as JSON, with its document if it has one.
///
/// # Errors
/// `Damaged` when the stored bytes are not those that were written.
pub fn content(node: &Node, version: &Version) -> Result<Vec<u8>> {
    with_data(node, node.store.json(version)?, version.blob)
}

/// What stands in a Bundle in place of an entry whose bytes are damaged: not which.
pub fn unreadable() -> Issue {
    Issue::error(
        "exception",
        "one entry could not be read, because what is stored is damaged",
    )
}

/// Puts the document of a Binary back into its JSON.
fn with_data(node: &Node, json: Vec<u8>, blob: Option<[u8; 32]>) -> Result<Vec<u8>> {
    let Some(sha256) = blob else {
        return Ok(json);
    };
    let data = STANDARD.encode(node.store.blob(sha256)?);
    let mut out = json;
    // The object ends with its brace; `data` becomes its last member.
    if out.pop() != Some(b'}') {
        return Err(Error::internal("a stored resource does not end as one"));
    }
    out.extend_from_slice(b",\"data\":\"");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(b"\"}");
    Ok(out)
}

/// What the commit did to its only write.
pub fn only(committed: &Committed) -> Result<Written> {
    committed
        .writes
        .first()
        .copied()
        .ok_or_else(|| Error::internal("a commit without a write"))
}

/// A member object of `meta`, for the operations that change it.
pub fn meta_of(tree: &Value) -> Object {
    tree.get("meta")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}
