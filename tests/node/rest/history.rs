//! history of a resource, of a type, of the system. Source: FHIR R4 http.html#history.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestNode;

fn put(node: &TestNode, name: &str, id: &str, language: &str) {
    let body = format!(r#"{{"resourceType":"{name}","id":"{id}","language":"{language}"}}"#);
    let answer = node.put(&format!("{name}/{id}"), &body);
    assert!(answer.status < 300, "{}", answer.text());
}

/// `Patient/a/1` of each entry, newest first.
fn versions(node: &TestNode, path: &str) -> Vec<String> {
    let answer = node.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
        .entries()
        .iter()
        .map(|entry| version(node, entry))
        .collect()
}

fn version(node: &TestNode, entry: &Value) -> String {
    let place = entry["fullUrl"].as_str().unwrap();
    let key = place.strip_prefix(&format!("{}/", node.base)).unwrap();
    let etag = entry["response"]["etag"].as_str().unwrap();
    format!("{key}/{}", etag.trim_matches(['W', '/', '"']))
}

fn updated(node: &TestNode, path: &str) -> String {
    node.get(path).json()["meta"]["lastUpdated"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Two patients and a group; patient `a` is deleted and comes back.
fn filled() -> TestNode {
    let node = TestNode::start();
    put(&node, "Patient", "a", "it");
    put(&node, "Group", "g", "it");
    put(&node, "Patient", "b", "it");
    put(&node, "Patient", "a", "en");
    assert_eq!(node.delete("Patient/a").status, 204);
    put(&node, "Patient", "a", "de");
    node
}

#[test]
fn scopes_of_a_history() {
    let node = filled();
    let a = ["Patient/a/4", "Patient/a/3", "Patient/a/2", "Patient/a/1"];
    assert_eq!(versions(&node, "Patient/a/_history"), a);
    assert_eq!(
        versions(&node, "Patient/_history"),
        [a[0], a[1], a[2], "Patient/b/1", a[3]]
    );
    assert_eq!(
        versions(&node, "_history"),
        [a[0], a[1], a[2], "Patient/b/1", "Group/g/1", a[3]]
    );
    assert_eq!(versions(&node, "Group/_history"), ["Group/g/1"]);
    assert_eq!(versions(&node, "Basic/_history"), [""; 0]);
    node.get("Patient/none/_history").refused(404, "not-found");
    node.get("Nothing/_history").refused(404, "not-supported");
    node.get("Nothing/1/_history").refused(404, "not-supported");
    assert_eq!(node.post("Patient/_history", "{}").status, 405);
}

#[test]
fn entries_tell_which_request_made_the_version() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient"}"#);
    let path = format!("Patient/{id}");
    put(&node, "Patient", &id, "it");
    let headers = [("content-type", "application/json-patch+json")];
    let patch = br#"[{"op":"replace","path":"/language","value":"en"}]"#;
    assert_eq!(node.request("PATCH", &path, &headers, patch).status, 200);
    assert_eq!(node.delete(&path).status, 204);

    let answer = node.get(&format!("{path}/_history"));
    let bundle = answer.json();
    assert_eq!(
        (&bundle["type"], &bundle["total"]),
        (&"history".into(), &4.into())
    );
    let found: Vec<(String, String, String)> = answer
        .entries()
        .iter()
        .map(|entry| {
            assert_eq!(entry["fullUrl"], format!("{}/{path}", node.base));
            let text = |member: &Value| member.as_str().unwrap().to_owned();
            (
                text(&entry["request"]["method"]),
                text(&entry["request"]["url"]),
                text(&entry["response"]["status"])[..3].to_owned(),
            )
        })
        .collect();
    let expected = [
        ("DELETE", path.as_str(), "204"),
        ("PATCH", path.as_str(), "200"),
        ("PUT", path.as_str(), "200"),
        ("POST", "Patient", "201"),
    ]
    .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(found, expected);
    for entry in answer.entries() {
        let number = version(&node, &entry)
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        if number == "4" {
            assert!(entry.get("resource").is_none());
            continue;
        }
        // What a vread answers.
        let read = node.get(&format!("{path}/_history/{number}")).json();
        assert_eq!(entry["resource"], read);
        assert_eq!(
            entry["response"]["lastModified"],
            read["meta"]["lastUpdated"]
        );
    }
}

#[test]
fn a_version_after_a_deletion_is_a_creation() {
    let node = filled();
    for path in [
        "Patient/a/_history",
        "Patient/_history",
        "_history?_count=1",
    ] {
        let entry = node.get(path).entries()[0].clone();
        assert_eq!(version(&node, &entry), "Patient/a/4", "{path}");
        // As the update itself was answered.
        assert_eq!(entry["response"]["status"], "201", "{path}");
    }
}

#[test]
fn since_is_the_first_moment_that_counts() {
    let node = filled();
    let second = updated(&node, "Patient/a/_history/2");
    let expected = ["Patient/a/4", "Patient/a/3", "Patient/a/2"];
    for path in ["Patient/a/_history", "Patient/_history", "_history"] {
        assert_eq!(
            versions(&node, &format!("{path}?_since={second}")),
            expected,
            "{path}"
        );
    }
    let last = updated(&node, "Patient/a");
    assert_eq!(
        versions(&node, &format!("_history?_since={last}")),
        ["Patient/a/4"]
    );
    assert_eq!(
        versions(&node, "_history?_since=2100-01-01T00:00:00Z"),
        [""; 0]
    );
    // Another zone, the plus sign as it is and escaped.
    for zone in ["+02:00", "%2B02:00"] {
        let path = format!("_history?_since=2001-01-01T00:00:00{zone}");
        assert_eq!(versions(&node, &path).len(), 6, "{path}");
    }
    assert_eq!(
        node.get(&format!("_history?_since={last}")).json()["total"],
        1
    );
}

#[test]
fn at_finds_what_was_current_then() {
    let node = filled();
    let at = |path: &str, time: &str| versions(&node, &format!("{path}?_at={time}"));
    let first = updated(&node, "Patient/a/_history/1");
    let second = updated(&node, "Patient/a/_history/2");
    let last = updated(&node, "Patient/a");
    assert_eq!(at("Patient/a/_history", &first), ["Patient/a/1"]);
    assert_eq!(at("Patient/a/_history", &second), ["Patient/a/2"]);
    assert_eq!(at("Patient/a/_history", &last), ["Patient/a/4"]);
    assert_eq!(
        at("Patient/_history", &second),
        ["Patient/a/2", "Patient/b/1"]
    );
    assert_eq!(
        at("_history", &second),
        ["Patient/a/2", "Patient/b/1", "Group/g/1"]
    );
    // A day holds many moments: everything that was current at one of them.
    let day = &last[..10];
    assert_eq!(at("Patient/a/_history", day).len(), 4);
    assert_eq!(at("_history", "2001"), [""; 0]);
    assert_eq!(at("_history", "2100-01-01").len(), 3);
}

#[test]
fn pages_deliver_everything_once_while_others_write() {
    let node = filled();
    for (path, expected) in [
        ("Patient/a/_history", 4),
        ("Patient/_history", 5),
        ("_history", 6),
    ] {
        let mut seen = Vec::new();
        let mut url = format!("{path}?_count=2");
        loop {
            let answer = node.get(&url);
            let page: Vec<String> = answer
                .entries()
                .iter()
                .map(|entry| version(&node, entry))
                .collect();
            assert!(page.len() <= 2, "{path}");
            seen.extend(page);
            // Newer versions come before the first page, not into the next.
            node.create(r#"{"resourceType":"Patient","language":"fr"}"#);
            let links = answer.json()["link"].as_array().cloned().unwrap();
            assert!(links.iter().any(|link| link["relation"] == "self"));
            match links.iter().find(|link| link["relation"] == "next") {
                Some(next) => url = next["url"].as_str().unwrap().to_owned(),
                None => break,
            }
        }
        let once: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "{path}: {seen:?}");
        let old = seen.iter().filter(|key| {
            ["Patient/a/", "Patient/b/", "Group/g/"]
                .iter()
                .any(|known| key.starts_with(known))
        });
        assert_eq!(old.count(), expected, "{path}: {seen:?}");
    }
}

#[test]
fn the_oldest_first_in_pages_while_others_write() {
    let node = filled();
    let mut newest = versions(&node, "_history?_sort=-_lastUpdated");
    assert_eq!(newest, versions(&node, "_history"));
    newest.reverse();
    assert_eq!(versions(&node, "_history?_sort=_lastUpdated"), newest);
    let (mut url, mut told) = (
        "_history?_sort=_lastUpdated&_count=2".to_owned(),
        Vec::new(),
    );
    for number in 0.. {
        let answer = node.get(&url);
        told.extend(answer.entries().iter().map(|entry| version(&node, entry)));
        let bundle = answer.json();
        let links = bundle["link"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else {
            break;
        };
        let next = next["url"].as_str().unwrap();
        url = next
            .strip_prefix(&format!("{}/", node.base))
            .unwrap()
            .to_owned();
        if number < 2 {
            put(&node, "Group", &format!("later{number}"), "it");
        }
    }
    newest.extend(["Group/later0/1".to_owned(), "Group/later1/1".to_owned()]);
    assert_eq!(told, newest);
}

#[test]
fn parts_of_a_history() {
    let node = filled();
    let count = node.get("Patient/_history?_summary=count").json();
    assert_eq!((&count["total"], count.get("entry")), (&5.into(), None));
    let links = count["link"].as_array().unwrap();
    assert_eq!(links.len(), 1);
    assert!(
        links[0]["url"]
            .as_str()
            .unwrap()
            .ends_with("&_summary=count")
    );
    let answer = node.get("Patient/a/_history?_elements=gender&_count=1");
    let entry = &answer.entries()[0]["resource"];
    assert_eq!(entry.get("language"), None);
    assert_eq!(entry["meta"]["tag"][0]["code"], "SUBSETTED");
}

#[test]
fn parameters_of_a_history_that_are_refused() {
    let node = filled();
    let next = |path: &str| {
        let links = node.get(path).json()["link"].as_array().cloned().unwrap();
        let next = links
            .iter()
            .find(|link| link["relation"] == "next")
            .unwrap();
        next["url"].as_str().unwrap().to_owned()
    };
    let cursor = next("_history?_count=2")
        .split("_cursor=")
        .nth(1)
        .unwrap()
        .to_owned();
    for (query, code) in [
        ("_since=yesterday".to_owned(), "value"),
        ("_since=2020".to_owned(), "value"),
        ("_at=x".to_owned(), "value"),
        ("_count=-1".to_owned(), "value"),
        ("_count=x".to_owned(), "value"),
        ("_sort=_id".to_owned(), "value"),
        ("_sort=".to_owned(), "value"),
        ("_sort=-_lastUpdated,_lastUpdated".to_owned(), "value"),
        ("_summary=maybe".to_owned(), "value"),
        ("_elements=".to_owned(), "value"),
        ("_cursor=nonsense".to_owned(), "value"),
        // Made for another page size, or for another history.
        (format!("_count=3&_cursor={cursor}"), "value"),
        (
            format!("_count=2&_cursor={}", cursor.to_lowercase()),
            "value",
        ),
    ] {
        node.get(&format!("_history?{query}")).refused(400, code);
    }
    node.get(&format!("Patient/_history?_count=2&_cursor={cursor}"))
        .refused(400, "value");
    assert_eq!(
        node.get(&format!("_history?_count=2&_cursor={cursor}"))
            .status,
        200
    );
}

#[test]
fn a_history_in_xml() {
    let node = filled();
    let answer = node.get("Patient/a/_history?_format=xml");
    let text = answer.text();
    assert!(text.contains(r#"<type value="history"/>"#), "{text}");
    assert!(text.contains(r#"<method value="DELETE"/>"#), "{text}");
}
