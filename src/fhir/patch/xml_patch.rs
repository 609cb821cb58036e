//! XML Patch on the FHIR XML form of a resource.
//!
//! Source: RFC 5261 (*add*, *replace*, *remove*), FHIR R4 *RESTful API*, "patch". The resource is
//! written as XML, changed as a tree, and read back by the definitions, which also refuse what
//! FHIR XML does not allow. Comments and namespace prefixes do not exist in that tree, so they
//! can be neither added nor selected.

use super::xpath::{Selection, Target, select};
use super::{at_operation, check_count, malformed, over, unfit};
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::{Text, Value};
use crate::fhir::xml::{
    FHIR_NAMESPACE, XmlAttribute, XmlElement, XmlLimits, XmlNode, from_xml, parse_document, to_xml,
    write_document,
};

/// Depth of a resource in XML (IN-13).
const MAX_DEPTH: usize = 128;

/// Applies an XML Patch document.
pub(super) fn apply(resource: &Value, patch: &[u8], definitions: &Definitions) -> Result<Value> {
    let limits = XmlLimits::default();
    let patch = parse_document(patch, &limits)?;
    let written = to_xml(resource, definitions)?;
    let mut root = parse_document(&written, &limits)?;
    apply_to_tree(&mut root, &patch)?;
    from_xml(write_document(&root).as_bytes(), definitions)
}

/// Applies the operations of a `diff` document to a tree.
pub(super) fn apply_to_tree(root: &mut XmlElement, patch: &XmlElement) -> Result<()> {
    if patch.name != "diff" && patch.name != "patch" {
        return Err(malformed(format!(
            "expected the root element diff, found {}",
            patch.name.chars().take(64).collect::<String>()
        )));
    }
    let count = patch.elements().count();
    if count == 0 {
        return Err(malformed(
            "expected add, replace or remove, found no operation",
        ));
    }
    check_count(count)?;
    for (index, operation) in patch.elements().enumerate() {
        let selector = operation.attr("sel").unwrap_or("?");
        let result = match operation.name.as_str() {
            "add" => add(root, operation),
            "replace" => replace(root, operation),
            "remove" => remove(root, operation),
            _ => Err(malformed(
                "expected add, replace or remove, found another element",
            )),
        };
        result.map_err(|error| at_operation(index, &operation.name, selector, &error))?;
    }
    Ok(())
}

fn selected(root: &XmlElement, operation: &XmlElement) -> Result<Selection> {
    let selector = operation
        .attr("sel")
        .ok_or_else(|| malformed("expected an attribute sel, found none"))?;
    select(root, selector)
}

fn element_mut<'e>(root: &'e mut XmlElement, path: &[usize]) -> Result<&'e mut XmlElement> {
    path.iter()
        .try_fold(root, |element, index| {
            match element.children.get_mut(*index)? {
                XmlNode::Element(child) => Some(child),
                XmlNode::Text(_) => None,
            }
        })
        .ok_or_else(|| unfit("expected an element at the selector, found none"))
}

fn add(root: &mut XmlElement, operation: &XmlElement) -> Result<()> {
    let selection = selected(root, operation)?;
    if selection.target != Target::Element {
        return Err(unfit(
            "expected an element to add to, found an attribute or a text",
        ));
    }
    if let Some(kind) = operation.attr("type") {
        let name = kind
            .strip_prefix('@')
            .filter(|name| !name.is_empty() && !name.contains(':'))
            .ok_or_else(|| malformed("expected the type @name, found another"))?;
        let element = element_mut(root, &selection.path)?;
        if element.attr(name).is_some() {
            return Err(unfit("expected no such attribute yet, found one"));
        }
        element.attributes.push(XmlAttribute {
            name: Text::new(name),
            namespace: Text::default(),
            value: Text::new(operation.text()),
        });
        return Ok(());
    }
    let content = content(operation, selection.path.len().saturating_add(1))?;
    match operation.attr("pos") {
        None => element_mut(root, &selection.path)?.children.extend(content),
        Some("prepend") => {
            element_mut(root, &selection.path)?
                .children
                .splice(0..0, content);
        }
        Some(position @ ("before" | "after")) => {
            let (last, parent) = selection
                .path
                .split_last()
                .ok_or_else(|| unfit("expected an element beside the root, found the root"))?;
            let place = match position {
                "before" => *last,
                _ => last.saturating_add(1),
            };
            element_mut(root, parent)?
                .children
                .splice(place..place, content);
        }
        Some(_) => {
            return Err(malformed(
                "expected pos to be prepend, before or after, found another",
            ));
        }
    }
    Ok(())
}

fn replace(root: &mut XmlElement, operation: &XmlElement) -> Result<()> {
    let selection = selected(root, operation)?;
    match &selection.target {
        Target::Attribute(name) => {
            let element = element_mut(root, &selection.path)?;
            let attribute = element
                .attributes
                .iter_mut()
                .find(|attribute| attribute.namespace.is_empty() && attribute.name == *name);
            if let Some(attribute) = attribute {
                attribute.value = Text::new(operation.text());
            }
        }
        Target::Text(index) => {
            let element = element_mut(root, &selection.path)?;
            if let Some(node) = element.children.get_mut(*index) {
                *node = XmlNode::Text(Text::new(operation.text()));
            }
        }
        Target::Element => {
            let mut content = content(operation, selection.path.len())?;
            content.retain(|node| matches!(node, XmlNode::Element(_)));
            let (Some(XmlNode::Element(element)), true) = (content.pop(), content.is_empty())
            else {
                return Err(malformed(
                    "expected one element as replacement, found another number",
                ));
            };
            *element_mut(root, &selection.path)? = element;
        }
    }
    Ok(())
}

fn remove(root: &mut XmlElement, operation: &XmlElement) -> Result<()> {
    let selection = selected(root, operation)?;
    let (parent, child) = match &selection.target {
        Target::Attribute(name) => {
            element_mut(root, &selection.path)?
                .attributes
                .retain(|attribute| !(attribute.namespace.is_empty() && attribute.name == *name));
            return Ok(());
        }
        Target::Text(index) => (selection.path.as_slice(), *index),
        Target::Element => match selection.path.split_last() {
            Some((last, parent)) => (parent, *last),
            None => {
                return Err(unfit(
                    "expected an element inside of the resource, found its root",
                ));
            }
        },
    };
    let element = element_mut(root, parent)?;
    if child < element.children.len() {
        element.children.remove(child);
    }
    Ok(())
}

/// The nodes that an operation carries, to be put at a place of this depth.
fn content(operation: &XmlElement, depth: usize) -> Result<Vec<XmlNode>> {
    let mut nodes = operation.children.clone();
    let mut open: Vec<(&mut XmlElement, usize)> = Vec::new();
    open.extend(nodes.iter_mut().filter_map(|node| match node {
        XmlNode::Element(element) => Some((element, depth)),
        XmlNode::Text(_) => None,
    }));
    while let Some((element, depth)) = open.pop() {
        if depth >= MAX_DEPTH {
            return Err(over(format!(
                "expected at most {MAX_DEPTH} levels in the patched resource, found more"
            )));
        }
        // A patch whose document declares no namespace means FHIR's.
        if element.namespace.is_empty() {
            element.namespace = Text::new(FHIR_NAMESPACE);
        }
        let deeper = depth.saturating_add(1);
        open.extend(element.children.iter_mut().filter_map(|node| match node {
            XmlNode::Element(child) => Some((child, deeper)),
            XmlNode::Text(_) => None,
        }));
    }
    Ok(nodes)
}
