//! How the bytes of a resource are kept.
//!
//! A resource is `head + tail`. The head, `{"resourceType":…,"id":…,"meta":{"versionId":…,
//! "lastUpdated":…`, is made from the columns of the row, because only the commit knows version and
//! time. The tail is everything after it exactly as it was written, without white space between
//! tokens, packed once before the commit (`packing`); a read puts the two together and parses nothing.

use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::fhir::model::date::format_instant;
use crate::fhir::model::json::{self, escape_into};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};

/// Appends the head of a resource: an open object with an open `meta`.
pub fn head(key: &ResourceKey, version: i64, last_updated: Instant, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"resourceType\":\"");
    out.extend_from_slice(key.resource_type.as_bytes());
    out.extend_from_slice(b"\",\"id\":\"");
    out.extend_from_slice(key.id.as_bytes());
    out.extend_from_slice(b"\",\"meta\":{\"versionId\":\"");
    out.extend_from_slice(version.to_string().as_bytes());
    out.extend_from_slice(b"\",\"lastUpdated\":\"");
    out.extend_from_slice(format_instant(last_updated).as_bytes());
    out.push(b'"');
}

/// The tail of a resource that is kept as it was written.
///
/// `text` is the JSON text of the resource and `meta` its parsed `meta`, of which everything but
/// `versionId` and `lastUpdated` is kept. `None` when a member is named with escapes: what it is called
/// is then for the tree to say ([`tail_of_object`]).
///
/// # Errors
/// `Internal` when the text is no JSON object, which the caller has already ruled out.
pub fn tail_of_text(text: &[u8], meta: Option<&Value>) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::with_capacity(text.len());
    meta_rest(meta, &mut out);
    let mut members = json::members(text);
    for member in members.by_ref() {
        if matches!(member.name, b"resourceType" | b"id" | b"meta") {
            continue;
        }
        if member.name.contains(&b'\\') {
            return Ok(None);
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(member.name);
        out.extend_from_slice(b"\":");
        json::compact(member.value, &mut out);
    }
    if !members.complete() {
        return Err(Error::internal(
            "a resource that was parsed cannot be walked over",
        ));
    }
    out.push(b'}');
    Ok(Some(out))
}

/// The tail of a resource that was built or changed here.
pub fn tail_of_object(resource: &Object) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    meta_rest(resource.get("meta"), &mut out);
    for (name, value) in resource.iter() {
        if matches!(name, "resourceType" | "id" | "meta") {
            continue;
        }
        out.push(b',');
        escape_into(name, &mut out);
        out.push(b':');
        json::write_into(value, &mut out);
    }
    out.push(b'}');
    out
}

/// Appends the rest of `meta` and closes it.
fn meta_rest(meta: Option<&Value>, out: &mut Vec<u8>) {
    let members = meta.and_then(Value::as_object);
    for (name, value) in members.into_iter().flat_map(Object::iter) {
        if matches!(name, "versionId" | "lastUpdated") {
            continue;
        }
        out.push(b',');
        escape_into(name, out);
        out.push(b':');
        json::write_into(value, out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::super::packing::{pack, unpack_into};
    use super::*;

    fn stored(text: &str) -> String {
        let tree = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
        let tail = match tail_of_text(text.as_bytes(), tree.get("meta")).unwrap() {
            Some(tail) => tail,
            None => tail_of_object(tree.as_object().unwrap()),
        };
        let mut out = Vec::new();
        head(&ResourceKey::new("Patient", "1"), 2, 0, &mut out);
        unpack_into(&pack(&tail).unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_written_comes_back() {
        let head = r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2","lastUpdated":"1970-01-01T00:00:00.000000Z""#;
        for (text, tail) in [
            (r#"{"resourceType":"Patient"}"#, "}}"),
            (
                r#"{ "active" : true, "resourceType":"Patient", "id":"x", "extension":[ {"valueDecimal": 1.50} ] }"#,
                r#"},"active":true,"extension":[{"valueDecimal":1.50}]}"#,
            ),
            (
                r#"{"resourceType":"Patient","meta":{"versionId":"9","profile":["a"],"lastUpdated":"x"},"name":[{"text":"\u00e8 \/"}]}"#,
                r#","profile":["a"]},"name":[{"text":"\u00e8 \/"}]}"#,
            ),
            // A name spelled with escapes is still that name.
            (
                r#"{"resourceTyp\u0065":"Patient","\u0061ctive":true}"#,
                r#"},"active":true}"#,
            ),
        ] {
            assert_eq!(stored(text), format!("{head}{tail}"), "{text}");
        }
    }
}
