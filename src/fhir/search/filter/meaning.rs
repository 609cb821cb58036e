//! `_filter`: from comparisons to a plan.
//!
//! Source: FHIR R4 search_filter.html#ops, and search.html#prefix for the operators that are prefixes.

use super::super::criteria::{Criteria, Depth};
use super::super::implied;
use super::super::operand;
use super::super::plan::{Plan, TextLike};
use super::super::text::{asked, whole};
use super::{Filter, Operator, Step, Test, fault, not_offered, parse};
use crate::error::{Error, Result};
use crate::fhir::definitions::{SearchKind, SearchParameter};
use crate::fhir::model::key::is_id;
use crate::fhir::model::value::Text;

/// Names that stand for systems in a filter (R4 search_filter.html#ops).
const SYSTEMS: [(&str, &str); 4] = [
    ("loinc", "http://loinc.org"),
    ("snomed", "http://snomed.info/sct"),
    ("rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm"),
    ("ucum", "http://unitsofmeasure.org"),
];

impl Operator {
    /// The prefix of dates and numbers that means the same.
    pub(super) fn prefix(self) -> Option<&'static str> {
        Some(match self {
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Gt => "gt",
            Operator::Lt => "lt",
            Operator::Ge => "ge",
            Operator::Le => "le",
            Operator::Sa => "sa",
            Operator::Eb => "eb",
            Operator::Ap => "ap",
            _ => return None,
        })
    }
}

impl Test {
    pub(super) fn bad_value(&self, expected: &str) -> Error {
        fault(self.value_at, expected, &self.value)
    }

    fn bad_operator(&self, kind: SearchKind) -> Error {
        let allowed = match kind {
            SearchKind::String => "eq, ne, co, sw, ew, gt, lt, ge, le or pr",
            SearchKind::Token => "eq, ne, ss, sb, in, ni or pr",
            SearchKind::Reference => "re or pr",
            SearchKind::Uri => "eq, ne, sw or pr",
            SearchKind::Date => "eq, ne, co, gt, lt, ge, le, ap, sa, eb, po or pr",
            SearchKind::Number | SearchKind::Quantity => "eq, ne, gt, lt, ge, le, ap, sa, eb or pr",
            SearchKind::Composite => "eq",
            SearchKind::Special => "another parameter",
        };
        let name = self.path.last().map_or("", |step| step.name.as_str());
        let expected = format!("{allowed} for {name}, which is a {}", kind.code());
        fault(self.operator_at, &expected, self.operator.code())
    }
}

impl Operator {
    fn code(self) -> &'static str {
        let mut all = super::OPERATORS.iter();
        all.find(|(_, operator)| *operator == self)
            .map_or("", |(code, _)| code)
    }
}

impl Criteria<'_> {
    /// The plan of `_filter` for a type.
    ///
    /// # Errors
    /// `Invalid` with the position and what was expected there; `TooCostly` over the limits of IN-18.
    pub fn filter(&mut self, resource_type: &str, text: &str) -> Result<Plan> {
        let (filter, tests) = parse(text)?;
        self.values = self.values.saturating_add(tests);
        self.filtered(resource_type, &filter, Depth::default())
    }

    fn filtered(&self, resource_type: &str, filter: &Filter, depth: Depth) -> Result<Plan> {
        let all = |filters: &[Filter]| {
            let plans = filters.iter();
            plans
                .map(|filter| self.filtered(resource_type, filter, depth))
                .collect::<Result<Vec<_>>>()
        };
        Ok(match filter {
            Filter::All(filters) => Plan::All(all(filters)?),
            Filter::Any(filters) => Plan::Any(all(filters)?),
            Filter::Not(filter) => {
                Plan::Not(Box::new(self.filtered(resource_type, filter, depth)?))
            }
            Filter::Test(test) => {
                let empty = match (test.operator, test.value.as_str()) {
                    (Operator::Pr, "true") => false,
                    (Operator::Pr, "false") => true,
                    (Operator::Pr, _) => return Err(test.bad_value("true or false")),
                    _ => false,
                };
                let plan = self.path(resource_type, test, &test.path, depth)?;
                let plan = plan.ok_or_else(|| unknown(resource_type, &test.path))?;
                // The set that the whole path yields is empty, not one on the way.
                if empty {
                    Plan::Not(Box::new(plan))
                } else {
                    plan
                }
            }
        })
    }

    /// The comparison of a test at the end of what is left of its path; `None` when the type has no
    /// parameter of the name.
    fn path(
        &self,
        resource_type: &str,
        test: &Test,
        path: &[Step],
        depth: Depth,
    ) -> Result<Option<Plan>> {
        let whole = || {
            let names: Vec<&str> = test.path.iter().map(|step| step.name.as_str()).collect();
            names.join(".")
        };
        match path {
            [] => Ok(None),
            [last] => {
                self.step(&whole())?;
                self.compared(resource_type, test, last)
            }
            [first, rest @ ..] => {
                let definitions = self.operands.definitions;
                let is_reference = definitions
                    .search_parameter(resource_type, &first.name)
                    .is_some_and(|parameter| parameter.kind == SearchKind::Reference);
                if let (false, Some(filter)) = (is_reference, &first.filter)
                    && let Some(plan) = self.element(resource_type, test, first, filter, rest)?
                {
                    return Ok(Some(plan));
                }
                self.follow(
                    resource_type,
                    &whole(),
                    &first.name,
                    depth,
                    &|name, depth| {
                        let Some(plan) = self.path(name, test, rest, depth)? else {
                            return Ok(None);
                        };
                        Ok(Some(match &first.filter {
                            Some(filter) => {
                                Plan::All(vec![self.filtered(name, filter, depth)?, plan])
                            }
                            None => plan,
                        }))
                    },
                )
            }
        }
    }

    pub(super) fn compared(
        &self,
        resource_type: &str,
        test: &Test,
        step: &Step,
    ) -> Result<Option<Plan>> {
        match step.name.as_str() {
            "_id" => return self.id(test).map(Some),
            "_lastUpdated" => return self.last_updated(test).map(Some),
            _ => {}
        }
        let definitions = self.operands.definitions;
        let Some(parameter) = definitions.search_parameter(resource_type, &step.name) else {
            return Ok(None);
        };
        if !self.operands.extractor.knows(resource_type, &step.name) {
            return Err(not_offered(
                step.at,
                "parameters of this kind are not offered in a filter",
            ));
        }
        let code = parameter.code.clone();
        let read = |item: String| {
            self.operands
                .plan(resource_type, parameter, None, &[item])
                .map_err(|(_, expected)| test.bad_value(expected))
        };
        use SearchKind::{Composite, Date, Number, Quantity, Reference, Special, Token, Uri};
        Ok(Some(match (parameter.kind, test.operator) {
            (kind @ (Composite | Special), Operator::Pr) => return Err(test.bad_operator(kind)),
            (_, Operator::Pr) => Plan::Present { code },
            (SearchKind::String, _) => text(code, test)?,
            (Token | Composite, Operator::Eq) => read(named(&test.value))?,
            (Uri, Operator::Eq) | (Reference, Operator::Re | Operator::Eq) => {
                read(test.value.clone())?
            }
            (Token | Uri, Operator::Ne) => {
                self.single(resource_type, parameter, test)?;
                let equal = read(named(&test.value))?;
                Plan::All(vec![Plan::Present { code }, Plan::Not(Box::new(equal))])
            }
            (Uri, Operator::Sw) => Plan::Text {
                code,
                like: operand::uri_below(&test.value),
            },
            (Token, Operator::Ss | Operator::Sb | Operator::In | Operator::Ni) => {
                return Err(by_terminology(test));
            }
            (Date, operator @ (Operator::Co | Operator::Po)) => {
                let within = operator == Operator::Co;
                let plan = operand::around(&code, &test.value, within);
                plan.ok_or_else(|| test.bad_value("a date or time that exists"))?
            }
            (kind @ (Date | Number | Quantity), operator) => match operator.prefix() {
                Some(prefix) => read(format!("{prefix}{}", named(&test.value)))?,
                None => return Err(test.bad_operator(kind)),
            },
            (kind, _) => return Err(test.bad_operator(kind)),
        }))
    }

    /// `_id`, which has a column of its own.
    fn id(&self, test: &Test) -> Result<Plan> {
        // An id that cannot exist matches nothing; it is no fault.
        let ids = Some(test.value.clone()).filter(|id| is_id(id));
        let equal = Plan::Id(ids.into_iter().collect());
        match test.operator {
            Operator::Eq => Ok(equal),
            Operator::Ne => Ok(Plan::Not(Box::new(equal))),
            Operator::Pr => Ok(Plan::All(Vec::new())),
            _ => Err(fault(
                test.operator_at,
                "eq, ne or pr for _id",
                test.operator.code(),
            )),
        }
    }

    fn last_updated(&self, test: &Test) -> Result<Plan> {
        match (test.operator, test.operator.prefix()) {
            (Operator::Pr, _) => Ok(Plan::All(Vec::new())),
            (_, Some(prefix)) => {
                let plan = self
                    .operands
                    .last_updated(&format!("{prefix}{}", test.value));
                plan.map_err(|expected| test.bad_value(expected))
            }
            _ => Err(fault(
                test.operator_at,
                "eq, ne, gt, lt, ge, le, ap, sa, eb or pr for _lastUpdated",
                test.operator.code(),
            )),
        }
    }

    /// `ne` asks for an item that is not equal. Where there may be several, the index cannot tell
    /// whether one of them is.
    fn single(&self, resource_type: &str, parameter: &SearchParameter, test: &Test) -> Result<()> {
        if implied::is_single(self.operands.definitions, resource_type, parameter) {
            return Ok(());
        }
        Err(not_offered(
            test.operator_at,
            "ne is not offered for what may be there several times; not (… eq …) asks for what has none that is equal",
        ))
    }
}

/// What needs to know how codes relate to each other, or what a value set holds.
fn by_terminology(test: &Test) -> Error {
    not_offered(
        test.operator_at,
        &format!(
            "{} needs a terminology, which is not offered",
            test.operator.code()
        ),
    )
}

fn unknown(resource_type: &str, path: &[Step]) -> Error {
    let (at, name) = match path.first() {
        Some(step) => (step.at, step.name.as_str()),
        None => (1, ""),
    };
    fault(at, &format!("a search parameter of {resource_type}"), name)
}

/// A text is compared without case and accents. `gt` and its like compare the first letter.
fn text(code: Text, test: &Test) -> Result<Plan> {
    let bad = || test.bad_value(operand::TEXT);
    let part = || asked(&test.value).ok_or_else(bad);
    let all = || whole(&test.value).ok_or_else(bad);
    let letter = || Ok::<_, Error>(part()?.chars().take(1).collect::<String>());
    let behind = |letter: String| format!("{letter}{}", char::MAX);
    let like = match test.operator {
        Operator::Eq => TextLike::Is(all()?),
        Operator::Ne => TextLike::IsNot(all()?),
        Operator::Co => TextLike::Contains(part()?),
        Operator::Sw => TextLike::StartsWith(part()?),
        Operator::Ew => TextLike::EndsWith(all()?),
        Operator::Gt => TextLike::Between(Some(behind(letter()?)), None),
        Operator::Ge => TextLike::Between(Some(letter()?), None),
        Operator::Lt => TextLike::Between(None, Some(letter()?)),
        Operator::Le => TextLike::Between(None, Some(behind(letter()?))),
        _ => return Err(test.bad_operator(SearchKind::String)),
    };
    Ok(Plan::Text { code, like })
}

/// A value whose system may be given by its short name.
pub(super) fn named(value: &str) -> String {
    let parts = operand::split(value, '$').into_iter().map(|part| {
        let mut parts = operand::split(&part, '|');
        // A token begins with its system; in a quantity the number goes before.
        let system = match parts.as_mut_slice() {
            [system, _] | [_, system, _] => Some(system),
            _ => None,
        };
        if let Some(system) = system
            && let Some((_, url)) = SYSTEMS.iter().find(|(name, _)| system == name)
        {
            *system = (*url).to_owned();
        }
        parts.join("|")
    });
    parts.collect::<Vec<_>>().join("$")
}
