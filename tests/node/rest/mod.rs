//! The FHIR R4 RESTful API.

mod bad_input;
mod bundles;
mod capability_golden;
mod crud;
mod forms;
mod idempotency;
mod official_examples;
mod raw_http;
mod rules;
