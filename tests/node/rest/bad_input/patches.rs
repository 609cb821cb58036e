//! Patches that are none, or that do not fit (IN-22). The resource they are sent to stays as it is.

use super::{Row, check, row};
use crate::support::TestNode;

const S: &str = "structure";
const P: &str = "processing";
const JSON: &str = "application/json-patch+json";
const XML: &str = "application/xml-patch+xml";

struct Patched {
    node: TestNode,
    path: String,
}

impl Patched {
    fn start() -> Self {
        let node = TestNode::start();
        let names = r#"[{"family":"a"},{"family":"b"}]"#;
        let id = node.create(&super::patient(&format!(r#""active":true,"name":{names}"#)));
        let path = format!("Patient/{id}");
        Self { node, path }
    }

    /// A JSON Patch that is none.
    fn json(&self, name: &'static str, body: &str) -> Row {
        row(name, "PATCH", &self.path, body).with("content-type", JSON)
    }

    /// A JSON Patch of one operation, without its braces, that does not fit.
    fn unfit(&self, name: &'static str, operation: &str) -> Row {
        self.json(name, &format!("[{{{operation}}}]"))
            .gets(400, P, "")
    }

    /// An XML Patch that is none.
    fn xml(&self, name: &'static str, body: &str) -> Row {
        row(name, "PATCH", &self.path, body).with("content-type", XML)
    }

    /// An XML Patch with this inside.
    fn diff(&self, name: &'static str, inner: &str) -> Row {
        let body = format!(r#"<diff xmlns:f="http://hl7.org/fhir">{inner}</diff>"#);
        self.xml(name, &body)
    }

    /// A FHIRPath Patch whose only operation has this type, path and further parts (name, value).
    fn operation(&self, name: &'static str, kind: &str, path: &str, more: &[(&str, &str)]) -> Row {
        let (kind, path) = (
            format!(r#""valueCode":"{kind}""#),
            format!(r#""valueString":"{path}""#),
        );
        let all = [&[("type", kind.as_str()), ("path", path.as_str())], more].concat();
        let parts: Vec<String> = all
            .iter()
            .map(|(name, value)| format!(r#"{{"name":"{name}",{value}}}"#))
            .collect();
        let parts = parts.join(",");
        let body = format!(
            r#"{{"resourceType":"Parameters","parameter":[{{"name":"operation","part":[{parts}]}}]}}"#
        );
        row(name, "PATCH", &self.path, body)
    }

    #[track_caller]
    fn check(&self, rows: Vec<Row>) {
        check(&self.node, rows);
        let now = self.node.get(&self.path).json();
        assert_eq!(now["meta"]["versionId"], "1");
    }
}

#[test]
fn json_patches_that_are_none() {
    let it = Patched::start();
    let deep = format!(
        r#"[{{"op":"add","path":"/extension","value":{}"x"{}}}]"#,
        r#"[{"url":"a","extension":"#.repeat(40),
        "}]".repeat(40)
    );
    let too_deep = format!("[0].value{}", "[0].extension".repeat(31));
    it.check(vec![
        it.json("no JSON", "[").gets(400, S, "[0]"),
        it.json("empty", ""),
        it.json("no list", "{}"),
        it.json("one without a list", r#"{"op":"remove","path":"/active"}"#),
        it.json("operation that is no object", "[7]"),
        it.json("no op", r#"[{"path":"/active"}]"#),
        it.json("op that is no string", r#"[{"op":1,"path":"/active"}]"#),
        it.json("unknown op", r#"[{"op":"mend","path":"/active"}]"#),
        it.json("op in upper case", r#"[{"op":"REMOVE","path":"/active"}]"#),
        it.json("op twice", r#"[{"op":"remove","op":"test"}]"#)
            .gets(400, S, "[0].op"),
        it.json("no path", r#"[{"op":"remove"}]"#),
        it.json(
            "pointer without slash",
            r#"[{"op":"remove","path":"active"}]"#,
        ),
        it.json(
            "pointer with a bad tilde",
            r#"[{"op":"remove","path":"/a~2"}]"#,
        ),
        it.json(
            "pointer with a last tilde",
            r#"[{"op":"remove","path":"/a~"}]"#,
        ),
        it.json("value missing", r#"[{"op":"add","path":"/active"}]"#),
        it.json("from missing", r#"[{"op":"move","path":"/active"}]"#),
        it.json(
            "from without slash",
            r#"[{"op":"copy","from":"a","path":"/active"}]"#,
        ),
        it.json("in_07 depth", &deep)
            .gets(400, "too-long", &too_deep),
        it.json("another media type", "x")
            .with("content-type", "text/plain")
            .gets(415, "not-supported", ""),
        it.json("JSON", "[]")
            .with("content-type", "application/json"),
        it.json("If-Match of another version", "[]")
            .with("if-match", "W/\"7\"")
            .gets(412, "conflict", ""),
        it.json("If-Match of another form", "[]")
            .with("if-match", "7")
            .gets(400, "value", ""),
    ]);
}

#[test]
fn json_patches_that_do_not_fit() {
    let it = Patched::start();
    let rule = "business-rule";
    let many = vec![r#"{"op":"test","path":"/active","value":true}"#; 501].join(",");
    let copies = vec![r#"{"op":"copy","from":"/name/0","path":"/name/-"}"#; 400].join(",");
    let given = "\"x\",".repeat(1000);
    let doubled =
        format!(r#"[{{"op":"add","path":"/name/0/given","value":[{given}"x"]}},{copies}]"#);
    let half = r#"[{"op":"remove","path":"/active"},{"op":"remove","path":"/gender"}]"#;
    let place = |name, op: &str, path: &str| {
        it.unfit(name, &format!(r#""op":"{op}","path":"{path}","value":"x""#))
    };
    it.check(vec![
        place("nothing at the place", "remove", "/gender"),
        place("no parent at the place", "add", "/contact/0/gender"),
        place("member of a primitive", "add", "/active/x"),
        place("index too large", "add", "/name/7"),
        place("index with a zero in front", "remove", "/name/01"),
        place("index below zero", "remove", "/name/-1"),
        place(
            "index over all numbers",
            "remove",
            "/name/99999999999999999999",
        ),
        place("removal behind the end", "remove", "/name/-"),
        place("test of another kind", "test", "/active").gets(422, P, ""),
        place("type", "replace", "/resourceType"),
        place("type removed", "remove", "/resourceType"),
        place("the whole resource", "replace", ""),
        place("the whole resource removed", "remove", ""),
        place("in_22 id", "replace", "/id").gets(400, rule, ""),
        place("in_22 id removed", "remove", "/id").gets(400, rule, ""),
        place("in_22 version", "replace", "/meta/versionId").gets(400, rule, ""),
        place("unknown member", "add", "/foo").gets(400, S, "Patient.foo"),
        place("bad value", "add", "/birthDate").gets(400, "value", "Patient.birthDate"),
        place("another kind", "replace", "/name").gets(400, S, "Patient.name"),
        it.unfit(
            "failed test",
            r#""op":"test","path":"/active","value":false"#,
        )
        .gets(422, P, ""),
        it.unfit(
            "move into itself",
            r#""op":"move","from":"/name","path":"/name/0/given""#,
        ),
        it.unfit(
            "move of nothing",
            r#""op":"move","from":"/gender","path":"/language""#,
        ),
        it.json("a good operation before a bad one", half)
            .gets(400, P, ""),
        it.json("in_22 operations", &format!("[{many}]"))
            .gets(422, "too-long", ""),
        it.json("in_22 copies upon copies", &doubled)
            .gets(422, "too-costly", ""),
    ]);
}

#[test]
fn xml_patches() {
    let it = Patched::start();
    let many = r#"<remove sel="f:Patient/f:gender"/>"#.repeat(501);
    let remove = |name, selector: &str| it.diff(name, &format!(r#"<remove sel="{selector}"/>"#));
    let replace = |name, selector: &str, content: &str| {
        it.diff(
            name,
            &format!(r#"<replace sel="{selector}">{content}</replace>"#),
        )
    };
    let add = |name, attributes: &str, content: &str| {
        it.diff(name, &format!("<add {attributes}>{content}</add>"))
    };
    let foo = r#"<foo xmlns="http://hl7.org/fhir" value="1"/>"#;
    let group = r#"<Group xmlns="http://hl7.org/fhir"/>"#;
    let two = r#"<f:gender value="male"/><f:active value="true"/>"#;
    it.check(vec![
        it.xml("no XML", "<diff"),
        it.xml("another root", "<update/>"),
        it.xml(
            "a document type",
            r#"<!DOCTYPE diff [<!ENTITY a "b">]><diff/>"#,
        ),
        it.diff("no operation", ""),
        it.diff("unknown operation", r#"<mend sel="f:Patient"/>"#),
        it.diff("no selector", "<remove/>"),
        remove("empty selector", ""),
        remove("slashes", "///"),
        remove("a function", "count(f:Patient)"),
        remove(
            "a document of another place",
            "document('http://127.0.0.1:1/x')",
        ),
        remove("unclosed predicate", "f:Patient/f:name[1"),
        remove("axis of the parent", "f:Patient/../f:Patient"),
        remove("prefix of nobody", "x:Patient"),
        add(
            "another position",
            r#"sel="f:Patient/f:active" pos="inside""#,
            two,
        ),
        replace("two elements for one", "f:Patient/f:active", two),
        remove("nothing at the place", "f:Patient/f:gender").gets(400, P, ""),
        remove("several at the place", "f:Patient/f:name").gets(400, P, ""),
        remove("the root", "f:Patient").gets(400, P, ""),
        replace("attribute of nothing", "f:Patient/f:active/@url", "x").gets(400, P, ""),
        it.diff("in_22 operations", &many).gets(422, "too-long", ""),
        replace("in_22 id", "f:Patient/f:id/@value", "x").gets(400, "business-rule", ""),
        add("unknown element", r#"sel="f:Patient""#, foo).gets(400, S, "Patient.foo"),
        replace("another type", "f:Patient", group).gets(400, P, ""),
        replace("bad value", "f:Patient/f:active/@value", "yes").gets(
            400,
            "value",
            "Patient.active",
        ),
    ]);
}

#[test]
fn fhirpath_patches() {
    let it = Patched::start();
    let name = |text: &str| format!(r#""valueString":"{text}""#);
    let (active, gender, foo) = (name("active"), name("gender"), name("foo"));
    let status = name("maritalStatus");
    let male = ("value", r#""valueCode":"male""#);
    let human = ("value", r#""valueHumanName":{"family":"c"}"#);
    let at = |part, index| (part, index);
    let body = |name, body: &str| row(name, "PATCH", &it.path, body);
    // The operation that fails is named.
    let first = "Parameters.parameter[0]";
    let (root, names) = ("Patient", "Patient.name");
    let endless = "Patient.repeat(iif(true, name | $this))";
    let (zero, seven) = (r#""valueInteger":0"#, r#""valueInteger":7"#);
    let x = ("value", r#""valueId":"x""#);
    it.check(vec![
        body("no Parameters", r#"{"resourceType":"Patient"}"#),
        body("no JSON", "{"),
        body(
            "no parts",
            r#"{"resourceType":"Parameters","parameter":[{"name":"operation"}]}"#,
        )
        .gets(400, S, first),
        body(
            "another name",
            r#"{"resourceType":"Parameters","parameter":[{"name":"change"}]}"#,
        )
        .gets(400, S, first),
        it.operation("unknown type", "mend", root, &[])
            .gets(400, S, first),
        it.operation("no name", "add", root, &[male])
            .gets(400, S, first),
        it.operation("no value", "add", root, &[("name", &gender)])
            .gets(400, S, first),
        it.operation("no index", "insert", names, &[human])
            .gets(400, S, first),
        it.operation(
            "index below zero",
            "insert",
            names,
            &[human, at("index", r#""valueInteger":-1"#)],
        )
        .gets(400, S, first),
        it.operation(
            "move without source",
            "move",
            names,
            &[at("destination", zero)],
        )
        .gets(400, S, first),
        it.operation("no FHIRPath", "delete", "Patient.name[", &[])
            .gets(400, "invalid", first),
        it.operation("unknown function", "delete", "Patient.mend()", &[])
            .gets(400, "invalid", first),
        it.operation("in_16 endless path", "delete", endless, &[])
            .gets(400, P, first),
        it.operation("path of several", "delete", names, &[])
            .gets(400, P, first),
        it.operation("path of no element", "delete", "1 + 1", &[])
            .gets(400, P, first),
        it.operation("the whole resource", "delete", root, &[])
            .gets(400, P, first),
        it.operation(
            "replacement of nothing",
            "replace",
            "Patient.gender",
            &[male],
        )
        .gets(400, P, first),
        it.operation("unknown element", "add", root, &[("name", &foo), male])
            .gets(400, P, first),
        it.operation("a second of one", "add", root, &[("name", &active), male])
            .gets(400, P, first),
        it.operation("another type", "add", root, &[("name", &status), male])
            .gets(400, S, "Patient.maritalStatus"),
        it.operation(
            "index too large",
            "insert",
            names,
            &[human, at("index", seven)],
        )
        .gets(400, P, first),
        it.operation(
            "move over the end",
            "move",
            names,
            &[at("source", zero), at("destination", seven)],
        )
        .gets(400, P, first),
        it.operation("in_22 id", "replace", "Patient.id", &[x])
            .gets(400, "business-rule", ""),
    ]);
}

/// What a change makes of a resource is bounded like a resource that is sent.
#[test]
fn in_22_results_are_bounded() {
    let node = TestNode::with(|config| config.limits.resource_bytes = 100_000);
    let given = |text: &str| vec![format!("\"{}\"", text.repeat(900)); 100].join(",");
    let id = node.create(&super::patient(&format!(
        r#""name":[{{"given":[{}]}}]"#,
        given("x")
    )));
    let path = format!("Patient/{id}");
    let json = format!(
        r#"[{{"op":"add","path":"/name/-","value":{{"given":[{}]}}}}]"#,
        given("y")
    );
    check(
        &node,
        vec![
            row("by a patch", "PATCH", &path, json)
                .with("content-type", JSON)
                .gets(422, "too-long", ""),
        ],
    );
}

/// The same, counted in values: what is stored can be read and changed again.
#[test]
fn in_22_results_hold_no_more_values_than_resources() {
    let node = TestNode::start();
    let given = vec!["\"x\""; 150_000].join(",");
    let name = format!(r#"{{"given":[{given}]}}"#);
    let id = node.create(&super::patient(&format!(r#""name":[{name}]"#)));
    let json = format!(r#"[{{"op":"add","path":"/name/-","value":{name}}}]"#);
    check(
        &node,
        vec![
            row("by a patch", "PATCH", &format!("Patient/{id}"), json)
                .with("content-type", "application/json-patch+json")
                .gets(422, "too-long", "Patient.name[1].given[49989]"),
        ],
    );
}

#[test]
fn in_22_meta_is_bounded() {
    let node = TestNode::with(|config| config.limits.resource_bytes = 100_000);
    let given = vec![format!("\"{}\"", "x".repeat(900)); 100].join(",");
    let id = node.create(&super::patient(&format!(
        r#""name":[{{"given":[{given}]}}]"#
    )));
    let tag = format!(r#"{{"tag":[{{"code":"{}"}}]}}"#, "x".repeat(50_000));
    let meta = format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"meta","valueMeta":{tag}}}]}}"#
    );
    let path = format!("Patient/{id}/$meta-add");
    check(
        &node,
        vec![row("by meta", "POST", &path, meta).gets(422, "too-long", "")],
    );
}

#[test]
fn patches_of_nothing() {
    let patch = |name, path: &str| row(name, "PATCH", path, "[]").with("content-type", JSON);
    check(
        &TestNode::start(),
        vec![
            patch("an id of nobody", "Patient/none").gets(404, "not-found", ""),
            patch("a condition of nobody", "Patient?identifier=none").gets(404, "not-found", ""),
            patch("no condition", "Patient").gets(400, "incomplete", ""),
            patch("an unknown condition", "Patient?nonsense=1").gets(400, "not-supported", ""),
            patch("an unknown type", "Nothing/1").gets(404, "not-supported", ""),
        ],
    );
}
