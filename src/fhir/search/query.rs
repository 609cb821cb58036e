//! A search as a client wrote it.
//!
//! Source: FHIR R4 search.html. A parameter of an unknown name is an error in strict handling and a
//! warning in lenient; one that is known and not offered here is an error in both, because ignoring
//! it would widen the result in silence.

use super::{Extractor, values};
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::definitions::{Definitions, SearchKind, SearchParameter};
use crate::fhir::model::date::{self, TimeRange};
use crate::fhir::model::key::is_id;
use crate::fhir::model::value::Text;

/// `Prefer: handling=…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    Strict,
    Lenient,
}

/// `_total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    #[default]
    None,
    Estimate,
    Accurate,
}

/// `_summary`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    True,
    Text,
    Data,
    Count,
    #[default]
    False,
}

impl Summary {
    /// Reads the value of the parameter.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "true" => Self::True,
            "text" => Self::Text,
            "data" => Self::Data,
            "count" => Self::Count,
            "false" => Self::False,
            _ => return None,
        })
    }
}

/// One condition; all terms of a query must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// The parameter has one of these normalised values.
    Value { code: Text, any_of: Vec<String> },
    /// The logical id is one of these.
    Id(Vec<String>),
    /// Last changed within `[low, high)`, microseconds.
    LastUpdated { low: i64, high: i64 },
}

/// A search, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub terms: Vec<Term>,
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
const MOST_VALUES: usize = 50;
const MOST_VALUES_IN_ALL: usize = 200;
const MOST_COUNT: u32 = 1000;

/// Parameters of R4 for all types that are not offered here yet.
const NOT_OFFERED: [&str; 12] = [
    "_sort",
    "_include",
    "_revinclude",
    "_has",
    "_list",
    "_text",
    "_content",
    "_filter",
    "_query",
    "_type",
    "_contained",
    "_containedType",
];

/// Reads the parameters of a search over one type.
///
/// # Errors
/// `Invalid` naming the parameter and what is allowed; `TooCostly` over the limits of IN-18.
pub fn parse(
    resource_type: &str,
    pairs: &[(String, String)],
    handling: Handling,
    definitions: &Definitions,
    extractor: &Extractor,
    base: &str,
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
    let mut reader = Reader {
        resource_type,
        handling,
        definitions,
        extractor,
        base,
        query: Query::default(),
        warnings: Vec::new(),
        values: 0,
    };
    for (name, value) in pairs {
        reader.pair(name, value)?;
    }
    Ok((reader.query, reader.warnings))
}

struct Reader<'a> {
    resource_type: &'a str,
    handling: Handling,
    definitions: &'a Definitions,
    extractor: &'a Extractor,
    base: &'a str,
    query: Query,
    warnings: Vec<Issue>,
    values: usize,
}

impl Reader<'_> {
    fn pair(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "_format" | "_pretty" => return Ok(()),
            "_cursor" => {
                self.query.cursor = Some(value.to_owned());
                return Ok(());
            }
            "_count" => {
                let count: u32 = value
                    .parse()
                    .map_err(|_| bad(name, "a number that is not negative", value))?;
                let count = count.min(MOST_COUNT);
                self.query.count = Some(count);
                return self.apply(name, &count.to_string());
            }
            "_total" => {
                self.query.total = match value {
                    "none" => Total::None,
                    "estimate" => Total::Estimate,
                    "accurate" => Total::Accurate,
                    _ => return Err(bad(name, "none, estimate or accurate", value)),
                };
            }
            "_summary" => {
                self.query.summary = Summary::parse(value)
                    .ok_or_else(|| bad(name, "true, false, text, data or count", value))?;
            }
            "_elements" => {
                self.query.elements.extend(
                    value
                        .split(',')
                        .map(str::trim)
                        .filter(|e| !e.is_empty())
                        .map(Text::new),
                );
            }
            "_id" => {
                let ids = self.list(name, value)?;
                // An id that cannot exist matches nothing; it is no fault.
                self.query
                    .terms
                    .push(Term::Id(ids.into_iter().filter(|id| is_id(id)).collect()));
            }
            "_lastUpdated" => {
                let term = last_updated(name, value)?;
                self.query.terms.push(term);
            }
            _ => return self.parameter(name, value),
        }
        self.apply(name, value)
    }

    fn apply(&mut self, name: &str, value: &str) -> Result<()> {
        self.query.applied.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<()> {
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        if NOT_OFFERED.contains(&code) {
            return Err(not_offered(name, "this parameter is not offered"));
        }
        if let Some((before, _)) = code.split_once('.')
            && self
                .definitions
                .search_parameter(self.resource_type, before)
                .is_some()
        {
            return Err(not_offered(name, "chained parameters are not offered"));
        }
        if modifier.is_some_and(|modifier| modifier.contains('.')) {
            return Err(not_offered(name, "chained parameters are not offered"));
        }
        let Some(parameter) = self.definitions.search_parameter(self.resource_type, code) else {
            return self.unknown(name);
        };
        if !self.extractor.knows(self.resource_type, code) {
            return Err(not_offered(
                name,
                "parameters of this kind are not offered; token, reference and uri parameters are",
            ));
        }
        let target = match modifier {
            None => None,
            Some(target)
                if parameter.kind == SearchKind::Reference
                    && self.definitions.is_resource_type(target) =>
            {
                Some(target)
            }
            Some(_) => return Err(not_offered(name, "this modifier is not offered")),
        };
        let mut any_of = Vec::new();
        for item in self.raw_list(name, value)? {
            self.normalised(name, parameter, target, &item, &mut any_of)?;
        }
        let code = parameter.code.clone();
        self.query.terms.push(Term::Value { code, any_of });
        self.apply(name, value)
    }

    fn unknown(&mut self, name: &str) -> Result<()> {
        let text = format!(
            "expected a search parameter of {}, found ‘{}’",
            self.resource_type,
            shown(name)
        );
        match self.handling {
            Handling::Strict => Err(Error::new(Kind::Invalid, "not-supported", text)),
            Handling::Lenient => {
                self.warnings.push(Issue::warning("not-supported", text));
                Ok(())
            }
        }
    }

    fn normalised(
        &self,
        name: &str,
        parameter: &SearchParameter,
        target: Option<&str>,
        item: &str,
        out: &mut Vec<String>,
    ) -> Result<()> {
        match parameter.kind {
            SearchKind::Token => {
                let parts = split(item, '|');
                match parts.as_slice() {
                    [code] => out.push(values::code(&unescape(code))),
                    [_, code]
                        if code.is_empty()
                            && !self
                                .extractor
                                .finds_identifiers(self.resource_type, &parameter.code) =>
                    {
                        return Err(not_offered(
                            name,
                            "a system without a code is offered for identifiers only",
                        ));
                    }
                    [system, code] if code.is_empty() => {
                        out.push(values::any_of_system(&unescape(system)));
                    }
                    [system, code] => out.push(values::coded(&unescape(system), &unescape(code))),
                    _ => return Err(bad(name, "code, system|code, |code or system|", item)),
                }
            }
            SearchKind::Reference => {
                let text = unescape(item);
                match values::reference(&text, self.base) {
                    Some(reference) => {
                        let wrong_type = target
                            .is_some_and(|target| !reference.starts_with(&format!("{target}/")));
                        if !wrong_type {
                            out.push(reference);
                        }
                    }
                    None if is_id(&text) => {
                        let types: Vec<&str> = match target {
                            Some(target) => vec![target],
                            None if parameter.targets.is_empty() => self
                                .definitions
                                .resource_types()
                                .iter()
                                .map(Text::as_str)
                                .collect(),
                            None => parameter.targets.iter().map(Text::as_str).collect(),
                        };
                        out.extend(types.iter().map(|name| format!("{name}/{text}")));
                    }
                    // A canonical or another uri.
                    None => out.push(text),
                }
            }
            _ => out.push(unescape(item)),
        }
        Ok(())
    }

    fn list(&mut self, name: &str, value: &str) -> Result<Vec<String>> {
        Ok(self
            .raw_list(name, value)?
            .iter()
            .map(|item| unescape(item))
            .collect())
    }

    /// The values between commas, still escaped.
    fn raw_list(&mut self, name: &str, value: &str) -> Result<Vec<String>> {
        let items = split(value, ',');
        if items.iter().all(String::is_empty) {
            return Err(bad(name, "a value", value));
        }
        self.values = self.values.saturating_add(items.len());
        if items.len() > MOST_VALUES || self.values > MOST_VALUES_IN_ALL {
            return Err(Error::of(
                Kind::TooCostly,
                format!(
                    "expected at most {MOST_VALUES} values for a parameter and {MOST_VALUES_IN_ALL} in all, found more at ‘{}’",
                    shown(name)
                ),
            ));
        }
        Ok(items.into_iter().filter(|item| !item.is_empty()).collect())
    }
}

/// Reads `_lastUpdated` with its prefix (R4 search.html#prefix).
fn last_updated(name: &str, value: &str) -> Result<Term> {
    let digits = value
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(value.len());
    let (prefix, text) = value.split_at_checked(digits).unwrap_or(("", value));
    // A plus sign in a query arrives as a space.
    let text = text.replace(' ', "+");
    let TimeRange { low, high } = date::range(&text, &chrono::Utc).map_err(|_| {
        bad(
            name,
            "a date or time, with eq, gt, lt, ge, le, sa or eb in front",
            value,
        )
    })?;
    let (low, high) = match prefix {
        "" | "eq" => (low, high),
        "gt" | "sa" => (high, i64::MAX),
        "ge" => (low, i64::MAX),
        "lt" | "eb" => (i64::MIN, low),
        "le" => (i64::MIN, high),
        "ne" | "ap" => return Err(not_offered(name, "the prefixes ne and ap are not offered")),
        _ => {
            return Err(bad(
                name,
                "a date or time, with eq, gt, lt, ge, le, sa or eb in front",
                value,
            ));
        }
    };
    Ok(Term::LastUpdated { low, high })
}

/// Splits at a separator that is not escaped; the parts stay escaped.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    parts.push(part);
    parts
}

/// R4 search.html#escaping: `\,` `\|` `\$` `\\`.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\\', Some(next @ (',' | '|' | '$' | '\\'))) => {
                out.push(*next);
                characters.next();
            }
            _ => out.push(c),
        }
    }
    out
}

fn bad(name: &str, expected: &str, found: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        format!(
            "expected {expected} as {}, found ‘{}’",
            shown(name),
            shown(found)
        ),
    )
}

fn not_offered(name: &str, why: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "not-supported",
        format!("{}: {why}", shown(name)),
    )
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
