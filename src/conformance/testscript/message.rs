//! What was sent and what came back.

use crate::error::Error;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml;

/// Headers in the order in which they were given; names are compared without case.
pub type Headers = Vec<(String, String)>;

#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    pub url: String,
    pub headers: Headers,
    pub body: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
    /// The body as a resource, or why it is none.
    pub resource: Result<Value, String>,
}

/// A request with the resource it carried, and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: Request,
    pub sent: Option<Value>,
    pub response: Response,
}

/// The value of a header; several of one name are one list (RFC 9110).
pub fn header(headers: &Headers, name: &str) -> Option<String> {
    let values: Vec<&str> = headers
        .iter()
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The media type of a header, without parameters, in lower case.
pub fn media_type(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The media type that a code of *defined-types* `json`, `xml`, `ttl` stands for; `None` for `none`.
pub fn media_type_of_code(code: &str) -> Option<&str> {
    match code {
        "json" => Some("application/fhir+json"),
        "xml" => Some("application/fhir+xml"),
        "ttl" | "turtle" => Some("application/fhir+turtle"),
        "none" => None,
        other => Some(other),
    }
}

impl Response {
    /// Reads the body by its media type.
    pub fn new(status: u16, headers: Headers, body: Vec<u8>, definitions: &Definitions) -> Self {
        let content_type = header(&headers, "content-type").unwrap_or_default();
        let resource = read(&body, &media_type(&content_type), definitions);
        Self {
            status,
            headers,
            body,
            resource,
        }
    }
}

fn read(body: &[u8], media_type: &str, definitions: &Definitions) -> Result<Value, String> {
    if body.is_empty() {
        return Err("an empty body".to_owned());
    }
    let parsed = if media_type.ends_with("json") {
        json::parse(body, &limits()).map_err(Error::from)
    } else if media_type.ends_with("xml") {
        let limits = xml::XmlLimits {
            nodes: 5_000_000,
            ..xml::XmlLimits::default()
        };
        xml::from_xml_within(body, definitions, &limits)
    } else {
        return Err(format!("a body of type {media_type:?}"));
    };
    parsed.map_err(|error| format!("a body that cannot be read: {error}"))
}

/// A searchset may be large; what it holds was bounded in bytes already.
pub fn limits() -> json::Limits {
    json::Limits {
        nodes: 5_000_000,
        string: 64 << 20,
        ..json::Limits::default()
    }
}
