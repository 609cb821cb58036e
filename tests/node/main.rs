//! One real server per test, spoken to over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

#[path = "../support/process.rs"]
mod process;
#[path = "../backends/raw.rs"]
mod raw;
#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod documents;
mod operating;
mod rest;
mod security;
mod suites;
