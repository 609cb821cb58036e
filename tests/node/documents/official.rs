//! The seven official documents, as XML and inside a PDF.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fascicolo::error::Severity;
use fascicolo::fhir::definitions::Definitions;
use fascicolo::fhir::model::json::{self, Limits};
use fascicolo::fhir::validation::shape;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde_json::Value;

use super::{INGEST, PDF, TAX_CODE, XML, one, pdf, texts};
use crate::process::Process;
use crate::support::database::TestDatabase;
use crate::support::shared;

/// File, LOINC code, extension of the document id, tax code of the patient.
pub const DOCUMENTS: [(&str, &str, &str, &str); 7] = [
    (
        "LAB",
        "11502-2",
        "030702.TSTSMN63A01F205H.20220325112426.OQlvTq1J",
        "GTWGWY82B42G920M",
    ),
    (
        "LDO",
        "34105-7",
        "030702.LCNLDE90L47H501Q.20220420112426.Q123E456",
        "GTWGWY82B42G920M",
    ),
    (
        "PSS",
        "60591-5",
        "030702.LCNLDE90L47H501Q.20220510112426.Q123E456",
        "RSSMRA22A01A399Z",
    ),
    (
        "RAD",
        "68604-8",
        "030702.LCNLVC95L47H501Q.20220325112426.OQlvTq1J",
        "GTWGWY82B42G920M",
    ),
    (
        "RAP",
        "11526-1",
        "030702.TSTSMN63A01F205H.20220325112426.OQlvTq1J",
        "PROVAX00X00X000Y",
    ),
    (
        "SING_VACC",
        "87273-9",
        "030702.LCNLDE90L47H501Q.20220420112426.Q123E456",
        "GTWGWY82B42G920M",
    ),
    (
        "VPS",
        "59258-4",
        "030702.LCNLDE90L47H501Q.20220420112426.Q123E456",
        "GTWGWY82B42G920M",
    ),
];

#[test]
fn all_seven_as_xml() {
    all_seven(XML, "text/xml", |cda| cda);
}

#[test]
fn all_seven_inside_a_pdf() {
    all_seven(PDF, PDF, |cda| pdf(&[("cda.xml", &cda)]));
}

fn all_seven(sent_as: &str, kept_as: &str, form: impl Fn(Vec<u8>) -> Vec<u8>) {
    let Some(folder) = shared("fse-examples/cda") else {
        return;
    };
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let mut sent = Vec::new();
    for (name, loinc, id, patient) in DOCUMENTS {
        let bytes = form(std::fs::read(folder.join(format!("{name}.xml"))).unwrap());
        let answer = server.post(INGEST, sent_as, &bytes);
        assert_eq!(answer.status, 201, "{name}: {}", answer.text());
        let location = answer.header("location").unwrap().to_owned();
        assert!(location.ends_with("/_history/1"), "{location}");
        let by_id = format!("identifier=urn:oid:2.16.840.1.113883.2.9.2.120.4.4|{id}");
        let by_type = format!("type=http://loinc.org|{loinc}");
        let resource = one(&server, &format!("DocumentReference?{by_id}&{by_type}"));
        let own = format!("DocumentReference/{}", resource["id"].as_str().unwrap());
        assert!(location.contains(&own), "{location} {own}");
        readable(&server, name, &resource, &bytes, kept_as);
        let subject = one(&server, &format!("Patient?identifier={TAX_CODE}|{patient}"));
        let reference = format!("Patient/{}", subject["id"].as_str().unwrap());
        assert_eq!(resource["subject"]["reference"], reference, "{name}");
        sent.push((name, bytes, own));
    }
    // People are found again by identifier with system.
    let total = |search: &str| server.total(&format!("{search}_total=accurate"));
    assert_eq!(total("DocumentReference?"), 7);
    assert_eq!(total("Binary?"), 7);
    assert_eq!(total("Patient?"), 3);
    let doctor = format!("Practitioner?identifier={TAX_CODE}|PROVAX00X00X000Y");
    one(&server, &doctor);
    assert!(total("Organization?") > 0 && total("Practitioner?") > 0);

    // The same again changes nothing and says so.
    let versions = server.total("_history");
    for (name, bytes, own) in &sent {
        let again = server.post(INGEST, sent_as, bytes);
        assert_eq!(again.status, 200, "{name}: {}", again.text());
        let said = texts(&again.json());
        assert!(said.contains("nothing was changed"), "{name}: {said}");
        assert!(again.header("location").unwrap().contains(own));
    }
    assert_eq!(server.total("_history"), versions);
    every_stored_resource_has_its_shape(&server);
}

/// The document reference, its bytes, and everything it refers to.
fn readable(server: &Process, name: &str, resource: &Value, bytes: &[u8], kept_as: &str) {
    assert_eq!(resource["status"], "current", "{name}");
    let attachment = &resource["content"][0]["attachment"];
    assert_eq!(attachment["contentType"], kept_as, "{name}");
    assert_eq!(attachment["size"], bytes.len(), "{name}");
    let sha1 = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes));
    assert_eq!(attachment["hash"], sha1, "{name}");
    let sha256 = STANDARD.encode(digest(&SHA256, bytes));
    assert_eq!(
        attachment["extension"][0]["valueBase64Binary"], sha256,
        "{name}"
    );
    for member in ["type", "category", "author", "custodian", "securityLabel"] {
        assert!(!resource[member].is_null(), "{name}: {member}");
    }
    let url = attachment["url"].as_str().unwrap();
    let place = url.strip_prefix(&format!("{}/", server.base)).unwrap();
    let raw = server.request("GET", place, &[("accept", "*/*")], b"");
    assert_eq!(raw.header("content-type"), Some(kept_as), "{name}");
    assert!(raw.body == bytes, "{name}: the bytes were touched");
    let binary = server.request("GET", place, &[("accept", "application/fhir+json")], b"");
    let context = &binary.json()["securityContext"]["reference"];
    let own = format!("DocumentReference/{}", resource["id"].as_str().unwrap());
    assert_eq!(*context, own, "{name}");

    let mut open = vec![resource];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("reference") {
                    references += 1;
                    let answer = server.get(reference);
                    assert_eq!(answer.status, 200, "{name}: {reference}");
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(references >= 3, "{name}: {references}");
}

/// FHIR R4 binary.html: what does not ask for a FHIR form gets the bytes in their own form.
#[test]
fn bytes_are_had_by_their_own_media_type() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let cda = super::Report::default().xml().into_bytes();
    assert_eq!(server.post(INGEST, XML, &cda).status, 201);
    let place = format!("Binary/{}", one(&server, "Binary")["id"].as_str().unwrap());
    for accept in ["*/*", "text/xml", "text/xml, */*;q=0.1"] {
        let raw = server.request("GET", &place, &[("accept", accept)], b"");
        assert!(raw.body == cda, "{accept}: {}", raw.text());
        assert_eq!(raw.header("content-type"), Some("text/xml"), "{accept}");
    }
    for (accept, form) in [
        (
            "application/fhir+xml",
            "application/fhir+xml; charset=utf-8",
        ),
        (
            "application/fhir+json",
            "application/fhir+json; charset=utf-8",
        ),
    ] {
        let resource = server.request("GET", &place, &[("accept", accept)], b"");
        assert_eq!(resource.header("content-type"), Some(form), "{accept}");
    }
}

fn every_stored_resource_has_its_shape(server: &Process) {
    let definitions = Definitions::r4().unwrap();
    let answer = server.get("_history?_count=500");
    let entries = answer.entries();
    assert!(entries.len() > 20);
    for entry in entries {
        let resource = &entry["resource"];
        let tree = json::parse(resource.to_string().as_bytes(), &Limits::default()).unwrap();
        let issues = shape::check(&tree, &definitions);
        let faults: Vec<_> = issues
            .iter()
            .filter(|issue| issue.severity >= Severity::Error)
            .collect();
        assert!(faults.is_empty(), "{resource}: {faults:?}");
    }
}
