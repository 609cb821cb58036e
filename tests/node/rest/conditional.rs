//! Interactions by condition. Source: FHIR R4 http.html#ccreate, #cond-update, #cdelete, #cread.

use crate::support::{Answer, TestNode};

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

fn patient(value: &str, members: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient"{members},"identifier":[{{"system":"urn:c","value":"{value}"}}]}}"#
    )
}

fn create_if_none(node: &TestNode, condition: &str, value: &str) -> Answer {
    let headers = [JSON, ("if-none-exist", condition)];
    node.request("POST", "Patient", &headers, patient(value, "").as_bytes())
}

fn count(node: &TestNode, value: &str) -> i64 {
    let path = format!("Patient?identifier=urn:c|{value}&_summary=count");
    node.get(&path).json()["total"].as_i64().unwrap()
}

/// Statuses of equal requests sent at one time, sorted.
fn race(threads: usize, send: impl Fn(usize) -> Answer + Sync) -> Vec<u16> {
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let send = &send;
        let threads: Vec<_> = (0..threads)
            .map(|number| scope.spawn(move || send(number).status))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    statuses
}

#[test]
fn a_conditional_create_answers_with_what_it_found() {
    let node = TestNode::start();
    let created = create_if_none(&node, "identifier=urn:c|1", "1");
    assert_eq!(created.status, 201, "{}", created.text());
    for condition in [
        "identifier=urn:c|1",
        "?identifier=urn:c|1",
        "identifier=urn%3Ac%7C1",
        "identifier=1",
        "identifier=urn:c|1&identifier=1",
    ] {
        let found = create_if_none(&node, condition, "1");
        assert_eq!(found.status, 200, "{condition}: {}", found.text());
        assert_eq!(found.body, created.body, "{condition}");
        for name in ["etag", "location", "last-modified"] {
            assert_eq!(
                found.header(name),
                created.header(name),
                "{condition} {name}"
            );
        }
    }
    let with = |prefer: &str| {
        let headers = [
            JSON,
            ("if-none-exist", "identifier=urn:c|1"),
            ("prefer", prefer),
        ];
        node.request("POST", "Patient", &headers, patient("1", "").as_bytes())
    };
    assert_eq!(with("return=minimal").body.len(), 0);
    assert_eq!(with("return=representation").body, created.body);
    let outcome = with("return=OperationOutcome");
    assert_eq!(
        (outcome.status, outcome.json()["resourceType"].as_str()),
        (200, Some("OperationOutcome"))
    );
    assert_eq!(count(&node, "1"), 1);
}

#[test]
fn a_conditional_create_does_not_find_what_was_deleted_or_changed() {
    let node = TestNode::start();
    let create = || create_if_none(&node, "identifier=urn:c|1", "1");
    let first = create().json()["id"].as_str().unwrap().to_owned();
    assert_eq!(node.delete(&format!("Patient/{first}")).status, 204);
    let second = create();
    assert_eq!(second.status, 201, "{}", second.text());
    let id = second.json()["id"].as_str().unwrap().to_owned();
    node.put(
        &format!("Patient/{id}"),
        &patient("2", &format!(r#","id":"{id}""#)),
    );
    assert_eq!(create().status, 201);
    assert_eq!(create().status, 200);
}

#[test]
fn a_condition_is_read_strictly() {
    let node = TestNode::start();
    node.create(&patient("1", ""));
    for (condition, status, code) in [
        ("", 400, "incomplete"),
        ("_count=1", 400, "incomplete"),
        ("nonsense=1", 400, "not-supported"),
        ("identifier=", 400, "value"),
        ("name:below=Rossi", 400, "not-supported"),
        ("general-practitioner.name=Rossi", 400, "not-supported"),
        (
            "identifier=1&_include=Patient:organization",
            400,
            "not-supported",
        ),
        ("identifier=%zz", 400, "value"),
    ] {
        create_if_none(&node, condition, "1").refused(status, code);
        if status == 400 {
            let path = format!("Patient?{condition}");
            node.put(&path, &patient("1", "")).refused(status, code);
            node.delete(&path).refused(status, code);
        }
    }
    node.put("Patient", &patient("1", ""))
        .refused(400, "incomplete");
    node.delete("Patient").refused(400, "incomplete");
    assert_eq!(count(&node, "1"), 1);
}

#[test]
fn con_01_however_the_condition_is_spelled_one_creates() {
    let node = TestNode::start();
    let spellings = [
        "identifier=urn:c|1",
        "identifier=urn%3Ac%7C1",
        "identifier=1",
        "identifier=1&identifier=urn:c|1",
    ];
    let statuses = race(32, |number| {
        create_if_none(&node, spellings[number % spellings.len()], "1")
    });
    assert_eq!(statuses[31], 201, "{statuses:?}");
    assert!(
        statuses[..31].iter().all(|status| *status == 200),
        "{statuses:?}"
    );
    assert_eq!(count(&node, "1"), 1);
}

#[test]
fn con_01_of_equal_conditional_updates_one_creates() {
    let node = TestNode::start();
    let statuses = race(32, |_| {
        node.put("Patient?identifier=urn:c|1", &patient("1", ""))
    });
    assert_eq!(statuses[31], 201, "{statuses:?}");
    assert!(
        statuses[..31].iter().all(|status| *status == 200),
        "{statuses:?}"
    );
    assert_eq!(count(&node, "1"), 1);
    let found = node.get("Patient?identifier=urn:c|1").entries();
    assert_eq!(found[0]["resource"]["meta"]["versionId"], "32");
}

#[test]
fn con_01_creates_and_deletes_by_one_condition() {
    let node = TestNode::start();
    let statuses = race(32, |number| match number % 2 {
        0 => create_if_none(&node, "identifier=urn:c|1", "1"),
        _ => node.delete("Patient?identifier=urn:c|1"),
    });
    assert!(
        statuses
            .iter()
            .all(|status| [200, 201, 204].contains(status)),
        "{statuses:?}"
    );
    assert!(count(&node, "1") <= 1);
}

#[test]
fn conditional_update_of_none_creates() {
    let node = TestNode::start();
    let created = node.put("Patient?identifier=urn:c|1", &patient("1", ""));
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        created.header("location").unwrap(),
        format!("{}/Patient/{id}/_history/1", node.base)
    );
    // With an id in the body: update as create.
    let named = node.put(
        "Patient?identifier=urn:c|2",
        &patient("2", r#","id":"named""#),
    );
    assert_eq!(
        (named.status, named.json()["id"].as_str()),
        (201, Some("named"))
    );
}

#[test]
fn conditional_update_of_one_updates_it() {
    let node = TestNode::start();
    let id = node.create(&patient("1", ""));
    let without = node.put(
        "Patient?identifier=urn:c|1",
        &patient("1", r#","active":true"#),
    );
    assert_eq!(
        (without.status, without.json()["id"].as_str()),
        (200, Some(id.as_str()))
    );
    let with = node.put(
        "Patient?identifier=urn:c|1",
        &patient("1", &format!(r#","id":"{id}""#)),
    );
    assert_eq!((with.status, with.header("etag")), (200, Some("W/\"3\"")));
    node.put(
        "Patient?identifier=urn:c|1",
        &patient("1", r#","id":"another""#),
    )
    .refused(400, "value");
    let headers = |etag: &'static str| [JSON, ("if-match", etag)];
    let send = |etag| {
        let body = patient("1", "");
        node.request(
            "PUT",
            "Patient?identifier=urn:c|1",
            &headers(etag),
            body.as_bytes(),
        )
    };
    send("W/\"1\"").refused(412, "conflict");
    assert_eq!(send("W/\"3\"").status, 200);
    node.get("Patient/another").refused(404, "not-found");
}

#[test]
fn conditional_update_of_several_is_refused() {
    let node = TestNode::start();
    node.create(&patient("1", ""));
    node.create(&patient("1", ""));
    node.put("Patient?identifier=urn:c|1", &patient("1", ""))
        .refused(412, "multiple-matches");
    assert_eq!(node.get("_history").json()["total"], 2);
}

#[test]
fn conditional_update_does_not_replace_what_the_condition_does_not_match() {
    let node = TestNode::start();
    let mine = node.put("Patient/mine", &patient("mine", r#","id":"mine""#));
    node.put(
        "Patient?identifier=urn:c|1",
        &patient("1", r#","id":"mine""#),
    )
    .refused(409, "conflict");
    assert_eq!(node.get("Patient/mine").body, mine.body);
    let entry = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{},"request":{{"method":"PUT","url":"Patient?identifier=urn:c|1"}}}}]}}"#,
        patient("1", r#","id":"mine""#)
    );
    node.post("", &entry).refused(409, "conflict");
    assert_eq!(node.get("Patient/mine").body, mine.body);
    // What was deleted is free again.
    node.delete("Patient/mine");
    let back = node.put(
        "Patient?identifier=urn:c|1",
        &patient("1", r#","id":"mine""#),
    );
    assert_eq!((back.status, back.header("etag")), (201, Some("W/\"3\"")));
}

#[test]
fn conditional_delete_of_none_one_and_several() {
    let node = TestNode::start();
    let delete = || node.delete("Patient?identifier=urn:c|1");
    assert_eq!(delete().status, 204);
    for matches in [1, 3] {
        let ids: Vec<String> = (0..matches)
            .map(|_| node.create(&patient("1", "")))
            .collect();
        let other = node.create(&patient("2", ""));
        let deleted = delete();
        assert!([200, 204].contains(&deleted.status), "{}", deleted.text());
        for id in ids {
            node.get(&format!("Patient/{id}")).refused(410, "deleted");
        }
        assert_eq!(node.get(&format!("Patient/{other}")).status, 200);
    }
    assert_eq!(delete().status, 204);
    node.delete("Nothing?identifier=1")
        .refused(404, "not-supported");
}

#[test]
fn conditional_read_by_tag_and_by_time() {
    let node = TestNode::start();
    let id = node.create(&patient("1", ""));
    let path = format!("Patient/{id}");
    let modified = node.get(&path).header("last-modified").unwrap().to_owned();
    #[track_caller]
    fn check(node: &TestNode, path: &str, headers: &[(&str, &str)], expected: u16) {
        let answer = node.get_with(path, headers);
        assert_eq!(answer.status, expected, "{headers:?}: {}", answer.text());
        assert_eq!(answer.body.is_empty(), expected == 304, "{headers:?}");
    }
    let future = "Fri, 01 Jan 2100 00:00:00 GMT";
    let past = "Mon, 01 Jan 2001 00:00:00 GMT";
    for (header, value, expected) in [
        ("if-none-match", "W/\"1\"", 304),
        ("if-none-match", "\"1\"", 304),
        ("if-none-match", "W/\"7\", W/\"1\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "W/\"2\"", 200),
        ("if-none-match", "nonsense", 200),
        ("if-modified-since", modified.as_str(), 304),
        ("if-modified-since", future, 304),
        ("if-modified-since", past, 200),
        ("if-modified-since", "yesterday", 200),
    ] {
        check(&node, &path, &[(header, value)], expected);
        // The same when the resource is not answered as it is stored.
        check(
            &node,
            &format!("{path}?_summary=true"),
            &[(header, value)],
            expected,
        );
        check(
            &node,
            &format!("{path}?_format=xml"),
            &[(header, value)],
            expected,
        );
    }
    // The tag decides where both are given (RFC 9110).
    check(
        &node,
        &path,
        &[("if-none-match", "W/\"2\""), ("if-modified-since", future)],
        200,
    );
    node.delete(&path);
    node.get_with(&path, &[("if-none-match", "W/\"1\"")])
        .refused(410, "deleted");
}
