//! `fascicolo conformance testscript`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;

use crate::clock::SystemClock;
use crate::conformance::testscript::{
    Okay, Options, ScriptResult, TestOutcome, World, page, report, run,
};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::ids::RandomIds;

/// What is run, and where the results go.
#[derive(Args)]
pub struct TestScriptArguments {
    /// Base URL of the server under test
    #[arg(long, value_name = "URL")]
    base: String,
    /// Folder with TestScripts and their fixtures, or one TestScript
    #[arg(long, value_name = "DIR")]
    suite: PathBuf,
    /// Further folder in which fixtures are looked for
    #[arg(long, value_name = "DIR")]
    fixtures: Vec<PathBuf>,
    /// Header to send with each request, such as 'Authorization: Bearer …'
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Value of a variable of the scripts
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// Take the response code `okay` for any success; the standard says it is 200
    #[arg(long)]
    okay_is_success: bool,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Write the TestReports to a file, as one Bundle
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the results to a file, as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs a suite; fails when a test or a setup does.
pub fn testscript(arguments: TestScriptArguments) -> Result<ExitCode> {
    let (definitions, ids) = (Definitions::r4()?, RandomIds::new());
    let world = World {
        definitions: &definitions,
        clock: &SystemClock,
        ids: &ids,
    };
    let options = Options {
        base: arguments.base.trim_end_matches('/').to_owned(),
        suite: arguments.suite,
        fixtures: arguments.fixtures,
        headers: arguments.header,
        variables: arguments.variable.into_iter().collect(),
        okay: if arguments.okay_is_success {
            Okay::AnySuccess
        } else {
            Okay::Status200
        },
        timeout: Duration::from_secs(arguments.timeout),
    };
    let bar = ProgressBar::new(0);
    let result = run(
        &options,
        &world,
        |tests| bar.set_length(u64::try_from(tests).unwrap_or(u64::MAX)),
        |script| {
            bar.suspend(|| tell(script));
            bar.inc(u64::try_from(script.tests.len()).unwrap_or(u64::MAX));
        },
    )?;
    bar.finish_and_clear();
    if let Some(file) = &arguments.report {
        write(file, &report(&result, &options.base, &ids)?)?;
    }
    if let Some(file) = &arguments.html {
        write(file, page(&result, &options.base).as_bytes())?;
    }
    say(&result.score().to_string());
    Ok(if result.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A line for each test that failed, and one for each reason why tests were not run.
fn tell(script: &ScriptResult) {
    let file = &script.file;
    if let Some((action, fault)) = &script.setup_failed {
        say(&format!("{file}: setup failed: {action}: {fault}"));
    }
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for test in &script.tests {
        match &test.outcome {
            TestOutcome::Passed => {}
            TestOutcome::Failed { action, fault } => {
                say(&format!("{file}: failed: {}: {action}: {fault}", test.name));
            }
            TestOutcome::Skipped(reason) => {
                let reason = match &script.setup_failed {
                    Some(_) if reason.starts_with("setup failed") => "as the setup failed",
                    _ => reason,
                };
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, count)) => *count = count.saturating_add(1),
                    None => reasons.push((reason, 1)),
                }
            }
        }
    }
    for (reason, count) in reasons {
        say(&format!("{file}: {count} skipped: {reason}"));
    }
}

/// Writes a line. Whoever has stopped reading does not stop the run: teardown is still to come.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn write(file: &PathBuf, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).map_err(|error| {
        let text = format!("{} cannot be written", file.display());
        Error::of(Kind::Invalid, text).because(error)
    })
}

fn header(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
