//! batch and transaction. Source: FHIR R4 http.html#transaction, bundle.html.
//!
//! The Bundle is cut into its entries without building a tree of the whole; each entry is parsed,
//! checked, indexed and compressed on its own, so that memory is bounded by the bytes that arrived
//! and those that will be stored.

mod batch;
mod entry;
mod made;
mod planned;
mod references;
mod transaction;

use super::answer::{Answer, Body, Step};
use super::node::Node;
use super::request::Return;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result, Severity};
use crate::fhir::model::bundle::{CutError, RawBundle};
use crate::fhir::model::json;
use crate::fhir::validation::shape;

/// Executes a batch, or the first half of a transaction; the answer is the Bundle of responses.
///
/// # Errors
/// `Invalid` when the Bundle as a whole is wrong; for a transaction also the first failure of an
/// entry, with its place. A batch answers failures in place.
pub fn process(
    context: &RequestContext,
    node: &Node,
    text: &[u8],
    preference: Return,
) -> Result<Step> {
    let bundle = cut(node, text)?;
    check_frame(node, &bundle, text)?;
    match bundle.bundle_type {
        Some(b"\"batch\"") => {
            let json = batch::run(context, node, &bundle.entries, preference)?;
            Ok(Step::Done(Answer::of(200, Body::Json(json))))
        }
        Some(b"\"transaction\"") => {
            transaction::first_half(context, node, &bundle.entries, preference)
        }
        Some(_) => Err(Error::new(
            Kind::Invalid,
            "value",
            "expected a Bundle of type batch or transaction, found another",
        )
        .at("Bundle.type")),
        None => Err(Error::new(
            Kind::Invalid,
            "required",
            "expected a Bundle with a type, found none",
        )
        .at("Bundle.type")),
    }
}

/// Whether a text is a batch, whose entries are executed one by one and not in one commit.
pub fn is_batch(node: &Node, text: &[u8]) -> bool {
    cut(node, text).is_ok_and(|bundle| bundle.bundle_type == Some(b"\"batch\""))
}

fn cut<'a>(node: &Node, text: &'a [u8]) -> Result<RawBundle<'a>> {
    let most = node.choices.bundle_entries;
    RawBundle::cut(text, most).map_err(|error| match error {
        CutError::TooMany => Error::of(
            Kind::TooLarge,
            format!("expected a Bundle of at most {most} entries, found more"),
        )
        .at("Bundle.entry"),
        CutError::Escaped => Error::new(
            Kind::Invalid,
            "structure",
            "expected the members of a Bundle by their plain names, found one with escapes",
        ),
        // The tree parser names line, column and place; limits by entry do not matter for that.
        CutError::Malformed | CutError::Entry | CutError::Twice => {
            let limits = json::Limits {
                nodes: usize::MAX,
                ..node.choices.limits
            };
            match json::parse(text, &limits) {
                Err(fault) => fault.into(),
                Ok(_) => Error::new(
                    Kind::Invalid,
                    "structure",
                    "expected a Bundle whose entry is a list of objects, found another form",
                )
                .at("Bundle.entry"),
            }
        }
    })
}

/// Checks the Bundle without its entries, and that it is a Bundle at all.
fn check_frame(node: &Node, bundle: &RawBundle<'_>, text: &[u8]) -> Result<()> {
    if bundle.resource_type != Some(b"\"Bundle\"") {
        return Err(Error::new(
            Kind::Invalid,
            "structure",
            "expected a Bundle of type batch or transaction at the base, found another resource",
        ));
    }
    if std::str::from_utf8(text).is_err() {
        return Err(Error::new(
            Kind::Invalid,
            "structure",
            "expected UTF-8, found an invalid byte",
        ));
    }
    let mut frame = b"{\"resourceType\":\"Bundle\"".to_vec();
    for (name, value) in bundle
        .rest
        .iter()
        .map(|member| (member.name, member.value))
        .chain(bundle.bundle_type.map(|value| (b"type".as_slice(), value)))
    {
        frame.extend_from_slice(b",\"");
        frame.extend_from_slice(name);
        frame.extend_from_slice(b"\":");
        frame.extend_from_slice(value);
    }
    frame.push(b'}');
    let tree = json::parse(&frame, &node.choices.limits)?;
    let issues = shape::check(&tree, &node.definitions);
    if issues.iter().any(|issue| issue.severity >= Severity::Error) {
        return Err(Error::from_issues(Kind::Invalid, issues));
    }
    Ok(())
}
