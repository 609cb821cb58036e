//! What is fuzzed, and the seeds.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use fascicolo::fhir::definitions::Definitions;
use fascicolo::fhir::fhirpath::{self, Environment};
use fascicolo::fhir::model::bundle::RawBundle;
use fascicolo::fhir::model::json::{self, Limits};
use fascicolo::fhir::patch::{Patch, apply};
use fascicolo::fhir::search::{Extractor, Handling, parse as parse_search};
use fascicolo::fhir::validation::shape;
use fascicolo::fhir::xml;
use fascicolo::interactions::dispatch::query_pairs;
use fascicolo::{fse, packages};

use super::burst;

static R4: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::r4().unwrap()));
static EXTRACTOR: LazyLock<Extractor> = LazyLock::new(|| Extractor::new(Arc::clone(&R4)));

const PATIENT: &str = r#"{"resourceType":"Patient","id":"a","meta":{"tag":[{"system":"s","code":"c"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"x\">b</a></div>"},"name":[{"family":"Rossi","given":["Anna",null],"_given":[null,{"id":"g"}]}],"birthDate":"1990-02","multipleBirthInteger":2,"contained":[{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":72.50}}]}"#;
const BUNDLE: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:a","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"request":{"method":"GET","url":"Patient?_id=1"}}]}"#;
const XML: &str = r#"<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"><id value="a"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">x<br/>&amp;</div></text><active id="b" value="true"><extension url="u"><valueDecimal value="1.50"/></extension></active><contained><Patient/></contained></Patient>"#;

fn texts(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Our own seeds, and the files of a shared folder where it is present.
fn with_shared(list: &[&str], folder: &str) -> Vec<Vec<u8>> {
    let mut seeds = texts(list);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(folder);
    match std::fs::read_dir(&path) {
        Ok(files) => seeds.extend(
            files
                .flatten()
                .filter_map(|file| std::fs::read(file.path()).ok()),
        ),
        Err(_) => eprintln!("skipped: ../shared/{folder} is absent"),
    }
    seeds
}

#[test]
fn fuzz_json_and_shape() {
    let seeds = with_shared(
        &[PATIENT, BUNDLE, "[1,-2.5e3,\"\\u00e8\"]"],
        "fse-examples/fhir",
    );
    burst("json and shape", &seeds, |bytes| {
        let Ok(tree) = json::parse(bytes, &Limits::default()) else {
            return;
        };
        shape::check(&tree, &R4);
        EXTRACTOR.extract(&tree, "http://a/fhir");
        // What was read can be written and read again.
        let again = json::parse(&json::to_vec(&tree), &Limits::default());
        assert_eq!(again.as_ref(), Ok(&tree));
        if shape::check(&tree, &R4).is_empty()
            && let Ok(text) = xml::to_xml(&tree, &R4)
        {
            xml::from_xml(&text, &R4).unwrap();
        }
    });
}

#[test]
fn fuzz_bundle_cut() {
    burst("bundle", &texts(&[BUNDLE, PATIENT]), |bytes| {
        if let Ok(bundle) = RawBundle::cut(bytes, 100) {
            for entry in bundle.entries {
                assert!(entry.text.len() <= bytes.len());
            }
        }
        let mut out = Vec::new();
        json::compact(bytes, &mut out);
        assert!(out.len() <= bytes.len());
    });
}

#[test]
fn fuzz_xml() {
    burst("xml", &with_shared(&[XML], "fse-examples/cda"), |bytes| {
        if let Ok(tree) = xml::from_xml(bytes, &R4) {
            let _ = xml::to_xml(&tree, &R4);
        }
        let _ = xml::parse_document(bytes, &xml::XmlLimits::default());
    });
}

#[test]
fn fuzz_cda() {
    let referto = include_str!("../../docs/tour/referto.xml");
    burst(
        "cda",
        &with_shared(&[referto], "fse-examples/cda"),
        |bytes| {
            let Ok((document, _)) = fse::cda::read(bytes) else {
                return;
            };
            let submission = fse::mapping::Submission {
                content_type: "text/xml",
                url: "urn:fascicolo:local:binary",
                size: 1,
                sha1: [0; 20],
                sha256: [0; 32],
                indexed: "2026-01-10T10:00:00Z",
            };
            let mapped = fse::mapping::to_document_reference(&document, &submission);
            for resource in &mapped.resources {
                let issues = shape::check(&resource.resource, &R4);
                assert!(issues.is_empty(), "{issues:?}");
            }
        },
    );
}

#[test]
fn fuzz_pdf() {
    let plain = "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(cda.xml) 3 0 R]>>>>>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n3 0 obj<</Type/Filespec/F(cda.xml)/EF<</F 4 0 R>>>>endobj\n4 0 obj<</Type/EmbeddedFile/Length 20>>stream\n<ClinicalDocument/>\nendstream endobj\nxref\n0 5\n0000000000 65535 f \n0000000009 00000 n \n0000000110 00000 n \n0000000157 00000 n \n0000000216 00000 n \ntrailer<</Size 5/Root 1 0 R>>\nstartxref\n300\n%%EOF\n";
    burst("pdf", &texts(&[plain]), |bytes| {
        let _ = fse::pdf::extract(bytes);
    });
}

#[test]
fn fuzz_search_urls() {
    let seeds = texts(&[
        "_id=a,b&identifier=urn:x|1&patient=Patient/1&_lastUpdated=ge2020-01&_count=5",
        "code=http://loinc.org|1-8,%7Cx&subject:Patient=1&_elements=a,b&_summary=true&_total=accurate",
        "a=%C3%A8+x&b=%00&c=%&_cursor=AAAA",
    ]);
    burst("search", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(pairs) = query_pairs(&text) {
            let _ = parse_search(
                "Observation",
                &pairs,
                Handling::Lenient,
                &R4,
                &EXTRACTOR,
                "http://a/fhir",
            );
        }
    });
}

#[test]
fn fuzz_fhirpath() {
    let seeds = texts(&[
        "Patient.name.where(given.exists() and family = 'Rossi').first().given | Patient.contact.name",
        "(Observation.value as Quantity).value > 5.0 'mg' and @2020-01-01T10:00:00Z < now()",
        "iif(name.count() > 1, name[0].given.repeat($this), name.select(family & ' ' & given.join(',')))",
    ]);
    let patient = json::parse(PATIENT.as_bytes(), &Limits::default()).unwrap();
    burst("fhirpath", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(expression) = fhirpath::parse(&text) {
            let environment = Environment::new(&R4).at(0);
            let _ = fhirpath::evaluate(&expression, &patient, &environment);
        }
    });
}

#[test]
fn fuzz_patches() {
    let seeds = texts(&[
        r#"[{"op":"replace","path":"/name/0/family","value":"b"},{"op":"move","from":"/birthDate","path":"/x"},{"op":"test","path":"/id","value":"a"}]"#,
        r#"<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:birthDate/@value">1991</replace><add sel="f:Patient" pos="prepend"><active xmlns="http://hl7.org/fhir" value="true"/></add><remove sel="f:Patient/f:name[1]"/></diff>"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient.name[0]"},{"name":"name","valueString":"given"},{"name":"value","valueString":"x"}]}]}"#,
    ]);
    let patient = json::parse(PATIENT.as_bytes(), &Limits::default()).unwrap();
    burst("patches", &seeds, |bytes| {
        let _ = apply(patient.clone(), &Patch::Json(bytes.to_vec()), &R4);
        let _ = apply(patient.clone(), &Patch::Xml(bytes.to_vec()), &R4);
        if let Ok(parameters) = json::parse(bytes, &Limits::default()) {
            let _ = apply(patient.clone(), &Patch::FhirPath(parameters), &R4);
        }
    });
}

#[test]
fn fuzz_archives() {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (name, text) in [
        (
            "package/package.json",
            r#"{"name":"a.b","version":"1.0.0"}"#,
        ),
        (
            "package/x.json",
            r#"{"resourceType":"ValueSet","url":"http://a"}"#,
        ),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder
            .append_data(&mut header, name, text.as_bytes())
            .unwrap();
    }
    let seeds = vec![builder.into_inner().unwrap().finish().unwrap()];
    burst("archives", &seeds, |bytes| {
        let _ = packages::read_archive(bytes);
    });
}
