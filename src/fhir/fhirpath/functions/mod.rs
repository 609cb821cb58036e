//! The functions: one file for each family, one table in each.
//!
//! Source: FHIRPath N1 *Functions*; FHIR R4 *FHIRPath* (additional functions). A new function is
//! a body and a line in the table of its family.

use std::borrow::Cow;
use std::fmt;

use super::error::FhirPathError;
use super::evaluator::{Evaluator, Outcome, Scope};
use super::item::Item;
use super::operators::{integer, not_single, wrong_type};
use super::tree::Call;
use crate::fhir::model::value::Value;

mod aggregates;
mod combining;
mod components;
mod conversion;
mod existence;
mod fhir;
mod filtering;
mod math;
mod profiles;
mod references;
mod regular;
mod strings;
mod subsetting;
mod terminology;
mod tree;
mod utility;

pub(super) use regular::Compiled;

/// The body of a function: arguments unevaluated, input evaluated.
type Body = for<'c, 'a> fn(&Args<'c, 'a>, Vec<Item<'a>>) -> Outcome<'a>;

/// One function.
pub(super) struct Function {
    pub name: &'static str,
    /// Smallest and largest number of arguments.
    pub arity: (usize, usize),
    /// The one argument is the name of a type.
    pub takes_type: bool,
    /// The first argument is a regular expression.
    pub takes_pattern: bool,
    /// It defines a variable for the steps after it.
    pub defines: bool,
    pub call: Body,
}

const fn function(name: &'static str, arity: (usize, usize), call: Body) -> Function {
    Function {
        name,
        arity,
        takes_type: false,
        takes_pattern: false,
        defines: false,
        call,
    }
}

const fn of_type(name: &'static str, call: Body) -> Function {
    Function {
        name,
        arity: (1, 1),
        takes_type: true,
        takes_pattern: false,
        defines: false,
        call,
    }
}

/// The last argument, the flags, may be left out.
const fn of_pattern(name: &'static str, arity: (usize, usize), call: Body) -> Function {
    Function {
        name,
        arity,
        takes_type: false,
        takes_pattern: true,
        defines: false,
        call,
    }
}

static FAMILIES: &[&[Function]] = &[
    existence::EXISTENCE,
    filtering::FILTERING,
    subsetting::SUBSETTING,
    aggregates::AGGREGATES,
    combining::COMBINING,
    components::COMPONENTS,
    conversion::CONVERSION,
    strings::STRINGS,
    math::MATH,
    tree::TREE,
    utility::UTILITY,
    fhir::FHIR,
    profiles::PROFILES,
    references::REFERENCES,
    regular::REGULAR,
    terminology::TERMINOLOGY,
];

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .find(|function| function.name == name)
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}()", self.name)
    }
}

/// A call under evaluation.
pub(super) struct Args<'c, 'a> {
    pub evaluator: &'c Evaluator<'c, 'a>,
    pub call: &'a Call,
    pub scope: &'c Scope<'c, 'a>,
}

impl<'a> Args<'_, 'a> {
    pub(super) fn given(&self) -> usize {
        self.call.arguments.len()
    }

    /// An argument, evaluated once where the call stands; empty if it was not given.
    fn value(&self, index: usize) -> Outcome<'a> {
        match self.call.arguments.get(index) {
            Some(tree) => self.evaluator.eval(tree, self.scope),
            None => Ok(Vec::new()),
        }
    }

    /// An argument evaluated for one item of the input.
    fn lambda(&self, index: usize, item: &Item<'a>, position: usize) -> Outcome<'a> {
        self.lambda_with(index, item, position, self.scope.total)
    }

    fn lambda_with(
        &self,
        index: usize,
        item: &Item<'a>,
        position: usize,
        total: Option<&[Item<'a>]>,
    ) -> Outcome<'a> {
        self.evaluator.spend_steps(1)?;
        let scope = Scope {
            this: Some(item),
            index: Some(position),
            total,
            variables: self.scope.variables,
        };
        match self.call.arguments.get(index) {
            Some(tree) => self.evaluator.eval(tree, &scope),
            None => Ok(Vec::new()),
        }
    }

    /// The first argument of `defineVariable()`.
    pub(super) fn variable_name(&self) -> Result<String, FhirPathError> {
        let name = self.text(0)?.unwrap_or_default();
        if name.is_empty() {
            return Err(FhirPathError::execution(
                "expected the name of a variable for defineVariable(), found none",
            ));
        }
        Ok(name.into_owned())
    }

    /// The second argument of `defineVariable()`, on the one item of the input.
    pub(super) fn definition(&self, item: &Item<'a>) -> Outcome<'a> {
        self.lambda(1, item, 0)
    }

    /// The second argument of `defineVariable()`, where the input is no single item.
    pub(super) fn definition_of_all(&self) -> Outcome<'a> {
        self.value(1)
    }

    /// An argument as a text.
    fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>, FhirPathError> {
        let value = self.value(index)?;
        self.text_of(&value)
    }

    /// An argument as an integer.
    fn integer(&self, index: usize) -> Result<Option<i64>, FhirPathError> {
        integer(
            &self.value(index)?,
            &format!("an argument of {}()", self.call.function.name),
        )
    }

    /// The one item of a collection.
    fn single(&self, items: Vec<Item<'a>>) -> Result<Option<Item<'a>>, FhirPathError> {
        match items.len() {
            0 | 1 => Ok(items.into_iter().next()),
            many => Err(not_single(&format!("{}()", self.call.function.name), many)),
        }
    }

    /// The one item of a collection, unless it has no value.
    fn valued(&self, items: Vec<Item<'a>>) -> Result<Option<Item<'a>>, FhirPathError> {
        Ok(self.single(items)?.filter(|item| !item.is_without_value()))
    }

    /// The one item of a collection as a text; the text of a FHIR primitive as it stands.
    fn text_of(&self, items: &[Item<'a>]) -> Result<Option<Cow<'a, str>>, FhirPathError> {
        let text = match items {
            [] => return Ok(None),
            [Item::String(text)] => text.clone(),
            [Item::Node(node)] => match node.value {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Null => return Ok(None),
                _ => return Err(self.no_text(&Item::Node(*node))),
            },
            [other] => return Err(self.no_text(other)),
            many => {
                let what = format!("{}()", self.call.function.name);
                return Err(not_single(&what, many.len()));
            }
        };
        self.evaluator.spend_text(text.len())?;
        Ok(Some(text))
    }

    /// What a function says that asks about something nobody here knows.
    fn no_port(&self, what: &str) -> FhirPathError {
        let name = self.call.function.name;
        FhirPathError::outside(format!("{name}() needs {what}, which is not at hand here"))
    }

    /// What a function says whose question the outside did not answer.
    fn unanswered(&self, why: impl fmt::Display) -> FhirPathError {
        FhirPathError::outside(format!("{}(): {why}", self.call.function.name))
    }

    fn no_text(&self, found: &Item<'_>) -> FhirPathError {
        wrong_type(
            &format!("a string for {}()", self.call.function.name),
            found,
        )
    }
}
