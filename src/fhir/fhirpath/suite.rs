//! Runs HL7's FHIRPath cases for R4. The number that pass may only rise.

use std::collections::HashMap;

use super::{Environment, Expr, FhirPathError, Item, evaluate, parse, truth};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml::from_xml;

/// Raise it when more pass; never lower it.
const MINIMUM_PASSED: usize = 709;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/suites/fhirpath");

/// 2025-01-01T00:00:00Z.
const NOW: i64 = 1_735_689_600_000_000;

fn input(name: &str, definitions: &Definitions) -> Value {
    let bytes = std::fs::read(format!("{FOLDER}/input/{name}")).unwrap();
    if name.ends_with(".xml") {
        from_xml(&bytes, definitions).unwrap()
    } else {
        json::parse(&bytes, &json::Limits::default()).unwrap()
    }
}

/// The value of an item as the cases write it.
fn written(item: &Item<'_>) -> (String, String) {
    let (_, name) = item.type_name();
    let value = match item {
        Item::Node(node) => match node.value {
            Value::Bool(value) => value.to_string(),
            Value::Number(text) | Value::String(text) => text.to_string(),
            _ => String::new(),
        },
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::String(text) => text.to_string(),
        Item::Temporal(value) => value.to_string(),
        Item::Quantity(value) => value.to_string(),
        Item::Type { name, .. } => name.to_string(),
        Item::Target(name) => (*name).to_string(),
    };
    (name.to_ascii_lowercase(), value)
}

fn judge(case: &Value, result: Result<Vec<Item<'_>>, FhirPathError>) -> Result<(), String> {
    let invalid = case.str_at("invalid").is_some();
    let items = match result {
        Err(_) if invalid => return Ok(()),
        Err(error) => return Err(error.to_string()),
        Ok(_) if invalid => return Err("expected an error".into()),
        Ok(items) => items,
    };
    let expected: Vec<(String, String)> = case
        .items_at("outputs")
        .iter()
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
        return (found == wanted)
            .then_some(())
            .ok_or(format!("found {found}"));
    }
    let found: Vec<(String, String)> = items.iter().map(written).collect();
    let same = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(found, expected)| {
            found.1 == expected.1 && (expected.0.is_empty() || found.0 == expected.0)
        });
    same.then_some(())
        .ok_or_else(|| format!("expected {expected:?}, found {found:?}"))
}

#[test]
fn official_cases() {
    let Ok(bytes) = std::fs::read(format!("{FOLDER}/tests.json")) else {
        eprintln!("skipped: ../shared/suites/fhirpath is absent");
        return;
    };
    let cases = json::parse(&bytes, &json::Limits::default()).unwrap();
    let cases = cases.as_array().unwrap();
    let definitions = Definitions::r4().unwrap();
    let mut inputs: HashMap<String, Value> = HashMap::new();
    let mut expressions: Vec<Result<Expr, FhirPathError>> = Vec::new();
    for case in cases {
        if let Some(name) = case.str_at("inputfile") {
            inputs
                .entry(name.to_owned())
                .or_insert_with(|| input(name, &definitions));
        }
        expressions.push(parse(case.str_at("expression").unwrap()));
    }
    let mut passed = 0;
    for (case, expression) in cases.iter().zip(&expressions) {
        let focus = case
            .str_at("inputfile")
            .and_then(|name| inputs.get(name))
            .unwrap_or(&Value::Null);
        let env = Environment::new(&definitions).at(NOW);
        let result = match expression {
            Ok(expression) => evaluate(expression, focus, &env),
            Err(error) => Err(error.clone()),
        };
        match judge(case, result) {
            Ok(()) => passed += 1,
            Err(reason) => eprintln!(
                "{}: {}: {reason}",
                case.str_at("name").unwrap_or(""),
                case.str_at("expression").unwrap_or("")
            ),
        }
    }
    eprintln!("{passed} of {} FHIRPath cases passed", cases.len());
    assert!(
        passed >= MINIMUM_PASSED,
        "{passed} passed, {MINIMUM_PASSED} passed before"
    );
}
