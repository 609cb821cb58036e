//! Rules of the R4 http page that concern more than one request: races, paging, conditions, every type.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use fascicolo::config::{RequireIfMatch, UpdateCreate};
use serde_json::Value;

use crate::support::{Answer, TestNode};

const JSON: (&str, &str) = ("content-type", "application/fhir+json");

#[test]
fn con_01_of_equal_conditional_creates_one_creates() {
    let node = TestNode::start();
    for key in 0..5 {
        let body = format!(
            r#"{{"resourceType":"Patient","identifier":[{{"system":"urn:race","value":"{key}"}}]}}"#
        );
        let condition = format!("identifier=urn:race|{key}");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| {
                        let headers = [JSON, ("if-none-exist", condition.as_str())];
                        node.request("POST", "Patient", &headers, body.as_bytes())
                            .status
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let created = statuses.iter().filter(|status| **status == 201).count();
        let found = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!((created, found), (1, 63), "{statuses:?}");
    }
}

#[test]
fn con_02_no_update_is_lost() {
    let node = TestNode::start();
    let counter = |id: &str, value: i64| {
        format!(r#"{{"resourceType":"Basic","id":"{id}","code":{{"text":"{value}"}}}}"#)
    };
    assert_eq!(node.put("Basic/c", &counter("c", 0)).status, 201);
    let value = |answer: &Answer| -> i64 {
        answer.json()["code"]["text"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let won: i64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    let mut won = 0;
                    for _ in 0..20 {
                        let read = node.get("Basic/c");
                        let etag = read.header("etag").unwrap().to_owned();
                        let body = counter("c", value(&read) + 1);
                        let headers = [JSON, ("if-match", etag.as_str())];
                        match node
                            .request("PUT", "Basic/c", &headers, body.as_bytes())
                            .status
                        {
                            200 => won += 1,
                            412 => {}
                            other => panic!("{other}"),
                        }
                    }
                    won
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    let last = node.get("Basic/c");
    assert_eq!(value(&last), won);
    assert_eq!(last.header("etag").unwrap(), format!("W/\"{}\"", won + 1));
}

/// The ids on all pages, in order; follows `next` from a first page.
fn pages(node: &TestNode, first: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut answer = node.get(first);
    loop {
        assert_eq!(answer.status, 200, "{}", answer.text());
        for entry in answer.entries() {
            ids.push(entry["resource"]["id"].as_str().unwrap().to_owned());
        }
        let links = answer.json()["link"].as_array().cloned().unwrap();
        let next = links.iter().find(|link| link["relation"] == "next");
        let Some(next) = next else {
            return ids;
        };
        answer = node.get(next["url"].as_str().unwrap());
    }
}

#[test]
fn pages_stay_the_same_while_others_write() {
    let node = TestNode::start();
    let tagged = r#"{"resourceType":"Patient","meta":{"tag":[{"system":"urn:t","code":"page"}]}}"#;
    let there: BTreeSet<String> = (0..40).map(|_| node.create(tagged)).collect();
    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                node.create(tagged);
            }
        });
        let seen = pages(&node, "Patient?_tag=urn:t|page&_count=3");
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        seen
    });
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "a resource came twice");
    assert!(
        there.iter().all(|id| once.contains(id)),
        "a resource did not come"
    );
}

#[test]
fn histories_are_paged_newest_first() {
    let node = TestNode::start();
    for number in 1..=7 {
        let body =
            format!(r#"{{"resourceType":"Patient","id":"h","multipleBirthInteger":{number}}}"#);
        node.put("Patient/h", &body);
    }
    assert_eq!(node.delete("Patient/h").status, 204);
    let mut versions = Vec::new();
    let mut answer = node.get("Patient/h/_history?_count=3");
    loop {
        let bundle = answer.json();
        assert_eq!(bundle["total"], 8);
        for entry in answer.entries() {
            versions.push(entry["response"]["etag"].as_str().unwrap().to_owned());
            let deleted = entry["request"]["method"] == "DELETE";
            assert_eq!(entry.get("resource").is_none(), deleted);
        }
        let links = bundle["link"].as_array().unwrap().clone();
        match links.iter().find(|link| link["relation"] == "next") {
            Some(next) => answer = node.get(next["url"].as_str().unwrap()),
            None => break,
        }
    }
    let expected: Vec<String> = (1..=8).rev().map(|n| format!("W/\"{n}\"")).collect();
    assert_eq!(versions, expected);
    let after = node.get("_history?_since=2100-01-01T00:00:00Z");
    assert_eq!(after.entries().len(), 0);
    assert_eq!(node.get("Patient/_history").entries().len(), 8);
}

#[test]
fn conditional_reads_and_demanded_conditions() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient"}"#);
    let path = format!("Patient/{id}");
    let modified = node.get(&path).header("last-modified").unwrap().to_owned();
    for header in [
        ("if-none-match", "W/\"1\""),
        ("if-modified-since", modified.as_str()),
    ] {
        let answer = node.get_with(&path, &[header]);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{header:?}");
        assert_eq!(answer.header("etag"), Some("W/\"1\""));
    }
    assert_eq!(
        node.get_with(&path, &[("if-none-match", "W/\"2\"")]).status,
        200
    );

    let strict = TestNode::with(|config| {
        config.fhir.require_if_match = RequireIfMatch::On;
        config.fhir.update_create = UpdateCreate::Off;
    });
    let body = r#"{"resourceType":"Patient","id":"x"}"#;
    strict.put("Patient/x", body).refused(405, "not-supported");
    let id = strict.create(r#"{"resourceType":"Patient"}"#);
    let body = format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
    strict
        .put(&format!("Patient/{id}"), &body)
        .refused(428, "conflict");
    let headers = [JSON, ("if-match", "W/\"1\"")];
    let path = format!("Patient/{id}");
    assert_eq!(
        strict
            .request("PUT", &path, &headers, body.as_bytes())
            .status,
        200
    );
}

#[test]
fn preferences_and_request_ids() {
    let node = TestNode::start();
    let with = |prefer: &str| {
        let headers = [JSON, ("prefer", prefer), ("x-request-id", "r-1")];
        node.request(
            "POST",
            "Patient",
            &headers,
            br#"{"resourceType":"Patient"}"#,
        )
    };
    assert_eq!(with("return=minimal").body.len(), 0);
    assert_eq!(
        with("return=representation").json()["resourceType"],
        "Patient"
    );
    let outcome = with("return=OperationOutcome");
    assert_eq!(outcome.json()["resourceType"], "OperationOutcome");
    assert_eq!(outcome.header("x-request-id"), Some("r-1"));
}

#[test]
fn http_06_cross_origin() {
    let node = TestNode::start();
    let local = ("origin", "http://localhost:3000");
    let answer = node.request("OPTIONS", "Patient", &[local], b"");
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(local.1));
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("PATCH")
    );
    let foreign = node.get_with("metadata", &[("origin", "https://app.example")]);
    assert_eq!(foreign.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn every_claimed_interaction_works_on_every_type() {
    let node = TestNode::start();
    let statement = node.get("metadata").json();
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    assert!(resources.len() > 140);
    for resource in resources {
        let name = resource["type"].as_str().unwrap();
        let claimed: BTreeSet<&str> = resource["interaction"]
            .as_array()
            .unwrap()
            .iter()
            .map(|interaction| interaction["code"].as_str().unwrap())
            .collect();
        let statuses = exercise(&node, name);
        for (interaction, status) in &statuses {
            assert!(claimed.contains(interaction), "{name} {interaction}");
            assert!(
                (200..300).contains(status),
                "{name} {interaction}: {status}"
            );
        }
        assert_eq!(claimed.len(), statuses.len(), "{name}");
    }
}

fn exercise(node: &TestNode, name: &str) -> Vec<(&'static str, u16)> {
    let created = node.post(name, &format!(r#"{{"resourceType":"{name}"}}"#));
    assert_eq!(created.status, 201, "{name}: {}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{name}/{id}");
    let accept = [("accept", "application/fhir+json")];
    let body = format!(r#"{{"resourceType":"{name}","id":"{id}","language":"it"}}"#);
    let patch = br#"[{"op":"replace","path":"/language","value":"en"}]"#;
    let patch_type = [("content-type", "application/json-patch+json")];
    let history = node.get(&format!("{name}/_history"));
    let searched = node.get(&format!("{name}?_id={id}"));
    assert_eq!(searched.json()["total"], Value::from(1), "{name}");
    vec![
        ("create", created.status),
        ("read", node.get_with(&path, &accept).status),
        (
            "vread",
            node.get_with(&format!("{path}/_history/1"), &accept).status,
        ),
        ("update", node.put(&path, &body).status),
        (
            "patch",
            node.request("PATCH", &path, &patch_type, patch).status,
        ),
        (
            "history-instance",
            node.get(&format!("{path}/_history")).status,
        ),
        ("history-type", history.status),
        ("search-type", searched.status),
        ("delete", node.delete(&path).status),
    ]
}
