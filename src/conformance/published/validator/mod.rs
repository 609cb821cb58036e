//! HL7's cases for validators (FHIR/fhir-test-cases), against the validator of this house.
//!
//! A case is a resource, the conformance resources to load first and what the reference validator
//! finds. It passes when as many errors are found as there. Cases whose errors need a terminology
//! server, another version of FHIR or a feature outside of R4 are skipped with that reason.

mod case;
mod judge;
mod result;

use std::path::PathBuf;

use crate::error::Result;

pub use result::{CaseResult, Outcome, SuiteResult};

/// What is run.
pub struct Options {
    /// The folder with `manifest.json` and `files/`.
    pub suite: PathBuf,
    /// Cases by name; all where there is none.
    pub only: Vec<String>,
}

/// Runs the cases of a suite. `planned` learns how many there are, `done` each result.
///
/// # Errors
/// `Invalid` when the manifest cannot be read or a case that is named is not there. What goes wrong
/// in a case is a result.
pub fn run(
    options: &Options,
    planned: impl FnOnce(usize),
    mut done: impl FnMut(&CaseResult),
) -> Result<SuiteResult> {
    let cases = case::read(&options.suite, &options.only)?;
    planned(cases.len());
    let mut judge = judge::Judge::new(options.suite.join("files"))?;
    let mut results = Vec::with_capacity(cases.len());
    for case in cases {
        let outcome = match case.left_out() {
            Some(reason) => Outcome::Skipped(reason),
            None => match judge.findings(&case) {
                Ok((findings, notes)) => Outcome::compare(&case.expected, findings, notes),
                Err(error) => Outcome::Unreadable(error.to_string()),
            },
        };
        let result = CaseResult {
            name: case.name,
            outcome,
        };
        done(&result);
        results.push(result);
    }
    Ok(SuiteResult { cases: results })
}
