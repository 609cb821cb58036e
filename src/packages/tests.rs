mod hostile;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::EntryType;

use super::*;

pub(super) const MANIFEST: &[u8] = br#"{"name":"it.example","version":"1.0.0","fhirVersions":["4.0.1"],"license":"CC0-1.0","dependencies":{"hl7.fhir.r4.core":"4.0.1"}}"#;
pub(super) const VALUE_SET: &[u8] = br#"{"resourceType":"ValueSet","url":"http://example.it/vs"}"#;

/// One member of an archive under construction, with no rule kept.
pub(super) struct Member<'a> {
    kind: EntryType,
    name: &'a [u8],
    content: &'a [u8],
}

pub(super) fn file<'a>(name: &'a str, content: &'a [u8]) -> Member<'a> {
    Member {
        kind: EntryType::Regular,
        name: name.as_bytes(),
        content,
    }
}

fn special<'a>(kind: EntryType, name: &'a str, content: &'a [u8]) -> Member<'a> {
    Member {
        kind,
        ..file(name, content)
    }
}

/// The tar of the members, after the manifest of a good package.
fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let manifest = file("package/package.json", MANIFEST);
    for member in std::iter::once(&manifest).chain(members) {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..member.name.len()].copy_from_slice(member.name);
        header.set_size(member.content.len() as u64);
        header.set_entry_type(member.kind);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(member.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn archive(members: &[Member<'_>]) -> Vec<u8> {
    gzip(&tar(members))
}

#[track_caller]
fn refuse_bytes(bytes: &[u8], kind: Kind, expected: &str) {
    match read_archive(bytes) {
        Ok(package) => panic!("accepted: {} resources", package.resources.len()),
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains(expected),
                "expected: {expected}\nfound: {text}"
            );
            assert_eq!(error.kind(), kind, "{text}");
        }
    }
}

#[track_caller]
fn refuse(member: Member<'_>, expected: &str) {
    refuse_bytes(&archive(&[member]), Kind::Invalid, expected);
}

#[track_caller]
fn names(members: &[Member<'_>], expected: &[&str]) {
    let package = read_archive(&archive(members)).unwrap();
    let found: Vec<&str> = package
        .resources
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_good_package_is_read() {
    let bytes = archive(&[file("package/ValueSet-x.json", VALUE_SET)]);
    let package = read_archive(&bytes).unwrap();
    assert_eq!(
        (package.name.as_str(), package.version.as_str()),
        ("it.example", "1.0.0")
    );
    assert_eq!(package.fhir_versions, ["4.0.1"]);
    assert_eq!(
        package.dependencies,
        [("hl7.fhir.r4.core".to_string(), "4.0.1".to_string())]
    );
    assert_eq!(package.licence, "CC0-1.0");
    assert_eq!(
        package.resources,
        [("ValueSet-x.json".to_string(), VALUE_SET.to_vec())]
    );
    assert_eq!(package.sha256, sha256(&bytes));
    assert_eq!(
        sha256(b""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn only_resources_directly_in_the_package_folder_count() {
    names(
        &[
            special(EntryType::Directory, "package/", b""),
            file("package/b.json", VALUE_SET),
            file("package/a.json", VALUE_SET),
            file("package/.index.json", b"{\"index-version\":1}"),
            file("package/._package.json", b"\0\x05\x16\x07"),
            file("package/list.json", b"[1]"),
            file("package/readme.md", b"not JSON"),
            file("package/example/Patient-1.json", VALUE_SET),
            file("package-evil/c.json", VALUE_SET),
            file("packagec.json", VALUE_SET),
            file("./package/d.json", VALUE_SET),
        ],
        &["a.json", "b.json", "d.json"],
    );
    let marked = [b"\xEF\xBB\xBF", VALUE_SET].concat();
    names(&[file("package/a.json", &marked)], &["a.json"]);
}

#[test]
fn long_names_in_both_forms() {
    let long = format!("package/{}.json", "n".repeat(200));
    let name = &long["package/".len()..];
    let gnu = format!("{long}\0");
    names(
        &[
            special(EntryType::GNULongName, "././@LongLink", gnu.as_bytes()),
            file("x", VALUE_SET),
        ],
        &[name],
    );
    let record = |text: &str| {
        let length = text.len() + 4;
        assert!((100..1000).contains(&(length + 1)));
        format!("{} {text}\n", length + 1)
    };
    let pax = record(&format!("path={long}"));
    names(
        &[
            special(EntryType::XHeader, "PaxHeader", pax.as_bytes()),
            file("x", VALUE_SET),
        ],
        &[name],
    );
    for (pax, expected) in [
        ("21 path=package/../x\n", ". or .."),
        ("12 size=100\n", "without size and linkpath"),
        ("999 path=x\n", "records of an extended header"),
        ("nonsense", "records of an extended header"),
        ("0 path=x\n", "records of an extended header"),
        ("10 path=x\n10 path=y\n", "found two"),
        ("23 GNU.sparse.size=100\n", "found a sparse one"),
    ] {
        let members = [
            special(EntryType::XHeader, "PaxHeader", pax.as_bytes()),
            file("x", VALUE_SET),
        ];
        refuse_bytes(&archive(&members), Kind::Invalid, expected);
    }
    refuse(
        special(EntryType::XGlobalHeader, "g", b"10 path=x\n"),
        "renames every member",
    );
    refuse(
        special(EntryType::GNULongName, "l", b"a"),
        "found the end of the archive",
    );
    let big = vec![b'a'; 70_000];
    refuse_bytes(
        &archive(&[special(EntryType::GNULongName, "l", &big)]),
        Kind::TooLarge,
        "extended headers of at most",
    );
}

#[test]
fn malformed_packages_are_refused() {
    let good = archive(&[file("package/x.json", VALUE_SET)]);
    refuse_bytes(b"", Kind::Invalid, "gzipped tar archive");
    refuse_bytes(
        b"PK\x03\x04 this is a zip",
        Kind::Invalid,
        "gzipped tar archive",
    );
    refuse_bytes(
        &good[..good.len() / 2],
        Kind::Invalid,
        "gzipped tar archive",
    );
    refuse_bytes(
        &good[..good.len() - 1],
        Kind::Invalid,
        "gzipped tar archive",
    );
    refuse_bytes(
        &[good.as_slice(), b"more"].concat(),
        Kind::Invalid,
        "bytes after it",
    );
    refuse_bytes(
        &[good.as_slice(), &good].concat(),
        Kind::Invalid,
        "bytes after it",
    );
    refuse_bytes(
        &gzip(&[tar(&[]), vec![1; 512]].concat()),
        Kind::Invalid,
        "after the end of the archive",
    );
    refuse_bytes(&gzip(b"not a tar"), Kind::Invalid, "gzipped tar archive");
    let mut sum = tar(&[file("package/x.json", VALUE_SET)]);
    sum[0] ^= 1;
    refuse_bytes(&gzip(&sum), Kind::Invalid, "checksum");
    let cut = tar(&[file("package/x.json", &[b' '; 2_000])]);
    refuse_bytes(&gzip(&cut[..cut.len() - 2_048]), Kind::Invalid, "");
    refuse_bytes(
        &gzip(&[0; 1024]),
        Kind::Invalid,
        "found an archive without it",
    );
    refuse(
        file("package/x.json", b"{\"resourceType\":"),
        "expected JSON in package/x.json, found a fault at line 1",
    );
    refuse(
        file(
            "package/x.json",
            b"{\"resourceType\":\"A\",\"resourceType\":\"B\"}",
        ),
        "expected JSON in package/x.json",
    );
    refuse(
        file("package/x.json", b"{\"resourceType\":\"A\"} x"),
        "expected JSON in package/x.json",
    );
    refuse(
        file("package/x.json", b""),
        "expected JSON in package/x.json",
    );
}

#[test]
fn bad_manifests_are_refused() {
    for (manifest, expected) in [
        ("{}", "not a manifest with name and version"),
        ("[]", "not a manifest"),
        (
            "{\"name\":\"../x\",\"version\":\"1.0.0\"}",
            "expected a name of letters",
        ),
        (
            "{\"name\":\"x\",\"version\":\"../1\"}",
            "expected a version",
        ),
        (
            "{\"name\":\"nul\",\"version\":\"1.0.0\"}",
            "expected a name of letters",
        ),
        ("{\"name\":1,\"version\":\"1\"}", "not a manifest"),
    ] {
        let all = tar(&[]);
        // Without the good manifest: its header and one block of content each.
        let rest = &all[512 + MANIFEST.len().next_multiple_of(512)..];
        let mut header = tar::Header::new_ustar();
        header.set_path("package/package.json").unwrap();
        header.set_size(manifest.len() as u64);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(manifest.as_bytes());
        bytes.resize(1024, 0);
        bytes.extend_from_slice(rest);
        refuse_bytes(&gzip(&bytes), Kind::Invalid, expected);
    }
}

#[test]
fn published_packages_are_read() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/suites/validator/files"
    );
    if !Path::new(folder).exists() {
        eprintln!("skipped: ../shared/suites/validator/files is absent");
        return;
    }
    let nested = "nested-package-version-dependencies/hl7.fhir.test.versions";
    for (file, name, resources) in [
        (
            "swiss.mednet.fhir#0.5.0.tgz".to_string(),
            "swiss.mednet.fhir",
            40,
        ),
        ("mimic/mimic-0.1.2.tgz".to_string(), "mit.fhir.mimic", 10),
        (format!("{nested}#0.1.0.tgz"), "hl7.fhir.test.versions", 2),
        (format!("{nested}#0.2.0.tgz"), "hl7.fhir.test.versions", 2),
        (
            format!("{nested}.other#0.1.0.tgz"),
            "hl7.fhir.test.versions.other",
            1,
        ),
        (
            format!("{nested}.other#0.2.0.tgz"),
            "hl7.fhir.test.versions.other",
            1,
        ),
    ] {
        let bytes = archive_of(&Path::new(folder).join(&file)).unwrap();
        let package = read_archive(&bytes).unwrap();
        assert_eq!(package.name, name, "{file}");
        assert!(
            package.resources.len() >= resources,
            "{file}: {}",
            package.resources.len()
        );
    }
}
