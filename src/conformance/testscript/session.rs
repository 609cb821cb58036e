//! What a script has seen so far: fixtures, answers, variables; and how it sends a request.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::fixture::{self, Content};
use super::message::{self, Exchange, Headers, Request, header, media_type_of_code};
use super::path::{self, Knowledge};
use super::request::{self, Parts, Subject};
use super::result::{Fault, Outcome};
use super::runner::Place;
use super::script::{Operation, Script, Variable};
use super::source::{Source, Stop, subject_of, subject_of_tree};
use super::variables::{substitute, substitute_tree};
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml;

/// Variables inside the texts of variables; the standard speaks of none.
const DEPTH: usize = 3;
/// Longest value of a variable, in bytes.
const MOST_VALUE: usize = 1 << 20;
const JSON: &str = "application/fhir+json";
const XML: &str = "application/fhir+xml";

pub struct Session<'a> {
    pub script: &'a Script,
    pub place: &'a Place<'a>,
    /// Values of variables for this round of a repeated test.
    pub round: BTreeMap<String, String>,
    pub last: Option<Rc<Exchange>>,
    fixtures: HashMap<&'a str, Result<Rc<Content>, String>>,
    responses: HashMap<String, Rc<Exchange>>,
    requests: HashMap<String, Rc<Exchange>>,
    /// Where the server has put a fixture.
    created: HashMap<String, Subject>,
}

impl<'a> Session<'a> {
    pub fn new(script: &'a Script, place: &'a Place<'a>) -> Self {
        let definitions = place.world.definitions;
        let fixtures = script.fixtures.iter().map(|fixture| {
            let content = fixture::content(fixture, script, &place.roots, definitions);
            (fixture.id.as_str(), content.map(Rc::new))
        });
        Self {
            script,
            place,
            round: BTreeMap::new(),
            last: None,
            fixtures: fixtures.collect(),
            responses: HashMap::new(),
            requests: HashMap::new(),
            created: HashMap::new(),
        }
    }

    pub fn knowledge(&self) -> Knowledge<'a> {
        Knowledge {
            definitions: self.place.world.definitions,
            now: self.place.world.clock.now(),
        }
    }

    /// The content of a fixture; `None` when no fixture has this id.
    pub fn fixture(&self, id: &str) -> Option<&Result<Rc<Content>, String>> {
        self.fixtures.get(id)
    }

    /// Where the server has put a fixture that was created.
    pub fn created(&self, fixture: &str) -> Option<&Subject> {
        self.created.get(fixture)
    }

    /// Gives a fixture that was created the id that the server has given it.
    pub fn adopt(&mut self, fixture: &str) {
        let id = self
            .created
            .get(fixture)
            .and_then(|created| created.id.clone());
        if let (Some(id), Some(Ok(content))) = (id, self.fixtures.get_mut(fixture))
            && let Some(Value::Object(tree)) = &mut Rc::make_mut(content).tree
        {
            tree.set("id", id);
        }
    }

    /// What an id stands for: the latest answer, a request, a fixture.
    pub fn source(&self, id: &str) -> Result<Source, Stop> {
        if let Some(exchange) = self.responses.get(id) {
            return Ok(Source::Response(Rc::clone(exchange)));
        }
        if let Some(exchange) = self.requests.get(id) {
            return Ok(Source::Request(Rc::clone(exchange)));
        }
        match self.fixtures.get(id) {
            Some(Ok(content)) => Ok(Source::Fixture(Rc::clone(content))),
            Some(Err(reason)) => Err(Stop::Unsupported(format!("fixture {id:?}: {reason}"))),
            None => Err(Stop::Fault(Fault::new(
                format!("an answer called {id:?}"),
                "none so far",
            ))),
        }
    }

    /// The source with an id, or the latest answer without one.
    pub fn source_or_last(&self, id: Option<&str>) -> Result<Source, Stop> {
        match (id, &self.last) {
            (Some(id), _) => self.source(id),
            (None, Some(last)) => Ok(Source::Response(Rc::clone(last))),
            (None, None) => Err(Stop::Fault(Fault::new("an answer", "none so far"))),
        }
    }

    /// A text with its variables replaced.
    pub fn fill(&self, text: &str) -> Result<String, Stop> {
        substitute(text, |name| self.value(name, DEPTH))
    }

    pub fn fill_option(&self, text: Option<&String>) -> Result<Option<String>, Stop> {
        text.map(|text| self.fill(text)).transpose()
    }

    /// The value of a variable; `None` when the script does not declare it.
    fn value(&self, name: &str, depth: usize) -> Result<Option<String>, Stop> {
        let given = self
            .round
            .get(name)
            .or_else(|| self.place.variables.get(name));
        if let Some(value) = given {
            return Ok(Some(value.clone()));
        }
        let declared = self.script.variables.iter().find(|v| v.name == name);
        let Some(variable) = declared else {
            return Ok(None);
        };
        let evaluated = self.evaluate(variable, depth);
        if matches!(&evaluated, Ok(Some(value)) if value.len() > MOST_VALUE) {
            let reason = format!("the value of variable {name:?} is too long");
            return Err(Stop::Unsupported(reason));
        }
        match (&variable.default_value, evaluated) {
            (_, Ok(Some(value))) => Ok(Some(value)),
            (Some(default), _) => {
                let Some(depth) = depth.checked_sub(1) else {
                    return Err(Stop::Unsupported(format!(
                        "variable {name:?} leads back to itself"
                    )));
                };
                substitute(default, |name| self.value(name, depth)).map(Some)
            }
            (None, Ok(None)) => Err(Stop::Unsupported(needs_value(variable))),
            (None, Err(stop)) => Err(stop),
        }
    }

    /// The value from the source of a variable; `None` when it names nothing to take it from.
    fn evaluate(&self, variable: &Variable, depth: usize) -> Result<Option<String>, Stop> {
        if variable.header_field.is_none()
            && variable.path.is_none()
            && variable.expression.is_none()
        {
            return Ok(None);
        }
        let source = self.source_or_last(variable.source_id.as_deref())?;
        let name = &variable.name;
        if let Some(field) = &variable.header_field {
            let found = source.headers().and_then(|headers| header(headers, field));
            return found.map(Some).ok_or_else(|| {
                let expected = format!("header {field} for variable {name:?}");
                Stop::Fault(Fault::new(expected, "none"))
            });
        }
        let Some(depth) = depth.checked_sub(1) else {
            let reason = format!("variable {name:?} leads back to itself");
            return Err(Stop::Unsupported(reason));
        };
        let inner = |text: &String| substitute(text, |name| self.value(name, depth));
        let found = match (&variable.expression, &variable.path) {
            (Some(expression), _) => {
                path::expression(&inner(expression)?, source.tree()?, self.knowledge())
            }
            (None, Some(path)) => path::evaluate(&inner(path)?, source.tree()?, self.knowledge()),
            (None, None) => Ok(Vec::new()),
        };
        let text = found.map_err(Stop::from)?.into_iter().next();
        text.map(Some).ok_or_else(|| {
            let place = variable.expression.as_ref().or(variable.path.as_ref());
            let place = place.map_or("", String::as_str);
            let expected = format!("a value at {place} for variable {name:?}");
            Stop::Fault(Fault::new(expected, source.describe()))
        })
    }

    /// Sends an operation and remembers what came back.
    pub fn operate(&mut self, operation: &Operation) -> Outcome {
        match self.exchange(operation) {
            Ok(exchange) => {
                let exchange = Rc::new(exchange);
                if let Some(id) = &operation.response_id {
                    self.responses.insert(id.clone(), Rc::clone(&exchange));
                }
                if let Some(id) = &operation.request_id {
                    self.requests.insert(id.clone(), Rc::clone(&exchange));
                }
                if let Some(id) = &operation.source_id
                    && exchange.request.method == "POST"
                    && exchange.response.status == 201
                    && self.fixtures.contains_key(id.as_str())
                {
                    self.created.insert(id.clone(), subject_of(&exchange));
                }
                self.last = Some(exchange);
                Outcome::Pass
            }
            Err(stop) => stop.outcome(),
        }
    }

    fn exchange(&self, operation: &Operation) -> Result<Exchange, Stop> {
        let (sent, verbatim, native) = self.content(operation.source_id.as_deref())?;
        let parts = Parts {
            code: operation.code.clone(),
            method: operation.method.clone(),
            resource: operation.resource.clone(),
            params: self.fill_option(operation.params.as_ref())?,
            url: self.fill_option(operation.url.as_ref())?,
            encode: operation.encode,
            target: match &operation.target_id {
                Some(id) => Some(self.subject(id)?),
                None => None,
            },
            source: operation
                .source_id
                .as_ref()
                .map(|_| sent.as_ref().map(subject_of_tree).unwrap_or_default()),
        };
        let line = request::line(&parts, &self.place.options.base)
            .map_err(|reason| Stop::Fault(Fault::new("a whole operation", reason)))?;
        let mut headers = Headers::new();
        for (name, value) in &operation.headers {
            headers.push((self.fill(name)?, self.fill(value)?));
        }
        let accept = operation.accept.as_deref().unwrap_or(JSON);
        if let (None, Some(value)) = (header(&headers, "accept"), media_type_of_code(accept)) {
            headers.push(("Accept".to_owned(), value.to_owned()));
        }
        let content_type = self.fill_option(operation.content_type.as_ref())?;
        let content_type = content_type
            .as_deref()
            .map_or(Some(native), media_type_of_code);
        let mut body = None;
        if let Some(form) = line.form {
            body = Some(form.into_bytes());
            set(&mut headers, "application/x-www-form-urlencoded");
        } else if operation.source_id.is_some() && !matches!(line.method.as_str(), "GET" | "HEAD") {
            body = Some(self.bytes(sent.as_ref(), verbatim, content_type.unwrap_or(native))?);
            if let Some(content_type) = content_type {
                set(&mut headers, content_type);
            }
        }
        let request = Request {
            method: line.method,
            url: line.url,
            headers,
            body,
        };
        let definitions = self.place.world.definitions;
        let response = self.place.client.send(&request, definitions);
        let response = response.map_err(|reason| Stop::Fault(Fault::new("an answer", reason)))?;
        Ok(Exchange {
            request,
            sent,
            response,
        })
    }

    /// What an operation sends: the tree with its variables replaced, the bytes as they stand,
    /// and the media type it has by itself.
    fn content(&self, id: Option<&str>) -> Result<(Option<Value>, Vec<u8>, &'static str), Stop> {
        let Some(id) = id else {
            return Ok((None, Vec::new(), JSON));
        };
        match self.source(id)? {
            Source::Fixture(content) => {
                let mut tree = content.tree.clone();
                if let Some(tree) = &mut tree {
                    substitute_tree(tree, &mut |name: &str| self.value(name, DEPTH))?;
                }
                let native = if content.is_xml { XML } else { JSON };
                Ok((tree, content.bytes.clone(), native))
            }
            Source::Response(exchange) => {
                let response = &exchange.response;
                Ok((response.resource.clone().ok(), response.body.clone(), JSON))
            }
            Source::Request(exchange) => {
                let body = exchange.request.body.clone().unwrap_or_default();
                Ok((exchange.sent.clone(), body, JSON))
            }
        }
    }

    fn bytes(
        &self,
        tree: Option<&Value>,
        verbatim: Vec<u8>,
        content_type: &str,
    ) -> Result<Vec<u8>, Stop> {
        let essence = message::media_type(content_type);
        let Some(tree) = tree else {
            return Ok(verbatim);
        };
        if essence.ends_with("xml") {
            return xml::to_xml(tree, self.place.world.definitions).map_err(|error| {
                Stop::Unsupported(format!("the fixture cannot be written as XML: {error}"))
            });
        }
        if essence.ends_with("turtle") {
            return Err(Stop::Unsupported("Turtle is not written".to_owned()));
        }
        Ok(json::to_vec(tree))
    }

    fn subject(&self, id: &str) -> Result<Subject, Stop> {
        if let Some(created) = self.created.get(id) {
            return Ok(created.clone());
        }
        match self.source(id)? {
            Source::Response(exchange) => Ok(subject_of(&exchange)),
            Source::Request(exchange) => Ok(exchange
                .sent
                .as_ref()
                .map(subject_of_tree)
                .unwrap_or_default()),
            Source::Fixture(content) => Ok(content
                .tree
                .as_ref()
                .map(subject_of_tree)
                .unwrap_or_default()),
        }
    }
}

/// Why a variable without value keeps a test from being run.
pub fn needs_value(variable: &Variable) -> String {
    let hint = variable.hint.as_deref().unwrap_or("a value");
    format!(
        "variable {:?} is for the user to give: --variable '{}={hint}'",
        variable.name, variable.name
    )
}

/// Sets the content type unless the script has done so.
fn set(headers: &mut Headers, content_type: &str) {
    if header(headers, "content-type").is_none() {
        headers.push(("Content-Type".to_owned(), content_type.to_owned()));
    }
}
