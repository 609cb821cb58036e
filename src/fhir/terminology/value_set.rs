//! A value set, compiled: what it includes and what it leaves out.
//!
//! Source: FHIR R4 valueset.html#compositions. Within one `include` everything must hold; several are
//! alternatives; what an `exclude` covers is not in it.

use std::collections::HashMap;

use super::Fault;
use super::code_system::{Designation, designations};
use super::filter::Filter;
use crate::fhir::model::value::{Text, Value};

/// Filters of one value set, and as many of what it excludes: a compiled expression takes memory.
const MOST_FILTERS: usize = 100;

/// A value set.
#[derive(Debug)]
pub struct ValueSet {
    pub url: Text,
    pub version: Option<Text>,
    /// Whether codes that are not in use any more belong to it.
    pub with_inactive: bool,
    pub include: Vec<Include>,
    pub exclude: Vec<Include>,
    /// The resource, for what an expansion repeats of it.
    pub resource: Value,
}

/// One part of a value set.
#[derive(Debug, Default)]
pub struct Include {
    pub system: Option<Text>,
    pub version: Option<Text>,
    /// In the order of the definition.
    pub listed: Vec<Listed>,
    pub(super) by_code: HashMap<Text, usize>,
    pub filters: Vec<Filter>,
    /// Canonicals of value sets that must hold too.
    pub value_sets: Vec<Text>,
}

/// A code that a value set names.
#[derive(Clone, Debug)]
pub struct Listed {
    pub code: Text,
    pub display: Option<Text>,
    pub designations: Vec<Designation>,
}

impl ValueSet {
    /// Compiles a ValueSet resource.
    ///
    /// # Errors
    /// `NotUnderstood` when it has neither a composition nor an expansion, or a filter that R4 lacks.
    pub fn compile(resource: Value) -> Result<Self, Fault> {
        let url = Text::new(resource.str_at("url").unwrap_or_default());
        let parts = |compose: &Value, name: &str| -> Result<Vec<Include>, Fault> {
            let items = compose.items_at(name);
            let filters = items.iter().map(|item| item.items_at("filter").len());
            if filters.sum::<usize>() > MOST_FILTERS {
                return Err(Fault::TooLarge {
                    canonical: url.clone(),
                    limit: MOST_FILTERS,
                });
            }
            let items = items.iter();
            items.map(|item| Include::compile(&url, item)).collect()
        };
        let (include, exclude, with_inactive) =
            match (resource.get("compose"), resource.get("expansion")) {
                (Some(compose), _) => (
                    parts(compose, "include")?,
                    parts(compose, "exclude")?,
                    compose.get("inactive").and_then(Value::as_bool) != Some(false),
                ),
                (None, Some(expansion)) => (expanded(expansion), Vec::new(), true),
                (None, None) => {
                    let why = "expected compose or expansion, found neither";
                    return Err(Fault::not_understood(&url, why));
                }
            };
        Ok(Self {
            version: resource.str_at("version").map(Text::new),
            url,
            with_inactive,
            include,
            exclude,
            resource,
        })
    }

    /// All codes of a system.
    pub fn of_system(url: &str, system: &str) -> Self {
        Self::of(
            url,
            Include {
                system: Some(Text::new(system)),
                ..Include::default()
            },
        )
    }

    /// A value set of one part that stands in no resource.
    pub(super) fn of(url: &str, include: Include) -> Self {
        let mut resource = crate::fhir::model::value::Object::new();
        resource.push("resourceType", "ValueSet");
        resource.push("url", url);
        resource.push("status", "active");
        Self {
            url: Text::new(url),
            version: None,
            with_inactive: true,
            include: vec![include],
            exclude: Vec::new(),
            resource: Value::Object(resource),
        }
    }

    /// What keeping it costs, in codes.
    pub fn weight(&self) -> usize {
        let parts = self.include.iter().chain(&self.exclude);
        parts
            .map(|part| {
                part.listed
                    .len()
                    .saturating_add(part.filters.len().saturating_mul(1_000))
            })
            .sum()
    }
}

impl Include {
    fn compile(url: &Text, value: &Value) -> Result<Self, Fault> {
        let mut include = Self {
            system: value.str_at("system").map(Text::new),
            version: value.str_at("version").map(Text::new),
            value_sets: value
                .items_at("valueSet")
                .iter()
                .filter_map(|item| item.as_str().map(Text::new))
                .collect(),
            ..Self::default()
        };
        for concept in value.items_at("concept") {
            include.list(concept);
        }
        for filter in value.items_at("filter") {
            include.filters.push(Filter::compile(url, filter)?);
        }
        if include.system.is_none() && include.value_sets.is_empty() {
            let why = "expected a system or a value set in each part, found neither";
            return Err(Fault::not_understood(url, why));
        }
        Ok(include)
    }

    fn list(&mut self, concept: &Value) {
        if let Some(code) = concept.str_at("code") {
            let code = Text::new(code);
            self.by_code.insert(code.clone(), self.listed.len());
            self.listed.push(Listed {
                code,
                display: concept.str_at("display").map(Text::new),
                designations: designations(concept),
            });
        }
    }

    /// Whether it is all of a system.
    pub fn is_whole(&self) -> bool {
        self.system.is_some()
            && self.listed.is_empty()
            && self.filters.is_empty()
            && self.value_sets.is_empty()
    }

    /// A code that is named.
    pub fn named(&self, code: &str) -> Option<&Listed> {
        self.listed.get(*self.by_code.get(code)?)
    }
}

/// An expansion that came with the resource, one part for each system.
fn expanded(expansion: &Value) -> Vec<Include> {
    let mut parts: Vec<Include> = Vec::new();
    let mut open: Vec<&Value> = expansion.items_at("contains").iter().rev().collect();
    while let Some(item) = open.pop() {
        open.extend(item.items_at("contains").iter().rev());
        let chosen = item.get("abstract").and_then(Value::as_bool) != Some(true);
        let Some(system) = item.str_at("system").filter(|_| chosen) else {
            continue;
        };
        let version = item.str_at("version");
        let same = |part: &&mut Include| {
            part.system.as_deref() == Some(system) && part.version.as_deref() == version
        };
        match parts.iter_mut().find(same) {
            Some(part) => part.list(item),
            None => {
                let mut part = Include {
                    system: Some(Text::new(system)),
                    version: version.map(Text::new),
                    ..Include::default()
                };
                part.list(item);
                parts.push(part);
            }
        }
    }
    parts
}
