//! `$fhirpath`: an expression evaluated on a resource, with the place and the type of what it yields.
//!
//! No operation of R4: parameters in and out are those that the servers behind the page fhirpath-lab agree
//! on. Codes are answered by the terminology of this server, references by what it stores.

use std::cell::{Cell, OnceCell};

use super::{bad_value, unknown_parameter};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::fhirpath::{
    Answer, Environment, Expr, FhirPathError, Item, Limits, Location, Node as Element, References,
    evaluate_traced, parse,
};
use crate::fhir::model::json;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::primitive;
use crate::fhir::model::value::{Object, Value};
use crate::fhir::xml::check_xhtml;
use crate::interactions::write::content;
use crate::interactions::{Node, read};

const NAME: &str = "$fhirpath";
const ALLOWED: &str = "expression, context, resource, variables, validate and terminologyserver";
/// Where a part came from, and a value that no `value[x]` can hold.
const PATH: &str = "http://fhir.forms-lab.com/StructureDefinition/resource-path";
const JSON: &str = "http://fhir.forms-lab.com/StructureDefinition/json-value";
/// Work of one call, contexts and all; time ends it earlier.
const LIMITS: Limits = Limits {
    steps: 1_000_000,
    items: 100_000,
    depth: 64,
};
/// Microseconds that one call may take.
const MOST_TIME: i64 = 2_000_000;
/// Items that an expression for contexts may yield.
const MOST_CONTEXTS: usize = 1_000;
/// Stored resources that one call may look at.
const MOST_RESOLVED: usize = 100;

/// What is asked.
struct Question<'a> {
    expression: &'a str,
    context: Option<&'a str>,
    resource: Given<'a>,
    variables: Vec<(&'a str, &'a Value)>,
}

enum Given<'a> {
    Nothing,
    Here(&'a Value),
    Stored(&'a str),
}

/// Evaluates, and answers with Parameters. `body` is that of a POST.
///
/// # Errors
/// `Invalid` for what is no expression and for parameters that the operation does not have;
/// `Unprocessable` where the data does not fit, and where steps or time run out; `NotFound` for a resource
/// that is not stored.
pub fn fhirpath(node: &Node, pairs: &[(String, String)], body: Option<&Value>) -> Result<Vec<u8>> {
    let question = question(pairs, body)?;
    let stored = match question.resource {
        Given::Stored(reference) => Some(stored(node, reference)?),
        _ => None,
    };
    let resource = match question.resource {
        Given::Here(resource) => resource,
        _ => stored.as_ref().unwrap_or(&Value::Null),
    };
    let definitions = &*node.definitions;
    let end = node.clock.now().saturating_add(MOST_TIME);
    let stop = || node.clock.now() > end;
    let store = Store::new(node);
    let lookup = node.terminology.with(node);
    let mut environment = Environment::new(definitions)
        .at(node.clock.now())
        .with_root(Element::resource(resource, definitions))
        .with_codes(&lookup)
        .with_references(&store)
        .with_narratives(|text| check_xhtml(text).is_ok())
        .with_limits(LIMITS)
        .with_stop(&stop)
        .with_traces();
    for (name, parameter) in &question.variables {
        environment = environment.with_variable(*name, items(parameter, definitions));
    }
    let expression = compiled(question.expression)?;
    let whole = Item::resource(resource, definitions);
    let context = question.context.map(compiled).transpose()?;
    let contexts = match (&context, question.context) {
        (Some(context), Some(text)) => {
            let found = evaluate_traced(context, &whole, &environment);
            found.map_err(|error| placed(&error, text))?.0
        }
        _ => vec![whole],
    };
    if contexts.len() > MOST_CONTEXTS {
        return Err(bad_value("context", "an expression of at most 1000 items"));
    }
    let writer = Writer {
        definitions,
        resource,
    };
    let mut parameters = vec![writer.told(&question)];
    for one in &contexts {
        if stop() {
            return Err(too_long());
        }
        let found = evaluate_traced(&expression, one, &environment);
        let (items, traces) = found.map_err(|error| placed(&error, question.expression))?;
        let mut parts: Vec<Value> = items.iter().map(|item| writer.part(item)).collect();
        for trace in &traces {
            let told = trace.items.iter().map(|item| writer.part(item)).collect();
            parts.push(group("trace", Some(&trace.name), told));
        }
        let place = question.context.and_then(|_| writer.place(one));
        parameters.push(group("result", place.as_deref(), parts));
    }
    let mut out = Object::new();
    out.push("resourceType", "Parameters");
    out.push("id", "fhirpath");
    out.push("parameter", parameters);
    Ok(json::to_vec(&Value::Object(out)))
}

fn too_long() -> Error {
    Error::new(
        Kind::Unprocessable,
        "too-costly",
        "expected an expression that is evaluated in time, found one that takes too long",
    )
}

fn compiled(text: &str) -> Result<Expr> {
    parse(text).map_err(|error| placed(&error, text))
}

/// The fault with its line and column.
fn placed(error: &FhirPathError, text: &str) -> Error {
    let plain = Error::from(error.clone());
    let code = plain.issues().first().map_or("invalid", |issue| issue.code);
    Error::new(plain.kind(), code, error.in_text(text))
}

fn question<'a>(pairs: &'a [(String, String)], body: Option<&'a Value>) -> Result<Question<'a>> {
    let mut expression = None;
    let mut context = None;
    let mut resource = Given::Nothing;
    let mut variables = Vec::new();
    for (name, value) in pairs {
        match name.as_str() {
            "expression" => expression = Some(value.as_str()),
            "context" => context = Some(value.as_str()),
            "resource" => resource = Given::Stored(value),
            "_format" | "_pretty" => {}
            name => {
                return Err(unknown_parameter(
                    NAME,
                    "expression, context and resource",
                    name,
                ));
            }
        }
    }
    if let Some(body) = body {
        if body.str_at("resourceType") != Some("Parameters") {
            return Err(bad_value("the body", "a Parameters resource"));
        }
        for parameter in body.items_at("parameter") {
            let name = parameter.str_at("name").unwrap_or("");
            let text = || {
                parameter
                    .str_at("valueString")
                    .filter(|text| !text.is_empty())
            };
            match name {
                "expression" => {
                    expression = Some(text().ok_or_else(|| bad_value(name, "a valueString"))?);
                }
                "context" => context = text(),
                "resource" => {
                    resource = match (parameter.get("resource"), text()) {
                        (Some(own), _) => Given::Here(own),
                        (None, Some(reference)) => Given::Stored(reference),
                        _ => return Err(bad_value(name, "a resource, or a reference to one")),
                    }
                }
                "variables" => {
                    for part in parameter.items_at("part") {
                        let own = part.str_at("name").unwrap_or("");
                        if own.is_empty() {
                            return Err(bad_value(name, "parts with names"));
                        }
                        variables.push((own, part));
                    }
                }
                // The codes are answered here: nobody is asked on behalf of a client.
                "terminologyserver" => {}
                "validate" if parameter.get("valueBoolean") == Some(&Value::Bool(false)) => {}
                "validate" => {
                    return Err(bad_value(name, "false, as expressions are not validated"));
                }
                name => return Err(unknown_parameter(NAME, ALLOWED, name)),
            }
        }
    }
    Ok(Question {
        expression: expression.ok_or_else(|| bad_value("expression", "a FHIRPath expression"))?,
        context,
        resource,
        variables,
    })
}

/// The value of a variable, of the type that its name tells.
fn items<'a>(part: &'a Value, definitions: &'a Definitions) -> Vec<Item<'a>> {
    if let Some(resource) = part.get("resource") {
        return vec![Item::resource(resource, definitions)];
    }
    let members = part.as_object().into_iter().flat_map(Object::iter);
    members
        .filter_map(|(name, value)| {
            let code = value_code(definitions, name)?;
            Some(Item::Node(Element::of_type(value, code, definitions)))
        })
        .collect()
}

/// The type that a member such as `valueHumanName` of a parameter has.
fn value_code<'a>(definitions: &'a Definitions, member: &str) -> Option<&'a str> {
    let schema = definitions.schema("Parameters")?;
    let mut nodes = schema.nodes.iter();
    let parameter = nodes.find(|node| node.path == "Parameters.parameter")?;
    let (field, kind) = parameter.member(member)?;
    (field.name == "value").then_some(kind.code.as_str())
}

fn stored(node: &Node, reference: &str) -> Result<Value> {
    let key = key(node, reference)
        .ok_or_else(|| bad_value("resource", "a reference such as Patient/1"))?;
    node.check_type(&key.resource_type)?;
    let version = read::current(node, &key)?;
    Ok(json::parse(
        &content(node, &version)?,
        &node.choices.limits,
    )?)
}

/// The key of a reference to this server.
fn key(node: &Node, reference: &str) -> Option<ResourceKey> {
    let own = reference.strip_prefix(node.base.as_str());
    let path = own.map_or(reference, |rest| rest.trim_start_matches('/'));
    ResourceKey::parse(path)
}

/// Resources that references lead to. They are kept in a chain, so that what was found stays where it is
/// while more is found.
struct Store<'n> {
    node: &'n Node,
    first: OnceCell<Box<Found>>,
    count: Cell<usize>,
}

struct Found {
    reference: String,
    value: Option<Value>,
    next: OnceCell<Box<Found>>,
}

impl<'n> Store<'n> {
    fn new(node: &'n Node) -> Self {
        Self {
            node,
            first: OnceCell::new(),
            count: Cell::new(0),
        }
    }

    fn look(&self, reference: &str) -> Answer<Option<Value>> {
        let Some(key) = key(self.node, reference) else {
            return Ok(None);
        };
        if !self.node.definitions.is_resource_type(&key.resource_type) {
            return Ok(None);
        }
        match stored(self.node, reference) {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Gone) => Ok(None),
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }
}

impl References for Store<'_> {
    fn find(&self, reference: &str) -> Answer<Option<&Value>> {
        let mut place = &self.first;
        while let Some(found) = place.get() {
            if found.reference == reference {
                return Ok(found.value.as_ref());
            }
            place = &found.next;
        }
        let count = self.count.get().saturating_add(1);
        if count > MOST_RESOLVED {
            return Err(format!(
                "expected at most {MOST_RESOLVED} references, found more"
            ));
        }
        self.count.set(count);
        let value = self.look(reference)?;
        let found = place.get_or_init(|| {
            Box::new(Found {
                reference: reference.to_owned(),
                value,
                next: OnceCell::new(),
            })
        });
        Ok(found.value.as_ref())
    }
}

/// Drops the chain link by link: a long one would not fit the stack.
impl Drop for Found {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut found) = next {
            next = found.next.take();
        }
    }
}

/// A parameter with parts.
fn group(name: &str, value: Option<&str>, parts: Vec<Value>) -> Value {
    let mut parameter = Object::new();
    parameter.push("name", name);
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        parameter.push("valueString", value);
    }
    if !parts.is_empty() {
        parameter.push("part", parts);
    }
    Value::Object(parameter)
}

struct Writer<'a> {
    definitions: &'a Definitions,
    resource: &'a Value,
}

impl Writer<'_> {
    /// What was evaluated, and by whom.
    fn told(&self, question: &Question<'_>) -> Value {
        let evaluator = format!("fascicolo {} (R4)", env!("CARGO_PKG_VERSION"));
        let mut parts = vec![
            group("evaluator", Some(&evaluator), Vec::new()),
            group("expression", Some(question.expression), Vec::new()),
        ];
        parts.extend(
            question
                .context
                .map(|context| group("context", Some(context), Vec::new())),
        );
        group("parameters", None, parts)
    }

    fn place(&self, item: &Item<'_>) -> Option<String> {
        let place = Location::find(self.resource, item.node()?)?;
        Some(place.expression(self.resource.str_at("resourceType")?))
    }

    /// An item: named by its type, with its value and its place.
    fn part(&self, item: &Item<'_>) -> Value {
        let (namespace, name) = item.type_name();
        let value = item.to_json();
        let code = match (namespace, name) {
            ("System", "Integer") if primitive::check("integer", &value).is_err() => "decimal",
            ("System", "Boolean") => "boolean",
            ("System", "Integer") => "integer",
            ("System", "Decimal") => "decimal",
            ("System", "String" | "TypeInfo") => "string",
            ("System", "Date") => "date",
            ("System", "DateTime") => "dateTime",
            ("System", "Time") => "time",
            (_, name) => name,
        };
        let mut part = Object::new();
        part.push("name", code);
        let mut extensions: Vec<Value> = Vec::new();
        let mut extend = |url: &str, text: String| {
            let mut extension = Object::new();
            extension.push("url", url);
            extension.push("valueString", text);
            extensions.push(Value::Object(extension));
        };
        if let Some(place) = self.place(item).filter(|place| !place.is_empty()) {
            extend(PATH, place);
        }
        let member = format!("value{}", capital(code));
        let fits = match &value {
            Value::Object(_) => value_code(self.definitions, &member) == Some(code),
            _ => {
                value_code(self.definitions, &member) == Some(code)
                    && primitive::check(code, &value).is_ok()
            }
        };
        let is_resource = self.definitions.is_resource_type(code);
        if !fits && !is_resource && value != Value::Null {
            extend(
                JSON,
                String::from_utf8_lossy(&json::to_vec(&value)).into_owned(),
            );
        }
        if !extensions.is_empty() {
            part.push("extension", extensions);
        }
        if is_resource {
            part.push("resource", value);
        } else if fits {
            part.push(member, value);
        }
        Value::Object(part)
    }
}

fn capital(code: &str) -> String {
    let mut chars = code.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
