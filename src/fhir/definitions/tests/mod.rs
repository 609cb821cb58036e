//! The registry against what FHIR R4 4.0.1 says, and against HL7's own examples.

mod examples;
mod registry;
mod types;

use super::Definitions;

fn r4() -> Definitions {
    Definitions::r4().unwrap()
}
