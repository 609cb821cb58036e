//! `DocumentReference/$docref`: the documents of a patient.
//!
//! Source: US Core and International Patient Access, operation *docref*; a paraphrase: the references to
//! a patient's documents, by the time of care and by type. Nothing is made on demand here, so who asks
//! for that is told so in an otherwise empty Bundle.

use super::{bad_value, unknown_parameter};
use crate::error::{Issue, Result};
use crate::fhir::model::key::is_id;
use crate::fhir::model::value::Text;
use crate::fhir::search::{Bounds, DATE, Handling, Plan, covered, in_query, times};
use crate::interactions::Node;
use crate::interactions::dispatch::Reach;
use crate::interactions::search::{Asked, Kept, answer, empty, parts};

/// Where the operation is.
const PATH: &str = "/DocumentReference/$docref";
/// The parameter of the time of care.
const PERIOD: &str = "period";
const NAMES: &str = "patient, start, end, type, on-demand";

/// A page of the documents.
///
/// # Errors
/// `Invalid` without a patient, for a value that means nothing, and with strict handling for a parameter
/// the operation lacks.
pub fn docref(node: &Node, pairs: &[(String, String)], handling: Handling) -> Result<Vec<u8>> {
    let (mut search, mut applied) = (Vec::new(), Vec::new());
    let (mut from, mut to) = (i64::MIN, i64::MAX);
    let (mut warnings, mut refused) = (Vec::new(), None);
    let mut patients: Vec<String> = Vec::new();
    for (name, value) in pairs {
        let day = || covered(&in_query(value)).ok_or_else(|| bad_value(name, "a date"));
        match name.as_str() {
            "_format" | "_pretty" => continue,
            "_cursor" => {
                search.push((name.clone(), value.clone()));
                continue;
            }
            "patient" => {
                for text in value.split(',') {
                    let id =
                        patient(node, text).ok_or_else(|| bad_value(name, "ids of patients"))?;
                    patients.push(format!("Patient/{id}"));
                }
            }
            "start" => from = day()?.0,
            "end" => to = day()?.1,
            "type" | "_count" => search.push((name.clone(), value.clone())),
            "on-demand" => match value.as_str() {
                "false" => {}
                "true" => refused = Some("documents that are made on demand"),
                _ => return Err(bad_value(name, "true or false")),
            },
            "profile" => refused = Some("documents by their profile"),
            _ => {
                let unknown = unknown_parameter("$docref", NAMES, name);
                if handling == Handling::Strict {
                    return Err(unknown);
                }
                let issues = unknown.into_issues().into_iter();
                warnings.extend(issues.map(|issue| Issue::warning(issue.code, issue.diagnostics)));
                continue;
            }
        }
        applied.push((name.clone(), value.clone()));
    }
    if patients.is_empty() {
        return Err(bad_value("patient", "the id of a patient"));
    }
    if let Some(what) = refused {
        let issue = Issue::error("not-supported", format!("{what} are not offered"));
        return Ok(empty(node, PATH, &applied, &[issue]));
    }
    search.push(("patient".to_owned(), patients.join(",")));
    let reach = Reach::Type("DocumentReference".to_owned());
    let mut parts = parts(node, &reach, &search, Handling::Strict)?;
    parts.warnings = warnings;
    if (from, to) != (i64::MIN, i64::MAX) {
        for part in &mut parts.parts {
            let within = within(from, to);
            part.selection = node.narrowed(&part.selection, &part.resource_type, within)?;
        }
    }
    answer(
        node,
        &Asked {
            path: PATH.to_owned(),
            applied,
            parts,
            kept: Kept::default(),
        },
    )
}

/// The id of a patient, given alone or as a reference.
fn patient<'a>(node: &Node, text: &'a str) -> Option<&'a str> {
    let below = text.strip_prefix(node.base.as_str()).unwrap_or(text);
    let below = below.trim_start_matches('/');
    let id = below.strip_prefix("Patient/").unwrap_or(text);
    is_id(id).then_some(id)
}

/// Care within some time; where a document does not say when that was, its own date counts.
fn within(from: i64, to: i64) -> Plan {
    let overlaps = |code: &str| Plan::Interval {
        code: Text::new(code),
        bounds: Bounds {
            classes: times(),
            low: (i64::MIN, to),
            high: (from, i64::MAX),
        },
    };
    let code = Text::new(PERIOD);
    Plan::Any(vec![
        overlaps(PERIOD),
        Plan::All(vec![
            Plan::Not(Box::new(Plan::Present { code })),
            overlaps(DATE),
        ]),
    ])
}
