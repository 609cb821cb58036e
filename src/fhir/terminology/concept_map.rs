//! A concept map, compiled: from a code to codes of other systems.
//!
//! Source: FHIR R4 conceptmap.html.

use std::collections::HashMap;

use crate::fhir::model::value::{Text, Value};

/// A concept map.
#[derive(Debug)]
pub struct ConceptMap {
    pub url: Text,
    /// Value sets that it leads from and to.
    pub source: Option<Text>,
    pub target: Option<Text>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    source: Option<Text>,
    target: Option<Text>,
    by_code: HashMap<Text, Vec<Target>>,
    unmapped: Option<Unmapped>,
}

#[derive(Clone, Debug)]
struct Target {
    code: Option<Text>,
    display: Option<Text>,
    equivalence: Text,
}

#[derive(Debug)]
enum Unmapped {
    /// The code stays as it is.
    Provided,
    Fixed(Option<Text>, Option<Text>),
    OtherMap(Text),
}

/// One outcome of a translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translation {
    /// In the words of the value set `concept-map-equivalence`.
    Match {
        equivalence: Text,
        system: Option<Text>,
        code: Option<Text>,
        display: Option<Text>,
    },
    /// Another map tells.
    Other(Text),
}

/// Whether a system is the one asked for, as far as both are known.
fn fits(own: &Option<Text>, asked: Option<&str>) -> bool {
    match (own, asked) {
        (Some(own), Some(asked)) => own == asked,
        _ => true,
    }
}

impl ConceptMap {
    /// Compiles a ConceptMap resource.
    pub fn compile(resource: &Value) -> Self {
        let either = |a: &str, b: &str| resource.str_at(a).or(resource.str_at(b)).map(Text::new);
        Self {
            url: Text::new(resource.str_at("url").unwrap_or_default()),
            source: either("sourceUri", "sourceCanonical"),
            target: either("targetUri", "targetCanonical"),
            groups: resource.items_at("group").iter().map(group).collect(),
        }
    }

    /// Codes that it names, for what keeping it costs.
    pub fn weight(&self) -> usize {
        self.groups.iter().map(|group| group.by_code.len()).sum()
    }

    /// Where a code leads, to a system where one is asked for.
    pub fn translate(
        &self,
        system: Option<&str>,
        code: &str,
        target: Option<&str>,
    ) -> Vec<Translation> {
        let mut found = Vec::new();
        for group in &self.groups {
            if fits(&group.source, system) && fits(&group.target, target) {
                group.translate(code, &mut found);
            }
        }
        found
    }

    /// Which codes lead to a code, from a system where one is asked for. Where the map gives nothing back, neither
    /// does this: what is unmapped has no way back.
    pub fn reversed(
        &self,
        system: Option<&str>,
        code: &str,
        source: Option<&str>,
    ) -> Vec<Translation> {
        let mut found = Vec::new();
        for group in &self.groups {
            if !fits(&group.target, system) || !fits(&group.source, source) {
                continue;
            }
            for (own, targets) in &group.by_code {
                let targets = targets.iter();
                for target in targets.filter(|target| target.code.as_deref() == Some(code)) {
                    found.push((
                        own.clone(),
                        group.source.clone(),
                        turned(&target.equivalence),
                    ));
                }
            }
        }
        found.sort_unstable();
        let found = found.into_iter();
        found
            .map(|(code, system, equivalence)| Translation::Match {
                equivalence: Text::new(equivalence),
                system,
                code: Some(code),
                display: None,
            })
            .collect()
    }
}

/// An equivalence seen from the other side.
fn turned(equivalence: &str) -> &str {
    match equivalence {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        other => other,
    }
}

impl Group {
    fn translate(&self, code: &str, out: &mut Vec<Translation>) {
        if let Some(targets) = self.by_code.get(code) {
            out.extend(targets.iter().map(|target| Translation::Match {
                equivalence: target.equivalence.clone(),
                system: self.target.clone(),
                code: target.code.clone(),
                display: target.display.clone(),
            }));
            return;
        }
        let matched = |equivalence: &str, code: Option<Text>, display| Translation::Match {
            equivalence: Text::new(equivalence),
            system: self.target.clone(),
            code,
            display,
        };
        match &self.unmapped {
            Some(Unmapped::Provided) => out.push(matched("equal", Some(Text::new(code)), None)),
            Some(Unmapped::Fixed(code, display)) => {
                out.push(matched("inexact", code.clone(), display.clone()));
            }
            Some(Unmapped::OtherMap(url)) => out.push(Translation::Other(url.clone())),
            None => {}
        }
    }
}

fn group(value: &Value) -> Group {
    let text = |value: &Value, name: &str| value.str_at(name).map(Text::new);
    let mut by_code: HashMap<Text, Vec<Target>> = HashMap::new();
    for element in value.items_at("element") {
        let Some(code) = text(element, "code") else {
            continue;
        };
        // What holds only together with other elements cannot be said of a code alone.
        let targets = element.items_at("target").iter();
        let targets = targets.filter(|target| target.items_at("dependsOn").is_empty());
        let targets = targets.map(|target| Target {
            code: text(target, "code"),
            display: text(target, "display"),
            equivalence: text(target, "equivalence").unwrap_or_default(),
        });
        by_code.entry(code).or_default().extend(targets);
    }
    let unmapped = value.get("unmapped").and_then(|unmapped| {
        Some(match unmapped.str_at("mode")? {
            "provided" => Unmapped::Provided,
            "fixed" => Unmapped::Fixed(text(unmapped, "code"), text(unmapped, "display")),
            "other-map" => Unmapped::OtherMap(text(unmapped, "url")?),
            _ => return None,
        })
    });
    Group {
        source: text(value, "source"),
        target: text(value, "target"),
        by_code,
        unmapped,
    }
}
