//! `resolve()`: from a reference to the resource.
//!
//! Looked for among the contained resources, then in the Bundle, then through the port. Source: FHIR R4
//! *FHIRPath*, "Additional functions"; *Bundle*, "Resolving references in Bundles".

use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::{Item, Node};
use super::{Args, Function, function};
use crate::fhir::model::key::is_type_name;
use crate::fhir::model::value::Value;

pub(super) const REFERENCES: &[Function] = &[function("resolve", (0, 0), resolve)];

/// Resources are no deeper than this (IN-07).
const MAX_DEPTH: u32 = 128;

fn resolve<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let mut found = Vec::new();
    for item in &input {
        let (reference, declared, place) = match item {
            Item::Node(node) => match node.value {
                Value::String(text) => (Some(text.as_str()), None, Some(node.value)),
                value => (
                    value.str_at("reference"),
                    value.str_at("type"),
                    Some(node.value),
                ),
            },
            Item::String(text) => (Some(text.as_ref()), None, None),
            _ => continue,
        };
        if let Some(text) = reference
            && let Some(resource) = locate(args, text, place)?
        {
            let definitions = args.evaluator.env.definitions;
            found.push(Item::Node(Node::resource(resource, definitions)));
        } else if args.evaluator.env.targets && !reference.is_some_and(|text| text.starts_with('#'))
        {
            found.extend(target(args, item, declared).map(Item::Target));
        }
    }
    Ok(found)
}

/// The type of what a reference in a resource leads to, where it says so.
fn target<'a>(args: &Args<'_, 'a>, item: &Item<'a>, declared: Option<&'a str>) -> Option<&'a str> {
    let reference = match item.node()?.value {
        Value::String(text) => Some(text.as_str()),
        value => value.str_at("reference"),
    };
    let named = reference
        .and_then(type_in_reference)
        .filter(|name| args.evaluator.env.definitions.schema(name).is_some());
    // `type` may be a canonical of a type's definition.
    let declared = declared.and_then(|text| text.rsplit('/').next());
    named.or(declared)
}

fn locate<'a>(
    args: &Args<'_, 'a>,
    reference: &str,
    place: Option<&'a Value>,
) -> Result<Option<&'a Value>, FhirPathError> {
    let env = args.evaluator.env;
    let focus = args.evaluator.focus();
    let root = env.root_resource.or(env.resource).or(focus);
    let root = root.map(|node| node.value);
    if let Some(id) = reference.strip_prefix('#') {
        return Ok(match root {
            Some(root) => contained(container(args, root, place)?, id),
            None => None,
        });
    }
    if let Some(bundle) = env.bundle.or(root.filter(|root| is_bundle(root))) {
        let place = env.resource.map(|node| node.value).or(place);
        if let Some(found) = in_bundle(args, bundle, place, reference)? {
            return Ok(Some(found));
        }
    }
    match env.ports.references {
        Some(port) => {
            args.evaluator.spend_steps(1)?;
            let answer = port.find(reference);
            answer.map_err(|why| args.unanswered(why))
        }
        None => Ok(None),
    }
}

fn is_bundle(resource: &Value) -> bool {
    resource.str_at("resourceType") == Some("Bundle")
}

/// A resource contained in another, or the container itself for `#`.
fn contained<'a>(container: &'a Value, id: &str) -> Option<&'a Value> {
    if id.is_empty() {
        return Some(container);
    }
    container
        .items_at("contained")
        .iter()
        .find(|resource| resource.str_at("id") == Some(id))
}

/// The resource that contains others for a place: within a Bundle, that of the entry.
fn container<'a>(
    args: &Args<'_, 'a>,
    root: &'a Value,
    place: Option<&'a Value>,
) -> Result<&'a Value, FhirPathError> {
    if !is_bundle(root) {
        return Ok(root);
    }
    let entry = match place {
        Some(place) => entry_around(args, root, place)?,
        None => None,
    };
    Ok(entry
        .and_then(|entry| entry.get("resource"))
        .unwrap_or(root))
}

/// The entry of a Bundle that a value stands in.
fn entry_around<'a>(
    args: &Args<'_, 'a>,
    bundle: &'a Value,
    place: &Value,
) -> Result<Option<&'a Value>, FhirPathError> {
    for entry in bundle.items_at("entry") {
        let mut seen = 0;
        let found = entry
            .get("resource")
            .is_some_and(|resource| holds(resource, place, 0, &mut seen));
        args.evaluator.spend(seen)?;
        if found {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Whether a value stands in another, itself among them.
fn holds(value: &Value, place: &Value, depth: u32, seen: &mut u64) -> bool {
    *seen = seen.saturating_add(1);
    if std::ptr::eq(value, place) {
        return true;
    }
    if depth > MAX_DEPTH {
        return false;
    }
    let deeper = depth.saturating_add(1);
    match value {
        Value::Object(object) => object
            .iter()
            .any(|(_, member)| holds(member, place, deeper, seen)),
        Value::Array(items) => items.iter().any(|item| holds(item, place, deeper, seen)),
        _ => false,
    }
}

/// The resource of a Bundle by full URL. A relative reference is read against the full URL of the entry
/// that it stands in.
fn in_bundle<'a>(
    args: &Args<'_, 'a>,
    bundle: &'a Value,
    place: Option<&'a Value>,
    reference: &str,
) -> Result<Option<&'a Value>, FhirPathError> {
    let (url, version) = match reference.split_once("/_history/") {
        Some((url, version)) => (url, Some(version)),
        None => (reference, None),
    };
    let url = if reference.contains(':') {
        url.to_owned()
    } else {
        let around = match place {
            Some(place) => entry_around(args, bundle, place)?,
            None => None,
        };
        let around = around.and_then(|entry| entry.str_at("fullUrl"));
        match around.and_then(base) {
            Some(base) => format!("{base}{url}"),
            None => return Ok(None),
        }
    };
    let entries = bundle.items_at("entry");
    args.evaluator.spend_text(entries.len())?;
    let found = entries.iter().find(|entry| {
        let resource = entry.get("resource");
        let own = || resource?.get("meta")?.str_at("versionId");
        resource.is_some()
            && entry.str_at("fullUrl") == Some(url.as_str())
            && version.is_none_or(|version| own() == Some(version))
    });
    Ok(found.and_then(|entry| entry.get("resource")))
}

/// The base of a full URL that ends with a type and an id; with the slash.
fn base(full_url: &str) -> Option<&str> {
    let mut parts = full_url.rsplitn(3, '/');
    let id = parts.next().filter(|id| !id.is_empty())?;
    let name = parts.next().filter(|name| is_type_name(name))?;
    let length = full_url
        .len()
        .checked_sub(id.len())?
        .checked_sub(name.len())?;
    full_url.get(..length.checked_sub(1)?)
}

/// `Patient` of `Patient/1`, `http://example.org/fhir/Patient/1` and `Patient/1/_history/2`;
/// `None` of a `urn:`.
fn type_in_reference(reference: &str) -> Option<&str> {
    let path = reference.split(['?', '#']).next()?;
    let path = path.split("/_history/").next()?;
    let mut parts = path.rsplit('/');
    parts.next().filter(|id| !id.is_empty())?;
    parts.next().filter(|name| is_type_name(name))
}

#[cfg(test)]
mod tests {
    use super::{base, type_in_reference};

    #[test]
    fn types_of_references() {
        for (reference, expected) in [
            ("Patient/1", Some("Patient")),
            ("http://example.org/fhir/Patient/1", Some("Patient")),
            ("Patient/1/_history/2", Some("Patient")),
            ("urn:uuid:79a14950-442c-11ed-b878-0242ac120002", None),
            ("1", None),
            ("", None),
            ("http://example.org/other", None),
        ] {
            assert_eq!(type_in_reference(reference), expected, "{reference}");
        }
    }

    #[test]
    fn bases_of_full_urls() {
        for (full_url, expected) in [
            ("http://a.org/fhir/Patient/1", Some("http://a.org/fhir/")),
            ("urn:uuid:79a14950-442c-11ed-b878-0242ac120002", None),
            ("http://a.org/fhir/Patient/", None),
            ("Patient/1", Some("")),
        ] {
            assert_eq!(base(full_url), expected, "{full_url}");
        }
    }
}
