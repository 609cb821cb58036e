//! The promises, run: suites of tests against a live server, and published cases against the engines.

pub mod published;
pub mod testscript;
