//! The rules of a narrative: which XHTML it may hold, and that it says something.
//!
//! Source: FHIR R4 *Narrative*, invariants txt-1 and txt-2; the names are those of txt-1. A link that runs
//! a script is a script.

use std::fmt;

use super::events::{Events, StartTag, XmlEvent, XmlLimits};
use super::fault::XmlError;
use super::narrative::{NarrativeFault, XHTML_NAMESPACE, check};
use crate::fhir::model::value::Text;

const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
];

const ATTRIBUTES: &[&str] = &[
    "abbr",
    "accesskey",
    "align",
    "alt",
    "axis",
    "bgcolor",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "colspan",
    "compact",
    "coords",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "shape",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "tabindex",
    "title",
    "type",
    "valign",
    "value",
    "vspace",
    "width",
];

/// Schemes of links that run a script.
const SCRIPTS: &[&str] = &["javascript:", "vbscript:"];

/// Why the XHTML of a narrative breaks the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XhtmlFault {
    /// It is no `div` at all.
    Narrative(NarrativeFault),
    /// txt-1: an element that a narrative may not hold.
    Element(Text),
    /// txt-1: an attribute that a narrative may not hold.
    Attribute(Text),
    /// txt-1: a link that runs a script.
    Script,
    /// txt-2: neither text nor an image.
    Nothing,
}

impl fmt::Display for XhtmlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &Text| name.chars().take(40).collect::<String>();
        match self {
            Self::Narrative(fault) => write!(f, "{fault}"),
            Self::Element(name) => write!(
                f,
                "expected basic formatting in a narrative, found the element ‘{}’",
                shown(name)
            ),
            Self::Attribute(name) => write!(
                f,
                "expected basic formatting in a narrative, found the attribute ‘{}’",
                shown(name)
            ),
            Self::Script => f.write_str("expected no script in a narrative, found one in a link"),
            Self::Nothing => f.write_str("expected text or an image in a narrative, found neither"),
        }
    }
}

impl From<XmlError> for XhtmlFault {
    fn from(error: XmlError) -> Self {
        Self::Narrative(error.into())
    }
}

/// Checks the XHTML of a narrative against txt-1 and txt-2.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_xhtml(text: &str) -> Result<(), XhtmlFault> {
    check(text).map_err(XhtmlFault::Narrative)?;
    let mut events = Events::open(text.as_bytes(), &XmlLimits::default())?;
    let mut says = false;
    while let Some(event) = events.next_event()? {
        match event {
            XmlEvent::Start(tag) => {
                check_tag(&tag)?;
                let source = tag.attributes.iter().find(|own| own.name == "src");
                says = says || (tag.name == "img" && source.is_some());
            }
            XmlEvent::Text(text) => says = says || !text.trim().is_empty(),
            XmlEvent::End { .. } => {}
        }
    }
    if says {
        Ok(())
    } else {
        Err(XhtmlFault::Nothing)
    }
}

fn check_tag(tag: &StartTag<'_>) -> Result<(), XhtmlFault> {
    // The `div` may leave its namespace to the document it will stand in.
    let known = matches!(tag.namespace.as_str(), XHTML_NAMESPACE | "");
    if !known || !ELEMENTS.contains(&tag.name) {
        return Err(XhtmlFault::Element(Text::new(tag.name)));
    }
    for attribute in &tag.attributes {
        let name = attribute.name.as_str();
        // `xml:lang` and `xml:space` belong to XML itself.
        let of_xml = attribute.namespace == "http://www.w3.org/XML/1998/namespace";
        if !of_xml && (!attribute.namespace.is_empty() || !ATTRIBUTES.contains(&name)) {
            return Err(XhtmlFault::Attribute(attribute.name.clone()));
        }
        if matches!(name, "href" | "src" | "longdesc" | "cite") && runs_script(&attribute.value) {
            return Err(XhtmlFault::Script);
        }
    }
    Ok(())
}

/// Browsers skip white space and control characters in a scheme, so this does.
fn runs_script(link: &str) -> bool {
    let kept = link
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control());
    let start: String = kept.take(16).flat_map(char::to_lowercase).collect();
    SCRIPTS.iter().any(|scheme| start.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_div(inner: &str, expected: Result<(), XhtmlFault>) {
        let text = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>");
        assert_eq!(check_xhtml(&text), expected, "{inner}");
    }

    #[test]
    fn txt_1_and_txt_2() {
        let element = |name: &str| Err(XhtmlFault::Element(Text::new(name)));
        let attribute = |name: &str| Err(XhtmlFault::Attribute(Text::new(name)));
        check_div("<p class='a' xml:lang='it'>a</p>", Ok(()));
        check_div("<table><tr><td colspan='2'>a</td></tr></table>", Ok(()));
        check_div("<a href='#x' name='y'>a</a>", Ok(()));
        check_div("<img src='#pic' alt='a'/>", Ok(()));
        check_div("<script>a</script>", element("script"));
        check_div("<form>a</form>", element("form"));
        check_div("<iframe src='http://a'/>", element("iframe"));
        check_div("<p onclick='a'>a</p>", attribute("onclick"));
        check_div("<x:p xmlns:x='urn:x'>a</x:p>", element("p"));
        check_div("<a href='javascript:a()'>a</a>", Err(XhtmlFault::Script));
        check_div("<a href=' java\tScript:a()'>a</a>", Err(XhtmlFault::Script));
        check_div("", Err(XhtmlFault::Nothing));
        check_div(" <p> &#160;</p>", Err(XhtmlFault::Nothing));
        check_div("<br/>", Err(XhtmlFault::Nothing));
        assert!(check_xhtml("<div>a<br></div>").is_err());
        assert!(check_xhtml("text").is_err());
    }
}
