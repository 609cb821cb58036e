//! A search as a client wrote it.
//!
//! Source: FHIR R4 search.html. A parameter of an unknown name is an error in strict handling and a
//! warning in lenient; one that is known and not offered here is an error in both, because ignoring
//! it would widen the result in silence.

use std::cell::Cell;

use super::Extractor;
use super::criteria::{Criteria, bad, malformed, not_offered, shown};
use super::operand::{Operands, split};
use super::plan::Plan;
use super::result::{Include, Sort, Summary, Total, include, sort};
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::Text;
use crate::fhir::terminology::Lookup;

/// `Prefer: handling=…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    Strict,
    Lenient,
}

/// What a search is read with.
#[derive(Clone, Copy)]
pub struct Vocabulary<'a> {
    pub definitions: &'a Definitions,
    pub extractor: &'a Extractor,
    /// The FHIR base of this server: references below it are local.
    pub base: &'a str,
    /// Microseconds since 1970: what `ap` measures a distance from.
    pub now: i64,
    /// What value sets and code systems say.
    pub terminology: Lookup<'a>,
}

/// A search, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// All of them must hold.
    pub terms: Vec<Plan>,
    pub sort: Vec<Sort>,
    pub includes: Vec<Include>,
    pub count: Option<u32>,
    pub total: Total,
    pub summary: Summary,
    pub elements: Vec<Text>,
    /// The value of `_cursor`, sealed.
    pub cursor: Option<String>,
    /// What was really processed, in order: the self link.
    pub applied: Vec<(String, String)>,
}

/// IN-18.
const MOST_PARAMETERS: usize = 30;
const MOST_VALUES_IN_ALL: usize = 200;
const MOST_COUNT: u32 = 1000;

/// Parameters that are said once.
const ONCE: [&str; 5] = ["_count", "_total", "_summary", "_sort", "_cursor"];

/// Reads the parameters of a search over one type.
///
/// # Errors
/// `Invalid` naming the parameter and what is allowed; `TooCostly` over the limits of IN-18.
pub fn parse(
    resource_type: &str,
    pairs: &[(String, String)],
    handling: Handling,
    vocabulary: &Vocabulary<'_>,
) -> Result<(Query, Vec<Issue>)> {
    if pairs.len() > MOST_PARAMETERS {
        return Err(Error::of(
            Kind::TooCostly,
            format!(
                "expected at most {MOST_PARAMETERS} parameters, found {}",
                pairs.len()
            ),
        ));
    }
    for name in ONCE {
        if pairs.iter().filter(|(other, _)| other == name).count() > 1 {
            return Err(malformed(name, "a parameter that is said once"));
        }
    }
    let mut reader = Reader {
        resource_type,
        handling,
        vocabulary,
        criteria: Criteria {
            operands: Operands {
                definitions: vocabulary.definitions,
                extractor: vocabulary.extractor,
                base: vocabulary.base,
                now: vocabulary.now,
                terminology: vocabulary.terminology,
            },
            values: 0,
            steps: Cell::new(0),
            codes: Cell::new(0),
        },
        query: Query::default(),
        warnings: Vec::new(),
    };
    for (name, value) in pairs {
        reader.pair(name, value)?;
    }
    let query = reader.query;
    if let [term] = query.terms.as_slice()
        && term.is_loose()
    {
        return Err(Error::of(
            Kind::TooCostly,
            "expected at least three characters after :contains, or another parameter beside it",
        ));
    }
    Ok((query, reader.warnings))
}

struct Reader<'a> {
    resource_type: &'a str,
    handling: Handling,
    vocabulary: &'a Vocabulary<'a>,
    criteria: Criteria<'a>,
    query: Query,
    warnings: Vec<Issue>,
}

impl Reader<'_> {
    fn pair(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = |expected| bad(name, &[value.to_owned()], 0, expected);
        match name {
            "_pretty" if !matches!(value, "true" | "false") => return Err(wrong("true or false")),
            "_format" | "_pretty" => return Ok(()),
            "_cursor" => {
                self.query.cursor = Some(value.to_owned());
                return Ok(());
            }
            "_count" => {
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(wrong("a number that is not negative"));
                }
                // What no number holds is over the limit too.
                let count = value.parse().unwrap_or(MOST_COUNT).min(MOST_COUNT);
                self.query.count = Some(count);
                return self.apply(name, &count.to_string());
            }
            "_total" => {
                self.query.total = match value {
                    "none" => Total::None,
                    "estimate" => Total::Estimate,
                    "accurate" => Total::Accurate,
                    _ => return Err(wrong("none, estimate or accurate")),
                };
            }
            "_summary" => {
                self.query.summary = Summary::parse(value)
                    .ok_or_else(|| wrong("true, false, text, data or count"))?;
            }
            "_elements" => return self.elements(name, value),
            "_sort" => {
                for key in split(value, ',') {
                    let key = sort(self.resource_type, &key, self.vocabulary.definitions)?;
                    self.query.sort.push(key);
                }
                if self.query.sort.len() > super::result::MOST_SORTS {
                    return Err(wrong("at most three keys"));
                }
            }
            "_contained" if value == "false" => {}
            "_contained" | "_containedType" => {
                return Err(not_offered(
                    name,
                    "contained resources are not searched by themselves",
                ));
            }
            _ if name.starts_with("_include") || name.starts_with("_revinclude") => {
                let read = include(name, value, self.vocabulary.definitions)?;
                self.query.includes.push(read);
            }
            _ => return self.parameter(name, value),
        }
        self.apply(name, value)
    }

    fn apply(&mut self, name: &str, value: &str) -> Result<()> {
        self.query.applied.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn elements(&mut self, name: &str, value: &str) -> Result<()> {
        let schema = self.vocabulary.definitions.schema(self.resource_type);
        let root = schema.and_then(|schema| schema.root());
        let named = |element: &&str| !element.is_empty();
        if value.split(',').map(str::trim).filter(named).count() == 0 {
            return Err(bad(name, &[value.to_owned()], 0, "names of elements"));
        }
        for element in value.split(',').map(str::trim).filter(named) {
            if root.is_none_or(|root| root.field(element).is_some()) {
                self.query.elements.push(Text::new(element));
            } else {
                self.unknown(format!(
                    "expected elements of {} as _elements, found ‘{}’",
                    self.resource_type,
                    shown(element)
                ))?;
            }
        }
        if self.query.elements.is_empty() {
            // Nothing that was named is there: what R4 makes mandatory is told, no more.
            self.query.elements.push(Text::new("id"));
        }
        self.apply(name, value)
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<()> {
        let plan = self.criteria.plan(self.resource_type, name, value)?;
        if self.criteria.values > MOST_VALUES_IN_ALL {
            return Err(Error::of(
                Kind::TooCostly,
                format!("expected at most {MOST_VALUES_IN_ALL} values in all, found more"),
            ));
        }
        match plan {
            Some(plan) => {
                self.query.terms.push(plan);
                self.apply(name, value)
            }
            None => self.unknown(format!(
                "expected a search parameter of {}, found ‘{}’",
                self.resource_type,
                shown(name)
            )),
        }
    }

    fn unknown(&mut self, text: String) -> Result<()> {
        match self.handling {
            Handling::Strict => Err(Error::new(Kind::Invalid, "not-supported", text)),
            Handling::Lenient => {
                self.warnings.push(Issue::warning("not-supported", text));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
