//! search. Source: FHIR R4 search.html, http.html#search.
//!
//! Each file is about one kind of parameter, or one way of shaping the result. A search is asked with
//! GET and with POST, in strict handling: a parameter that is passed over would find too much.

mod chains;
mod common;
mod composites;
mod concepts;
mod concurrent;
mod dates;
mod defined;
mod differential;
mod every;
mod explained;
mod expressions;
mod filters;
mod frequent;
mod includes;
mod iterate;
mod joins;
mod naive;
mod near;
mod numbers;
mod order;
mod paging;
mod reach;
mod references;
mod restricted;
mod strings;
mod tokens;
mod uris;

use crate::support::{Answer, TestNode};

const STRICT: (&str, &str) = ("prefer", "handling=strict");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The ids that are found, sorted.
fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut ids = found(answer);
    ids.sort_unstable();
    ids
}

/// The ids of the matches, in the order in which they came.
fn found(answer: &Answer) -> Vec<String> {
    of_mode(answer, "match")
        .into_iter()
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The entries of one `search.mode`.
fn of_mode(answer: &Answer, mode: &str) -> Vec<serde_json::Value> {
    let entries = answer.entries().into_iter();
    entries
        .filter(|entry| entry["search"]["mode"] == mode)
        .collect()
}

/// Searches with GET and with POST and compares what is found with ids between spaces.
#[track_caller]
fn check(node: &TestNode, query: &str, expected: &str) {
    if let Err(fault) = compared(node, query, expected) {
        panic!("{fault}");
    }
}

/// Many searches of a type; reports all that differ.
#[track_caller]
fn table(node: &TestNode, name: &str, rows: &[(&str, &str)]) {
    known(node, name, rows, &[]);
}

/// Many searches of a type, of which those in `known` are answered otherwise than R4 says: such a
/// row must fail, so that it leaves the list when the answer is right.
#[track_caller]
fn known(node: &TestNode, name: &str, rows: &[(&str, &str)], known: &[&str]) {
    let mut wrong = Vec::new();
    for (query, expected) in rows {
        let outcome = compared(node, &format!("{name}?{query}"), expected);
        match (outcome, known.contains(query)) {
            (Err(fault), false) => wrong.push(fault),
            (Ok(()), true) => wrong.push(format!("{query} is right now: no longer known to fail")),
            _ => {}
        }
    }
    for query in known {
        if !rows.iter().any(|(other, _)| other == query) {
            wrong.push(format!("{query} is known to fail and not asked"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn compared(node: &TestNode, query: &str, expected: &str) -> Result<(), String> {
    let mut expected: Vec<&str> = expected.split_whitespace().collect();
    expected.sort_unstable();
    let (name, parameters) = query.split_once('?').unwrap();
    let path = match name {
        "" => "_search".to_owned(),
        name => format!("{name}/_search"),
    };
    let get = node.get_with(query, &[STRICT]);
    let post = node.request("POST", &path, &[STRICT, FORM], parameters.as_bytes());
    for (method, answer) in [("GET", get), ("POST", post)] {
        if answer.status != 200 {
            let text = answer.text();
            return Err(format!("{method} {query}: {} {text}", answer.status));
        }
        let found = ids(&answer);
        if found != expected {
            return Err(format!(
                "{method} {query}: expected {expected:?}, found {found:?}"
            ));
        }
    }
    Ok(())
}

/// Stores a resource with some members, each preceded by a comma.
#[track_caller]
fn put(node: &TestNode, name: &str, id: &str, members: &str) {
    let body = format!(r#"{{"resourceType":"{name}","id":"{id}"{members}}}"#);
    let answer = node.put(&format!("{name}/{id}"), &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// Changes a resource that is there.
#[track_caller]
fn change(node: &TestNode, name: &str, id: &str, members: &str) {
    let body = format!(r#"{{"resourceType":"{name}","id":"{id}"{members}}}"#);
    let answer = node.put(&format!("{name}/{id}"), &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The url of a link of a Bundle.
fn link(answer: &Answer, relation: &str) -> Option<String> {
    let bundle = answer.json();
    let links = bundle["link"].as_array().unwrap();
    links
        .iter()
        .find(|link| link["relation"] == relation)
        .map(|link| link["url"].as_str().unwrap().to_owned())
}

/// The ids of all pages, and every `next` link that was followed.
fn pages(node: &TestNode, first: &str) -> (Vec<String>, Vec<String>) {
    let (mut seen, mut links) = (Vec::new(), Vec::new());
    let mut url = first.to_owned();
    loop {
        let answer = node.get(&url);
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        seen.extend(found(&answer));
        match link(&answer, "next") {
            Some(next) => {
                links.push(next.clone());
                url = next;
            }
            None => return (seen, links),
        }
    }
}

/// The pages by `next` to the last, and by `prev` back to the first, each in the order of the result.
fn there_and_back(node: &TestNode, first: &str) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    let mut page = node.get(first);
    assert_eq!(link(&page, "prev"), None, "{first}");
    loop {
        forward.push(found(&page));
        match link(&page, "next") {
            Some(next) => page = node.get(&next),
            None => break,
        }
    }
    loop {
        backward.push(found(&page));
        match link(&page, "prev") {
            Some(previous) => page = node.get(&previous),
            None => break,
        }
    }
    backward.reverse();
    (forward, backward)
}
