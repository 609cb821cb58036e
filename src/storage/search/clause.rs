//! What must hold of a resource, in the numbers of the database.

use super::super::index_rows::{IndexRows, RangeRow, StringRow};
use super::selection::Selection;
use crate::clock::Instant;
use crate::fhir::search::{AXIS, Near, PLANE, SHORTEST_CUT};

/// A condition on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// All of them hold; an empty list holds always.
    All(Vec<Clause>),
    /// One of them holds; an empty list never holds.
    Any(Vec<Clause>),
    Not(Box<Clause>),
    /// A parameter has one of these values.
    Value {
        param: i64,
        any_of: Vec<i64>,
    },
    /// A parameter has a text like this.
    Text {
        param: i64,
        like: Like,
    },
    /// A parameter has an interval like this.
    Range(Range),
    /// The position of a parameter is within a distance of a place.
    Near {
        param: i64,
        near: Near,
    },
    /// Something was found for the parameter.
    Present {
        param: i64,
    },
    /// The logical id is one of these.
    Id {
        type_id: i64,
        any_of: Vec<String>,
    },
    /// Last changed within `[low, high)`, microseconds.
    LastUpdated {
        type_id: i64,
        low: Instant,
        high: Instant,
    },
    /// A reference leads to one of these resources.
    Chain {
        param: i64,
        targets: Vec<Selection>,
    },
    /// A reference leads to one of these resources, by the hashes of `index_resource.link`: a chain
    /// whose targets are known.
    Refers {
        param: i64,
        links: Vec<i64>,
    },
    /// One of these resources refers to this one by the parameter.
    Has {
        /// Of the resource that is referred to.
        type_id: i64,
        param: i64,
        sources: Box<Selection>,
    },
}

/// How texts are compared; all texts are folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Like {
    StartsWith(String),
    Contains(String),
    /// Of a text that was cut the end is not known.
    EndsWith(String),
    Is(String),
    IsNot(String),
    /// Not before the first, and before the second, by code point.
    Between(Option<String>, Option<String>),
    /// The folded text, and the hash of the text as it was written.
    Exact(String, i64),
}

/// Bounds on both ends of a closed interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub param: i64,
    /// Whether the earliest low end of this parameter is the date that resources are ordered by.
    pub clinical: bool,
    /// The classes that are asked, each with the greatest length of its intervals.
    pub classes: Vec<(i64, i64)>,
    pub low: (i64, i64),
    pub high: (i64, i64),
}

impl Range {
    /// The bounds on `low` within a class: what is known of `high` bounds it too, so that the
    /// index, which is ordered by `low`, is entered at the right place.
    pub(super) fn low_in(&self, length: i64) -> (i64, i64) {
        let least = match length {
            // As long as may be: it can begin at any time.
            i64::MAX => i64::MIN,
            _ => self.high.0.saturating_sub(length),
        };
        (self.low.0.max(least), self.low.1.min(self.high.1))
    }

    fn holds(&self, row: &RangeRow) -> bool {
        row.param == self.param
            && self.classes.iter().any(|(class, _)| *class == row.class)
            && (self.low.0..=self.low.1).contains(&row.low)
            && (self.high.0..=self.high.1).contains(&row.high)
    }
}

impl Like {
    fn holds(&self, row: &StringRow) -> bool {
        let value = row.value.as_str();
        match self {
            Like::StartsWith(text) => value.starts_with(text.as_str()),
            Like::Contains(text) => value.contains(text.as_str()),
            Like::EndsWith(text) => value.ends_with(text.as_str()) && value.len() < SHORTEST_CUT,
            Like::Is(text) => value == text,
            Like::IsNot(text) => value != text,
            Like::Between(low, high) => {
                low.as_deref().is_none_or(|low| low <= value)
                    && high.as_deref().is_none_or(|high| value < high)
            }
            Like::Exact(text, exact) => value == text && row.exact == *exact,
        }
    }
}

impl Clause {
    /// Whether other resources decide, through references of this one.
    pub(super) fn has_chain(&self) -> bool {
        match self {
            Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().any(Clause::has_chain),
            Clause::Not(clause) => clause.has_chain(),
            Clause::Has { sources, .. } => sources.clause().has_chain(),
            Clause::Chain { .. } => true,
            _ => false,
        }
    }

    /// The parameter and the values, for a clause whose rows are in order for each value.
    pub(super) fn walkable(&self) -> Option<(i64, &[i64])> {
        match self {
            Clause::Value {
                param,
                any_of: values,
            }
            | Clause::Refers {
                param,
                links: values,
            } => Some((*param, values)),
            _ => None,
        }
    }

    /// What never holds.
    pub fn nothing() -> Self {
        Clause::Any(Vec::new())
    }

    /// Whether a resource with these index rows satisfies the clause: the second interpreter,
    /// for rows that are at hand. What depends on other resources does not hold here.
    pub fn matches(&self, id: &str, last_updated: Instant, rows: &IndexRows) -> bool {
        match self {
            Clause::All(clauses) => clauses.iter().all(|c| c.matches(id, last_updated, rows)),
            Clause::Any(clauses) => clauses.iter().any(|c| c.matches(id, last_updated, rows)),
            Clause::Not(clause) => !clause.matches(id, last_updated, rows),
            Clause::Value { param, any_of } => {
                any_of.iter().any(|value| rows.contains(*param, *value))
            }
            Clause::Text { param, like } => rows
                .strings()
                .iter()
                .filter(|row| row.param == *param)
                .any(|row| like.holds(row)),
            Clause::Range(range) => rows.ranges().iter().any(|row| range.holds(row)),
            Clause::Near { param, near } => is_near(rows, *param, near),
            Clause::Present { param } => rows.has(*param),
            Clause::Id { any_of, .. } => any_of.iter().any(|wanted| wanted == id),
            Clause::LastUpdated { low, high, .. } => (*low..*high).contains(&last_updated),
            Clause::Chain { .. } | Clause::Has { .. } => false,
            Clause::Refers { param, links } => {
                links.iter().any(|link| rows.contains(*param, *link))
            }
        }
    }
}

fn is_near(rows: &IndexRows, param: i64, near: &Near) -> bool {
    let row = |class| {
        let mut rows = rows.ranges().iter();
        rows.find(|row| row.param == param && row.class == class)
    };
    let (Some(plane), Some(axis)) = (row(PLANE), row(AXIS)) else {
        return false;
    };
    let place = [plane.low, plane.high, axis.low];
    let square = |(a, b): (&i64, i64)| {
        let distance = a.saturating_sub(b);
        distance.saturating_mul(distance)
    };
    let squares = near.at.iter().zip(place).map(square);
    squares.fold(0i64, i64::saturating_add) <= near.square
}
