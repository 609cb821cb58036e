//! From an answer to an HTTP response: status, headers, form, coding.

use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderValue, HttpDate,
    LAST_MODIFIED, LOCATION, RETRY_AFTER, VARY,
};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::negotiate::{Coding, Format, Wanted};
use crate::clock::Instant;
use crate::error::{Error, Issue, Kind, Result, outcome};
use crate::fhir::model::json::{self, Limits};
use crate::fhir::xml;
use crate::interactions::write::content;
use crate::interactions::{Answer, Body, Node};

/// Bodies smaller than this are not worth a coding.
const CODING_FLOOR: usize = 1024;

/// The response to an answer.
pub fn answer(
    node: &Node,
    answer: Answer,
    wanted: &Wanted,
    coding: Coding,
) -> Result<HttpResponse> {
    let mut response = builder(answer.status);
    version(&mut response, answer.version);
    if let Some(location) = &answer.location {
        response.insert_header((LOCATION, format!("{}/{location}", node.base)));
    }
    if let Some(location) = &answer.content_location {
        response.insert_header((CONTENT_LOCATION, format!("{}/{location}", node.base)));
    }
    match answer.body {
        Body::Empty => Ok(response.finish()),
        Body::Stored(version) => {
            let json = content(node, &version)?;
            resource(node, response, json, wanted, coding)
        }
        Body::Ready(json)
            if wanted.format == Format::Json && !wanted.pretty && coding == Coding::Identity =>
        {
            response.insert_header((
                CONTENT_TYPE,
                HeaderValue::from_static(Format::Json.content_type()),
            ));
            vary(&mut response);
            Ok(response.body(json))
        }
        Body::Ready(json) => resource(node, response, json.to_vec(), wanted, coding),
        Body::Json(json) => resource(node, response, json, wanted, coding),
        Body::Outcome(issues) => {
            let json = json::to_vec(&outcome(&issues));
            resource(node, response, json, wanted, coding)
        }
        Body::Raw { .. } | Body::Around { .. } => {
            Err(Error::internal("a document goes out by itself"))
        }
    }
}

/// Adds the headers that name the version an answer is about.
pub fn version(response: &mut HttpResponseBuilder, version: Option<(i64, Instant)>) {
    if let Some((version, last_updated)) = version {
        response.insert_header((ETAG, format!("W/\"{version}\"")));
        response.insert_header((LAST_MODIFIED, http_date(last_updated)));
    }
}

fn resource(
    node: &Node,
    mut response: HttpResponseBuilder,
    json: Vec<u8>,
    wanted: &Wanted,
    coding: Coding,
) -> Result<HttpResponse> {
    let bytes = in_form(node, json, wanted)?;
    response.insert_header((
        CONTENT_TYPE,
        HeaderValue::from_static(wanted.format.content_type()),
    ));
    coded(response, bytes, coding)
}

fn in_form(node: &Node, json: Vec<u8>, wanted: &Wanted) -> Result<Vec<u8>> {
    if wanted.format == Format::Json && !wanted.pretty {
        return Ok(json);
    }
    // Our own bytes: a Bundle of many resources may exceed the limits of a single one.
    let limits = Limits {
        nodes: usize::MAX,
        string: usize::MAX,
        ..node.choices.limits
    };
    let tree = json::parse(&json, &limits)?;
    match (wanted.format, wanted.pretty) {
        (Format::Json, _) => Ok(json::to_pretty(&tree)),
        (Format::Xml, false) => xml::to_xml(&tree, &node.definitions),
        (Format::Xml, true) => xml::to_xml_pretty(&tree, &node.definitions),
    }
}

/// Names what the form of an answer depends on.
pub fn vary(response: &mut HttpResponseBuilder) {
    response.insert_header((
        VARY,
        HeaderValue::from_static("Accept, Accept-Encoding, Authorization"),
    ));
}

fn coded(
    mut response: HttpResponseBuilder,
    bytes: Vec<u8>,
    coding: Coding,
) -> Result<HttpResponse> {
    vary(&mut response);
    if coding == Coding::Identity || bytes.len() < CODING_FLOOR {
        return Ok(response.body(bytes));
    }
    let failed =
        |error: std::io::Error| Error::internal("an answer cannot be compressed").because(error);
    let (name, bytes) = match coding {
        Coding::Zstd => ("zstd", zstd::bulk::compress(&bytes, 1).map_err(failed)?),
        _ => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).map_err(failed)?;
            ("gzip", encoder.finish().map_err(failed)?)
        }
    };
    response.insert_header((CONTENT_ENCODING, name));
    Ok(response.body(bytes))
}

/// The response to an error. The cause goes to the log; a defect tells the client nothing more.
pub fn error(node: &Node, error: &Error, wanted: &Wanted, request_id: &str) -> HttpResponse {
    let kind = error.kind();
    let issues: Vec<Issue> = if kind == Kind::Internal {
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(request_id, %error, source, "a defect");
        vec![Issue::error(
            "exception",
            format!("an error of the server, logged under the request id {request_id}"),
        )]
    } else {
        if let Some(source) = std::error::Error::source(error) {
            tracing::warn!(request_id, %error, %source, "a request failed");
        }
        error.issues().to_vec()
    };
    let mut response = builder(kind.status());
    if let Some(seconds) = error.retry_after_seconds() {
        let seconds = match kind {
            Kind::Unavailable => scattered(seconds, request_id),
            _ => seconds,
        };
        response.insert_header((RETRY_AFTER, seconds.to_string()));
    }
    if kind == Kind::Unauthenticated {
        response.insert_header(("www-authenticate", "Bearer"));
    }
    let json = json::to_vec(&outcome(&issues));
    let form = in_form(node, json.clone(), wanted).unwrap_or(json);
    response.insert_header((
        CONTENT_TYPE,
        HeaderValue::from_static(wanted.format.content_type()),
    ));
    response.body(form)
}

/// Between one and two times as long, so that those who are sent away together do not come back
/// together (LOAD-02).
fn scattered(seconds: u32, request_id: &str) -> u32 {
    let hash = request_id.bytes().fold(0u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(byte.into())
    });
    let more = hash.checked_rem(seconds.saturating_add(1)).unwrap_or(0);
    seconds.saturating_add(more)
}

/// A response with the headers that all have.
pub fn builder(status: u16) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header(("x-content-type-options", "nosniff"));
    response
}

/// RFC 9110 *IMF-fixdate*, to the second.
pub fn http_date(at: Instant) -> String {
    let since = Duration::from_micros(u64::try_from(at).unwrap_or_default());
    HttpDate::from(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)).to_string()
}

/// Reads an `IMF-fixdate`; seconds since 1970. Other forms are not understood and so ignored.
pub fn read_http_date(text: &str) -> Option<i64> {
    chrono::NaiveDateTime::parse_from_str(text.trim(), "%a, %d %b %Y %H:%M:%S GMT")
        .ok()
        .map(|time| time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_02_who_is_sent_away_comes_back_at_different_times() {
        let times: std::collections::BTreeSet<u32> = (0..100)
            .map(|number| scattered(5, &format!("request-{number}")))
            .collect();
        assert_eq!(times, (5..=10).collect());
        assert_eq!(scattered(0, "request"), 0);
        assert!(scattered(u32::MAX, "request") == u32::MAX);
    }

    #[test]
    fn http_dates() {
        let text = http_date(1_767_225_600_123_456);
        assert_eq!(text, "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(read_http_date(&text), Some(1_767_225_600));
        assert_eq!(read_http_date("yesterday"), None);
    }
}
