//! `Observation/$lastn`: the newest Observations of each kind.
//!
//! Source: FHIR R4 observation-operation-lastn.html; a paraphrase: the parameters are those of a search,
//! among them a subject and a category or a code; groups are made by code, the newest first, at most `max`
//! of each (1 if not said) and those that happened at the time of the last.
//!
//! Groups are made from what the index has packed, so that no body is read but those that are told, and one
//! for each set of codings: Observations with a coding in common belong together.

use std::collections::HashMap;

use super::{bad_value, unknown_parameter};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::search::Handling;
use crate::interactions::Node;
use crate::interactions::dispatch::Reach;
use crate::interactions::search::{Told, parts, tell};
use crate::interactions::write::content;
use crate::storage::{Outline, UNDATED};

const TYPE: &str = "Observation";
const CODE: &str = "code";
/// Observations that are looked at.
const MOST_LOOKED_AT: usize = 10_000;
/// Different sets of codings, and Observations that are told.
const MOST: usize = 1000;
/// What a page would need: the answer is one.
const NOT_HERE: [&str; 3] = ["_count", "_cursor", "_sort"];

/// The newest Observations of each kind, as a Bundle.
///
/// # Errors
/// `Invalid` as a search, for a `max` that is not positive, and without a subject or without a category or
/// code; `TooCostly` where too many Observations match.
pub fn lastn(node: &Node, pairs: &[(String, String)], handling: Handling) -> Result<Vec<u8>> {
    let (own, search): (Vec<_>, Vec<_>) =
        pairs.iter().cloned().partition(|(name, _)| name == "max");
    let max = match own.as_slice() {
        [] => 1,
        [(name, value)] => Some(value)
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|value| value.parse::<usize>().ok())
            .filter(|max| (1..=MOST).contains(max))
            .ok_or_else(|| bad_value(name, "a number from 1 to 1000"))?,
        _ => return Err(bad_value("max", "one number")),
    };
    if let Some((name, _)) = search
        .iter()
        .find(|(name, _)| NOT_HERE.contains(&name.as_str()))
    {
        let allowed = "max and what a search of Observation has but for pages and their order";
        return Err(unknown_parameter("$lastn", allowed, name));
    }
    require(&search)?;
    let reach = Reach::Type(TYPE.to_owned());
    let parts = parts(node, &reach, &search, handling)?;
    let Some(part) = parts.parts.first() else {
        return Err(Error::internal("a search of a type without a part"));
    };
    let most = MOST_LOOKED_AT.saturating_add(1);
    let found = node.store.outline(part.selection.clone(), CODE, most)?;
    if found.len() > MOST_LOOKED_AT {
        return Err(too_many(MOST_LOOKED_AT, "Observations that match"));
    }
    let chosen = newest(&grouped(node, &found)?, &found, max);
    if chosen.len() > MOST {
        return Err(too_many(MOST, "Observations to tell"));
    }
    // One may have been deleted meanwhile.
    let mut versions: HashMap<i64, _> = node
        .store
        .by_number(chosen.clone(), &node.known()?)?
        .into_iter()
        .map(|one| (one.pk, one))
        .collect();
    let matches = chosen.iter().filter_map(|pk| versions.remove(pk)).collect();
    let applied = own.into_iter().chain(parts.query.applied.iter().cloned());
    tell(
        node,
        &Told {
            path: "/Observation/$lastn",
            applied: &applied.collect::<Vec<_>>(),
            query: &parts.query,
            warnings: &parts.warnings,
            matches,
        },
    )
}

/// A subject, and a category or a parameter that holds a code.
fn require(pairs: &[(String, String)]) -> Result<()> {
    let given = |wanted: &dyn Fn(&str) -> bool| {
        pairs.iter().any(|(name, value)| {
            let (code, modifier) = match name.split_once([':', '.']) {
                Some((code, rest)) => (code, rest),
                None => (name.as_str(), ""),
            };
            wanted(code) && !value.is_empty() && !matches!(modifier, "missing" | "not")
        })
    };
    let holds_code = |name: &str| {
        let own = name
            .strip_prefix("combo-")
            .or(name.strip_prefix("component-"));
        let name = own.unwrap_or(name);
        name == "category" || name == CODE || name.starts_with("code-")
    };
    if !given(&|name| matches!(name, "patient" | "subject")) {
        return Err(missing("patient or subject"));
    }
    if !given(&holds_code) {
        return Err(missing("category or code"));
    }
    Ok(())
}

fn missing(what: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "required",
        format!("expected {what} as a parameter of $lastn, found none"),
    )
}

fn too_many(most: usize, what: &str) -> Error {
    Error::of(
        Kind::TooCostly,
        format!(
            "expected at most {most} {what}, found more: narrow $lastn with date, category or code"
        ),
    )
}

/// The number of the group of each Observation, in the order they were found.
fn grouped(node: &Node, found: &[Outline]) -> Result<Vec<usize>> {
    // Those with the same codings, or without any the same text, have the same key.
    let mut numbers: HashMap<(Vec<i64>, Vec<&str>), usize> = HashMap::new();
    let (mut first, mut groups) = (Vec::new(), Vec::with_capacity(found.len()));
    for one in found {
        let mut values = one.values.clone();
        values.sort_unstable();
        let texts = one.texts.iter().filter(|_| values.is_empty());
        let mut texts: Vec<&str> = texts.map(String::as_str).collect();
        texts.sort_unstable();
        let next = numbers.len();
        let number = *numbers.entry((values, texts)).or_insert(next);
        if number == first.len() {
            first.push(one.pk);
        }
        groups.push(number);
    }
    if first.len() > MOST {
        return Err(too_many(MOST, "codes"));
    }
    let joined = joined(node, &first)?;
    Ok(groups
        .into_iter()
        .map(|number| joined.get(number).copied().unwrap_or(number))
        .collect())
}

/// For each set of codings the first set it belongs together with: they have a coding in common, by
/// themselves or through others. One Observation stands for each set.
fn joined(node: &Node, first: &[i64]) -> Result<Vec<usize>> {
    let mut parents: Vec<usize> = (0..first.len()).collect();
    if first.len() < 2 {
        return Ok(parents);
    }
    let numbers: HashMap<i64, usize> = first.iter().copied().zip(0..).collect();
    let mut known: HashMap<(String, String), usize> = HashMap::new();
    for one in node.store.by_number(first.to_vec(), &node.known()?)? {
        let Some(number) = numbers.get(&one.pk) else {
            continue;
        };
        let json = match content(node, &one.version) {
            // It is told of when it is among the newest; it joins nothing.
            Err(error) if error.kind() == Kind::Damaged => continue,
            other => other?,
        };
        let tree = json::parse(&json, &node.choices.limits)?;
        for coding in codings(&tree) {
            let other = *known.entry(coding).or_insert(*number);
            let (a, b) = (root(&parents, other), root(&parents, *number));
            if let Some(parent) = parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
    Ok((0..parents.len())
        .map(|number| root(&parents, number))
        .collect())
}

fn root(parents: &[usize], mut number: usize) -> usize {
    while let Some(parent) = parents.get(number).filter(|parent| **parent != number) {
        number = *parent;
    }
    number
}

fn codings(observation: &Value) -> Vec<(String, String)> {
    let codings = observation
        .get(CODE)
        .map_or(&[][..], |code| code.items_at("coding"));
    let pair = |coding: &Value| {
        let system = coding.str_at("system").unwrap_or("");
        Some((system.to_owned(), coding.str_at(CODE)?.to_owned()))
    };
    codings.iter().filter_map(pair).collect()
}

/// The newest of each group, groups in the order of their newest. What happened at the time of the last
/// that is told is told too; what has no time happened at no time.
fn newest(groups: &[usize], found: &[Outline], max: usize) -> Vec<i64> {
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut chosen: Vec<(Vec<i64>, i64)> = Vec::new();
    for (group, one) in groups.iter().zip(found) {
        let next = chosen.len();
        let place = *places.entry(*group).or_insert(next);
        if place == next {
            chosen.push((Vec::new(), UNDATED));
        }
        if let Some((pks, last)) = chosen.get_mut(place)
            && (pks.len() < max || (one.sort == *last && one.sort != UNDATED))
        {
            pks.push(one.pk);
            *last = one.sort;
        }
    }
    chosen.into_iter().flat_map(|(pks, _)| pks).collect()
}
