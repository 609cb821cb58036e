//! Operators: logic, membership, order and arithmetic. Equality has a file of its own.
//!
//! Source: FHIRPath N1 *Operations*. An empty operand makes most results empty; more than one
//! item where one is expected is an error.

use std::cmp::Ordering;

use super::decimal::Decimal;
use super::error::FhirPathError;
use super::evaluator::{Evaluator, Outcome};
use super::item::Item;
use super::quantity::Quantity;
use super::temporal::CalendarUnit;
use super::tree::Operator;

pub(super) use super::equality::{equal, equal_items, equivalent};

/// Text longer than this is not made.
const MAX_TEXT: usize = 1 << 20;

/// Applies one operator. The right side comes as it was evaluated, because logic may not need it.
pub(super) fn apply<'a>(
    evaluator: &Evaluator<'_, 'a>,
    operator: Operator,
    left: Vec<Item<'a>>,
    right: Outcome<'a>,
) -> Outcome<'a> {
    let right = right?;
    match operator {
        Operator::And | Operator::Or | Operator::Xor | Operator::Implies => {
            Ok(truth(logic(operator, boolean(&left)?, boolean(&right)?)))
        }
        Operator::Equal => Ok(truth(equal(evaluator, &left, &right)?)),
        Operator::NotEqual => Ok(truth(equal(evaluator, &left, &right)?.map(|same| !same))),
        Operator::Equivalent => Ok(truth(Some(equivalent(evaluator, &left, &right)?))),
        Operator::NotEquivalent => Ok(truth(Some(!equivalent(evaluator, &left, &right)?))),
        Operator::In => member(evaluator, &left, &right),
        Operator::Contains => member(evaluator, &right, &left),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            let order = match (single(&left, operator)?, single(&right, operator)?) {
                (Some(a), Some(b)) => order(a, b)?,
                _ => None,
            };
            Ok(truth(order.map(|order| match operator {
                Operator::Less => order == Ordering::Less,
                Operator::LessOrEqual => order != Ordering::Greater,
                Operator::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            })))
        }
        Operator::Concatenate => {
            let side = |items: &[Item<'a>]| match single(items, operator)?.map(Item::to_system) {
                None => Ok(String::new()),
                Some(Item::String(text)) => Ok(text.into_owned()),
                Some(other) => Err(wrong_type("a string on each side of '&'", &other)),
            };
            concatenate(evaluator, side(&left)?, &side(&right)?)
        }
        _ => {
            let (Some(a), Some(b)) = (single(&left, operator)?, single(&right, operator)?) else {
                return Ok(Vec::new());
            };
            arithmetic(evaluator, operator, &a.to_system(), &b.to_system())
        }
    }
}

/// A result that may be unknown.
pub(super) fn truth<'a>(value: Option<bool>) -> Vec<Item<'a>> {
    value.map(Item::Boolean).into_iter().collect()
}

/// The one item of a collection as a boolean: a single item that is none counts as true.
pub(super) fn boolean(items: &[Item<'_>]) -> Result<Option<bool>, FhirPathError> {
    match items {
        [] => Ok(None),
        [item] if item.is_without_value() => Ok(None),
        [item] => Ok(Some(match item.to_system() {
            Item::Boolean(value) => value,
            _ => true,
        })),
        _ => Err(not_single("a boolean", items.len())),
    }
}

/// The one item of a collection as an integer.
pub(super) fn integer(items: &[Item<'_>], what: &str) -> Result<Option<i64>, FhirPathError> {
    match items {
        [] => Ok(None),
        [item] if item.is_without_value() => Ok(None),
        [item] => match item.to_system() {
            Item::Integer(value) => Ok(Some(value)),
            other => Err(wrong_type(&format!("an integer as {what}"), &other)),
        },
        _ => Err(not_single(what, items.len())),
    }
}

pub(super) fn not_single(what: &str, found: usize) -> FhirPathError {
    FhirPathError::execution(format!("expected one item for {what}, found {found}"))
}

pub(super) fn wrong_type(expected: &str, found: &Item<'_>) -> FhirPathError {
    let (namespace, name) = found.type_name();
    FhirPathError::execution(format!("expected {expected}, found {namespace}.{name}"))
}

fn single<'i, 'a>(
    items: &'i [Item<'a>],
    operator: Operator,
) -> Result<Option<&'i Item<'a>>, FhirPathError> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(item).filter(|item| !item.is_without_value())),
        _ => Err(not_single(
            &format!("each side of '{}'", operator.symbol()),
            items.len(),
        )),
    }
}

/// What logic yields whatever stands on the right: that is then not evaluated.
pub(super) fn decided(operator: Operator, left: &[Item<'_>]) -> Option<bool> {
    let [item] = left else {
        return None;
    };
    let left = match item {
        Item::Boolean(value) => *value,
        Item::Node(node) => node.value.as_bool()?,
        _ => return None,
    };
    match (operator, left) {
        (Operator::And, false) => Some(false),
        (Operator::Or, true) | (Operator::Implies, false) => Some(true),
        _ => None,
    }
}

/// Three-valued logic.
fn logic(operator: Operator, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (operator, left, right) {
        (Operator::And, Some(false), _) | (Operator::And, _, Some(false)) => Some(false),
        (Operator::And, Some(true), Some(true)) => Some(true),
        (Operator::Or, Some(true), _) | (Operator::Or, _, Some(true)) => Some(true),
        (Operator::Or, Some(false), Some(false)) => Some(false),
        (Operator::Xor, Some(a), Some(b)) => Some(a != b),
        (Operator::Implies, Some(false), _) | (Operator::Implies, _, Some(true)) => Some(true),
        (Operator::Implies, Some(true), Some(false)) => Some(false),
        _ => None,
    }
}

/// `in`: whether the one item of the left side is among those of the right.
fn member<'a>(
    evaluator: &Evaluator<'_, 'a>,
    items: &[Item<'a>],
    among: &[Item<'a>],
) -> Outcome<'a> {
    match items {
        [] => Ok(Vec::new()),
        [item] => Ok(truth(Some(evaluator.contains(among, item)?))),
        _ => Err(not_single("each side of 'in'", items.len())),
    }
}

/// The order of two items; `None` where precision leaves it open.
pub(super) fn order(a: &Item<'_>, b: &Item<'_>) -> Result<Option<Ordering>, FhirPathError> {
    let (a, b) = (a.to_system(), b.to_system());
    if let (Some(a), Some(b)) = (number(&a), number(&b)) {
        return Ok(Some(a.cmp(&b)));
    }
    if let Some((a, b)) = lifted(&a, &b) {
        return Ok(a.compare(&b));
    }
    match (&a, &b) {
        (Item::String(a), Item::String(b)) => Ok(Some(a.cmp(b))),
        (Item::Temporal(a), Item::Temporal(b)) if is_time(a) == is_time(b) => Ok(a.compare(b)),
        (Item::Quantity(a), Item::Quantity(b)) => Ok(a.compare(b)),
        _ => Err(wrong_type(
            &format!("a value comparable with {}", a.type_name().1),
            &b,
        )),
    }
}

fn is_time(value: &super::temporal::Temporal) -> bool {
    value.kind() == super::temporal::TemporalKind::Time
}

/// The number of an integer or decimal.
pub(super) fn number(item: &Item<'_>) -> Option<Decimal> {
    match item {
        Item::Integer(value) => Some(Decimal::from_integer(*value)),
        Item::Decimal(value) => Some(*value),
        _ => None,
    }
}

/// A number beside a quantity counts as one without a unit.
fn lifted<'a>(a: &Item<'a>, b: &Item<'a>) -> Option<(Quantity<'a>, Quantity<'a>)> {
    match (a, b) {
        (Item::Quantity(a), other) => Some(((**a).clone(), Quantity::unity(number(other)?))),
        (other, Item::Quantity(b)) => Some((Quantity::unity(number(other)?), (**b).clone())),
        _ => None,
    }
}

/// A sign before an expression.
pub(super) fn polarity(negative: bool, items: Vec<Item<'_>>) -> Outcome<'_> {
    let item = match items.as_slice() {
        [] => return Ok(Vec::new()),
        [item] => item.to_system(),
        _ => return Err(not_single("a sign", items.len())),
    };
    let signed = match &item {
        Item::Integer(value) if negative => value.checked_neg().map(Item::Integer),
        Item::Decimal(value) if negative => value.negated().map(Item::Decimal),
        Item::Quantity(value) if negative => {
            value.negated().map(|value| Item::Quantity(Box::new(value)))
        }
        Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_) => Some(item),
        other => return Err(wrong_type("a number after a sign", other)),
    };
    Ok(signed.into_iter().collect())
}

pub(super) fn concatenate<'a>(
    evaluator: &Evaluator<'_, 'a>,
    mut left: String,
    right: &str,
) -> Outcome<'a> {
    let length = left.len().saturating_add(right.len());
    check_text(evaluator, length)?;
    left.push_str(right);
    Ok(vec![Item::text(left)])
}

/// Pays for a text of this length, and refuses one that is too long.
pub(super) fn check_text(
    evaluator: &Evaluator<'_, '_>,
    length: usize,
) -> Result<(), FhirPathError> {
    if length > MAX_TEXT {
        return Err(FhirPathError::limit(format!(
            "expected a text of at most {MAX_TEXT} bytes, found {length}"
        )));
    }
    evaluator.spend_text(length)
}

/// `+ - * / div mod`. What overflows or divides by zero is empty.
pub(super) fn arithmetic<'a>(
    evaluator: &Evaluator<'_, 'a>,
    operator: Operator,
    a: &Item<'a>,
    b: &Item<'a>,
) -> Outcome<'a> {
    let mismatch = || {
        wrong_type(
            &format!(
                "a value that fits {} {}",
                a.type_name().1,
                operator.symbol()
            ),
            b,
        )
    };
    let result = match (a, b) {
        (Item::Integer(x), Item::Integer(y)) if operator != Operator::Divide => match operator {
            Operator::Plus => x.checked_add(*y),
            Operator::Minus => x.checked_sub(*y),
            Operator::Times => x.checked_mul(*y),
            Operator::Div => x.checked_div(*y),
            _ => x.checked_rem(*y),
        }
        .map(Item::Integer),
        (Item::String(x), Item::String(y)) if operator == Operator::Plus => {
            return concatenate(evaluator, x.clone().into_owned(), y);
        }
        (Item::Temporal(time), Item::Quantity(amount)) => {
            let amount = match operator {
                Operator::Plus => (**amount).clone(),
                Operator::Minus => amount.negated().ok_or_else(mismatch)?,
                _ => return Err(mismatch()),
            };
            let unit = amount.calendar_unit().ok_or_else(|| {
                FhirPathError::execution("expected a quantity of calendar time, found another unit")
            })?;
            let of_day = matches!(
                unit,
                CalendarUnit::Hour
                    | CalendarUnit::Minute
                    | CalendarUnit::Second
                    | CalendarUnit::Millisecond
            );
            if is_time(time) && !of_day {
                return Err(FhirPathError::execution(
                    "expected hours, minutes or seconds beside a time of day, found a longer unit",
                ));
            }
            time.plus(amount.value, unit).map(Item::Temporal)
        }
        (Item::Quantity(x), Item::Quantity(y)) => quantities(operator, x, y)
            .ok_or_else(mismatch)?
            .map(|value| Item::Quantity(Box::new(value))),
        _ => {
            let (Some(x), Some(y)) = (number(a), number(b)) else {
                if let Some(found) = scaled(operator, a, b) {
                    return Ok(found);
                }
                let (x, y) = lifted(a, b).ok_or_else(mismatch)?;
                let found = quantities(operator, &x, &y).ok_or_else(mismatch)?;
                let found = found.map(|value| Item::Quantity(Box::new(value)));
                return Ok(found.into_iter().collect());
            };
            match operator {
                Operator::Plus => x.plus(y),
                Operator::Minus => x.minus(y),
                Operator::Times => x.times(y),
                Operator::Divide => x.divided_by(y),
                Operator::Mod => x.remainder(y),
                _ => {
                    let whole = x.whole_quotient(y).and_then(Decimal::to_integer);
                    return Ok(whole.map(Item::Integer).into_iter().collect());
                }
            }
            .map(Item::Decimal)
        }
    };
    Ok(result.into_iter().collect())
}

/// Sums, products and quotients; empty where no unit results. The outer `None` is a mismatch.
fn quantities<'a>(
    operator: Operator,
    x: &Quantity<'a>,
    y: &Quantity<'a>,
) -> Option<Option<Quantity<'a>>> {
    match operator {
        Operator::Plus => Some(x.plus(y)),
        Operator::Minus => Some(y.negated().and_then(|y| x.plus(&y))),
        Operator::Times => Some(x.combined(y, false)),
        Operator::Divide => Some(x.combined(y, true)),
        _ => None,
    }
}

/// A quantity times or divided by a number.
fn scaled<'a>(operator: Operator, a: &Item<'a>, b: &Item<'a>) -> Option<Vec<Item<'a>>> {
    let (quantity, factor) = match (a, b) {
        (Item::Quantity(quantity), other) => (quantity, number(other)?),
        (other, Item::Quantity(quantity)) if operator == Operator::Times => {
            (quantity, number(other)?)
        }
        _ => return None,
    };
    let divide = match operator {
        Operator::Times => false,
        Operator::Divide => true,
        _ => return None,
    };
    let found = quantity.scaled(factor, divide);
    let found = found.map(|value| Item::Quantity(Box::new(value)));
    Some(found.into_iter().collect())
}
