//! One parameter of a search: its name with modifiers and chains, and its values.
//!
//! Source: FHIR R4 search.html#modifiers, #chaining, #has.

use std::cell::Cell;

use super::concepts::{Concepts, Direction};
use super::operand::{self, Expected, Operands, split};
use super::plan::{Plan, TextLike};
use super::text::{asked, fold};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::{SearchKind, SearchParameter};
use crate::fhir::model::key::is_id;
use crate::fhir::model::value::Text;

/// IN-18.
const MOST_HOPS: usize = 8;
const MOST_HAS: usize = 4;
const MOST_VALUES: usize = 50;
/// Ways that chains may take: a reference to any type has about 150.
const MOST_STEPS: usize = 400;

/// Parameters of R4 for all types that are not offered.
const NOT_OFFERED: [&str; 4] = ["_text", "_content", "_filter", "_query"];

/// Reads parameters.
pub struct Criteria<'a> {
    pub operands: Operands<'a>,
    /// Values read so far.
    pub values: usize,
    /// Steps taken so far through all chains: those without types branch.
    pub steps: Cell<usize>,
    /// Codes that value sets and hierarchies gave so far.
    pub codes: Cell<usize>,
}

/// How far a name was followed.
#[derive(Clone, Copy, Default)]
pub struct Depth {
    hops: usize,
    has: usize,
}

impl Criteria<'_> {
    /// The plan of a parameter of a type; `None` when the type has no such parameter.
    ///
    /// # Errors
    /// `Invalid` naming the parameter and what is allowed; `TooCostly` over the limits of IN-18.
    pub fn plan(&mut self, resource_type: &str, name: &str, value: &str) -> Result<Option<Plan>> {
        if name == "_filter" {
            return self.filter(resource_type, value).map(Some);
        }
        self.values = self.values.saturating_add(split(value, ',').len());
        self.read(resource_type, name, name, value, Depth::default())
    }

    /// Counts a step through chains.
    pub(super) fn step(&self, whole: &str) -> Result<()> {
        self.steps.set(self.steps.get().saturating_add(1));
        if self.steps.get() <= MOST_STEPS {
            return Ok(());
        }
        Err(Error::of(
            Kind::TooCostly,
            format!(
                "expected chains with the types they lead to (subject:Patient.name), found too many ways at ‘{}’",
                shown(whole)
            ),
        ))
    }

    /// `name` is what is left of `whole`.
    fn read(
        &self,
        resource_type: &str,
        whole: &str,
        name: &str,
        value: &str,
        depth: Depth,
    ) -> Result<Option<Plan>> {
        self.step(whole)?;
        if let Some(rest) = name.strip_prefix("_has:") {
            return self.has(resource_type, whole, rest, value, depth).map(Some);
        }
        if let Some((first, rest)) = name.split_once('.') {
            return self.follow(resource_type, whole, first, depth, &|name, depth| {
                self.read(name, whole, rest, value, depth)
            });
        }
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        if NOT_OFFERED.contains(&code) {
            return Err(not_offered(whole, "this parameter is not offered"));
        }
        match (code, modifier) {
            ("_id", None | Some("not")) => {
                let ids = list(whole, value)?;
                // An id that cannot exist matches nothing; it is no fault.
                let ids = ids.iter().map(|id| operand::unescape(id));
                let plan = Plan::Id(ids.filter(|id| is_id(id)).collect());
                return Ok(Some(match modifier {
                    Some(_) => Plan::Not(Box::new(plan)),
                    None => plan,
                }));
            }
            ("_lastUpdated", None) => {
                let items = list(whole, value)?;
                let plans = items.iter().enumerate().map(|(index, item)| {
                    self.operands
                        .last_updated(item)
                        .map_err(|expected| bad(whole, &items, index, expected))
                });
                return Ok(Some(Plan::any(plans.collect::<Result<_>>()?)));
            }
            ("_list", None) => {
                let ids = list(whole, value)?;
                if let Some(index) = ids.iter().position(|id| !is_id(id)) {
                    return Err(bad(whole, &ids, index, "the id of a List"));
                }
                return Ok(Some(Plan::Has {
                    source: Text::new("List"),
                    code: Text::new("item"),
                    plan: Box::new(Plan::Id(ids)),
                }));
            }
            _ => {}
        }
        let Some(parameter) = self
            .operands
            .definitions
            .search_parameter(resource_type, code)
        else {
            return Ok(None);
        };
        if !self.operands.extractor.knows(resource_type, code) {
            return Err(not_offered(
                whole,
                "parameters of this kind are not offered yet",
            ));
        }
        self.leaf(resource_type, whole, parameter, modifier, value)
            .map(Some)
    }

    fn has(
        &self,
        resource_type: &str,
        whole: &str,
        rest: &str,
        value: &str,
        depth: Depth,
    ) -> Result<Plan> {
        if depth.has >= MOST_HAS {
            return Err(too_deep(whole));
        }
        let mut parts = rest.splitn(3, ':');
        let (Some(source), Some(code), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed(whole, "_has:Type:reference:parameter"));
        };
        let definitions = self.operands.definitions;
        if !definitions.is_resource_type(source) {
            return Err(malformed(whole, "a resource type of FHIR R4 after _has:"));
        }
        let refers = definitions
            .search_parameter(source, code)
            .filter(|parameter| parameter.kind == SearchKind::Reference)
            .filter(|parameter| {
                parameter.targets.is_empty()
                    || parameter.targets.iter().any(|name| name == resource_type)
            });
        let Some(parameter) = refers else {
            return Err(malformed(
                whole,
                &format!("a reference parameter of {source} that leads to {resource_type}"),
            ));
        };
        let depth = Depth {
            has: depth.has.saturating_add(1),
            ..depth
        };
        match self.read(source, whole, rest, value, depth)? {
            Some(plan) => Ok(Plan::Has {
                source: Text::new(source),
                code: parameter.code.clone(),
                plan: Box::new(plan),
            }),
            None => Err(malformed(whole, &format!("a search parameter of {source}"))),
        }
    }

    /// A reference is followed to each type it may lead to; `read` makes the plan for one of them.
    pub(super) fn follow(
        &self,
        resource_type: &str,
        whole: &str,
        first: &str,
        depth: Depth,
        read: &dyn Fn(&str, Depth) -> Result<Option<Plan>>,
    ) -> Result<Option<Plan>> {
        if depth.hops >= MOST_HOPS {
            return Err(too_deep(whole));
        }
        let definitions = self.operands.definitions;
        let (code, target) = match first.split_once(':') {
            Some((code, target)) => (code, Some(target)),
            None => (first, None),
        };
        let Some(parameter) = definitions.search_parameter(resource_type, code) else {
            return Ok(None);
        };
        if parameter.kind != SearchKind::Reference {
            return Err(malformed(
                whole,
                &format!("a reference parameter before the dot, {code} is none"),
            ));
        }
        let types: Vec<&str> = match target {
            Some(target) => {
                self.check_target(whole, parameter, target)?;
                vec![target]
            }
            None if parameter.targets.is_empty() => definitions
                .resource_types()
                .iter()
                .map(Text::as_str)
                .collect(),
            None => parameter.targets.iter().map(Text::as_str).collect(),
        };
        let depth = Depth {
            hops: depth.hops.saturating_add(1),
            ..depth
        };
        let mut targets = Vec::new();
        let mut fault = None;
        for name in types {
            match read(name, depth) {
                Ok(Some(plan)) => targets.push((Text::new(name), plan)),
                Ok(None) => {}
                Err(error) if error.kind() == Kind::TooCostly => return Err(error),
                // Another type may read the rest; when none does, the fault is told.
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        match (targets.is_empty(), fault) {
            (false, _) => Ok(Some(Plan::Chain {
                code: parameter.code.clone(),
                targets,
            })),
            (true, Some(fault)) => Err(fault),
            (true, None) => Err(malformed(
                whole,
                &format!("a search parameter of what {code} leads to"),
            )),
        }
    }

    fn check_target(&self, whole: &str, parameter: &SearchParameter, target: &str) -> Result<()> {
        let allowed = &parameter.targets;
        if self.operands.definitions.is_resource_type(target)
            && (allowed.is_empty() || allowed.iter().any(|name| name == target))
        {
            return Ok(());
        }
        let names: Vec<&str> = allowed.iter().map(Text::as_str).collect();
        let names = if names.is_empty() {
            "a resource type of FHIR R4".to_owned()
        } else {
            names.join(" or ")
        };
        Err(malformed(
            whole,
            &format!("{names} as what {} leads to", parameter.code),
        ))
    }

    fn leaf(
        &self,
        resource_type: &str,
        whole: &str,
        parameter: &SearchParameter,
        modifier: Option<&str>,
        value: &str,
    ) -> Result<Plan> {
        let items = list(whole, value)?;
        let code = parameter.code.clone();
        let texts = |like: &dyn Fn(&str) -> TextLike| {
            Plan::any(
                items
                    .iter()
                    .map(|item| Plan::Text {
                        code: code.clone(),
                        like: like(item),
                    })
                    .collect(),
            )
        };
        let tokens = |read: &dyn Fn(&str) -> Option<String>, expected: Expected| {
            let any_of = items
                .iter()
                .enumerate()
                .map(|(index, item)| read(item).ok_or_else(|| bad(whole, &items, index, expected)));
            Ok::<_, Error>(Plan::Value {
                code: code.clone(),
                any_of: any_of.collect::<Result<_>>()?,
            })
        };
        let folded = |code: Text, like: &dyn Fn(String) -> TextLike| {
            let plans = items.iter().enumerate().map(|(index, item)| {
                let text = asked(&operand::unescape(item))
                    .ok_or_else(|| bad(whole, &items, index, operand::TEXT))?;
                Ok(Plan::Text {
                    code: code.clone(),
                    like: like(text),
                })
            });
            Ok(Plan::any(plans.collect::<Result<_>>()?))
        };
        let plain = |target| {
            self.operands
                .plan(resource_type, parameter, target, &items)
                .map_err(|(index, expected)| bad(whole, &items, index, expected))
        };
        let concepts = Concepts {
            operands: &self.operands,
            codes: &self.codes,
            resource_type,
            parameter,
            whole,
            items: &items,
        };
        match (parameter.kind, modifier) {
            (_, None) => plain(None),
            (kind, Some("missing")) if kind != SearchKind::Composite => match value {
                "true" => Ok(Plan::Not(Box::new(Plan::Present { code }))),
                "false" => Ok(Plan::Present { code }),
                _ => Err(bad(whole, &items, 0, "true or false")),
            },
            (SearchKind::String, Some("exact")) => Ok(texts(&|item| {
                let text = operand::unescape(item);
                TextLike::Exact(fold(&text), text)
            })),
            (SearchKind::String, Some("contains")) => {
                folded(code.clone(), &|text| TextLike::Contains(text))
            }
            (SearchKind::Token, Some("not")) => Ok(Plan::Not(Box::new(plain(None)?))),
            (SearchKind::Token, Some("text")) => {
                let codes = self.operands.extractor.text_codes(resource_type, parameter);
                let plans = codes
                    .into_iter()
                    .map(|code| folded(Text::new(code), &|text| TextLike::StartsWith(text)));
                Ok(Plan::any(plans.collect::<Result<_>>()?))
            }
            (SearchKind::Token, Some("in")) => concepts.members(),
            (SearchKind::Token, Some("not-in")) => Ok(Plan::Not(Box::new(concepts.members()?))),
            (SearchKind::Token, Some("below")) => concepts.related(Direction::Below),
            (SearchKind::Token, Some("above")) => concepts.related(Direction::Above),
            (SearchKind::Token, Some("of-type")) => tokens(&operand::of_type, "system|code|value"),
            (SearchKind::Reference, Some("identifier")) => {
                tokens(&operand::identifying, "system|value or value")
            }
            (SearchKind::Reference, Some(target)) if starts_upper(target) => {
                self.check_target(whole, parameter, target)?;
                plain(Some(target))
            }
            (SearchKind::Uri, Some("below")) => Ok(texts(&operand::uri_below)),
            (SearchKind::Uri, Some("above")) => Ok(Plan::Value {
                code: code.clone(),
                any_of: items
                    .iter()
                    .flat_map(|item| operand::uris_above(item))
                    .collect(),
            }),
            (kind, Some(_)) => Err(not_offered(whole, allowed_modifiers(kind))),
        }
    }
}

fn allowed_modifiers(kind: SearchKind) -> &'static str {
    match kind {
        SearchKind::String => "expected the modifier exact, contains or missing",
        SearchKind::Token => {
            "expected the modifier not, text, in, not-in, above, below, of-type or missing"
        }
        SearchKind::Reference => "expected a resource type, identifier or missing as modifier",
        SearchKind::Uri => "expected the modifier below, above or missing",
        _ => "expected no modifier but missing",
    }
}

fn starts_upper(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The values between commas, still escaped.
fn list(name: &str, value: &str) -> Result<Vec<String>> {
    let items: Vec<String> = split(value, ',')
        .into_iter()
        .filter(|item| !item.is_empty())
        .collect();
    if items.is_empty() {
        return Err(bad(name, &[String::new()], 0, "a value"));
    }
    if items.len() > MOST_VALUES {
        return Err(Error::of(
            Kind::TooCostly,
            format!(
                "expected at most {MOST_VALUES} values, found {} at ‘{}’",
                items.len(),
                shown(name)
            ),
        ));
    }
    Ok(items)
}

/// 400: a value that cannot be read, with its place in the list.
pub fn bad(name: &str, items: &[String], index: usize, expected: &str) -> Error {
    let found = items.get(index).map_or("", String::as_str);
    let place = if items.len() > 1 {
        format!("value {} of ", index.saturating_add(1))
    } else {
        String::new()
    };
    Error::new(
        Kind::Invalid,
        "value",
        format!(
            "expected {expected} as {place}{}, found ‘{}’",
            shown(name),
            shown(found)
        ),
    )
}

/// 400: a name that cannot be read.
pub fn malformed(name: &str, expected: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        format!("expected {expected}, found ‘{}’", shown(name)),
    )
}

/// 400: what R4 has and this server does not offer.
pub fn not_offered(name: &str, why: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "not-supported",
        format!("{}: {why}", shown(name)),
    )
}

fn too_deep(name: &str) -> Error {
    Error::of(
        Kind::TooCostly,
        format!(
            "expected at most {MOST_HOPS} references and {MOST_HAS} _has one after another, found more at ‘{}’",
            shown(name)
        ),
    )
}

/// The beginning of what a client sent.
pub fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
