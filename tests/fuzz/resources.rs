//! Resources in JSON and XML, Bundles, patches.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use fascicolo::fhir::definitions::Definitions;
use fascicolo::fhir::model::bundle::{BundleWriter, RawEntry};
use fascicolo::fhir::model::cutter::Cutter;
use fascicolo::fhir::model::json::{self, Limits};
use fascicolo::fhir::model::value::Value;
use fascicolo::fhir::patch::{Patch, apply};
use fascicolo::fhir::search::Extractor;
use fascicolo::fhir::terminology::Terminology;
use fascicolo::fhir::validation::shape;
use fascicolo::fhir::xml;

use super::{burst, corpus, shared};

pub static R4: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::r4().unwrap()));
pub static TERMINOLOGY: LazyLock<Terminology> = LazyLock::new(|| Terminology::new(Arc::clone(&R4)));
pub static EXTRACTOR: LazyLock<Extractor> = LazyLock::new(|| Extractor::new(Arc::clone(&R4)));

const LARGEST: usize = 64 * 1024;

/// The first seed of the JSON target, as a tree.
pub fn patient() -> Value {
    let text = include_bytes!("../data/fuzz/json/patient.json");
    json::parse(text, &Limits::default()).unwrap()
}

#[test]
fn fuzz_json_and_shape() {
    let seeds = [
        corpus("json"),
        corpus("bundle"),
        shared("fse-examples/fhir", LARGEST),
    ]
    .concat();
    burst("json", &seeds, |bytes| {
        let Ok(tree) = json::parse(bytes, &Limits::default()) else {
            return;
        };
        // What was read can be written and read again, and without white space it is the same.
        let mut compact = Vec::new();
        json::compact(bytes, &mut compact);
        for text in [json::to_vec(&tree), compact] {
            assert_eq!(json::parse(&text, &Limits::default()).as_ref(), Ok(&tree));
        }
        EXTRACTOR.extract(&tree, "http://a/fhir");
        if !shape::check(&tree, &R4).is_empty() {
            return;
        }
        // What has the shape of a resource is one in XML as well.
        let text = xml::to_xml(&tree, &R4).unwrap();
        let again = xml::from_xml(&text, &R4).unwrap();
        assert!(shape::check(&again, &R4).is_empty());
    });
}

#[test]
fn fuzz_bundle_cut() {
    let seeds = [corpus("bundle"), corpus("json")].concat();
    burst("bundle cut", &seeds, |bytes| {
        let part = |part: &Range<u64>| {
            let at = |place| usize::try_from(place).unwrap();
            &bytes[at(part.start)..at(part.end)]
        };
        let cut = Cutter::cut(bytes, 100);
        // However the text is broken into pieces.
        let mut pieces = Cutter::new(100);
        let fed = bytes.chunks(7).try_for_each(|piece| pieces.feed(piece));
        assert_eq!(fed.and_then(|()| pieces.finish()).is_ok(), cut.is_ok());
        if let Ok(tree) = json::parse(bytes, &Limits::default())
            && let Ok(bundle) = &cut
        {
            // The walk over the text sees the entries that the tree has.
            assert_eq!(bundle.entries.len(), tree.items_at("entry").len());
            for (found, entry) in bundle.entries.iter().zip(tree.items_at("entry")) {
                let alone = json::parse(part(found), &Limits::default());
                assert_eq!(alone.as_ref(), Ok(entry));
                if let Ok(raw) = RawEntry::cut(part(found)) {
                    assert_eq!(raw.resource.is_some(), entry.get("resource").is_some());
                }
            }
        }
        // Parts that were cut out, and are JSON each, can be put together again.
        let Ok(bundle) = cut else {
            return;
        };
        let mut writer = BundleWriter::new("collection");
        for found in &bundle.entries {
            let mut entry = writer.entry();
            if let Ok(raw) = RawEntry::cut(part(found))
                && let Some(resource) = raw.resource
                && json::parse(resource, &Limits::default()).is_ok()
            {
                entry.raw("resource", resource);
            }
            entry.end();
        }
        let text = writer.finish();
        let again = Cutter::cut(&text, 100).unwrap();
        assert_eq!(again.entries.len(), bundle.entries.len());
    });
}

#[test]
fn fuzz_xml() {
    let seeds = [corpus("xml"), shared("fse-examples/cda", LARGEST)].concat();
    burst("xml", &seeds, |bytes| {
        if let Ok(tree) = xml::from_xml(bytes, &R4)
            && shape::check(&tree, &R4).is_empty()
        {
            let text = xml::to_xml(&tree, &R4).unwrap();
            assert_eq!(xml::from_xml(&text, &R4).unwrap(), tree);
        }
        if let Ok(root) = xml::parse_document(bytes, &xml::XmlLimits::default()) {
            let text = xml::write_document(&root);
            let again = xml::parse_document(text.as_bytes(), &xml::XmlLimits::default());
            assert_eq!(xml::write_document(&again.unwrap()), text);
        }
    });
}

#[test]
fn fuzz_patches() {
    let patient = patient();
    burst("patches", &corpus("patch"), |bytes| {
        let mut patches = vec![Patch::Json(bytes.to_vec()), Patch::Xml(bytes.to_vec())];
        if let Ok(parameters) = json::parse(bytes, &Limits::default()) {
            patches.push(Patch::FhirPath(parameters));
        }
        for patch in patches {
            if let Ok(patched) = apply(patient.clone(), &patch, &R4) {
                assert_eq!(patched.str_at("resourceType"), Some("Patient"));
                let text = json::to_vec(&patched);
                assert_eq!(
                    json::parse(&text, &Limits::default()).as_ref(),
                    Ok(&patched)
                );
            }
        }
    });
}
