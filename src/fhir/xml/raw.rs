//! Checks on the raw text of a document: characters, tags, references, line ends.

use std::borrow::Cow;

use super::events::XmlLimits;
use super::fault::{XmlError, XmlFault, place};
use crate::fhir::model::value::Text;

/// UTF-8 without a byte order mark and without the control characters that XML forbids.
pub(super) fn check_text(bytes: &[u8]) -> Result<&str, XmlError> {
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err(place(bytes, 0, XmlFault::ByteOrderMark));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| place(bytes, error.valid_up_to(), XmlFault::Encoding))?;
    // Whole blocks at once first: nearly every document has nothing to look at closer.
    let suspicious = bytes.chunks(64).any(|block| {
        block
            .iter()
            .fold(false, |any, byte| any | is_control(*byte) | (*byte == 0xEF))
    });
    if suspicious {
        let found = text.char_indices().find(|(_, character)| {
            matches!(character, '\u{FFFE}' | '\u{FFFF}')
                || u8::try_from(*character).is_ok_and(is_control)
        });
        if let Some((offset, _)) = found {
            return Err(place(bytes, offset, XmlFault::Character));
        }
    }
    Ok(text)
}

fn is_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Checks the start tag at the beginning of `rest`: its form, names and numbers of attributes.
///
/// The error carries the offset from the beginning of the tag.
pub(super) fn check_tag(rest: &[u8], limits: &XmlLimits) -> Result<(), (usize, XmlFault)> {
    let mut scan = Scan { rest, at: 1 };
    scan.name()?;
    let (mut attributes, mut declarations) = (0usize, 0usize);
    loop {
        let spaced = scan.spaces();
        match scan.peek() {
            Some(b'>') => return Ok(()),
            Some(b'/') => {
                scan.skip();
                return match scan.peek() {
                    Some(b'>') => Ok(()),
                    _ => Err(scan.fault(XmlFault::Syntax("'/' inside a tag"))),
                };
            }
            None => return Err((0, XmlFault::Unclosed)),
            Some(_) if !spaced => {
                return Err(scan.fault(XmlFault::Syntax("no space before an attribute")));
            }
            Some(_) => {}
        }
        let name = scan.name()?;
        attributes = attributes.saturating_add(1);
        if attributes > limits.attributes {
            return Err((0, XmlFault::TooManyAttributes(limits.attributes)));
        }
        if name == b"xmlns" || name.starts_with(b"xmlns:") {
            declarations = declarations.saturating_add(1);
            if declarations > limits.declarations {
                return Err((0, XmlFault::TooManyDeclarations(limits.declarations)));
            }
        }
        scan.spaces();
        if scan.peek() != Some(b'=') {
            return Err(scan.fault(XmlFault::Syntax("an attribute without a value")));
        }
        scan.skip();
        scan.spaces();
        scan.quoted()?;
    }
}

/// A position in the bytes of a tag.
struct Scan<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.rest.get(self.at).copied()
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn fault(&self, fault: XmlFault) -> (usize, XmlFault) {
        (self.at, fault)
    }

    fn spaces(&mut self) -> bool {
        let before = self.at;
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.skip();
        }
        self.at > before
    }

    /// A name with at most one colon that is neither first nor last.
    fn name(&mut self) -> Result<&'a [u8], (usize, XmlFault)> {
        let start = self.at;
        let (mut colons, mut fresh) = (0usize, true);
        while let Some(byte) = self.peek() {
            let letter = byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
            let later = byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            match byte {
                b':' if !fresh && colons == 0 => {
                    colons = 1;
                    fresh = true;
                }
                _ if letter || (later && !fresh) => fresh = false,
                b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'>' | b'/' => break,
                _ => return Err(self.fault(XmlFault::Name)),
            }
            self.skip();
        }
        if fresh {
            return Err(self.fault(XmlFault::Name));
        }
        Ok(self.rest.get(start..self.at).unwrap_or(&[]))
    }

    fn quoted(&mut self) -> Result<(), (usize, XmlFault)> {
        let quote = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => quote,
            _ => return Err(self.fault(XmlFault::Syntax("an attribute value without quotes"))),
        };
        self.skip();
        loop {
            match self.peek() {
                None => return Err((0, XmlFault::Unclosed)),
                Some(b'<') => {
                    return Err(self.fault(XmlFault::Syntax("'<' in an attribute value")));
                }
                Some(byte) => {
                    self.skip();
                    if byte == quote {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The character that a reference stands for; `name` is what is between `&` and `;`.
pub(super) fn reference(name: &str) -> Result<char, XmlFault> {
    match name {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => {}
    }
    let Some(digits) = name.strip_prefix('#') else {
        return Err(XmlFault::Entity);
    };
    let (digits, radix) = match digits.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    // `from_str_radix` would take a sign.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(XmlFault::Character);
    }
    let character = u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .ok_or(XmlFault::Character)?;
    let allowed = match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        _ => character >= ' ',
    };
    if allowed {
        Ok(character)
    } else {
        Err(XmlFault::Character)
    }
}

/// The value of an attribute from its source: references resolved, white space made spaces.
pub(super) fn attribute_value(source: &str) -> Result<Text, XmlFault> {
    let special = |b: u8| matches!(b, b'&' | b'\t' | b'\n' | b'\r');
    if !source.bytes().any(special) {
        return Ok(Text::new(source));
    }
    let mut value = Text::with_capacity(source.len());
    let mut rest = source;
    while let Some(position) = rest.bytes().position(special) {
        let (before, from) = rest.split_at(position);
        value.push_str(before);
        if let Some(after) = from.strip_prefix('&') {
            let (name, after) = after
                .split_once(';')
                .ok_or(XmlFault::Syntax("'&' that begins no reference"))?;
            value.push(reference(name)?);
            rest = after;
        } else {
            value.push(' ');
            rest = from
                .strip_prefix("\r\n")
                .or_else(|| from.get(1..))
                .unwrap_or("");
        }
    }
    value.push_str(rest);
    Ok(value)
}

/// Line ends as XML wants them: CR LF and a lone CR become LF.
pub(super) fn line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        text
    }
}
