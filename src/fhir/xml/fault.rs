//! Why an XML document is refused, and where.

use std::fmt;

use crate::error::{Error, Kind};
use crate::fhir::model::value::Text;

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XmlFault {
    /// Not UTF-8, or declared to be something else.
    Encoding,
    ByteOrderMark,
    /// A character that XML does not allow, as itself or as a reference.
    Character,
    DocType,
    /// An XML declaration that is not at the beginning or not for version 1.0.
    Declaration,
    /// Not well formed; the text says what was found.
    Syntax(&'static str),
    /// A reference to an entity other than the five of XML.
    Entity,
    /// A name that XML does not allow.
    Name,
    DuplicateAttribute,
    UnboundPrefix(Text),
    /// A declaration that binds a prefix as it must not be bound.
    Declared(Text),
    NoRoot,
    SecondRoot,
    OutsideRoot,
    Unclosed,
    TooDeep(usize),
    TooManyAttributes(usize),
    TooManyDeclarations(usize),
    TooManyNodes(usize),
}

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError {
    pub fault: XmlFault,
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
}

impl fmt::Display for XmlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("expected UTF-8, found another encoding"),
            Self::ByteOrderMark => f.write_str("expected XML, found a byte order mark"),
            Self::Character => f.write_str("expected text, found a character XML does not allow"),
            Self::DocType => {
                f.write_str("expected an element, found a document type declaration (refused)")
            }
            Self::Declaration => {
                f.write_str("expected an XML 1.0 declaration at the very beginning or none")
            }
            Self::Syntax(found) => write!(f, "expected well-formed XML, found {found}"),
            Self::Entity => {
                f.write_str("expected amp, lt, gt, apos, quot or a number, found another entity")
            }
            Self::Name => f.write_str("expected an XML name, found something else"),
            Self::DuplicateAttribute => {
                f.write_str("expected each attribute once, found one repeated")
            }
            Self::UnboundPrefix(prefix) => {
                write!(
                    f,
                    "expected a declared namespace prefix, found '{}'",
                    cut(prefix)
                )
            }
            Self::Declared(prefix) => {
                write!(
                    f,
                    "the namespace prefix '{}' cannot be bound so",
                    cut(prefix)
                )
            }
            Self::NoRoot => f.write_str("expected an element, found the end of the document"),
            Self::SecondRoot => f.write_str("expected the end, found a second root element"),
            Self::OutsideRoot => f.write_str("expected no text outside of the root element"),
            Self::Unclosed => f.write_str("expected an end tag, found the end of the document"),
            Self::TooDeep(limit) => write!(f, "elements are nested deeper than {limit}"),
            Self::TooManyAttributes(limit) => {
                write!(f, "a tag has more than {limit} attributes")
            }
            Self::TooManyDeclarations(limit) => {
                write!(f, "more than {limit} namespace declarations")
            }
            Self::TooManyNodes(limit) => write!(f, "the document has more than {limit} nodes"),
        }
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.fault
        )
    }
}

impl std::error::Error for XmlError {}

impl From<XmlError> for Error {
    fn from(error: XmlError) -> Self {
        Error::new(Kind::Invalid, "structure", error.to_string())
    }
}

/// Places a fault at a byte offset.
pub(super) fn place(source: &[u8], offset: usize, fault: XmlFault) -> XmlError {
    let (line, column) = line_and_column(source, offset);
    XmlError {
        fault,
        line,
        column,
    }
}

/// Line and column of a byte offset, from 1; the column in bytes.
pub(super) fn line_and_column(source: &[u8], offset: usize) -> (usize, usize) {
    let before = source.get(..offset.min(source.len())).unwrap_or(&[]);
    let is_end = |byte: &u8| *byte == b'\n';
    let line_start = before
        .iter()
        .rposition(is_end)
        .map_or(0, |position| position.saturating_add(1));
    let lines = before.iter().filter(|byte| is_end(byte)).count();
    (
        lines.saturating_add(1),
        before.len().saturating_sub(line_start).saturating_add(1),
    )
}

/// At most 40 characters of a name for a message.
fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(40)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}
