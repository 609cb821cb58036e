//! What a patch may make of a resource: bounded depth, bounded growth, nothing empty.

use super::over;
use crate::error::Result;
use crate::fhir::model::value::Value;

/// Depth of a resource (IN-07).
pub(super) const MAX_DEPTH: usize = 64;
/// Values that all operations together may put in (IN-08).
const MAX_NODES: usize = 200_000;
/// Bytes of text that all operations together may put in.
const MAX_BYTES: usize = 16 << 20;

/// What operations may still put in. Copies count each time, so that doubling a resource over
/// and over ends here.
pub(super) struct Allowance {
    nodes: usize,
    bytes: usize,
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self {
            nodes: MAX_NODES,
            bytes: MAX_BYTES,
        }
    }

    /// Pays for a value to be put at a place of this depth.
    ///
    /// # Errors
    /// `Unprocessable` where the resource would grow too deep or the patch put in too much.
    pub(super) fn spend(&mut self, value: &Value, depth: usize) -> Result<()> {
        let mut open = vec![(value, depth)];
        while let Some((value, depth)) = open.pop() {
            if depth > MAX_DEPTH {
                return Err(over(format!(
                    "expected at most {MAX_DEPTH} levels in the patched resource, found more"
                )));
            }
            let bytes = match value {
                Value::String(text) | Value::Number(text) => text.len(),
                _ => 0,
            };
            let rest = (self.nodes.checked_sub(1), self.bytes.checked_sub(bytes));
            let (Some(nodes), Some(bytes)) = rest else {
                return Err(over(format!(
                    "expected a patch to put in at most {MAX_NODES} values and {MAX_BYTES} bytes, found more"
                )));
            };
            (self.nodes, self.bytes) = (nodes, bytes);
            let deeper = depth.saturating_add(1);
            match value {
                Value::Object(object) => open.extend(object.iter().map(|(_, v)| (v, deeper))),
                Value::Array(items) => open.extend(items.iter().map(|v| (v, deeper))),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Takes out empty arrays and objects, which FHIR does not allow: removing the last name of a
/// patient leaves no `name`. The depth is bounded by what was let in.
pub(super) fn prune(value: &mut Value) {
    match value {
        Value::Object(object) => object.retain(|name, member| {
            prune_member(name.starts_with('_'), member);
            !is_empty(member)
        }),
        Value::Array(_) => prune_member(false, value),
        _ => {}
    }
}

fn prune_member(sibling: bool, value: &mut Value) {
    let Value::Array(items) = value else {
        return prune(value);
    };
    for item in items.iter_mut() {
        prune(item);
        if sibling && is_empty(item) {
            // Keeps the place of the items behind it.
            *item = Value::Null;
        }
    }
    items.retain(|item| !is_empty(item));
    if items.iter().all(|item| matches!(item, Value::Null)) {
        items.clear();
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
