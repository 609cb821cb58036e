//! What each construct looks like on both sides.

use super::{parsed, r4, sorted};
use crate::error::Kind;
use crate::fhir::model::json;
use crate::fhir::xml::{from_xml, to_xml, to_xml_pretty};

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Both directions. `xml` stands inside of `<Type xmlns="http://hl7.org/fhir">`.
#[track_caller]
fn check(resource: &str, xml: &str) {
    let value = parsed(resource);
    let name = value.str_at("resourceType").unwrap().to_owned();
    let root = format!("<{name} xmlns=\"http://hl7.org/fhir\">{xml}</{name}>");
    let expected = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}");
    let written = String::from_utf8(to_xml(&value, r4()).unwrap()).unwrap();
    assert_eq!(written, expected);
    let read = from_xml(root.as_bytes(), r4()).unwrap();
    assert_eq!(sorted(read), sorted(value));
}

/// A document that is refused with this issue code, at this element.
#[track_caller]
fn refused(xml: &str, code: &str, expression: &str) {
    let error = from_xml(xml.as_bytes(), r4()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{xml}");
    let issue = error.issues().first().unwrap();
    assert_eq!(issue.code, code, "{xml}: {error}");
    assert_eq!(issue.expression.concat(), expression, "{xml}: {error}");
}

/// A Patient with this content is refused.
#[track_caller]
fn refused_in_patient(xml: &str, code: &str, expression: &str) {
    let xml = format!("<Patient xmlns=\"http://hl7.org/fhir\">{xml}</Patient>");
    refused(&xml, code, expression);
}

#[test]
fn primitives_keep_their_json_kind() {
    check(
        r#"{"resourceType":"Patient","active":true,"multipleBirthInteger":3}"#,
        r#"<active value="true"/><multipleBirthInteger value="3"/>"#,
    );
    check(
        r#"{"resourceType":"Observation","valueQuantity":{"value":72.50,"unit":"kg"}}"#,
        r#"<valueQuantity><value value="72.50"/><unit value="kg"/></valueQuantity>"#,
    );
}

#[test]
fn elements_come_in_the_order_of_the_definition() {
    check(
        r#"{"resourceType":"Patient","gender":"male","id":"a","name":[{"family":"F","use":"usual"}]}"#,
        r#"<id value="a"/><name><use value="usual"/><family value="F"/></name><gender value="male"/>"#,
    );
}

#[test]
fn id_and_url_are_attributes() {
    check(
        r#"{"resourceType":"Patient","extension":[{"id":"e","url":"http://x","valueCode":"c"}],"name":[{"id":"n","text":"T"}]}"#,
        r#"<extension id="e" url="http://x"><valueCode value="c"/></extension><name id="n"><text value="T"/></name>"#,
    );
}

#[test]
fn siblings_of_primitives() {
    check(
        r#"{"resourceType":"Patient","birthDate":"1970","_birthDate":{"id":"b","extension":[{"url":"http://x","valueBoolean":false}]}}"#,
        r#"<birthDate id="b" value="1970"><extension url="http://x"><valueBoolean value="false"/></extension></birthDate>"#,
    );
    check(
        r#"{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://x","valueCode":"c"}]}}"#,
        r#"<birthDate><extension url="http://x"><valueCode value="c"/></extension></birthDate>"#,
    );
    check(
        r#"{"resourceType":"Patient","name":[{"given":["a",null,"c"],"_given":[null,{"id":"i"},null]}]}"#,
        r#"<name><given value="a"/><given id="i"/><given value="c"/></name>"#,
    );
    check(
        r#"{"resourceType":"Patient","name":[{"_given":[{"id":"i"}]}]}"#,
        r#"<name><given id="i"/></name>"#,
    );
}

#[test]
fn resources_inside_resources() {
    check(
        r#"{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}"#,
        r#"<contained><Organization><id value="o"/></Organization></contained>"#,
    );
    check(
        r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","id":"a"}},{"fullUrl":"urn:x"}]}"#,
        r#"<type value="collection"/><entry><resource><Basic><id value="a"/></Basic></resource></entry><entry><fullUrl value="urn:x"/></entry>"#,
    );
}

#[test]
fn white_space_in_values_survives() {
    check(
        "{\"resourceType\":\"Basic\",\"code\":{\"text\":\"a\\tb\\nc\\r\\nd \\\"<&>'è\"}}",
        "<code><text value=\"a&#9;b&#10;c&#13;&#10;d &quot;&lt;&amp;&gt;'è\"/></code>",
    );
}

#[test]
fn narrative_is_verbatim() {
    let div = format!("<div xmlns='{XHTML}'>\n a &#233; &amp; <br  /><!-- c --> </div>");
    let resource = format!(
        "{{\"resourceType\":\"Basic\",\"text\":{{\"status\":\"generated\",\"div\":\"{}\"}}}}",
        div.replace('\n', "\\n")
    );
    check(
        &resource,
        &format!("<text><status value=\"generated\"/>{div}</text>"),
    );
}

#[test]
fn narrative_gets_the_declarations_it_needs() {
    let xml = format!(
        "<Basic xmlns=\"http://hl7.org/fhir\" xmlns:h=\"{XHTML}\"><text><h:div>a<h:b>&lt;</h:b></h:div></text></Basic>"
    );
    let read = from_xml(xml.as_bytes(), r4()).unwrap();
    assert_eq!(
        read.get("text").unwrap().str_at("div").unwrap(),
        format!("<div xmlns=\"{XHTML}\">a<b>&lt;</b></div>")
    );
    let value = parsed(r#"{"resourceType":"Basic","text":{"div":"<div>a</div>"}}"#);
    let written = String::from_utf8(to_xml(&value, r4()).unwrap()).unwrap();
    assert!(written.contains(&format!("<div xmlns=\"{XHTML}\">a</div>")));
}

#[test]
fn pretty_is_the_same_resource() {
    let value = parsed(
        r#"{"resourceType":"Patient","id":"a","name":[{"given":["x"],"_given":[{"id":"i","extension":[{"url":"http://x","valueCode":"c"}]}]}]}"#,
    );
    let pretty = to_xml_pretty(&value, r4()).unwrap();
    assert!(pretty.ends_with(b"  </name>\n</Patient>\n"));
    assert_eq!(from_xml(&pretty, r4()).unwrap(), value);
}

#[test]
fn prefixes_comments_and_schema_location() {
    let xml = r#"<?xml version="1.0" encoding="utf-8"?>
        <!-- c --><f:Patient xmlns:f="http://hl7.org/fhir"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xsi:schemaLocation="http://hl7.org/fhir http://example.org/never-fetched.xsd">
          <!-- c --><f:active value='true'></f:active><?x y?>
        </f:Patient>"#;
    let read = from_xml(xml.as_bytes(), r4()).unwrap();
    assert_eq!(
        json::to_vec(&read),
        br#"{"resourceType":"Patient","active":true}"#
    );
}

#[test]
fn unknown_content_is_refused_with_its_path() {
    refused_in_patient("<foo value=\"1\"/>", "structure", "Patient.foo");
    refused_in_patient(
        "<name/><name><given value=\"a\"/><foo/></name>",
        "structure",
        "Patient.name[1].foo",
    );
    refused_in_patient("<name foo=\"1\"/>", "structure", "Patient.name[0].foo");
    refused_in_patient(
        "<birthDate value=\"1970\" foo=\"1\"/>",
        "structure",
        "Patient.birthDate",
    );
    refused_in_patient(
        "<birthDate value=\"1970\"><foo/></birthDate>",
        "structure",
        "Patient.birthDate.foo",
    );
    refused_in_patient("text", "structure", "Patient");
    refused_in_patient("<birthDate/>", "structure", "Patient.birthDate");
    refused_in_patient(
        "<gender value=\"male\"/><gender value=\"male\"/>",
        "structure",
        "Patient.gender",
    );
    refused_in_patient(
        "<x:active xmlns:x=\"urn:x\" value=\"true\"/>",
        "structure",
        "Patient.active",
    );
    refused_in_patient("<contained/>", "structure", "Patient.contained[0]");
    refused_in_patient(
        "<contained><Basic/><Basic/></contained>",
        "structure",
        "Patient.contained[0]",
    );
    refused_in_patient(
        "<contained><Foo/></contained>",
        "structure",
        "Patient.contained[0]",
    );
    refused_in_patient(
        "<text><div>no namespace of its own</div></text>",
        "structure",
        "Patient.text.div",
    );
    refused("<Patient/>", "structure", "Patient");
    refused("<Foo xmlns=\"http://hl7.org/fhir\"/>", "structure", "Foo");
    refused(
        "<HumanName xmlns=\"http://hl7.org/fhir\"/>",
        "structure",
        "HumanName",
    );
}

#[test]
fn formats_are_checked_where_text_becomes_a_value() {
    refused_in_patient("<active value=\"yes\"/>", "value", "Patient.active");
    refused_in_patient(
        "<multipleBirthInteger value=\"1.5\"/>",
        "value",
        "Patient.multipleBirth.ofType(integer)",
    );
    refused_in_patient("<birthDate value=\"\"/>", "value", "Patient.birthDate");
    refused_in_patient(
        "<birthDate value=\"1970-02-30\"/>",
        "value",
        "Patient.birthDate",
    );
}

#[test]
fn what_has_no_shape_is_not_written() {
    for (resource, expression) in [
        (r#"{"resourceType":"Patient","foo":1}"#, "Patient.foo"),
        (r#"{"resourceType":"Patient","name":{}}"#, "Patient.name"),
        (
            r#"{"resourceType":"Patient","name":[1]}"#,
            "Patient.name[0]",
        ),
        (
            r#"{"resourceType":"Patient","text":{"div":"<b>"}}"#,
            "Patient.text.div",
        ),
        (r#"{"resourceType":"Foo"}"#, "Foo"),
        (r#"[]"#, "Resource"),
    ] {
        let error = to_xml(&parsed(resource), r4()).unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable, "{resource}");
        assert_eq!(
            error.issues()[0].expression.concat(),
            expression,
            "{resource}"
        );
    }
    let value = parsed("{\"resourceType\":\"Basic\",\"language\":\"\\uffff\"}");
    let error = to_xml(&value, r4()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotAcceptable);
}
