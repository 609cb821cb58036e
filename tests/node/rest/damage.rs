//! What a client is told when stored bytes are not those that were written (DUR-07).

use serde_json::Value;

use crate::raw;
use crate::support::TestNode;

/// Three patients, of whom the second one's body and the document of a Binary are damaged.
fn damaged() -> TestNode {
    let node = TestNode::start();
    for id in ["one", "two", "three"] {
        let body = format!(r#"{{"resourceType":"Patient","id":"{id}","gender":"female"}}"#);
        assert_eq!(node.put(&format!("Patient/{id}"), &body).status, 201);
    }
    let spoil = match node.database.is_postgres() {
        true => "UPDATE resource SET body = decode('28b52ffd', 'hex') WHERE id = 'two'",
        false => "UPDATE resource SET body = x'28b52ffd' WHERE id = 'two'",
    };
    assert_eq!(raw::execute(&node.database, spoil).unwrap(), 1);
    node
}

fn modes(entries: &[Value]) -> Vec<&str> {
    (entries.iter())
        .map(|entry| entry["search"]["mode"].as_str().unwrap())
        .collect()
}

#[test]
fn dur_07_a_damaged_resource_is_never_served() {
    let node = damaged();
    for path in ["Patient/two", "Patient/two/_history/1"] {
        for query in ["", "?_format=xml", "?_summary=true", "?_pretty=true"] {
            let answer = node.get(&format!("{path}{query}"));
            assert_eq!(answer.status, 500, "{path}{query}");
            let text = answer.text();
            assert!(text.contains("OperationOutcome"), "{text}");
            assert!(
                text.contains("damaged") && !text.contains("female"),
                "{text}"
            );
        }
        node.get(path).refused(500, "exception");
    }
    let patch = r#"[{"op":"add","path":"/active","value":true}]"#;
    let kind = [("content-type", "application/json-patch+json")];
    let answer = node.request("PATCH", "Patient/two", &kind, patch.as_bytes());
    answer.refused(500, "exception");
    let metrics = node.get("/metrics").text();
    assert!(
        metrics.contains("\nfascicolo_damage_total 11\n"),
        "{metrics}"
    );
    // Its own writes stand behind what it told: then it is remembered.
    let whole = r#"{"resourceType":"Patient","id":"two","gender":"male"}"#;
    assert_eq!(node.put("Patient/two", whole).status, 200);
    let remembered = "SELECT what AS line FROM quarantine";
    assert_eq!(
        raw::lines(&node.database, remembered),
        ["Patient/two/_history/1"]
    );
    // A new version is whole; the older one stays damaged.
    assert_eq!(node.get("Patient/two").json()["gender"], "male");
    assert_eq!(node.get("Patient/two/_history/1").status, 500);
}

#[test]
fn dur_07_a_page_with_a_damaged_resource_gives_the_others() {
    let node = damaged();
    for path in ["Patient?gender=female", "Patient/_search?gender=female"] {
        let answer = match path.split_once("/_search?") {
            Some((name, form)) => node.request(
                "POST",
                &format!("{name}/_search"),
                &[("content-type", "application/x-www-form-urlencoded")],
                form.as_bytes(),
            ),
            None => node.get(path),
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
        let entries = answer.entries();
        assert_eq!(modes(&entries), ["match", "match", "outcome"], "{path}");
        // Nothing says which one it is.
        assert!(!entries[2].to_string().contains("two"), "{}", entries[2]);
        assert_eq!(entries[2]["resource"]["issue"][0]["code"], "exception");
    }
    // Also one that is only included.
    let observation = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},
        "subject":{"reference":"Patient/two"}}"#;
    node.create(observation);
    let entries = node
        .get("Observation?_include=Observation:subject")
        .entries();
    assert_eq!(modes(&entries), ["match", "outcome"]);
}

#[test]
fn dur_07_a_history_tells_that_there_was_a_version() {
    let node = damaged();
    let answer = node.get("Patient/_history");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = answer.entries();
    let statuses: Vec<&str> = (entries.iter())
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["201", "500", "201"]);
    assert!(entries[1].get("resource").is_none());
    assert_eq!(entries[1]["request"]["method"], "PUT");
    let outcome = &entries[1]["response"]["outcome"];
    assert_eq!(outcome["issue"][0]["code"], "exception", "{outcome}");
}

#[test]
fn dur_07_a_bundle_with_a_damaged_entry_answers_the_others() {
    let node = damaged();
    for kind in ["batch", "transaction"] {
        let bundle = format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[
            {{"request":{{"method":"GET","url":"Patient/two"}}}},
            {{"request":{{"method":"GET","url":"Patient/one"}}}}]}}"#
        );
        let answer = node.post("", &bundle);
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        let entries = answer.entries();
        assert_eq!(entries[0]["response"]["status"], "500", "{kind}");
        let outcome = &entries[0]["response"]["outcome"];
        assert_eq!(outcome["issue"][0]["code"], "exception", "{kind}");
        assert_eq!(entries[1]["resource"]["id"], "one", "{kind}");
    }
}
