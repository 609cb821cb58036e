//! Elements on their way into or out of a resource: value and sibling as one.
//!
//! Source: FHIR R4 *JSON representation* of primitives and repeated elements; *FHIRPath Patch*
//! for the parts that carry an element.

use super::limits::Allowance;
use super::site::ObjectType;
use super::{malformed, unfit};
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::{Object, Value};

/// An element to put in: its value and its sibling.
pub(super) struct Element {
    pub value: Option<Value>,
    pub sibling: Option<Value>,
}

impl Element {
    /// Pays for putting it at a place of this depth.
    pub(super) fn pay(&self, allowance: &mut Allowance, depth: usize) -> Result<()> {
        for value in self.value.iter().chain(&self.sibling) {
            allowance.spend(value, depth)?;
        }
        Ok(())
    }

    /// Reads the element that a part carries: `value[x]`, a resource, or parts for its children.
    /// Parts nest no deeper than the JSON they came in.
    pub(super) fn read(
        part: &Value,
        inside: Option<ObjectType<'_>>,
        definitions: &Definitions,
    ) -> Result<Self> {
        if let Some(resource) = part.get("resource") {
            return Ok(Self {
                value: Some(resource.clone()),
                sibling: None,
            });
        }
        if let Some(suffix) = value_suffix(part) {
            return Ok(Self {
                value: part.get(&format!("value{suffix}")).cloned(),
                sibling: part.get(&format!("_value{suffix}")).cloned(),
            });
        }
        let children = part.items_at("part");
        let (Some(site), false) = (inside, children.is_empty()) else {
            return Err(malformed(
                "expected a value[x] or parts of an element, found none",
            ));
        };
        let mut object = Object::new();
        for child in children {
            let name = child
                .str_at("name")
                .ok_or_else(|| malformed("expected a name in each part, found none"))?;
            let (field, kind) = site.element(name, value_suffix(child))?;
            let within = site.inside(kind, child.get("resource"), definitions);
            let value = Self::read(child, within, definitions)?;
            let member = kind.json_name.as_str();
            if field.array {
                let count = list_len(&object, member);
                insert_item(&mut object, member, count, value);
            } else if object.contains(member) {
                return Err(unfit(format!("expected one part '{name}', found more")));
            } else {
                set(&mut object, member, value);
            }
        }
        Ok(Self {
            value: Some(Value::Object(object)),
            sibling: None,
        })
    }
}

/// The type part of `value[x]`: `String` of `valueString`.
pub(super) fn value_suffix(part: &Value) -> Option<&str> {
    part.as_object()?
        .iter()
        .map(|(name, _)| name.strip_prefix('_').unwrap_or(name))
        .find_map(|name| {
            name.strip_prefix("value")
                .filter(|suffix| !suffix.is_empty())
        })
}

/// The member for id and extensions of a primitive.
pub(super) fn sibling_name(member: &str) -> String {
    format!("_{member}")
}

/// Sets an element that does not repeat.
pub(super) fn set(object: &mut Object, member: &str, element: Element) {
    let sibling = sibling_name(member);
    match element.value {
        Some(value) => object.set(member, value),
        None => drop(object.remove(member)),
    }
    match element.sibling {
        Some(value) => object.set(&sibling, value),
        None => drop(object.remove(&sibling)),
    }
}

/// Items of a list, those with siblings only included.
pub(super) fn list_len(object: &Object, member: &str) -> usize {
    let len = |name: &str| {
        object
            .get(name)
            .and_then(Value::as_array)
            .map_or(0, <[_]>::len)
    };
    len(member).max(len(&sibling_name(member)))
}

/// Changes the items of a list member, which is made where absent.
fn with_items(object: &mut Object, member: &str, change: impl FnOnce(&mut Vec<Value>)) {
    if let Some(Value::Array(items)) = object.get_mut(member) {
        change(items);
    } else {
        let mut items = Vec::new();
        change(&mut items);
        object.set(member, items);
    }
}

fn pad(items: &mut Vec<Value>, len: usize) {
    while items.len() < len {
        items.push(Value::Null);
    }
}

/// Inserts an element into a list, its sibling at the same index of the siblings.
pub(super) fn insert_item(object: &mut Object, member: &str, index: usize, element: Element) {
    let sibling = sibling_name(member);
    let siblings = element.sibling.is_some() || object.contains(&sibling);
    let insert = |items: &mut Vec<Value>, value: Option<Value>| {
        pad(items, index);
        items.insert(index, value.unwrap_or(Value::Null));
    };
    with_items(object, member, |items| insert(items, element.value));
    if siblings {
        with_items(object, &sibling, |items| insert(items, element.sibling));
    }
}

/// Takes an element out of a list, with its sibling.
pub(super) fn remove_item(object: &mut Object, member: &str, index: usize) -> Element {
    let mut take = |name: &str| match object.get_mut(name) {
        Some(Value::Array(items)) if index < items.len() => {
            Some(items.remove(index)).filter(|value| !matches!(value, Value::Null))
        }
        _ => None,
    };
    Element {
        value: take(member),
        sibling: take(&sibling_name(member)),
    }
}

/// Makes an empty object stand at a member, or at an index of it, where nothing stands.
pub(super) fn ensure_at(object: &mut Object, member: &str, index: Option<usize>) {
    let Some(index) = index else {
        if !object.contains(member) {
            object.push(member, Object::new());
        }
        return;
    };
    with_items(object, member, |items| {
        pad(items, index.saturating_add(1));
        if let Some(item) = items.get_mut(index)
            && matches!(item, Value::Null)
        {
            *item = Value::Object(Object::new());
        }
    });
}
