//! Our own TestScripts, which all pass, and the published ones, held at what they say today.
//!
//! `conformance/known-failures.json` lists each failure with the sentence of R4 that makes the
//! script, or the server, wrong. A failure that is not listed fails here, and so does one that is
//! listed and passes. The numbers of tests that pass and that are skipped are exact, so that a
//! change of either is seen in review.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use fascicolo::config::RequireIfMatch;
use serde::Deserialize;
use serde_json::Value;

use crate::process::{program, said};
use crate::support::{TestNode, shared};

/// What is known of one suite.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    passed: usize,
    skipped: usize,
    failures: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    script: String,
    /// The name of the test; `setup` for the setup of the script.
    test: String,
    kind: Kind,
    /// Page and sentence of R4, and what the script or the server does instead.
    reason: String,
}

/// Who is in the wrong.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// The script contradicts R4.
    Script,
    /// The server lacks something or does it otherwise.
    Server,
    /// R4 leaves it to the server.
    Choice,
}

/// What a run has found.
#[derive(Default)]
struct Found {
    passed: usize,
    skipped: usize,
    /// Script and test.
    failed: BTreeSet<(String, String)>,
    said: String,
}

impl Found {
    /// Runs the scripts of a folder; their names are told with `prefix`.
    fn add(&mut self, node: &TestNode, folder: &Path, prefix: &str, more: &[&str]) {
        let place = tempfile::tempdir().unwrap();
        let report = place.path().join("report.json");
        let mut arguments = vec!["conformance", "testscript", "--base", &node.base];
        arguments.extend(["--suite", folder.to_str().unwrap()]);
        arguments.extend(["--report", report.to_str().unwrap()]);
        arguments.extend(more);
        let output = program(&arguments)
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        let text = said(&output);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<usize> = stdout
            .lines()
            .last()
            .unwrap_or_default()
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let [passed, _, skipped] = numbers.as_slice() else {
            panic!("{}: no result: {text}", folder.display());
        };
        self.passed += passed;
        self.skipped += skipped;
        self.said.push_str(&text);
        let bundle: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        for entry in bundle["entry"].as_array().unwrap() {
            let report = &entry["resource"];
            let script = report["testScript"]["display"].as_str().unwrap();
            let tests = report["test"].as_array().into_iter().flatten();
            let setup = Some(("setup", &report["setup"]));
            let parts = tests
                .map(|test| (test["name"].as_str().unwrap(), test))
                .chain(setup);
            for (name, _) in parts.filter(|(_, part)| has_failed(part)) {
                self.failed
                    .insert((format!("{prefix}{script}"), name.to_owned()));
            }
        }
    }
}

fn has_failed(part: &Value) -> bool {
    let actions = part["action"].as_array().into_iter().flatten();
    actions
        .flat_map(|action| [&action["operation"], &action["assert"]])
        .any(|action| matches!(action["result"].as_str(), Some("fail" | "error")))
}

/// Compares a run with what is known of its suite.
#[track_caller]
fn compare(suite: &str, found: &Found) {
    let file = std::fs::read(repository("conformance/known-failures.json")).unwrap();
    let known: BTreeMap<String, Known> = serde_json::from_slice(&file).unwrap();
    let known = &known[suite];
    let mut faults = Vec::new();
    let mut listed = BTreeSet::new();
    for failure in &known.failures {
        let Failure { script, test, .. } = failure;
        println!(
            "{suite}: {script}: {test}: {:?}: {}",
            failure.kind, failure.reason
        );
        if failure.reason.trim().is_empty() {
            faults.push(format!("{script}: {test}: no reason is given"));
        }
        let pair = (script.clone(), test.clone());
        if !found.failed.contains(&pair) {
            faults.push(format!(
                "{script}: {test}: does not fail any more: remove it"
            ));
        }
        if !listed.insert(pair) {
            faults.push(format!("{script}: {test}: listed twice"));
        }
    }
    for (script, test) in found.failed.difference(&listed) {
        faults.push(format!("{script}: {test}: fails and is not known"));
    }
    let failed = found.failed.iter().filter(|(_, test)| test != "setup");
    let row = format!(
        "| {suite} | {} | {} | {} |",
        found.passed,
        failed.count(),
        found.skipped
    );
    let table = std::fs::read_to_string(repository("docs/conformance.md")).unwrap();
    if !table.contains(&row) {
        faults.push(format!("docs/conformance.md lacks: {row}"));
    }
    for (what, number, listed) in [
        ("passed", found.passed, known.passed),
        ("skipped", found.skipped, known.skipped),
    ] {
        if number != listed {
            faults.push(format!("{number} {what}, the list says {listed}"));
        }
    }
    assert!(
        faults.is_empty(),
        "{suite}:\n  {}\n{}",
        faults.join("\n  "),
        found.said
    );
}

/// The descriptions of Ignixa say "a 2xx success status" where its asserts say `okay`.
const OKAY: [&str; 1] = ["--okay-is-success"];

/// One script of a folder and the others of it, each in a folder of their own.
fn apart(folder: &Path, script: &str) -> (tempfile::TempDir, tempfile::TempDir) {
    let (one, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        let to = if name == script { &one } else { &others };
        std::fs::copy(&path, to.path().join(name)).unwrap();
    }
    (one, others)
}

#[test]
fn ignixa() {
    let Some(suite) = shared("suites/testscript/ignixa") else {
        return;
    };
    let node = TestNode::start();
    let mut found = Found::default();
    // `Microsoft` tests what only one server has.
    let mut folders: Vec<String> = std::fs::read_dir(&suite)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "Microsoft" && suite.join(name).is_dir())
        .collect();
    folders.sort();
    for folder in &folders {
        let place = suite.join(folder);
        if folder != "CRUD" {
            found.add(&node, &place, &format!("{folder}/"), &OKAY);
            continue;
        }
        // Half of this one is for servers that demand the version of what is updated.
        let (updates, others) = apart(&place, "update.json");
        found.add(&node, others.path(), "CRUD/", &OKAY);
        let strict = TestNode::with(|config| config.fhir.require_if_match = RequireIfMatch::On);
        found.add(&strict, updates.path(), "CRUD/", &OKAY);
    }
    compare("ignixa", &found);
}

/// Writes the official example patients that the scripts name into a folder, and the first of
/// them onto the node, where the scripts expect it.
fn with_patients(node: &TestNode, folder: &Path) -> bool {
    let Some(path) = shared("suites/r4-examples/examples.ndjson.zst") else {
        return false;
    };
    let decoder = zstd::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    for line in std::io::BufReader::new(decoder).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = line["resource_text"].as_str().unwrap();
        let name = match line["file"].as_str().unwrap() {
            "patient-example.json" => "patient-example.json",
            "patient-example-a.json" => "patient-pat1.json",
            _ => continue,
        };
        std::fs::write(folder.join(name), text).unwrap();
        if name == "patient-example.json" {
            assert_eq!(node.put("Patient/example", text).status, 201);
        }
    }
    true
}

/// For the two suites with HL7's own scripts, which name examples and leave two values open.
fn with_examples(suite: &str) {
    let Some(folder) = shared(&format!("suites/testscript/{suite}")) else {
        return;
    };
    let node = TestNode::start();
    let fixtures = tempfile::tempdir().unwrap();
    if !with_patients(&node, fixtures.path()) {
        return;
    }
    let mut found = Found::default();
    let more = [
        "--fixtures",
        fixtures.path().to_str().unwrap(),
        "--variable",
        "PatientSearchFamilyName=Chalmers",
        "--variable",
        "PatientSearchGivenName=Peter",
    ];
    found.add(&node, &folder, "", &more);
    compare(suite, &found);
}

#[test]
fn hl7_core_examples() {
    with_examples("hl7-core-examples");
}

#[test]
fn fhir_crucible() {
    with_examples("fhir-crucible");
}

/// At least so many tests are our own.
const OUR_OWN: usize = 500;

fn repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Name and content of each script in `conformance/fhir-r4`, in the order of names.
fn our_own() -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(repository("conformance/fhir-r4")).unwrap();
    entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            let name = file.strip_suffix(".testscript.json")?.to_owned();
            let script = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            Some((name, script))
        })
        .collect()
}

#[test]
fn our_own_scripts_pass_as_often_as_they_run() {
    let node = TestNode::start();
    for _ in 0..2 {
        let mut found = Found::default();
        found.add(&node, &repository("conformance/fhir-r4"), "", &[]);
        assert!(found.failed.is_empty(), "{}", found.said);
        assert_eq!(found.skipped, 0, "{}", found.said);
        assert!(
            found.passed >= OUR_OWN,
            "{} are fewer than {OUR_OWN}",
            found.passed
        );
        // What they have made is gone again.
        let left = node.get("?_tag=https://fascicolo.dev/fhir/test-run%7C&_summary=count");
        assert_eq!(left.json()["total"], 0, "{}", left.text());
    }
}

#[test]
fn our_own_scripts_are_valid_and_named_after_what_they_test() {
    let node = TestNode::start();
    let mut used = BTreeSet::new();
    for (name, script) in our_own() {
        let created = node.post("TestScript", &script.to_string());
        assert_eq!(created.status, 201, "{name}: {}", created.text());
        assert_eq!(script["id"], name.as_str());
        let url = format!("https://fascicolo.dev/fhir/TestScript/{name}");
        assert_eq!(script["url"], url.as_str());
        let description = script["description"].as_str().unwrap();
        let place = description.strip_prefix("FHIR R4 ").unwrap();
        let (place, _) = place.split_once(": ").unwrap();
        // `search.html#token`, or a page of its own for an operation.
        let (page, section) = place.split_once(".html").unwrap();
        let place = format!("{page}{}-", section.replace('#', "-"));
        assert!(name.starts_with(&place), "{name}");
        for fixture in script["fixture"].as_array().into_iter().flatten() {
            let file = fixture["resource"]["reference"].as_str().unwrap();
            used.insert(file.strip_prefix("fixtures/").unwrap().to_owned());
        }
    }
    let fixtures = std::fs::read_dir(repository("conformance/fhir-r4/fixtures")).unwrap();
    let fixtures: BTreeSet<String> = fixtures
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(fixtures, used, "a fixture that no script uses");
}

#[test]
fn the_coverage_table_lists_every_script() {
    let text = std::fs::read_to_string(repository("docs/conformance.md")).unwrap();
    let mut listed = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, section, _, script, tests, _] = cells.as_slice() else {
            continue;
        };
        let Some((name, place)) = script.strip_prefix('[').and_then(|s| s.split_once("](")) else {
            continue;
        };
        assert_eq!(
            place,
            format!("../conformance/fhir-r4/{name}.testscript.json)")
        );
        let (_, page) = section.split_once("/R4/").unwrap();
        let (page, _) = page.split_once(".html").unwrap();
        assert!(name.starts_with(page), "{line}");
        let tests: usize = tests.parse().unwrap();
        assert!(listed.insert(name.to_owned(), tests).is_none(), "{line}");
    }
    let scripts: BTreeMap<String, usize> = our_own()
        .into_iter()
        .map(|(name, script)| (name, script["test"].as_array().unwrap().len()))
        .collect();
    assert_eq!(listed, scripts);
    let sum: usize = scripts.values().sum();
    let said = format!("{sum} tests in {} scripts.", scripts.len());
    assert!(text.contains(&said), "expected “{said}”");
}
