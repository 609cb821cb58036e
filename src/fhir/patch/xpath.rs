//! The part of XPath that XML Patch needs: one path to one node.
//!
//! Source: RFC 5261 *4.1 Locating the Target*; XPath 1.0 abbreviated syntax. Understood are
//! child steps by name or `*`, predicates `[2]`, `[last()]`, `[@name='value']`,
//! `[f:child/@value='value']` and `[f:child]` (joined with `and`, or one after another), and at
//! the end `@name` or `text()`. Prefixes are fixed: `f` and none are FHIR, `h` is XHTML, because
//! the tree keeps namespaces and drops the prefixes of a document.

use super::unfit;
use crate::error::Result;
use crate::fhir::xml::{XmlElement, XmlNode};

mod parser;

/// What a selector found: indexes of children from the root element down, and what of the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    pub path: Vec<usize>,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Element,
    /// An attribute without namespace.
    Attribute(String),
    /// The child of the element, which is a text.
    Text(usize),
}

struct Step {
    test: Test,
    predicates: Vec<Predicate>,
}

enum Test {
    Any,
    Name {
        namespace: &'static str,
        name: String,
    },
    Attribute(String),
    Text,
}

enum Predicate {
    Position(usize),
    Last,
    /// A relative path that must exist, with this text where given.
    Exists {
        steps: Vec<Test>,
        equals: Option<String>,
    },
}

/// Finds the one node that a selector leads to.
///
/// # Errors
/// `Invalid` where the selector is not understood, finds nothing, or more than one node.
pub(super) fn select(root: &XmlElement, selector: &str) -> Result<Selection> {
    let steps = parser::parse(selector)?;
    let mut found: Vec<Selection> = Vec::new();
    let mut steps = steps.iter();
    // The path begins at the document, whose one child is the root element.
    if let Some(first) = steps.next()
        && let Test::Name { .. } | Test::Any = first.test
        && first.test.matches(root)
        && first.holds(root, 1, 1)
    {
        found.push(Selection {
            path: Vec::new(),
            target: Target::Element,
        });
    }
    for step in steps {
        let mut next = Vec::new();
        for selection in &found {
            step.select_from(root, selection, &mut next);
        }
        found = next;
    }
    match (found.pop(), found.len()) {
        (Some(selection), 0) => Ok(selection),
        (None, _) => Err(unfit("expected one node at the selector, found none")),
        (_, more) => Err(unfit(format!(
            "expected one node at the selector, found {}",
            more.saturating_add(1)
        ))),
    }
}

/// The element at a path of child indexes.
fn element_at<'e>(root: &'e XmlElement, path: &[usize]) -> Option<&'e XmlElement> {
    path.iter().try_fold(root, |element, index| {
        match element.children.get(*index)? {
            XmlNode::Element(child) => Some(child),
            XmlNode::Text(_) => None,
        }
    })
}

impl Step {
    fn select_from(&self, root: &XmlElement, selection: &Selection, next: &mut Vec<Selection>) {
        let (Some(element), Target::Element) =
            (element_at(root, &selection.path), &selection.target)
        else {
            return;
        };
        match &self.test {
            Test::Attribute(name) => {
                if element.attr(name).is_some() {
                    next.push(Selection {
                        path: selection.path.clone(),
                        target: Target::Attribute(name.clone()),
                    });
                }
            }
            Test::Text => {
                let texts: Vec<usize> = element
                    .children
                    .iter()
                    .enumerate()
                    .filter(|(_, node)| matches!(node, XmlNode::Text(_)))
                    .map(|(index, _)| index)
                    .collect();
                for (position, index) in texts.iter().enumerate() {
                    let kept = self.predicates.iter().all(|predicate| match predicate {
                        Predicate::Position(wanted) => position.saturating_add(1) == *wanted,
                        Predicate::Last => position.saturating_add(1) == texts.len(),
                        Predicate::Exists { .. } => false,
                    });
                    if kept {
                        next.push(Selection {
                            path: selection.path.clone(),
                            target: Target::Text(*index),
                        });
                    }
                }
            }
            _ => {
                let mut matching: Vec<(usize, &XmlElement)> = element
                    .children
                    .iter()
                    .enumerate()
                    .filter_map(|(index, node)| match node {
                        XmlNode::Element(child) if self.test.matches(child) => Some((index, child)),
                        _ => None,
                    })
                    .collect();
                // Each predicate counts positions among what those before it kept.
                for predicate in &self.predicates {
                    let size = matching.len();
                    let mut position = 0usize;
                    matching.retain(|(_, child)| {
                        position = position.saturating_add(1);
                        predicate.holds(child, position, size)
                    });
                }
                for (index, _) in matching {
                    let mut path = selection.path.clone();
                    path.push(index);
                    next.push(Selection {
                        path,
                        target: Target::Element,
                    });
                }
            }
        }
    }

    fn holds(&self, element: &XmlElement, position: usize, size: usize) -> bool {
        self.predicates
            .iter()
            .all(|predicate| predicate.holds(element, position, size))
    }
}

impl Test {
    fn matches(&self, element: &XmlElement) -> bool {
        match self {
            Test::Any => true,
            Test::Name { namespace, name } => {
                element.name == name.as_str() && element.namespace == *namespace
            }
            Test::Attribute(_) | Test::Text => false,
        }
    }
}

impl Predicate {
    fn holds(&self, element: &XmlElement, position: usize, size: usize) -> bool {
        match self {
            Predicate::Position(wanted) => position == *wanted,
            Predicate::Last => position == size,
            Predicate::Exists { steps, equals } => {
                let mut found = vec![element];
                for step in steps {
                    match step {
                        Test::Attribute(name) => {
                            return found.iter().filter_map(|e| e.attr(name)).any(|value| {
                                equals.as_deref().is_none_or(|wanted| wanted == value)
                            });
                        }
                        Test::Text => break,
                        _ => {
                            found = found
                                .iter()
                                .flat_map(|e| e.elements())
                                .filter(|e| step.matches(e))
                                .collect();
                        }
                    }
                }
                found
                    .iter()
                    .any(|e| equals.as_deref().is_none_or(|wanted| wanted == e.text()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::fhir::xml::{XmlLimits, parse_document};

    const DOCUMENT: &str = "<Patient xmlns='http://hl7.org/fhir'><id value='a'/>\
        <telecom><system value='phone'/><use value='home'/></telecom>\
        <telecom><system value='phone'/><use value='work'/></telecom>\
        <name>x</name></Patient>";

    #[track_caller]
    fn check(selector: &str, expected: std::result::Result<(&[usize], Target), Kind>) {
        let root = parse_document(DOCUMENT.as_bytes(), &XmlLimits::default()).unwrap();
        let found = select(&root, selector).map_err(|error| error.kind());
        let expected = expected.map(|(path, target)| Selection {
            path: path.to_vec(),
            target,
        });
        assert_eq!(found, expected, "{selector}");
    }

    #[test]
    fn rfc_5261_selectors() {
        let attribute = || Target::Attribute("value".into());
        check("f:Patient", Ok((&[], Target::Element)));
        check("/f:Patient/f:id/@value", Ok((&[0], attribute())));
        check("Patient/id", Ok((&[0], Target::Element)));
        check("f:Patient/f:telecom[2]", Ok((&[2], Target::Element)));
        check("f:Patient/f:telecom[last()]", Ok((&[2], Target::Element)));
        check("f:Patient/*[1]", Ok((&[0], Target::Element)));
        check(
            "f:Patient/f:telecom[f:use/@value='work']/f:use/@value",
            Ok((&[2, 1], attribute())),
        );
        check(
            "f:Patient/f:telecom[f:system/@value = \"phone\" and f:use/@value='home']",
            Ok((&[1], Target::Element)),
        );
        check(
            "f:Patient/f:telecom[f:system/@value='phone'][2]",
            Ok((&[2], Target::Element)),
        );
        check("f:Patient/f:name/text()", Ok((&[3], Target::Text(0))));
        check("f:Patient/f:telecom", Err(Kind::Invalid));
        check("f:Person", Err(Kind::Invalid));
        check("f:Patient/h:id", Err(Kind::Invalid));
        check("f:Patient/f:id/@nothing", Err(Kind::Invalid));
        for bad in [
            "",
            "/",
            "f:Patient/",
            "f:Patient[",
            "f:Patient[@a=b]",
            "x:Patient",
            "a::b",
            "f:a/@b/c",
            "//f:id",
            "f:a[99999999999999999999999]",
            "f:a]",
            "f:Patient[@a='b]",
        ] {
            check(bad, Err(Kind::Invalid));
        }
    }
}
