//! Bundles at the base that are no batch and no transaction that can be executed.

use super::{Row, check, row};
use crate::support::TestNode;

fn bundle(name: &'static str, members: &str) -> Row {
    row(
        name,
        "POST",
        "",
        format!(r#"{{"resourceType":"Bundle",{members}}}"#),
    )
}

fn entries(name: &'static str, entries: &str) -> Row {
    bundle(
        name,
        &format!(r#""type":"transaction","entry":[{entries}]"#),
    )
}

#[test]
fn bundles() {
    let node = TestNode::start();
    let (s, v) = ("structure", "value");
    let patient =
        r#"{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#;
    check(
        &node,
        vec![
            row("no Bundle", "POST", "", r#"{"resourceType":"Patient"}"#).gets(400, s, ""),
            row("no JSON", "POST", "", "{").gets(400, s, ""),
            row(
                "something behind",
                "POST",
                "",
                r#"{"resourceType":"Bundle","type":"batch"} x"#,
            )
            .gets(400, s, "Bundle"),
            row("an array", "POST", "", "[]").gets(400, s, "Bundle.entry"),
            bundle("no type", r#""entry":[]"#).gets(400, "required", "Bundle.type"),
            bundle("document", r#""type":"document""#).gets(400, v, "Bundle.type"),
            bundle("type that is no string", r#""type":5"#).gets(400, s, "Bundle.type"),
            bundle("unknown member", r#""type":"batch","foo":1"#).gets(400, s, "Bundle.foo"),
            bundle("entry that is no list", r#""type":"batch","entry":{}"#).gets(400, s, "Bundle.entry"),
            bundle("entry that is no object", r#""type":"batch","entry":[7]"#).gets(400, s, "Bundle.entry"),
            bundle("type twice", r#""type":"batch","type":"transaction""#).gets(400, s, "Bundle.type"),
            bundle("entry by escape", r#""type":"transaction","\u0065ntry":[]"#).gets(400, s, ""),
            entries("no request", r#"{"resource":{"resourceType":"Patient"}}"#).gets(400, "required", "Bundle.entry[0]"),
            entries("empty entry", "{}").gets(400, "required", "Bundle.entry[0]"),
            entries("unknown member of an entry", r#"{"foo":1,"request":{"method":"GET","url":"Patient/1"}}"#).gets(400, s, "Bundle.entry[0].foo"),
            entries("no method", r#"{"request":{"url":"Patient/1"}}"#).gets(400, v, "Bundle.entry[0].request.method"),
            entries("no url", r#"{"request":{"method":"GET"}}"#).gets(400, "required", "Bundle.entry[0].request.url"),
            entries("unknown method", r#"{"request":{"method":"BREW","url":"Patient/1"}}"#).gets(400, v, "Bundle.entry[0].request.method"),
            entries("unknown type", r#"{"resource":{"resourceType":"Nothing"},"request":{"method":"POST","url":"Nothing"}}"#).gets(404, "not-supported", "Bundle.entry[0]"),
            entries("path of nothing", r#"{"request":{"method":"GET","url":"a/b/c/d/e/f"}}"#).gets(404, "not-found", "Bundle.entry[0].request.url"),
            entries("nested", r#"{"resource":{"resourceType":"Bundle","type":"batch"},"request":{"method":"POST","url":"/"}}"#).gets(400, "not-supported", "Bundle.entry[0].request.url"),
            entries("no resource", r#"{"request":{"method":"POST","url":"Patient"}}"#).gets(400, "required", "Bundle.entry[0].resource"),
            entries("resource of another type", r#"{"resource":{"resourceType":"Group"},"request":{"method":"POST","url":"Patient"}}"#).gets(400, "invalid", "Bundle.entry[0].resource"),
            entries("resource with an unknown member", &format!(r#"{patient},{{"resource":{{"resourceType":"Patient","foo":1}},"request":{{"method":"POST","url":"Patient"}}}}"#)).gets(400, s, "Bundle.entry[1].resource.foo"),
            entries("id of the URL is another", r#"{"resource":{"resourceType":"Patient","id":"b"},"request":{"method":"PUT","url":"Patient/a"}}"#).gets(400, v, "Bundle.entry[0].resource.id"),
            entries("the same twice", r#"{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},{"request":{"method":"DELETE","url":"Patient/a"}}"#).gets(400, "duplicate", "Bundle.entry[1]"),
            entries("fullUrl twice", &[1, 2].map(|_| r#"{"fullUrl":"urn:uuid:7d0f4c8e-1f51-4c0e-8f1c-3f2f1d3b1a01","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}"#).join(",")).gets(400, "duplicate", "Bundle.entry[1].fullUrl"),
            entries("bad ifMatch", r#"{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a","ifMatch":"1"}}"#).gets(400, v, "Bundle.entry[0].request.ifMatch"),
            entries("conditional reference of nothing", r#"{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier=none"}},"request":{"method":"POST","url":"Observation"}}"#).gets(412, "not-found", "Bundle.entry[0]"),
            entries("patch of nothing", r#"{"resource":{"resourceType":"Parameters"},"request":{"method":"PATCH","url":"Patient/none"}}"#).gets(404, "not-found", "Bundle.entry[0]"),
            entries("patch that is none", r#"{"resource":{"resourceType":"Patient"},"request":{"method":"PATCH","url":"Patient/none"}}"#).gets(404, "not-found", "Bundle.entry[0]"),
            entries("search not offered", r#"{"request":{"method":"GET","url":"Patient?birthdate=2000"}}"#).gets(400, "not-supported", "Bundle.entry[0]"),
            entries("read of nothing", r#"{"request":{"method":"GET","url":"Patient/none"}}"#).gets(404, "not-found", "Bundle.entry[0]"),
        ],
    );
}
