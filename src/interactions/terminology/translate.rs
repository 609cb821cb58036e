//! `ConceptMap/$translate`. Source: FHIR R4 conceptmap-operation-translate.html.
//!
//! The map must be named: one that fits the value sets is not looked for, and a translation that depends on other
//! elements is not given.

use std::sync::Arc;

use super::concept::{Asked, asked, canonical};
use super::{Input, Output, part, required};
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fhir::terminology::{ConceptMap, Lookup, Translation};
use crate::interactions::Node;

/// Maps that lead on to other maps.
const MOST_MAPS: usize = 8;

pub fn translate(node: &Node, key: Option<&ResourceKey>, input: &Input) -> Result<Value> {
    input.only(&[
        "url",
        "conceptMap",
        "conceptMapVersion",
        "code",
        "system",
        "version",
        "coding",
        "codeableConcept",
        "target",
        "targetsystem",
        "reverse",
    ])?;
    let lookup = node.terminology.with(node);
    let map = map(lookup, key, input)?;
    let reverse = input.flag("reverse")? == Some(true);
    let target = input.text("targetsystem")?;
    let fits = match (
        input.text("target")?,
        if reverse { &map.source } else { &map.target },
    ) {
        (Some(asked), Some(own)) => asked == own,
        _ => true,
    };
    let mut found = Vec::new();
    if fits {
        for one in asked(input, "version")? {
            follow(lookup, &map, &one, target, reverse, &mut found)?;
        }
    }
    let mapped = found.iter().any(|one| one.is_match());
    let mut output = Output::new();
    output.push("result", "valueBoolean", mapped);
    if !mapped {
        output.push(
            "message",
            "valueString",
            "the map has no translation for this",
        );
    }
    for one in found {
        output.parts("match", one.parts());
    }
    Ok(output.finish())
}

fn map(lookup: Lookup<'_>, key: Option<&ResourceKey>, input: &Input) -> Result<Arc<ConceptMap>> {
    if let Some(key) = key {
        return Ok(lookup.concept_map_by_id(&key.id)?);
    }
    if let Some(resource) = input.resource("conceptMap", "ConceptMap")? {
        return Ok(Arc::new(ConceptMap::compile(resource)));
    }
    let url = input.text("url")?;
    let url = url.ok_or_else(|| required("url or conceptMap"))?;
    let canonical = canonical(url, input.text("conceptMapVersion")?);
    Ok(lookup.concept_map(&canonical)?)
}

/// One line of the answer.
struct Found {
    equivalence: Text,
    system: Option<Text>,
    code: Option<Text>,
    display: Option<Text>,
    map: Text,
}

impl Found {
    fn is_match(&self) -> bool {
        !matches!(self.equivalence.as_str(), "unmatched" | "disjoint") && self.code.is_some()
    }

    fn parts(self) -> Vec<Value> {
        let mut parts = vec![part("equivalence", "valueCode", self.equivalence)];
        if let Some(code) = self.code {
            let mut coding = Object::new();
            if let Some(system) = self.system {
                coding.push("system", system);
            }
            coding.push("code", code);
            if let Some(display) = self.display {
                coding.push("display", display);
            }
            parts.push(part("concept", "valueCoding", coding));
        }
        if !self.map.is_empty() {
            parts.push(part("source", "valueUri", self.map));
        }
        parts
    }
}

fn follow(
    lookup: Lookup<'_>,
    map: &Arc<ConceptMap>,
    one: &Asked,
    target: Option<&str>,
    reverse: bool,
    out: &mut Vec<Found>,
) -> Result<()> {
    let (mut open, mut looked_at) = (vec![Arc::clone(map)], 0usize);
    while let Some(map) = open.pop() {
        looked_at = looked_at.saturating_add(1);
        let system = one.system.as_deref();
        let found = if reverse {
            map.reversed(system, &one.code, target)
        } else {
            map.translate(system, &one.code, target)
        };
        for translation in found {
            match translation {
                Translation::Match {
                    equivalence,
                    system,
                    code,
                    display,
                } => out.push(Found {
                    equivalence,
                    system,
                    code,
                    display,
                    map: map.url.clone(),
                }),
                Translation::Other(url) if looked_at < MOST_MAPS => {
                    open.push(lookup.concept_map(&url)?);
                }
                Translation::Other(_) => {}
            }
        }
    }
    Ok(())
}
