//! The three patches of FHIR R4: JSON Patch, XML Patch and FHIRPath Patch.
//!
//! Source: FHIR R4 *RESTful API*, "patch". A patch works on one resource as it is and gives
//! another, or nothing: no operation is kept when a later one fails. What the result must hold
//! to (`id`, versions, validity) is for the caller to check. A patch that is malformed or does not fit
//! the resource is `Invalid` (400) and names the operation: R4 handles the result as an update, where a
//! resource that fails the basic rules gets 400. One that goes over a limit is `Unprocessable` (422).

mod element;
mod fhirpath_patch;
mod json_patch;
mod limits;
mod site;
mod xml_patch;
mod xpath;

#[cfg(test)]
mod suites;

use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::Value;

/// The largest number of operations (IN-22).
pub const MAX_OPERATIONS: usize = 500;

/// A patch as it arrived.
#[derive(Clone, Debug)]
pub enum Patch {
    /// `application/json-patch+json`.
    Json(Vec<u8>),
    /// `application/xml-patch+xml`.
    Xml(Vec<u8>),
    /// A `Parameters` resource.
    FhirPath(Value),
}

/// Applies a patch. The result is a resource of the same type, without empty arrays or objects.
///
/// # Errors
/// `Invalid` where the patch is malformed, an operation fails, or no resource of the same type is left;
/// `Unprocessable` where it has too many operations or puts in too much.
pub fn apply(resource: Value, patch: &Patch, definitions: &Definitions) -> Result<Value> {
    let resource_type = resource.str_at("resourceType").map(str::to_owned);
    let mut patched = match patch {
        Patch::Json(bytes) => json_patch::apply(resource, bytes)?,
        Patch::Xml(bytes) => xml_patch::apply(&resource, bytes, definitions)?,
        Patch::FhirPath(parameters) => fhirpath_patch::apply(resource, parameters, definitions)?,
    };
    limits::prune(&mut patched);
    let found = patched.str_at("resourceType");
    if found != resource_type.as_deref() {
        return Err(unfit(format!(
            "expected the patched resource to remain a {}, found {}",
            resource_type.as_deref().unwrap_or("resource"),
            found.unwrap_or("no resource"),
        )));
    }
    Ok(patched)
}

/// The patch is no patch.
fn malformed(text: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, "structure", text)
}

/// The code of issues about what does not fit.
const UNFIT: &str = "processing";

/// The patch does not fit the resource.
fn unfit(text: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, UNFIT, text)
}

/// The patch asks for more than the server does (IN-22).
fn over(text: impl Into<String>) -> Error {
    Error::new(Kind::Unprocessable, "too-costly", text)
}

/// Puts an error at one operation, counted from 0 as in the patch.
fn at_operation(index: usize, name: &str, place: &str, error: &Error) -> Error {
    let place = shown(place);
    let mut issues = error.issues().to_vec();
    for issue in &mut issues {
        issue.diagnostics = format!(
            "operation {index} ({} {place}): {}",
            name.chars().take(20).collect::<String>(),
            issue.diagnostics
        );
    }
    Error::from_issues(error.kind(), issues)
}

/// A path for an error text: cut, and without quoted text, which may be data of a person.
fn shown(place: &str) -> String {
    let mut quote = None;
    let mut text = String::new();
    for c in place.chars().take(200) {
        match quote {
            Some(open) if c == open => {
                quote = None;
                text.push(c);
            }
            Some(_) => {}
            None => {
                text.push(c);
                if matches!(c, '\'' | '"') {
                    quote = Some(c);
                    text.push('…');
                }
            }
        }
    }
    text
}

fn check_count(found: usize) -> Result<()> {
    if found > MAX_OPERATIONS {
        return Err(Error::new(
            Kind::Unprocessable,
            "too-long",
            format!("expected at most {MAX_OPERATIONS} operations, found {found}"),
        ));
    }
    Ok(())
}
