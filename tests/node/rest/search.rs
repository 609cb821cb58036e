//! search of one type. Source: FHIR R4 search.html, http.html#search.

use std::collections::BTreeSet;

use crate::support::{Answer, TestNode};

/// The ids that are found, sorted.
fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut ids: Vec<String> = answer
        .entries()
        .iter()
        .filter(|entry| entry["search"]["mode"] == "match")
        .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

/// Searches with GET and with POST and compares what is found with ids between spaces.
#[track_caller]
fn check(node: &TestNode, query: &str, expected: &str) {
    let expected: Vec<&str> = expected.split_whitespace().collect();
    let (name, parameters) = query.split_once('?').unwrap();
    let strict = [("prefer", "handling=strict")];
    let get = node.get_with(query, &strict);
    assert_eq!(ids(&get), expected, "GET {query}");
    let form = [
        strict[0],
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let post = node.request(
        "POST",
        &format!("{name}/_search"),
        &form,
        parameters.as_bytes(),
    );
    assert_eq!(ids(&post), expected, "POST {query}");
}

fn put(node: &TestNode, name: &str, id: &str, members: &str) {
    let body = format!(r#"{{"resourceType":"{name}","id":"{id}"{members}}}"#);
    let answer = node.put(&format!("{name}/{id}"), &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

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
fn by_identifier() {
    let node = TestNode::start();
    put(
        &node,
        "Patient",
        "x1",
        r#","identifier":[{"system":"urn:x","value":"1"}]"#,
    );
    put(
        &node,
        "Patient",
        "y1",
        r#","identifier":[{"system":"urn:y","value":"1"}]"#,
    );
    put(
        &node,
        "Patient",
        "none1",
        r#","identifier":[{"value":"1"}]"#,
    );
    put(
        &node,
        "Patient",
        "x2y3",
        r#","identifier":[{"system":"urn:x","value":"2"},{"system":"urn:y","value":"3"}]"#,
    );
    put(
        &node,
        "Patient",
        "odd",
        r#","identifier":[{"system":"urn:x","value":"a,b|c$d\\e"}]"#,
    );
    for (query, expected) in [
        ("Patient?identifier=1", "none1 x1 y1"),
        ("Patient?identifier=urn:x|1", "x1"),
        ("Patient?identifier=urn%3Ax%7C1", "x1"),
        ("Patient?identifier=|1", "none1"),
        ("Patient?identifier=urn:x|", "odd x1 x2y3"),
        ("Patient?identifier=urn:x|1,urn:y|1", "x1 y1"),
        ("Patient?identifier=urn:x|&identifier=urn:y|", "x2y3"),
        ("Patient?identifier=urn:x|3", ""),
        ("Patient?identifier=urn:x|2&identifier=urn:y|3", "x2y3"),
        ("Patient?identifier=2&_id=x1,x2y3", "x2y3"),
        ("Patient?identifier=URN:X|1", ""),
        (r"Patient?identifier=urn:x|a\,b\|c\$d\\e", "odd"),
        ("Patient?identifier=nobody", ""),
    ] {
        check(&node, query, expected);
    }
    for query in [
        "identifier=",
        "identifier=a|b|c",
        "identifier:of-type=a|b|c",
        "identifier:missing=true",
    ] {
        assert_eq!(node.get(&format!("Patient?{query}")).status, 400, "{query}");
    }
}

#[test]
fn by_reference() {
    let node = TestNode::start();
    let rest = r#","status":"final","code":{"text":"x"}"#;
    let base = node.base.clone();
    for (id, reference) in [
        ("relative", "Patient/1"),
        ("absolute", &format!("{base}/Patient/1")),
        ("version", "Patient/1/_history/3"),
        ("foreign", "http://other.example/fhir/Patient/1"),
        ("group", "Group/1"),
        ("two", "Patient/2"),
    ] {
        put(
            &node,
            "Observation",
            id,
            &format!(r#"{rest},"subject":{{"reference":"{reference}"}}"#),
        );
    }
    put(&node, "Observation", "nobody", rest);
    for (query, expected) in [
        ("subject=Patient/1", "absolute relative version"),
        (
            &format!("subject={base}/Patient/1"),
            "absolute relative version",
        ),
        ("subject=1", "absolute group relative version"),
        ("subject:Patient=1", "absolute relative version"),
        ("subject:Group=1", "group"),
        ("subject=http://other.example/fhir/Patient/1", "foreign"),
        ("patient=1", "absolute relative version"),
        ("patient=Patient/1", "absolute relative version"),
        (
            "patient=Patient/1,Patient/2",
            "absolute relative two version",
        ),
        ("patient=1&subject=2", ""),
        ("patient=Patient/none", ""),
        ("patient=Group/1", ""),
    ] {
        check(&node, &format!("Observation?{query}"), expected);
    }
    for query in [
        "subject.name=x",
        "patient:Patient.name=x",
        "subject:missing=true",
        "subject:identifier=x",
    ] {
        node.get(&format!("Observation?{query}"))
            .refused(400, "not-supported");
    }
}

#[test]
fn by_codes_and_labels() {
    let node = TestNode::start();
    let kind = |code: &str| {
        format!(
            r#","status":"current","content":[{{"attachment":{{"url":"u"}}}}],"type":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}}"#
        )
    };
    put(
        &node,
        "DocumentReference",
        "ref",
        &format!(
            r#"{},"meta":{{"tag":[{{"system":"s","code":"t"}}],"profile":["http://p|1.0"],"security":[{{"code":"R"}}],"source":"urn:src"}}"#,
            kind("57133-1")
        ),
    );
    put(
        &node,
        "DocumentReference",
        "lab",
        &format!(
            r#"{},"meta":{{"tag":[{{"code":"t"}}],"profile":["http://q"]}}"#,
            kind("11502-2")
        ),
    );
    for (query, expected) in [
        ("type=57133-1", "ref"),
        ("type=http://loinc.org|57133-1", "ref"),
        ("type=|57133-1", ""),
        ("type=57133-1,11502-2", "lab ref"),
        ("status=current", "lab ref"),
        ("_tag=t", "lab ref"),
        ("_tag=s|t", "ref"),
        ("_tag=|t", "lab"),
        ("_profile=http://p|1.0", "ref"),
        ("_profile=http://p", "ref"),
        ("_profile=http://q", "lab"),
        ("_security=R", "ref"),
        ("_tag=t&type=11502-2", "lab"),
    ] {
        check(&node, &format!("DocumentReference?{query}"), expected);
    }
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
    assert_eq!(links, ["self", "next"]);
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
        "_sort=_id",
        "_include=Patient:link",
    ] {
        assert_eq!(node.get(&format!("Patient?{query}")).status, 400, "{query}");
    }
}

/// The ids of all pages, and every `next` link that was followed.
fn pages(node: &TestNode, first: &str) -> (Vec<String>, Vec<String>) {
    let (mut seen, mut links) = (Vec::new(), Vec::new());
    let mut url = first.to_owned();
    loop {
        let answer = node.get(&url);
        seen.extend(ids(&answer));
        let next = answer.json()["link"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|link| {
                (link["relation"] == "next").then(|| link["url"].as_str().unwrap().to_owned())
            });
        match next {
            Some(next) => {
                links.push(next.clone());
                url = next;
            }
            None => return (seen, links),
        }
    }
}

#[test]
fn pages_deliver_each_once() {
    let node = TestNode::start();
    let dated = |number: usize| {
        // Some without a date, some with the same.
        let date = match number % 3 {
            0 => String::new(),
            _ => format!(r#","effectiveDateTime":"20{:02}-01-01""#, number % 7),
        };
        format!(r#","status":"final","code":{{"coding":[{{"code":"x"}},{{"code":"y"}}]}}{date}"#)
    };
    for number in 0..23 {
        put(&node, "Observation", &format!("o{number}"), &dated(number));
    }
    let expected: BTreeSet<String> = (0..23).map(|number| format!("o{number}")).collect();
    for count in [1, 2, 5, 22, 23, 24, 1000] {
        for query in [
            "code=x",
            "code=x,y",
            "status=final&code=y",
            "_lastUpdated=gt2001",
            "_count=7",
        ] {
            let (seen, links) = pages(&node, &format!("Observation?{query}&_count={count}"));
            let once: BTreeSet<String> = seen.iter().cloned().collect();
            assert_eq!(once, expected, "{query} {count}");
            assert_eq!(seen.len(), 23, "{query} {count}");
            assert!(links.len() >= 22 / count, "{query} {count}: {links:?}");
        }
    }
}

#[test]
fn in_19_a_cursor_is_good_for_its_search_alone() {
    let node = TestNode::start();
    for id in ["a", "b", "c"] {
        put(&node, "Patient", id, r#","active":true"#);
        put(
            &node,
            "Group",
            id,
            r#","active":true,"type":"person","actual":true"#,
        );
    }
    let (_, links) = pages(&node, "Patient?active=true&_count=1");
    let (url, cursor) = links[0].split_once("_cursor=").unwrap();
    let query = url.rsplit('/').next().unwrap();
    assert_eq!(node.get(&format!("{query}_cursor={cursor}")).status, 200);
    let mut altered = cursor.to_owned().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for bad in [
        format!("{query}_cursor={altered}"),
        format!("{query}_cursor={}", &cursor[1..]),
        format!("{query}_cursor={cursor}x"),
        format!("{query}_cursor="),
        format!("Patient?active=true&_count=2&_cursor={cursor}"),
        format!("Patient?active=false&_count=1&_cursor={cursor}"),
        format!("Patient?_cursor={cursor}"),
        format!("Group?active=true&_count=1&_cursor={cursor}"),
        format!("Patient/_history?_cursor={cursor}"),
    ] {
        node.get(&bad).refused(400, "value");
    }
    // Another server cannot read it.
    let other = TestNode::start();
    other
        .get(&format!("{query}_cursor={cursor}"))
        .refused(400, "value");
}
