//! batch and transaction. Source: FHIR R4 http.html#transaction, bundle.html.
//!
//! The Bundle is cut into its entries without building a tree of the whole, and without having it in memory
//! when it is large; each entry is read, parsed, checked, indexed and compressed on its own, so that
//! memory is bounded by what will be stored.

mod batch;
mod entry;
mod made;
mod planned;
mod transaction;

use std::io::Read;
use std::ops::Range;

use super::answer::{Answer, Body, Step};
use super::node::Node;
use super::request::Return;
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result, Severity};
use crate::fhir::model::cutter::{Cut, CutError, Cutter};
use crate::fhir::model::json;
use crate::fhir::validation::shape;
use crate::storage::Received;

/// Bytes of a Bundle that are looked at at once.
const PIECE: usize = 64 * 1024;

/// Executes a batch, or the first half of a transaction; the answer is the Bundle of responses.
///
/// # Errors
/// `Invalid` when the Bundle as a whole is wrong; for a transaction also the first failure of an
/// entry, with its place. A batch answers failures in place.
pub fn process(
    context: &RequestContext,
    node: &Node,
    text: &Received,
    preference: Option<Return>,
) -> Result<Step> {
    let bundle = cut(node, text)?;
    check_frame(node, &bundle, text)?;
    match bundle
        .bundle_type
        .map(|part| text.part(&part))
        .transpose()?
    {
        Some(found) if *found == *b"\"batch\"" => {
            let preference = preference.unwrap_or(Return::Minimal);
            let json = batch::run(context, node, text, &bundle.entries, preference)?;
            Ok(Step::Done(Answer::of(200, Body::Json(json))))
        }
        Some(found) if *found == *b"\"transaction\"" => {
            transaction::first_half(context, node, text, &bundle.entries, preference)
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
pub fn is_batch(node: &Node, text: &Received) -> Result<bool> {
    let found = match cut(node, text)?.bundle_type {
        Some(part) => *text.part(&part)? == *b"\"batch\"",
        None => false,
    };
    Ok(found)
}

fn cut(node: &Node, text: &Received) -> Result<Cut> {
    let most = node.choices.bundle_entries;
    let mut cutter = Cutter::new(most);
    let mut reader = text.reader();
    let mut piece = vec![0; PIECE];
    let fault = loop {
        let read = reader
            .read(&mut piece)
            .map_err(|error| Error::internal("a body cannot be read back").because(error))?;
        if read == 0 {
            let end = cutter.position();
            match cutter.finish() {
                Ok(cut) => return Ok(cut),
                Err(error) => break (error, end),
            }
        }
        if let Err(error) = cutter.feed(piece.get(..read).unwrap_or(&[])) {
            break (error, cutter.position());
        }
    };
    Err(match (fault, text) {
        ((CutError::TooMany, _), _) => Error::of(
            Kind::TooLarge,
            format!("expected a Bundle of at most {most} entries, found more"),
        )
        .at("Bundle.entry"),
        ((CutError::Escaped, _), _) => Error::new(
            Kind::Invalid,
            "structure",
            "expected the members of a Bundle by their plain names, found one with escapes",
        ),
        ((CutError::NoUtf8, _), _) => Error::new(
            Kind::Invalid,
            "structure",
            "expected UTF-8, found an invalid byte",
        ),
        // The tree parser names line, column and place; limits by entry do not matter for that.
        (_, Received::Memory(text)) => {
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
        // A tree of this would be many times as large.
        ((_, at), Received::File { .. }) => Error::new(
            Kind::Invalid,
            "structure",
            format!(
                "expected a Bundle in well-formed JSON whose entry is a list of objects, found another text at byte {at}"
            ),
        ),
    })
}

/// Checks the Bundle without its entries, and that it is a Bundle at all.
fn check_frame(node: &Node, bundle: &Cut, text: &Received) -> Result<()> {
    let part = |part: &Option<Range<u64>>| part.as_ref().map(|part| text.part(part)).transpose();
    if part(&bundle.resource_type)?.as_deref() != Some(b"\"Bundle\"") {
        return Err(Error::new(
            Kind::Invalid,
            "structure",
            "expected a Bundle of type batch or transaction at the base, found another resource",
        ));
    }
    let mut frame = b"{\"resourceType\":\"Bundle\"".to_vec();
    for member in &bundle.rest {
        frame.push(b',');
        frame.extend_from_slice(&text.part(member)?);
    }
    if let Some(value) = part(&bundle.bundle_type)? {
        frame.extend_from_slice(b",\"type\":");
        frame.extend_from_slice(&value);
    }
    frame.push(b'}');
    let tree = json::parse(&frame, &node.choices.limits)?;
    let issues = shape::check(&tree, &node.definitions);
    if issues.iter().any(|issue| issue.severity >= Severity::Error) {
        return Err(Error::from_issues(Kind::Invalid, issues));
    }
    Ok(())
}
