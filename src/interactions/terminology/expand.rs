//! `ValueSet/$expand`. Source: FHIR R4 valueset-operation-expand.html.
//!
//! Expansions are flat. What is too large is refused with `too-costly`, as R4 names it.

use super::Input;
use super::concept::value_set;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::date::format_instant;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Value};
use crate::fhir::terminology::{Expanding, Fault, Member, in_language};
use crate::interactions::Node;

/// Codes that are looked through, and codes of one answer.
const MOST_CODES: usize = 100_000;
const MOST_IN_ANSWER: usize = 10_000;

/// Parameters that are taken. Nested expansions, post-coordination and definitions are none of ours, so that
/// leaving them out asks for nothing.
pub const PARAMETERS: [&str; 12] = [
    "url",
    "valueSet",
    "valueSetVersion",
    "filter",
    "offset",
    "count",
    "includeDesignations",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "displayLanguage",
];

pub fn expand(node: &Node, key: Option<&ResourceKey>, input: &Input) -> Result<Value> {
    input.only(&PARAMETERS)?;
    if input.flag("excludeNested")? == Some(false) {
        return Err(Error::new(
            Kind::Invalid,
            "not-supported",
            "expected excludeNested=true, because expansions are flat here",
        ));
    }
    let lookup = node.terminology.with(node);
    let set = value_set(lookup, key, input)?;
    let language = input.text("displayLanguage")?;
    let active_only = input.flag("activeOnly")?.unwrap_or(false);
    let mut members = lookup.expand(
        &set,
        Expanding {
            active_only,
            limit: MOST_CODES,
        },
    )?;
    if input.flag("excludeNotForUI")? == Some(true) {
        members.retain(|member| !member.is_abstract);
    }
    if let Some(filter) = input.text("filter")? {
        let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        members.retain(|member| matches(member, &words));
    }
    let offset = input.number("offset")?.unwrap_or(0);
    let count = input.number("count")?;
    let total = members.len();
    let page = members.iter().skip(offset);
    let page: Vec<&Member> = page.take(count.unwrap_or(usize::MAX)).collect();
    if page.len() > MOST_IN_ANSWER {
        return Err(Fault::TooLarge {
            canonical: set.url.clone(),
            limit: MOST_IN_ANSWER,
        }
        .into());
    }
    let with_designations = input.flag("includeDesignations")? == Some(true);

    let mut expansion = Object::new();
    expansion.push("timestamp", format_instant(node.clock.now()));
    expansion.push("total", number(total));
    if offset > 0 || count.is_some() {
        expansion.push("offset", number(offset));
    }
    let parameters = told(input)?;
    if !parameters.is_empty() {
        expansion.push("parameter", parameters);
    }
    if !page.is_empty() {
        let contains = page
            .iter()
            .map(|member| contained(member, language, with_designations));
        expansion.push("contains", contains.collect::<Vec<Value>>());
    }
    let mut resource = Object::new();
    for name in [
        "resourceType",
        "id",
        "url",
        "version",
        "name",
        "title",
        "status",
    ] {
        if let Some(value) = set.resource.get(name) {
            resource.push(name, value.clone());
        }
    }
    resource.push("expansion", expansion);
    Ok(Value::Object(resource))
}

fn number(value: usize) -> Value {
    Value::from(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Every word stands in the code or in one of its names.
fn matches(member: &Member, words: &[String]) -> bool {
    let designations = member.designations.iter();
    let names = designations.map(|designation| &designation.value);
    let texts: Vec<String> = std::iter::once(&member.code)
        .chain(&member.display)
        .chain(names)
        .map(|text| text.as_str().to_lowercase())
        .collect();
    words
        .iter()
        .all(|word| texts.iter().any(|text| text.contains(word.as_str())))
}

/// The parameters that shaped the expansion.
fn told(input: &Input) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut push = |name: &str, member: &str, value: Value| {
        found.push(super::part(name, member, value));
    };
    for name in ["filter", "displayLanguage"] {
        if let Some(text) = input.text(name)? {
            push(name, "valueString", Value::from(text));
        }
    }
    for name in ["offset", "count"] {
        if let Some(value) = input.number(name)? {
            push(name, "valueInteger", number(value));
        }
    }
    for name in ["activeOnly", "includeDesignations", "excludeNotForUI"] {
        if let Some(value) = input.flag(name)? {
            push(name, "valueBoolean", Value::from(value));
        }
    }
    Ok(found)
}

fn contained(member: &Member, language: Option<&str>, with_designations: bool) -> Value {
    let mut object = Object::new();
    object.push("system", member.system.clone());
    if member.is_abstract {
        object.push("abstract", true);
    }
    if member.inactive {
        object.push("inactive", true);
    }
    if let Some(version) = &member.version {
        object.push("version", version.clone());
    }
    object.push("code", member.code.clone());
    let own = language.and_then(|language| in_language(&member.designations, language));
    if let Some(display) = own.or(member.display.as_ref()) {
        object.push("display", display.clone());
    }
    if with_designations && !member.designations.is_empty() {
        let designations = member.designations.iter().map(|designation| {
            let mut object = Object::new();
            if let Some(language) = &designation.language {
                object.push("language", language.clone());
            }
            if let Some(used) = &designation.used {
                object.push("use", used.clone());
            }
            object.push("value", designation.value.clone());
            Value::Object(object)
        });
        object.push("designation", designations.collect::<Vec<Value>>());
    }
    Value::Object(object)
}
