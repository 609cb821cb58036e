//! XML that is hostile, or no resource (IN-13).

use super::{Row, check, row};
use crate::support::TestNode;

fn create(name: &'static str, body: impl Into<Vec<u8>>) -> Row {
    row(name, "POST", "Patient", body).with("content-type", "application/fhir+xml")
}

#[test]
fn xml_texts() {
    let node = TestNode::start();
    let within = |inner: &str| format!(r#"<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>"#);
    let laughs = r#"<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><Patient xmlns="http://hl7.org/fhir">&b;</Patient>"#;
    let attributes: String = (0..80_000).map(|n| format!(" a{n}=\"\"")).collect();
    let declarations: String = (0..20_000).map(|n| format!(" xmlns:a{n}=\"u\"")).collect();
    check(
        &node,
        vec![
            create("empty", ""),
            create("no XML", "{}"),
            create(
                "truncated",
                r#"<Patient xmlns="http://hl7.org/fhir"><active"#,
            ),
            create("not closed", r#"<Patient xmlns="http://hl7.org/fhir">"#),
            create(
                "closed by another",
                r#"<Patient xmlns="http://hl7.org/fhir"></Group>"#,
            ),
            create("two roots", format!("{0}{0}", within(""))),
            create("text around", format!("x{}", within(""))),
            create(
                "in_03 size",
                within(
                    &format!(r#"<name><text value="{}"/></name>"#, "x".repeat(1 << 20)).repeat(5),
                ),
            )
            .gets(413, "too-long", ""),
            create("no namespace", "<Patient/>"),
            create("another namespace", r#"<Patient xmlns="urn:hl7-org:v3"/>"#),
            create("unknown type", r#"<Nothing xmlns="http://hl7.org/fhir"/>"#),
            create("unknown element", within(r#"<foo value="1"/>"#)),
            create(
                "unknown attribute",
                within(r#"<active value="true" foo="1"/>"#),
            ),
            create(
                "attribute twice",
                within(r#"<active value="true" value="false"/>"#),
            ),
            create("text in an element", within("hello")),
            create("document type", format!("<!DOCTYPE Patient>{}", within(""))),
            create("billion laughs", laughs),
            create(
                "external entity",
                r#"<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir">&a;</Patient>"#,
            ),
            create("unknown entity", within("&nbsp;")),
            create("NUL by reference", within(r#"<language value="&#0;"/>"#)),
            create(
                "control character by reference",
                within(r#"<language value="&#7;"/>"#),
            ),
            create(
                "surrogate by reference",
                within(r#"<language value="&#xd800;"/>"#),
            ),
            create("byte order mark", format!("\u{feff}{}", within(""))),
            create(
                "UTF-16",
                within("")
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>(),
            ),
            create(
                "invalid UTF-8",
                b"<Patient xmlns=\"http://hl7.org/fhir\"><language value=\"\xff\"/></Patient>"
                    .to_vec(),
            ),
            create(
                "80 000 attributes",
                within(&format!("<active{attributes}/>")),
            ),
            create(
                "20 000 declarations",
                within(&format!("<active{declarations}/>")),
            ),
            create("depth", within(&"<extension>".repeat(200))).gets(400, "too-long", ""),
            create(
                "a value of another form",
                within(r#"<birthDate value="soon"/>"#),
            )
            .gets(400, "value", "Patient.birthDate"),
            create(
                "a boolean of another form",
                within(r#"<active value="yes"/>"#),
            )
            .gets(400, "value", "Patient.active"),
            create("another type", r#"<Group xmlns="http://hl7.org/fhir"/>"#).gets(
                400,
                "invalid",
                "resourceType",
            ),
        ],
    );
}
