//! A code system, compiled: its concepts in a row, found by code, and what lies above and below each.
//!
//! Source: FHIR R4 codesystem.html. A concept is below another when it stands inside it, or when a
//! property `parent`, `subsumedBy` or `child` says so; codes may have several parents, and a cycle does no
//! harm.

use std::collections::{HashMap, HashSet};

use super::Fault;
use crate::fhir::model::value::{Text, Value};

/// Concepts of one code system.
const MOST_CONCEPTS: usize = 1_000_000;

/// How much of a code system its definition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Complete,
    /// Some codes of it: what is not there may exist all the same.
    Partial,
    NotPresent,
}

/// A code system.
#[derive(Debug)]
pub struct CodeSystem {
    pub url: Text,
    pub version: Option<Text>,
    pub name: Text,
    pub content: Content,
    pub case_sensitive: bool,
    /// Whether its hierarchy means that the lower is a kind of the upper.
    pub is_a: bool,
    /// The value set of all its codes.
    pub value_set: Option<Text>,
    /// Language of the displays.
    pub language: Option<Text>,
    pub concepts: Vec<Concept>,
    /// Properties that the definition declares.
    declared: HashSet<Text>,
    by_code: HashMap<Text, u32>,
}

/// One concept.
#[derive(Debug, Default)]
pub struct Concept {
    pub code: Text,
    pub display: Option<Text>,
    pub definition: Option<Text>,
    pub designations: Vec<Designation>,
    pub properties: Vec<Property>,
    /// Numbers in [`CodeSystem::concepts`].
    pub parents: Vec<u32>,
    pub children: Vec<u32>,
    pub inactive: bool,
    /// Not to be chosen: it groups others.
    pub is_abstract: bool,
}

/// Another name of a concept.
#[derive(Clone, Debug, PartialEq)]
pub struct Designation {
    pub language: Option<Text>,
    /// A Coding.
    pub used: Option<Value>,
    pub value: Text,
}

/// A fact about a concept.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    pub code: Text,
    /// `valueCode`, `valueString` and so on.
    pub member: Text,
    pub value: Value,
}

impl Property {
    /// The value as text: the code of a Coding.
    pub fn text(&self) -> &str {
        match &self.value {
            Value::String(text) | Value::Number(text) => text,
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            value => value.str_at("code").unwrap_or_default(),
        }
    }
}

/// How two concepts lie to each other, in the words of the value set `concept-subsumption-outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsumption {
    Equivalent,
    Subsumes,
    SubsumedBy,
    NotSubsumed,
}

impl Subsumption {
    pub fn code(self) -> &'static str {
        match self {
            Subsumption::Equivalent => "equivalent",
            Subsumption::Subsumes => "subsumes",
            Subsumption::SubsumedBy => "subsumed-by",
            Subsumption::NotSubsumed => "not-subsumed",
        }
    }
}

impl CodeSystem {
    /// Compiles a CodeSystem resource.
    ///
    /// # Errors
    /// `TooLarge` with more than a million concepts.
    pub fn compile(resource: &Value) -> Result<Self, Fault> {
        let text = |name: &str| resource.str_at(name).map(Text::new);
        let mut system = Self {
            url: text("url").unwrap_or_default(),
            version: text("version"),
            name: text("name").unwrap_or_default(),
            content: match resource.str_at("content") {
                Some("complete") => Content::Complete,
                Some("fragment" | "example") => Content::Partial,
                _ => Content::NotPresent,
            },
            case_sensitive: resource.get("caseSensitive").and_then(Value::as_bool) != Some(false),
            is_a: matches!(resource.str_at("hierarchyMeaning"), None | Some("is-a")),
            value_set: text("valueSet"),
            language: text("language"),
            concepts: Vec::new(),
            declared: resource
                .items_at("property")
                .iter()
                .filter_map(|property| property.str_at("code").map(Text::new))
                .collect(),
            by_code: HashMap::new(),
        };
        system.enter(resource.items_at("concept"), None)?;
        system.link();
        Ok(system)
    }

    /// A code system of bare codes with their displays.
    pub(super) fn listed<'a>(
        url: &str,
        codes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut system = Self {
            url: Text::new(url),
            version: None,
            name: Text::default(),
            content: Content::Complete,
            case_sensitive: true,
            is_a: true,
            value_set: None,
            language: None,
            concepts: Vec::new(),
            declared: HashSet::new(),
            by_code: HashMap::new(),
        };
        for (code, display) in codes {
            system.push(Concept {
                code: Text::new(code),
                display: Some(Text::new(display)),
                ..Concept::default()
            });
        }
        system
    }

    fn push(&mut self, concept: Concept) -> Option<u32> {
        let number = u32::try_from(self.concepts.len()).ok()?;
        let key = self.key(&concept.code);
        self.by_code.entry(key).or_insert(number);
        self.concepts.push(concept);
        Some(number)
    }

    /// Definitions nest no deeper than their JSON may.
    fn enter(&mut self, concepts: &[Value], parent: Option<u32>) -> Result<(), Fault> {
        for value in concepts {
            if self.concepts.len() >= MOST_CONCEPTS {
                return Err(Fault::TooLarge {
                    canonical: self.url.clone(),
                    limit: MOST_CONCEPTS,
                });
            }
            let Some(code) = value.str_at("code") else {
                continue;
            };
            let mut concept = concept(code, value);
            concept.parents.extend(parent);
            let Some(number) = self.push(concept) else {
                continue;
            };
            if let Some(parent) = parent.and_then(|parent| self.at_mut(parent)) {
                parent.children.push(number);
            }
            self.enter(value.items_at("concept"), Some(number))?;
        }
        Ok(())
    }

    /// Puts in what properties say about the hierarchy.
    fn link(&mut self) {
        let mut pairs = Vec::new();
        for (number, concept) in (0u32..).zip(&self.concepts) {
            for property in &concept.properties {
                let other = || self.number(property.text());
                match property.code.as_str() {
                    "parent" | "subsumedBy" => pairs.extend(other().map(|other| (other, number))),
                    "child" => pairs.extend(other().map(|other| (number, other))),
                    _ => {}
                }
            }
        }
        for (parent, child) in pairs {
            if let Some(concept) = self.at_mut(child)
                && !concept.parents.contains(&parent)
            {
                concept.parents.push(parent);
                if let Some(concept) = self.at_mut(parent) {
                    concept.children.push(child);
                }
            }
        }
    }

    fn at_mut(&mut self, number: u32) -> Option<&mut Concept> {
        self.concepts.get_mut(usize::try_from(number).ok()?)
    }

    pub fn at(&self, number: u32) -> Option<&Concept> {
        self.concepts.get(usize::try_from(number).ok()?)
    }

    fn key(&self, code: &str) -> Text {
        if self.case_sensitive {
            Text::new(code)
        } else {
            Text::from(code.to_lowercase())
        }
    }

    /// The number of a code.
    pub fn number(&self, code: &str) -> Option<u32> {
        self.by_code.get(&self.key(code)).copied()
    }

    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.at(self.number(code)?)
    }

    /// Whether the system has a code.
    ///
    /// # Errors
    /// `NotLoaded` when it does not stand here and not all codes do.
    pub fn has(&self, code: &str) -> Result<bool, Fault> {
        if self.number(code).is_some() {
            return Ok(true);
        }
        match self.content {
            Content::Complete => Ok(false),
            _ => Err(Fault::not_loaded("code system", &self.url)),
        }
    }

    /// Whether the definition declares a property.
    pub fn declares(&self, property: &str) -> bool {
        self.declared.contains(property)
    }

    /// A concept and all below it.
    pub fn below(&self, number: u32) -> HashSet<u32> {
        self.reach(number, |concept| &concept.children)
    }

    /// A concept and all above it.
    pub fn above(&self, number: u32) -> HashSet<u32> {
        self.reach(number, |concept| &concept.parents)
    }

    fn reach(&self, from: u32, next: impl Fn(&Concept) -> &Vec<u32>) -> HashSet<u32> {
        let (mut found, mut open) = (HashSet::from([from]), vec![from]);
        while let Some(concept) = open.pop().and_then(|number| self.at(number)) {
            for other in next(concept) {
                if found.insert(*other) {
                    open.push(*other);
                }
            }
        }
        found
    }

    /// How two concepts lie to each other.
    pub fn compare(&self, a: u32, b: u32) -> Subsumption {
        if a == b {
            Subsumption::Equivalent
        } else if self.above(b).contains(&a) {
            Subsumption::Subsumes
        } else if self.above(a).contains(&b) {
            Subsumption::SubsumedBy
        } else {
            Subsumption::NotSubsumed
        }
    }
}

impl Concept {
    /// The name in a language, as far as there is one: `it` finds `it-IT`, and the other way round.
    pub fn display_in(&self, language: Option<&str>) -> Option<&Text> {
        language
            .and_then(|language| in_language(&self.designations, language))
            .or(self.display.as_ref())
    }
}

/// The first designation in a language.
pub fn in_language<'a>(designations: &'a [Designation], language: &str) -> Option<&'a Text> {
    let primary = |text: &str| text.split('-').next().unwrap_or("").to_ascii_lowercase();
    let in_same = |whole: bool| {
        designations.iter().find(|designation| {
            designation.language.as_deref().is_some_and(|own| {
                if whole {
                    own.eq_ignore_ascii_case(language)
                } else {
                    primary(own) == primary(language)
                }
            })
        })
    };
    in_same(true)
        .or_else(|| in_same(false))
        .map(|designation| &designation.value)
}

fn concept(code: &str, value: &Value) -> Concept {
    let properties: Vec<Property> = value
        .items_at("property")
        .iter()
        .filter_map(property)
        .collect();
    let says = |name: &str, expected: &[&str]| {
        properties
            .iter()
            .any(|property| property.code == name && expected.contains(&property.text()))
    };
    Concept {
        code: Text::new(code),
        display: value.str_at("display").map(Text::new),
        definition: value.str_at("definition").map(Text::new),
        designations: designations(value),
        parents: Vec::new(),
        children: Vec::new(),
        inactive: says("inactive", &["true"]) || says("status", &["retired", "inactive"]),
        is_abstract: says("notSelectable", &["true"]) || says("abstract", &["true"]),
        properties,
    }
}

/// The designations of a concept, in a code system or in a value set.
pub fn designations(value: &Value) -> Vec<Designation> {
    let items = value.items_at("designation").iter();
    items
        .filter_map(|item| {
            Some(Designation {
                language: item.str_at("language").map(Text::new),
                used: item.get("use").cloned(),
                value: Text::new(item.str_at("value")?),
            })
        })
        .collect()
}

fn property(value: &Value) -> Option<Property> {
    let (member, found) = value
        .as_object()?
        .iter()
        .find(|(name, _)| name.starts_with("value"))?;
    Some(Property {
        code: Text::new(value.str_at("code")?),
        member: Text::new(member),
        value: found.clone(),
    })
}
