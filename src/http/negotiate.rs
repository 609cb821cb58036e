//! Headers and parameters that say in which form something comes or is wanted.
//!
//! Source: FHIR R4 http.html#mime-type, #ops (Prefer), #parameters (`_format`, `_pretty`).

use actix_web::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap};

use crate::error::{Error, Kind, Result};
use crate::fhir::search::Handling;
use crate::interactions::request::Return;

/// The form of a FHIR resource on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Xml,
}

/// What an answer should look like.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub format: Format,
    pub pretty: bool,
    /// For Binary: the client did not ask for a FHIR form, so the bytes themselves are meant.
    pub raw: bool,
}

impl Format {
    /// The media type of answers.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/fhir+json; charset=utf-8",
            Format::Xml => "application/fhir+xml; charset=utf-8",
        }
    }
}

/// Reads `_format`, `_pretty` and `Accept`; the parameter wins over the header.
///
/// # Errors
/// `NotAcceptable` when nothing that is acceptable can be produced; `Invalid` for a `_pretty` that is no
/// boolean.
pub fn wanted(headers: &HeaderMap, pairs: &[(String, String)]) -> Result<Wanted> {
    let parameter = |name: &str| {
        pairs
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    };
    let pretty = match parameter("_pretty") {
        Some("true") => true,
        Some("false") | None => false,
        Some(_) => {
            return Err(Error::new(
                Kind::Invalid,
                "value",
                "expected true or false as _pretty, found another value",
            ));
        }
    };
    if let Some(text) = parameter("_format") {
        let format = format_of(text).ok_or_else(|| not_acceptable("_format"))?;
        return Ok(Wanted {
            format,
            pretty,
            raw: false,
        });
    }
    let accept = headers
        .get(ACCEPT)
        .map(|value| value.to_str().unwrap_or(""))
        .unwrap_or("");
    if accept.trim().is_empty() {
        return Ok(Wanted {
            format: Format::Json,
            pretty,
            raw: true,
        });
    }
    let mut best: Option<(f32, Format)> = None;
    let (mut anything_else, mut names_fhir) = (false, false);
    for range in accept.split(',') {
        let quality = parameter_of(range, "q")
            .and_then(|q| q.parse::<f32>().ok())
            .unwrap_or(1.0);
        if quality <= 0.0 {
            continue;
        }
        if let Some(version) = parameter_of(range, "fhirVersion")
            && !is_r4(version)
        {
            continue;
        }
        let essence = essence(range);
        names_fhir |= essence.starts_with("application/fhir+");
        let found = match essence.as_str() {
            "*/*" | "application/*" => Some(Format::Json),
            other => format_of(other),
        };
        match found {
            Some(format) if best.is_none_or(|(before, _)| quality > before) => {
                best = Some((quality, format));
            }
            Some(_) => {}
            None => anything_else = true,
        }
    }
    // Only a Binary can be anything else; whoever answers something else says 406.
    let format = match best {
        Some((_, format)) => format,
        None if anything_else && accept_could_be_a_document(accept) => Format::Json,
        None => return Err(not_acceptable("Accept")),
    };
    Ok(Wanted {
        format,
        pretty,
        raw: !names_fhir,
    })
}

/// Whether an `Accept` without a FHIR form may be meant for the bytes of a Binary.
fn accept_could_be_a_document(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let essence = essence(range);
        parameter_of(range, "fhirVersion").is_none()
            && !essence.starts_with("application/fhir")
            && essence.contains('/')
    })
}

/// Whether an explicit `Accept` holds no FHIR form and no wildcard: 406 for everything but Binary.
pub fn only_documents(headers: &HeaderMap) -> bool {
    let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    !accept.trim().is_empty()
        && accept.split(',').all(|range| {
            let essence = essence(range);
            format_of(&essence).is_none()
                && essence != "*/*"
                && essence != "application/*"
                && essence != "text/html"
        })
}

/// 406 in words.
pub fn not_acceptable(what: &str) -> Error {
    Error::of(
        Kind::NotAcceptable,
        format!(
            "expected application/fhir+json or application/fhir+xml in {what}, with fhirVersion 4.0 if any, found others"
        ),
    )
}

/// The form that a media type or a short name stands for.
fn format_of(text: &str) -> Option<Format> {
    // A plus sign in a query string arrives as a space.
    let text = essence(text).replace(' ', "+");
    match text.as_str() {
        "json" | "application/json" | "application/fhir+json" | "text/json" => Some(Format::Json),
        "xml" | "application/xml" | "application/fhir+xml" | "text/xml" => Some(Format::Xml),
        _ => None,
    }
}

/// What a request body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyKind {
    Fhir(Format),
    JsonPatch,
    XmlPatch,
    Form,
    /// Anything else: only a Binary may have it.
    Other(String),
}

/// Reads `Content-Type`.
///
/// # Errors
/// `UnsupportedMediaType` for another FHIR version or charset, and when there is none.
pub fn body_kind(headers: &HeaderMap) -> Result<BodyKind> {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if text.is_empty() {
        return Err(Error::of(
            Kind::UnsupportedMediaType,
            "expected a Content-Type such as application/fhir+json, found none",
        ));
    }
    if let Some(version) = parameter_of(text, "fhirVersion")
        && !is_r4(version)
    {
        return Err(Error::of(
            Kind::UnsupportedMediaType,
            "expected fhirVersion 4.0, found another",
        ));
    }
    let kind = match essence(text).as_str() {
        "application/fhir+json" | "application/json" | "text/json" => BodyKind::Fhir(Format::Json),
        "application/fhir+xml" | "application/xml" | "text/xml" => BodyKind::Fhir(Format::Xml),
        "application/json-patch+json" => BodyKind::JsonPatch,
        "application/xml-patch+xml" => BodyKind::XmlPatch,
        "application/x-www-form-urlencoded" => BodyKind::Form,
        _ => return Ok(BodyKind::Other(text.to_owned())),
    };
    if let Some(charset) = parameter_of(text, "charset")
        && !charset.eq_ignore_ascii_case("utf-8")
    {
        return Err(Error::of(
            Kind::UnsupportedMediaType,
            "expected the charset utf-8, found another",
        ));
    }
    Ok(kind)
}

/// Reads `Prefer`: how a write is answered, if it says so, and what is not understood in a search.
pub fn prefer(headers: &HeaderMap) -> (Option<Return>, Handling) {
    let mut preference = (None, Handling::Lenient);
    for value in headers.get_all("prefer").filter_map(|v| v.to_str().ok()) {
        for part in value.split([',', ';']) {
            match part.trim().replace('"', "").as_str() {
                "return=minimal" => preference.0 = Some(Return::Minimal),
                "return=representation" => preference.0 = Some(Return::Representation),
                "return=OperationOutcome" => preference.0 = Some(Return::OperationOutcome),
                "handling=strict" => preference.1 = Handling::Strict,
                "handling=lenient" => preference.1 = Handling::Lenient,
                _ => {}
            }
        }
    }
    preference
}

/// A coding of answers that the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads `Accept-Encoding`.
pub fn coding(headers: &HeaderMap) -> Coding {
    let Some(text) = headers.get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok()) else {
        return Coding::Identity;
    };
    let accepted = |name: &str| {
        text.split(',').any(|part| {
            essence(part) == name
                && parameter_of(part, "q")
                    .and_then(|q| q.parse::<f32>().ok())
                    .is_none_or(|q| q > 0.0)
        })
    };
    if accepted("zstd") {
        Coding::Zstd
    } else if accepted("gzip") {
        Coding::Gzip
    } else {
        Coding::Identity
    }
}

fn essence(text: &str) -> String {
    text.split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}

fn parameter_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').skip(1).find_map(|part| {
        let (found, value) = part.trim().split_once('=')?;
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

fn is_r4(version: &str) -> bool {
    version == "4.0" || version.starts_with("4.0.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[track_caller]
    fn check(accept: &str, expected: Option<(Format, bool)>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        let found = wanted(&headers, &[]).ok().map(|w| (w.format, w.raw));
        assert_eq!(found, expected, "{accept}");
    }

    #[test]
    fn accept() {
        check("application/fhir+json", Some((Format::Json, false)));
        check(
            "application/fhir+xml; fhirVersion=4.0",
            Some((Format::Xml, false)),
        );
        check("application/fhir+json; fhirVersion=3.0", None);
        check("*/*", Some((Format::Json, true)));
        check(
            "text/html, application/xml;q=0.9, */*;q=0.8",
            Some((Format::Xml, true)),
        );
        check(
            "application/fhir+xml;q=0.1, application/fhir+json;q=0.5",
            Some((Format::Json, false)),
        );
        check("application/pdf", Some((Format::Json, true)));
        check("nonsense", None);
    }
}
