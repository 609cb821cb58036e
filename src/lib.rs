//! `fascicolo`: an HL7 FHIR R4 server for Italy's *Fascicolo Sanitario Elettronico* 2.0.
//!
//! The rooms and the arrows between them are described in `docs/architecture.md`;
//! `tests/house_rules.rs` holds the code to that page.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

pub mod app;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conformance;
pub mod context;
pub mod documents;
pub mod error;
pub mod fhir;
pub mod fse;
pub mod http;
pub mod ids;
pub mod interactions;
pub mod jobs;
pub mod monitoring;
pub mod operations;
pub mod packages;
pub mod sandbox;
pub mod storage;
