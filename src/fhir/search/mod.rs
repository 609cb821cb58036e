//! Search: from a resource to the values it is found by, from a URL to a query.
//!
//! Source: FHIR R4 *Search* (search.html). Driven by the loaded SearchParameters: no parameter and no
//! type is named here. Token, reference and uri parameters are compared by equality of normalised
//! values; what is not offered yet is refused, never ignored (`docs/decisions/0006`).

mod extract;
mod query;
mod values;

pub use extract::{Extracted, Extractor};
pub use query::{Handling, Query, Summary, Term, Total, parse};

/// Whether a term holds for what was extracted: the second interpreter, for what is at hand.
pub fn matches(term: &Term, id: &str, last_updated: i64, extracted: &Extracted) -> bool {
    match term {
        Term::Value { code, any_of } => extracted
            .values
            .iter()
            .any(|(found, value)| found == code && any_of.contains(value)),
        Term::Id(ids) => ids.iter().any(|wanted| wanted == id),
        Term::LastUpdated { low, high } => (*low..*high).contains(&last_updated),
    }
}
