//! URLs, methods and headers.

use super::{Row, check, gzip, row};
use crate::support::TestNode;

const PATIENT: &str = r#"{"resourceType":"Patient"}"#;
const META: &str = r#"{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"b"}]}}]}"#;

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
            get("search of all types", "").gets(400, "too-costly", ""),
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
            get("_pretty", "Patient/1?_pretty=1").gets(400, v, ""),
            get("_pretty of a search", "Patient?_pretty=").gets(400, v, ""),
            get("_elements of a read", "Patient/1?_elements=,").gets(400, v, ""),
            get("_pretty of metadata", "metadata?_pretty=abc").gets(400, v, ""),
            get("_summary of metadata", "metadata?_summary=abc").gets(400, v, ""),
            get("_elements of metadata", "metadata?_elements=").gets(400, v, ""),
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
            get("parameter not offered", "Patient?_text=x").gets(400, ns, ""),
            get("modifier not offered", "Patient?gender:exact=male").gets(400, ns, ""),
            get("chain over a token", "Observation?code.name=x").gets(400, "value", ""),
            get("_sort not offered", "Location?_sort=near").gets(400, ns, ""),
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
            get(
                "id of 65 characters",
                &format!("Patient/{}", "x".repeat(65)),
            )
            .gets(404, "not-found", ""),
            get("id with dots", "Patient/%2e%2e%2fmetadata").gets(404, "not-found", ""),
            get("id with an escaped slash", "Patient/a%2fb").gets(404, "not-found", ""),
            get("id with NUL", "Patient/a%00").gets(400, v, ""),
            get("path of no UTF-8", "Patient/%ff").gets(400, v, ""),
            get("unknown type with a version", "Nothing/1/_history/1").gets(404, ns, ""),
            get("unknown type with a history", "Nothing/_history").gets(404, ns, ""),
            get(
                "version over all numbers",
                "Patient/1/_history/99999999999999999999",
            )
            .gets(404, "not-found", ""),
            get("version of nothing", "Patient/none/_history/1").gets(404, "not-found", ""),
            get("operation of a version", "Patient/1/_history/1/$nonsense").gets(501, ns, ""),
            get("$meta of nothing", "Patient/none/$meta").gets(404, "not-found", ""),
            get("$meta-add by GET", "Patient/none/$meta-add").gets(405, ns, ""),
            get("_summary of a read", "Patient/1?_summary=maybe").gets(400, v, ""),
            get("_count with an exponent", "Patient?_count=1e9").gets(400, v, ""),
            get("_count with a fraction", "Patient?_count=1.5").gets(400, v, ""),
            get("_count of a history", "Patient/_history?_count=x").gets(400, v, ""),
            get("_since of no day", "_history?_since=2020-02-30").gets(400, v, ""),
            get("_at of no month", "Patient/_history?_at=2020-13").gets(400, v, ""),
            get("in_19 cursor of no base64", "Patient?_cursor=%C3%A8").gets(400, v, ""),
            get("in_19 empty cursor", "Patient?_cursor=").gets(400, v, ""),
            get(
                "in_19 long cursor",
                &format!("Patient?_cursor={}", "A".repeat(4000)),
            )
            .gets(400, v, ""),
            get(
                "token with escapes and three parts",
                "Patient?identifier=a%5C%7Cb%7Cc%7Cd",
            )
            .gets(400, v, ""),
            get("_include of a token", "Patient?_include=Patient:gender").gets(400, v, ""),
            get("_has of a token", "Patient?_has:Observation:code:status=1").gets(400, v, ""),
            get("_query not offered", "Patient?_query=x").gets(400, ns, ""),
            get("modifier of no type", "Observation?subject:Nothing=1").gets(400, v, ""),
            get("no prefix", "Patient?_lastUpdated=xx2020").gets(400, "value", ""),
            get(
                "in_18 values in all",
                &format!(
                    "Patient?{}",
                    vec![format!("_id={}a", "a,".repeat(48)); 5].join("&")
                ),
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
            row("condition is missing", "PUT", "Patient", PATIENT).gets(400, "incomplete", ""),
            row("delete of everything", "DELETE", "Patient", "").gets(400, "incomplete", ""),
            row("condition not known", "DELETE", "Patient?nonsense=1", "").gets(400, ns, ""),
            row("If-None-Exist not known", "POST", "Patient", PATIENT)
                .with("if-none-exist", "nonsense=1")
                .gets(400, ns, ""),
            row("If-None-Exist empty", "POST", "Patient", PATIENT)
                .with("if-none-exist", "")
                .gets(400, "incomplete", ""),
        ],
    );
}

/// A search whose parameters are in the body.
fn form(name: &'static str, body: impl Into<Vec<u8>>) -> Row {
    row(name, "POST", "Patient/_search", body)
        .with("content-type", "application/x-www-form-urlencoded")
}

#[test]
fn forms_writes_and_conditions() {
    let node = TestNode::start();
    let (ns, v) = ("not-supported", "value");
    let none_exist =
        |name, query| row(name, "POST", "Patient", PATIENT).with("if-none-exist", query);
    check(
        &node,
        vec![
            form("form of no UTF-8", b"_id=\xff".to_vec()).gets(400, "invalid", ""),
            form("form with a broken percent", "_id=%").gets(400, v, ""),
            form("in_18 form with too much", "_id=a&".repeat(31)).gets(400, "too-costly", ""),
            form("form that is JSON", "{}")
                .with("content-type", "application/json")
                .gets(415, ns, ""),
            row("form for all types", "POST", "_search", "")
                .with("content-type", "application/x-www-form-urlencoded")
                .gets(400, "too-costly", ""),
            row("create of an unknown type", "POST", "Nothing", PATIENT).gets(404, ns, ""),
            row("update of an unknown type", "PUT", "Nothing/a", PATIENT).gets(404, ns, ""),
            row("update of a bad id", "PUT", "Patient/a_b", PATIENT).gets(404, "not-found", ""),
            row("delete of an unknown type", "DELETE", "Nothing/1", "").gets(404, ns, ""),
            row(
                "update of another type",
                "PUT",
                "Patient/a",
                r#"{"resourceType":"Group","id":"a"}"#,
            )
            .gets(400, "invalid", "resourceType"),
            row(
                "update by an unknown condition",
                "PUT",
                "Patient?nonsense=1",
                PATIENT,
            )
            .gets(400, ns, ""),
            row("update by paging", "PUT", "Patient?_count=1", PATIENT).gets(400, "incomplete", ""),
            row(
                "delete by an empty condition",
                "DELETE",
                "Patient?identifier=",
                "",
            )
            .gets(400, v, ""),
            row("delete by paging", "DELETE", "Patient?_count=1", "").gets(400, "incomplete", ""),
            none_exist("If-None-Exist with a broken percent", "_id=%").gets(400, v, ""),
            none_exist("If-None-Exist by paging", "_count=1").gets(400, "incomplete", ""),
            none_exist("If-None-Exist not offered", "_query=x").gets(400, ns, ""),
            row(
                "$meta-add of no Parameters",
                "POST",
                "Patient/none/$meta-add",
                PATIENT,
            )
            .gets(400, "invalid", "resourceType"),
            row(
                "$meta-add of nothing",
                "POST",
                "Patient/none/$meta-add",
                r#"{"resourceType":"Parameters"}"#,
            )
            .gets(400, "required", "Parameters.parameter"),
            row(
                "$meta-add to nothing",
                "POST",
                "Patient/none/$meta-add",
                META,
            )
            .gets(404, "not-found", ""),
            row(
                "$meta-delete of a bad tag",
                "POST",
                "Patient/none/$meta-delete",
                META.replace("\"b\"", "7"),
            )
            .gets(
                400,
                "structure",
                "Parameters.parameter[0].value.ofType(Meta).tag[0].code",
            ),
        ],
    );
    // In lenient handling a parameter that nobody knows is left out, and that is said.
    let answer = node.get("Patient?nonsense=1");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("nonsense"), "{}", answer.text());
    assert!(
        !answer.json()["link"][0]["url"]
            .as_str()
            .unwrap()
            .contains("nonsense")
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
    let packed = gzip(PATIENT.as_bytes());
    let coded =
        |name, body: &[u8]| row(name, "POST", "Patient", body).with("content-encoding", "gzip");
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
            row("method in lower case", "get", "Patient/1", "").gets(405, ns, ""),
            row("PATCH of a search", "PATCH", "Patient/_search", "[]").gets(405, ns, ""),
            row("POST to a history", "POST", "Patient/_history", PATIENT).gets(405, ns, ""),
            row("DELETE of the base", "DELETE", "", "").gets(405, ns, ""),
            row("DELETE of metadata", "DELETE", "metadata", "").gets(405, ns, ""),
            row("HEAD of nothing", "HEAD", "Patient/none", "").gets(404, "", ""),
            post("empty media type")
                .with("content-type", "")
                .gets(415, ns, ""),
            post("half a media type")
                .with("content-type", "application")
                .gets(415, ns, ""),
            post("patch as a resource")
                .with("content-type", "application/json-patch+json")
                .gets(415, ns, ""),
            post("FHIR version of XML")
                .with("content-type", "application/fhir+xml; fhirVersion=5.0")
                .gets(415, ns, ""),
            post("FHIR version in quotes")
                .with("content-type", "application/fhir+json; fhirVersion=\"4.3\"")
                .gets(415, ns, ""),
            post("JSON as XML")
                .with("content-type", "application/fhir+xml")
                .gets(400, "structure", ""),
            post("charset in another case")
                .with("content-type", "application/fhir+json; Charset=UTF-16")
                .gets(415, ns, ""),
            coded("half a gzip", &packed[..packed.len() / 2]).gets(400, "invalid", ""),
            coded(
                "gzip with something behind",
                &[packed.as_slice(), b"xyz"].concat(),
            )
            .gets(400, "invalid", ""),
            coded("gzip within gzip", &gzip(&packed)).gets(400, "structure", ""),
            coded("in_06 a bomb of XML", &gzip(&zeros))
                .with("content-type", "application/fhir+xml")
                .gets(413, "too-long", ""),
            row("document with a coding", "POST", "Binary", gzip(b"x"))
                .with("content-type", "application/pdf")
                .with("content-encoding", "gzip")
                .gets(415, ns, ""),
            get("Accept with quality zero", "Patient/1")
                .with("accept", "application/fhir+json;q=0")
                .gets(406, ns, ""),
            get("Accept of an image", "Patient")
                .with("accept", "image/png")
                .gets(406, ns, ""),
            get("Accept of an image for capabilities", "metadata")
                .with("accept", "image/png")
                .gets(406, ns, ""),
            get("_format over Accept", "Patient/1?_format=text/csv")
                .with("accept", "application/fhir+json")
                .gets(406, ns, ""),
            put("If-Match of no number")
                .with("if-match", "W/\"a\"")
                .gets(400, v, ""),
            put("If-Match with a zero in front")
                .with("if-match", "W/\"01\"")
                .gets(400, v, ""),
            put("If-Match below zero")
                .with("if-match", "W/\"-1\"")
                .gets(400, v, ""),
            put("If-Match over all numbers")
                .with("if-match", "W/\"99999999999999999999\"")
                .gets(400, v, ""),
            put("If-Match without end")
                .with("if-match", "W/\"1")
                .gets(400, v, ""),
            put("empty If-Match").with("if-match", "").gets(400, v, ""),
            row("delete with a bad If-Match", "DELETE", "Patient/none", "")
                .with("if-match", "1")
                .gets(400, v, ""),
            post("long Idempotency-Key")
                .with("idempotency-key", "x".repeat(129))
                .gets(400, v, ""),
            post("empty Idempotency-Key")
                .with("idempotency-key", "")
                .gets(400, v, ""),
            post("Idempotency-Key with a space")
                .with("idempotency-key", "a b")
                .gets(400, v, ""),
            post("dev_04 foreign host")
                .with("host", "evil.example")
                .gets(400, "security", ""),
            post("dev_04 null origin")
                .with("origin", "null")
                .gets(403, "security", ""),
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

#[test]
fn con_02_if_match_of_a_binary() {
    let put = |name, tag| -> Row {
        row(name, "PUT", "Binary/none", "x")
            .with("content-type", "application/pdf")
            .with("if-match", tag)
    };
    let node = TestNode::start();
    check(
        &node,
        vec![
            put("a version of nothing", "W/\"7\"").gets(412, "conflict", ""),
            put("no entity tag", "7").gets(400, "value", ""),
        ],
    );
}

#[test]
fn http_04_a_method_that_an_operation_does_not_have() {
    let put = |path| row("PUT", "PUT", path, "{}").gets(405, "not-supported", "");
    check(
        &TestNode::start(),
        vec![
            put("Patient/1/$meta"),
            put("DocumentReference/$ingest"),
            put("$x"),
        ],
    );
}
