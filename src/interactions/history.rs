//! history of a resource, of a type, of the system. Source: FHIR R4 http.html#history.

use super::cursor;
use super::node::Node;
use super::search::encode;
use super::subset::{self, Subset};
use super::write::{content, unreadable};
use crate::error::{Error, Kind, Result, outcome};
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::{date, json};
use crate::fhir::search::{Summary, in_query};
use crate::storage::{HistoryEntry, HistoryPage, Method, Scope};

/// A history as it was asked for.
pub struct HistoryRequest {
    pub scope: Scope,
    /// The parameters of the URL, decoded.
    pub pairs: Vec<(String, String)>,
}

const DEFAULT_COUNT: usize = 100;
const MOST: usize = 1000;

/// The Bundle of a history.
///
/// # Errors
/// `NotFound` for the history of a resource that never existed; `Invalid` for a bad parameter.
pub fn history(node: &Node, request: &HistoryRequest) -> Result<Vec<u8>> {
    let path = match &request.scope {
        Scope::Resource(key) => {
            node.check_type(&key.resource_type)?;
            format!("{key}/_history")
        }
        Scope::Type(name) => {
            node.check_type(name)?;
            format!("{name}/_history")
        }
        Scope::System => "_history".to_owned(),
    };
    let wanted = Wanted::read(&request.pairs)?;
    let bound_to = format!("{path}?{}", wanted.query());
    let now = node.clock.now();
    let key = node.store.cursor_key();
    let before = match &wanted.cursor {
        Some(cursor) => {
            let position = cursor::open(key, &bound_to, now, cursor)?;
            Some(
                cursor::Reader(&position)
                    .int()
                    .ok_or_else(cursor::refused)?,
            )
        }
        None => None,
    };
    let only_count = wanted.subset.summary == Summary::Count;
    let page = HistoryPage {
        since: wanted.since,
        at: wanted.at,
        beyond: before,
        oldest_first: wanted.oldest_first,
        limit: if only_count {
            0
        } else {
            wanted.count.saturating_add(1)
        },
    };
    let (mut entries, total) = node
        .store
        .history(request.scope.clone(), page, &node.known()?)?;
    if let Scope::Resource(key) = &request.scope
        && total == Some(0)
        && (node.hides(key)? || node.store.read(key)?.is_none())
    {
        return Err(Error::of(Kind::NotFound, format!("{key} does not exist")));
    }
    let more = !only_count && entries.len() > wanted.count;
    entries.truncate(wanted.count);

    let mut bundle = BundleWriter::new("history");
    if let Some(total) = total {
        bundle.total(total);
    }
    let mut links = vec![(
        "self",
        url(node, &path, &wanted.query(), wanted.cursor.as_deref()),
    )];
    if more && let Some(last) = entries.last() {
        let next = cursor::seal(
            key,
            &bound_to,
            now,
            &last.version.last_updated.to_be_bytes(),
        )?;
        links.push(("next", url(node, &path, &wanted.query(), Some(&next))));
    }
    bundle.links(&links);
    for entry in &entries {
        write_entry(node, &mut bundle, entry, &wanted.subset)?;
    }
    Ok(bundle.finish())
}

fn url(node: &Node, path: &str, query: &str, cursor: Option<&str>) -> String {
    let mut url = format!("{}/{path}?{query}", node.base);
    if let Some(cursor) = cursor {
        url.push_str("&_cursor=");
        url.push_str(cursor);
    }
    url
}

fn write_entry(
    node: &Node,
    bundle: &mut BundleWriter,
    entry: &HistoryEntry,
    subset: &Subset,
) -> Result<()> {
    let version = &entry.version;
    let key = version.key.to_string();
    let full_url = format!("{}/{key}", node.base);
    let etag = format!("W/\"{}\"", version.version);
    let modified = date::format_instant(version.last_updated);
    let request_url = match version.method {
        Method::Post => version.key.resource_type.as_str(),
        _ => &key,
    };
    let mut damage = None;
    let mut status = match version.method {
        Method::Delete => "204",
        _ if entry.creates => "201",
        _ => "200",
    };
    let json = match version.deleted {
        true => None,
        false => match content(node, version) {
            Ok(json) => Some(subset::apply(node, json, subset)?),
            // That there was a version is told all the same.
            Err(error) if error.kind() == Kind::Damaged => {
                status = "500";
                damage = Some(json::to_vec(&outcome(&[unreadable()])));
                None
            }
            Err(error) => return Err(error),
        },
    };
    let mut out = bundle.entry();
    out.text("fullUrl", &full_url);
    if let Some(json) = &json {
        out.raw("resource", json);
    }
    out.object(
        "request",
        &[
            ("method", Some(version.method.verb())),
            ("url", Some(request_url)),
        ],
    );
    let members = [
        ("status", Some(status)),
        ("etag", Some(etag.as_str())),
        ("lastModified", Some(modified.as_str())),
    ];
    out.response(&members, damage.as_deref());
    out.end();
    Ok(())
}

struct Wanted {
    since: Option<i64>,
    since_text: Option<String>,
    at: Option<(i64, i64)>,
    at_text: Option<String>,
    count: usize,
    oldest_first: bool,
    subset: Subset,
    /// `_summary` and `_elements` as they were sent.
    subset_text: Vec<(String, String)>,
    cursor: Option<String>,
}

impl Wanted {
    fn read(pairs: &[(String, String)]) -> Result<Self> {
        let mut wanted = Self {
            since: None,
            since_text: None,
            at: None,
            at_text: None,
            count: DEFAULT_COUNT,
            oldest_first: false,
            subset: Subset::read(pairs)?,
            subset_text: Vec::new(),
            cursor: None,
        };
        for (name, value) in pairs {
            match name.as_str() {
                "_since" => {
                    let instant = date::parse_instant(&in_query(value))
                        .map_err(|_| bad("_since", "an instant"))?;
                    wanted.since = Some(instant);
                    wanted.since_text = Some(date::format_instant(instant));
                }
                "_at" => {
                    let value = in_query(value);
                    let range = date::range(&value, &chrono::Utc)
                        .map_err(|_| bad("_at", "a date or time"))?;
                    wanted.at = Some((range.low, range.high));
                    wanted.at_text = Some(value);
                }
                "_count" => {
                    let count: usize = value.parse().map_err(|_| bad("_count", "a number"))?;
                    wanted.count = count.clamp(1, MOST);
                }
                "_cursor" => wanted.cursor = Some(value.clone()),
                // The order of R4 is the newest first; its reverse is the one other that a history has.
                "_sort" => {
                    wanted.oldest_first = match value.as_str() {
                        "_lastUpdated" => true,
                        "-_lastUpdated" => false,
                        _ => return Err(bad("_sort", "_lastUpdated or -_lastUpdated")),
                    };
                }
                "_summary" | "_elements" => {
                    wanted.subset_text.push((name.clone(), value.clone()));
                }
                "_format" | "_pretty" => {}
                other => {
                    let shown: String = other.chars().take(40).collect();
                    return Err(Error::new(
                        Kind::Invalid,
                        "not-supported",
                        format!(
                            "expected _since, _at, _count, _sort, _summary, _elements, _format or _pretty, found the parameter ‘{shown}’"
                        ),
                    ));
                }
            }
        }
        Ok(wanted)
    }

    /// What was really asked, in one spelling.
    fn query(&self) -> String {
        let mut query = format!("_count={}", self.count);
        for (name, text) in [("_since", &self.since_text), ("_at", &self.at_text)] {
            if let Some(text) = text {
                query.push('&');
                query.push_str(name);
                query.push('=');
                query.push_str(&text.replace('+', "%2B"));
            }
        }
        if self.oldest_first {
            query.push_str("&_sort=_lastUpdated");
        }
        for (name, value) in &self.subset_text {
            query.push('&');
            query.push_str(name);
            query.push('=');
            encode(value, &mut query);
        }
        query
    }
}

fn bad(name: &str, expected: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        format!("expected {expected} as {name}, found another value"),
    )
}
