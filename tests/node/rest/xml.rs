//! FHIR XML at every interaction. Source: FHIR R4 xml.html, http.html#mime-type.

use crate::support::{Answer, TestNode};

const XML: &str = "application/fhir+xml";

fn send(node: &TestNode, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("content-type", XML), ("accept", XML)];
    node.request(method, path, &headers, body.as_bytes())
}

fn get(node: &TestNode, path: &str) -> String {
    let answer = node.get_with(path, &[("accept", XML)]);
    assert_eq!(
        answer.header("content-type"),
        Some("application/fhir+xml; charset=utf-8"),
        "{path}"
    );
    answer.text()
}

#[test]
fn every_interaction_in_xml() {
    let node = TestNode::start();
    let patient = |id: &str, active: bool| {
        format!(r#"<Patient xmlns="http://hl7.org/fhir">{id}<active value="{active}"/></Patient>"#)
    };
    let created = send(&node, "POST", "Patient", &patient("", true));
    assert_eq!(created.status, 201, "{}", created.text());
    assert!(
        created.text().contains(r#"<active value="true"/>"#),
        "{}",
        created.text()
    );
    let put = patient(r#"<id value="x"/>"#, true);
    assert_eq!(send(&node, "PUT", "Patient/x", &put).status, 201);
    let updated = send(
        &node,
        "PUT",
        "Patient/x",
        &patient(r#"<id value="x"/>"#, false),
    );
    assert_eq!(updated.status, 200);
    assert!(
        updated.text().contains(r#"<versionId value="2"/>"#),
        "{}",
        updated.text()
    );
    for (path, parts) in [
        (
            "Patient/x",
            [r#"<id value="x"/>"#, r#"<active value="false"/>"#],
        ),
        (
            "Patient/x/_history/1",
            [r#"<versionId value="1"/>"#, r#"<active value="true"/>"#],
        ),
        (
            "Patient?active=false",
            [r#"<type value="searchset"/>"#, r#"<total value="1"/>"#],
        ),
        (
            "Patient/x/_history",
            [r#"<type value="history"/>"#, r#"<total value="2"/>"#],
        ),
        ("Patient/x/$meta", ["<Parameters", "<valueMeta>"]),
        (
            "Patient/none",
            ["<OperationOutcome", r#"<code value="not-found"/>"#],
        ),
        (
            "metadata",
            ["<CapabilityStatement", r#"<fhirVersion value="4.0.1"/>"#],
        ),
    ] {
        let text = get(&node, path);
        for part in parts {
            assert!(text.contains(part), "{path}: {part}: {text}");
        }
    }
    let add = r#"<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="meta"/><valueMeta><tag><code value="t"/></tag></valueMeta></parameter></Parameters>"#;
    let tagged = send(&node, "POST", "Patient/x/$meta-add", add);
    assert!(
        tagged.text().contains(r#"<code value="t"/>"#),
        "{}",
        tagged.text()
    );
    assert_eq!(
        send(
            &node,
            "PUT",
            "Patient/x",
            &patient(r#"<id value="y"/>"#, true)
        )
        .status,
        400
    );
}

#[test]
fn what_xml_says_is_what_json_says() {
    let node = TestNode::start();
    // Decimal text, extensions of primitives, contained resources, narrative, escapes.
    let body = r##"<Observation xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; b<br/></p></div></text><contained><Patient><id value="p"/><name><given value="x"/><given><extension url="u"><valueCode value="n"/></extension></given></name></Patient></contained><status value="final"/><code><text value="&lt;&#10;è&quot;"/></code><subject><reference value="#p"/></subject><valueQuantity><value value="72.50"/></valueQuantity></Observation>"##;
    let created = node.request(
        "POST",
        "Observation",
        &[("content-type", XML)],
        body.as_bytes(),
    );
    assert_eq!(created.status, 201, "{}", created.text());
    let json = created.text();
    for part in [
        r#""value":72.50"#,
        r##""reference":"#p""##,
        r#""given":["x",null],"_given":[null,{"extension":[{"url":"u","valueCode":"n"}]}]"#,
        r#""contained":[{"resourceType":"Patient","id":"p","#,
    ] {
        assert!(json.contains(part), "{part}: {json}");
    }
    assert_eq!(created.json()["code"]["text"], "<\nè\"");
    assert!(
        created.json()["text"]["div"]
            .as_str()
            .unwrap()
            .contains("<p>a &amp; b<br/></p>")
    );
    // And back: what was sent, with what the server adds.
    let path = created.header("location").unwrap();
    let text = get(&node, path);
    let meta = text.find("</meta>").unwrap() + "</meta>".len();
    let sent = body.find("<text>").unwrap();
    assert_eq!(
        text[meta..]
            .replace("&#xA;", "&#10;")
            .replace("&#xa;", "&#10;"),
        body[sent..]
    );
}
