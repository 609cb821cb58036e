//! `_explain=true`: how a search is planned, in place of what it finds.
//!
//! For those who develop the server: it is there in development mode only. Everybody else has asked for a
//! parameter that does not exist, and is answered so by who reads parameters, which knows nothing of it.

use super::paging::{self, Ordered};
use super::reach::{Part, parts};
use super::sorted;
use super::{DEFAULT_COUNT, SearchRequest};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Text, Value};
use crate::interactions::node::Node;
use crate::storage::{Explanation, Page};

/// The parameter.
const EXPLAIN: &str = "_explain";
/// Types that are told of at the most.
const MOST_TYPES: usize = 10;

/// The explanation, where it is asked for and may be given; `None` for an ordinary search.
///
/// # Errors
/// `Invalid` for another value than true, and whatever is wrong with the search itself.
pub fn explained(node: &Node, request: &SearchRequest) -> Result<Option<Vec<u8>>> {
    let asked = |(name, _): &&(String, String)| name == EXPLAIN;
    let Some((_, value)) = request
        .pairs
        .iter()
        .find(asked)
        .filter(|_| node.choices.dev)
    else {
        return Ok(None);
    };
    if value != "true" {
        return Err(Error::new(
            Kind::Invalid,
            "value",
            "expected true as _explain, found another value",
        ));
    }
    let pairs = request.pairs.iter();
    let pairs: Vec<_> = pairs.filter(|pair| !asked(pair)).cloned().collect();
    let parts = parts(node, &request.reach, &pairs, request.handling)?;
    if parts.parts.len() > MOST_TYPES {
        return Err(Error::of(
            Kind::TooCostly,
            format!(
                "expected at most {MOST_TYPES} types to explain, found more: name some as _type"
            ),
        ));
    }
    let count = parts.query.count.unwrap_or(DEFAULT_COUNT);
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let mut parameters = Vec::with_capacity(parts.parts.len());
    for part in &parts.parts {
        let order = paging::keys(node, &part.resource_type, &parts.query)?;
        parameters.push(told(part, &explain(node, part, &order, limit)?));
    }
    let mut all = Object::new();
    all.push("resourceType", "Parameters");
    all.push("parameter", parameters);
    Ok(Some(json::to_vec(&Value::Object(all))))
}

fn explain(node: &Node, part: &Part, order: &[Ordered], limit: usize) -> Result<Explanation> {
    let coded = order.iter().any(|ordered| ordered.coded.is_some());
    let mut page = Page {
        edition: Some(node.edition),
        ..Page::first(limit)
    };
    if coded {
        page.limit = sorted::MOST;
    } else {
        page.keys = order.iter().map(|ordered| ordered.key).collect();
    }
    let mut explanation = node.store.explain(part.selection.clone(), page)?;
    if coded {
        let line = "all that matches is listed and then sorted by the texts of its codes";
        explanation.plan.push(line.to_owned());
    }
    Ok(explanation)
}

fn told(part: &Part, explanation: &Explanation) -> Value {
    let mut parts = vec![
        named("type", "valueCode", part.resource_type.as_str().into()),
        named(
            "found",
            "valueInteger",
            number(explanation.found.to_string()),
        ),
        milliseconds(explanation.microseconds),
    ];
    let lines = |lines: &[String], name| -> Vec<Value> {
        let each = lines.iter();
        each.map(|line| named(name, "valueString", line.as_str().into()))
            .collect()
    };
    parts.extend(lines(&explanation.plan, "plan"));
    for statement in &explanation.statements {
        let mut own = vec![
            named("sql", "valueString", statement.text.as_str().into()),
            named("times", "valueInteger", number(statement.times.to_string())),
            milliseconds(statement.microseconds),
        ];
        own.extend(lines(&statement.plan, "plan"));
        parts.push(with_parts("statement", own));
    }
    with_parts("search", parts)
}

fn milliseconds(micros: u64) -> Value {
    let (whole, rest) = (micros / 1000, micros % 1000);
    named(
        "milliseconds",
        "valueDecimal",
        number(format!("{whole}.{rest:03}")),
    )
}

fn number(text: String) -> Value {
    Value::Number(Text::from(text))
}

fn named(name: &str, member: &str, value: Value) -> Value {
    let mut parameter = Object::new();
    parameter.push("name", name);
    parameter.push(member, value);
    Value::Object(parameter)
}

fn with_parts(name: &str, parts: Vec<Value>) -> Value {
    named(name, "part", Value::Array(parts))
}
