//! The FHIR R4 RESTful API.

mod crud;
mod idempotency;
