//! Tells before anything is sent whether a list of actions can be run here at all.
//!
//! A test that would come upon something unknown half-way is not started: it is skipped, with the
//! reason. What shows only in the data, such as a FHIRPath function inside a variable's value, is
//! caught when it happens, with the same end.

use std::collections::BTreeSet;

use super::assertion::{RESPONSES, base_type};
use super::compare::Operator;
use super::path;
use super::request;
use super::script::{Action, Assert, Operation};
use super::session::{Session, needs_value};
use super::variables::names;

/// Why the actions cannot be run; `None` when they can.
pub fn obstacle(actions: &[Action], session: &Session<'_>) -> Option<String> {
    actions.iter().enumerate().find_map(|(index, action)| {
        let found = match action {
            Action::Unknown(reason) => Err(reason.clone()),
            Action::Operation(operation) => check_operation(operation, session),
            Action::Assert(assert) => check_assert(assert, session),
        };
        let number = index.saturating_add(1);
        found
            .err()
            .map(|reason| format!("action {number}: {reason}"))
    })
}

fn check_operation(operation: &Operation, session: &Session<'_>) -> Result<(), String> {
    request::check(
        operation.code.as_deref(),
        operation.method.as_deref(),
        operation.url.is_some(),
    )?;
    for text in [&operation.params, &operation.url, &operation.content_type] {
        check_variables(text.as_ref(), session)?;
    }
    for (name, value) in &operation.headers {
        check_variables(Some(name), session)?;
        check_variables(Some(value), session)?;
    }
    for id in [&operation.source_id, &operation.target_id]
        .into_iter()
        .flatten()
    {
        check_source(id, session)?;
    }
    Ok(())
}

fn check_assert(assert: &Assert, session: &Session<'_>) -> Result<(), String> {
    if Operator::from_code(assert.operator.as_deref()).is_none() {
        let code = assert.operator.as_deref().unwrap_or_default();
        return Err(format!("the operator {code:?} is not known"));
    }
    if let Some(direction) = &assert.direction
        && !matches!(direction.as_str(), "request" | "response")
    {
        return Err(format!("the direction {direction:?} is not known"));
    }
    for code in assert.response.iter().flat_map(|codes| codes.split(',')) {
        if !RESPONSES.iter().any(|(known, _)| *known == code.trim()) {
            return Err(format!("the response {code:?} is not known"));
        }
    }
    if let Some(id) = &assert.profile_id {
        base_type(id, session)?;
    }
    for text in [
        &assert.value,
        &assert.expression,
        &assert.path,
        &assert.request_url,
        &assert.response_code,
        &assert.compare_expression,
        &assert.compare_path,
        &assert.content_type,
    ] {
        check_variables(text.as_ref(), session)?;
    }
    // With a variable in it, the text is known only when the test runs.
    let whole = |text: &&String| names(text).is_empty();
    for expression in [&assert.expression, &assert.compare_expression] {
        if let Some(expression) = expression.as_ref().filter(whole) {
            path::check_expression(expression)?;
        }
    }
    for text in [&assert.path, &assert.compare_path] {
        if let Some(text) = text.as_ref().filter(whole) {
            path::check(text)?;
        }
    }
    for id in [&assert.source_id, &assert.compare_id, &assert.minimum_id]
        .into_iter()
        .flatten()
    {
        check_source(id, session)?;
    }
    Ok(())
}

/// An id must be a fixture that can be had, or be set by an operation somewhere in the script.
fn check_source(id: &str, session: &Session<'_>) -> Result<(), String> {
    match session.fixture(id) {
        Some(Ok(_)) => Ok(()),
        Some(Err(reason)) => Err(format!("fixture {id:?}: {reason}")),
        None if is_set(id, session) => Ok(()),
        None => Err(format!(
            "{id:?} is neither a fixture nor set by an operation"
        )),
    }
}

fn is_set(id: &str, session: &Session<'_>) -> bool {
    let script = session.script;
    let tests = script.tests.iter().map(|test| &test.actions);
    [&script.setup, &script.teardown]
        .into_iter()
        .chain(tests)
        .flatten()
        .any(|action| match action {
            Action::Operation(operation) => [&operation.response_id, &operation.request_id]
                .into_iter()
                .flatten()
                .any(|set| set == id),
            _ => false,
        })
}

/// Every variable of a text must be declared and have somewhere to take its value from.
fn check_variables(text: Option<&String>, session: &Session<'_>) -> Result<(), String> {
    let mut open: Vec<&str> = text.map(|text| names(text)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name) || session.place.variables.contains_key(name) {
            continue;
        }
        let declared = session.script.variables.iter().find(|v| v.name == name);
        let Some(variable) = declared else {
            return Err(format!("variable {name:?} is not declared"));
        };
        let evaluated = [&variable.header_field, &variable.path, &variable.expression];
        if evaluated.iter().all(|part| part.is_none()) && variable.default_value.is_none() {
            return Err(needs_value(variable));
        }
        if variable.default_value.is_none() {
            if let Some(id) = &variable.source_id {
                check_source(id, session)?;
            }
            if let Some(text) = variable.path.as_ref().filter(|t| names(t).is_empty()) {
                path::check(text)?;
            }
            if let Some(text) = variable.expression.as_ref().filter(|t| names(t).is_empty()) {
                path::check_expression(text)?;
            }
        }
        for text in [
            &variable.path,
            &variable.expression,
            &variable.default_value,
        ]
        .into_iter()
        .flatten()
        {
            open.extend(names(text));
        }
    }
    Ok(())
}
