//! URLs, methods and headers.

use super::{Row, check, gzip, row};
use crate::support::TestNode;

const PATIENT: &str = r#"{"resourceType":"Patient"}"#;

fn get(name: &'static str, path: &str) -> Row {
    row(name, "GET", path, "")
}

#[test]
fn urls_and_parameters() {
    let node = TestNode::start();
    let (ns, v) = ("not-supported", "value");
    check(
        &node,
        vec![
            get("unknown type", "Nothing/1").gets(404, ns, ""),
            get("unknown type searched", "Nothing").gets(404, ns, ""),
            get("type in lower case", "patient/1").gets(404, "not-found", ""),
            get("unknown id", "Patient/none").gets(404, "not-found", ""),
            get("id with an underscore", "Patient/a_b").gets(404, "not-found", ""),
            get("version that is no number", "Patient/1/_history/x").gets(404, "not-found", ""),
            get("version zero", "Patient/1/_history/0").gets(404, "not-found", ""),
            get("path too deep", "Patient/1/2/3").gets(404, "not-found", ""),
            get("no FHIR path", "/nothing").gets(404, "not-found", ""),
            get("history of nothing", "Patient/none/_history").gets(404, "not-found", ""),
            get("search of all types", "").gets(501, ns, ""),
            get("unknown operation", "$nonsense").gets(501, ns, ""),
            get("operation on a type", "Patient/$meta").gets(405, ns, ""),
            get("broken percent", "Patient?_id=%").gets(400, v, ""),
            get("percent of no UTF-8", "Patient?_id=%ff").gets(400, v, ""),
            get("percent NUL", "Patient?_id=%00").gets(400, v, ""),
            get(
                "in_01 long URL",
                &format!("Patient?_id={}", "x".repeat(9000)),
            )
            .gets(414, "too-long", ""),
            get("_count", "Patient?_count=x").gets(400, v, ""),
            get("_count below zero", "Patient?_count=-1").gets(400, v, ""),
            get("_total", "Patient?_total=maybe").gets(400, v, ""),
            get("_summary", "Patient?_summary=maybe").gets(400, v, ""),
            get("_format", "Patient/1?_format=turtle").gets(406, ns, ""),
            get("_lastUpdated", "Patient?_lastUpdated=soon").gets(400, v, ""),
            get("_lastUpdated prefix", "Patient?_lastUpdated=xx2020").gets(400, v, ""),
            get("_since", "Patient/_history?_since=soon").gets(400, v, ""),
            get("_at", "Patient/_history?_at=soon").gets(400, v, ""),
            get("history parameter", "Patient/_history?name=x").gets(400, ns, ""),
            get("in_19 cursor", "Patient?_cursor=AAAA").gets(400, v, ""),
            get("in_19 history cursor", "Patient/_history?_cursor=AAAA").gets(400, v, ""),
            get("unknown parameter, strict", "Patient?nonsense=1")
                .with("prefer", "handling=strict")
                .gets(400, ns, ""),
            get("parameter not offered", "Patient?birthdate=2000").gets(400, ns, ""),
            get("modifier not offered", "Patient?gender:not=male").gets(400, ns, ""),
            get("chain not offered", "Observation?subject.name=x").gets(400, ns, ""),
            get("_sort not offered", "Patient?_sort=name").gets(400, ns, ""),
            get("token with three parts", "Patient?identifier=a|b|c").gets(400, v, ""),
            get("empty value", "Patient?identifier=").gets(400, v, ""),
            get("in_18 values", &format!("Patient?_id={}", "a,".repeat(60))).gets(
                400,
                "too-costly",
                "",
            ),
            get(
                "in_18 parameters",
                &format!("Patient?{}", "_id=a&".repeat(31)),
            )
            .gets(400, "too-costly", ""),
            row(
                "id of the URL is another",
                "PUT",
                "Patient/a",
                r#"{"resourceType":"Patient","id":"b"}"#,
            )
            .gets(400, v, "Patient.id"),
            row("id is missing", "PUT", "Patient/a", PATIENT).gets(400, "required", "Patient.id"),
            row("condition is missing", "PUT", "Patient", PATIENT).gets(412, "incomplete", ""),
            row("delete of everything", "DELETE", "Patient", "").gets(412, "incomplete", ""),
            row("condition not known", "DELETE", "Patient?nonsense=1", "").gets(400, ns, ""),
            row("If-None-Exist not known", "POST", "Patient", PATIENT)
                .with("if-none-exist", "nonsense=1")
                .gets(400, ns, ""),
            row("If-None-Exist empty", "POST", "Patient", PATIENT)
                .with("if-none-exist", "")
                .gets(412, "incomplete", ""),
        ],
    );
}

#[test]
fn methods_and_headers() {
    let node = TestNode::start();
    let (ns, v) = ("not-supported", "value");
    let post = |name| row(name, "POST", "Patient", PATIENT);
    let put = |name| {
        row(
            name,
            "PUT",
            "Patient/none",
            r#"{"resourceType":"Patient","id":"none"}"#,
        )
    };
    let zeros = vec![0u8; 60 << 20];
    check(
        &node,
        vec![
            row("POST to an id", "POST", "Patient/1", PATIENT).gets(405, ns, ""),
            row("PUT to metadata", "PUT", "metadata", "{}").gets(405, ns, ""),
            row("DELETE of a version", "DELETE", "Patient/1/_history/1", "").gets(405, ns, ""),
            row("PUT to the base", "PUT", "", "{}").gets(405, ns, ""),
            row("TRACE", "TRACE", "Patient/1", "").gets(405, ns, ""),
            row("a method of nobody", "BREW", "Patient/1", "").gets(405, ns, ""),
            row("POST to health", "POST", "/health/live", "").gets(405, ns, ""),
            post("no FHIR type")
                .with("content-type", "text/plain")
                .gets(415, ns, ""),
            post("form")
                .with("content-type", "application/x-www-form-urlencoded")
                .gets(415, ns, ""),
            post("FHIR version")
                .with("content-type", "application/fhir+json; fhirVersion=3.0")
                .gets(415, ns, ""),
            post("charset")
                .with("content-type", "application/fhir+json; charset=latin1")
                .gets(415, ns, ""),
            post("coding")
                .with("content-encoding", "br")
                .gets(415, ns, ""),
            post("coding twice")
                .with("content-encoding", "gzip, gzip")
                .gets(415, ns, ""),
            post("no gzip")
                .with("content-encoding", "gzip")
                .gets(400, "invalid", ""),
            post("no zstd")
                .with("content-encoding", "zstd")
                .gets(400, "invalid", ""),
            row("in_06 gzip bomb", "POST", "Patient", gzip(&zeros))
                .with("content-encoding", "gzip")
                .gets(413, "too-long", ""),
            row(
                "in_06 zstd bomb",
                "POST",
                "Patient",
                zstd::encode_all(zeros.as_slice(), 1).unwrap(),
            )
            .with("content-encoding", "zstd")
            .gets(413, "too-long", ""),
            get("Accept", "Patient/1")
                .with("accept", "text/csv")
                .gets(406, ns, ""),
            get("Accept of another version", "Patient/1")
                .with("accept", "application/fhir+json; fhirVersion=5.0")
                .gets(406, ns, ""),
            put("If-Match without quotes")
                .with("if-match", "1")
                .gets(400, v, ""),
            put("If-Match star").with("if-match", "*").gets(400, v, ""),
            put("If-Match list")
                .with("if-match", "W/\"1\", W/\"2\"")
                .gets(400, v, ""),
            put("If-Match of nothing")
                .with("if-match", "W/\"1\"")
                .gets(412, "conflict", ""),
            row(
                "delete with If-Match of nothing",
                "DELETE",
                "Patient/none",
                "",
            )
            .with("if-match", "W/\"1\"")
            .gets(404, "not-found", ""),
            post("dev_04 foreign origin")
                .with("origin", "https://evil.example")
                .gets(403, "security", ""),
            post("in_02 one long header")
                .with("x-long", "x".repeat(33 * 1024))
                .gets(431, "too-long", ""),
            row("_search without a form", "POST", "Patient/_search", "{}").gets(415, ns, ""),
        ],
    );
}
