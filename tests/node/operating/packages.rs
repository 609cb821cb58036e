//! `fascicolo packages add|list|check`, and what a server makes of a package.

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::process::{Process, run_on, said};
use crate::support::database::TestDatabase;

const CODE: &str = "stato-civile";

fn manifest(version: &str) -> String {
    json!({"name": "it.test.pack", "version": version, "fhirVersions": ["4.0.1"], "license": "CC0-1.0"})
        .to_string()
}

fn search_parameter() -> String {
    json!({
        "resourceType": "SearchParameter",
        "id": "patient-marital",
        "url": "http://example.org/SearchParameter/patient-marital",
        "name": "StatoCivile",
        "status": "active",
        "description": "by marital status",
        "code": CODE,
        "base": ["Patient"],
        "type": "token",
        "expression": "Patient.maritalStatus"
    })
    .to_string()
}

fn structure_definition() -> String {
    json!({
        "resourceType": "StructureDefinition",
        "id": "paziente",
        "url": "http://example.org/StructureDefinition/paziente",
        "name": "Paziente",
        "status": "active",
        "kind": "resource",
        "abstract": false,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient", "path": "Patient"}]}
    })
    .to_string()
}

fn archive(path: &Path, members: &[(&str, &str)]) -> String {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        // Past the checks of the library: hostile names are what some rows want.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    std::fs::write(path, builder.into_inner().unwrap().finish().unwrap()).unwrap();
    path.display().to_string()
}

fn good(path: &Path, version: &str) -> String {
    archive(
        path,
        &[
            ("package/package.json", &manifest(version)),
            ("package/SearchParameter-marital.json", &search_parameter()),
            (
                "package/StructureDefinition-paziente.json",
                &structure_definition(),
            ),
        ],
    )
}

const MARRIED: &str = r#"{"resourceType":"Patient","maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}}"#;

#[test]
fn a_package_is_used_after_the_next_start() {
    let database = TestDatabase::fresh();
    let folder = tempfile::tempdir().unwrap();
    let strictly = |server: &Process| {
        let headers = [("prefer", "handling=strict")];
        server.request("GET", &format!("Patient?{CODE}=M"), &headers, b"")
    };
    let server = Process::serve(&database);
    assert_eq!(strictly(&server).status, 400);
    drop(server);

    let add = run_on(
        &database,
        &[
            "packages",
            "add",
            &good(&folder.path().join("a.tgz"), "1.0.0"),
        ],
    );
    assert!(add.status.success(), "{}", said(&add));
    assert!(
        said(&add).contains("added it.test.pack 1.0.0"),
        "{}",
        said(&add)
    );
    let list = run_on(&database, &["packages", "list"]);
    assert!(
        said(&list).contains("it.test.pack 1.0.0 sha256 "),
        "{}",
        said(&list)
    );
    let check = run_on(&database, &["packages", "check"]);
    assert!(check.status.success(), "{}", said(&check));
    assert!(
        said(&check).contains("all packages are whole"),
        "{}",
        said(&check)
    );

    // Another process with a data directory of its own has it too, where the database is shared.
    let other = if database.is_postgres() {
        database.other_process()
    } else {
        database.clone()
    };
    let server = Process::serve(&other);
    let created = server.post("Patient", "application/fhir+json", MARRIED.as_bytes());
    assert_eq!(created.status, 201, "{}", created.text());
    let single = MARRIED.replace("\"M\"", "\"S\"");
    server.post("Patient", "application/fhir+json", single.as_bytes());
    let found = strictly(&server);
    assert_eq!(found.status, 200, "{}", found.text());
    assert_eq!(found.entries().len(), 1, "{}", found.text());
    let capabilities = server.get("metadata").json();
    let patient = capabilities["rest"][0]["resource"]
        .as_array()
        .unwrap()
        .iter()
        .find(|resource| resource["type"] == "Patient")
        .unwrap()
        .clone();
    let offered = patient["searchParam"].as_array().unwrap();
    assert!(
        offered.iter().any(|parameter| parameter["name"] == CODE),
        "{patient}"
    );
}

#[test]
fn a_package_is_pinned_to_its_bytes() {
    let database = TestDatabase::fresh();
    let folder = tempfile::tempdir().unwrap();
    let first = good(&folder.path().join("a.tgz"), "1.0.0");
    let add = |file: &str| run_on(&database, &["packages", "add", file]);
    assert!(add(&first).status.success());
    let again = add(&first);
    assert!(again.status.success(), "{}", said(&again));
    assert!(
        said(&again).contains("is there already"),
        "{}",
        said(&again)
    );
    let other = archive(
        &folder.path().join("b.tgz"),
        &[("package/package.json", &manifest("1.0.0"))],
    );
    let changed = add(&other);
    assert!(!changed.status.success());
    assert!(
        said(&changed).contains("pinned to sha256"),
        "{}",
        said(&changed)
    );
    // A folder is a package as well.
    let unpacked = folder.path().join("pack");
    std::fs::create_dir_all(unpacked.join("package")).unwrap();
    std::fs::write(unpacked.join("package/package.json"), manifest("2.0.0")).unwrap();
    std::fs::write(unpacked.join("package/a.json"), search_parameter()).unwrap();
    let added = add(unpacked.to_str().unwrap());
    assert!(added.status.success(), "{}", said(&added));
    let list = said(&run_on(&database, &["packages", "list"]));
    assert!(
        list.contains("it.test.pack 1.0.0") && list.contains("it.test.pack 2.0.0"),
        "{list}"
    );
}

#[test]
fn in_15_what_is_no_package_stays_out() {
    let database = TestDatabase::fresh();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tgz");
    let manifest = manifest("1.0.0");
    let with = |name: &str| archive(&path, &[("package/package.json", &manifest), (name, "{}")]);
    #[track_caller]
    fn check(database: &TestDatabase, file: &str, what: &str) {
        let output = run_on(database, &["packages", "add", file]);
        let text = said(&output);
        assert!(!output.status.success(), "{what}: {text}");
        assert!(text.contains("error: "), "{what}: {text}");
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
    for name in [
        "../evil.json",
        "package/../../evil.json",
        "/etc/evil.json",
        "package\\..\\evil.json",
    ] {
        check(&database, &with(name), name);
    }
    let none = archive(&path, &[("package/a.json", "{}")]);
    check(&database, &none, "no manifest");
    let broken = archive(&path, &[("package/package.json", "{")]);
    check(&database, &broken, "broken manifest");
    let name = manifest.replace("it.test.pack", "../up");
    let named = archive(&path, &[("package/package.json", &name)]);
    check(&database, &named, "a name that climbs");
    let text = archive(
        &path,
        &[
            ("package/package.json", &manifest),
            ("package/a.json", "{\"resourceType\":"),
        ],
    );
    check(&database, &text, "a broken resource");
    std::fs::write(&path, b"no archive").unwrap();
    check(&database, path.to_str().unwrap(), "no archive");
    let mut whole = std::fs::read(good(&path, "1.0.0")).unwrap();
    whole.truncate(whole.len() / 2);
    std::fs::write(&path, whole).unwrap();
    check(&database, path.to_str().unwrap(), "cut off");
    let zeros = " ".repeat(30 << 20);
    let bomb = archive(
        &path,
        &[
            ("package/package.json", &manifest),
            ("package/a.json", &zeros),
        ],
    );
    check(&database, &bomb, "a bomb");
    check(&database, "/nowhere/x.tgz", "no file");
    let list = said(&run_on(&database, &["packages", "list"]));
    assert!(!list.contains("it.test.pack"), "{list}");
}

#[test]
fn dur_07_reindex_finds_what_was_stored_before() {
    let database = TestDatabase::fresh();
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(&database);
    assert_eq!(
        server
            .post("Patient", "application/fhir+json", MARRIED.as_bytes())
            .status,
        201
    );
    drop(server);
    let package = good(&folder.path().join("a.tgz"), "1.0.0");
    assert!(
        run_on(&database, &["packages", "add", &package])
            .status
            .success()
    );
    for changed in [
        "1 resources looked at, 1 found",
        "1 resources looked at, 0 found",
    ] {
        let run = run_on(&database, &["reindex"]);
        assert!(
            run.status.success() && said(&run).contains(changed),
            "{}",
            said(&run)
        );
    }
    let fsck = run_on(&database, &["fsck"]);
    assert!(fsck.status.success(), "{}", said(&fsck));
    let server = Process::serve(&database);
    assert_eq!(found(&server), Some(1));
}

/// How many patients the parameter of the package finds; `None` as long as it says that it is not indexed
/// yet, or does not know it.
#[track_caller]
fn found(server: &Process) -> Option<u64> {
    let headers = [("prefer", "handling=strict")];
    let answer = server.request("GET", &format!("Patient?{CODE}=M"), &headers, b"");
    match answer.status {
        200 => answer.json()["total"].as_u64(),
        400 | 501 => {
            answer.refused(answer.status, "not-supported");
            None
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

#[test]
fn a_package_is_taken_up_by_a_running_server() {
    let database = TestDatabase::fresh();
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(&database);
    let created = server.post("Patient", "application/fhir+json", MARRIED.as_bytes());
    assert_eq!(created.status, 201);
    assert_eq!(found(&server), None);
    let package = good(&folder.path().join("a.tgz"), "1.0.0");
    let added = run_on(&database, &["packages", "add", &package]);
    assert!(added.status.success(), "{}", said(&added));
    // Until everything is indexed it is not searched by; a wrong answer is never given.
    for _ in 0..3000 {
        match found(&server) {
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
            Some(total) => return assert_eq!(total, 1),
        }
    }
    panic!("it is never searched by");
}
