//! The FHIR R4 standard as pure functions: no I/O, no clock, no Italy.

pub mod definitions;
pub mod fhirpath;
pub mod model;
pub mod patch;
pub mod search;
pub mod terminology;
pub mod ucum;
pub mod validation;
pub mod xml;
