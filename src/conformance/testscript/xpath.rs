//! The XPath that TestScripts use, evaluated over the JSON tree of a resource.
//!
//! Steps by name with or without prefix, `*`, `.`, attributes, `//`, and predicates that count
//! (`[1]`, `[last()]`), ask for a node or compare one with a literal. Everything else of XPath 1.0
//! is refused, so that a test with it is skipped and not judged wrongly. The tree is seen as its
//! XML form: the root element is named like the resource, values of primitives are `@value`.
//! Source: XML Path Language 1.0; FHIR R4 *XML representation of resources*.

use std::collections::HashSet;

use crate::fhir::model::json;
use crate::fhir::model::value::Value;

/// Predicates inside predicates.
const NESTING: usize = 4;

/// A location path.
#[derive(Debug, PartialEq)]
pub struct XPath(Vec<Step>);

#[derive(Debug, PartialEq)]
struct Step {
    /// Whether the step was written after `//`.
    anywhere: bool,
    test: Test,
    predicates: Vec<Predicate>,
}

#[derive(Debug, PartialEq)]
enum Test {
    Element(String),
    Any,
    Same,
    Attribute(String),
}

#[derive(Debug, PartialEq)]
enum Predicate {
    Position(usize),
    Last,
    Exists(XPath),
    Equals(XPath, String),
}

/// An element or attribute of the XML form.
#[derive(Clone, Copy)]
struct Node<'a> {
    value: &'a Value,
    /// The `_name` object of a primitive.
    sibling: Option<&'a Value>,
    /// An element that holds a resource, or the document: its one child is the resource.
    holds_resource: bool,
}

impl Node<'_> {
    fn identity(&self) -> (*const Value, Option<*const Value>, bool) {
        let sibling = self.sibling.map(std::ptr::from_ref);
        (std::ptr::from_ref(self.value), sibling, self.holds_resource)
    }
}

impl XPath {
    /// Reads a path; the error says what is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser {
            rest: text.trim(),
            nesting: NESTING,
        };
        let path = parser.path()?;
        if parser.rest.is_empty() {
            Ok(path)
        } else {
            Err(format!(
                "XPath {text:?} is not understood at {:?}",
                parser.rest
            ))
        }
    }

    /// The text of each node that the path finds.
    pub fn evaluate(&self, resource: &Value) -> Vec<String> {
        let document = Node {
            value: resource,
            sibling: None,
            holds_resource: true,
        };
        self.select(document).into_iter().map(text).collect()
    }

    fn select<'a>(&self, from: Node<'a>) -> Vec<Node<'a>> {
        let mut found = vec![from];
        for step in &self.0 {
            let mut next = Vec::new();
            for node in found {
                let mut origins = vec![node];
                if step.anywhere {
                    descendants(node, &mut origins);
                }
                for origin in origins {
                    let mut hits = step.test.hits(origin);
                    for predicate in &step.predicates {
                        hits = predicate.keep(hits);
                    }
                    next.append(&mut hits);
                }
            }
            // A node-set holds a node once, however many ways lead to it.
            let mut seen = HashSet::new();
            next.retain(|node| seen.insert(node.identity()));
            found = next;
        }
        found
    }
}

impl Test {
    fn hits<'a>(&self, node: Node<'a>) -> Vec<Node<'a>> {
        match self {
            Test::Same => vec![node],
            Test::Any => children(node).into_iter().map(|(_, child)| child).collect(),
            Test::Element(name) => children(node)
                .into_iter()
                .filter(|(found, _)| found == name)
                .map(|(_, child)| child)
                .collect(),
            Test::Attribute(name) => attribute(node, name)
                .map(|value| Node {
                    value,
                    sibling: None,
                    holds_resource: false,
                })
                .into_iter()
                .collect(),
        }
    }
}

impl Predicate {
    fn keep<'a>(&self, nodes: Vec<Node<'a>>) -> Vec<Node<'a>> {
        match self {
            Predicate::Position(position) => nodes
                .into_iter()
                .skip(position.saturating_sub(1))
                .take(usize::from(*position > 0))
                .collect(),
            Predicate::Last => nodes.last().copied().into_iter().collect(),
            Predicate::Exists(path) => nodes
                .into_iter()
                .filter(|node| !path.select(*node).is_empty())
                .collect(),
            Predicate::Equals(path, literal) => nodes
                .into_iter()
                .filter(|node| path.select(*node).into_iter().any(|n| text(n) == *literal))
                .collect(),
        }
    }
}

/// The value of a primitive; of anything else its JSON text, which is never empty.
fn text(node: Node<'_>) -> String {
    match node.value {
        Value::String(text) | Value::Number(text) => text.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => String::new(),
        other => String::from_utf8_lossy(&json::to_vec(other)).into_owned(),
    }
}

fn attribute<'a>(node: Node<'a>, name: &str) -> Option<&'a Value> {
    match (node.value, name) {
        (Value::String(_) | Value::Number(_) | Value::Bool(_), "value") => Some(node.value),
        // Of a resource, `id` is an element; of everything else, an attribute.
        (Value::Object(object), "id" | "url") if !object.contains("resourceType") => {
            object.get(name)
        }
        _ => node.sibling?.get(name),
    }
}

/// The child elements, with their names.
fn children<'a>(node: Node<'a>) -> Vec<(&'a str, Node<'a>)> {
    let mut out = Vec::new();
    if node.holds_resource {
        let name = node.value.str_at("resourceType");
        let resource = Node {
            holds_resource: false,
            ..node
        };
        out.extend(name.map(|name| (name, resource)));
        return out;
    }
    if let Some(sibling) = node.sibling {
        push_members(sibling, &mut out);
    }
    push_members(node.value, &mut out);
    out
}

fn push_members<'a>(value: &'a Value, out: &mut Vec<(&'a str, Node<'a>)>) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (name, value) in object.iter().filter(|(name, _)| *name != "resourceType") {
        let (name, value, sibling) = match name.strip_prefix('_') {
            Some(base) if object.contains(base) => continue,
            // A primitive with extensions only.
            Some(base) => (base, &NULL, Some(value)),
            None => {
                let sibling = object
                    .iter()
                    .find(|(other, _)| other.strip_prefix('_') == Some(name));
                (name, value, sibling.map(|(_, value)| value))
            }
        };
        let mut push = |value: &'a Value, sibling: Option<&'a Value>| {
            let node = Node {
                value,
                sibling,
                holds_resource: value.str_at("resourceType").is_some(),
            };
            out.push((name, node));
        };
        match value {
            Value::Array(items) => {
                let siblings = sibling.and_then(Value::as_array).unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    push(item, siblings.get(index));
                }
            }
            value => push(value, sibling),
        }
    }
}

static NULL: Value = Value::Null;

/// Depth first, as in a document; a tree that was parsed is not deep.
fn descendants<'a>(node: Node<'a>, out: &mut Vec<Node<'a>>) {
    for (_, child) in children(node) {
        out.push(child);
        descendants(child, out);
    }
}

struct Parser<'t> {
    rest: &'t str,
    nesting: usize,
}

impl<'t> Parser<'t> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn path(&mut self) -> Result<XPath, String> {
        let mut anywhere = self.eat("//");
        if !anywhere {
            self.eat("/");
        }
        let mut steps = Vec::new();
        loop {
            steps.push(self.step(anywhere)?);
            anywhere = self.eat("//");
            if !anywhere && !self.eat("/") {
                return Ok(XPath(steps));
            }
        }
    }

    fn step(&mut self, anywhere: bool) -> Result<Step, String> {
        let test = if self.eat("@") {
            Test::Attribute(self.name()?.to_owned())
        } else if self.eat("*") {
            Test::Any
        } else if self.rest.starts_with("..") {
            return Err("XPath: the step .. is not understood".to_owned());
        } else if self.eat(".") {
            Test::Same
        } else {
            let mut name = self.name()?;
            if self.eat(":") {
                name = self.name()?;
            }
            if self.rest.starts_with(['(', ':']) {
                return Err(format!("XPath: {name}{} is not understood", self.rest));
            }
            Test::Element(name.to_owned())
        };
        let mut predicates = Vec::new();
        while self.eat("[") {
            self.nesting = self
                .nesting
                .checked_sub(1)
                .ok_or("XPath: too many predicates inside each other")?;
            predicates.push(self.predicate()?);
            self.nesting = self.nesting.saturating_add(1);
        }
        Ok(Step {
            anywhere,
            test,
            predicates,
        })
    }

    fn predicate(&mut self) -> Result<Predicate, String> {
        self.space();
        let predicate = if self.eat("last()") {
            Predicate::Last
        } else if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let digits = self.take(|c| c.is_ascii_digit());
            let position = digits.parse().map_err(|_| "XPath: a position too large")?;
            Predicate::Position(position)
        } else {
            let path = self.path()?;
            self.space();
            if self.eat("=") {
                self.space();
                let quote = if self.eat("'") { '\'' } else { '"' };
                if quote == '"' && !self.eat("\"") {
                    return Err("XPath: expected a literal after =".to_owned());
                }
                let literal = self.take(|c| c != quote).to_owned();
                self.rest = self
                    .rest
                    .strip_prefix(quote)
                    .ok_or("XPath: an open literal")?;
                Predicate::Equals(path, literal)
            } else {
                Predicate::Exists(path)
            }
        };
        self.space();
        if self.eat("]") {
            Ok(predicate)
        } else {
            Err(format!("XPath: {:?} is not understood", self.rest))
        }
    }

    fn name(&mut self) -> Result<&'t str, String> {
        let name = self.take(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if name.is_empty() {
            return Err(format!("XPath: expected a name at {:?}", self.rest));
        }
        Ok(name)
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}
