//! search of one resource type. Source: FHIR R4 search.html, http.html#search.

use super::cursor;
use super::node::Node;
use super::subset::{self, Subset};
use super::write::with_data;
use crate::error::{Issue, Result, outcome};
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::json;
use crate::fhir::search::{Handling, Query, Summary, Total, parse};
use crate::storage::{Page, Version};

/// A search as it was asked for.
pub struct SearchRequest {
    pub resource_type: String,
    /// The parameters, decoded, in order.
    pub pairs: Vec<(String, String)>,
    pub handling: Handling,
}

const DEFAULT_COUNT: u32 = 20;

/// The Bundle of a search.
pub fn search(node: &Node, request: &SearchRequest) -> Result<Vec<u8>> {
    let resource_type = request.resource_type.as_str();
    node.check_type(resource_type)?;
    let (query, warnings) = parse(
        resource_type,
        &request.pairs,
        request.handling,
        &node.definitions,
        &node.extractor,
        &node.base,
    )?;
    let applied = applied(&query);
    let bound_to = format!("{resource_type}?{applied}");
    let now = node.clock.now();
    let key = node.store.cursor_key();
    let after = match &query.cursor {
        Some(cursor) => Some(cursor::open(key, &bound_to, now, cursor)?),
        None => None,
    };
    let clauses = node.clauses(resource_type, &query.terms);
    let count = query.count.unwrap_or(DEFAULT_COUNT);
    let only_count = query.summary == Summary::Count || count == 0;

    let mut total = None;
    let mut found = None;
    if !only_count {
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        let page = node
            .store
            .search(resource_type, clauses.clone(), Page { after, limit })?;
        if after.is_none() && !page.more {
            // The first page holds everything: the total costs nothing.
            total = i64::try_from(page.versions.len()).ok();
        }
        found = Some(page);
    }
    if total.is_none() && (only_count || query.total != Total::None) {
        total = Some(node.store.count(resource_type, clauses)?);
    }

    let mut bundle = BundleWriter::new("searchset");
    if let Some(total) = total {
        bundle.total(total);
    }
    let base = format!("{}/{resource_type}", node.base);
    let mut links = vec![("self", link(&base, &applied, query.cursor.as_deref()))];
    if let Some(found) = &found
        && found.more
        && let Some(last) = found.last
    {
        let next = cursor::seal(key, &bound_to, now, last)?;
        links.push(("next", link(&base, &applied, Some(&next))));
    }
    bundle.links(&links);
    let subset = Subset::of(&query);
    for version in found.iter().flat_map(|found| &found.versions) {
        write_match(node, &mut bundle, version, &subset)?;
    }
    if !warnings.is_empty() {
        write_outcome(&mut bundle, &warnings);
    }
    Ok(bundle.finish())
}

fn write_match(
    node: &Node,
    bundle: &mut BundleWriter,
    version: &Version,
    subset: &Subset,
) -> Result<()> {
    let json = with_data(node, version.json()?, version.blob)?;
    let json = subset::apply(node, json, subset)?;
    let mut entry = bundle.entry();
    entry.text("fullUrl", &format!("{}/{}", node.base, version.key));
    entry.raw("resource", &json);
    entry.object("search", &[("mode", Some("match"))]);
    entry.end();
    Ok(())
}

fn write_outcome(bundle: &mut BundleWriter, warnings: &[Issue]) {
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

/// The query string of what was really processed.
fn applied(query: &Query) -> String {
    let mut text = String::new();
    for (name, value) in &query.applied {
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
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        let bare = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b',' | b'$' | b'!'
            );
        if bare {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}
