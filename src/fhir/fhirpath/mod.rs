//! FHIRPath: expressions compiled once, evaluated over borrowed resources.
//!
//! Source: FHIRPath N1 (normative release 1) and FHIR R4 *FHIRPath*. `parse` makes an [`Expr`]
//! from text; `evaluate` walks it over a [`Value`] without copying any of it and yields
//! [`Item`]s that borrow from the resource, the expression and the definitions. Types come from
//! the definitions, so that `Observation.value` finds `valueQuantity`. There is no clock and no
//! outside here: the [`Environment`] brings what an expression may know.

mod decimal;
mod environment;
mod equality;
mod error;
mod evaluator;
mod functions;
mod item;
mod lexer;
mod location;
mod operators;
mod parser;
mod quantity;
mod temporal;
mod tree;
mod types;

#[cfg(test)]
mod outside_tests;
#[cfg(test)]
mod tests;

pub use decimal::Decimal;
pub use environment::{Answer, AsRule, Codes, Environment, Limits, Profiles, References};
pub use error::{FhirPathError, Phase};
pub use evaluator::Trace;
pub use item::{Item, Node, Shape};
pub use location::{Location, Segment};
pub use parser::parse;
pub use quantity::{Quantity, Unit};
pub use temporal::{CalendarUnit, Precision, Temporal, TemporalKind};
pub use tree::Expr;

use crate::fhir::model::value::Value;

/// Evaluates an expression on a whole resource.
///
/// # Errors
/// `Execution` where the data does not fit the expression; `Limit` where steps, items, depth or time
/// run out; `Semantic` for a type nobody defines; `Outside` for a question that no port answers.
pub fn evaluate<'a>(
    expr: &'a Expr,
    focus: &'a Value,
    env: &Environment<'a>,
) -> Result<Vec<Item<'a>>, FhirPathError> {
    evaluate_at(expr, Node::resource(focus, env.definitions), env)
}

/// Evaluates an expression on an element, such as an invariant on each `HumanName`.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_at<'a>(
    expr: &'a Expr,
    focus: Node<'a>,
    env: &Environment<'a>,
) -> Result<Vec<Item<'a>>, FhirPathError> {
    Ok(evaluator::run(expr, &Item::Node(focus), env)?.0)
}

/// Evaluates an expression on any item, and tells what `trace()` was called with.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_traced<'a>(
    expr: &'a Expr,
    focus: &Item<'a>,
    env: &Environment<'a>,
) -> Result<(Vec<Item<'a>>, Vec<Trace<'a>>), FhirPathError> {
    evaluator::run(expr, focus, env)
}

/// The result as an invariant reads it: empty is `None`, one item that is no boolean is true.
///
/// # Errors
/// `Execution` for more than one item.
pub fn truth(items: &[Item<'_>]) -> Result<Option<bool>, FhirPathError> {
    operators::boolean(items)
}
