//! The HTTP client: bounded bodies, no redirects, a timeout for each request.
//!
//! Headers of the command line, which may hold a token, go to the server under test and to nobody
//! else: an address that a script or a server names may lie anywhere.

use std::io::Read as _;
use std::time::Duration;

use reqwest::Url;
use reqwest::blocking::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};

use super::message::{Headers, Request, Response};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::Value;

/// Most bytes that are read of one answer.
const MOST_BODY: u64 = 64 << 20;

/// Speaks to one server.
pub struct Client {
    http: reqwest::blocking::Client,
    base: Url,
    headers: Headers,
}

/// The CapabilityStatement of the server, or why there is none.
pub type Capability = std::result::Result<Value, String>;

impl Client {
    /// A client for the server at `base`.
    ///
    /// # Errors
    /// `Invalid` when the base is no HTTP URL or a header cannot be sent; `Internal` when TLS
    /// cannot be set up.
    pub fn new(base: &str, headers: &[(String, String)], timeout: Duration) -> Result<Self> {
        // The first to come decides for the process; later calls change nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| {
                Error::of(
                    Kind::Invalid,
                    format!("expected the URL of a FHIR server, found {base:?}"),
                )
            })?;
        for (name, value) in headers {
            if let Err(reason) = header(name, value) {
                return Err(Error::of(Kind::Invalid, reason));
            }
        }
        let builder = || {
            reqwest::blocking::Client::builder()
                .timeout(timeout)
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
        };
        // A system without certificates is no hindrance where none is needed.
        let http = match builder().build() {
            Err(_) if base.scheme() == "http" => builder().tls_certs_only(Vec::new()).build(),
            built => built,
        };
        let http = http
            .map_err(|error| Error::internal("the HTTP client cannot be started").because(error))?;
        Ok(Self {
            http,
            base,
            headers: headers.to_vec(),
        })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// A sentence: no connection, no answer in time, an answer over its limit, a request that
    /// cannot be sent.
    pub fn send(
        &self,
        request: &Request,
        definitions: &Definitions,
    ) -> std::result::Result<Response, String> {
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| format!("{:?} is no HTTP method", request.method))?;
        let url = Url::parse(&request.url).map_err(|error| format!("{}: {error}", request.url))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{} is no HTTP URL", request.url));
        }
        let mut builder = self.http.request(method, url.clone());
        builder = add(builder, &request.headers)?;
        if url.origin() == self.base.origin() {
            builder = add(builder, &self.unset_by(request))?;
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let mut answer = builder.send().map_err(|error| causes(&error))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let mut body = Vec::new();
        let read = (&mut answer)
            .take(MOST_BODY.saturating_add(1))
            .read_to_end(&mut body)
            .map_err(|error| format!("the answer breaks off: {}", causes(&error)))?;
        if u64::try_from(read).unwrap_or(u64::MAX) > MOST_BODY {
            return Err(format!("an answer of more than {MOST_BODY} bytes"));
        }
        Ok(Response::new(status, headers, body, definitions))
    }

    /// Reads the CapabilityStatement.
    pub fn capability(&self, definitions: &Definitions) -> Capability {
        let request = Request {
            method: "GET".to_owned(),
            url: format!("{}/metadata", self.base.as_str().trim_end_matches('/')),
            headers: vec![("Accept".to_owned(), "application/fhir+json".to_owned())],
            body: None,
        };
        let response = self.send(&request, definitions)?;
        if response.status != 200 {
            return Err(format!("an answer with status {}", response.status));
        }
        response.resource
    }

    /// The headers of the command line that the request does not set itself.
    fn unset_by(&self, request: &Request) -> Headers {
        self.headers
            .iter()
            .filter(|(name, _)| {
                !request
                    .headers
                    .iter()
                    .any(|(set, _)| set.eq_ignore_ascii_case(name))
            })
            .cloned()
            .collect()
    }
}

fn add(
    mut builder: RequestBuilder,
    headers: &Headers,
) -> std::result::Result<RequestBuilder, String> {
    for (name, value) in headers {
        let (name, value) = header(name, value)?;
        builder = builder.header(name, value);
    }
    Ok(builder)
}

/// A header as it goes on the wire. The value is not repeated in the text: it may be a secret.
fn header(name: &str, value: &str) -> std::result::Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| format!("{name:?} is no name of a header"))?;
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| format!("the value of header {name} cannot be sent"))?;
    Ok((name, value))
}

/// An error with its causes, because the outermost one of the client says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
