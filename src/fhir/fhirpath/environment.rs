//! What an evaluation may know besides its focus.
//!
//! Some functions of FHIR ask about what lies outside of the resource: terminology, profiles, other
//! resources. Each of these is a port, a small trait that somebody above fills. Without the port such a
//! function fails with [`Phase::Outside`](super::Phase): it is never answered by a guess.

use std::fmt;

use super::item::{Item, Node};
use super::temporal::Temporal;
use crate::clock::Instant;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::{Text, Value};

/// How far an evaluation may go. Source: `security.md` IN-16.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps of evaluation; comparing and copying text count as fractions of a step.
    pub steps: u32,
    /// Items of any one collection.
    pub items: usize,
    /// Nesting of evaluation.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 10_000,
            items: 10_000,
            depth: 64,
        }
    }
}

/// What `as` does with several items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsRule {
    /// An error, as FHIRPath says.
    Singleton,
    /// Each item by itself, as the search parameters of R4 are written:
    /// `(Observation.component.value as CodeableConcept)`.
    EachItem,
}

/// The answer of a port, or why there is none.
pub type Answer<T> = Result<T, String>;

/// What terminology says about codes: `memberOf()`, `subsumes()`, `subsumedBy()`.
pub trait Codes {
    /// The systems that a value set takes codes from.
    ///
    /// # Errors
    /// Why that is not known.
    fn systems(&self, value_set: &str) -> Answer<Vec<Text>>;

    /// Whether a value set has a code.
    ///
    /// # Errors
    /// Why that is not known.
    fn member_of(&self, value_set: &str, system: &str, code: &str) -> Answer<bool>;

    /// Whether `code` is `ancestor` or lies below it.
    ///
    /// # Errors
    /// Why that is not known.
    fn subsumes(&self, system: &str, ancestor: &str, code: &str) -> Answer<bool>;
}

/// What profiles say about elements: `conformsTo()`, `elementDefinition()`, `slice()`.
pub trait Profiles {
    /// Whether an element or resource conforms to a profile.
    ///
    /// # Errors
    /// Why that is not known, such as a profile that nobody loaded.
    fn conforms(&self, node: &Node<'_>, profile: &str) -> Answer<bool>;

    /// The ElementDefinition of an element; `None` where it has none.
    ///
    /// # Errors
    /// Why that is not known.
    fn definition_of(&self, node: &Node<'_>) -> Answer<Option<&Value>>;

    /// Whether an element belongs to a slice of a structure.
    ///
    /// # Errors
    /// Why that is not known.
    fn is_in_slice(&self, node: &Node<'_>, structure: &str, slice: &str) -> Answer<bool>;
}

/// Resources outside of the one at hand: what `resolve()` finds when neither the contained resources
/// nor the Bundle have it.
pub trait References {
    /// The resource that a literal reference leads to. Whoever fills this keeps what it found for as long
    /// as it lives itself.
    ///
    /// # Errors
    /// What keeps it from looking; a reference that leads nowhere is `None`.
    fn find(&self, reference: &str) -> Answer<Option<&Value>>;
}

/// Who answers questions about the outside.
#[derive(Clone, Copy, Default)]
pub(super) struct Ports<'a> {
    pub codes: Option<&'a dyn Codes>,
    pub profiles: Option<&'a dyn Profiles>,
    pub references: Option<&'a dyn References>,
    pub narrative: Option<fn(&str) -> bool>,
}

impl fmt::Debug for Ports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("codes", &self.codes.is_some())
            .field("profiles", &self.profiles.is_some())
            .field("references", &self.references.is_some())
            .field("narrative", &self.narrative.is_some())
            .finish()
    }
}

/// Definitions, variables, ports, time and limits of an evaluation.
#[derive(Clone)]
pub struct Environment<'a> {
    pub(super) definitions: &'a Definitions,
    pub(super) now: Option<Temporal>,
    pub(super) resource: Option<Node<'a>>,
    pub(super) root_resource: Option<Node<'a>>,
    pub(super) bundle: Option<&'a Value>,
    pub(super) ports: Ports<'a>,
    /// Whether `resolve()` gives the type of what it does not find.
    pub(super) targets: bool,
    /// Whether `trace()` keeps what it is called with.
    pub(super) tracing: bool,
    pub(super) stop: Option<&'a dyn Fn() -> bool>,
    pub(super) variables: Vec<(Text, Vec<Item<'a>>)>,
    pub(super) limits: Limits,
    pub(super) as_rule: AsRule,
}

impl fmt::Debug for Environment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("ports", &self.ports)
            .field("limits", &self.limits)
            .field("as_rule", &self.as_rule)
            .finish_non_exhaustive()
    }
}

impl<'a> Environment<'a> {
    /// The rules of FHIRPath, without a clock.
    pub fn new(definitions: &'a Definitions) -> Self {
        Self {
            definitions,
            now: None,
            resource: None,
            root_resource: None,
            bundle: None,
            ports: Ports::default(),
            targets: false,
            tracing: false,
            stop: None,
            variables: Vec::new(),
            limits: Limits::default(),
            as_rule: AsRule::Singleton,
        }
    }

    /// The rules by which the search parameters of R4 are written.
    pub fn for_search(definitions: &'a Definitions) -> Self {
        Self {
            as_rule: AsRule::EachItem,
            targets: true,
            ..Self::new(definitions)
        }
    }

    /// The moment that `now()`, `today()` and `timeOfDay()` tell.
    pub fn at(mut self, now: Instant) -> Self {
        self.now = Temporal::from_instant(now);
        self
    }

    /// `%resource` and `%rootResource`; without this, both are the focus.
    pub fn with_resource(mut self, resource: &'a Value, root: &'a Value) -> Self {
        self.resource = Some(Node::resource(resource, self.definitions));
        self.root_resource = Some(Node::resource(root, self.definitions));
        self
    }

    /// `%resource` and `%rootResource`, where they are no resource that the definitions describe.
    pub fn with_root(mut self, root: Node<'a>) -> Self {
        self.resource = Some(root);
        self.root_resource = Some(root);
        self
    }

    /// The Bundle in which `resolve()` looks, where the resource is one of its entries.
    pub fn with_bundle(mut self, bundle: &'a Value) -> Self {
        self.bundle = Some(bundle);
        self
    }

    /// A reference that leads to nothing at hand still tells the type that it names, as an
    /// [`Item::Target`]: enough for `resolve() is Patient`.
    pub fn with_targets(mut self) -> Self {
        self.targets = true;
        self
    }

    /// `trace()` keeps what it is called with, for [`evaluate_traced`](super::evaluate_traced).
    pub fn with_traces(mut self) -> Self {
        self.tracing = true;
        self
    }

    /// Asked now and then; evaluation ends with [`Phase::Limit`](super::Phase) once it says so. Steps bound
    /// the work, this bounds the time.
    pub fn with_stop(mut self, stop: &'a dyn Fn() -> bool) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Answers `memberOf()`, `subsumes()` and `subsumedBy()`.
    pub fn with_codes(mut self, codes: &'a dyn Codes) -> Self {
        self.ports.codes = Some(codes);
        self
    }

    /// Answers `conformsTo()`, `elementDefinition()` and `slice()`.
    pub fn with_profiles(mut self, profiles: &'a dyn Profiles) -> Self {
        self.ports.profiles = Some(profiles);
        self
    }

    /// Finds what `resolve()` does not find in the resource or the Bundle.
    pub fn with_references(mut self, references: &'a dyn References) -> Self {
        self.ports.references = Some(references);
        self
    }

    /// Answers `htmlChecks()`: whether the XHTML of a narrative keeps the rules of FHIR.
    pub fn with_narratives(mut self, is_safe: fn(&str) -> bool) -> Self {
        self.ports.narrative = Some(is_safe);
        self
    }

    /// A variable `%name`.
    pub fn with_variable(mut self, name: impl Into<Text>, items: Vec<Item<'a>>) -> Self {
        self.variables.push((name.into(), items));
        self
    }

    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
