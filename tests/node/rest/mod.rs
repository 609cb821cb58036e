//! The FHIR R4 RESTful API.

mod capability_golden;
mod crud;
mod idempotency;
