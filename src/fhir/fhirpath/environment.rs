//! What an evaluation may know besides its focus.

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

/// Definitions, variables, time and limits of an evaluation.
#[derive(Clone, Debug)]
pub struct Environment<'a> {
    pub(super) definitions: &'a Definitions,
    pub(super) now: Option<Temporal>,
    pub(super) resource: Option<Node<'a>>,
    pub(super) root_resource: Option<Node<'a>>,
    pub(super) variables: Vec<(Text, Vec<Item<'a>>)>,
    pub(super) limits: Limits,
    pub(super) as_rule: AsRule,
}

impl<'a> Environment<'a> {
    /// The rules of FHIRPath, without a clock.
    pub fn new(definitions: &'a Definitions) -> Self {
        Self {
            definitions,
            now: None,
            resource: None,
            root_resource: None,
            variables: Vec::new(),
            limits: Limits::default(),
            as_rule: AsRule::Singleton,
        }
    }

    /// The rules by which the search parameters of R4 are written.
    pub fn for_search(definitions: &'a Definitions) -> Self {
        Self {
            as_rule: AsRule::EachItem,
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
