//! Search: from a resource to the values it is found by, from a URL to a query.
//!
//! Source: FHIR R4 *Search* (search.html). Driven by the loaded SearchParameters: no parameter and no
//! type is named here. What is not offered yet is refused, never ignored (`docs/decisions/0006`).

mod caseless;
mod composite;
mod concepts;
mod criteria;
mod extract;
mod extracted;
mod filter;
mod implied;
mod interval;
mod joint;
mod near;
mod operand;
mod plan;
mod query;
mod restriction;
mod result;
mod single;
mod sorted;
mod text;
mod untyped;
mod values;

pub use extract::{Extractor, Form};
pub use extracted::Extracted;
pub use interval::{AXIS, Class, FoundInterval, PLANE, covered, times};
pub use joint::jointly;
pub use near::Near;
pub use operand::in_query;
pub use plan::{Bounds, Plan, TextLike};
pub use query::{Handling, Query, Vocabulary, parse};
pub use restriction::{Local, Restriction, Restrictions};
pub use result::{DATE, Include, Sort, SortBy, Summary, Total};
pub use single::met;
pub use sorted::sorted_by;
pub use text::{FoundText, SHORTEST_CUT, fold, text_code};
pub use values::coded as token;
