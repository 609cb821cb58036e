//! Whether the answer to a search is a good one.
//!
//! Every answer is read, after the clock has stopped: a server that finds nothing, or reports
//! an error inside a Bundle, is not faster than one that finds something. Resources are passed
//! over without being kept.

use std::borrow::Cow;

use serde::Deserialize;

use super::queries::Finds;

/// What a page held.
#[derive(Debug, Default)]
pub struct Page {
    pub entries: u64,
    pub matches: u64,
    /// Path and query of the next page, from the root of the host.
    pub next: Option<String>,
}

/// Reads a searchset Bundle, and says what is wrong with it.
pub fn judge(body: &[u8], finds: Finds) -> Result<Page, &'static str> {
    let bundle: Bundle<'_> = serde_json::from_slice(body).map_err(|_| "not a Bundle")?;
    let mut page = Page::default();
    let mut included = 0_u64;
    for entry in &bundle.entry {
        page.entries += 1;
        match entry.search.as_ref().map_or("match", |search| &search.mode) {
            "match" => page.matches += 1,
            "include" => included += 1,
            _ => page.entries -= 1,
        }
        let mut issues = entry.resource.iter().flat_map(|resource| &resource.issue);
        if issues.any(|issue| matches!(&*issue.severity, "error" | "fatal")) {
            return Err("an OperationOutcome of severity error");
        }
    }
    let total = bundle.total.unwrap_or(0);
    let fault = match finds {
        Finds::Matches if page.matches == 0 => Some("found nothing"),
        Finds::Nothing if page.matches > 0 => Some("found what is not there"),
        Finds::Included if page.matches == 0 || included == 0 => Some("nothing included"),
        Finds::Total if page.matches == 0 || total < page.matches => Some("no total"),
        Finds::OnlyTotal if total == 0 => Some("no total"),
        Finds::OnlyTotal if page.entries > 0 => Some("entries beside the total"),
        _ => None,
    };
    if let Some(fault) = fault {
        return Err(fault);
    }
    let mut links = bundle.link.iter();
    let next = links.find(|link| link.relation == "next");
    page.next = next.map(|link| path_of(&link.url));
    Ok(page)
}

/// A URL without scheme and authority; a relative one must begin with a slash.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find('/') {
        Some(at) => rest.get(at..).unwrap_or_default().to_owned(),
        None => "/".to_owned(),
    }
}

#[derive(Deserialize)]
struct Bundle<'a> {
    total: Option<u64>,
    #[serde(borrow, default)]
    link: Vec<Link<'a>>,
    #[serde(borrow, default)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    relation: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    search: Option<Mode<'a>>,
    #[serde(borrow)]
    resource: Option<Resource<'a>>,
}

#[derive(Deserialize)]
struct Mode<'a> {
    #[serde(borrow)]
    mode: Cow<'a, str>,
}

/// Only an OperationOutcome has issues, of all that is searched here.
#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    issue: Vec<Issue<'a>>,
}

#[derive(Deserialize)]
struct Issue<'a> {
    #[serde(borrow)]
    severity: Cow<'a, str>,
}
