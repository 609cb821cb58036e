//! The `div` of a narrative: a piece of XHTML that is kept as text.
//!
//! The text is never rewritten: what stands in the JSON member goes into the XML as it is, and the
//! source slice of the element comes back. Which elements XHTML may hold is an invariant of
//! *Narrative* and not checked here.
//! Source: FHIR R4 *Narrative*.

use std::fmt;

use super::events::{Events, XmlEvent, XmlLimits};
use super::fault::{XmlError, XmlFault};

/// The namespace of XHTML.
pub const XHTML_NAMESPACE: &str = "http://www.w3.org/1999/xhtml";

/// How a narrative goes into an XML document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Div {
    /// As it is.
    Complete,
    /// It declares no namespace: a declaration has to be put in at this byte offset.
    WithoutNamespace(usize),
}

/// Why a text is no narrative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NarrativeFault {
    Xml(XmlFault),
    /// The root is not `div` of XHTML.
    NoDiv,
    /// Something other than white space beside the `div`.
    Beside,
}

impl fmt::Display for NarrativeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(fault) => write!(f, "narrative: {fault}"),
            Self::NoDiv => f.write_str("expected one XHTML div element, found something else"),
            Self::Beside => f.write_str("expected a div element only, found something beside it"),
        }
    }
}

impl From<XmlError> for NarrativeFault {
    fn from(error: XmlError) -> Self {
        Self::Xml(error.fault)
    }
}

/// Checks that a text is one well-formed `div` element.
///
/// # Errors
/// What it is instead.
pub fn check(text: &str) -> Result<Div, NarrativeFault> {
    let inner = text.trim_matches([' ', '\t', '\r', '\n']);
    if !inner.starts_with('<') || !inner.ends_with('>') {
        return Err(NarrativeFault::NoDiv);
    }
    // A declaration, comment or instruction could not stand inside another document.
    if inner.starts_with("<?") || inner.starts_with("<!--") {
        return Err(NarrativeFault::Beside);
    }
    let mut events = Events::open(text.as_bytes(), &XmlLimits::default())?;
    let mut found = None;
    let mut end = 0usize;
    while let Some(event) = events.next_event()? {
        match event {
            XmlEvent::Start(tag) if found.is_none() => {
                found = Some(match (tag.name, tag.namespace.as_str()) {
                    ("div", XHTML_NAMESPACE) => Div::Complete,
                    // One that says it has no namespace cannot be given another.
                    ("div", "") if !tag.declares_default => {
                        Div::WithoutNamespace(tag.start.saturating_add(4))
                    }
                    _ => return Err(NarrativeFault::NoDiv),
                });
            }
            XmlEvent::End { end: offset } => end = offset,
            _ => {}
        }
    }
    let after = text.get(end..).unwrap_or("");
    if !after.trim_matches([' ', '\t', '\r', '\n']).is_empty() {
        return Err(NarrativeFault::Beside);
    }
    found.ok_or(NarrativeFault::NoDiv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_div(text: &str, expected: Option<Div>) {
        assert_eq!(check(text).ok(), expected, "{text}");
    }

    #[test]
    fn narratives() {
        let complete = Some(Div::Complete);
        check_div(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">a &amp; b</div>",
            complete,
        );
        check_div(" <div xmlns='http://www.w3.org/1999/xhtml'/>\n", complete);
        check_div(
            "<h:div xmlns:h=\"http://www.w3.org/1999/xhtml\"/>",
            complete,
        );
        check_div("<div>a<br/></div>", Some(Div::WithoutNamespace(4)));
        check_div(" <div/>", Some(Div::WithoutNamespace(5)));
        check_div("<div>a<br></div>", None);
        check_div("<div>&nbsp;</div>", None);
        check_div("<div/><div/>", None);
        check_div("<p/>", None);
        check_div("text", None);
        check_div("", None);
        check_div("<div/>text", None);
        check_div("<?xml version=\"1.0\"?><div/>", None);
        check_div("<!DOCTYPE html><div/>", None);
        check_div("<div xmlns=\"http://hl7.org/fhir\"/>", None);
        check_div("<div xmlns=\"\">a</div>", None);
        check_div("<div\txmlns = ''/>", None);
        check_div("<div title='>' xmlns=''/>", None);
        check_div("<div title='xmlns='/>", Some(Div::WithoutNamespace(4)));
        check_div("<div xmlns:x=\"u\">a</div>", Some(Div::WithoutNamespace(4)));
    }
}
