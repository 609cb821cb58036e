//! HL7's official examples over HTTP: as XML and back, and through a transaction.

use std::io::BufRead;

use fascicolo::fhir::model::json::{self, Limits};
use fascicolo::fhir::model::value::Value;
use serde_json::json;

use crate::support::{TestNode, shared};

struct Example {
    file: String,
    resource_type: String,
    text: String,
}

fn examples() -> Option<Vec<Example>> {
    let path = shared("suites/r4-examples/examples.ndjson.zst")?;
    let decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    let examples: Vec<Example> = std::io::BufReader::new(decoder)
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let text = line["resource_text"].as_str().unwrap().to_owned();
            let resource: serde_json::Value = serde_json::from_str(&text).unwrap();
            Example {
                file: line["file"].as_str().unwrap().to_owned(),
                resource_type: resource["resourceType"].as_str().unwrap().to_owned(),
                text,
            }
        })
        .collect();
    assert_eq!(examples.len(), 765);
    Some(examples)
}

/// A resource as one text: members sorted, numbers and strings as they are, without what the
/// server gives it.
fn tree(text: &[u8]) -> String {
    let limits = Limits {
        nodes: usize::MAX,
        ..Limits::default()
    };
    let value = json::parse(text, &limits).unwrap();
    let mut out = String::new();
    sorted(&value, true, &mut out);
    out
}

fn sorted(value: &Value, root: bool, out: &mut String) {
    if let Some(object) = value.as_object() {
        let mut members: Vec<(&str, &Value)> = object.iter().collect();
        members.retain(|(name, _)| !root || !["id", "meta"].contains(name));
        members.sort_unstable_by_key(|(name, _)| *name);
        for (name, member) in members {
            out.push_str(name);
            out.push('{');
            sorted(member, false, out);
            out.push('}');
        }
    } else if let Some(items) = value.as_array() {
        for item in items {
            out.push('[');
            sorted(item, false, out);
            out.push(']');
        }
    } else {
        out.push_str(&String::from_utf8(json::to_vec(value)).unwrap());
    }
}

#[test]
fn json_to_store_to_xml_to_store_is_the_same_tree() {
    let Some(examples) = examples() else {
        return;
    };
    let node = TestNode::start();
    let fhir_xml = "application/fhir+xml";
    for example in &examples {
        let file = &example.file;
        let created = node.post(&example.resource_type, &example.text);
        assert_eq!(created.status, 201, "{file}: {}", created.text());
        let place = created.header("location").unwrap();
        let xml = node.get_with(place, &[("accept", fhir_xml)]);
        assert_eq!(xml.status, 200, "{file}: {}", xml.text());
        assert_eq!(
            xml.header("content-type"),
            Some("application/fhir+xml; charset=utf-8")
        );
        let headers = [("content-type", fhir_xml)];
        let again = node.request("POST", &example.resource_type, &headers, &xml.body);
        assert_eq!(again.status, 201, "{file}: {}", again.text());
        let read = |place: &str| {
            node.get_with(place, &[("accept", "application/fhir+json")])
                .body
        };
        let stored = read(again.header("location").unwrap());
        assert!(
            tree(&stored) == tree(&read(place)),
            "{file}: the second differs from the first"
        );
        assert!(
            tree(&stored) == tree(&created.body),
            "{file}: the stored differs from the answered"
        );
        if example.resource_type != "Binary" {
            assert!(
                tree(&stored) == tree(example.text.as_bytes()),
                "{file}: {}",
                created.text()
            );
        }
    }
}

#[test]
fn examples_through_transactions() {
    let Some(examples) = examples() else {
        return;
    };
    let node = TestNode::start();
    for chunk in examples.chunks(100) {
        let entries: Vec<String> = chunk
            .iter()
            .map(|example| {
                let request = json!({"method": "POST", "url": example.resource_type});
                format!(r#"{{"resource":{},"request":{request}}}"#, example.text)
            })
            .collect();
        let text = format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#,
            entries.join(",")
        );
        let answer = node.post("", &text);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answered = answer.entries();
        for (example, entry) in chunk.iter().zip(&answered) {
            if example.resource_type == "Binary" {
                continue;
            }
            let place = entry["response"]["location"].as_str().unwrap();
            let read = node.get(place).body;
            assert!(
                tree(&read) == tree(example.text.as_bytes()),
                "{}",
                example.file
            );
        }
    }
}
