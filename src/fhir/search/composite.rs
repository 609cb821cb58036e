//! Composite parameters: several values of one element, joined by `$`.
//!
//! Source: FHIR R4 search.html#composite. Over the resource itself a composite is the conjunction of
//! its parts, and has at most the rows of a [`joint`](super::joint). Over an element it has rows of its own, so that the values of one element go together;
//! a composite over several elements is the union of those over each.

use super::extract::{own_part, union_members};
use super::interval::{Class, FoundInterval};
use crate::fhir::definitions::{Definitions, SearchKind, SearchParameter};

/// A composite over one element.
pub struct Composite<'a> {
    pub parameter: &'a SearchParameter,
    /// What its parts are compared as.
    pub parts: Vec<&'a SearchParameter>,
    /// Whether the element is the resource itself.
    pub is_root: bool,
    /// The element, `Observation.component`.
    pub focus: String,
}

/// The composites over one element each that a composite is made of; `None` when one of them cannot
/// be compared.
pub fn resolve<'a>(
    definitions: &'a Definitions,
    resource_type: &str,
    parameter: &'a SearchParameter,
) -> Option<Vec<Composite<'a>>> {
    let foci = foci(parameter, resource_type);
    if let [focus] = foci.as_slice() {
        return Some(vec![single(definitions, resource_type, parameter, focus)?]);
    }
    let members = foci.iter().map(|focus| {
        let other = definitions
            .search_parameters(resource_type)
            .iter()
            .filter(|other| other.kind == SearchKind::Composite)
            .find(|other| {
                self::foci(other, resource_type) == [focus.clone()]
                    && expressions(other) == expressions(parameter)
            })?;
        single(definitions, resource_type, other, focus)
    });
    members
        .collect::<Option<Vec<_>>>()
        .filter(|all| !all.is_empty())
}

fn foci(parameter: &SearchParameter, resource_type: &str) -> Vec<String> {
    let own = own_part(&parameter.expression, resource_type).unwrap_or_default();
    let members = union_members(&own).into_iter();
    members
        .filter(|member| !member.is_empty())
        .map(str::to_owned)
        .collect()
}

fn expressions(parameter: &SearchParameter) -> Vec<&str> {
    let components = parameter.components.iter();
    components.map(|part| part.expression.as_str()).collect()
}

fn single<'a>(
    definitions: &'a Definitions,
    resource_type: &str,
    parameter: &'a SearchParameter,
    focus: &str,
) -> Option<Composite<'a>> {
    let parts = parameter.components.iter().map(|component| {
        let all = definitions.search_parameters(resource_type).iter();
        let mut found = all.filter(|part| part.url == component.definition);
        found.next().map(AsRef::as_ref)
    });
    let parts: Vec<&SearchParameter> = parts.collect::<Option<_>>()?;
    let is_root = focus == resource_type;
    let equal = |kind| matches!(kind, SearchKind::Token | SearchKind::Reference);
    let comparable = match parts.as_slice() {
        [first, last] => {
            equal(first.kind) && (equal(last.kind) || last.kind == SearchKind::Quantity)
        }
        // Where something begins and ends on what the first one names.
        [first, low, high] => {
            equal(first.kind)
                && [low, high]
                    .iter()
                    .all(|part| part.kind == SearchKind::Number)
        }
        _ => false,
    };
    let simple = parts
        .iter()
        .all(|part| !matches!(part.kind, SearchKind::Composite | SearchKind::Special));
    (simple && (is_root || comparable)).then(|| Composite {
        parameter,
        parts,
        is_root,
        focus: focus.to_owned(),
    })
}

impl Composite<'_> {
    /// Whether it is a code and a quantity of the resource itself.
    pub fn is_joint(&self) -> bool {
        let kinds = self.parts.iter().map(|part| part.kind);
        self.is_root && kinds.eq([SearchKind::Token, SearchKind::Quantity])
    }

    /// The expressions of the parts, relative to the element.
    ///
    /// They are those of the parts' own parameters where these lead through the element: some
    /// components of R4 bear each other's expressions (`DocumentReference.relationship`).
    pub fn expressions(&self) -> Vec<String> {
        let prefix = format!("{}.", self.focus);
        let parts = self.parts.iter().zip(&self.parameter.components);
        parts
            .map(|(part, component)| {
                let members = union_members(&part.expression).into_iter();
                let own: Vec<String> = members
                    .filter_map(|member| typed(member).strip_prefix(&prefix).map(str::to_owned))
                    .collect();
                if own.is_empty() {
                    component.expression.clone()
                } else {
                    own.join(" | ")
                }
            })
            .collect()
    }
}

/// `(a.b as C)` as `a.b.as(C)`.
fn typed(member: &str) -> String {
    let inner = member
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    match inner.and_then(|inner| inner.split_once(" as ")) {
        Some((path, name)) => format!("{path}.as({name})"),
        None => member.to_owned(),
    }
}

/// Whether a normalised token is one of those by which composites are found: a code, with or without
/// its system.
pub fn is_joined(token: &str) -> bool {
    !token.starts_with("n|") && !token.starts_with("t|") && !token.starts_with("i|")
}

/// Two values of one element.
pub fn joined(first: &str, second: &str) -> String {
    format!("k|{first}${second}")
}

/// The interval from one number to another of the same element.
pub fn between(value: &str, low: i64, high: i64) -> FoundInterval {
    FoundInterval {
        class: stretch(value),
        low,
        high,
    }
}

/// The class of the intervals of a value of the same element.
pub fn stretch(value: &str) -> Class {
    Class::WideUnit(joined(value, ""))
}

/// An interval together with a value of the same element; `None` for a unit without its system.
pub fn beside(value: &str, interval: &FoundInterval) -> Option<FoundInterval> {
    Some(FoundInterval {
        class: class_beside(value, &interval.class)?,
        ..interval.clone()
    })
}

/// The class of such an interval.
pub fn class_beside(value: &str, class: &Class) -> Option<Class> {
    let unit = match class {
        Class::Number | Class::Wide => "",
        Class::Unit(unit) | Class::WideUnit(unit) if unit.starts_with("s|") => unit,
        _ => return None,
    };
    let unit = joined(value, unit);
    Some(match class {
        Class::Wide | Class::WideUnit(_) => Class::WideUnit(unit),
        _ => Class::Unit(unit),
    })
}
