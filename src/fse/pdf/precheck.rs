//! What is checked on the raw bytes of a PDF before a parser sees them.
//!
//! A parser that works by offsets can be led to read what this scan takes for a string; what it
//! misses, the limits of the sandbox hold.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{LARGEST, MOST_INFLATED, MOST_OBJECTS, MOST_RATIO, PdfError, SMALL};

/// Arrays and dictionaries inside each other.
const DEEPEST: usize = 64;
/// Object streams and cross-reference sections of one file.
const MOST_SECTIONS: usize = 20_000;
/// Parentheses that are never closed.
const MOST_UNCLOSED: usize = 8;
/// How far before the keyword `stream` its dictionary is looked at, in bytes.
const WINDOW: usize = 2_048;

/// Refuses what no parser should see.
pub(super) fn check(bytes: &[u8]) -> Result<(), PdfError> {
    if bytes.len() > LARGEST {
        return Err(PdfError::TooLarge { bytes: bytes.len() });
    }
    let start = bytes.get(..bytes.len().min(1_024)).unwrap_or_default();
    if find(start, b"%PDF-").is_none() {
        return Err(PdfError::NoHeader);
    }
    scan(bytes, &mut Totals::default(), true)
}

/// What was met so far, in the file and in its object streams.
#[derive(Default)]
struct Totals {
    inflated: usize,
    sections: usize,
    objects: usize,
    unclosed: usize,
}

/// Walks tokens: strings and comments are passed over, the nesting of the rest is measured, and
/// each object stream and cross-reference stream is inflated within limits. Object streams hold
/// no streams, so that their contents are scanned one level deep only.
fn scan(bytes: &[u8], totals: &mut Totals, streams: bool) -> Result<(), PdfError> {
    let mut depth = 0usize;
    let mut at = 0usize;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let step = match byte {
            b'%' => line(rest),
            b'(' => match string(rest) {
                Some(length) => length,
                // Not a string after all, so that nothing behind it hides; each such look goes to
                // the end of the file, so that few are allowed.
                None if totals.unclosed < MOST_UNCLOSED => {
                    totals.unclosed = totals.unclosed.saturating_add(1);
                    1
                }
                None => return Err(PdfError::Unreadable),
            },
            b'<' if rest.starts_with(b"<<") => {
                depth = deeper(depth)?;
                2
            }
            b'<' => rest
                .iter()
                .position(|b| *b == b'>')
                .map_or(rest.len(), |end| end.saturating_add(1)),
            b'>' if rest.starts_with(b">>") => {
                depth = depth.saturating_sub(1);
                2
            }
            b'[' => {
                depth = deeper(depth)?;
                1
            }
            b']' => {
                depth = depth.saturating_sub(1);
                1
            }
            b's' if streams && is_stream(bytes, at) => {
                let data = after_keyword(rest);
                let length = find(data, b"endstream").unwrap_or(data.len());
                let from = at.saturating_sub(WINDOW);
                let dictionary = bytes.get(from..at).unwrap_or_default();
                let content = data.get(..length).unwrap_or_default();
                section(last_object(dictionary), content, totals)?;
                rest.len()
                    .saturating_sub(data.len())
                    .saturating_add(length)
                    .max(1)
            }
            b'o' if streams && rest.starts_with(b"obj") => {
                totals.objects = totals.objects.saturating_add(1);
                if totals.objects > MOST_OBJECTS {
                    return Err(PdfError::TooMany {
                        what: "objects",
                        limit: MOST_OBJECTS,
                    });
                }
                // `obj` and `endobj` stand outside of everything.
                depth = 0;
                3
            }
            b'x' if streams && rest.starts_with(b"xref") => {
                count_section(totals)?;
                4
            }
            _ => 1,
        };
        at = at.saturating_add(step);
    }
    Ok(())
}

fn deeper(depth: usize) -> Result<usize, PdfError> {
    if depth >= DEEPEST {
        return Err(PdfError::TooDeep { limit: DEEPEST });
    }
    Ok(depth.saturating_add(1))
}

fn count_section(totals: &mut Totals) -> Result<(), PdfError> {
    totals.sections = totals.sections.saturating_add(1);
    if totals.sections > MOST_SECTIONS {
        return Err(PdfError::TooMany {
            what: "object streams and cross-reference sections",
            limit: MOST_SECTIONS,
        });
    }
    Ok(())
}

/// Inflates a stream that a parser reads while it opens the file.
fn section(dictionary: &[u8], content: &[u8], totals: &mut Totals) -> Result<(), PdfError> {
    let objects = find(dictionary, b"/ObjStm").is_some();
    if !objects && find(dictionary, b"/XRef").is_none() {
        return Ok(());
    }
    count_section(totals)?;
    if find(dictionary, b"/FlateDecode").is_none() {
        return if objects {
            scan(content, totals, false)
        } else {
            Ok(())
        };
    }
    let room = MOST_INFLATED.saturating_sub(totals.inflated);
    let limit = room.min(content.len().saturating_mul(MOST_RATIO).max(SMALL));
    let mut inflated = Vec::new();
    let reader = ZlibDecoder::new(content);
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    // A broken stream is the parser's matter; what could be inflated of it counts.
    let _ = reader.take(most).read_to_end(&mut inflated);
    if inflated.len() > limit {
        return Err(PdfError::Inflates);
    }
    totals.inflated = totals.inflated.saturating_add(inflated.len());
    if objects {
        scan(&inflated, totals, false)
    } else {
        Ok(())
    }
}

/// Whether the keyword `stream` stands here, followed by an end of line.
fn is_stream(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    rest.starts_with(b"stream")
        && matches!(rest.get(6), Some(b'\r' | b'\n'))
        && !before.is_some_and(u8::is_ascii_alphabetic)
}

fn after_keyword(rest: &[u8]) -> &[u8] {
    let skip = if rest.get(6..8) == Some(b"\r\n") {
        8
    } else {
        7
    };
    rest.get(skip..).unwrap_or_default()
}

/// From the last `obj` on: the dictionary of this stream alone.
fn last_object(before: &[u8]) -> &[u8] {
    let start = before.windows(4).rposition(|window| window == b" obj");
    start
        .and_then(|start| before.get(start..))
        .unwrap_or(before)
}

fn line(rest: &[u8]) -> usize {
    rest.iter()
        .position(|b| matches!(b, b'\r' | b'\n'))
        .unwrap_or(rest.len())
        .max(1)
}

/// The length of a literal string, parentheses inside balanced; `None` when it never ends.
fn string(rest: &[u8]) -> Option<usize> {
    let mut open = 0usize;
    let mut escaped = false;
    for (index, byte) in rest.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => open = open.saturating_add(1),
            b')' => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return Some(index.saturating_add(1));
                }
            }
            _ => {}
        }
    }
    None
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0usize;
    loop {
        let rest = bytes.get(from..)?;
        let next = rest.iter().position(|b| *b == first)?;
        let at = from.saturating_add(next);
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at.saturating_add(1);
    }
}
