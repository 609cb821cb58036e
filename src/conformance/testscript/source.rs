//! What the ids of a script stand for, and what can be had from them.

use std::rc::Rc;

use super::fixture::Content;
use super::message::{Exchange, Headers, header};
use super::path::PathError;
use super::request::Subject;
use super::result::{Fault, Outcome};
use crate::fhir::model::value::Value;

/// Why an action does not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Not done here: the test is skipped.
    Unsupported(String),
    /// It should have been possible: the test fails.
    Fault(Fault),
}

impl Stop {
    /// The outcome of an operation that stops so.
    pub fn outcome(self) -> Outcome {
        match self {
            Stop::Unsupported(reason) => Outcome::Unsupported(reason),
            Stop::Fault(fault) => Outcome::Error(fault),
        }
    }
}

/// What an id of a script stands for.
#[derive(Clone)]
pub enum Source {
    Response(Rc<Exchange>),
    Request(Rc<Exchange>),
    Fixture(Rc<Content>),
}

impl Source {
    /// The resource.
    pub fn tree(&self) -> Result<&Value, Stop> {
        let found = match self {
            Source::Response(exchange) => {
                return exchange.response.resource.as_ref().map_err(|reason| {
                    let status = exchange.response.status;
                    Stop::Fault(Fault::new(
                        "a resource",
                        format!("{reason} (status {status})"),
                    ))
                });
            }
            Source::Request(exchange) => exchange.sent.as_ref(),
            Source::Fixture(content) => content.tree.as_ref(),
        };
        found.ok_or_else(|| Stop::Fault(Fault::new("a resource", "something else")))
    }

    /// The headers of a message; a fixture has none.
    pub fn headers(&self) -> Option<&Headers> {
        match self {
            Source::Response(exchange) => Some(&exchange.response.headers),
            Source::Request(exchange) => Some(&exchange.request.headers),
            Source::Fixture(_) => None,
        }
    }

    /// Where nothing was found, for a sentence.
    pub fn describe(&self) -> String {
        match self {
            Source::Response(exchange) => {
                format!("none in an answer with status {}", exchange.response.status)
            }
            Source::Request(_) => "none in the request".to_owned(),
            Source::Fixture(_) => "none in the fixture".to_owned(),
        }
    }
}

impl From<PathError> for Stop {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Unsupported(reason) => Stop::Unsupported(reason),
            PathError::Fault(reason) => {
                Stop::Fault(Fault::new("an expression that fits the data", reason))
            }
        }
    }
}

/// Type, id and version of a resource.
pub fn subject_of_tree(tree: &Value) -> Subject {
    let own = |name: &str| tree.str_at(name).map(str::to_owned);
    Subject {
        resource_type: own("resourceType"),
        id: own("id"),
        version: tree
            .get("meta")
            .and_then(|meta| meta.str_at("versionId"))
            .map(str::to_owned),
    }
}

/// What an answer is about: its resource, or where it says the resource is.
pub fn subject_of(exchange: &Exchange) -> Subject {
    if let Ok(tree) = &exchange.response.resource
        && tree.str_at("resourceType") != Some("OperationOutcome")
        && tree.str_at("id").is_some()
    {
        return subject_of_tree(tree);
    }
    let location = header(&exchange.response.headers, "location").unwrap_or_default();
    let location = location.split(['?', '#']).next().unwrap_or_default();
    let (instance, version) = match location.split_once("/_history/") {
        Some((instance, version)) => (instance, Some(version.to_owned())),
        None => (location, None),
    };
    let mut segments = instance.rsplit('/');
    let mut next = || segments.next().filter(|s| !s.is_empty()).map(str::to_owned);
    let id = next();
    Subject {
        resource_type: next(),
        id,
        version,
    }
}
