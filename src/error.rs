//! The one error of the house, and the one shape of a finding.
//!
//! A failing module defines a small enum of its own and chooses the [`Kind`]; only this file knows
//! which HTTP status and which issue type a kind stands for. Source: FHIR R4 *OperationOutcome*
//! and *RESTful API* (http.html), section "Summary" for the statuses.

use std::fmt;

use crate::fhir::model::value::{Object, Value};

/// What went wrong, as far as a client can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Not understood: no JSON, a bad parameter, a wrong header. 400.
    Invalid,
    /// No or bad credentials. 401.
    Unauthenticated,
    /// Refused, computable from credentials and request line alone. 403.
    Forbidden,
    /// Unknown, or hidden from this caller. 404.
    NotFound,
    /// The method does not exist on this route. 405.
    MethodNotAllowed,
    /// None of the accepted representations can be produced. 406.
    NotAcceptable,
    /// Version race or a name already in use. 409.
    Conflict,
    /// Deleted, and this caller might have seen it. 410.
    Gone,
    /// `If-Match` is stale, or a condition matched several resources. 412.
    PreconditionFailed,
    /// Body over its limit. 413.
    TooLarge,
    /// Request line over its limit. 414.
    UriTooLong,
    /// A media type that is not read here. 415.
    UnsupportedMediaType,
    /// A part that a document does not have. 416.
    RangeNotSatisfiable,
    /// Understood, but breaks a rule of FHIR or of a profile. 422.
    Unprocessable,
    /// `If-Match` is demanded and absent. 428.
    PreconditionRequired,
    /// This client is over its share. 429.
    Throttled,
    /// Header block over its limit. 431.
    HeadersTooLarge,
    /// A search that cannot be bounded. 400.
    TooCostly,
    /// Known to FHIR, not offered here. 501.
    NotSupported,
    /// The server cannot serve this now; try again. 503.
    Unavailable,
    /// A deadline passed. 504.
    Timeout,
    /// No space left. 507.
    Full,
    /// What is stored is not what was written, and is not served. 500.
    Damaged,
    /// A defect of ours. 500.
    Internal,
}

impl Kind {
    /// The HTTP status that stands for this kind.
    pub fn status(self) -> u16 {
        match self {
            Kind::Invalid | Kind::TooCostly => 400,
            Kind::Unauthenticated => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::MethodNotAllowed => 405,
            Kind::NotAcceptable => 406,
            Kind::Conflict => 409,
            Kind::Gone => 410,
            Kind::PreconditionFailed => 412,
            Kind::TooLarge => 413,
            Kind::UriTooLong => 414,
            Kind::UnsupportedMediaType => 415,
            Kind::RangeNotSatisfiable => 416,
            Kind::Unprocessable => 422,
            Kind::PreconditionRequired => 428,
            Kind::Throttled => 429,
            Kind::HeadersTooLarge => 431,
            Kind::Internal | Kind::Damaged => 500,
            Kind::NotSupported => 501,
            Kind::Unavailable => 503,
            Kind::Timeout => 504,
            Kind::Full => 507,
        }
    }

    /// The code of the value set `issue-type` used when the failing module names none.
    pub fn issue_type(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Unauthenticated => "login",
            Kind::Forbidden => "forbidden",
            Kind::NotFound => "not-found",
            Kind::MethodNotAllowed
            | Kind::NotAcceptable
            | Kind::UnsupportedMediaType
            | Kind::NotSupported => "not-supported",
            Kind::Conflict | Kind::PreconditionFailed | Kind::PreconditionRequired => "conflict",
            Kind::Gone => "deleted",
            Kind::TooLarge | Kind::UriTooLong | Kind::HeadersTooLarge => "too-long",
            Kind::RangeNotSatisfiable => "value",
            Kind::Unprocessable => "processing",
            Kind::Throttled => "throttled",
            Kind::TooCostly => "too-costly",
            Kind::Unavailable => "transient",
            Kind::Timeout => "timeout",
            Kind::Full => "no-store",
            Kind::Internal | Kind::Damaged => "exception",
        }
    }
}

/// `OperationOutcome.issue.severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Information,
    Warning,
    Error,
    Fatal,
}

impl Severity {
    /// The code of the value set `issue-severity`.
    pub fn code(self) -> &'static str {
        match self {
            Severity::Information => "information",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Fatal => "fatal",
        }
    }
}

/// One finding: what was expected, what was found and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    /// A code of the value set `issue-type`.
    pub code: &'static str,
    /// Expected and found, in English, without personal data.
    pub diagnostics: String,
    /// FHIRPath expressions of the elements meant; empty where none can be named.
    pub expression: Vec<String>,
    /// Where in the text that was sent, if that is known.
    pub position: Option<Position>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters; a fault of the syntax counts in bytes.
    pub column: usize,
}

impl Issue {
    /// An error that concerns no single element.
    pub fn error(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, diagnostics)
    }

    /// A warning that concerns no single element.
    pub fn warning(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, diagnostics)
    }

    /// Something worth saying that is not a fault.
    pub fn information(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Information, code, diagnostics)
    }

    /// A finding of any severity that concerns no single element.
    pub fn new(severity: Severity, code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            diagnostics: diagnostics.into(),
            expression: Vec::new(),
            position: None,
        }
    }

    /// The same finding, placed at an element.
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression.push(expression.into());
        self
    }
}

/// Why something could not be done. Small on the stack: one pointer.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    issues: Vec<Issue>,
    retry_after: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the functions of this house return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with one issue whose code is the usual one of its kind.
    pub fn of(kind: Kind, diagnostics: impl Into<String>) -> Self {
        Self::new(kind, kind.issue_type(), diagnostics)
    }

    /// An error with one issue.
    pub fn new(kind: Kind, code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::from_issues(kind, vec![Issue::error(code, diagnostics)])
    }

    /// An error that carries all the findings of a check.
    pub fn from_issues(kind: Kind, issues: Vec<Issue>) -> Self {
        Self(Box::new(Inner {
            kind,
            issues,
            retry_after: None,
            source: None,
        }))
    }

    /// A defect of ours. The text goes to the log; the client sees a fixed one.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::of(Kind::Internal, what)
    }

    /// The same error, placed at an element.
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        if let Some(issue) = self.0.issues.last_mut() {
            issue.expression.push(expression.into());
        }
        self
    }

    /// The same error with its cause chained for the log; the cause never reaches a client.
    pub fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// The same error with a hint, in seconds, when trying again makes sense.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn issues(&self) -> &[Issue] {
        &self.0.issues
    }

    pub fn into_issues(self) -> Vec<Issue> {
        self.0.issues
    }

    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for issue in &self.0.issues {
            if !first {
                f.write_str("; ")?;
            }
            first = false;
            f.write_str(&issue.diagnostics)?;
            for expression in &issue.expression {
                write!(f, " (at {expression})")?;
            }
        }
        if first {
            write!(f, "{:?}", self.0.kind)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| -> &(dyn std::error::Error + 'static) { source })
    }
}

/// Builds the `OperationOutcome` that carries the findings.
///
/// An empty list becomes one issue of severity information, because the element is 1..*.
pub fn outcome(issues: &[Issue]) -> Value {
    let mut list: Vec<Value> = issues.iter().map(issue_value).collect();
    if list.is_empty() {
        list.push(issue_value(&Issue::information(
            "informational",
            "no issues detected",
        )));
    }
    let mut outcome = Object::new();
    outcome.push("resourceType", Value::from("OperationOutcome"));
    outcome.push("issue", Value::Array(list));
    Value::Object(outcome)
}

/// The extensions of HL7 for the place of a finding in the text.
fn place_extension((name, value): (&str, usize)) -> Value {
    let mut extension = Object::new();
    extension.push(
        "url",
        format!("http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-{name}"),
    );
    extension.push("valueInteger", Value::Number(value.to_string().into()));
    Value::Object(extension)
}

fn issue_value(issue: &Issue) -> Value {
    let mut object = Object::new();
    if let Some(position) = issue.position {
        let places = [("line", position.line), ("col", position.column)];
        object.push("extension", places.map(place_extension).to_vec());
    }
    object.push("severity", Value::from(issue.severity.code()));
    object.push("code", Value::from(issue.code));
    if !issue.diagnostics.is_empty() {
        object.push("diagnostics", Value::from(issue.diagnostics.as_str()));
    }
    if !issue.expression.is_empty() {
        let list = issue
            .expression
            .iter()
            .map(|e| Value::from(e.as_str()))
            .collect();
        object.push("expression", Value::Array(list));
    }
    Value::Object(object)
}
