//! Documents that are none. What is inside a PDF is tested where the sandbox has the real binary
//! (`documents/errors.rs`).

use super::{Row, check, row};
use crate::support::TestNode;

fn ingest(name: &'static str, kind: &str, body: impl Into<Vec<u8>>) -> Row {
    row(name, "POST", "DocumentReference/$ingest", body).with("content-type", kind)
}

#[test]
fn documents() {
    let node = TestNode::start();
    let xml = "application/xml";
    check(
        &node,
        vec![
            ingest("another media type", "text/plain", "x").gets(415, "not-supported", ""),
            ingest("FHIR", "application/fhir+json", "{}").gets(415, "not-supported", ""),
            ingest("empty", xml, "").gets(400, "structure", ""),
            ingest("no XML", xml, "hello").gets(400, "structure", ""),
            ingest("another root", xml, "<html/>").gets(422, "structure", ""),
            ingest("another namespace", xml, "<ClinicalDocument/>").gets(422, "structure", ""),
            ingest("document type", xml, r#"<!DOCTYPE a [<!ENTITY b "c">]><ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>"#).gets(400, "structure", ""),
            ingest("empty document", xml, r#"<ClinicalDocument xmlns="urn:hl7-org:v3"/>"#).gets(422, "required", "/ClinicalDocument/id"),
            row("reading an ingestion", "GET", "DocumentReference/$ingest", "").gets(405, "not-supported", ""),
            row("ingestion on another type", "POST", "Patient/$ingest", "x").with("content-type", xml).gets(405, "not-supported", ""),
            row("security context", "POST", "Binary", "x").with("content-type", "application/pdf").with("x-security-context", "javascript:1").gets(400, "value", ""),
            row("media type of a Binary", "POST", "Binary", "x").with("content-type", "nonsense").gets(415, "not-supported", ""),
            row("data of a Binary", "POST", "Binary", r#"{"resourceType":"Binary","contentType":"text/plain","data":"a"}"#).gets(400, "value", "Binary.data"),
        ],
    );
}
