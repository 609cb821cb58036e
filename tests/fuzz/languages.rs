//! Small languages: search URLs, filters, cursors, FHIRPath.

use fascicolo::fhir::fhirpath::{self, Environment};
use fascicolo::fhir::search::{Handling, Vocabulary, parse};
use fascicolo::fhir::terminology::NothingStored;
use fascicolo::fhir::ucum;
use fascicolo::interactions::cursor;
use fascicolo::interactions::dispatch::{Verb, classify, decode, query_pairs};

use super::resources::{EXTRACTOR, R4, TERMINOLOGY, patient};
use super::{burst, corpus};

#[test]
fn fuzz_search_urls() {
    burst("search", &corpus("search"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(pairs) = query_pairs(&text) else {
            return;
        };
        for (resource_type, handling) in [
            ("Observation", Handling::Lenient),
            ("Patient", Handling::Strict),
        ] {
            let vocabulary = Vocabulary {
                definitions: &R4,
                extractor: &EXTRACTOR,
                base: "http://a/fhir",
                now: 0,
                terminology: TERMINOLOGY.with(&NothingStored),
            };
            let _ = parse(resource_type, &pairs, handling, &vocabulary);
        }
    });
}

#[test]
fn fuzz_filters() {
    burst("filter", &corpus("filter"), |bytes| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let pairs = [("_filter".to_owned(), text)];
        for resource_type in ["Observation", "Patient", "DocumentReference"] {
            let vocabulary = Vocabulary {
                definitions: &R4,
                extractor: &EXTRACTOR,
                base: "http://a/fhir",
                now: 0,
                terminology: TERMINOLOGY.with(&NothingStored),
            };
            let _ = parse(resource_type, &pairs, Handling::Strict, &vocabulary);
        }
    });
}

#[test]
fn fuzz_paths() {
    let seeds: Vec<Vec<u8>> = [
        "Patient/a/_history/1",
        "DocumentReference/$ingest",
        "Patient/%C3%A8/$meta",
        "Patient/_search",
    ]
    .iter()
    .map(|seed| seed.as_bytes().to_vec())
    .collect();
    burst("paths", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(segments) = text.split('/').map(decode).collect::<Result<Vec<_>, _>>() else {
            return;
        };
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        for verb in [Verb::Get, Verb::Post, Verb::Put, Verb::Patch, Verb::Delete] {
            let _ = classify(verb, &segments);
        }
    });
}

/// In 1.5 seconds nobody forges one.
#[test]
fn fuzz_cursors() {
    let (key, bound, now) = ([7u8; 32], "Patient?active=true", 1_000_000);
    let sealed = |position: &[u8]| cursor::seal(&key, bound, now, position).unwrap();
    let all = [sealed(b"here"), sealed(&[255; 64])];
    let seeds: Vec<Vec<u8>> = all.iter().map(|text| text.clone().into_bytes()).collect();
    burst("cursors", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let opened = cursor::open(&key, bound, now, &text);
        assert!(
            opened.is_err() || all.iter().any(|cursor| *cursor == text),
            "{text}"
        );
    });
}

#[test]
fn fuzz_fhirpath() {
    let patient = patient();
    burst("fhirpath", &corpus("fhirpath"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(expression) = fhirpath::parse(&text) {
            let environment = Environment::new(&R4).at(0);
            let _ = fhirpath::evaluate(&expression, &patient, &environment);
        }
    });
}

#[test]
fn fuzz_units() {
    let seeds: Vec<Vec<u8>> = [
        "mg/dL",
        "10*3/uL",
        "m[H2O]{a}",
        "kg.m/s2",
        "Cel",
        "1/(mol.L)-2",
        "/[HPF]",
    ]
    .iter()
    .map(|seed| seed.as_bytes().to_vec())
    .collect();
    burst("units", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (a, b) = text.split_once('|').unwrap_or((&text, "mg"));
        let value = ucum::Number::parse("5.40").unwrap();
        let known = ucum::canonical(a).is_some();
        assert!(!known || ucum::is_valid(a), "{a}");
        let _ = ucum::comparable(a, b);
        let _ = ucum::convert(value, a, b);
        for divide in [false, true] {
            let _ = ucum::combined(a, b, divide);
        }
    });
}
