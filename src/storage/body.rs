//! How the bytes of a resource are kept.
//!
//! A resource is `head + tail`. The head, `{"resourceType":…,"id":…,"meta":{"versionId":…,
//! "lastUpdated":…`, is made from the columns of the row, because only the commit knows version and
//! time. The tail is everything after it exactly as it was written, without white space between
//! tokens, compressed once before the commit; a read puts the two together and parses nothing.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::fhir::model::date::format_instant;
use crate::fhir::model::json::{self, escape_into};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};

/// Speed over size: level 1 takes a third of the time of level 3 for 5 % more bytes.
const LEVEL: i32 = 1;
/// No body is larger than this, whatever a damaged frame says.
const LARGEST: usize = 256 << 20;

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

thread_local! {
    // A zstd context is far more expensive to make than to use.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The form in which a tail is kept: one zstd frame with a checksum, so that bit rot shows.
pub fn compress(tail: &[u8]) -> Result<Vec<u8>> {
    let failed = |error: io::Error| Error::internal("a body cannot be compressed").because(error);
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => {
                let mut compressor = Compressor::new(LEVEL).map_err(failed)?;
                compressor.include_checksum(true).map_err(failed)?;
                slot.insert(compressor)
            }
        };
        let mut body = compressor.compress(tail).map_err(failed)?;
        // It was made as large as the worst case; many are held at once during an import.
        body.shrink_to_fit();
        Ok(body)
    })
}

/// Appends the tail that was kept.
///
/// # Errors
/// `Internal` when the stored bytes are damaged; they are never served.
pub fn decompress_into(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let failed = |error: io::Error| Error::internal("a stored body is damaged").because(error);
    let size = zstd::zstd_safe::get_frame_content_size(body)
        .ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size <= LARGEST)
        .ok_or_else(|| Error::internal("a stored body has no size"))?;
    let tail = DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(Decompressor::new().map_err(failed)?),
        };
        decompressor.decompress(body, size).map_err(failed)
    })?;
    out.extend_from_slice(&tail);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> String {
        let tree = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
        let tail = match tail_of_text(text.as_bytes(), tree.get("meta")).unwrap() {
            Some(tail) => tail,
            None => tail_of_object(tree.as_object().unwrap()),
        };
        let mut out = Vec::new();
        head(&ResourceKey::new("Patient", "1"), 2, 0, &mut out);
        decompress_into(&compress(&tail).unwrap(), &mut out).unwrap();
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

    #[test]
    fn dur_07_damage_shows() {
        let mut body = compress(b"}}").unwrap();
        let last = body.len() - 1;
        body[last] ^= 1;
        assert!(decompress_into(&body, &mut Vec::new()).is_err());
        assert!(decompress_into(b"", &mut Vec::new()).is_err());
    }
}
