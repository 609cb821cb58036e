//! Resource and profiles in, findings out; never an error.
//!
//! Source: FHIR R4 *Validating Resources*, *Profiling FHIR*. [`Validator::validate`] looks at the shape first
//! ([`shape`]), then at what the definitions of the types and the profiles ask. Profiles are compiled when
//! first used and shared by all threads. What lies outside of the resource comes through the ports of a
//! [`Request`]; what cannot be looked at is told as a finding, never passed over.

mod finding;
mod request;
mod rules;
pub mod shape;
mod validator;

pub use finding::{Finding, Findings, Language};
pub use request::{Extensions, Request, Settings};
pub use rules::Rule;
pub use validator::Validator;
