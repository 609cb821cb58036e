//! Where code systems, value sets and concept maps come from, and the compiled ones that are kept.
//!
//! The definitions of R4 and of the packages win over what clients stored under the same URL:
//! nobody changes by a POST what a binding of R4 means. Another version of it may be stored and asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::code_system::CodeSystem;
use super::concept_map::ConceptMap;
use super::value_set::{Include, ValueSet};
use super::{Fault, implicit};
use crate::error::{self, Error, Kind};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::model::value::{Text, Value};

/// Concepts that are kept compiled, in all.
const MOST_KEPT: usize = 500_000;
/// Value sets, code systems and maps that are kept, whatever their size.
const MOST_KEPT_DEFINITIONS: usize = 5_000;

/// Stored resources were measured when they came in: only nesting is bounded here.
const LIMITS: Limits = Limits {
    depth: 128,
    nodes: usize::MAX,
    string: usize::MAX,
};

/// Finds what clients stored.
pub trait ConceptSource {
    /// A CodeSystem, ValueSet or ConceptMap by its URL and, where one is asked for, its business version.
    ///
    /// # Errors
    /// Whatever keeps the store from answering.
    fn stored(
        &self,
        resource_type: &str,
        url: &str,
        version: Option<&str>,
    ) -> error::Result<Option<Stored>>;

    /// One of them by its logical id.
    ///
    /// # Errors
    /// Whatever keeps the store from answering.
    fn stored_as(&self, resource_type: &str, id: &str) -> error::Result<Option<Stored>>;
}

/// A resource that a client stored.
pub struct Stored {
    /// Names this very version of it, so that it is compiled once.
    pub stamp: String,
    /// JSON.
    pub text: Vec<u8>,
}

/// No store at hand.
pub struct NothingStored;

impl ConceptSource for NothingStored {
    fn stored(&self, _: &str, _: &str, _: Option<&str>) -> error::Result<Option<Stored>> {
        Ok(None)
    }

    fn stored_as(&self, _: &str, _: &str) -> error::Result<Option<Stored>> {
        Ok(None)
    }
}

/// The terminology of one edition of the definitions.
pub struct Terminology {
    definitions: Arc<Definitions>,
    kept: Mutex<Kept>,
    systems: OnceLock<Systems>,
}

/// What is known of all code systems together, once somebody asks.
struct Systems {
    /// Value sets that are all codes of a system, by the word of the code system.
    whole: HashMap<Text, Text>,
    /// The systems that hold codes.
    filled: Vec<Text>,
}

#[derive(Default)]
struct Kept {
    systems: HashMap<Text, Arc<CodeSystem>>,
    sets: HashMap<Text, Arc<ValueSet>>,
    maps: HashMap<Text, Arc<ConceptMap>>,
    weight: usize,
}

impl Kept {
    /// Forgets everything when there would be too much; what is too large by itself is not kept.
    fn admits(&mut self, weight: usize) -> bool {
        let number = self.systems.len().saturating_add(self.sets.len());
        let number = number.saturating_add(self.maps.len());
        if self.weight.saturating_add(weight) > MOST_KEPT || number >= MOST_KEPT_DEFINITIONS {
            *self = Self::default();
        }
        let admitted = weight <= MOST_KEPT;
        if admitted {
            self.weight = self.weight.saturating_add(weight);
        }
        admitted
    }
}

impl Terminology {
    pub fn new(definitions: Arc<Definitions>) -> Self {
        Self {
            definitions,
            kept: Mutex::default(),
            systems: OnceLock::new(),
        }
    }

    /// The terminology together with what clients stored.
    pub fn with<'a>(&'a self, source: &'a dyn ConceptSource) -> Lookup<'a> {
        Lookup {
            terminology: self,
            source,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        match self.kept.lock() {
            Ok(kept) => kept,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    fn systems(&self) -> &Systems {
        self.systems.get_or_init(|| {
            let mut found = Systems {
                whole: HashMap::new(),
                filled: Vec::new(),
            };
            for url in self.definitions.canonicals("CodeSystem") {
                let Some(system) = self.definitions.resolve(url) else {
                    continue;
                };
                if let Some(value_set) = system.str_at("valueSet") {
                    found.whole.insert(Text::new(value_set), Text::new(url));
                }
                if !system.items_at("concept").is_empty() {
                    found.filled.push(Text::new(url));
                }
            }
            found.filled.extend(implicit::SYSTEMS.map(Text::new));
            found.filled.sort_unstable();
            found.filled.dedup();
            found
        })
    }
}

/// Answers questions about codes.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    pub(super) terminology: &'a Terminology,
    source: &'a dyn ConceptSource,
}

/// A definition as it was found: what it is kept under, and the resource unless it is kept.
enum Located {
    Definition(Text),
    Stored(Stored),
}

impl Lookup<'_> {
    /// A code system by URL, or `url|version`.
    ///
    /// # Errors
    /// `NotLoaded` when nobody defined it; a system that is only known by name is found, and empty.
    pub fn code_system(&self, canonical: &str) -> Result<Arc<CodeSystem>, Fault> {
        let Some(located) = self.locate("CodeSystem", canonical)? else {
            let built_in = implicit::built_in(canonical);
            return built_in.ok_or_else(|| Fault::not_loaded("code system", canonical));
        };
        self.compiled_system(located)
    }

    /// A stored code system by its logical id.
    ///
    /// # Errors
    /// `NotLoaded` when there is none.
    pub fn code_system_by_id(&self, id: &str) -> Result<Arc<CodeSystem>, Fault> {
        self.compiled_system(self.by_id("CodeSystem", "code system", id)?)
    }

    fn compiled_system(&self, located: Located) -> Result<Arc<CodeSystem>, Fault> {
        let key = located.key();
        if let Some(system) = self.terminology.kept().systems.get(&key) {
            return Ok(Arc::clone(system));
        }
        let system = Arc::new(CodeSystem::compile(&self.load(located)?)?);
        let mut kept = self.terminology.kept();
        if kept.admits(system.concepts.len()) {
            kept.systems.insert(key, Arc::clone(&system));
        }
        Ok(system)
    }

    /// A code system in a version, where one is asked for.
    pub fn code_system_of(
        &self,
        url: &str,
        version: Option<&str>,
    ) -> Result<Arc<CodeSystem>, Fault> {
        match version {
            Some(version) => self.code_system(&format!("{url}|{version}")),
            None => self.code_system(url),
        }
    }

    /// A value set by URL, or `url|version`; also those that no resource defines.
    ///
    /// # Errors
    /// `NotLoaded` when nobody defined it.
    pub fn value_set(&self, canonical: &str) -> Result<Arc<ValueSet>, Fault> {
        let Some(located) = self.locate("ValueSet", canonical)? else {
            if let Some(include) = implicit::value_set(canonical) {
                return Ok(Arc::new(ValueSet::of(canonical, include)));
            }
            let url = canonical.split('|').next().unwrap_or(canonical);
            let system = self.terminology.systems().whole.get(url);
            return system
                .map(|system| Arc::new(ValueSet::of_system(url, system)))
                .ok_or_else(|| Fault::not_loaded("value set", canonical));
        };
        self.compiled_set(located)
    }

    /// A stored value set by its logical id.
    ///
    /// # Errors
    /// `NotLoaded` when there is none.
    pub fn value_set_by_id(&self, id: &str) -> Result<Arc<ValueSet>, Fault> {
        self.compiled_set(self.by_id("ValueSet", "value set", id)?)
    }

    fn compiled_set(&self, located: Located) -> Result<Arc<ValueSet>, Fault> {
        let key = located.key();
        if let Some(set) = self.terminology.kept().sets.get(&key) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(ValueSet::compile(self.load(located)?)?);
        let mut kept = self.terminology.kept();
        if kept.admits(set.weight()) {
            kept.sets.insert(key, Arc::clone(&set));
        }
        Ok(set)
    }

    /// A concept map by URL, or `url|version`.
    ///
    /// # Errors
    /// `NotLoaded` when nobody defined it.
    pub fn concept_map(&self, canonical: &str) -> Result<Arc<ConceptMap>, Fault> {
        let located = self
            .locate("ConceptMap", canonical)?
            .ok_or_else(|| Fault::not_loaded("concept map", canonical))?;
        self.compiled_map(located)
    }

    /// A stored concept map by its logical id.
    ///
    /// # Errors
    /// `NotLoaded` when there is none.
    pub fn concept_map_by_id(&self, id: &str) -> Result<Arc<ConceptMap>, Fault> {
        self.compiled_map(self.by_id("ConceptMap", "concept map", id)?)
    }

    fn compiled_map(&self, located: Located) -> Result<Arc<ConceptMap>, Fault> {
        let key = located.key();
        if let Some(map) = self.terminology.kept().maps.get(&key) {
            return Ok(Arc::clone(map));
        }
        let map = Arc::new(ConceptMap::compile(&self.load(located)?));
        let mut kept = self.terminology.kept();
        if kept.admits(map.weight()) {
            kept.maps.insert(key, Arc::clone(&map));
        }
        Ok(map)
    }

    fn by_id(&self, resource_type: &str, what: &'static str, id: &str) -> Result<Located, Fault> {
        let stored = self.source.stored_as(resource_type, id);
        let stored = stored.map_err(Fault::Store)?;
        let name = || Fault::not_loaded(what, &format!("{resource_type}/{id}"));
        stored.map(Located::Stored).ok_or_else(name)
    }

    /// The code systems that the server was started with and holds codes of, and those that follow a grammar.
    pub fn code_systems(&self) -> impl Iterator<Item = &Text> {
        self.terminology.systems().filled.iter()
    }

    fn locate(&self, resource_type: &str, canonical: &str) -> Result<Option<Located>, Fault> {
        if canonical.is_empty() {
            return Ok(None);
        }
        let definitions = &self.terminology.definitions;
        if definitions.resource_type_of(canonical) == Some(resource_type) {
            return Ok(Some(Located::Definition(Text::new(canonical))));
        }
        let (url, version) = match canonical.rsplit_once('|') {
            Some((url, version)) if !version.is_empty() => (url, Some(version)),
            _ => (canonical, None),
        };
        let stored = self.source.stored(resource_type, url, version);
        Ok(stored.map_err(Fault::Store)?.map(Located::Stored))
    }

    fn load(&self, located: Located) -> Result<Value, Fault> {
        match located {
            Located::Definition(canonical) => self
                .terminology
                .definitions
                .resolve(&canonical)
                .ok_or_else(|| Fault::Store(Error::internal("a definition that cannot be read"))),
            Located::Stored(stored) => json::parse(&stored.text, &LIMITS).map_err(|_| {
                Fault::Store(Error::of(
                    Kind::Internal,
                    "a stored resource that cannot be read",
                ))
            }),
        }
    }
}

impl Located {
    /// What the compiled form is kept under. A stamp begins with what no canonical does.
    fn key(&self) -> Text {
        match self {
            Located::Definition(canonical) => canonical.clone(),
            Located::Stored(stored) => Text::from(format!(" {}", stored.stamp)),
        }
    }
}

impl Include {
    /// Codes of a system for which a filter holds.
    pub(super) fn filtered(system: &str, filter: super::filter::Filter) -> Self {
        Self {
            system: Some(Text::new(system)),
            filters: vec![filter],
            ..Self::default()
        }
    }
}
