//! The promises, run: suites of tests against a live server.

pub mod testscript;
