//! search of a type, of all types, and of a compartment.
//!
//! Source: FHIR R4 search.html, http.html#search, compartmentdefinition.html.

mod everything;
mod explain;
mod include;
mod paging;
mod reach;
mod sorted;

use super::dispatch::Reach;
use super::node::Node;
use super::subset::{self, Subset};
use super::write::{content, unreadable};
use crate::error::{Issue, Kind, Result, outcome};
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::json;
use crate::fhir::search::{Handling, Query, Summary, Total};
use crate::storage::{Found, FoundOne, Page, Position, Version};

pub use everything::everything;
use paging::{Mark, Ordered};
pub use reach::{Part, Parts, parts};

/// A search as it was asked for.
pub struct SearchRequest {
    pub reach: Reach,
    /// The parameters, decoded, in order.
    pub pairs: Vec<(String, String)>,
    pub handling: Handling,
}

const DEFAULT_COUNT: u32 = 20;

/// The Bundle of a search.
pub fn search(node: &Node, request: &SearchRequest) -> Result<Vec<u8>> {
    if let Some(explanation) = explain::explained(node, request)? {
        return Ok(explanation);
    }
    let parts = parts(node, &request.reach, &request.pairs, request.handling)?;
    let types = request.pairs.iter().filter(|(name, _)| name == "_type");
    let applied = types.chain(&parts.query.applied).cloned().collect();
    answer(
        node,
        &Asked {
            path: path(&request.reach),
            applied,
            parts,
            kept: Kept::default(),
        },
    )
}

/// A search, read.
pub struct Asked {
    /// Below the base.
    pub path: String,
    /// What was really processed.
    pub applied: Vec<(String, String)>,
    pub parts: Parts,
    pub kept: Kept,
}

/// What of the resources of a page is told.
#[derive(Default)]
pub struct Kept {
    /// Of these types only; of all where none is named.
    pub types: Vec<String>,
    /// What is included has changed since then.
    pub since: Option<i64>,
}

impl Kept {
    fn of_type(&self, version: &Version) -> bool {
        let name = &*version.key.resource_type;
        self.types.is_empty() || self.types.iter().any(|kept| kept == name)
    }

    fn included(&self, version: &Version) -> bool {
        self.of_type(version) && self.since.is_none_or(|since| version.last_updated >= since)
    }
}

/// A page of a search that was read.
pub fn answer(node: &Node, asked: &Asked) -> Result<Vec<u8>> {
    let query = &asked.parts.query;
    let base = format!("{}{}", node.base, asked.path);
    let applied = query_string(&asked.applied);
    // Without the base: another process may be reached by another address.
    let bound_to = format!("{}?{applied}", asked.path);
    let mark = match &query.cursor {
        Some(cursor) => Some(Mark::open(node, &bound_to, cursor)?),
        None => None,
    };
    let count = query.count.unwrap_or(DEFAULT_COUNT);
    let only_count = query.summary == Summary::Count || count == 0;
    let limit = usize::try_from(count).unwrap_or(usize::MAX);

    let mut found = Matches::default();
    if !only_count {
        found = matches(node, &asked.parts, mark.as_ref(), limit)?;
    }
    let mut total = None;
    if !only_count && mark.is_none() && !found.more {
        // The first page holds everything: the total costs nothing.
        let told = found.found.iter();
        let told = told.filter(|one| asked.kept.of_type(&one.version));
        total = i64::try_from(told.count()).ok();
    }
    if total.is_none() && (only_count || query.total != Total::None) {
        node.store.check_edition(node.edition)?;
        let mut sum = 0i64;
        for part in &asked.parts.parts {
            let count = node.store.count(part.selection.clone())?;
            sum = sum.saturating_add(count);
        }
        total = Some(sum);
    }

    let mut bundle = BundleWriter::new("searchset");
    if let Some(total) = total {
        bundle.total(total);
    }
    let mut links = vec![("self", link(&base, &applied, query.cursor.as_deref()))];
    if !only_count {
        links.push(("first", link(&base, &applied, None)));
        for (name, mark) in found.neighbours(mark.as_ref()) {
            let cursor = mark.seal(node, &bound_to)?;
            links.push((name, link(&base, &applied, Some(&cursor))));
        }
    }
    bundle.links(&links);
    let mut issues = write_entries(node, &mut bundle, query, &found.found, &asked.kept)?;
    issues.extend(asked.parts.warnings.iter().cloned());
    if !issues.is_empty() {
        write_outcome(&mut bundle, &issues);
    }
    Ok(bundle.finish())
}

/// Matches that were chosen otherwise than by a page.
pub struct Told<'a> {
    /// Below the base.
    pub path: &'a str,
    pub applied: &'a [(String, String)],
    /// What concerns the result: includes and parts of resources.
    pub query: &'a Query,
    pub warnings: &'a [Issue],
    pub matches: Vec<FoundOne>,
}

/// The Bundle of all of some matches, without pages.
pub fn tell(node: &Node, told: &Told<'_>) -> Result<Vec<u8>> {
    let mut bundle = BundleWriter::new("searchset");
    bundle.total(i64::try_from(told.matches.len()).unwrap_or(i64::MAX));
    let base = format!("{}{}", node.base, told.path);
    bundle.links(&[("self", link(&base, &query_string(told.applied), None))]);
    let mut issues = told.warnings.to_vec();
    if told.query.summary != Summary::Count {
        let (all, matches) = (Kept::default(), &told.matches);
        issues.extend(write_entries(node, &mut bundle, told.query, matches, &all)?);
    }
    if !issues.is_empty() {
        write_outcome(&mut bundle, &issues);
    }
    Ok(bundle.finish())
}

/// A Bundle without matches that says why.
pub fn empty(node: &Node, path: &str, applied: &[(String, String)], issues: &[Issue]) -> Vec<u8> {
    let mut bundle = BundleWriter::new("searchset");
    bundle.total(0);
    let base = format!("{}{path}", node.base);
    bundle.links(&[("self", link(&base, &query_string(applied), None))]);
    write_outcome(&mut bundle, issues);
    bundle.finish()
}

/// Appends matches and what is included with them; what could not be read is told.
fn write_entries(
    node: &Node,
    bundle: &mut BundleWriter,
    query: &Query,
    matches: &[FoundOne],
    kept: &Kept,
) -> Result<Vec<Issue>> {
    let subset = Subset::of(query);
    let mut issues = Vec::new();
    for one in matches.iter().filter(|one| kept.of_type(&one.version)) {
        let entry = (&one.version, "match");
        issues.extend(write_entry(node, bundle, entry, &subset)?);
    }
    // Elements are named for the matches; what is included is told as much as the summary says.
    let subset = Subset {
        summary: query.summary,
        elements: Vec::new(),
    };
    let included = include::included(node, &query.includes, matches)?;
    for one in included.iter().filter(|one| kept.included(&one.version)) {
        let entry = (&one.version, "include");
        issues.extend(write_entry(node, bundle, entry, &subset)?);
    }
    Ok(issues)
}

/// The matches of a page, in order.
#[derive(Default)]
struct Matches {
    found: Vec<FoundOne>,
    first: Option<Position>,
    last: Option<Position>,
    /// Whether there are more in the direction that was asked for.
    more: bool,
    until: i64,
}

impl Matches {
    /// The links to other pages.
    fn neighbours(&self, mark: Option<&Mark>) -> Vec<(&'static str, Mark)> {
        let backward = mark.is_some_and(|mark| mark.backward);
        let to = |position: &Option<Position>, backward| {
            position.clone().map(|position| Mark {
                position,
                backward,
                until: self.until,
            })
        };
        let (before, after) = if backward {
            (self.more, true)
        } else {
            (mark.is_some(), self.more)
        };
        let previous = before.then(|| to(&self.first, true)).flatten();
        let next = after.then(|| to(&self.last, false)).flatten();
        (previous.map(|mark| ("prev", mark)).into_iter())
            .chain(next.map(|mark| ("next", mark)))
            .collect()
    }
}

fn matches(node: &Node, asked: &Parts, mark: Option<&Mark>, limit: usize) -> Result<Matches> {
    let page = |order: &[Ordered]| -> Page {
        Page {
            keys: order.iter().map(|ordered| ordered.key).collect(),
            after: mark.map(|mark| mark.position.clone()),
            backward: mark.is_some_and(|mark| mark.backward),
            until: mark.map(|mark| mark.until),
            edition: Some(node.edition),
            ..Page::first(limit)
        }
    };
    let of_part = |part: &Part| -> Result<Found> {
        let order = paging::keys(node, &part.resource_type, &asked.query)?;
        let page = page(&order);
        if order.iter().any(|ordered| ordered.coded.is_some()) {
            return sorted::page(node, part, &order, &page);
        }
        node.store.search(part.selection.clone(), page)
    };
    if let [part] = asked.parts.as_slice() {
        let found = of_part(part)?;
        return Ok(Matches {
            found: found.found.into_iter().map(|(_, one)| one).collect(),
            first: found.first,
            last: found.last,
            more: found.more,
            until: found.until,
        });
    }
    // Each type is in order: the first of all of them are among the first of each.
    let mut merged: Vec<(Position, FoundOne)> = Vec::new();
    let (mut more, mut until) = (false, None);
    for part in &asked.parts {
        let found = of_part(part)?;
        more |= found.more;
        until = until.or(Some(found.until));
        merged.extend(found.found);
    }
    // The keys mean the same for all types, whatever their numbers.
    let first = asked.parts.first();
    let name = first.map_or("", |part| part.resource_type.as_str());
    let order = page(&paging::keys(node, name, &asked.query)?);
    merged.sort_by(|a, b| paging::compare(&order, &a.0, &b.0));
    more |= merged.len() > limit;
    if order.backward {
        merged.drain(..merged.len().saturating_sub(limit));
    } else {
        merged.truncate(limit);
    }
    Ok(Matches {
        first: merged.first().map(|(position, _)| position.clone()),
        last: merged.last().map(|(position, _)| position.clone()),
        found: merged.into_iter().map(|(_, one)| one).collect(),
        more,
        until: until.unwrap_or(0),
    })
}

/// The path below the base.
fn path(reach: &Reach) -> String {
    match reach {
        Reach::System => String::new(),
        Reach::Type(name) => format!("/{name}"),
        Reach::Compartment(key, name) => format!("/{key}/{}", name.as_deref().unwrap_or("*")),
    }
}

/// Writes an entry, or gives what is told in its place when its bytes are damaged (DUR-07).
fn write_entry(
    node: &Node,
    bundle: &mut BundleWriter,
    (version, mode): (&Version, &str),
    subset: &Subset,
) -> Result<Option<Issue>> {
    let json = match content(node, version) {
        Ok(json) => json,
        Err(error) if error.kind() == Kind::Damaged => return Ok(Some(unreadable())),
        Err(error) => return Err(error),
    };
    let json = subset::apply(node, json, subset)?;
    let mut entry = bundle.entry();
    entry.text("fullUrl", &format!("{}/{}", node.base, version.key));
    entry.raw("resource", &json);
    entry.object("search", &[("mode", Some(mode))]);
    entry.end();
    Ok(None)
}

/// Appends what is to be said of the search itself.
pub fn write_outcome(bundle: &mut BundleWriter, warnings: &[Issue]) {
    let json = json::to_vec(&outcome(warnings));
    let mut entry = bundle.entry();
    entry.raw("resource", &json);
    entry.object("search", &[("mode", Some("outcome"))]);
    entry.end();
}

fn link(base: &str, applied: &str, cursor: Option<&str>) -> String {
    let mut url = String::from(base);
    let mut separator = '?';
    if !applied.is_empty() {
        url.push(separator);
        url.push_str(applied);
        separator = '&';
    }
    if let Some(cursor) = cursor {
        url.push(separator);
        url.push_str("_cursor=");
        url.push_str(cursor);
    }
    url
}

/// Names and values as a query string.
fn query_string(pairs: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

/// Percent-encodes what a query must not hold bare.
pub fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        let bare = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b',' | b'$' | b'!' | b'*'
            );
        if bare {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}
