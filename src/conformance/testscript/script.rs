//! A TestScript, read into what the runner works on.
//!
//! Source: FHIR R4 *TestScript*. Reading never fails: what is absent stays absent, and what is not
//! understood is remembered as [`Action::Unknown`] so that its test can be skipped with a reason.

use std::path::PathBuf;

use super::extension::{self, Condition};
use crate::fhir::model::value::Value;

/// One script of a suite.
#[derive(Debug)]
pub struct Script {
    /// Path of the file below the suite.
    pub file: String,
    /// The folder of the file.
    pub folder: PathBuf,
    pub name: String,
    pub id: Option<String>,
    pub url: Option<String>,
    pub fixtures: Vec<Fixture>,
    pub variables: Vec<Variable>,
    /// Id and canonical URL.
    pub profiles: Vec<(String, String)>,
    pub setup: Vec<Action>,
    pub tests: Vec<Test>,
    pub teardown: Vec<Action>,
    /// FHIRPath expressions that the CapabilityStatement must fulfil.
    pub requires: Vec<String>,
    /// What keeps the whole script from being run.
    pub unknown: Option<String>,
    /// The resources of `contained`.
    pub contained: Vec<Value>,
}

#[derive(Debug)]
pub struct Fixture {
    pub id: String,
    pub autocreate: bool,
    pub autodelete: bool,
    /// A Reference; some suites put the resource itself here.
    pub resource: Option<Value>,
}

#[derive(Clone, Debug, Default)]
pub struct Variable {
    pub name: String,
    pub default_value: Option<String>,
    pub hint: Option<String>,
    pub expression: Option<String>,
    pub header_field: Option<String>,
    pub path: Option<String>,
    pub source_id: Option<String>,
}

#[derive(Debug)]
pub struct Test {
    pub name: String,
    pub description: Option<String>,
    pub actions: Vec<Action>,
    /// Prefixes of FHIR versions for which the test is meant; empty is any.
    pub versions: Vec<String>,
    pub requires: Vec<String>,
    /// Variables with the values for which the test is repeated.
    pub repeat: Vec<(String, Vec<String>)>,
    pub unknown: Option<String>,
}

#[derive(Debug)]
pub enum Action {
    Operation(Box<Operation>),
    Assert(Box<Assert>),
    /// Not understood, with the reason.
    Unknown(String),
}

#[derive(Debug, Default)]
pub struct Operation {
    pub code: Option<String>,
    pub resource: Option<String>,
    pub label: Option<String>,
    pub description: Option<String>,
    pub accept: Option<String>,
    pub content_type: Option<String>,
    pub encode: bool,
    pub method: Option<String>,
    pub params: Option<String>,
    pub headers: Vec<(String, String)>,
    pub request_id: Option<String>,
    pub response_id: Option<String>,
    pub source_id: Option<String>,
    pub target_id: Option<String>,
    pub url: Option<String>,
}

#[derive(Debug, Default)]
pub struct Assert {
    pub label: Option<String>,
    pub description: Option<String>,
    pub direction: Option<String>,
    pub compare_id: Option<String>,
    pub compare_expression: Option<String>,
    pub compare_path: Option<String>,
    pub content_type: Option<String>,
    pub expression: Option<String>,
    pub header_field: Option<String>,
    pub minimum_id: Option<String>,
    pub navigation_links: bool,
    pub operator: Option<String>,
    pub path: Option<String>,
    pub request_method: Option<String>,
    pub request_url: Option<String>,
    pub resource: Option<String>,
    pub response: Option<String>,
    pub response_code: Option<String>,
    pub source_id: Option<String>,
    pub profile_id: Option<String>,
    pub value: Option<String>,
    pub warning_only: bool,
    /// Asserts of one group are alternatives: one that holds is enough.
    pub any_of: Option<String>,
    /// The assert counts only under this condition.
    pub when: Option<Condition>,
}

impl Script {
    /// Reads a TestScript; `file` and `folder` say where it stands.
    pub fn read(value: &Value, file: String, folder: PathBuf) -> Self {
        let name = text(value, "title")
            .or_else(|| text(value, "name"))
            .unwrap_or_else(|| file.clone());
        let mut unknown = modifier(value);
        if value.items_at("modifierExtension").is_empty() {
            unknown = extension::unknown(value).or(unknown);
        }
        Self {
            name,
            id: text(value, "id"),
            url: text(value, "url"),
            fixtures: value.items_at("fixture").iter().map(fixture).collect(),
            variables: value.items_at("variable").iter().map(variable).collect(),
            profiles: value
                .items_at("profile")
                .iter()
                .filter_map(profile)
                .collect(),
            setup: value.get("setup").map(actions).unwrap_or_default(),
            tests: value
                .items_at("test")
                .iter()
                .enumerate()
                .map(test)
                .collect(),
            teardown: value.get("teardown").map(actions).unwrap_or_default(),
            requires: extension::requires(value),
            unknown,
            contained: value.items_at("contained").to_vec(),
            file,
            folder,
        }
    }
}

impl Action {
    /// What a person calls the action.
    pub fn label(&self, index: usize) -> String {
        let number = index.saturating_add(1);
        let (label, description, kind) = match self {
            Action::Operation(operation) => (
                &operation.label,
                &operation.description,
                operation.code.as_deref().unwrap_or("operation"),
            ),
            Action::Assert(assert) => (&assert.label, &assert.description, "assert"),
            Action::Unknown(_) => (&None, &None, "action"),
        };
        match (label, description) {
            (_, Some(text)) | (Some(text), None) => format!("{number} {kind}: {text}"),
            (None, None) => format!("{number} {kind}"),
        }
    }
}

/// The text of a primitive, whatever its JSON kind.
pub fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) | Value::Number(text) => Some(text.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn flag(value: &Value, name: &str) -> Option<bool> {
    value.get(name)?.as_bool()
}

/// A modifier extension changes the meaning of what it stands in; none is known here.
fn modifier(value: &Value) -> Option<String> {
    let extension = value.items_at("modifierExtension").first()?;
    let url = extension.str_at("url").unwrap_or("without url");
    Some(format!("modifier extension {url} is not known"))
}

fn fixture(value: &Value) -> Fixture {
    Fixture {
        id: text(value, "id").unwrap_or_default(),
        autocreate: flag(value, "autocreate").unwrap_or(false),
        autodelete: flag(value, "autodelete").unwrap_or(false),
        resource: value.get("resource").cloned(),
    }
}

fn variable(value: &Value) -> Variable {
    Variable {
        name: text(value, "name").unwrap_or_default(),
        default_value: text(value, "defaultValue"),
        hint: text(value, "hint"),
        expression: text(value, "expression"),
        header_field: text(value, "headerField"),
        path: text(value, "path"),
        source_id: text(value, "sourceId"),
    }
}

/// A Reference to a profile; some suites give the bare canonical.
fn profile(value: &Value) -> Option<(String, String)> {
    Some((text(value, "id")?, text(value, "reference")?))
}

fn test((index, value): (usize, &Value)) -> Test {
    Test {
        name: text(value, "name")
            .or_else(|| text(value, "description"))
            .unwrap_or_else(|| format!("test {}", index.saturating_add(1))),
        description: text(value, "description"),
        actions: actions(value),
        versions: extension::versions(value),
        requires: extension::requires(value),
        repeat: extension::repeat(value),
        unknown: modifier(value).or_else(|| extension::unknown(value)),
    }
}

fn actions(section: &Value) -> Vec<Action> {
    section.items_at("action").iter().map(action).collect()
}

fn action(value: &Value) -> Action {
    let part = value.get("operation").or_else(|| value.get("assert"));
    let unknown = modifier(value).or_else(|| part.and_then(modifier));
    if let Some(reason) = unknown.or_else(|| part.and_then(extension::unknown)) {
        return Action::Unknown(reason);
    }
    match (value.get("operation"), value.get("assert")) {
        (Some(operation), None) => Action::Operation(Box::new(read_operation(operation))),
        (None, Some(assert)) => Action::Assert(Box::new(read_assert(assert))),
        _ => Action::Unknown("expected one operation or one assert in an action".to_owned()),
    }
}

fn read_operation(value: &Value) -> Operation {
    Operation {
        code: value.get("type").and_then(|coding| text(coding, "code")),
        resource: text(value, "resource"),
        label: text(value, "label"),
        description: text(value, "description"),
        accept: text(value, "accept"),
        content_type: text(value, "contentType"),
        encode: flag(value, "encodeRequestUrl").unwrap_or(true),
        method: text(value, "method"),
        params: text(value, "params"),
        headers: value
            .items_at("requestHeader")
            .iter()
            .filter_map(|header| {
                Some((
                    text(header, "field")?,
                    text(header, "value").unwrap_or_default(),
                ))
            })
            .collect(),
        request_id: text(value, "requestId"),
        response_id: text(value, "responseId"),
        source_id: text(value, "sourceId"),
        target_id: text(value, "targetId"),
        url: text(value, "url"),
    }
}

fn read_assert(value: &Value) -> Assert {
    Assert {
        label: text(value, "label"),
        description: text(value, "description"),
        direction: text(value, "direction"),
        compare_id: text(value, "compareToSourceId"),
        compare_expression: text(value, "compareToSourceExpression"),
        compare_path: text(value, "compareToSourcePath"),
        content_type: text(value, "contentType"),
        expression: text(value, "expression"),
        header_field: text(value, "headerField"),
        minimum_id: text(value, "minimumId"),
        navigation_links: flag(value, "navigationLinks").unwrap_or(false),
        operator: text(value, "operator"),
        path: text(value, "path"),
        request_method: text(value, "requestMethod"),
        request_url: text(value, "requestURL"),
        resource: text(value, "resource"),
        response: text(value, "response"),
        response_code: text(value, "responseCode"),
        source_id: text(value, "sourceId"),
        profile_id: text(value, "validateProfileId"),
        value: text(value, "value"),
        warning_only: flag(value, "warningOnly").unwrap_or(false),
        any_of: extension::any_of(value),
        when: extension::when(value),
    }
}
