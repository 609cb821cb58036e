//! The FHIR R4 RESTful API.

mod bundles;
mod capability_golden;
mod crud;
mod forms;
mod idempotency;
mod official_examples;
