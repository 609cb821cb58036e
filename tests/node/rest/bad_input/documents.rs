//! Documents that are none. What is inside a PDF is tested where the sandbox has the real binary
//! (`documents/errors.rs`).

use super::{Row, check, gzip, row};
use crate::support::TestNode;

fn ingest(name: &'static str, kind: &str, body: impl Into<Vec<u8>>) -> Row {
    row(name, "POST", "DocumentReference/$ingest", body).with("content-type", kind)
}

#[test]
fn documents() {
    let node = TestNode::start();
    let xml = "application/xml";
    let root = r#"<ClinicalDocument xmlns="urn:hl7-org:v3"/>"#;
    let attributes: String = (0..80_000).map(|n| format!(" a{n}=\"\"")).collect();
    let binary = |name, members: &str, code, expression: &str| {
        let body = format!(r#"{{"resourceType":"Binary","contentType":"text/plain",{members}}}"#);
        row(name, "POST", "Binary", body).gets(400, code, expression)
    };
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
            row("no media type", "POST", "DocumentReference/$ingest", "x").with("content-type", "").gets(415, "not-supported", ""),
            ingest("charset", "application/xml; charset=latin1", "<a/>").gets(415, "not-supported", ""),
            ingest("truncated", xml, format!("{}<id", &root[..root.len() - 2])).gets(400, "structure", ""),
            ingest("external entity", xml, format!(r#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>{root}"#)).gets(400, "structure", ""),
            ingest("depth", xml, "<a>".repeat(1000)).gets(400, "structure", ""),
            ingest("attributes", xml, root.replace("/>", &format!("{attributes}/>"))).gets(400, "structure", ""),
            ingest("UTF-16", xml, root.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).gets(400, "structure", ""),
            ingest("FHIR in XML", xml, r#"<Bundle xmlns="http://hl7.org/fhir"/>"#).gets(422, "structure", ""),
            ingest("coding", xml, gzip(b"<a/>")).with("content-encoding", "gzip").gets(415, "not-supported", ""),
            row("ingestion of the system", "POST", "$ingest", "x").with("content-type", xml).gets(405, "not-supported", ""),
            row("ingestion of a resource", "POST", "DocumentReference/1/$ingest", "x").with("content-type", xml).gets(405, "not-supported", ""),
            binary("unknown member of a Binary", r#""content":"QQ==""#, "structure", "Binary.content"),
            binary("security context that is no reference", r#""securityContext":"Patient/1""#, "structure", "Binary.securityContext"),
            row("Binary of another id", "PUT", "Binary/a", r#"{"resourceType":"Binary","id":"b","contentType":"text/plain"}"#).gets(400, "value", "Binary.id"),
            row("security context", "POST", "Binary", "x").with("content-type", "application/pdf").with("x-security-context", "javascript:1").gets(400, "value", ""),
            row("media type of a Binary", "POST", "Binary", "x").with("content-type", "nonsense").gets(415, "not-supported", ""),
            row("data of a Binary", "POST", "Binary", r#"{"resourceType":"Binary","contentType":"text/plain","data":"a"}"#).gets(400, "value", "Binary.data"),
        ],
    );
}
