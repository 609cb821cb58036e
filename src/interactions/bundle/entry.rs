//! One entry of a batch or transaction, read.

use std::ops::Range;

use crate::error::{Error, Issue, Kind, Result, Severity};
use crate::fhir::model::bundle::{EntryWriter, RawEntry};
use crate::fhir::model::cutter::CutError;
use crate::fhir::model::date;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::patch::Patch;
use crate::fhir::validation::shape;
use crate::interactions::answer::{Answer, Body};
use crate::interactions::dispatch::{Interaction, Verb, classify, decode, query_pairs};
use crate::interactions::node::Node;
use crate::interactions::request::{IfMatch, Return};
use crate::interactions::write::{Incoming, content};
use crate::storage::Received;

/// An entry whose request is understood. The resource is still text.
pub struct Entry<'a> {
    pub index: usize,
    pub full_url: Option<String>,
    pub verb: Verb,
    pub interaction: Interaction,
    /// The query of the request's URL.
    pub pairs: Vec<(String, String)>,
    pub if_match: IfMatch,
    pub if_none_match: Option<String>,
    pub if_none_exist: Option<Vec<(String, String)>>,
    /// Where the resource lies.
    pub resource: Option<(&'a Received, Range<u64>)>,
}

impl<'a> Entry<'a> {
    /// Reads an entry but for its resource; `part` is where it lies in the text of the Bundle.
    ///
    /// # Errors
    /// `Invalid` with the place, `Bundle.entry[n]…`.
    pub fn read(
        node: &Node,
        index: usize,
        bundle: &'a Received,
        part: &Range<u64>,
    ) -> Result<Self> {
        let at = format!("Bundle.entry[{index}]");
        let text = bundle.part(part)?;
        let raw = &Self::cut(node, index, &text)?;
        let tree = frame(node, raw).map_err(|error| moved(error, index))?;
        let request = tree.get("request").ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "required",
                "expected an entry with a request, found none",
            )
            .at(at.clone())
        })?;
        let text = |name: &str| request.str_at(name);
        let verb = text("method").and_then(Verb::parse).ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                "value",
                "expected GET, HEAD, POST, PUT, PATCH or DELETE, found another method",
            )
            .at(format!("{at}.request.method"))
        })?;
        let url = text("url").ok_or_else(|| {
            Error::new(Kind::Invalid, "required", "expected a url, found none")
                .at(format!("{at}.request.url"))
        })?;
        let (interaction, pairs) =
            target(node, verb, url).map_err(|error| error.at(format!("{at}.request.url")))?;
        if interaction == Interaction::Bundle {
            return Err(Error::new(
                Kind::Invalid,
                "not-supported",
                "expected an interaction on a resource, found a Bundle within a Bundle",
            )
            .at(format!("{at}.request.url")));
        }
        let if_match = match text("ifMatch") {
            Some(etag) => {
                IfMatch::parse(etag).map_err(|error| error.at(format!("{at}.request.ifMatch")))?
            }
            None => IfMatch::default(),
        };
        let if_none_exist = text("ifNoneExist")
            .map(|query| query_pairs(query.trim_start_matches('?')))
            .transpose()
            .map_err(|error| error.at(format!("{at}.request.ifNoneExist")))?;
        let needs_body = matches!(verb, Verb::Post | Verb::Put | Verb::Patch)
            && !matches!(interaction, Interaction::Search(_));
        if needs_body && raw.resource.is_none() {
            return Err(Error::new(
                Kind::Invalid,
                "required",
                "expected an entry with a resource for this method, found none",
            )
            .at(format!("{at}.resource")));
        }
        Ok(Self {
            index,
            full_url: tree.str_at("fullUrl").map(str::to_owned),
            verb,
            interaction,
            pairs,
            if_match,
            if_none_match: text("ifNoneMatch").map(str::to_owned),
            if_none_exist,
            resource: raw.resource.map(|resource| {
                let start = part.start.saturating_add(length(raw.resource_at));
                (bundle, start..start.saturating_add(length(resource.len())))
            }),
        })
    }

    /// Cuts the text of an entry into its members.
    ///
    /// # Errors
    /// `Invalid` with the place, for a text that cannot be cut.
    pub fn cut<'t>(node: &Node, index: usize, text: &'t [u8]) -> Result<RawEntry<'t>> {
        RawEntry::cut(text).map_err(|error| {
            let at = format!("Bundle.entry[{index}]");
            rewritten(uncut(node, error, text), |place| match place {
                "" => at.clone(),
                place => format!("{at}.{place}"),
            })
        })
    }

    /// The entry without its resource, which is all that answering it needs.
    pub fn without_resource(self) -> Entry<'static> {
        Entry {
            resource: None,
            index: self.index,
            full_url: self.full_url,
            verb: self.verb,
            interaction: self.interaction,
            pairs: self.pairs,
            if_match: self.if_match,
            if_none_match: self.if_none_match,
            if_none_exist: self.if_none_exist,
        }
    }

    /// Where the entry stands, for errors.
    pub fn place(&self) -> String {
        format!("Bundle.entry[{}]", self.index)
    }

    /// The resource, parsed.
    pub fn incoming(&self, node: &Node) -> Result<Incoming> {
        let text = match &self.resource {
            Some((bundle, part)) => bundle.part(part)?.into_owned(),
            None => b"null".to_vec(),
        };
        Incoming::from_json(node, text).map_err(|error| inside(error, self.index))
    }

    /// The resource as a patch: Parameters for FHIRPath Patch, or a Binary that holds a JSON or XML
    /// Patch document (R4 http.html#patch).
    pub fn patch(&self, node: &Node) -> Result<Patch> {
        let incoming = self.incoming(node)?;
        match incoming.resource_type() {
            Some("Parameters") => Ok(Patch::FhirPath(incoming.into_tree())),
            Some("Binary") => {
                let tree = incoming.tree();
                let data = tree.str_at("data").unwrap_or("");
                let bytes = base64::Engine::decode(
                    &base64::engine::general_purpose::STANDARD,
                    data.as_bytes(),
                )
                .map_err(|_| {
                    Error::new(
                        Kind::Invalid,
                        "value",
                        "expected base64 data, found other text",
                    )
                    .at(format!("{}.resource.data", self.place()))
                })?;
                match tree.str_at("contentType") {
                    Some("application/json-patch+json") => Ok(Patch::Json(bytes)),
                    Some("application/xml-patch+xml") => Ok(Patch::Xml(bytes)),
                    _ => Err(Error::new(
                        Kind::Invalid,
                        "value",
                        "expected a Binary with contentType application/json-patch+json or application/xml-patch+xml, found another",
                    )
                    .at(format!("{}.resource.contentType", self.place()))),
                }
            }
            _ => Err(Error::new(
                Kind::Invalid,
                "value",
                "expected Parameters or a Binary as patch, found another resource",
            )
            .at(format!("{}.resource", self.place()))),
        }
    }
}

/// Why an entry cannot be cut into its members: the tree parser knows best.
fn uncut(node: &Node, error: CutError, text: &[u8]) -> Error {
    match (error, json::parse(text, &node.choices.limits)) {
        (CutError::Escaped, Ok(_)) => Error::new(
            Kind::Invalid,
            "structure",
            "expected the members of an entry by their plain names, found one with escapes",
        ),
        (_, Ok(_)) => Error::new(
            Kind::Invalid,
            "structure",
            "expected an entry that is an object, found another form",
        ),
        (_, Err(fault)) => fault.into(),
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The entry without its resource, checked against the shape of `Bundle.entry`.
fn frame(node: &Node, raw: &RawEntry<'_>) -> Result<Value> {
    let mut text = b"{\"resourceType\":\"Bundle\",\"entry\":[{".to_vec();
    let mut first = true;
    for member in json::members(raw.text) {
        if member.name == b"resource" {
            continue;
        }
        if !first {
            text.push(b',');
        }
        first = false;
        text.push(b'"');
        text.extend_from_slice(member.name);
        text.extend_from_slice(b"\":");
        text.extend_from_slice(member.value);
    }
    text.extend_from_slice(b"}]}");
    if first {
        return Err(Error::new(
            Kind::Invalid,
            "required",
            "expected an entry with a request, found none",
        )
        .at("Bundle.entry[0]"));
    }
    let tree = json::parse(&text, &node.choices.limits)?;
    let issues = shape::check(&tree, &node.definitions);
    if issues.iter().any(|issue| issue.severity >= Severity::Error) {
        return Err(Error::from_issues(Kind::Invalid, issues));
    }
    tree.items_at("entry")
        .first()
        .cloned()
        .ok_or_else(|| Error::internal("an entry without itself"))
}

/// The same error with the right number of the entry: it was checked alone, as number 0.
fn moved(error: Error, index: usize) -> Error {
    let right = format!("Bundle.entry[{index}]");
    rewritten(error, |expression| {
        expression.replacen("Bundle.entry[0]", &right, 1)
    })
}

/// The same error with the place of the resource inside the Bundle in front.
pub fn inside(error: Error, index: usize) -> Error {
    let front = format!("Bundle.entry[{index}].resource");
    rewritten(error, |expression| match expression.split_once('.') {
        Some((_, rest)) => format!("{front}.{rest}"),
        None => front.clone(),
    })
}

fn rewritten(error: Error, rewrite: impl Fn(&str) -> String) -> Error {
    let kind = error.kind();
    let issues = error.into_issues().into_iter().map(|mut issue| {
        if issue.expression.is_empty() {
            issue.expression.push(rewrite(""));
        } else {
            issue.expression = issue.expression.iter().map(|e| rewrite(e)).collect();
        }
        issue
    });
    Error::from_issues(kind, issues.collect())
}

fn target(node: &Node, verb: Verb, url: &str) -> Result<(Interaction, Vec<(String, String)>)> {
    let relative = url
        .strip_prefix(node.base.as_str())
        .unwrap_or(url)
        .trim_start_matches('/');
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let segments = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(decode)
        .collect::<Result<Vec<String>>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Ok((classify(verb, &segments)?, query_pairs(query)?))
}

/// Writes the response to an entry.
pub fn respond(node: &Node, entry: &mut EntryWriter<'_>, answer: &Answer, preference: Return) {
    let wanted = preference != Return::Minimal;
    let stored = match &answer.body {
        Body::Stored(version) if wanted => match content(node, version) {
            Ok(json) => Some(json),
            // The others are answered all the same.
            Err(error) => return respond_error(entry, &error),
        },
        _ => None,
    };
    let status = status_line(answer.status);
    let etag = answer
        .version
        .map(|(version, _)| format!("W/\"{version}\""));
    let modified = answer.version.map(|(_, at)| date::format_instant(at));
    let location = answer
        .location
        .as_ref()
        .map(|location| format!("{}/{location}", node.base));
    let members = [
        ("status", Some(status.as_str())),
        ("location", location.as_deref()),
        ("etag", etag.as_deref()),
        ("lastModified", modified.as_deref()),
    ];
    let mut outcome = None;
    match &answer.body {
        Body::Empty | Body::Raw { .. } | Body::Around { .. } => {}
        Body::Json(_) | Body::Ready(_) if !wanted => {}
        Body::Ready(json) => {
            entry.raw("resource", json);
        }
        Body::Json(json) => {
            entry.raw("resource", json);
        }
        Body::Stored(_) => {
            if let Some(json) = &stored {
                entry.raw("resource", json);
            }
        }
        Body::Outcome(issues) => outcome = Some(json::to_vec(&crate::error::outcome(issues))),
    }
    entry.response(&members, outcome.as_deref());
}

/// Writes the response to an entry that failed.
pub fn respond_error(entry: &mut EntryWriter<'_>, error: &Error) {
    let status = status_line(error.kind().status());
    let issues: Vec<Issue> = match error.kind() {
        Kind::Internal | Kind::Damaged => vec![Issue::error("exception", "an error of the server")],
        _ => error.issues().to_vec(),
    };
    let outcome = json::to_vec(&crate::error::outcome(&issues));
    entry.response(&[("status", Some(status.as_str()))], Some(&outcome));
}

fn status_line(status: u16) -> String {
    let reason = match status {
        200 => " OK",
        201 => " Created",
        204 => " No Content",
        304 => " Not Modified",
        400 => " Bad Request",
        404 => " Not Found",
        409 => " Conflict",
        410 => " Gone",
        412 => " Precondition Failed",
        422 => " Unprocessable Entity",
        _ => "",
    };
    format!("{status}{reason}")
}
