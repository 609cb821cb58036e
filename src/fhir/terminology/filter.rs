//! Filters of a value set: codes by what the code system says about them.
//!
//! Source: FHIR R4 valueset-filter-operator. Regular expressions are matched as a whole and in linear
//! time.

use std::collections::HashSet;

use regex::{Regex, RegexBuilder};

use super::Fault;
use super::code_system::{CodeSystem, Concept};
use crate::fhir::model::value::{Text, Value};

/// Bytes that a compiled expression may take, and the tables that matching builds.
const MOST_REGEX: usize = 256 * 1024;

/// What a filter asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    IsA,
    DescendentOf,
    IsNotA,
    Regex,
    In,
    NotIn,
    Generalizes,
    Exists,
}

/// A filter as it is written.
#[derive(Clone, Debug)]
pub struct Filter {
    pub property: Text,
    pub operator: Operator,
    pub value: Text,
    regex: Option<Regex>,
}

impl Filter {
    pub(super) fn new(property: &str, operator: Operator, value: &str) -> Self {
        Self {
            property: Text::new(property),
            operator,
            value: Text::new(value),
            regex: None,
        }
    }

    pub(super) fn compile(url: &Text, filter: &Value) -> Result<Self, Fault> {
        let text = |name: &str| filter.str_at(name).unwrap_or_default();
        let operator = match text("op") {
            "=" => Operator::Equal,
            "is-a" => Operator::IsA,
            "descendent-of" => Operator::DescendentOf,
            "is-not-a" => Operator::IsNotA,
            "regex" => Operator::Regex,
            "in" => Operator::In,
            "not-in" => Operator::NotIn,
            "generalizes" => Operator::Generalizes,
            "exists" => Operator::Exists,
            other => {
                let why = format!("expected a filter operator of R4, found ‘{other}’");
                return Err(Fault::not_understood(url, why));
            }
        };
        let mut compiled = Self::new(text("property"), operator, text("value"));
        if operator == Operator::Regex {
            let whole = format!("^(?:{})$", compiled.value);
            let regex = RegexBuilder::new(&whole)
                .size_limit(MOST_REGEX)
                .dfa_size_limit(MOST_REGEX)
                .build();
            compiled.regex = Some(regex.map_err(|_| {
                let why = format!("expected a regular expression, found ‘{}’", compiled.value);
                Fault::not_understood(url, why)
            })?);
        }
        Ok(compiled)
    }

    /// Makes the filter ready for the concepts of a system.
    ///
    /// # Errors
    /// `NotUnderstood` for a property that the system does not have, `NotLoaded` for a code that may be
    /// in the part of the system that is not here.
    pub(super) fn on<'a>(&'a self, system: &'a CodeSystem) -> Result<Test<'a>, Fault> {
        let hierarchy = |reach: &dyn Fn(u32) -> HashSet<u32>| match system.number(&self.value) {
            Some(number) => Ok((Some(number), reach(number))),
            None => system.has(&self.value).map(|_| (None, HashSet::new())),
        };
        let below = |number| system.below(number);
        let above = |number| system.above(number);
        Ok(match self.operator {
            Operator::IsA => Test::Among(hierarchy(&below)?.1),
            Operator::Generalizes => Test::Among(hierarchy(&above)?.1),
            Operator::IsNotA => Test::NotAmong(hierarchy(&below)?.1),
            Operator::DescendentOf => {
                let (number, mut found) = hierarchy(&below)?;
                number.map(|number| found.remove(&number));
                Test::Among(found)
            }
            _ => {
                self.check_property(system)?;
                Test::Property(system, self)
            }
        })
    }

    /// Whether one concept passes: by what is above it, which is less than what is below another.
    ///
    /// # Errors
    /// As [`Filter::on`].
    pub(super) fn admits(&self, system: &CodeSystem, number: u32) -> Result<bool, Fault> {
        let value = || match system.number(&self.value) {
            Some(value) => Ok(Some(value)),
            None => system.has(&self.value).map(|_| None),
        };
        let above = |value: Option<u32>| {
            value.is_some_and(|value| value == number || system.above(number).contains(&value))
        };
        Ok(match self.operator {
            Operator::IsA => above(value()?),
            Operator::IsNotA => !above(value()?),
            Operator::DescendentOf => {
                value()?.is_some_and(|value| value != number) && above(value()?)
            }
            Operator::Generalizes => value()?
                .is_some_and(|value| value == number || system.above(value).contains(&number)),
            _ => {
                self.check_property(system)?;
                let concept = system.at(number);
                concept.is_some_and(|concept| self.holds(system, concept))
            }
        })
    }

    fn check_property(&self, system: &CodeSystem) -> Result<(), Fault> {
        const OWN: [&str; 9] = [
            "code",
            "concept",
            "display",
            "definition",
            "parent",
            "child",
            "inactive",
            "notSelectable",
            "status",
        ];
        let known = OWN.contains(&self.property.as_str())
            || system.declares(&self.property)
            || system.concepts.iter().any(|concept| {
                let mut properties = concept.properties.iter();
                properties.any(|property| property.code == self.property)
            });
        if known {
            return Ok(());
        }
        let why = format!(
            "expected a property of the code system in a filter, found ‘{}’",
            self.property
        );
        Err(Fault::not_understood(&system.url, why))
    }

    /// The values that a concept has for the property of the filter.
    fn values<'a>(&self, system: &'a CodeSystem, concept: &'a Concept) -> Vec<&'a str> {
        let codes = |numbers: &'a [u32]| {
            let numbers = numbers.iter();
            let found = numbers.filter_map(|number| system.at(*number));
            found.map(|concept| concept.code.as_str()).collect()
        };
        match self.property.as_str() {
            "code" | "concept" => vec![concept.code.as_str()],
            "display" => concept.display.as_deref().into_iter().collect(),
            "definition" => concept.definition.as_deref().into_iter().collect(),
            "parent" => codes(&concept.parents),
            "child" => codes(&concept.children),
            "inactive" => vec![if concept.inactive { "true" } else { "false" }],
            "notSelectable" => vec![if concept.is_abstract { "true" } else { "false" }],
            other => {
                let properties = concept.properties.iter();
                let own = properties.filter(|property| property.code == other);
                own.map(|property| property.text()).collect()
            }
        }
    }

    fn holds(&self, system: &CodeSystem, concept: &Concept) -> bool {
        let values = self.values(system, concept);
        let listed = |value: &&str| self.value.split(',').any(|item| item.trim() == *value);
        match self.operator {
            Operator::Equal => values.iter().any(|value| *value == self.value),
            Operator::Regex => self
                .regex
                .as_ref()
                .is_some_and(|regex| values.iter().any(|value| regex.is_match(value))),
            Operator::In => values.iter().any(listed),
            Operator::NotIn => !values.iter().any(listed),
            Operator::Exists => values.is_empty() == (self.value == "false"),
            _ => false,
        }
    }
}

/// A filter, ready for the concepts of one system.
pub(super) enum Test<'a> {
    Among(HashSet<u32>),
    NotAmong(HashSet<u32>),
    Property(&'a CodeSystem, &'a Filter),
}

impl Test<'_> {
    pub(super) fn holds(&self, number: u32, concept: &Concept) -> bool {
        match self {
            Test::Among(found) => found.contains(&number),
            Test::NotAmong(found) => !found.contains(&number),
            Test::Property(system, filter) => filter.holds(system, concept),
        }
    }
}
