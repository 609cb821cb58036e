//! What the reader takes, warns of and refuses.

use super::sample::document;
use super::{ClinicalDocument, read};
use crate::error::{Issue, Kind, Severity};

fn taken(change: impl FnOnce(String) -> String) -> (ClinicalDocument, Vec<Issue>) {
    read(&document(change)).unwrap()
}

/// Replaces a piece that must be there.
fn swap<'a>(from: &'a str, to: &'a str) -> impl FnOnce(String) -> String + 'a {
    move |text| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }
}

#[track_caller]
fn refused(bytes: &[u8], kind: Kind, code: &str, says: &str) {
    let error = read(bytes).unwrap_err();
    let issue = &error.issues()[0];
    assert_eq!((error.kind(), issue.code), (kind, code), "{error}");
    assert!(issue.diagnostics.contains(says), "{error}");
}

#[track_caller]
fn warned(change: impl FnOnce(String) -> String, code: &str, at: &str, says: &str) {
    let (_, issues) = taken(change);
    let found = issues.iter().any(|issue| {
        issue.severity == Severity::Warning
            && issue.code == code
            && issue.diagnostics.contains(says)
            && issue.expression.first().is_some_and(|e| e.starts_with(at))
    });
    assert!(found, "{issues:#?}");
}

#[test]
fn a_good_document_has_no_warnings() {
    let (document, issues) = taken(|text| text);
    assert_eq!(document.kind.english, "Laboratory report");
    assert_eq!(
        document.header.title.as_deref(),
        Some("REFERTO DI LABORATORIO")
    );
    assert!(
        issues.iter().all(|i| i.severity == Severity::Information),
        "{issues:?}"
    );
}

#[test]
fn each_fault_has_its_own_error() {
    use Kind::{Invalid, Unprocessable};
    refused(b"", Invalid, "structure", "end of the document");
    refused(b"<ClinicalDocument", Invalid, "structure", "");
    refused(
        &document(|t| t.replace("</title>", "</titel>")),
        Invalid,
        "structure",
        "",
    );
    refused(
        &document(swap(
            "<ClinicalDocument ",
            "<!DOCTYPE ClinicalDocument [<!ENTITY a 'b'>]><ClinicalDocument ",
        )),
        Invalid,
        "structure",
        "document type declaration",
    );
    refused(
        &document(swap("REFERTO", "&unknown;")),
        Invalid,
        "structure",
        "entity",
    );
    refused(
        b"<Patient xmlns='http://hl7.org/fhir'/>",
        Unprocessable,
        "structure",
        "ClinicalDocument",
    );
    refused(
        &document(swap("urn:hl7-org:v3", "urn:other")),
        Unprocessable,
        "structure",
        "urn:other",
    );
    let unknown = |text: String| {
        text.replace("11502-2", "1-8")
            .replace("10.1.1\"", "10.1.999\"")
    };
    refused(&document(unknown), Unprocessable, "not-supported", "1-8");
    refused(
        &document(swap(
            "<id root=\"2.16.840.1.113883.2.9.2.120.4.4\"",
            "<id nullFlavor=\"UNK\"",
        )),
        Unprocessable,
        "required",
        "usable id",
    );
    refused(
        &document(swap(
            "2.120.4.4\" extension=\"D-2\"",
            "x\" extension=\"D-2\"",
        )),
        Unprocessable,
        "required",
        "usable id",
    );
    refused(
        &document(swap("<code code=\"11502-2\"", "<code nullFlavor=\"UNK\"")),
        Unprocessable,
        "required",
        "code",
    );
    let nobody = |text: String| text.replace("recordTarget", "recordTargets");
    refused(&document(nobody), Unprocessable, "required", "recordTarget");
    let anonymous = |text: String| {
        text.replace("root=\"2.16.840.1.113883.2.9.9.9\"", "nullFlavor=\"UNK\"")
            .replace(
                "root=\"2.16.840.1.113883.2.9.4.3.2\" extension=\"rss",
                "nullFlavor=\"UNK\" extension=\"rss",
            )
    };
    refused(
        &document(anonymous),
        Unprocessable,
        "required",
        "patientRole/id",
    );
    let two = "<recordTarget><patientRole><id root=\"1.2\" extension=\"x\"/></patientRole></recordTarget><author>";
    refused(
        &document(swap("<author>", two)),
        Unprocessable,
        "structure",
        "found 2",
    );
}

#[test]
fn faults_that_leave_the_metadata_whole_are_warnings() {
    let target = "/ClinicalDocument/recordTarget[1]/patientRole[1]/id[2]";
    warned(
        swap("rssmra80a01h501u", "RSSMRA80A01H501X"),
        "value",
        target,
        "invalid codice fiscale",
    );
    warned(
        swap("rssmra80a01h501u", "PROVAX00X00X000Y"),
        "value",
        target,
        "unusual codice fiscale",
    );
    warned(
        swap("10.1.1\"", "10.1.999\""),
        "not-supported",
        "/ClinicalDocument",
        "unknown template",
    );
    warned(
        swap("10.1.1\"", "10.1.7.1\""),
        "not-supported",
        "/ClinicalDocument",
        "unknown template",
    );
    warned(
        swap("11502-2", "1-8"),
        "code-invalid",
        "/ClinicalDocument",
        "1-8",
    );
    warned(
        swap("value=\"20260110100000+0100\"", "value=\"20260110100000\""),
        "value",
        "/ClinicalDocument/effectiveTime[1]",
        "no offset",
    );
    warned(
        swap("value=\"20260110100000+0100\"", "value=\"20261310\""),
        "value",
        "/ClinicalDocument/effectiveTime[1]",
        "calendar",
    );
    warned(
        swap("<confidentialityCode code=\"N\"", "<confidentialityCode"),
        "required",
        "/ClinicalDocument",
        "security label",
    );
    warned(
        swap("code=\"S\"", "code=\"X\""),
        "value",
        "/ClinicalDocument",
        "signatureCode",
    );
    warned(
        swap("versionNumber value=\"2\"", "versionNumber value=\"0\""),
        "value",
        "/ClinicalDocument/versionNumber[1]",
        "positive",
    );
    warned(
        swap("it-IT", "i t"),
        "value",
        "/ClinicalDocument/languageCode[1]",
        "language",
    );
    warned(
        swap("low value=\"20260109\"", "low value=\"20260111\""),
        "value",
        "/ClinicalDocument/documentationOf[1]",
        "low before high",
    );
    warned(
        swap("extension=\"D-1\"", "nullFlavor=\"UNK\" extension=\"D-1\""),
        "required",
        "/ClinicalDocument/relatedDocument[1]",
        "parent document",
    );
}

#[test]
fn unread_header_elements_are_named() {
    let more = "<author><functionCode/></author><copyTime value=\"2026\"/><x:y xmlns:x=\"urn:x\"/><component>";
    let (_, issues) = taken(swap("<component>", more));
    let places: Vec<&str> = issues
        .iter()
        .flat_map(|i| &i.expression)
        .map(String::as_str)
        .collect();
    for place in [
        "/ClinicalDocument/copyTime[1]",
        "/ClinicalDocument/*:y[1]",
        "/ClinicalDocument/author[2]",
    ] {
        assert!(places.contains(&place), "{place} in {places:?}");
    }
    assert!(!places.iter().any(|place| place.contains("/component")));
}

#[test]
fn findings_are_bounded() {
    let many = format!("{}<component>", "<copyTime/>".repeat(3_000));
    let (_, issues) = taken(swap("<component>", &many));
    assert!(issues.len() <= 201);
    assert!(
        issues
            .last()
            .unwrap()
            .diagnostics
            .contains("further findings")
    );
}

#[test]
fn a_known_type_without_template_is_taken() {
    let (document, _) = taken(swap("11502-2", "18842-5"));
    assert_eq!(document.kind.english, "Non-hospital discharge letter");
}

#[test]
fn official_documents_are_taken() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fse-examples/cda");
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("skipped: ../shared/fse-examples is absent");
        return;
    };
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        let (document, _) =
            read(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert!(!document.header.patient.ids.is_empty());
        assert!(document.header.custodian.is_some(), "{path:?}");
        count += 1;
    }
    assert_eq!(count, 7);
}
