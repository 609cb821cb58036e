//! `fascicolo conformance validator`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::ProgressBar;

use crate::conformance::published::validator::{CaseResult, Options, Outcome, run};
use crate::error::Result;

/// What is run.
#[derive(Args)]
pub struct ValidatorArguments {
    /// Folder with manifest.json and files/
    #[arg(long, value_name = "DIR")]
    suite: PathBuf,
    /// Only the case of this name
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// List for each case that failed which errors are missing (-) and which are surplus (+)
    #[arg(long)]
    list: bool,
}

/// Runs the cases; fails when one of them does.
pub fn validator(arguments: ValidatorArguments) -> Result<ExitCode> {
    let options = Options {
        suite: arguments.suite,
        only: arguments.cases,
    };
    let bar = ProgressBar::new(0);
    let result = run(
        &options,
        |cases| bar.set_length(u64::try_from(cases).unwrap_or(u64::MAX)),
        |case| {
            bar.suspend(|| tell(case, arguments.list));
            bar.inc(1);
        },
    )?;
    bar.finish_and_clear();
    let score = result.score();
    say(&score.verdicts());
    say(&score.to_string());
    Ok(if score.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A line for a case that failed, and where wanted one for each difference.
fn tell(case: &CaseResult, list: bool) {
    let name = &case.name;
    match &case.outcome {
        Outcome::Passed(_) | Outcome::Skipped(_) => {}
        Outcome::Unreadable(reason) => say(&format!("{name}: {reason}")),
        Outcome::Failed(found) => {
            say(&format!(
                "{name}: expected {} errors, found {}",
                found.expected, found.found
            ));
            if list {
                let parts = [
                    ("!", &found.notes),
                    ("-", &found.missing),
                    ("+", &found.surplus),
                ];
                for (mark, lines) in parts {
                    for line in lines {
                        say(&format!("    {mark} {line}"));
                    }
                }
            }
        }
    }
}

/// Writes a line; whoever has stopped reading does not stop the run.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
