//! A small pull reader for XML from strangers.
//!
//! Only here is an XML parser constructed. Each start tag is checked on its raw bytes (form, number
//! of attributes, number of namespace declarations) before the parser sees it; depth and nodes are
//! counted while reading. There is no DOCTYPE, hence no entity but the five of XML and the numeric
//! ones, and nothing is ever fetched.
//! Source: XML 1.0 (5th edition), Namespaces in XML 1.0.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error as ParserError, IllFormedError};
use quick_xml::events::{BytesStart, Event};

use super::fault::{XmlError, XmlFault, line_and_column, place};
use super::raw;
use super::tree::XmlAttribute;
use crate::fhir::model::value::Text;

/// The namespace that the prefix `xml` is bound to.
pub const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`; nothing may be bound to it.
const XMLNS_NAMESPACE: &str = "http://www.w3.org/2000/xmlns/";

/// How much of everything one document may hold.
#[derive(Clone, Debug)]
pub struct XmlLimits {
    /// Elements inside each other.
    pub depth: usize,
    /// Attributes of one tag, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations of one tag.
    pub declarations: usize,
    /// Namespace declarations in force at one place; bounds the cost of looking up a prefix.
    pub scope: usize,
    /// Elements, attributes and pieces of text since the beginning or the last
    /// [`Events::restart_count`].
    pub nodes: usize,
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self {
            depth: 128,
            attributes: 64,
            declarations: 16,
            scope: 64,
            nodes: 500_000,
        }
    }
}

/// One step through a document. Comments and processing instructions are dropped.
#[derive(Debug)]
pub enum XmlEvent<'a> {
    /// A start tag; an empty element gives a start and an end.
    Start(StartTag<'a>),
    /// An end tag; `end` is the byte offset behind it.
    End { end: usize },
    /// A piece of character data with references resolved; neighbours are not merged.
    Text(Cow<'a, str>),
}

/// A start tag with its names resolved.
#[derive(Debug)]
pub struct StartTag<'a> {
    /// The local name.
    pub name: &'a str,
    /// The namespace; empty for none.
    pub namespace: Text,
    /// In the order of the document, without namespace declarations.
    pub attributes: Vec<XmlAttribute>,
    /// Whether it says itself which namespace names without a prefix have, or that they have none.
    pub declares_default: bool,
    /// Byte offset of the `<`.
    pub start: usize,
}

/// A namespace declaration in force.
#[derive(Debug)]
struct Binding {
    prefix: Text,
    uri: Text,
}

/// Reads one document, event by event.
pub struct Events<'a> {
    source: &'a str,
    limits: XmlLimits,
    reader: Reader<&'a [u8]>,
    bindings: Vec<Binding>,
    /// For each open element the number of bindings that were in force outside of it.
    open: Vec<usize>,
    nodes: usize,
    root_seen: bool,
    done: bool,
    /// Whether the document has carriage returns at all, so that most texts need no look.
    has_returns: bool,
    /// Whether `]]>` occurs at all.
    has_section_ends: bool,
}

impl<'a> Events<'a> {
    /// Opens a document.
    ///
    /// # Errors
    /// When the bytes are not UTF-8, begin with a byte order mark or hold a control character.
    pub fn open(bytes: &'a [u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        let source = raw::check_text(bytes)?;
        let mut reader = Reader::from_reader(source.as_bytes());
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Ok(Self {
            source,
            limits: limits.clone(),
            reader,
            bindings: Vec::new(),
            open: Vec::new(),
            nodes: 0,
            root_seen: false,
            done: false,
            has_returns: source.contains('\r'),
            has_section_ends: source.contains("]]>"),
        })
    }

    /// The whole text of the document, for verbatim slices.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// The number of elements that are open now.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Begins to count nodes anew: the entries of a Bundle are limited one by one.
    pub fn restart_count(&mut self) {
        self.nodes = 0;
    }

    /// The byte offset of what comes next.
    pub fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(self.source.len())
    }

    /// The same error, placed at a byte offset of this document.
    pub fn fault_at(&self, offset: usize, fault: XmlFault) -> XmlError {
        place(self.source.as_bytes(), offset, fault)
    }

    /// The next event; `None` behind the root element and whatever may follow it.
    ///
    /// # Errors
    /// When the document is not well formed or goes over a limit.
    pub fn next_event(&mut self) -> Result<Option<XmlEvent<'a>>, XmlError> {
        while !self.done {
            let start = self.position();
            self.check_markup(start)?;
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.fault_at(start, parser_fault(&error))),
            };
            match event {
                Event::Start(tag) => return self.start_tag(start, &tag).map(Some),
                // The parser is told to give a start and an end instead.
                Event::Empty(_) => {
                    return Err(self.fault_at(start, XmlFault::Syntax("an empty tag")));
                }
                Event::End(_) => {
                    let outside = self.open.pop().unwrap_or(0);
                    self.bindings.truncate(outside);
                    return Ok(Some(XmlEvent::End {
                        end: self.position(),
                    }));
                }
                Event::Text(text) => {
                    if let Some(event) = self.text(start, text.into_inner())? {
                        return Ok(Some(event));
                    }
                }
                Event::CData(text) => {
                    self.inside_root(start)?;
                    self.count(start, 1)?;
                    return Ok(Some(XmlEvent::Text(self.line_ends(text.into_inner()))));
                }
                Event::GeneralRef(name) => {
                    self.inside_root(start)?;
                    self.count(start, 1)?;
                    let resolved =
                        raw::reference(&name).map_err(|fault| self.fault_at(start, fault))?;
                    let mut text = String::with_capacity(4);
                    text.push(resolved);
                    return Ok(Some(XmlEvent::Text(Cow::Owned(text))));
                }
                Event::Comment(_) => {}
                Event::PI(instruction) => {
                    if instruction.target().eq_ignore_ascii_case("xml") {
                        return Err(self.fault_at(start, XmlFault::Declaration));
                    }
                }
                Event::Decl(declaration) => {
                    let version = declaration.version().ok();
                    let encoding = match declaration.encoding() {
                        None => true,
                        Some(Ok(name)) => name.eq_ignore_ascii_case("UTF-8"),
                        Some(Err(_)) => false,
                    };
                    if start != 0 || version.as_deref() != Some("1.0") {
                        return Err(self.fault_at(start, XmlFault::Declaration));
                    }
                    if !encoding {
                        return Err(self.fault_at(start, XmlFault::Encoding));
                    }
                }
                Event::DocType(_) => return Err(self.fault_at(start, XmlFault::DocType)),
                Event::Eof => {
                    self.done = true;
                    if !self.open.is_empty() {
                        return Err(self.fault_at(start, XmlFault::Unclosed));
                    }
                    if !self.root_seen {
                        return Err(self.fault_at(start, XmlFault::NoRoot));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Line and column of a byte offset, from 1.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        line_and_column(self.source.as_bytes(), offset)
    }

    /// Looks at the raw bytes of the markup that comes next, before the parser does.
    fn check_markup(&self, start: usize) -> Result<(), XmlError> {
        let rest = self.source.as_bytes().get(start..).unwrap_or(&[]);
        match (rest.first(), rest.get(1)) {
            (Some(b'<'), Some(b'!')) => {
                if rest.starts_with(b"<!--") || rest.starts_with(b"<![CDATA[") {
                    Ok(())
                } else {
                    Err(self.fault_at(start, XmlFault::DocType))
                }
            }
            (Some(b'<'), Some(b'?' | b'/')) => Ok(()),
            (Some(b'<'), _) => {
                if self.open.is_empty() && self.root_seen {
                    return Err(self.fault_at(start, XmlFault::SecondRoot));
                }
                if self.open.len() >= self.limits.depth {
                    return Err(self.fault_at(start, XmlFault::TooDeep(self.limits.depth)));
                }
                raw::check_tag(rest, &self.limits)
                    .map_err(|(offset, fault)| self.fault_at(start.saturating_add(offset), fault))
            }
            _ => Ok(()),
        }
    }

    fn start_tag(&mut self, start: usize, tag: &BytesStart<'a>) -> Result<XmlEvent<'a>, XmlError> {
        self.root_seen = true;
        self.open.push(self.bindings.len());
        let mut plain: Vec<(&str, &str)> = Vec::new();
        let mut declares_default = false;
        for attribute in tag.attributes() {
            let Ok(attribute) = attribute else {
                return Err(self.fault_at(start, XmlFault::DuplicateAttribute));
            };
            let (key, value) = (attribute.key.into_inner(), attribute.value);
            // The value borrows from the tag, and the tag from the source.
            let value = match value {
                Cow::Borrowed(value) => value,
                Cow::Owned(_) => return Err(self.fault_at(start, XmlFault::Syntax("a tag"))),
            };
            if key == "xmlns" {
                declares_default = true;
                self.bind(start, "", value)?;
            } else if let Some(prefix) = key.strip_prefix("xmlns:") {
                self.bind(start, prefix, value)?;
            } else {
                plain.push((key, value));
            }
        }
        self.count(start, plain.len().saturating_add(1))?;
        let mut attributes: Vec<XmlAttribute> = Vec::with_capacity(plain.len());
        for (key, value) in plain {
            let (name, namespace) = match key.split_once(':') {
                None => (key, Text::default()),
                Some((prefix, name)) => (name, self.resolve(start, prefix)?),
            };
            let value = raw::attribute_value(value).map_err(|fault| self.fault_at(start, fault))?;
            let twice = attributes
                .iter()
                .any(|other| other.name == name && other.namespace == namespace);
            if twice {
                return Err(self.fault_at(start, XmlFault::DuplicateAttribute));
            }
            attributes.push(XmlAttribute {
                name: Text::new(name),
                namespace,
                value,
            });
        }
        let begin = start.saturating_add(1);
        let name_end = begin.saturating_add(tag.name().as_ref().len());
        let qualified = self.source.get(begin..name_end).unwrap_or("");
        let (name, namespace) = match qualified.split_once(':') {
            None => (qualified, self.lookup("").unwrap_or_default()),
            Some((prefix, name)) => (name, self.resolve(start, prefix)?),
        };
        Ok(XmlEvent::Start(StartTag {
            name,
            namespace,
            attributes,
            declares_default,
            start,
        }))
    }

    fn text(&mut self, start: usize, text: Cow<'a, str>) -> Result<Option<XmlEvent<'a>>, XmlError> {
        if text.is_empty() {
            return Ok(None);
        }
        if self.open.is_empty() {
            let blank = text
                .bytes()
                .all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
            if blank {
                return Ok(None);
            }
            return Err(self.fault_at(start, XmlFault::OutsideRoot));
        }
        if self.has_section_ends && text.contains("]]>") {
            return Err(self.fault_at(start, XmlFault::Syntax("']]>' in character data")));
        }
        self.count(start, 1)?;
        Ok(Some(XmlEvent::Text(self.line_ends(text))))
    }

    fn line_ends(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.has_returns {
            raw::line_ends(text)
        } else {
            text
        }
    }

    fn inside_root(&self, start: usize) -> Result<(), XmlError> {
        if self.open.is_empty() {
            return Err(self.fault_at(start, XmlFault::OutsideRoot));
        }
        Ok(())
    }

    fn count(&mut self, start: usize, nodes: usize) -> Result<(), XmlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            return Err(self.fault_at(start, XmlFault::TooManyNodes(self.limits.nodes)));
        }
        Ok(())
    }

    fn bind(&mut self, start: usize, prefix: &str, value: &str) -> Result<(), XmlError> {
        let uri = raw::attribute_value(value).map_err(|fault| self.fault_at(start, fault))?;
        let reserved = match prefix {
            "xml" => uri != XML_NAMESPACE,
            "xmlns" => true,
            "" => uri == XML_NAMESPACE || uri == XMLNS_NAMESPACE,
            _ => uri.is_empty() || uri == XML_NAMESPACE || uri == XMLNS_NAMESPACE,
        };
        if reserved {
            return Err(self.fault_at(start, XmlFault::Declared(Text::new(prefix))));
        }
        // A repeated declaration (each `div` has its own) changes nothing and costs no place.
        if self.lookup(prefix).as_ref() == Some(&uri) {
            return Ok(());
        }
        if self.bindings.len() >= self.limits.scope {
            return Err(self.fault_at(start, XmlFault::TooManyDeclarations(self.limits.scope)));
        }
        self.bindings.push(Binding {
            prefix: Text::new(prefix),
            uri,
        });
        Ok(())
    }

    fn lookup(&self, prefix: &str) -> Option<Text> {
        self.bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix == prefix)
            .map(|binding| binding.uri.clone())
    }

    fn resolve(&self, start: usize, prefix: &str) -> Result<Text, XmlError> {
        if prefix == "xml" {
            return Ok(Text::const_new(XML_NAMESPACE));
        }
        self.lookup(prefix)
            .ok_or_else(|| self.fault_at(start, XmlFault::UnboundPrefix(Text::new(prefix))))
    }
}

/// What the parser complains about, without the text of the document.
fn parser_fault(error: &ParserError) -> XmlFault {
    match error {
        ParserError::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            XmlFault::Syntax("an end tag that does not match its start tag")
        }
        ParserError::IllFormed(IllFormedError::UnmatchedEndTag(_)) => {
            XmlFault::Syntax("an end tag without a start tag")
        }
        ParserError::IllFormed(IllFormedError::UnclosedReference) => {
            XmlFault::Syntax("'&' that begins no reference")
        }
        ParserError::IllFormed(_) => XmlFault::Syntax("markup that is not well formed"),
        ParserError::InvalidAttr(_) => XmlFault::DuplicateAttribute,
        ParserError::Encoding(_) => XmlFault::Encoding,
        _ => XmlFault::Syntax("markup that does not end"),
    }
}
