//! What must hold of a resource, in the names of the definitions.
//!
//! A plan speaks of resources of one type, which its context gives; `Chain` and `Has` lead to other
//! types. Names become numbers in `interactions::node`, and SQL in `storage::search`.

use super::interval::Class;
use super::near::Near;
use crate::fhir::model::value::Text;

/// A condition on a resource of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// All of them hold.
    All(Vec<Plan>),
    /// One of them holds.
    Any(Vec<Plan>),
    Not(Box<Plan>),
    /// The parameter has one of these normalised values.
    Value {
        code: Text,
        any_of: Vec<String>,
    },
    /// The parameter has a text like this.
    Text {
        code: Text,
        like: TextLike,
    },
    /// The parameter has an interval like this.
    Interval {
        code: Text,
        bounds: Bounds,
    },
    /// The position of the parameter is within a distance of a place.
    Near {
        code: Text,
        near: Near,
    },
    /// Something was found for the parameter.
    Present {
        code: Text,
    },
    /// The logical id is one of these.
    Id(Vec<String>),
    /// Last changed within `[low, high)`, microseconds.
    LastUpdated {
        low: i64,
        high: i64,
    },
    /// A reference of the parameter leads to a resource of one of these types for which its plan holds.
    Chain {
        code: Text,
        targets: Vec<(Text, Plan)>,
    },
    /// A resource of the type `source`, for which the plan holds, refers here by its parameter.
    Has {
        source: Text,
        code: Text,
        plan: Box<Plan>,
    },
}

/// How a text is compared; the texts are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextLike {
    StartsWith(String),
    Contains(String),
    EndsWith(String),
    /// The whole text.
    Is(String),
    IsNot(String),
    /// Not before the first, and before the second.
    Between(Option<String>, Option<String>),
    /// Folded, and as it was written.
    Exact(String, String),
}

/// Where both ends of a closed interval lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub classes: Vec<Class>,
    pub low: (i64, i64),
    pub high: (i64, i64),
}

impl Plan {
    /// One of several, or the only one.
    pub fn any(mut plans: Vec<Plan>) -> Self {
        if plans.len() == 1 {
            plans.remove(0)
        } else {
            Plan::Any(plans)
        }
    }

    /// Whether it can be decided by the resource alone.
    pub fn is_local(&self) -> bool {
        match self {
            Plan::All(plans) | Plan::Any(plans) => plans.iter().all(Plan::is_local),
            Plan::Not(plan) => plan.is_local(),
            Plan::Chain { .. } | Plan::Has { .. } => false,
            _ => true,
        }
    }

    /// The codes of the parameters of the type itself that it asks about.
    pub fn codes(&self) -> Vec<&Text> {
        match self {
            Plan::All(plans) | Plan::Any(plans) => plans.iter().flat_map(Plan::codes).collect(),
            Plan::Not(plan) => plan.codes(),
            Plan::Id(_) | Plan::LastUpdated { .. } | Plan::Has { .. } => Vec::new(),
            Plan::Value { code, .. }
            | Plan::Text { code, .. }
            | Plan::Interval { code, .. }
            | Plan::Near { code, .. }
            | Plan::Present { code }
            | Plan::Chain { code, .. } => vec![code],
        }
    }

    /// Whether it asks for a part of a text that is too short to bound a search.
    pub fn is_loose(&self) -> bool {
        match self {
            Plan::All(plans) => !plans.is_empty() && plans.iter().all(Plan::is_loose),
            Plan::Any(plans) => plans.iter().any(Plan::is_loose),
            Plan::Text {
                like: TextLike::Contains(text) | TextLike::EndsWith(text),
                ..
            } => text.chars().count() < 3,
            _ => false,
        }
    }
}
