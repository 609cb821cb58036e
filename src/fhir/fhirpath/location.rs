//! Where a node stands in its resource.
//!
//! Nodes borrow the tree, so the place of one is found afterwards by identity, only when somebody
//! asks: evaluation carries no paths.

use std::fmt;

use super::item::Node;
use crate::fhir::model::value::{Text, Value};

/// Resources are no deeper than this (IN-07).
const MAX_DEPTH: usize = 128;

/// One step from a value to a value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A member, by its JSON name.
    Member(Text),
    Index(usize),
}

/// The way from the root of a resource to one of its values, in JSON terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location(pub Vec<Segment>);

impl Location {
    /// Finds a node in the tree it was taken from. A primitive without a value is found where
    /// its value would stand.
    pub fn find(root: &Value, node: &Node<'_>) -> Option<Self> {
        let mut path = Vec::new();
        if matches!(node.value, Value::Null)
            && let Some(sibling) = node.sibling
        {
            walk(root, sibling, &mut path).then_some(())?;
            let last = path.iter_mut().rev().find_map(|segment| match segment {
                Segment::Member(name) => Some(name),
                Segment::Index(_) => None,
            });
            if let Some(name) = last
                && let Some(base) = name.strip_prefix('_')
            {
                *name = Text::new(base);
            }
            return Some(Self(path));
        }
        walk(root, node.value, &mut path).then_some(Self(path))
    }

    /// As a FHIRPath expression after the name of the type: `Patient.name[0].family`.
    pub fn expression(&self, resource_type: &str) -> String {
        format!("{resource_type}{self}")
    }
}

fn walk(value: &Value, target: &Value, path: &mut Vec<Segment>) -> bool {
    if std::ptr::eq(value, target) {
        return true;
    }
    if path.len() >= MAX_DEPTH {
        return false;
    }
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter() {
                if matches!(member, Value::Object(_) | Value::Array(_))
                    || std::ptr::eq(member, target)
                {
                    path.push(Segment::Member(Text::new(name)));
                    if walk(member, target, path) {
                        return true;
                    }
                    path.pop();
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                if walk(item, target, path) {
                    return true;
                }
                path.pop();
            }
        }
        _ => {}
    }
    false
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Member(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
