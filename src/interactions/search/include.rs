//! `_include` and `_revinclude`: what is added to the matches of a page.
//!
//! Source: FHIR R4 search.html#include, #revinclude. What is included is no match and counts in no
//! total.

use std::collections::{BTreeMap, HashSet};

use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::SearchKind;
use crate::fhir::search::Include;
use crate::interactions::node::Node;
use crate::storage::{Direction, FoundOne, Restrictions, Step};

/// IN-18.
const MOST_ROUNDS: usize = 8;
const MOST_INCLUDED: usize = 1000;

/// The resources that the includes add, each once, matches excepted.
pub fn included(node: &Node, includes: &[Include], matches: &[FoundOne]) -> Result<Vec<FoundOne>> {
    let mut seen: HashSet<i64> = matches.iter().map(|one| one.pk).collect();
    let mut added: Vec<FoundOne> = Vec::new();
    let mut from = by_type(matches);
    let known = node.known()?;
    for round in 0..=MOST_ROUNDS {
        let mut reached = Vec::new();
        for include in includes.iter().filter(|i| round == 0 || i.iterate) {
            for (seeds, step) in steps(node, include, &from, &known)? {
                let limit = MOST_INCLUDED.saturating_add(seen.len()).saturating_add(1);
                let found = node.store.reached(seeds, step, limit)?;
                reached.extend(found.into_iter().filter(|pk| seen.insert(*pk)));
            }
        }
        if reached.is_empty() {
            return Ok(added);
        }
        if round == MOST_ROUNDS {
            return Err(Error::of(
                Kind::TooCostly,
                format!("expected at most {MOST_ROUNDS} rounds of :iterate, found more to include"),
            ));
        }
        if added.len().saturating_add(reached.len()) > MOST_INCLUDED {
            return Err(Error::of(
                Kind::TooCostly,
                format!(
                    "expected at most {MOST_INCLUDED} included resources, found more: ask for fewer matches with _count"
                ),
            ));
        }
        let fresh = node.store.by_number(reached, &known)?;
        from = by_type(&fresh);
        added.extend(fresh);
    }
    Ok(added)
}

/// Numbers of resources by their type.
type Seeds = BTreeMap<String, Vec<i64>>;

fn by_type(found: &[FoundOne]) -> Seeds {
    let mut seeds = Seeds::new();
    for one in found {
        let name = one.version.key.resource_type.to_string();
        seeds.entry(name).or_default().push(one.pk);
    }
    seeds
}

/// The steps of an include from some resources.
fn steps(
    node: &Node,
    include: &Include,
    from: &Seeds,
    known: &Restrictions,
) -> Result<Vec<(Vec<i64>, Step)>> {
    let dictionary = &node.dictionary;
    let type_id = |name: &str| dictionary.type_id(name).ok();
    if include.reverse {
        let wanted = |name: &str| include.target.as_ref().is_none_or(|target| target == name);
        let seeds: Vec<i64> = from
            .iter()
            .filter(|(name, _)| wanted(name))
            .flat_map(|(_, pks)| pks.iter().copied())
            .collect();
        let sources: Vec<&str> = match &include.source {
            Some(source) => vec![source.as_str()],
            None => node
                .definitions
                .resource_types()
                .iter()
                .map(|name| name.as_str())
                .collect(),
        };
        let mut followed = Vec::new();
        for source in sources {
            followed.extend(params(node, source, include)?);
        }
        let to = include.source.as_deref().and_then(type_id);
        let step = Step::new(Direction::Reverse, followed, to, known);
        return Ok(vec![(seeds, step)]);
    }
    from.iter()
        .filter(|(name, _)| include.source.as_ref().is_none_or(|source| source == name))
        .map(|(name, pks)| {
            let params = params(node, name, include)?;
            let to = include.target.as_deref().and_then(type_id);
            let step = Step::new(Direction::Forward, params, to, known);
            Ok((pks.clone(), step))
        })
        .collect()
}

/// Numbers of the reference parameters of a type that an include follows.
///
/// # Errors
/// `NotSupported` when one of them is being indexed: what it leads to would be missing.
fn params(node: &Node, resource_type: &str, include: &Include) -> Result<Vec<i64>> {
    let codes: Vec<&str> = match &include.code {
        Some(code) => vec![code],
        None => node
            .definitions
            .search_parameters(resource_type)
            .iter()
            .filter(|parameter| parameter.kind == SearchKind::Reference)
            .map(|parameter| parameter.code.as_str())
            .collect(),
    };
    let numbers = codes.iter().map(|code| node.ready(resource_type, code));
    numbers.filter_map(Result::transpose).collect()
}
