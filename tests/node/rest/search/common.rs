//! Parameters of all types, and the Bundle of a search.

use super::{check, ids, put};
use crate::support::TestNode;

#[test]
fn by_id() {
    let node = TestNode::start();
    for id in ["a", "b", "c"] {
        put(&node, "Patient", id, "");
        put(&node, "Group", id, "");
    }
    node.delete("Patient/c");
    for (query, expected) in [
        ("Patient?_id=a", "a"),
        ("Patient?_id=a,b", "a b"),
        ("Patient?_id=a,c,nobody", "a"),
        ("Patient?_id=a&_id=b", ""),
        ("Patient?_id=a&_id=a,b", "a"),
        ("Patient?_id=a_b", ""),
        ("Patient?_id=c", ""),
        ("Patient?", "a b"),
        ("Group?_id=c", "c"),
        ("Basic?_id=a", ""),
    ] {
        check(&node, query, expected);
    }
    node.get("Patient?_id=").refused(400, "value");
    node.get("Nothing?_id=a").refused(404, "not-supported");
}

#[test]
fn by_time_of_the_last_change() {
    let node = TestNode::start();
    for id in ["a", "b", "c"] {
        put(&node, "Patient", id, "");
    }
    let time = |id: &str| {
        node.get(&format!("Patient/{id}")).json()["meta"]["lastUpdated"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let b = time("b");
    let day = &b[..10];
    for (value, expected) in [
        (b.as_str(), "b"),
        (&format!("eq{b}"), "b"),
        (&format!("lt{b}"), "a"),
        (&format!("le{b}"), "a b"),
        (&format!("gt{b}"), "c"),
        (&format!("ge{b}"), "b c"),
        (&format!("sa{b}"), "c"),
        (&format!("eb{b}"), "a"),
        (day, "a b c"),
        (&format!("lt{day}"), ""),
        (&format!("ge{day}"), "a b c"),
        ("gt2001", "a b c"),
        ("ne2001", "a b c"),
        (&format!("ne{b}"), "a c"),
        (&format!("ne{day}"), ""),
        ("ap2001", ""),
        ("2001,gt2002", "a b c"),
        (&format!("{b},gt{b}"), "b c"),
        ("2001-02", ""),
        ("lt2100-01-01T00:00:00%2B01:00", "a b c"),
    ] {
        check(&node, &format!("Patient?_lastUpdated={value}"), expected);
    }
    check(
        &node,
        &format!("Patient?_lastUpdated=ge{b}&_lastUpdated=lt{}", time("c")),
        "b",
    );
    for value in ["yesterday", "zz2001", "2001-13", ""] {
        node.get(&format!("Patient?_lastUpdated={value}"))
            .refused(400, "value");
    }
}

#[test]
fn a_search_finds_the_current_version_only() {
    let node = TestNode::start();
    let identified = |value: &str| {
        format!(r#"{{"resourceType":"Patient","id":"p","identifier":[{{"value":"{value}"}}]}}"#)
    };
    node.put("Patient/p", &identified("old"));
    check(&node, "Patient?identifier=old", "p");
    node.put("Patient/p", &identified("new"));
    check(&node, "Patient?identifier=old", "");
    check(&node, "Patient?identifier=new", "p");
    node.delete("Patient/p");
    check(&node, "Patient?identifier=new", "");
    node.put("Patient/p", &identified("old"));
    check(&node, "Patient?identifier=old", "p");
}

#[test]
fn what_is_changed_by_other_ways_is_found() {
    let node = TestNode::start();
    put(&node, "Patient", "p", r#","name":[{"family":"Rossi"}]"#);
    let patch = r#"[{"op":"replace","path":"/name/0/family","value":"Verdi"}]"#;
    let content = [("content-type", "application/json-patch+json")];
    let answer = node.request("PATCH", "Patient/p", &content, patch.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    check(&node, "Patient?family=rossi", "");
    check(&node, "Patient?family=verdi", "p");
    let body = r#"{"resourceType":"Patient","name":[{"family":"Neri"}]}"#;
    let answer = node.put("Patient?family=verdi", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    check(&node, "Patient?family=verdi", "");
    check(&node, "Patient?family=neri", "p");
    let meta = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"b"}]}}]}"#;
    let answer = node.post("Patient/p/$meta-add", meta);
    assert_eq!(answer.status, 200, "{}", answer.text());
    check(&node, "Patient?_tag=b&family=neri", "p");
    check(&node, "Patient?_tag:not=b", "");
    let transaction = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"resource":{"resourceType":"Patient","id":"q","link":[{"other":{"reference":"Patient/p"},"type":"seealso"}]},"request":{"method":"PUT","url":"Patient/q"}},
        {"request":{"method":"DELETE","url":"Patient/p"}}]}"#;
    let answer = node.post("", transaction);
    assert_eq!(answer.status, 200, "{}", answer.text());
    check(&node, "Patient?", "q");
    check(&node, "Patient?link.family=neri", "");
    check(&node, "Patient?link=p", "q");
}

#[test]
fn the_bundle_of_a_search() {
    let node = TestNode::start();
    for id in ["a", "b", "c"] {
        put(&node, "Patient", id, r#","active":true"#);
    }
    let answer = node.get("Patient?active=true&_count=2");
    let bundle = answer.json();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"]),
        (&"Bundle".into(), &"searchset".into())
    );
    for entry in answer.entries() {
        let id = entry["resource"]["id"].as_str().unwrap();
        assert_eq!(entry["fullUrl"], format!("{}/Patient/{id}", node.base));
        assert_eq!(entry["resource"], node.get(&format!("Patient/{id}")).json());
        assert_eq!(entry["search"]["mode"], "match");
    }
    let links: Vec<&str> = bundle["link"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["relation"].as_str().unwrap())
        .collect();
    assert_eq!(links, ["self", "first", "next"]);
    for (query, total) in [
        ("_count=2&_total=accurate", Some(3)),
        ("_count=2&_total=estimate", Some(3)),
        ("_count=2&_total=none", None),
        ("_count=2", None),
        ("_count=0", Some(3)),
        ("_summary=count", Some(3)),
        ("", Some(3)),
    ] {
        let found = node.get(&format!("Patient?active=true&{query}")).json()["total"].as_i64();
        assert_eq!(found, total, "{query}");
    }
    // GET and POST, and parameters in both places.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let both = node.request("POST", "Patient/_search?_id=a,b", &form, b"_id=b,c");
    assert_eq!(ids(&both), ["b"]);
    node.post("Patient/_search", "{}")
        .refused(415, "not-supported");
    for query in [
        "_count=-1",
        "_count=x",
        "_total=x",
        "_summary=x",
        "_sort=nothing",
        "_include=Patient:gender",
    ] {
        assert_eq!(node.get(&format!("Patient?{query}")).status, 400, "{query}");
    }
}
