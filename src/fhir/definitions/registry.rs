//! Everything that is defined, opened in milliseconds and read on demand.
//!
//! The definitions of FHIR R4 4.0.1 are embedded as `fhir-profiles/r4.ndjson.zst`: decompressed
//! once per process, indexed per registry, parsed only where somebody asks. Added packages lie over
//! them: of one URL the latest definition wins. Types and the compartments are HL7's alone.
//!
//! Source: FHIR R4 *Conformance Module*, *Managing Resource Identity* (canonical URLs).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use super::abbreviation::{COMMON_SOURCES, CommonConstraints, restore};
use super::compartment::Compartment;
use super::compile::compile;
use super::library::{Key, Library, Place};
use super::schema::{TypeKind, TypeSchema};
use super::search_parameter::SearchParameter;
use crate::error::{Error, Issue, Result};
use crate::fhir::model::value::{Text, Value};

const EMBEDDED: &[u8] = include_bytes!("../../../fhir-profiles/r4.ndjson.zst");
/// The embedded file is about 7 MB of text; a damaged header must not ask for more than this.
const EMBEDDED_LIMIT: u64 = 64 << 20;
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The registry. Shared as `Arc<Definitions>`; every look-up takes `&self`.
#[derive(Debug, Default)]
pub struct Definitions {
    library: Library,
    types: HashMap<Text, Type>,
    resource_types: Vec<Text>,
    /// By resource type, abstract ones included: code → number in `parameters`.
    parameter_codes: HashMap<Text, BTreeMap<Text, usize>>,
    parameters: Vec<Parameter>,
    /// Parameters of concrete types, with those of their ancestors.
    parameter_lists: HashMap<Text, OnceLock<Vec<Arc<SearchParameter>>>>,
    compartment_places: Vec<Place>,
    compartments: OnceLock<Vec<Compartment>>,
    common_constraints: OnceLock<CommonConstraints>,
}

#[derive(Debug)]
struct Type {
    place: Place,
    kind: TypeKind,
    base: Text,
    schema: OnceLock<Option<TypeSchema>>,
}

#[derive(Debug)]
struct Parameter {
    place: Place,
    url: Text,
    parsed: OnceLock<Option<Arc<SearchParameter>>>,
}

impl Definitions {
    /// The definitions of FHIR R4 4.0.1.
    ///
    /// # Errors
    /// `Internal` when the embedded file cannot be read.
    pub fn r4() -> Result<Self> {
        let mut definitions = Self::default();
        definitions.add_r4()?;
        definitions.finish();
        Ok(definitions)
    }

    /// R4 and, over it, the resources of packages as JSON texts, in the order of their force. What
    /// cannot be used becomes an issue and is left out.
    ///
    /// # Errors
    /// `Internal` when the embedded file cannot be read.
    pub fn with(packages: impl IntoIterator<Item = Vec<Vec<u8>>>) -> Result<(Self, Vec<Issue>)> {
        let mut definitions = Self::default();
        definitions.add_r4()?;
        let mut issues = Vec::new();
        for resource in packages.into_iter().flatten() {
            definitions.add_resource(resource, &mut issues);
        }
        definitions.finish();
        Ok((definitions, issues))
    }

    /// The shape of a type: resource, complex or primitive. Compiled once, when first asked for.
    pub fn schema(&self, type_name: &str) -> Option<&TypeSchema> {
        let found = self.types.get(type_name)?;
        found
            .schema
            .get_or_init(|| {
                let definition = self.library.parse(found.place).ok()?;
                compile(&definition, &|name| self.kind(name)).ok()
            })
            .as_ref()
    }

    /// Whether instances of the type exist. `Resource` and `DomainResource` have none.
    pub fn is_resource_type(&self, name: &str) -> bool {
        self.parameter_lists.contains_key(name)
    }

    /// Whether it is a type that resources of other types are: `Resource`, `DomainResource`.
    pub fn is_abstract_resource(&self, name: &str) -> bool {
        self.kind(name) == Some(TypeKind::Resource) && !self.is_resource_type(name)
    }

    /// Whether a resource type is one of some types, or one of their descendants.
    pub fn is_below(&self, resource_type: &str, types: &[Text]) -> bool {
        self.ancestry(resource_type)
            .any(|name| types.iter().any(|other| other == name))
    }

    /// A type and what it descends from. Resource types stand two steps below `Resource`; a cycle in the
    /// definitions ends too.
    fn ancestry<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let base = |name: &&'a str| self.types.get(*name).map(|found| found.base.as_str());
        std::iter::successors(Some(name), base).take(8)
    }

    /// The concrete resource types, sorted.
    pub fn resource_types(&self) -> &[Text] {
        &self.resource_types
    }

    /// The parameters of a type, with those of `Resource` and `DomainResource`, sorted by code.
    pub fn search_parameters(&self, resource_type: &str) -> &[Arc<SearchParameter>] {
        let Some(list) = self.parameter_lists.get(resource_type) else {
            return &[];
        };
        list.get_or_init(|| self.parameters_of(resource_type))
    }

    /// One parameter of a type by the code used in a URL.
    pub fn search_parameter(
        &self,
        resource_type: &str,
        code: &str,
    ) -> Option<&Arc<SearchParameter>> {
        let list = self.search_parameters(resource_type);
        let position = list
            .binary_search_by(|parameter| parameter.code.as_str().cmp(code))
            .ok()?;
        list.get(position)
    }

    /// A compartment by the type in its middle: `Patient`, `Encounter`.
    pub fn compartment(&self, name: &str) -> Option<&Compartment> {
        let compartments = self.compartments.get_or_init(|| {
            self.compartment_places
                .iter()
                .filter_map(|place| Compartment::from_definition(&self.library.parse(*place).ok()?))
                .collect()
        });
        compartments
            .iter()
            .find(|compartment| compartment.code == name)
    }

    /// Any definition by `url` (the latest) or `url|version`, parsed anew at each call.
    pub fn resolve(&self, canonical: &str) -> Option<Value> {
        let place = self.library.find(canonical)?;
        let mut definition = self.library.parse(place).ok()?;
        if definition.str_at("resourceType") == Some("StructureDefinition") {
            restore(&mut definition, self.common_constraints());
        } else {
            restore(&mut definition, &CommonConstraints::default());
        }
        Some(definition)
    }

    /// The type of the resource that [`Definitions::resolve`] finds.
    pub fn resource_type_of(&self, canonical: &str) -> Option<&str> {
        self.library.resource_type(self.library.find(canonical)?)
    }

    /// URLs of all definitions of one kind: `ValueSet`, `OperationDefinition`.
    pub fn canonicals(&self, resource_type: &str) -> impl Iterator<Item = &str> {
        self.library.canonicals(resource_type)
    }

    fn kind(&self, type_name: &str) -> Option<TypeKind> {
        self.types.get(type_name).map(|found| found.kind)
    }

    fn common_constraints(&self) -> &CommonConstraints {
        self.common_constraints.get_or_init(|| {
            // By place and not by URL: a package may bring a definition of the same URL.
            let definitions: Vec<Value> = COMMON_SOURCES
                .iter()
                .filter_map(|url| self.types.get(url.strip_prefix(CORE)?))
                .filter_map(|found| self.library.parse(found.place).ok())
                .collect();
            CommonConstraints::from_definitions(&definitions)
        })
    }

    fn add_r4(&mut self) -> Result<()> {
        let mut library = std::mem::take(&mut self.library);
        library.add_lines(embedded_text()?, |place, key| {
            self.index_type(place, key);
            // Clashes within R4 itself cannot be: a test looks for them.
            self.index_parameter(place, key);
            if key.resource_type == "CompartmentDefinition" {
                self.compartment_places.push(place);
            }
        });
        self.library = library;
        Ok(())
    }

    fn add_resource(&mut self, resource: Vec<u8>, issues: &mut Vec<Issue>) {
        let mut library = std::mem::take(&mut self.library);
        let added = library.add_resource(resource, |place, key| {
            issues.extend(self.index_parameter(place, key));
        });
        issues.extend(added.err());
        self.library = library;
    }

    fn index_type(&mut self, place: Place, key: &Key<'_>) {
        if key.resource_type != "StructureDefinition" || key.derivation == "constraint" {
            return;
        }
        let kind = match key.kind {
            "resource" => TypeKind::Resource,
            "complex-type" => TypeKind::Complex,
            "primitive-type" => TypeKind::Primitive,
            _ => return,
        };
        let name = Text::new(key.type_name);
        if kind == TypeKind::Resource && !key.is_abstract {
            self.parameter_lists.insert(name.clone(), OnceLock::new());
        }
        let base = key.base_definition.strip_prefix(CORE).unwrap_or_default();
        let found = Type {
            place,
            kind,
            base: Text::new(base),
            schema: OnceLock::new(),
        };
        self.types.insert(name, found);
    }

    fn index_parameter(&mut self, place: Place, key: &Key<'_>) -> Option<Issue> {
        if key.resource_type != "SearchParameter" || key.code.is_empty() {
            return None;
        }
        let number = self.parameters.len();
        let mut refused = Vec::new();
        for base in &key.base {
            let codes = self.parameter_codes.entry(Text::new(base)).or_default();
            let taken = codes
                .get(key.code)
                .and_then(|number| self.parameters.get(*number));
            // The same parameter in a newer version replaces the older; another one does not.
            if taken.is_some_and(|taken| taken.url != key.url) {
                refused.push(*base);
            } else {
                codes.insert(Text::new(key.code), number);
            }
        }
        self.parameters.push(Parameter {
            place,
            url: Text::new(key.url),
            parsed: OnceLock::new(),
        });
        (!refused.is_empty()).then(|| {
            let what = format!(
                "expected a search parameter with a new code, found '{}' of {} already defined for {}",
                key.code,
                key.url,
                refused.join(", ")
            );
            Issue::warning("duplicate", what)
        })
    }

    fn finish(&mut self) {
        self.resource_types = self.parameter_lists.keys().cloned().collect();
        self.resource_types.sort_unstable();
    }

    fn parameters_of(&self, resource_type: &str) -> Vec<Arc<SearchParameter>> {
        let mut by_code: BTreeMap<&Text, usize> = BTreeMap::new();
        for name in self.ancestry(resource_type) {
            for (code, number) in self.parameter_codes.get(name).into_iter().flatten() {
                by_code.entry(code).or_insert(*number);
            }
        }
        by_code
            .into_values()
            .filter_map(|number| self.parameter(number))
            .collect()
    }

    fn parameter(&self, number: usize) -> Option<Arc<SearchParameter>> {
        let parameter = self.parameters.get(number)?;
        parameter
            .parsed
            .get_or_init(|| {
                let definition = self.library.parse(parameter.place).ok()?;
                SearchParameter::from_definition(&definition).map(Arc::new)
            })
            .clone()
    }
}

/// The embedded definitions as text, decompressed when first asked for and then kept.
fn embedded_text() -> Result<&'static str> {
    static TEXT: OnceLock<Option<String>> = OnceLock::new();
    TEXT.get_or_init(|| {
        let size = zstd::zstd_safe::get_frame_content_size(EMBEDDED).ok()??;
        let size = usize::try_from(size.min(EMBEDDED_LIMIT)).ok()?;
        String::from_utf8(zstd::bulk::decompress(EMBEDDED, size).ok()?).ok()
    })
    .as_deref()
    .ok_or_else(|| Error::internal("the embedded definitions of FHIR R4 cannot be read"))
}
