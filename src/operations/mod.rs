//! Operations that answer from what is stored, one file each: parameters in, a Bundle out.
//!
//! Source: FHIR R4 operations.html. They find by the same plans as a search does
//! (`interactions/search`), within the same bounds.

mod docref;
mod fhirpath;
mod lastn;
mod matching;
mod parameters;
mod person;

pub use docref::docref;
pub use fhirpath::fhirpath;
pub use lastn::lastn;
pub use matching::{MatchRequest, find_match};
pub use parameters::parameters;

use crate::error::{Error, Kind};

/// 400: a parameter that the operation has not.
fn unknown_parameter(operation: &str, allowed: &str, name: &str) -> Error {
    let shown: String = name.chars().take(40).collect();
    Error::new(
        Kind::Invalid,
        "not-supported",
        format!("expected {allowed} as parameters of {operation}, found ‘{shown}’"),
    )
}

/// 400: a parameter whose value means nothing.
fn bad_value(name: &str, expected: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        format!("expected {expected} as {name}, found another value"),
    )
}
