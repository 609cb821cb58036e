//! Walking the tree of a document while remembering what was read and what was wrong.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::error::{Issue, Severity};
use crate::fhir::model::value::Text;
use crate::fhir::xml::XmlElement;

/// The namespace of CDA.
pub(super) const HL7: &str = "urn:hl7-org:v3";
/// The namespace of the extensions of the Structured Documents group.
pub(super) const SDTC: &str = "urn:hl7-org:sdtc";
/// More findings than this are only counted.
const MOST_ISSUES: usize = 200;
/// More children of one name than this are not read.
const MOST_CHILDREN: usize = 500;
/// Longer header values, in bytes, are not read.
const LONGEST: usize = 65_536;

/// What was read of a document, and the findings.
#[derive(Default)]
pub(super) struct Log {
    /// Byte offsets of the elements that were read.
    seen: RefCell<HashSet<usize>>,
    issues: RefCell<Vec<Issue>>,
    left_out: RefCell<usize>,
}

impl Log {
    pub(super) fn push(&self, issue: Issue) {
        let mut issues = self.issues.borrow_mut();
        if issues.len() < MOST_ISSUES {
            issues.push(issue);
        } else {
            let mut left_out = self.left_out.borrow_mut();
            *left_out = left_out.saturating_add(1);
        }
    }

    pub(super) fn into_issues(self) -> Vec<Issue> {
        let mut issues = self.issues.into_inner();
        let left_out = self.left_out.into_inner();
        if left_out > 0 {
            issues.push(Issue::information(
                "incomplete",
                format!("{left_out} further findings are not listed"),
            ));
        }
        issues
    }

    /// One finding for each header element that nobody read; what is inside it is not visited.
    pub(super) fn report_unread(&self, root: &XmlElement) {
        let mut open = vec![(root, format!("/{}", root.name))];
        while let Some((parent, path)) = open.pop() {
            let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
            let mut read = Vec::new();
            for child in parent.elements() {
                let count = counts
                    .entry((child.namespace.as_str(), child.name.as_str()))
                    .or_insert(0);
                *count = count.saturating_add(1);
                // The body is the matter of the section mappers.
                if std::ptr::eq(parent, root) && child.name == "component" {
                    continue;
                }
                let path = format!("{path}/{}[{count}]", qualified(child));
                if self.seen.borrow().contains(&child.start) {
                    read.push((child, path));
                } else {
                    self.push(
                        Issue::information(
                            "informational",
                            "this element is kept in the stored document and not mapped to FHIR",
                        )
                        .at(path),
                    );
                }
            }
            open.extend(read.into_iter().rev());
        }
    }
}

/// The name for a path; prefixes are those that everybody uses.
fn qualified(element: &XmlElement) -> String {
    match element.namespace.as_str() {
        HL7 => element.name.to_string(),
        SDTC => format!("sdtc:{}", element.name),
        _ => format!("*:{}", element.name),
    }
}

/// An element and its place.
#[derive(Clone)]
pub(super) struct Node<'a> {
    element: &'a XmlElement,
    path: String,
    log: &'a Log,
}

impl<'a> Node<'a> {
    pub(super) fn root(element: &'a XmlElement, log: &'a Log) -> Self {
        log.seen.borrow_mut().insert(element.start);
        Self {
            path: format!("/{}", element.name),
            element,
            log,
        }
    }

    /// The XPath of the element.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn attr(&self, name: &str) -> Option<&'a str> {
        let value = self.element.attr(name)?.trim();
        if value.len() > LONGEST {
            self.warn(
                "too-long",
                format!("the attribute {name} is longer than {LONGEST} bytes: it is left out"),
            );
            return None;
        }
        (!value.is_empty()).then_some(value)
    }

    /// The text inside, white space collapsed; `None` when there is none.
    pub(super) fn text(&self) -> Option<Text> {
        let text = self.element.text();
        if text.len() > LONGEST {
            self.warn(
                "too-long",
                format!("the text is longer than {LONGEST} bytes: it is left out"),
            );
            return None;
        }
        let mut collapsed = Text::default();
        for word in text.split_whitespace() {
            if !collapsed.is_empty() {
                collapsed.push(' ');
            }
            collapsed.push_str(word);
        }
        (!collapsed.is_empty()).then_some(collapsed)
    }

    /// The first child element of this name; further ones stay unread, and so are reported.
    pub(super) fn child(&self, name: &str) -> Option<Node<'a>> {
        self.child_ns(HL7, name)
    }

    pub(super) fn child_ns(&self, namespace: &str, name: &str) -> Option<Node<'a>> {
        let element = self
            .element
            .elements()
            .find(|child| child.name == name && child.namespace == namespace)?;
        Some(self.step(element, 1))
    }

    /// The child elements of this name, up to a bound; the rest stay unread, and so are reported.
    pub(super) fn children(&self, name: &str) -> Vec<Node<'a>> {
        self.element
            .elements()
            .filter(|child| child.name == name && child.namespace == HL7)
            .take(MOST_CHILDREN)
            .enumerate()
            .map(|(index, child)| self.step(child, index.saturating_add(1)))
            .collect()
    }

    /// The child elements of all these names, in the order of the document.
    pub(super) fn children_of(&self, names: &[&str]) -> Vec<Node<'a>> {
        let mut counts = vec![0usize; names.len()];
        let mut found = Vec::new();
        for child in self.element.elements().filter(|c| c.namespace == HL7) {
            if found.len() == MOST_CHILDREN {
                break;
            }
            let Some(index) = names.iter().position(|name| child.name == *name) else {
                continue;
            };
            if let Some(count) = counts.get_mut(index) {
                *count = count.saturating_add(1);
                found.push(self.step(child, *count));
            }
        }
        found
    }

    pub(super) fn name(&self) -> &'a str {
        &self.element.name
    }

    /// A finding at this element.
    pub(super) fn report(&self, severity: Severity, code: &'static str, text: impl Into<String>) {
        self.log
            .push(Issue::new(severity, code, text).at(self.path.as_str()));
    }

    pub(super) fn warn(&self, code: &'static str, text: impl Into<String>) {
        self.report(Severity::Warning, code, text);
    }

    fn step(&self, element: &'a XmlElement, number: usize) -> Node<'a> {
        self.log.seen.borrow_mut().insert(element.start);
        Node {
            element,
            path: format!("{}/{}[{number}]", self.path, qualified(element)),
            log: self.log,
        }
    }
}
