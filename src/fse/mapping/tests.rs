//! The header of a document as resources.

use super::{Mapped, Submission, replace_local, to_document_reference};
use crate::fhir::model::value::{Text, Value};
use crate::fse::cda::{self, sample};
use crate::fse::identifiers::IdentifierPair;

const SUBMISSION: Submission<'_> = Submission {
    content_type: "application/pdf",
    url: "urn:fascicolo:local:binary",
    size: 0,
    sha1: [
        0xda, 0x39, 0xa3, 0xee, 0x5e, 0x6b, 0x4b, 0x0d, 0x32, 0x55, 0xbf, 0xef, 0x95, 0x60, 0x18,
        0x90, 0xaf, 0xd8, 0x07, 0x09,
    ],
    sha256: [7; 32],
    indexed: "2026-01-10T09:00:00.000000Z",
};

fn mapped(change: impl FnOnce(String) -> String) -> Mapped {
    let (document, _) = cda::read(&sample::document(change)).unwrap();
    to_document_reference(&document, &SUBMISSION)
}

/// The value at a path such as `name.0.family`.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, step| match step.parse::<usize>() {
            Ok(index) => value.as_array()?.get(index),
            Err(_) => value.get(step),
        })
}

fn resource<'a>(mapped: &'a Mapped, name: &str) -> &'a Value {
    let found = mapped.resources.iter().find(|r| r.name == name);
    &found.unwrap_or_else(|| panic!("{name}")).resource
}

#[track_caller]
fn check(value: &Value, path: &str, expected: &str) {
    let found = at(value, path).and_then(|found| match found {
        Value::String(text) | Value::Number(text) => Some(text.as_str()),
        Value::Bool(true) => Some("true"),
        _ => None,
    });
    assert_eq!(found, Some(expected), "{path}");
}

fn pair(root: &str, extension: &str) -> IdentifierPair {
    IdentifierPair::from_root(root, Some(extension)).unwrap()
}

#[test]
fn document_reference_has_the_metadata() {
    let mapped = mapped(|text| text);
    let document = resource(&mapped, "document");
    for (path, expected) in [
        ("masterIdentifier.use", "usual"),
        ("masterIdentifier.type.coding.0.code", "uniqueId"),
        (
            "masterIdentifier.system",
            "urn:oid:2.16.840.1.113883.2.9.2.120.4.4",
        ),
        ("masterIdentifier.value", "D-2"),
        ("status", "current"),
        ("type.coding.0.system", "http://loinc.org"),
        ("type.coding.0.code", "11502-2"),
        ("type.coding.0.display", "Referto di laboratorio"),
        ("type.text", "Referto di Laboratorio"),
        (
            "category.0.coding.0.system",
            "urn:oid:2.16.840.1.113883.2.9.3.3.6.1.5",
        ),
        ("category.0.coding.0.code", "REF"),
        ("category.0.coding.0.display", "Referto"),
        ("subject.reference", "urn:fascicolo:local:patient-1"),
        ("date", "2026-01-10T09:00:00.000000Z"),
        (
            "author.0.reference",
            "urn:fascicolo:local:practitionerrole-1",
        ),
        (
            "authenticator.reference",
            "urn:fascicolo:local:practitionerrole-2",
        ),
        ("custodian.reference", "urn:fascicolo:local:organization-2"),
        ("relatesTo.0.code", "replaces"),
        ("relatesTo.0.target.identifier.value", "D-1"),
        ("description", "REFERTO DI LABORATORIO"),
        (
            "securityLabel.0.coding.0.system",
            "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
        ),
        ("securityLabel.0.coding.0.code", "N"),
        ("securityLabel.0.coding.0.display", "normal"),
        ("content.0.attachment.contentType", "application/pdf"),
        ("content.0.attachment.language", "it-IT"),
        ("content.0.attachment.url", "urn:fascicolo:local:binary"),
        ("content.0.attachment.size", "0"),
        ("content.0.attachment.hash", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        ("content.0.attachment.title", "REFERTO DI LABORATORIO"),
        ("content.0.attachment.creation", "2026-01-10T10:00:00+01:00"),
        (
            "content.0.attachment.extension.0.valueBase64Binary",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        ),
        (
            "content.0.format.system",
            "urn:oid:2.16.840.1.113883.2.9.3.3.6.1.6",
        ),
        ("content.0.format.code", "2.16.840.1.113883.2.9.10.1.1"),
        ("context.encounter.0.identifier.value", "E-1"),
        ("context.event.0.coding.0.code", "PROG"),
        ("context.period.start", "2026-01-09"),
        ("context.period.end", "2026-01-10"),
        (
            "context.sourcePatientInfo.reference",
            "urn:fascicolo:local:patient-1",
        ),
        (
            "context.related.0.identifier.system",
            "urn:oid:2.16.840.1.113883.2.9.4.3.9",
        ),
        ("context.related.0.identifier.value", "1300A4000000248"),
    ] {
        check(document, path, expected);
    }
    assert_eq!(
        mapped.master_identifier,
        pair("2.16.840.1.113883.2.9.2.120.4.4", "D-2")
    );
    assert_eq!(
        mapped.set_id,
        pair("2.16.840.1.113883.2.9.2.120.4.4", "S-1")
    );
    assert_eq!(mapped.version, 2);
    assert_eq!(mapped.type_code.1, "11502-2");
    assert_eq!(mapped.relations[0].target_version, Some(1));
}

#[test]
fn people_and_organisations_have_identities() {
    let mapped = mapped(|text| text);
    let patient = resource(&mapped, "patient-1");
    check(patient, "extension.0.valueAddress.city", "Roma");
    check(patient, "identifier.0.value", "local-7");
    check(patient, "identifier.1.value", "RSSMRA80A01H501U");
    check(patient, "active", "true");
    check(patient, "name.0.family", "Rossi");
    check(patient, "gender", "female");
    check(patient, "birthDate", "1980-01-01");
    check(
        patient,
        "address.0._line.0.extension.0.valueString",
        "058091",
    );
    check(patient, "contact.0.relationship.0.coding.0.code", "GUARD");
    check(patient, "contact.0.name.family", "Verdi");
    // The national identifier is the identity, not the first one.
    let identity = &mapped.resources[0].identity;
    assert_eq!(
        *identity,
        pair("2.16.840.1.113883.2.9.4.3.2", "RSSMRA80A01H501U")
    );

    let role = resource(&mapped, "practitionerrole-1");
    check(
        role,
        "practitioner.reference",
        "urn:fascicolo:local:practitioner-1",
    );
    check(
        role,
        "organization.reference",
        "urn:fascicolo:local:organization-2",
    );
    check(role, "code.0.coding.0.code", "MMG");
    let hospital = resource(&mapped, "organization-2");
    check(hospital, "name", "Ospedale");
    check(
        hospital,
        "partOf.reference",
        "urn:fascicolo:local:organization-1",
    );
    // The custodian is the same organisation and adds what was missing.
    check(hospital, "telecom.0.value", "1");
    // The signer has the author's identifier and another name: one practitioner, and a finding.
    check(
        resource(&mapped, "practitioner-1"),
        "name.0.family",
        "Verdi",
    );
    assert!(
        mapped
            .issues
            .iter()
            .any(|i| i.diagnostics.contains("another name"))
    );
}

#[test]
fn the_same_role_has_the_same_identity_in_another_document() {
    let first = mapped(|text| text);
    let second = mapped(|text| text.replace("D-2", "D-3"));
    let identities = |mapped: &Mapped| -> Vec<IdentifierPair> {
        let roles = mapped
            .resources
            .iter()
            .filter(|r| r.resource_type == "PractitionerRole");
        roles.map(|role| role.identity.clone()).collect()
    };
    assert_eq!(identities(&first), identities(&second));
    assert_eq!(identities(&first).len(), 2);
    assert!(!identities(&first)[0].value.contains("VRDMRC"));
    let elsewhere = mapped(|text| text.replace("120148", "120149"));
    assert_ne!(identities(&first)[0], identities(&elsewhere)[0]);
}

#[test]
fn people_without_identifier_are_named_only() {
    let mapped = mapped(|text| {
        text.replace(
            "root=\"2.16.840.1.113883.2.9.4.3.2\" extension=\"VRD",
            "nullFlavor=\"UNK\" extension=\"VRD",
        )
    });
    check(
        resource(&mapped, "document"),
        "author.0.display",
        "Dr Marco Verdi",
    );
    assert!(
        !mapped
            .resources
            .iter()
            .any(|r| r.resource_type == "Practitioner")
    );
}

#[test]
fn without_set_and_version_the_document_is_its_own_set() {
    let mapped = mapped(|text| {
        text.replace("setId", "setIt")
            .replace("versionNumber", "versionNo")
    });
    assert_eq!(mapped.set_id, mapped.master_identifier);
    assert_eq!(mapped.version, 1);
}

#[test]
fn relatives_are_no_practitioners() {
    let relative = "<participant typeCode=\"IND\"><associatedEntity classCode=\"NOK\"><id root=\"2.16.840.1.113883.2.9.4.3.2\" extension=\"RSSMRA75C03F839K\"/></associatedEntity></participant><inFulfillmentOf>";
    let mapped = mapped(|text| text.replacen("<inFulfillmentOf>", relative, 1));
    let found = mapped
        .resources
        .iter()
        .any(|r| r.identity.value == "RSSMRA75C03F839K");
    assert!(!found);
    assert!(
        mapped
            .issues
            .iter()
            .any(|i| i.expression == ["/ClinicalDocument/participant[1]"])
    );
}

#[test]
fn local_names_are_replaced() {
    let mut mapped = mapped(|text| text);
    let document = &mut mapped.resources.last_mut().unwrap().resource;
    replace_local(document, &|name| Some(Text::from(format!("X/{name}"))));
    check(document, "content.0.attachment.url", "X/binary");
    check(document, "subject.reference", "X/patient-1");
    check(
        document,
        "context.sourcePatientInfo.reference",
        "X/patient-1",
    );
}

/// No empty object, array or string, and null only beside primitives in `_` arrays.
fn nothing_empty(value: &Value, within: &str) {
    match value {
        Value::Null => assert!(within.starts_with('_'), "null in {within}"),
        Value::String(text) => assert!(!text.trim().is_empty(), "empty text in {within}"),
        Value::Array(items) => {
            assert!(!items.is_empty(), "empty array {within}");
            items.iter().for_each(|item| nothing_empty(item, within));
        }
        Value::Object(object) => {
            assert!(!object.is_empty(), "empty object {within}");
            object
                .iter()
                .for_each(|(name, member)| nothing_empty(member, name));
        }
        Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn official_documents_are_mapped() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fse-examples/cda");
    if !std::path::Path::new(folder).exists() {
        eprintln!("skipped: ../shared/fse-examples is absent");
        return;
    }
    let definitions = crate::fhir::definitions::Definitions::r4().unwrap();
    for (file, class, kinds) in [
        ("LAB", "REF", 11),
        ("LDO", "LDO", 8),
        ("PSS", "SUM", 6),
        ("RAD", "REF", 10),
        ("RAP", "REF", 14),
        ("SING_VACC", "VAC", 7),
        ("VPS", "VRB", 7),
    ] {
        let bytes = std::fs::read(format!("{folder}/{file}.xml")).unwrap();
        let (document, _) = cda::read(&bytes).unwrap();
        let mapped = to_document_reference(&document, &SUBMISSION);
        let reference = resource(&mapped, "document");
        check(reference, "category.0.coding.0.code", class);
        check(reference, "securityLabel.0.coding.0.code", "N");
        for member in [
            "subject",
            "author",
            "authenticator",
            "custodian",
            "date",
            "description",
            "context",
        ] {
            assert!(reference.get(member).is_some(), "{file}: {member}");
        }
        let mut names: Vec<&str> = Vec::new();
        for made in &mapped.resources {
            let findings = crate::fhir::validation::shape::check(&made.resource, &definitions);
            assert!(findings.is_empty(), "{file} {}: {findings:?}", made.name);
            nothing_empty(&made.resource, made.resource_type);
            assert!(!names.contains(&made.name.as_str()));
            // Whoever is referred to was made before.
            let mut copy = made.resource.clone();
            replace_local(&mut copy, &|name| {
                assert!(name == "binary" || names.contains(&name), "{file}: {name}");
                None
            });
            names.push(&made.name);
        }
        assert_eq!(mapped.resources.len(), kinds, "{file}: {names:?}");
    }
}
