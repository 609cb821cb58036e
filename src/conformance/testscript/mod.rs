//! Runs FHIR R4 TestScripts against any FHIR server over HTTP.
//!
//! Source: FHIR R4 *TestScript*, *TestReport*, *Testing FHIR*. A suite is a folder: every file in
//! it whose root is a TestScript is a script, everything else may be a fixture. A test that holds
//! something this runner does not do is skipped with the reason, never passed; so are the tests of
//! a script whose setup fails. Teardown always runs and is never counted.

mod assertion;
mod client;
mod compare;
mod content;
mod extension;
mod fixture;
mod html;
mod load;
mod message;
mod path;
mod report;
mod request;
mod result;
mod runner;
mod script;
mod session;
mod source;
mod support;
mod synthetic;
mod variables;
mod xpath;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod xpath_tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::ids::Ids;

pub use result::{Score, ScriptResult, SuiteResult, TestOutcome, TestResult};

/// What is run, and against whom.
pub struct Options {
    /// The FHIR base of the server, without a slash at the end.
    pub base: String,
    pub suite: PathBuf,
    /// Further folders in which fixtures are looked for.
    pub fixtures: Vec<PathBuf>,
    /// Sent with each request to the server, never elsewhere.
    pub headers: Vec<(String, String)>,
    /// Values of variables, over those of the scripts.
    pub variables: BTreeMap<String, String>,
    /// Whether the response code `okay` stands for any success instead of 200.
    pub okay: Okay,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

/// What the response code `okay` of an assert means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Okay {
    /// 200, as the value set *assert-response-code-types* says.
    Status200,
    /// Any of 200 to 299, as some suites use it.
    AnySuccess,
}

/// What comes from outside: definitions, time, randomness.
pub struct World<'a> {
    pub definitions: &'a Definitions,
    pub clock: &'a dyn Clock,
    pub ids: &'a dyn Ids,
}

/// Runs every script of the suite. `planned` learns how many tests there are, `done` each result.
///
/// # Errors
/// `Invalid` when the suite cannot be read or the base is no URL. What goes wrong inside a script
/// is a result, not an error.
pub fn run(
    options: &Options,
    world: &World<'_>,
    planned: impl FnOnce(usize),
    mut done: impl FnMut(&ScriptResult),
) -> Result<SuiteResult> {
    let client = client::Client::new(&options.base, &options.headers, options.timeout)?;
    let suite = load::suite(&options.suite, world.definitions)?;
    planned(suite.scripts.iter().map(|script| script.tests.len()).sum());
    let capability = client.capability(world.definitions);
    let mut variables = options.variables.clone();
    if !variables.contains_key(RUN_ID) {
        variables.insert(RUN_ID.to_owned(), world.ids.new_id()?);
    }
    let place = runner::Place {
        options,
        world,
        client: &client,
        capability: &capability,
        roots: suite.roots(&options.fixtures),
        variables,
    };
    let mut scripts = Vec::new();
    for script in &suite.scripts {
        let result = runner::run(script, &place);
        done(&result);
        scripts.push(result);
    }
    for (file, reason) in suite.unreadable {
        let result = ScriptResult::unreadable(file, reason, world.clock.now());
        done(&result);
        scripts.push(result);
    }
    Ok(SuiteResult { scripts })
}

/// A variable that scripts may declare to keep one run apart from the next.
const RUN_ID: &str = "runId";

/// The results as a collection Bundle of TestReports.
///
/// # Errors
/// `Internal` when the system gives no randomness for the ids.
pub fn report(result: &SuiteResult, base: &str, ids: &dyn Ids) -> Result<Vec<u8>> {
    report::bundle(result, base, ids)
}

/// The results as one HTML page that needs nothing else.
pub fn page(result: &SuiteResult, base: &str) -> String {
    html::page(result, base)
}
