//! The values of a parameter: from text to a plan.
//!
//! Source: FHIR R4 search.html#ptypes, #prefix, #escaping.

use super::caseless::Caseless;
use super::composite::{self, Composite};
use super::interval::{self, Class, Unit, number};
use super::plan::{Bounds, Plan, TextLike};
use super::text::{FoundText, beginning};
use super::{Extractor, near, values};
use crate::fhir::definitions::{Definitions, SearchKind, SearchParameter};
use crate::fhir::model::key::is_id;
use crate::fhir::model::value::Text;
use crate::fhir::terminology::Lookup;

/// What a value is read with.
pub struct Operands<'a> {
    pub definitions: &'a Definitions,
    pub extractor: &'a Extractor,
    /// The FHIR base of this server: references below it are local.
    pub base: &'a str,
    /// Microseconds: what `ap` measures a distance from.
    pub now: i64,
    /// What value sets and code systems say.
    pub terminology: Lookup<'a>,
}

/// Why a value cannot be read: what was expected.
pub type Expected = &'static str;

const TOKEN: Expected = "code, system|code, |code or system|";
const DATE: Expected =
    "a date or time that exists, with eq, ne, gt, lt, ge, le, sa, eb or ap in front";
const NUMBER: Expected = "a number, with eq, ne, gt, lt, ge, le, sa, eb or ap in front";
pub const TEXT: Expected =
    "a text of letters or digits, where a part is asked for of at most 200 bytes";
const COMPOSITE: Expected = "a value for each part of the parameter, with $ between";
const NEAR: Expected = "latitude|longitude, with |distance or |distance|unit behind (km, m or mi)";
const QUANTITY: Expected = "number, number|system|code or number||code, with eq, ne, gt, lt, ge, le, sa, eb or ap in front";

/// R4 search.html#prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Operands<'_> {
    /// A parameter without modifier, or with a resource type as modifier, has one of the values.
    pub fn plan(
        &self,
        resource_type: &str,
        parameter: &SearchParameter,
        target: Option<&str>,
        items: &[String],
    ) -> Result<Plan, (usize, Expected)> {
        let code = parameter.code.clone();
        let mut any_of = Vec::new();
        let mut plans = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = |expected| (index, expected);
            match parameter.kind {
                SearchKind::Token => {
                    let forms = self.tokens(resource_type, parameter, item);
                    any_of.extend(forms.ok_or(at(TOKEN))?);
                }
                SearchKind::Reference => {
                    any_of.extend(self.references(
                        resource_type,
                        parameter,
                        target,
                        &unescape(item),
                    ));
                }
                SearchKind::Uri => any_of.push(unescape(item)),
                SearchKind::String => {
                    let like = beginning(&unescape(item)).ok_or(at(TEXT))?;
                    plans.push(Plan::Text {
                        code: code.clone(),
                        like,
                    });
                }
                SearchKind::Date => plans.push(self.date(&code, item).ok_or(at(DATE))?),
                SearchKind::Number => plans.push(numeric(&code, item, None).ok_or(at(NUMBER))?),
                SearchKind::Quantity => plans.push(quantity(&code, item).ok_or(at(QUANTITY))?),
                SearchKind::Composite => {
                    let composites = composite::resolve(self.definitions, resource_type, parameter)
                        .ok_or(at("another kind of parameter"))?;
                    let found = composites
                        .iter()
                        .map(|one| self.composite(resource_type, one, item));
                    plans.push(Plan::any(
                        found.collect::<Option<_>>().ok_or(at(COMPOSITE))?,
                    ));
                }
                SearchKind::Special => plans.push(Plan::Near {
                    code: code.clone(),
                    near: near::near(item).ok_or(at(NEAR))?,
                }),
            }
        }
        if plans.is_empty() {
            return Ok(Plan::Value { code, any_of });
        }
        Ok(Plan::any(plans))
    }

    /// The normalised tokens that a value may mean.
    fn tokens(
        &self,
        resource_type: &str,
        parameter: &SearchParameter,
        item: &str,
    ) -> Option<Vec<String>> {
        let token = token(item)?;
        let plain = match split(item, '|').as_slice() {
            [code] => Some(values::caseless(&unescape(code))),
            _ => None,
        };
        let Some(caseless) = plain else {
            let implied = self.implied(resource_type, parameter, item);
            return Some(std::iter::once(token).chain(implied).collect());
        };
        Some(match self.extractor.caseless(resource_type, parameter) {
            Caseless::No => vec![token],
            Caseless::Yes => vec![caseless],
            Caseless::Perhaps if token == caseless => vec![token],
            Caseless::Perhaps => vec![token, caseless],
        })
    }

    /// A code without a system, when the elements imply the one that is asked for.
    fn implied(
        &self,
        resource_type: &str,
        parameter: &SearchParameter,
        item: &str,
    ) -> Option<String> {
        let parts = split(item, '|');
        let [system, code] = parts.as_slice() else {
            return None;
        };
        let asked = !system.is_empty() && !code.is_empty();
        (asked
            && self
                .extractor
                .implies(resource_type, parameter, &unescape(system)))
        .then(|| values::code(&unescape(code)))
    }

    /// The references that a value may mean.
    fn references(
        &self,
        resource_type: &str,
        parameter: &SearchParameter,
        target: Option<&str>,
        text: &str,
    ) -> Vec<String> {
        match values::reference(text, self.base) {
            Some(reference) => {
                let wrong_type =
                    target.is_some_and(|target| !reference.starts_with(&format!("{target}/")));
                if wrong_type {
                    Vec::new()
                } else {
                    vec![reference]
                }
            }
            None if is_id(text) => {
                let only = self.extractor.only(resource_type, &parameter.code);
                let types: Vec<&str> = match target.or(only.map(Text::as_str)) {
                    Some(target) => return vec![format!("{target}/{text}")],
                    None if parameter.targets.is_empty() => self
                        .definitions
                        .resource_types()
                        .iter()
                        .map(Text::as_str)
                        .collect(),
                    None => parameter.targets.iter().map(Text::as_str).collect(),
                };
                // A reference may be stored as an id alone.
                let typed = types.iter().map(|name| format!("{name}/{text}"));
                typed.chain([text.to_owned()]).collect()
            }
            // A canonical or another uri.
            None => vec![text.to_owned()],
        }
    }

    /// A composite over one element has the values.
    pub(super) fn composite(
        &self,
        resource_type: &str,
        composite: &Composite<'_>,
        item: &str,
    ) -> Option<Plan> {
        let texts = split(item, '$');
        if texts.len() != composite.parts.len() {
            return None;
        }
        if composite.is_root {
            let parts = composite.parts.iter().zip(&texts).map(|(part, text)| {
                self.plan(resource_type, part, None, std::slice::from_ref(text))
                    .ok()
            });
            return Some(Plan::All(parts.collect::<Option<_>>()?));
        }
        let ([first, rest @ ..], [first_text, rest_texts @ ..]) =
            (composite.parts.as_slice(), texts.as_slice())
        else {
            return None;
        };
        let equal = |part: &SearchParameter, text: &str| {
            if part.kind == SearchKind::Reference {
                return Some(self.references(resource_type, part, None, &unescape(text)));
            }
            let tokens = self.tokens(resource_type, part, text)?;
            tokens
                .iter()
                .all(|token| composite::is_joined(token))
                .then_some(tokens)
        };
        let firsts: Vec<String> = equal(first, first_text)?;
        let code = &composite.parameter.code;
        if let [from, to] = rest_texts {
            let (from, to) = (points(from)?, points(to)?);
            let classes: Vec<Class> = firsts.iter().map(|a| composite::stretch(a)).collect();
            let bounds = from
                .iter()
                .flat_map(|low| to.iter().map(move |high| (*low, *high)));
            return Some(Plan::any(
                bounds
                    .map(|(low, high)| Plan::Interval {
                        code: code.clone(),
                        bounds: Bounds {
                            classes: classes.clone(),
                            low,
                            high,
                        },
                    })
                    .collect(),
            ));
        }
        let ([last], [last_text]) = (rest, rest_texts) else {
            return None;
        };
        if last.kind == SearchKind::Quantity {
            let (number, unit) = measured(last_text)?;
            let plans = firsts.iter().map(|value| {
                let unit = match &unit {
                    Some(unit) => unit.beside(|key| composite::joined(value, key)),
                    None => Unit::joined(composite::joined(value, "")),
                };
                numeric(code, &number, Some(&unit))
            });
            return Some(Plan::any(plans.collect::<Option<_>>()?));
        }
        let seconds = equal(last, last_text)?;
        let any_of = firsts
            .iter()
            .flat_map(|a| seconds.iter().map(|b| composite::joined(a, b)));
        Some(Plan::Value {
            code: code.clone(),
            any_of: any_of.collect(),
        })
    }

    fn date(&self, code: &Text, item: &str) -> Option<Plan> {
        let (prefix, low, high) = self.time(item)?;
        Some(compare(
            code,
            interval::times(),
            prefix,
            (low, high),
            (low, high),
        ))
    }

    /// The prefix of a date and the time it covers, both ends included; for `ap` a tenth of the distance
    /// from now on both sides.
    fn time(&self, item: &str) -> Option<(Prefix, i64, i64)> {
        let (prefix, text) = prefix(item)?;
        let (low, high) = interval::covered(&in_query(&unescape(text)))?;
        if prefix != Prefix::Ap {
            return Some((prefix, low, high));
        }
        let middle = low.midpoint(high);
        let margin = self
            .now
            .saturating_sub(middle)
            .saturating_abs()
            .checked_div(10)?;
        Some((
            prefix,
            low.saturating_sub(margin),
            high.saturating_add(margin),
        ))
    }

    /// `_lastUpdated`.
    pub fn last_updated(&self, item: &str) -> Result<Plan, Expected> {
        let (prefix, low, high) = self.time(item).ok_or(DATE)?;
        let (low, high) = (low, high.saturating_add(1));
        let within = |low, high| Plan::LastUpdated { low, high };
        Ok(match prefix {
            Prefix::Eq | Prefix::Ap => within(low, high),
            Prefix::Ne => Plan::Not(Box::new(within(low, high))),
            Prefix::Gt | Prefix::Sa => within(high, i64::MAX),
            Prefix::Ge => within(low, i64::MAX),
            Prefix::Lt | Prefix::Eb => within(i64::MIN, low),
            Prefix::Le => within(i64::MIN, high),
        })
    }
}

/// A time of the parameter that has the given time within itself, or that overlaps it.
pub fn around(code: &Text, text: &str, within: bool) -> Option<Plan> {
    let (low, high) = interval::covered(&in_query(text))?;
    let (latest_begin, earliest_end) = if within { (low, high) } else { (high, low) };
    Some(Plan::Interval {
        code: code.clone(),
        bounds: Bounds {
            classes: interval::times(),
            low: (i64::MIN, latest_begin),
            high: (earliest_end, i64::MAX),
        },
    })
}

/// A time in a query: a plus sign that was not escaped arrives as a space.
pub fn in_query(text: &str) -> String {
    text.replace(' ', "+")
}

/// The prefix of a value, and what follows it.
fn prefix(item: &str) -> Option<(Prefix, &str)> {
    let letters = item
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(item.len());
    let (word, rest) = item.split_at_checked(letters)?;
    let prefix = match word {
        "" | "eq" => Prefix::Eq,
        "ne" => Prefix::Ne,
        "gt" => Prefix::Gt,
        "lt" => Prefix::Lt,
        "ge" => Prefix::Ge,
        "le" => Prefix::Le,
        "sa" => Prefix::Sa,
        "eb" => Prefix::Eb,
        "ap" => Prefix::Ap,
        _ => return None,
    };
    Some((prefix, rest))
}

/// An interval compared: `covers` is what is equal to the value, `at` the value itself.
fn compare(
    code: &Text,
    classes: Vec<Class>,
    prefix: Prefix,
    covers: (i64, i64),
    at: (i64, i64),
) -> Plan {
    const ALL: (i64, i64) = (i64::MIN, i64::MAX);
    let above = |number: i64| (number.saturating_add(1), i64::MAX);
    let below = |number: i64| (i64::MIN, number.saturating_sub(1));
    let plan = |low, high| Plan::Interval {
        code: code.clone(),
        bounds: Bounds {
            classes: classes.clone(),
            low,
            high,
        },
    };
    let equal = |within: (i64, i64)| plan((within.0, i64::MAX), (i64::MIN, within.1));
    match prefix {
        Prefix::Eq => equal(covers),
        Prefix::Ne => Plan::Any(vec![plan(below(covers.0), ALL), plan(ALL, above(covers.1))]),
        Prefix::Gt => plan(ALL, above(at.1)),
        Prefix::Lt => plan(below(at.0), ALL),
        Prefix::Ge => Plan::Any(vec![plan(ALL, above(at.1)), equal(at)]),
        Prefix::Le => Plan::Any(vec![plan(below(at.0), ALL), equal(at)]),
        Prefix::Sa => plan(above(at.1), ALL),
        Prefix::Eb => plan(ALL, below(at.0)),
        // They overlap.
        Prefix::Ap => plan((i64::MIN, covers.1), (covers.0, i64::MAX)),
    }
}

fn numeric(code: &Text, item: &str, unit: Option<&Unit>) -> Option<Plan> {
    let (prefix, text) = prefix(item)?;
    let number = number(text)?;
    let (at, mut covers) = number.bounds(unit)?;
    if prefix == Prefix::Ap {
        covers = number.nearly(unit)?;
    }
    let classes = match unit {
        None => vec![Class::Number, Class::Wide],
        Some(unit) => vec![
            Class::Unit(unit.key.clone()),
            Class::WideUnit(unit.key.clone()),
        ],
    };
    Some(compare(code, classes, prefix, covers, (at, at)))
}

/// Where a number must lie, by its value with a prefix: within one of these.
fn points(item: &str) -> Option<Vec<(i64, i64)>> {
    let plan = numeric(&Text::new(""), item, None)?;
    let plans = match plan {
        Plan::Any(plans) => plans,
        plan => vec![plan],
    };
    // Of a point both ends are the same.
    let within = |plan| match plan {
        Plan::Interval { bounds, .. } => Some((
            bounds.low.0.max(bounds.high.0),
            bounds.low.1.min(bounds.high.1),
        )),
        _ => None,
    };
    plans.into_iter().map(within).collect()
}

fn quantity(code: &Text, item: &str) -> Option<Plan> {
    let parts = split(item, '|');
    match parts.as_slice() {
        [number] => numeric(code, number, None),
        [number, system, unit] if unit.is_empty() && system.is_empty() => {
            numeric(code, number, None)
        }
        [number, system, unit] if system.is_empty() => {
            numeric(code, number, Some(&Unit::printed(&unescape(unit))))
        }
        [number, system, unit] if !unit.is_empty() => {
            let unit = Unit::coded(&unescape(system), &unescape(unit));
            numeric(code, number, Some(&unit))
        }
        _ => None,
    }
}

/// A quantity of a composite: the number with its prefix, and the unit with its system.
fn measured(item: &str) -> Option<(String, Option<Unit>)> {
    let parts = split(item, '|');
    match parts.as_slice() {
        [number] => Some((number.clone(), None)),
        [number, system, unit] if !system.is_empty() && !unit.is_empty() => Some((
            number.clone(),
            Some(Unit::coded(&unescape(system), &unescape(unit))),
        )),
        _ => None,
    }
}

/// The normalised form of a token.
pub fn token(item: &str) -> Option<String> {
    let parts = split(item, '|');
    Some(match parts.as_slice() {
        [code] if !code.is_empty() => values::code(&unescape(code)),
        [system, code] if code.is_empty() && !system.is_empty() => {
            values::any_of_system(&unescape(system))
        }
        [system, code] if !code.is_empty() => values::coded(&unescape(system), &unescape(code)),
        _ => return None,
    })
}

/// The normalised form of `:of-type`: system|code|value.
pub fn of_type(item: &str) -> Option<String> {
    let parts = split(item, '|');
    match parts.as_slice() {
        [system, code, value] if !code.is_empty() && !value.is_empty() => Some(values::of_type(
            &unescape(system),
            &unescape(code),
            &unescape(value),
        )),
        _ => None,
    }
}

/// The normalised form of a token of the identifier in a reference.
pub fn identifying(item: &str) -> Option<String> {
    token(item).map(|token| values::identifying(&token))
}

/// Characters of a uri that are looked at for what is above it.
const LONGEST_URI: usize = 500;

/// The uri and all uris above it (R4 search.html#uri): those that it begins with.
pub fn uris_above(item: &str) -> Vec<String> {
    let uri = unescape(item);
    // A scheme alone is above nothing.
    let host = uri.find(':').map_or(0, |at| at.saturating_add(1));
    let ends = uri.char_indices().take(LONGEST_URI);
    ends.filter(|(at, _)| *at > host)
        .filter_map(|(at, _)| uri.get(..at).map(str::to_owned))
        .chain([uri.clone()])
        .collect()
}

/// The texts that begin like a uri.
pub fn uri_below(item: &str) -> TextLike {
    TextLike::StartsWith(FoundText::verbatim(&unescape(item)).folded)
}

/// Splits at a separator that is not escaped; the parts stay escaped.
pub fn split(text: &str, separator: char) -> Vec<String> {
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
pub fn unescape(text: &str) -> String {
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
