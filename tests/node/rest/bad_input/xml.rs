//! XML that is hostile, or no resource (IN-13).

use super::{Row, check, row};
use crate::support::TestNode;

const S: &str = "structure";

/// A body that is broken, or refused before it is looked into.
fn create(name: &'static str, body: impl Into<Vec<u8>>) -> Row {
    row(name, "POST", "Patient", body)
        .with("content-type", "application/fhir+xml")
        .gets(400, S, "")
}

/// The content of a Patient, and the place that is named.
fn within(name: &'static str, inner: &str, expression: &str) -> Row {
    create(name, patient(inner)).gets(400, S, expression)
}

fn patient(inner: &str) -> String {
    format!(r#"<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>"#)
}

#[test]
fn xml_grammar() {
    check(
        &TestNode::start(),
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
            create("closed twice", format!("{}</Patient>", patient(""))),
            create("two roots", format!("{0}{0}", patient(""))),
            create("text in front", format!("x{}", patient(""))),
            create("text behind", format!("{}x", patient(""))),
            create("attribute without quotes", patient("<active value=true/>")),
            create("attribute without value", patient("<active value/>")),
            create(
                "less-than in an attribute",
                patient(r#"<language value="<"/>"#),
            ),
            create(
                "attribute twice",
                patient(r#"<active value="true" value="false"/>"#),
            ),
            create("name with a space", patient(r#"< active value="true"/>"#)),
            create(
                "prefix that is not declared",
                patient(r#"<x:active value="true"/>"#),
            ),
            create("comment with two hyphens", patient("<!-- a -- b -->")),
            create("comment that is not closed", patient("<!-- a")),
            create("CDATA that is not closed", patient("<![CDATA[ a")),
            create("declaration inside", patient(r#"<?xml version="1.0"?>"#)),
            create(
                "another version",
                format!(r#"<?xml version="1.1"?>{}"#, patient("")),
            ),
            create(
                "another encoding",
                format!(
                    r#"<?xml version="1.0" encoding="iso-8859-1"?>{}"#,
                    patient("")
                ),
            ),
            create("NUL by reference", patient(r#"<language value="&#0;"/>"#)),
            create(
                "control character by reference",
                patient(r#"<language value="&#7;"/>"#),
            ),
            create(
                "surrogate by reference",
                patient(r#"<language value="&#xd800;"/>"#),
            ),
            create(
                "reference over the end",
                patient(r#"<language value="&#x110000;"/>"#),
            ),
            create(
                "endless reference",
                patient(r#"<language value="&#99999999999999999999;"/>"#),
            ),
            create(
                "reference that is not closed",
                patient(r#"<language value="&amp"/>"#),
            ),
            create("unknown entity", patient("&nbsp;")),
            create(
                "unknown entity in a value",
                patient(r#"<language value="&nbsp;"/>"#),
            ),
            create("NUL", patient("<language value=\"\0\"/>")),
            create("byte order mark", format!("\u{feff}{}", patient(""))),
            create(
                "UTF-16",
                patient("")
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect::<Vec<u8>>(),
            ),
            create(
                "UTF-7",
                "+ADw-Patient xmlns+AD0AIg-http://hl7.org/fhir+ACIALw-+AD4-",
            ),
            create(
                "invalid UTF-8",
                b"<Patient xmlns=\"http://hl7.org/fhir\"><language value=\"\xff\"/></Patient>"
                    .to_vec(),
            ),
        ],
    );
}

#[test]
fn in_13_document_types_and_sizes() {
    let attributes =
        |count: usize| -> String { (0..count).map(|n| format!(" a{n}=\"\"")).collect() };
    let declarations =
        |count: usize| -> String { (0..count).map(|n| format!(" xmlns:a{n}=\"u\"")).collect() };
    let dtd =
        |name, dtd: &str, inner: &str| create(name, format!("<!DOCTYPE {dtd}>{}", patient(inner)));
    let quadratic = format!(r#"x [<!ENTITY a "{}">]"#, "a".repeat(50_000));
    let text = |bytes: usize| format!(r#"<name><text value="{}"/></name>"#, "x".repeat(bytes));
    let deep = |levels: usize| {
        let open = r#"<extension url="a">"#.repeat(levels);
        format!(
            "{open}<valueString value=\"x\"/>{}",
            "</extension>".repeat(levels)
        )
    };
    check(
        &TestNode::start(),
        vec![
            dtd("document type", "Patient", ""),
            dtd("document type in lower case", "html", ""),
            dtd(
                "external document type",
                r#"x SYSTEM "http://127.0.0.1:1/x.dtd""#,
                "",
            ),
            dtd(
                "billion laughs",
                r#"x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]"#,
                r#"<language value="&b;"/>"#,
            ),
            dtd("quadratic blow-up", &quadratic, &"&a;".repeat(10_000)),
            dtd(
                "external entity",
                r#"x [<!ENTITY a SYSTEM "file:///etc/passwd">]"#,
                "&a;",
            ),
            dtd(
                "parameter entity",
                r#"x [<!ENTITY % a SYSTEM "http://127.0.0.1:1/"> %a;]"#,
                "",
            ),
            create("document type inside", patient("<!DOCTYPE a>")),
            create(
                "document type behind",
                format!("{}<!DOCTYPE a>", patient("")),
            ),
            create(
                "65 attributes",
                patient(&format!("<active{}/>", attributes(65))),
            ),
            create(
                "80 000 attributes",
                patient(&format!("<active{}/>", attributes(80_000))),
            ),
            create(
                "17 declarations",
                patient(&format!("<active{}/>", declarations(17))),
            ),
            create(
                "a million declarations",
                patient(&format!("<active{}/>", declarations(1_000_000))),
            ),
            within("depth", &"<extension>".repeat(200), "").gets(
                400,
                "too-long",
                &format!("Patient{}", ".extension[0]".repeat(32)),
            ),
            within(
                "a million elements deep",
                &"<a>".repeat(1_000_000),
                "Patient.a",
            ),
            // What JSON would not hold is not let in by XML (IN-03, IN-07, IN-08).
            within("in_07 depth of the JSON", &deep(32), "").gets(
                400,
                "too-long",
                &format!("Patient{}", ".extension[0]".repeat(32)),
            ),
            within("in_08 string", &text((1 << 20) + 1), "").gets(
                400,
                "too-long",
                "Patient.name[0].text",
            ),
            within(
                "in_08 values",
                &format!("<name>{}</name>", r#"<given value="a"/>"#.repeat(220_000)),
                "",
            )
            .gets(400, "too-long", "Patient.name[0].given[199998]"),
            within("in_03 size", &text(1 << 20).repeat(5), "").gets(413, "too-long", ""),
        ],
    );
}

#[test]
fn xml_resources() {
    check(
        &TestNode::start(),
        vec![
            create("no namespace", "<Patient/>").gets(400, S, "Patient"),
            create("another namespace", r#"<Patient xmlns="urn:hl7-org:v3"/>"#)
                .gets(400, S, "Patient"),
            create("unknown type", r#"<Nothing xmlns="http://hl7.org/fhir"/>"#)
                .gets(400, S, "Nothing"),
            create("another type", r#"<Group xmlns="http://hl7.org/fhir"/>"#).gets(
                400,
                "invalid",
                "resourceType",
            ),
            create("a data type", r#"<HumanName xmlns="http://hl7.org/fhir"/>"#).gets(
                400,
                S,
                "HumanName",
            ),
            within("unknown element", r#"<foo value="1"/>"#, "Patient.foo"),
            within(
                "unknown element inside",
                "<name><surname value=\"a\"/></name>",
                "Patient.name[0].surname",
            ),
            within(
                "resourceType as an element",
                r#"<resourceType value="Patient"/>"#,
                "Patient.resourceType",
            ),
            within(
                "element of another namespace",
                r#"<active xmlns="urn:x" value="true"/>"#,
                "Patient.active",
            ),
            within(
                "unknown attribute",
                r#"<active value="true" foo="1"/>"#,
                "Patient.active",
            ),
            within("attribute of the root", "", "Patient.id")
                .body(r#"<Patient xmlns="http://hl7.org/fhir" id="a"/>"#),
            within(
                "value of a complex element",
                r#"<name value="a"/>"#,
                "Patient.name[0].value",
            ),
            within("text in an element", "hello", "Patient"),
            within(
                "text in a primitive",
                "<active>true</active>",
                "Patient.active",
            ),
            within(
                "element in a primitive",
                r#"<active value="true"><foo value="1"/></active>"#,
                "Patient.active.foo",
            ),
            within(
                "element twice",
                r#"<active value="true"/><active value="true"/>"#,
                "Patient.active",
            ),
            within("primitive without anything", "<active/>", "Patient.active"),
            within("empty element", "<name/>", "Patient.name[0]"),
            within("empty value", r#"<language value=""/>"#, "Patient.language").gets(
                400,
                "value",
                "Patient.language",
            ),
            within(
                "two choice types",
                r#"<deceasedBoolean value="true"/><deceasedDateTime value="2020"/>"#,
                "Patient.deceased",
            ),
            within(
                "contained without a resource",
                "<contained/>",
                "Patient.contained[0]",
            ),
            within(
                "two resources in contained",
                "<contained><Group/><Group/></contained>",
                "Patient.contained[0]",
            ),
            within(
                "contained in contained",
                "<contained><Group><contained><Group/></contained></Group></contained>",
                "Patient.contained[0].contained[0]",
            ),
            within(
                "contained of unknown type",
                "<contained><Nothing/></contained>",
                "Patient.contained[0]",
            ),
            within(
                "narrative of another namespace",
                r#"<text><status value="generated"/><div>a</div></text>"#,
                "Patient.text.div",
            ),
            within("date of another form", r#"<birthDate value="soon"/>"#, "").gets(
                400,
                "value",
                "Patient.birthDate",
            ),
            within("boolean of another form", r#"<active value="yes"/>"#, "").gets(
                400,
                "value",
                "Patient.active",
            ),
            within(
                "number of another form",
                r#"<multipleBirthInteger value="0x1"/>"#,
                "",
            )
            .gets(400, "value", "Patient.multipleBirth.ofType(integer)"),
            row(
                "XML of another id",
                "PUT",
                "Patient/a",
                patient(r#"<id value="b"/>"#),
            )
            .with("content-type", "application/fhir+xml")
            .gets(400, "value", "Patient.id"),
            row(
                "XML of a Bundle with a document type",
                "POST",
                "",
                r#"<!DOCTYPE a><Bundle xmlns="http://hl7.org/fhir"/>"#,
            )
            .with("content-type", "application/fhir+xml")
            .gets(400, S, ""),
            row(
                "XML of a Bundle without type",
                "POST",
                "",
                r#"<Bundle xmlns="http://hl7.org/fhir"><id value="a"/></Bundle>"#,
            )
            .with("content-type", "application/fhir+xml")
            .gets(400, "required", "Bundle.type"),
        ],
    );
}
