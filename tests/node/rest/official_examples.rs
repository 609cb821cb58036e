//! HL7's official examples go in and come back as they were written.

use std::io::BufRead;

use serde_json::Value;

use crate::support::{TestNode, shared};

/// File and text of each example.
fn examples() -> Option<Vec<(String, String)>> {
    let path = shared("suites/r4-examples/examples.ndjson.zst")?;
    let decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    let lines = std::io::BufReader::new(decoder).lines();
    Some(
        lines
            .map(|line| {
                let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
                let text = |name: &str| line[name].as_str().unwrap().to_owned();
                (text("file"), text("resource_text"))
            })
            .collect(),
    )
}

/// The text without white space between tokens and without `id` and `meta` at the top, and with
/// `resourceType` first.
fn compared(text: &[u8]) -> Vec<u8> {
    use fascicolo::fhir::model::json;
    let mut out = Vec::new();
    for member in json::members(text) {
        if matches!(member.name, b"id" | b"meta" | b"resourceType") {
            continue;
        }
        out.extend_from_slice(member.name);
        out.push(b':');
        json::compact(member.value, &mut out);
        out.push(b',');
    }
    out
}

#[test]
fn json_to_store_to_json_is_equal_byte_for_byte() {
    let Some(examples) = examples() else {
        return;
    };
    let node = TestNode::start();
    let mut count = 0;
    for (file, text) in &examples {
        let resource_type = serde_json::from_str::<Value>(text).unwrap()["resourceType"]
            .as_str()
            .unwrap()
            .to_owned();
        let created = node.post(&resource_type, text);
        assert_eq!(created.status, 201, "{file}: {}", created.text());
        let place = created.header("location").unwrap();
        let read = node.get_with(place, &[("accept", "application/fhir+json")]);
        if resource_type == "Binary" {
            // The document comes back, but its base64 is written anew.
            assert_eq!(read.status, 200, "{file}");
            continue;
        }
        assert!(compared(text.as_bytes()) == compared(&read.body), "{file}");
        count += 1;
    }
    assert!(count > 700, "{count}");
}
