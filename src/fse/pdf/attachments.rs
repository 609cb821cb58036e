//! The embedded files of a PDF, and the CDA among them.

use std::collections::HashSet;

use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

use super::{Extracted, How, LARGEST, MOST_INFLATED, MOST_RATIO, PdfError, SMALL};

/// The name that the gateway demands, in any case.
const NAME: &str = "cda.xml";
/// Nodes of the name tree below each other.
const DEEPEST: usize = 16;
/// Nodes of the name tree, and attachments.
const MOST_NODES: usize = 10_000;

/// An embedded file, not yet decoded.
struct Attachment<'a> {
    /// The key in the name tree, `/F` and `/UF`.
    names: Vec<String>,
    stream: Option<&'a Stream>,
}

/// Finds the one CDA.
pub(super) fn find(document: &Document) -> Result<Extracted, PdfError> {
    let mut attachments = Vec::new();
    collect(document, &mut attachments)?;
    let total = attachments.len();
    let named: Vec<(&Attachment<'_>, &String)> = attachments
        .iter()
        .filter_map(|attachment| {
            let name = attachment
                .names
                .iter()
                .find(|name| name.eq_ignore_ascii_case(NAME))?;
            Some((attachment, name))
        })
        .collect();
    let resources = xfa_documents(document)?;
    match (named.as_slice(), resources.as_slice()) {
        ([], []) => Err(PdfError::NoClinicalDocument { attachments: total }),
        ([(attachment, name)], []) => {
            let stream = attachment.stream.ok_or(PdfError::NoBytes)?;
            check_type(stream)?;
            Ok(Extracted {
                cda: content(stream)?,
                attachment_name: (*name).clone(),
                how: How::Attachment,
            })
        }
        ([], [cda]) => Ok(Extracted {
            cda: cda.clone(),
            attachment_name: "XFA".to_owned(),
            how: How::Resource,
        }),
        (named, resources) => Err(PdfError::SeveralClinicalDocuments {
            found: named.len().saturating_add(resources.len()),
        }),
    }
}

/// All attachments: of the name tree, and the associated files of the catalog. One file that is
/// reachable in several ways counts once.
fn collect<'a>(document: &'a Document, out: &mut Vec<Attachment<'a>>) -> Result<(), PdfError> {
    let catalog = document.catalog().map_err(|_| PdfError::Unreadable)?;
    let mut seen: HashSet<ObjectId> = HashSet::new();
    let tree = catalog
        .get_deref(b"Names", document)
        .and_then(Object::as_dict)
        .and_then(|names| names.get_deref(b"EmbeddedFiles", document))
        .and_then(Object::as_dict);
    if let Ok(tree) = tree {
        let mut nodes = 0usize;
        let mut open = vec![(tree, 0usize)];
        while let Some((node, depth)) = open.pop() {
            nodes = nodes.saturating_add(1);
            if nodes > MOST_NODES {
                return Err(too_many());
            }
            for pair in array(document, node, b"Names").chunks(2) {
                if let [key, specification] = pair {
                    add(document, Some(key), specification, &mut seen, out)?;
                }
            }
            for kid in array(document, node, b"Kids") {
                if depth >= DEEPEST {
                    return Err(PdfError::TooDeep { limit: DEEPEST });
                }
                if let Some(kid) = dictionary(document, kid) {
                    open.push((kid, depth.saturating_add(1)));
                }
            }
        }
    }
    for specification in array(document, catalog, b"AF") {
        add(document, None, specification, &mut seen, out)?;
    }
    Ok(())
}

fn add<'a>(
    document: &'a Document,
    key: Option<&Object>,
    specification: &'a Object,
    seen: &mut HashSet<ObjectId>,
    out: &mut Vec<Attachment<'a>>,
) -> Result<(), PdfError> {
    if out.len() >= MOST_NODES {
        return Err(too_many());
    }
    let Some(specification) = dictionary(document, specification) else {
        return Ok(());
    };
    let files = specification
        .get_deref(b"EF", document)
        .and_then(Object::as_dict);
    let file = files.and_then(|files| files.get(b"F").or_else(|_| files.get(b"UF")));
    if let Ok(file) = file
        && let Ok(id) = file.as_reference()
        && !seen.insert(id)
    {
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    names.extend(key.and_then(|key| text(document, key)));
    for member in [b"UF".as_slice(), b"F"] {
        names.extend(
            specification
                .get(member)
                .ok()
                .and_then(|name| text(document, name)),
        );
    }
    let stream = file
        .and_then(|file| document.dereference(file))
        .and_then(|(_, object)| object.as_stream())
        .ok();
    out.push(Attachment { names, stream });
    Ok(())
}

fn too_many() -> PdfError {
    PdfError::TooMany {
        what: "attachments",
        limit: MOST_NODES,
    }
}

fn array<'a>(document: &'a Document, dictionary: &'a Dictionary, key: &[u8]) -> &'a [Object] {
    dictionary
        .get_deref(key, document)
        .and_then(Object::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn dictionary<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Dictionary> {
    document.dereference(object).ok()?.1.as_dict().ok()
}

/// A text string (ISO 32000-1 §7.9.2.2): UTF-16 with a byte order mark, or bytes.
fn text(document: &Document, object: &Object) -> Option<String> {
    let bytes = document.dereference(object).ok()?.1.as_str().ok()?;
    let text = match bytes.strip_prefix(&[0xfe, 0xff]) {
        Some(rest) => {
            let units: Vec<u16> = rest
                .chunks_exact(2)
                .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
                .map(u16::from_be_bytes)
                .collect();
            String::from_utf16_lossy(&units)
        }
        None => {
            let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    // File names may carry a path; only the last step names the file.
    let name = text.trim_matches(['\0', ' ']);
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    Some(name.chars().take(255).collect())
}

/// An attachment may name its media type; one that says that it is not XML is not believed to be.
fn check_type(stream: &Stream) -> Result<(), PdfError> {
    let Ok(subtype) = stream.dict.get(b"Subtype").and_then(Object::as_name) else {
        return Ok(());
    };
    let subtype = String::from_utf8_lossy(subtype).to_ascii_lowercase();
    if subtype.contains("xml") || subtype == "application/octet-stream" {
        Ok(())
    } else {
        Err(PdfError::WrongType {
            subtype: subtype.chars().take(60).collect(),
        })
    }
}

/// The decoded bytes, within the limits; a CDA may be as large as a document uploaded alone.
fn content(stream: &Stream) -> Result<Vec<u8>, PdfError> {
    let ratio = stream.content.len().saturating_mul(MOST_RATIO).max(SMALL);
    stream
        .get_plain_content_with_limit(ratio.min(LARGEST))
        .map_err(|error| match error {
            lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { .. }) => {
                PdfError::Inflates
            }
            _ => PdfError::NoBytes,
        })
}

/// The CDAs in an XFA form, from the start tag of `ClinicalDocument` to its end tag.
///
/// The bytes are not interpreted: a document that needs namespace declarations of the elements
/// around it is refused later, when it is read as XML.
fn xfa_documents(document: &Document) -> Result<Vec<Vec<u8>>, PdfError> {
    let Ok(xfa) = document
        .catalog()
        .and_then(|catalog| catalog.get_deref(b"AcroForm", document))
        .and_then(Object::as_dict)
        .and_then(|form| form.get_deref(b"XFA", document))
    else {
        return Ok(Vec::new());
    };
    let single = std::slice::from_ref(xfa);
    let packets = match xfa {
        Object::Array(packets) => packets.as_slice(),
        _ => single,
    };
    let mut all = Vec::new();
    for packet in packets.iter().take(MOST_NODES) {
        let Ok((_, Object::Stream(stream))) = document.dereference(packet) else {
            continue;
        };
        all.extend(content(stream)?);
        if all.len() > MOST_INFLATED {
            return Err(PdfError::Inflates);
        }
    }
    Ok(slices(&all))
}

fn slices(bytes: &[u8]) -> Vec<Vec<u8>> {
    const LOCAL: &[u8] = b"ClinicalDocument";
    let mut found = Vec::new();
    let mut from = 0usize;
    let mut start: Option<usize> = None;
    while let Some(next) = bytes.get(from..).and_then(|rest| position(rest, b"<")) {
        let at = from.saturating_add(next);
        from = at.saturating_add(1);
        let rest = bytes.get(from..).unwrap_or_default();
        let closing = rest.first() == Some(&b'/');
        let name = rest.get(usize::from(closing)..).unwrap_or_default();
        let end = name.iter().position(|b| b" \t\r\n/>".contains(b));
        let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
        let local = name.rsplit(|b| *b == b':').next().unwrap_or(name);
        if local != LOCAL {
            continue;
        }
        match (closing, start) {
            (false, None) => start = Some(at),
            (true, Some(begin)) => {
                if let Some(length) = position(rest, b">") {
                    let stop = from.saturating_add(length).saturating_add(1);
                    found.extend(bytes.get(begin..stop).map(<[u8]>::to_vec));
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn position(bytes: &[u8], needle: &[u8; 1]) -> Option<usize> {
    bytes.iter().position(|b| b == &needle[0])
}
