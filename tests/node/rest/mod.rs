//! The FHIR R4 RESTful API.

mod bad_input;
mod binary;
mod bundle;
mod bundles;
mod capabilities;
mod capability_golden;
mod conditional;
mod crud;
mod damage;
mod docref;
mod everything;
mod examples;
mod forms;
mod history;
mod idempotency;
mod lastn;
mod matching;
mod meta;
mod negotiation;
mod official_examples;
mod patch;
mod raw_http;
mod rules;
mod search;
mod transaction;
mod xml;
