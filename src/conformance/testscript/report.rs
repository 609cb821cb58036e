//! The results as TestReports.
//!
//! Source: FHIR R4 *TestReport*. One report per script, all in one collection Bundle. The result
//! of a report is `pending` when none of its tests was run.

use super::result::{ActionKind, ActionResult, Outcome, ScriptResult, SuiteResult, TestOutcome};
use crate::error::Result;
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::date::format_instant;
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Text, Value};
use crate::ids::Ids;

/// Writes the Bundle.
pub fn bundle(result: &SuiteResult, base: &str, ids: &dyn Ids) -> Result<Vec<u8>> {
    let mut writer = BundleWriter::new("collection");
    for script in &result.scripts {
        let id = ids.new_id()?;
        let resource = json::to_vec(&report(script, &id, base));
        let mut entry = writer.entry();
        entry
            .text("fullUrl", &format!("urn:uuid:{id}"))
            .raw("resource", &resource);
        entry.end();
    }
    Ok(writer.finish())
}

fn report(script: &ScriptResult, id: &str, base: &str) -> Value {
    let score = script.score();
    let run = score.passed.saturating_add(score.failed);
    let mut report = Object::new();
    report.push("resourceType", "TestReport");
    report.push("id", id);
    report.push("name", script.name.as_str());
    report.push("status", "completed");
    let mut reference = Object::new();
    match (&script.url, &script.id) {
        (Some(url), _) => reference.push("reference", url.as_str()),
        (None, Some(id)) => reference.push("reference", format!("TestScript/{id}")),
        (None, None) => {}
    }
    reference.push("display", script.file.as_str());
    report.push("testScript", reference);
    let failed = score.failed > 0 || script.setup_failed.is_some();
    let verdict = match (failed, run) {
        (true, _) => "fail",
        (false, 0) => "pending",
        (false, _) => "pass",
    };
    report.push("result", verdict);
    if run > 0 {
        let hundredths = score.passed.saturating_mul(10_000).checked_div(run);
        let hundredths = hundredths.unwrap_or_default();
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        let text = format!("{whole}.{rest:02}");
        report.push("score", Value::Number(Text::from(text)));
    }
    report.push("tester", concat!("fascicolo ", env!("CARGO_PKG_VERSION")));
    report.push("issued", format_instant(script.ended));
    report.push(
        "participant",
        vec![
            participant("test-engine", "urn:fascicolo:conformance", "fascicolo"),
            participant("server", base, "server under test"),
        ],
    );
    if !script.setup.is_empty() {
        let mut setup = Object::new();
        setup.push("action", actions(&script.setup));
        report.push("setup", setup);
    }
    let tests: Vec<Value> = script.tests.iter().map(test).collect();
    if !tests.is_empty() {
        report.push("test", tests);
    }
    if !script.teardown.is_empty() {
        let mut teardown = Object::new();
        teardown.push("action", actions(&script.teardown));
        report.push("teardown", teardown);
    }
    Value::Object(report)
}

fn participant(kind: &str, uri: &str, display: &str) -> Value {
    let mut participant = Object::new();
    participant.push("type", kind);
    participant.push("uri", uri);
    participant.push("display", display);
    Value::Object(participant)
}

fn test(test: &super::TestResult) -> Value {
    let mut object = Object::new();
    object.push("name", test.name.as_str());
    if let Some(description) = &test.description {
        object.push("description", description.as_str());
    }
    let mut list = Vec::new();
    // The reason of a skip has no element of its own: it is the message of a first action.
    if let TestOutcome::Skipped(reason) = &test.outcome {
        list.push(action_value(&ActionResult {
            kind: ActionKind::Operation,
            label: "the whole test".to_owned(),
            outcome: Outcome::Skip(reason.clone()),
        }));
    }
    list.extend(test.actions.iter().map(action_value));
    object.push("action", list);
    Value::Object(object)
}

fn actions(results: &[ActionResult]) -> Vec<Value> {
    results.iter().map(action_value).collect()
}

fn action_value(action: &ActionResult) -> Value {
    let (code, message) = match &action.outcome {
        Outcome::Pass => ("pass", None),
        Outcome::Skip(reason) | Outcome::Unsupported(reason) => ("skip", Some(reason.clone())),
        Outcome::Warning(fault) => ("warning", Some(fault.to_string())),
        Outcome::Fail(fault) => ("fail", Some(fault.to_string())),
        Outcome::Error(fault) => ("error", Some(fault.to_string())),
    };
    let mut part = Object::new();
    part.push("result", code);
    let message = match message {
        Some(message) => format!("{}: {message}", action.label),
        None => action.label.clone(),
    };
    part.push("message", message);
    let mut object = Object::new();
    let name = match action.kind {
        ActionKind::Operation => "operation",
        ActionKind::Assert => "assert",
    };
    object.push(name, part);
    Value::Object(object)
}
