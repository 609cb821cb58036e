//! Bundles at the base that are no batch and no transaction that can be executed.

use serde_json::json;

use super::{Row, check, gzip, row};
use crate::support::TestNode;

const S: &str = "structure";
const V: &str = "value";
const R: &str = "required";
const NS: &str = "not-supported";
const ZERO: &str = "Bundle.entry[0]";
const URL: &str = "Bundle.entry[0].request.url";
const METHOD: &str = "Bundle.entry[0].request.method";

fn bundle(name: &'static str, members: &str) -> Row {
    let body = format!(r#"{{"resourceType":"Bundle",{members}}}"#);
    row(name, "POST", "", body)
}

fn batch(name: &'static str, entry: &str) -> Row {
    bundle(name, &format!(r#""type":"batch","entry":{entry}"#))
}

fn entries(name: &'static str, entries: &str) -> Row {
    let members = format!(r#""type":"transaction","entry":[{entries}]"#);
    bundle(name, &members)
}

fn entry(resource: &str, request: &str) -> String {
    format!(r#"{{"resource":{resource},"request":{request}}}"#)
}

/// One entry with this request and a Patient.
fn request(name: &'static str, request: &str) -> Row {
    let resource = r#"{"resourceType":"Patient","id":"a"}"#;
    entries(name, &entry(resource, &format!("{{{request}}}")))
}

/// One entry that creates a Patient with these members.
fn patient(members: &str) -> String {
    let resource = format!(r#"{{"resourceType":"Patient"{members}}}"#);
    entry(&resource, r#"{"method":"POST","url":"Patient"}"#)
}

/// One entry that puts the Patient `a` to this URL.
fn put(url: &str) -> String {
    let request = format!(r#"{{"method":"PUT","url":"{url}"}}"#);
    entry(r#"{"resourceType":"Patient","id":"a"}"#, &request)
}

/// One entry that creates an Observation about this.
fn about(reference: &str) -> String {
    let resource = format!(
        r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"subject":{{"reference":"{reference}"}}}}"#
    );
    entry(&resource, r#"{"method":"POST","url":"Observation"}"#)
}

#[test]
fn frames() {
    let text = |name, body: &str| row(name, "POST", "", body).gets(400, S, "");
    let utf8 = b"{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"id\":\"\xff\"}";
    let empty = r#"{"resourceType":"Bundle","type":"batch"}"#;
    let twice = r#"[{"resource":{"resourceType":"Patient"},"resource":{"resourceType":"Group"},"request":{"method":"POST","url":"Patient"}}]"#;
    let escaped = r#"[{"\u0072esource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]"#;
    check(
        &TestNode::start(),
        vec![
            text("no Bundle", r#"{"resourceType":"Patient"}"#),
            text("no type of resource", r#"{"type":"batch"}"#),
            text("no JSON", "{"),
            text("an empty body", ""),
            text("an array", "[]").gets(400, S, "Bundle.entry"),
            text("truncated", r#"{"resourceType":"Bundle","entry":[{"#).gets(400, S, ZERO),
            text("something behind", &format!("{empty} x")).gets(400, S, "Bundle"),
            text("two Bundles", &format!("{empty}{empty}")).gets(400, S, "Bundle"),
            row("invalid UTF-8", "POST", "", utf8.to_vec()).gets(400, S, ""),
            bundle("no type", r#""entry":[]"#).gets(400, R, "Bundle.type"),
            bundle("document", r#""type":"document""#).gets(400, V, "Bundle.type"),
            bundle("searchset", r#""type":"searchset""#).gets(400, V, "Bundle.type"),
            bundle("type of nobody", r#""type":"x""#).gets(400, V, "Bundle.type"),
            bundle("type that is no string", r#""type":5"#).gets(400, S, "Bundle.type"),
            bundle("type twice", r#""type":"batch","type":"batch""#).gets(400, S, "Bundle.type"),
            bundle("entry twice", r#""type":"batch","entry":[],"entry":[]"#).gets(
                400,
                S,
                "Bundle.entry",
            ),
            bundle("unknown member", r#""type":"batch","foo":1"#).gets(400, S, "Bundle.foo"),
            bundle("id of another form", r#""type":"batch","id":"a_b""#).gets(400, V, "Bundle.id"),
            bundle("entry by escape", r#""type":"batch","\u0065ntry":[]"#).gets(400, S, ""),
            batch("entry that is no list", "{}").gets(400, S, "Bundle.entry"),
            batch("entry that is no object", "[7]").gets(400, S, "Bundle.entry"),
            batch("entry in an array", "[[{}]]").gets(400, S, "Bundle.entry"),
            batch("null as an entry", "[null]").gets(400, S, "Bundle.entry"),
            batch("entries without a comma", "[{}{}]").gets(400, S, "Bundle.entry"),
            batch("resource twice", twice).gets(400, S, "Bundle.entry[0].resource"),
            batch("resource by escape", escaped).gets(400, S, "Bundle.entry[0]"),
            text("no media type of a Bundle", empty)
                .with("content-type", "application/pdf")
                .gets(415, NS, ""),
            row("in_06 a bomb", "POST", "", gzip(&vec![b' '; 8 << 20]))
                .with("content-encoding", "gzip")
                .gets(413, "too-long", ""),
        ],
    );
}

#[test]
fn requests_of_entries() {
    let create = r#""method":"POST","url":"Patient""#;
    let update = r#""method":"PUT","url":"Patient/a""#;
    let none_exist =
        |name, query: &str| request(name, &format!(r#"{create},"ifNoneExist":"{query}""#));
    let if_match = |name, tag: &str| request(name, &format!(r#"{update},"ifMatch":"{tag}""#));
    let url = |name, method: &str, url: &str| {
        request(name, &format!(r#""method":"{method}","url":"{url}""#))
    };
    check(
        &TestNode::start(),
        vec![
            entries("no request", r#"{"resource":{"resourceType":"Patient"}}"#).gets(400, R, ZERO),
            entries("empty entry", "{}").gets(400, R, ZERO),
            entries("empty entry behind", &format!("{},{{}}", patient(""))).gets(
                400,
                R,
                "Bundle.entry[1]",
            ),
            entries("unknown member of an entry", r#"{"foo":1,"request":{}}"#).gets(
                400,
                S,
                "Bundle.entry[0].foo",
            ),
            entries(
                "request that is no object",
                r#"{"request":"GET Patient/1"}"#,
            )
            .gets(400, S, "Bundle.entry[0].request"),
            request(
                "unknown member of a request",
                &format!(r#"{update},"foo":1"#),
            )
            .gets(400, S, "Bundle.entry[0].request.foo"),
            request("no method", r#""url":"Patient/a""#).gets(400, V, METHOD),
            url("unknown method", "BREW", "Patient/a").gets(400, V, METHOD),
            url("method in lower case", "put", "Patient/a").gets(400, V, METHOD),
            request("no url", r#""method":"PUT""#).gets(400, R, URL),
            request("url that is no string", r#""method":"PUT","url":1"#).gets(400, S, URL),
            url("empty url", "POST", "").gets(400, V, URL),
            url("path of nothing", "GET", "a/b/c/d/e/f").gets(404, "not-found", URL),
            url("another server", "PUT", "http://x.example/fhir/Patient/a").gets(
                404,
                "not-found",
                URL,
            ),
            url("id of another form", "PUT", "Patient/a_b").gets(404, "not-found", URL),
            url("broken percent", "PUT", "Patient?_id=%zz").gets(400, V, URL),
            url("method of no path", "POST", "Patient/a").gets(405, NS, URL),
            url("nested", "POST", "/").gets(400, NS, URL),
            url("an operation", "POST", "DocumentReference/$ingest").gets(501, NS, ZERO),
            url("unknown type", "PUT", "Nothing/a").gets(404, NS, ZERO),
            url("delete of everything", "DELETE", "Patient").gets(400, "incomplete", ZERO),
            url("search not offered", "GET", "Patient?_query=x").gets(400, NS, ZERO),
            url("read of nothing", "GET", "Patient/none").gets(404, "not-found", ZERO),
            if_match("bad ifMatch", "1").gets(400, V, "Bundle.entry[0].request.ifMatch"),
            if_match("ifMatch of nothing", r#"W/\"7\""#).gets(412, "conflict", ""),
            request(
                "bad ifModifiedSince",
                &format!(r#"{update},"ifModifiedSince":"soon""#),
            )
            .gets(400, V, "Bundle.entry[0].request.ifModifiedSince"),
            none_exist("ifNoneExist not known", "nonsense=1").gets(400, NS, ZERO),
            none_exist("ifNoneExist of nothing", "?").gets(400, "incomplete", ZERO),
            none_exist("broken ifNoneExist", "_id=%").gets(
                400,
                V,
                "Bundle.entry[0].request.ifNoneExist",
            ),
        ],
    );
}

#[test]
fn resources_of_entries() {
    let node = TestNode::start();
    for _ in 0..2 {
        node.create(
            r#"{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"twin"}]}"#,
        );
    }
    let resource = "Bundle.entry[0].resource";
    let with_url = |url: &str| format!(r#"{{"fullUrl":"{url}",{}"#, &patient("")[1..]);
    let urn = with_url("urn:uuid:7d0f4c8e-1f51-4c0e-8f1c-3f2f1d3b1a01");
    let long = format!(r#","name":[{{"text":"{}"}}]"#, "x".repeat((1 << 20) + 1));
    let post = r#"{"method":"POST","url":"Patient"}"#;
    let twin = "Patient?identifier=urn:x|twin";
    let ask = |name, method: &str, url: &str| {
        let request = format!(r#"{{"method":"{method}","url":"{url}"}}"#);
        entries(name, &entry(r#"{"resourceType":"Parameters"}"#, &request))
    };
    let two = |name, first: &str, second: &str| entries(name, &format!("{first},{second}"));
    let delete = r#"{"request":{"method":"DELETE","url":"Patient/a"}}"#;
    let exists = r#"{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:x|twin"}"#;
    check(
        &node,
        vec![
            entries("no resource", &format!(r#"{{"request":{post}}}"#)).gets(400, R, resource),
            entries("resource that is no object", &entry("7", post)).gets(400, S, resource),
            entries("resource that is null", &entry("null", post)).gets(400, S, resource),
            entries(
                "resource of another type",
                &entry(r#"{"resourceType":"Group"}"#, post),
            )
            .gets(400, "invalid", resource),
            two("unknown member", &patient(""), &patient(r#","foo":1"#)).gets(
                400,
                S,
                "Bundle.entry[1].resource.foo",
            ),
            entries("bad value", &patient(r#","birthDate":"soon""#)).gets(
                400,
                V,
                "Bundle.entry[0].resource.birthDate",
            ),
            entries(
                "in_09 a member twice",
                &patient(r#","active":true,"active":true"#),
            )
            .gets(400, S, "Bundle.entry[0].resource.active"),
            entries("in_08 string", &patient(&long)).gets(
                400,
                "too-long",
                "Bundle.entry[0].resource.name[0].text",
            ),
            entries("id of the URL is another", &put("Patient/b")).gets(
                400,
                V,
                "Bundle.entry[0].resource.id",
            ),
            two("the same twice", &put("Patient/a"), &put("Patient/a")).gets(
                400,
                "duplicate",
                "Bundle.entry[1]",
            ),
            two("changed and deleted", &put("Patient/a"), delete).gets(
                400,
                "duplicate",
                "Bundle.entry[1]",
            ),
            two("fullUrl twice", &urn, &urn).gets(400, "duplicate", "Bundle.entry[1].fullUrl"),
            entries("fullUrl with a space", &with_url("urn:uuid:a b")).gets(
                400,
                V,
                "Bundle.entry[0].fullUrl",
            ),
            entries("reference to none", &about("Patient?identifier=none")).gets(
                412,
                "not-found",
                ZERO,
            ),
            entries("reference to several", &about(twin)).gets(412, "multiple-matches", ZERO),
            entries("reference not known", &about("Patient?nonsense=1")).gets(400, NS, ZERO),
            entries(
                "ifNoneExist of several",
                &entry(r#"{"resourceType":"Patient"}"#, exists),
            )
            .gets(412, "multiple-matches", ZERO),
            ask("delete of several", "DELETE", twin).gets(412, "multiple-matches", ZERO),
            entries("update of several", &put(twin)).gets(412, "multiple-matches", ZERO),
            ask("patch of several", "PATCH", twin).gets(412, "multiple-matches", ZERO),
            ask("patch of nothing", "PATCH", "Patient/none").gets(404, "not-found", ZERO),
            ask("patch by a condition", "PATCH", "Patient?identifier=none").gets(
                404,
                "not-found",
                ZERO,
            ),
        ],
    );
}

#[test]
fn in_05_entries_are_counted() {
    let node = TestNode::with(|config| config.limits.bundle_entries = 3);
    let four = vec![patient(""); 4].join(",");
    check(
        &node,
        vec![
            entries("transaction", &four).gets(413, "too-long", "Bundle.entry"),
            batch("batch", &format!("[{four}]")).gets(413, "too-long", "Bundle.entry"),
        ],
    );
}

/// A batch answers in place: what is wrong with one entry is said there, and nothing of it is stored.
#[test]
fn entries_of_a_batch_fail_alone() {
    let node = TestNode::start();
    let get = |url: &str| format!(r#"{{"request":{{"method":"GET","url":"{url}"}}}}"#);
    let nested = r#"{"resourceType":"Bundle","type":"batch"}"#;
    let wrong = [
        ("{}".to_owned(), "400", R),
        (
            r#"{"request":{"method":"POST","url":"Patient"}}"#.to_owned(),
            "400",
            R,
        ),
        (
            r#"{"request":{"method":"BREW","url":"Patient/1"}}"#.to_owned(),
            "400",
            V,
        ),
        (
            r#"{"request":{"method":"DELETE","url":"Patient"}}"#.to_owned(),
            "400",
            "incomplete",
        ),
        (patient(r#","foo":1"#), "400", S),
        (patient(r#","birthDate":"soon""#), "400", V),
        (put("Patient/b"), "400", V),
        (entry(nested, r#"{"method":"POST","url":"/"}"#), "400", NS),
        (get("Patient/none"), "404", "not-found"),
        (get("Nothing/1"), "404", NS),
        (get("Patient?_count=x"), "400", V),
    ];
    let all: Vec<&str> = wrong.iter().map(|(entry, ..)| entry.as_str()).collect();
    let all = all.join(",");
    let body = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{all}]}}"#);
    let answer = node.post("", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = answer.entries();
    assert_eq!(entries.len(), wrong.len());
    for ((entry, status, code), answer) in wrong.iter().zip(&entries) {
        let response = &answer["response"];
        let found = response["status"].as_str().unwrap();
        assert!(found.starts_with(status), "{entry}: {response}");
        assert_eq!(
            response["outcome"]["issue"][0]["code"],
            json!(code),
            "{entry}"
        );
    }
    assert_eq!(node.get("_history").json()["total"], 0);
}

/// A read of a transaction comes after its writes. When it fails, either nothing is stored, or it alone is
/// answered as failed.
#[test]
fn a_transaction_with_a_failing_read_is_done_or_refused() {
    let node = TestNode::start();
    for url in [
        "Patient/none",
        "Nothing/1",
        "Patient?_count=x",
        "Patient/none/_history",
        "$x",
    ] {
        let body = format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{{"resourceType":"Patient"}},"request":{{"method":"POST","url":"Patient"}}}},{{"request":{{"method":"GET","url":"{url}"}}}}]}}"#
        );
        let before = node.get("_history").json()["total"].as_i64().unwrap();
        let answer = node.post("", &body);
        let stored = node.get("_history").json()["total"].as_i64().unwrap() - before;
        let done = i64::from(answer.status == 200);
        assert_eq!(stored, done, "{url}: {} {}", answer.status, answer.text());
    }
}
