//! Documents of the FSE and archives of packages.

use std::io::Write;
use std::time::Duration;

use fascicolo::fhir::validation::shape;
use fascicolo::{fse, packages};
use flate2::Compression;
use flate2::write::GzEncoder;
use lopdf::{Document, Object, SaveOptions, Stream, dictionary};

use super::resources::R4;
use super::{burst, burst_of, corpus, shared};

#[test]
fn fuzz_cda() {
    let referto = include_bytes!("../../docs/tour/referto.xml").to_vec();
    let seeds = [vec![referto], shared("fse-examples/cda", 64 * 1024)].concat();
    burst("cda", &seeds, |bytes| {
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
    });
}

/// A PDF with a CDA in it, as programs write them: with object streams or without.
fn pdf(object_streams: bool) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let pages = document.add_object(dictionary! { "Type" => "Pages", "Count" => 0 });
    let mut stream = Stream::new(
        dictionary! { "Type" => "EmbeddedFile" },
        b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>".repeat(4),
    );
    stream.compress().unwrap();
    let file = document.add_object(stream);
    let name = Object::string_literal("cda.xml");
    let specification = document.add_object(dictionary! {
        "Type" => "Filespec", "F" => name.clone(), "EF" => dictionary! { "F" => file },
    });
    let names = dictionary! { "Names" => vec![name, specification.into()] };
    let catalog = document.add_object(dictionary! {
        "Type" => "Catalog", "Pages" => pages, "Names" => dictionary! { "EmbeddedFiles" => names },
    });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    if object_streams {
        let options = SaveOptions::builder()
            .use_object_streams(true)
            .use_xref_streams(true)
            .build();
        document.save_with_options(&mut bytes, options).unwrap();
    } else {
        document.save_to(&mut bytes).unwrap();
    }
    bytes
}

/// In this process, where a panic of the parser is seen that the sandbox would swallow.
#[test]
fn fuzz_pdf() {
    let seeds = [corpus("pdf"), vec![pdf(false), pdf(true)]].concat();
    for seed in &seeds[seeds.len() - 2..] {
        assert!(fse::pdf::extract(seed).is_ok());
    }
    burst("pdf", &seeds, |bytes| {
        if let Ok(found) = fse::pdf::extract(bytes) {
            // What comes out goes through the pipe of the sandbox and back.
            let frame = fse::pdf::extract_frame(bytes).unwrap();
            assert_eq!(fse::pdf::Extracted::from_frame(&frame).unwrap(), found);
        }
    });
}

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in [
        (
            "package/package.json",
            r#"{"name":"a.b","version":"1.0.0"}"#,
        ),
        (
            "package/x.json",
            r#"{"resourceType":"ValueSet","url":"http://a"}"#,
        ),
        (&format!("package/{}.json", "y".repeat(150)), "{}"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let text = text.as_bytes();
        builder.append_data(&mut header, name, text).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn fuzz_archives_inside() {
    let longest = Duration::from_millis(250);
    // Changed inside: behind the checksums of gzip, and of tar, which are put right again.
    burst_of(
        "archives inside",
        &[archive()],
        longest,
        |bytes| gzip(&resummed(bytes)),
        |bytes| {
            let _ = packages::read_archive(bytes);
        },
    );
}

#[test]
fn fuzz_archives_outside() {
    burst("archives outside", &[gzip(&archive())], |bytes| {
        let _ = packages::read_archive(bytes);
    });
}

/// A tar whose headers have right sums, as far as they stand where headers stood.
fn resummed(bytes: &[u8]) -> Vec<u8> {
    let mut tar = bytes.to_vec();
    for block in tar.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    tar
}
