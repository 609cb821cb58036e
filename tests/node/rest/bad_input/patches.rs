//! Patches that are none, or that do not fit (IN-22). The resource they are sent to stays as it is.

use super::{Row, check, row};
use crate::support::TestNode;

const JSON: &str = "application/json-patch+json";
const XML: &str = "application/xml-patch+xml";

#[test]
fn patches() {
    let node = TestNode::start();
    let id = node.create(r#"{"resourceType":"Patient","active":true,"name":[{"family":"a"}]}"#);
    let path = format!("Patient/{id}");
    let patch = |name, kind: &str, body: &str| -> Row {
        row(name, "PATCH", &path, body).with("content-type", kind)
    };
    let (s, p) = ("structure", "processing");
    let many = format!(
        "[{}]",
        vec![r#"{"op":"test","path":"/active","value":true}"#; 501].join(",")
    );
    check(
        &node,
        vec![
            patch("no JSON", JSON, "[").gets(400, s, "[0]"),
            patch("no list", JSON, "{}").gets(400, s, ""),
            patch("operation that is no object", JSON, "[7]").gets(400, s, ""),
            patch("unknown op", JSON, r#"[{"op":"mend","path":"/active"}]"#).gets(400, s, ""),
            patch("no path", JSON, r#"[{"op":"remove"}]"#).gets(400, s, ""),
            patch(
                "pointer without slash",
                JSON,
                r#"[{"op":"remove","path":"active"}]"#,
            )
            .gets(400, s, ""),
            patch(
                "pointer with a bad tilde",
                JSON,
                r#"[{"op":"remove","path":"/a~2"}]"#,
            )
            .gets(400, s, ""),
            patch("value missing", JSON, r#"[{"op":"add","path":"/active"}]"#).gets(400, s, ""),
            patch(
                "nothing at the place",
                JSON,
                r#"[{"op":"remove","path":"/gender"}]"#,
            )
            .gets(422, p, ""),
            patch(
                "index too large",
                JSON,
                r#"[{"op":"add","path":"/name/7","value":{"family":"b"}}]"#,
            )
            .gets(422, p, ""),
            patch(
                "failed test",
                JSON,
                r#"[{"op":"test","path":"/active","value":false}]"#,
            )
            .gets(422, p, ""),
            patch("in_22 operations", JSON, &many).gets(422, "too-long", ""),
            patch(
                "in_22 id",
                JSON,
                r#"[{"op":"replace","path":"/id","value":"x"}]"#,
            )
            .gets(422, "business-rule", ""),
            patch(
                "in_22 version",
                JSON,
                r#"[{"op":"replace","path":"/meta/versionId","value":"9"}]"#,
            )
            .gets(422, "business-rule", ""),
            patch(
                "type",
                JSON,
                r#"[{"op":"replace","path":"/resourceType","value":"Group"}]"#,
            )
            .gets(422, p, ""),
            patch(
                "result with an unknown member",
                JSON,
                r#"[{"op":"add","path":"/foo","value":1}]"#,
            )
            .gets(422, s, "Patient.foo"),
            patch(
                "result with a bad value",
                JSON,
                r#"[{"op":"add","path":"/birthDate","value":"x"}]"#,
            )
            .gets(422, "value", "Patient.birthDate"),
            patch("no XML", XML, "<diff").gets(400, s, ""),
            patch("XML with another root", XML, "<patch/>").gets(400, s, ""),
            patch("XPath", XML, r#"<diff><remove sel="///"/></diff>"#).gets(400, s, ""),
            patch(
                "XPath of nothing",
                XML,
                r#"<diff xmlns:f="http://hl7.org/fhir"><remove sel="f:Patient/f:gender"/></diff>"#,
            )
            .gets(422, p, ""),
            patch(
                "Parameters without operations",
                "application/fhir+json",
                r#"{"resourceType":"Parameters","parameter":[{"name":"operation"}]}"#,
            )
            .gets(400, s, ""),
            patch(
                "no Parameters",
                "application/fhir+json",
                r#"{"resourceType":"Patient"}"#,
            )
            .gets(400, s, ""),
            patch("another media type", "text/plain", "x").gets(415, "not-supported", ""),
            row("patch of nothing", "PATCH", "Patient/none", "[]")
                .with("content-type", JSON)
                .gets(404, "not-found", ""),
            row(
                "patch by a condition of nothing",
                "PATCH",
                "Patient?identifier=none",
                "[]",
            )
            .with("content-type", JSON)
            .gets(404, "not-found", ""),
        ],
    );
    assert_eq!(node.get(&path).json()["name"][0]["family"], "a");
}
