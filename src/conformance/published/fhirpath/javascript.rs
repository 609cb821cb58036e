//! The cases of fhirpath.js, as its own runner reads them.
//!
//! A case without a model is about FHIRPath alone: its input is looked at without types. What belongs
//! to other releases of FHIR, or is an addition of that engine, is skipped.

use std::path::{Path, PathBuf};

use super::{Inputs, Tried, Verdict, read, text_of, unfit, yaml};
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::fhir::fhirpath::{Environment, FhirPathError, Item, Node, Shape, evaluate_at, parse};
use crate::fhir::model::value::{Object, Value};

/// Groups inside each other.
const MOST_NESTED: usize = 16;

/// What neither FHIRPath N1 nor FHIR R4 has, by what gives it away in an expression.
const ADDITIONS: &[(&str, &str)] = &[
    ("%factory", "the type factory is no part of FHIR R4"),
    (
        "%terminologies",
        "the terminology service is no part of FHIR R4",
    ),
    ("toLong(", "the type Long is no part of FHIRPath N1"),
    ("convertsToLong(", "the type Long is no part of FHIRPath N1"),
    ("System.Long", "the type Long is no part of FHIRPath N1"),
    ("weight(", "weights are no part of FHIR R4"),
];

pub(super) fn run(folder: &Path, definitions: &Definitions, now: Instant) -> Result<Vec<Tried>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("cases"))
        .map_err(|error| unfit(format!("{} cannot be read", folder.display())).because(error))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    let mut inputs = Inputs::default();
    let mut tried = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let text = String::from_utf8_lossy(&read(&file)?).into_owned();
        let suite = yaml::parse(&text).map_err(|fault| unfit(format!("{name}: {fault}")))?;
        let mut cases = Vec::new();
        collect(suite.items_at("tests"), 0, &mut cases);
        let resources = folder.join("resources/r4");
        for file in cases.iter().filter_map(|case| case.str_at("inputfile")) {
            if resources.join(file).is_file() {
                inputs.load(&resources, file, definitions)?;
            }
        }
        let own = suite.get("subject");
        for case in cases {
            for expression in expressions(case) {
                let stage = Stage {
                    case,
                    expression,
                    own,
                    inputs: &inputs,
                    definitions,
                    now,
                };
                tried.push(Tried {
                    group: name.to_string(),
                    name: case.str_at("desc").unwrap_or("").to_owned(),
                    expression: expression.to_owned(),
                    verdict: stage.verdict(),
                });
            }
        }
    }
    Ok(tried)
}

/// The cases of a list, those of its groups among them.
fn collect<'v>(list: &'v [Value], depth: usize, cases: &mut Vec<&'v Value>) {
    if depth > MOST_NESTED {
        return;
    }
    for entry in list {
        if entry.get("expression").is_some() {
            cases.push(entry);
            continue;
        }
        for (name, group) in entry.as_object().into_iter().flat_map(Object::iter) {
            if name.starts_with("group")
                && let Some(list) = group.as_array()
            {
                collect(list, depth.saturating_add(1), cases);
            }
        }
    }
}

/// One expression, or several that shall yield the same.
fn expressions(case: &Value) -> Vec<&str> {
    match case.get("expression") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Number(text)) => vec![text],
        _ => Vec::new(),
    }
}

/// A case with all that it needs.
struct Stage<'v> {
    case: &'v Value,
    expression: &'v str,
    /// The input that stands in the file of the case.
    own: Option<&'v Value>,
    inputs: &'v Inputs,
    definitions: &'v Definitions,
    now: Instant,
}

impl Stage<'_> {
    fn verdict(&self) -> Verdict {
        if let Some(reason) = self.skipped() {
            return Verdict::Skipped(reason);
        }
        let subject = match self.case.str_at("inputfile") {
            Some(name) => match self.inputs.get(name) {
                Some(value) => value,
                None => return Verdict::Skipped(format!("the input {name} is not there")),
            },
            None => self.own.unwrap_or(&Value::Null),
        };
        let expression = match parse(self.expression) {
            Ok(expression) => expression,
            Err(error) => return self.judge(Err(error)),
        };
        let context = match self.case.str_at("context").map(parse) {
            Some(Ok(context)) => Some(context),
            Some(Err(error)) => return self.judge(Err(error)),
            None => None,
        };
        let mut environment = Environment::new(self.definitions)
            .at(self.now)
            .with_root(self.node(subject));
        let variables = self.case.get("variables").and_then(Value::as_object);
        for (name, value) in variables.into_iter().flat_map(Object::iter) {
            environment = environment.with_variable(name, self.items(value));
        }
        let focus = match &context {
            None => self.node(subject),
            Some(context) => {
                let found = evaluate_at(context, self.node(subject), &environment);
                match found.map(|items| items.first().and_then(Item::node).copied()) {
                    Ok(Some(node)) => node,
                    Ok(None) => self.node(&Value::Null),
                    Err(error) => return self.judge(Err(error)),
                }
            }
        };
        self.judge(evaluate_at(&expression, focus, &environment))
    }

    fn skipped(&self) -> Option<String> {
        if self.case.get("disable").and_then(Value::as_bool) == Some(true) {
            return Some("its authors have switched it off".into());
        }
        if let Some(model) = self.case.str_at("model").filter(|model| *model != "r4") {
            return Some(format!("it is about the model {model}"));
        }
        let addition = ADDITIONS
            .iter()
            .find(|(part, _)| self.expression.contains(part))
            .map(|(_, reason)| (*reason).to_owned());
        addition.or_else(|| {
            has_long(self.expression).then(|| "the type Long is no part of FHIRPath N1".to_owned())
        })
    }

    /// A value as the case wants it seen: without a model nothing has a type.
    fn node<'a>(&'a self, value: &'a Value) -> Node<'a> {
        if self.case.str_at("model").is_some() {
            return Node::resource(value, self.definitions);
        }
        Node {
            value,
            sibling: None,
            shape: Shape::Unknown,
        }
    }

    fn items<'a>(&'a self, value: &'a Value) -> Vec<Item<'a>> {
        match value {
            Value::Null => Vec::new(),
            Value::Array(list) => list.iter().map(|one| Item::Node(self.node(one))).collect(),
            one => vec![Item::Node(self.node(one))],
        }
    }

    fn judge(&self, result: std::result::Result<Vec<Item<'_>>, FhirPathError>) -> Verdict {
        let wants_error = self.case.get("error").and_then(Value::as_bool) == Some(true);
        let items = match result {
            Err(_) if wants_error => return Verdict::Passed,
            Err(error) => return Verdict::Failed(error.to_string()),
            Ok(_) if wants_error => return Verdict::Failed("expected an error, found none".into()),
            Ok(items) => items,
        };
        // An element without a value is no result there.
        let items: Vec<Item<'_>> = items
            .into_iter()
            .filter(|item| !matches!(item, Item::Node(node) if *node.value == Value::Null))
            .collect();
        let expected = match self.case.get("result") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(Value::Null) | None => &[],
            Some(one) => std::slice::from_ref(one),
        };
        let same = items.len() == expected.len()
            && items
                .iter()
                .zip(expected)
                .all(|(item, one)| is_same(item, one));
        if same {
            return Verdict::Passed;
        }
        let found: Vec<String> = items.iter().map(shown).collect();
        let wanted: Vec<String> = expected.iter().map(shown_value).collect();
        Verdict::Failed(format!("expected {wanted:?}, found {found:?}"))
    }
}

/// `2L`: a literal of the type Long.
fn has_long(expression: &str) -> bool {
    let mut before = ' ';
    for (place, c) in expression.char_indices() {
        let after = place.saturating_add(1);
        let next = expression.get(after..).and_then(|rest| rest.chars().next());
        let ends = !next.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if c == 'L' && before.is_ascii_digit() && ends {
            return true;
        }
        before = c;
    }
    false
}

fn is_same(item: &Item<'_>, expected: &Value) -> bool {
    match item {
        Item::Node(node) => equal(node.value, expected),
        Item::Boolean(value) => expected.as_bool() == Some(*value),
        Item::Integer(value) => equal(&Value::Number(value.to_string().into()), expected),
        Item::Decimal(value) => equal(&Value::Number(value.to_string().into()), expected),
        Item::Type { namespace, name } => {
            expected.str_at("namespace") == Some(*namespace)
                && expected.str_at("name") == Some(name.as_ref())
        }
        other => expected.as_str() == Some(text_of(other).as_str()),
    }
}

/// Whether two values say the same; numbers as the binary ones of JavaScript.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || a.parse::<f64>().ok().is_some_and(|a| b.parse() == Ok(a))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|other| equal(value, other)))
        }
        (a, b) => a == b,
    }
}

fn shown(item: &Item<'_>) -> String {
    match item {
        Item::Node(node) => shown_value(node.value),
        Item::Type { namespace, name } => format!("{namespace}.{name}"),
        other => text_of(other),
    }
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::String(text) | Value::Number(text) => text.to_string(),
        other => {
            let bytes = crate::fhir::model::json::to_vec(other);
            String::from_utf8_lossy(&bytes).chars().take(120).collect()
        }
    }
}
