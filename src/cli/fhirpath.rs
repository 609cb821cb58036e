//! `fascicolo fhirpath` and `fascicolo conformance fhirpath`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::clock::{Clock as _, SystemClock};
use crate::conformance::published::fhirpath::{Score, Verdict, run};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::fhirpath::{
    Environment, FhirPathError, Item, Limits, Location, evaluate_traced, parse,
};
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::terminology::{NothingStored, Terminology};
use crate::fhir::xml::{check_xhtml, from_xml};

/// What is evaluated on what.
#[derive(Args)]
pub struct Arguments {
    /// The expression
    #[arg(value_name = "EXPR")]
    expression: String,
    /// A resource as JSON or XML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Tells what an expression yields: place, type and value, one item a line.
pub fn evaluate(arguments: &Arguments) -> Result<ExitCode> {
    let definitions = std::sync::Arc::new(Definitions::r4()?);
    let terminology = Terminology::new(std::sync::Arc::clone(&definitions));
    let lookup = terminology.with(&NothingStored);
    let resource = read(&arguments.file, &definitions)?;
    let unfit =
        |error: FhirPathError| Error::of(Kind::Invalid, error.in_text(&arguments.expression));
    let expression = parse(&arguments.expression).map_err(unfit)?;
    let limits = Limits {
        steps: 100_000_000,
        items: 1_000_000,
        ..Limits::default()
    };
    let environment = Environment::new(&definitions)
        .at(SystemClock.now())
        .with_resource(&resource, &resource)
        .with_codes(&lookup)
        .with_narratives(|text| check_xhtml(text).is_ok())
        .with_limits(limits)
        .with_traces();
    let focus = Item::resource(&resource, &definitions);
    let (items, traces) = evaluate_traced(&expression, &focus, &environment).map_err(unfit)?;
    for trace in &traces {
        for item in &trace.items {
            eprintln!("{}: {}", trace.name, told(item, &resource));
        }
    }
    for item in &items {
        say(&told(item, &resource));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path, definitions: &Definitions) -> Result<Value> {
    let bytes = std::fs::read(file).map_err(|error| {
        Error::of(Kind::Invalid, format!("{} cannot be read", file.display())).because(error)
    })?;
    let xml = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    if xml {
        return from_xml(&bytes, definitions);
    }
    Ok(json::parse(&bytes, &json::Limits::default())?)
}

/// Place, type and value.
fn told(item: &Item<'_>, resource: &Value) -> String {
    let (namespace, name) = item.type_name();
    let place = item
        .node()
        .and_then(|node| Location::find(resource, node))
        .map(|place| place.expression(resource.str_at("resourceType").unwrap_or("")));
    let value = String::from_utf8_lossy(&json::to_vec(&item.to_json())).into_owned();
    match place {
        Some(place) => format!("{place}\t{namespace}.{name}\t{value}"),
        None => format!("-\t{namespace}.{name}\t{value}"),
    }
}

/// Runs published cases; fails when one does.
pub fn conformance(suite: &Path) -> Result<ExitCode> {
    let tried = run(suite, &Definitions::r4()?, SystemClock.now())?;
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for case in &tried {
        match &case.verdict {
            Verdict::Passed => {}
            Verdict::Failed(reason) => say(&format!(
                "{}: failed: {}: {}: {reason}",
                case.group, case.name, case.expression
            )),
            Verdict::Skipped(reason) => {
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, count)) => *count = count.saturating_add(1),
                    None => reasons.push((reason, 1)),
                }
            }
        }
    }
    for (reason, count) in reasons {
        say(&format!("{count} skipped: {reason}"));
    }
    let score = Score::of(&tried);
    say(&score.to_string());
    Ok(if score.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Writes a line, unless nobody reads any more.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
