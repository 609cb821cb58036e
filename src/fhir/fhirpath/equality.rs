//! Equality and equivalence of items, collections and whole elements.
//!
//! Source: FHIRPath N1 *Equality*. Equality keeps order and may be unknown, which is `None`;
//! equivalence ignores order, case, white space and needless precision, and always knows.

use super::decimal::Decimal;
use super::error::FhirPathError;
use super::evaluator::Evaluator;
use super::item::{Item, Node};
use super::operators::number;
use crate::fhir::model::value::Value;

/// Resources are no deeper than this (IN-07).
const MAX_DEPTH: u32 = 128;

/// `=` of two collections.
pub(super) fn equal<'a>(
    evaluator: &Evaluator<'_, 'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<Option<bool>, FhirPathError> {
    if left.is_empty() || right.is_empty() {
        return Ok(None);
    }
    if left.len() != right.len() {
        return Ok(Some(false));
    }
    let mut known = Some(true);
    for (a, b) in left.iter().zip(right) {
        match equal_items(evaluator, a, b)? {
            Some(true) => {}
            Some(false) => return Ok(Some(false)),
            None => known = None,
        }
    }
    Ok(known)
}

/// `=` of two items.
pub(super) fn equal_items<'a>(
    evaluator: &Evaluator<'_, 'a>,
    a: &Item<'a>,
    b: &Item<'a>,
) -> Result<Option<bool>, FhirPathError> {
    evaluator.spend(1)?;
    if let (Item::Node(a), Item::Node(b)) = (a, b) {
        if std::ptr::eq(a.value, b.value) && same_place(a.sibling, b.sibling) {
            return Ok(Some(true));
        }
        if let (Value::Null, Value::Null, Some(a), Some(b)) =
            (a.value, b.value, a.sibling, b.sibling)
        {
            return deep_equal(evaluator, a, b, 0).map(Some);
        }
        if a.value.as_object().is_some() && b.value.as_object().is_some() {
            return deep_equal(evaluator, a.value, b.value, 0).map(Some);
        }
    }
    let (a, b) = (a.to_system(), b.to_system());
    if let (Some(a), Some(b)) = (number(&a), number(&b)) {
        return Ok(Some(a == b));
    }
    Ok(match (&a, &b) {
        (Item::Boolean(a), Item::Boolean(b)) => Some(a == b),
        (Item::String(a), Item::String(b)) => {
            evaluator.spend_text(a.len().min(b.len()))?;
            Some(a == b)
        }
        (Item::Temporal(a), Item::Temporal(b)) => {
            use super::temporal::TemporalKind::Time;
            if (a.kind() == Time) != (b.kind() == Time) {
                Some(false)
            } else {
                a.compare(b).map(|order| order.is_eq())
            }
        }
        // Text that was meant as a date is compared as one.
        (Item::Temporal(a), Item::String(b)) | (Item::String(b), Item::Temporal(a)) => {
            super::temporal::Temporal::parse(a.kind(), b)
                .map_or(Some(false), |b| a.compare(&b).map(|order| order.is_eq()))
        }
        (Item::Quantity(a), Item::Quantity(b)) => match a.compare(b) {
            Some(order) => Some(order.is_eq()),
            // A calendar year and a UCUM year are not known to be different.
            None if a.is_apart(b) => None,
            None => Some(false),
        },
        (Item::Quantity(a), other) | (other, Item::Quantity(a)) => match number(other) {
            Some(number) => {
                Some(a.value == number && super::quantity::Quantity::unity(number).comparable(a))
            }
            None => Some(false),
        },
        (
            Item::Type { namespace, name },
            Item::Type {
                namespace: n,
                name: m,
            },
        ) => Some(namespace == n && name == m),
        (Item::Target(a), Item::Target(b)) => Some(std::ptr::eq(*a, *b)),
        _ => Some(false),
    })
}

fn same_place(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => std::ptr::eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether two JSON trees say the same: members in any order, numbers by value.
pub(super) fn deep_equal(
    evaluator: &Evaluator<'_, '_>,
    a: &Value,
    b: &Value,
    depth: u32,
) -> Result<bool, FhirPathError> {
    evaluator.spend(1)?;
    if depth > MAX_DEPTH {
        return Err(FhirPathError::limit(format!(
            "expected at most {MAX_DEPTH} levels of elements, found more"
        )));
    }
    let deeper = depth.saturating_add(1);
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (name, value) in a.iter() {
                match b.get(name) {
                    Some(other) if deep_equal(evaluator, value, other, deeper)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::Array(a), Value::Array(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b) {
                if !deep_equal(evaluator, a, b, deeper)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Number(x), Value::Number(y)) => Ok(x == y
            || matches!((Decimal::parse(x), Decimal::parse(y)), (Some(x), Some(y)) if x == y)),
        (Value::String(x), Value::String(y)) => {
            evaluator.spend_text(x.len().min(y.len()))?;
            Ok(x == y)
        }
        (a, b) => Ok(a == b),
    }
}

/// `~` of two collections: the same items in any order.
pub(super) fn equivalent<'a>(
    evaluator: &Evaluator<'_, 'a>,
    left: &[Item<'a>],
    right: &[Item<'a>],
) -> Result<bool, FhirPathError> {
    if left.len() != right.len() {
        return Ok(false);
    }
    let mut open: Vec<&Item<'a>> = right.iter().collect();
    for item in left {
        let mut found = None;
        for (place, other) in open.iter().enumerate() {
            if equivalent_items(evaluator, item, other)? {
                found = Some(place);
                break;
            }
        }
        match found {
            Some(place) => open.swap_remove(place),
            None => return Ok(false),
        };
    }
    Ok(true)
}

fn equivalent_items<'a>(
    evaluator: &Evaluator<'_, 'a>,
    a: &Item<'a>,
    b: &Item<'a>,
) -> Result<bool, FhirPathError> {
    evaluator.spend(1)?;
    let (x, y) = (a.to_system(), b.to_system());
    Ok(match (&x, &y) {
        (Item::Integer(x), Item::Integer(y)) => x == y,
        (Item::String(x), Item::String(y)) => {
            evaluator.spend_text(x.len().saturating_add(y.len()))?;
            words(x).eq(words(y))
        }
        (Item::Temporal(x), Item::Temporal(y)) => {
            x.kind() == y.kind() && x.compare(y).is_some_and(std::cmp::Ordering::is_eq)
        }
        (Item::Quantity(x), Item::Quantity(y)) => x.equivalent(y),
        (Item::Node(Node { value: x, .. }), Item::Node(Node { value: y, .. })) => {
            deep_equivalent(evaluator, x, y, 0)?
        }
        _ => match (number(&x), number(&y)) {
            (Some(x), Some(y)) => x.equivalent(y),
            _ => equal_items(evaluator, a, b)? == Some(true),
        },
    })
}

/// Lower-case characters, with each white space as a blank.
fn words(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .flat_map(char::to_lowercase)
}

/// Equivalence of elements: as equality, but ids do not count and repeated elements may come in
/// any order.
fn deep_equivalent(
    evaluator: &Evaluator<'_, '_>,
    a: &Value,
    b: &Value,
    depth: u32,
) -> Result<bool, FhirPathError> {
    evaluator.spend(1)?;
    let (x, y) = match (a, b) {
        (Value::Object(x), Value::Object(y)) => (x, y),
        (Value::String(x), Value::String(y)) => {
            evaluator.spend_text(x.len().saturating_add(y.len()))?;
            return Ok(words(x).eq(words(y)));
        }
        (Value::Number(x), Value::Number(y)) => {
            let parsed = (Decimal::parse(x), Decimal::parse(y));
            return Ok(x == y || matches!(parsed, (Some(x), Some(y)) if x.equivalent(y)));
        }
        _ => return deep_equal(evaluator, a, b, depth),
    };
    if depth > MAX_DEPTH {
        return Err(FhirPathError::limit(format!(
            "expected at most {MAX_DEPTH} levels of elements, found more"
        )));
    }
    let deeper = depth.saturating_add(1);
    let count = |object: &crate::fhir::model::value::Object| {
        object.iter().filter(|(name, _)| *name != "id").count()
    };
    if count(x) != count(y) {
        return Ok(false);
    }
    for (name, value) in x.iter().filter(|(name, _)| *name != "id") {
        let same = match (value, y.get(name)) {
            (Value::Array(a), Some(Value::Array(b))) => {
                let mut open: Vec<&Value> = b.iter().collect();
                let mut all = a.len() == b.len();
                for item in a {
                    let mut found = None;
                    for (place, other) in open.iter().enumerate() {
                        if deep_equivalent(evaluator, item, other, deeper)? {
                            found = Some(place);
                            break;
                        }
                    }
                    match found {
                        Some(place) => drop(open.swap_remove(place)),
                        None => {
                            all = false;
                            break;
                        }
                    }
                }
                all
            }
            (value, Some(other)) => deep_equivalent(evaluator, value, other, deeper)?,
            (_, None) => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}
