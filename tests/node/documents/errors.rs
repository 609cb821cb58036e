//! Each wrong document gets its own answer, and leaves nothing behind.

use lopdf::{Object, dictionary};

use super::{INGEST, PDF, Report, XML, pdf, pdf_with, texts};
use crate::process::Process;
use crate::support::database::TestDatabase;

struct Suite {
    server: Process,
}

impl Suite {
    #[track_caller]
    fn check(&self, form: &str, body: &[u8], status: u16, code: &str, text: &str) {
        let answer = self.server.post(INGEST, form, body);
        let said = answer.text();
        assert_eq!(answer.status, status, "{said}");
        let issue = &answer.json()["issue"][0];
        assert_eq!(issue["code"], code, "{said}");
        assert_eq!(issue["severity"], "error", "{said}");
        assert!(texts(&answer.json()).contains(text), "{said}");
    }

    /// The report with one text replaced by another.
    #[track_caller]
    fn changed(&self, from: &str, to: &str, status: u16, code: &str, text: &str) {
        self.check(XML, changed(from, to).as_bytes(), status, code, text);
    }
}

#[track_caller]
fn changed(from: &str, to: &str) -> String {
    let xml = Report::default().xml();
    assert!(xml.contains(from), "{from}");
    xml.replace(from, to)
}

#[test]
fn what_is_no_document_is_refused_and_leaves_nothing() {
    let database = TestDatabase::fresh();
    let suite = Suite {
        server: Process::serve(&database),
    };
    let cda = Report::default().xml();

    // Malformed XML.
    suite.check(XML, b"no XML at all", 400, "structure", "");
    suite.check(XML, &cda.as_bytes()[..400], 400, "structure", "");
    suite.changed("</title>", "</titolo>", 400, "structure", "line 8");
    suite.changed("<title>", "<title a='1' a='2'>", 400, "structure", "once");
    suite.check(XML, b"\xff\xfe<\0", 400, "structure", "");
    // DTD and entities.
    let with_dtd =
        |dtd: &str| cda.replacen("<ClinicalDocument", &format!("{dtd}<ClinicalDocument"), 1);
    for dtd in [
        "<!DOCTYPE ClinicalDocument>",
        "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">",
        "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>",
    ] {
        let body = with_dtd(dtd);
        suite.check(
            XML,
            body.as_bytes(),
            400,
            "structure",
            "document type declaration",
        );
    }
    suite.changed("Referto<", "&xxe;<", 400, "structure", "entity");
    // A wrong root.
    let patient = b"<Patient xmlns=\"http://hl7.org/fhir\"/>";
    suite.check(XML, patient, 422, "structure", "ClinicalDocument");
    suite.changed("urn:hl7-org:v3", "urn:other", 422, "structure", "urn:other");
    // An unknown type; what makes the document meaningless.
    let unknown = changed("11502-2", "1-8").replace("113883.2.9.10.1.1\"", "113883.2.9.10.1.999\"");
    suite.check(XML, unknown.as_bytes(), 422, "not-supported", "1-8");
    suite.changed(
        "<id root=\"2.16.840.1.113883.2.9.2.120.4.4\"",
        "<id nullFlavor=\"UNK\"",
        422,
        "required",
        "id",
    );
    suite.changed(
        "recordTarget>",
        "recordTargets>",
        422,
        "required",
        "recordTarget",
    );

    // PDFs.
    suite.check(PDF, &pdf(&[]), 422, "required", "none among 0");
    suite.check(
        PDF,
        &pdf(&[("note.txt", b"hello")]),
        422,
        "required",
        "cda.xml",
    );
    let twice = pdf(&[("cda.xml", cda.as_bytes()), ("CDA.XML", cda.as_bytes())]);
    suite.check(PDF, &twice, 422, "multiple-matches", "found 2");
    suite.check(PDF, b"no PDF at all", 422, "structure", "%PDF-");
    let whole = pdf(&[("cda.xml", cda.as_bytes())]);
    suite.check(PDF, &whole[..whole.len() / 3], 422, "structure", "");
    let script = pdf_with(&[("cda.xml", cda.as_bytes())], |_| {
        let action =
            dictionary! { "S" => "JavaScript", "JS" => Object::string_literal("app.alert(1)") };
        vec![("OpenAction", action.into())]
    });
    suite.check(PDF, &script, 422, "security", "active content");
    suite.check(PDF, &pdf(&[("cda.xml", b"<broken")]), 400, "structure", "");
    let foreign = pdf(&[("cda.xml", b"<a xmlns=\"urn:other\"/>")]);
    suite.check(PDF, &foreign, 422, "structure", "ClinicalDocument");

    // Requests that are none.
    suite.check(
        "application/fhir+json",
        b"{}",
        415,
        "not-supported",
        "application/pdf",
    );
    suite.check(
        "text/plain",
        cda.as_bytes(),
        415,
        "not-supported",
        "application/xml",
    );
    suite.check(
        "application/xml; charset=iso-8859-1",
        cda.as_bytes(),
        415,
        "not-supported",
        "utf-8",
    );
    for (method, path) in [
        ("GET", INGEST),
        ("POST", "Patient/$ingest"),
        ("POST", "$ingest"),
    ] {
        let answer = suite
            .server
            .request(method, path, &[("content-type", XML)], cda.as_bytes());
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
    }

    assert_eq!(suite.server.total("_history"), 0);
    for folder in ["tmp", "blobs"] {
        let left = std::fs::read_dir(database.data_dir().join(folder));
        assert_eq!(left.map_or(0, Iterator::count), 0, "{folder}");
    }
}

/// What is odd but can be kept is kept, with a warning that says where.
#[test]
fn what_is_only_odd_is_taken_in_with_a_warning() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let check = |number: usize, from: &str, to: &str, code: &str, text: &str| {
        // Each a document of its own.
        let body = changed(from, to)
            .replace("D-1", &format!("odd-{number}"))
            .replace("S-1", &format!("odd-set-{number}"));
        let answer = server.post(INGEST, XML, body.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.text());
        let json = answer.json();
        let issues = json["issue"].as_array().unwrap();
        let warning = issues.iter().find(|issue| {
            issue["severity"] == "warning"
                && issue["code"] == code
                && issue["diagnostics"].as_str().unwrap().contains(text)
                && issue["expression"][0].as_str().is_some()
        });
        assert!(warning.is_some(), "{text}: {}", answer.text());
        // No personal data in what is said.
        assert!(
            !answer.text().contains("RSSMRA80A01H501"),
            "{}",
            answer.text()
        );
    };
    check(
        1,
        "RSSMRA80A01H501U",
        "RSSMRA80A01H501X",
        "value",
        "invalid codice fiscale",
    );
    check(
        2,
        "RSSMRA80A01H501U",
        "RSSMRA",
        "value",
        "invalid codice fiscale",
    );
    check(
        3,
        "113883.2.9.10.1.1\"",
        "113883.2.9.10.1.999\"",
        "not-supported",
        "unknown template",
    );
    check(
        4,
        "<signatureCode code=\"S\"/>",
        "",
        "value",
        "signatureCode",
    );
    check(
        5,
        "<confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/>",
        "",
        "required",
        "confidentialityCode",
    );
    check(
        6,
        "<versionNumber value=\"1\"/>",
        "<versionNumber value=\"zero\"/>",
        "value",
        "version",
    );
}
