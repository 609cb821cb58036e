//! HL7's official cases for R4, from their form in JSON.

use std::path::Path;

use super::{Inputs, Tried, Verdict, read_json, text_of};
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::fhir::fhirpath::{Environment, FhirPathError, Item, evaluate, parse, truth};
use crate::fhir::model::value::Value;

pub(super) fn run(folder: &Path, definitions: &Definitions, now: Instant) -> Result<Vec<Tried>> {
    let cases = read_json(&folder.join("tests.json"))?;
    let cases = cases.as_array().unwrap_or(&[]);
    let mut inputs = Inputs::default();
    for name in cases.iter().filter_map(|case| case.str_at("inputfile")) {
        inputs.load(&folder.join("input"), name, definitions)?;
    }
    let tried = cases.iter().map(|case| Tried {
        group: case.str_at("group").unwrap_or("").to_owned(),
        name: case.str_at("name").unwrap_or("").to_owned(),
        expression: case.str_at("expression").unwrap_or("").to_owned(),
        verdict: try_case(case, &inputs, definitions, now),
    });
    Ok(tried.collect())
}

fn try_case(case: &Value, inputs: &Inputs, definitions: &Definitions, now: Instant) -> Verdict {
    let input = case.str_at("inputfile").and_then(|name| inputs.get(name));
    let focus = input.unwrap_or(&Value::Null);
    let expression = match parse(case.str_at("expression").unwrap_or("")) {
        Ok(expression) => expression,
        Err(error) => return judge(case, Err(error)),
    };
    let environment = Environment::new(definitions).at(now);
    judge(case, evaluate(&expression, focus, &environment))
}

/// Type and value of an item as the cases write them.
fn written(item: &Item<'_>) -> (String, String) {
    let (_, name) = item.type_name();
    let value = match item {
        Item::Node(node) => match node.value {
            Value::Bool(value) => value.to_string(),
            Value::Number(text) | Value::String(text) => text.to_string(),
            _ => String::new(),
        },
        other => text_of(other),
    };
    (name.to_ascii_lowercase(), value)
}

fn judge(case: &Value, result: std::result::Result<Vec<Item<'_>>, FhirPathError>) -> Verdict {
    let invalid = case.str_at("invalid").is_some();
    let items = match result {
        Err(_) if invalid => return Verdict::Passed,
        Err(error) => return Verdict::Failed(error.to_string()),
        Ok(_) if invalid => return Verdict::Failed("expected an error, found none".into()),
        Ok(items) => items,
    };
    let outputs = case.items_at("outputs").iter();
    let expected: Vec<(String, String)> = outputs
        .map(|output| {
            let text = output.str_at("value").unwrap_or("");
            let plain = text.trim_start_matches("@T").trim_start_matches('@');
            let kind = output.str_at("type").unwrap_or("").to_ascii_lowercase();
            (kind, plain.to_owned())
        })
        .collect();
    if case.get("predicate").and_then(Value::as_bool) == Some(true) {
        let found = !items.is_empty() && truth(&items).ok().flatten() != Some(false);
        let wanted = expected.first().is_some_and(|(_, value)| value == "true");
        if found == wanted {
            return Verdict::Passed;
        }
        return Verdict::Failed(format!("expected {wanted}, found {found}"));
    }
    let found: Vec<(String, String)> = items.iter().map(written).collect();
    let same = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(found, expected)| {
            found.1 == expected.1 && (expected.0.is_empty() || found.0 == expected.0)
        });
    if same {
        return Verdict::Passed;
    }
    Verdict::Failed(format!("expected {expected:?}, found {found:?}"))
}
