//! An XML document as a tree, for those who need it whole: CDA and XML Patch.

use std::borrow::Cow;

use super::events::{Events, StartTag, XML_NAMESPACE, XmlEvent, XmlLimits};
use super::fault::{XmlError, XmlFault};
use crate::fhir::model::value::Text;

/// An element.
#[derive(Clone, Debug, PartialEq)]
pub struct XmlElement {
    /// The local name.
    pub name: Text,
    /// The namespace; empty for none.
    pub namespace: Text,
    /// In the order of the document, without namespace declarations.
    pub attributes: Vec<XmlAttribute>,
    pub children: Vec<XmlNode>,
    /// Byte offset of the `<` of the start tag in the source.
    pub start: usize,
    /// Byte offset behind the end tag.
    pub end: usize,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlAttribute {
    /// The local name.
    pub name: Text,
    /// The namespace; empty for an attribute without prefix.
    pub namespace: Text,
    /// With references resolved.
    pub value: Text,
}

/// What an element holds. Neighbouring text and CDATA are one text; comments are dropped.
#[derive(Clone, Debug, PartialEq)]
pub enum XmlNode {
    Element(XmlElement),
    Text(Text),
}

impl XmlElement {
    /// An element without attributes and children.
    pub fn new(namespace: impl Into<Text>, name: impl Into<Text>) -> Self {
        Self {
            name: name.into(),
            namespace: namespace.into(),
            attributes: Vec::new(),
            children: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// The first child element of this local name.
    pub fn child(&self, name: &str) -> Option<&XmlElement> {
        self.elements().find(|child| child.name == name)
    }

    /// All child elements of this local name.
    pub fn children_named(&self, name: &str) -> impl Iterator<Item = &XmlElement> {
        self.elements().filter(move |child| child.name == name)
    }

    /// All child elements.
    pub fn elements(&self) -> impl Iterator<Item = &XmlElement> {
        self.children.iter().filter_map(|node| match node {
            XmlNode::Element(element) => Some(element),
            XmlNode::Text(_) => None,
        })
    }

    /// The value of an attribute without namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_ns("", name)
    }

    /// The value of an attribute in a namespace, such as `type` of XML Schema instances.
    pub fn attr_ns(&self, namespace: &str, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name && attribute.namespace == namespace)
            .map(|attribute| attribute.value.as_str())
    }

    /// All character data inside, at any depth, in the order of the document.
    pub fn text(&self) -> Cow<'_, str> {
        if let [XmlNode::Text(text)] = self.children.as_slice() {
            return Cow::Borrowed(text);
        }
        let mut all = String::new();
        let mut open = vec![self.children.iter()];
        while let Some(children) = open.last_mut() {
            match children.next() {
                Some(XmlNode::Text(text)) => all.push_str(text),
                Some(XmlNode::Element(element)) => open.push(element.children.iter()),
                None => {
                    open.pop();
                }
            }
        }
        Cow::Owned(all)
    }
}

/// Reads a whole document; the result is its root element.
///
/// The tree is never deeper than `limits.depth`. Who puts trees into each other must hold to it,
/// because a tree is dropped recursively.
///
/// # Errors
/// When the document is not well formed or goes over a limit.
pub fn parse_document(bytes: &[u8], limits: &XmlLimits) -> Result<XmlElement, XmlError> {
    let mut events = Events::open(bytes, limits)?;
    let mut root = None;
    while let Some(event) = events.next_event()? {
        if let XmlEvent::Start(tag) = event {
            root = Some(read_element(&mut events, tag)?);
        }
    }
    root.ok_or_else(|| events.fault_at(bytes.len(), XmlFault::NoRoot))
}

/// Reads on to the end of the element whose start tag was given last; the result is this element.
///
/// # Errors
/// As [`parse_document`].
pub fn read_element(events: &mut Events<'_>, tag: StartTag<'_>) -> Result<XmlElement, XmlError> {
    let mut element = XmlElement::from(tag);
    let mut outside: Vec<XmlElement> = Vec::new();
    while let Some(event) = events.next_event()? {
        match event {
            XmlEvent::Start(tag) => {
                outside.push(std::mem::replace(&mut element, XmlElement::from(tag)));
            }
            XmlEvent::End { end } => {
                element.end = end;
                let Some(parent) = outside.pop() else {
                    return Ok(element);
                };
                let child = std::mem::replace(&mut element, parent);
                element.children.push(XmlNode::Element(child));
            }
            XmlEvent::Text(text) => match element.children.last_mut() {
                Some(XmlNode::Text(before)) => before.push_str(&text),
                _ => element.children.push(XmlNode::Text(Text::from(text))),
            },
        }
    }
    Err(events.fault_at(events.position(), XmlFault::Unclosed))
}

impl From<StartTag<'_>> for XmlElement {
    fn from(tag: StartTag<'_>) -> Self {
        Self {
            name: Text::new(tag.name),
            namespace: tag.namespace,
            attributes: tag.attributes,
            children: Vec::new(),
            start: tag.start,
            end: tag.start,
        }
    }
}

/// Writes a tree as a document.
///
/// Elements carry no prefix: `xmlns` is declared where the namespace changes. Prefixes of
/// attributes are made up (`ns1`, …), but for `xml`.
pub fn write_document(root: &XmlElement) -> String {
    let mut out = String::new();
    let mut open: Vec<(&XmlElement, std::slice::Iter<'_, XmlNode>)> = Vec::new();
    if start_tag(&mut out, root, "") {
        open.push((root, root.children.iter()));
    }
    while let Some((element, children)) = open.last_mut() {
        match children.next() {
            Some(XmlNode::Text(text)) => escape_text(&mut out, text),
            Some(XmlNode::Element(child)) => {
                if start_tag(&mut out, child, &element.namespace) {
                    open.push((child, child.children.iter()));
                }
            }
            None => {
                out.push_str("</");
                out.push_str(&element.name);
                out.push('>');
                open.pop();
            }
        }
    }
    out
}

/// Writes a start tag, or an empty element; true when an end tag has to follow.
fn start_tag(out: &mut String, element: &XmlElement, outside: &str) -> bool {
    out.push('<');
    out.push_str(&element.name);
    if element.namespace != outside {
        out.push_str(" xmlns=\"");
        escape_attribute(out, &element.namespace);
        out.push('"');
    }
    for (number, attribute) in element.attributes.iter().enumerate() {
        out.push(' ');
        if attribute.namespace == XML_NAMESPACE {
            out.push_str("xml:");
        } else if !attribute.namespace.is_empty() {
            let prefix = format!("ns{}", number.saturating_add(1));
            out.push_str("xmlns:");
            out.push_str(&prefix);
            out.push_str("=\"");
            escape_attribute(out, &attribute.namespace);
            out.push_str("\" ");
            out.push_str(&prefix);
            out.push(':');
        }
        out.push_str(&attribute.name);
        out.push_str("=\"");
        escape_attribute(out, &attribute.value);
        out.push('"');
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return false;
    }
    out.push('>');
    true
}

/// Appends character data.
pub(crate) fn escape_text(out: &mut String, text: &str) {
    escape(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Appends an attribute value; white space other than spaces survives as references.
pub(crate) fn escape_attribute(out: &mut String, text: &str) {
    escape(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn escape(out: &mut String, text: &str, reference: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text;
    // Only ASCII bytes are replaced, so that each cut is between characters.
    while let Some((position, replacement)) = rest
        .bytes()
        .enumerate()
        .find_map(|(position, byte)| reference(byte).map(|found| (position, found)))
    {
        out.push_str(rest.get(..position).unwrap_or(""));
        out.push_str(replacement);
        rest = rest.get(position.saturating_add(1)..).unwrap_or("");
    }
    out.push_str(rest);
}
