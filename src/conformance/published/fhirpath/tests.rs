//! The published cases, held at what they say today.
//!
//! `conformance/known-fhirpath-failures.json` lists each failure with its reason. One that is not listed
//! fails here, and so does one that is listed and passes.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Score, Verdict, run};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// 2025-01-01T00:00:00.123Z.
const NOW: i64 = 1_735_689_600_123_000;

#[track_caller]
fn check(suite: &str, least: Score) {
    let folder = Path::new(ROOT).join("../shared/suites").join(suite);
    if !folder.is_dir() {
        eprintln!("skipped: ../shared/suites/{suite} is absent");
        return;
    }
    let definitions = Definitions::r4().unwrap();
    let tried = run(&folder, &definitions, NOW).unwrap();
    let score = Score::of(&tried);
    let known = std::fs::read(Path::new(ROOT).join("conformance/known-fhirpath-failures.json"));
    let known = json::parse(&known.unwrap(), &json::Limits::default()).unwrap();
    let listed = known.items_at(suite).iter();
    let mut open: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for failure in listed {
        assert!(
            failure.str_at("reason").is_some_and(|text| text.len() > 20),
            "{failure:?}"
        );
        let part = |name| failure.str_at(name).unwrap();
        *open
            .entry((part("group"), part("name"), part("expression")))
            .or_default() += 1;
    }
    let mut unlisted = Vec::new();
    for case in &tried {
        if let Verdict::Failed(reason) = &case.verdict {
            let key = (
                case.group.as_str(),
                case.name.as_str(),
                case.expression.as_str(),
            );
            match open.get_mut(&key).filter(|count| **count > 0) {
                Some(count) => *count -= 1,
                None => unlisted.push(format!("{} | {} | {} | {reason}", key.0, key.1, key.2)),
            }
        }
    }
    open.retain(|_, count| *count > 0);
    eprintln!("{suite}: {score}");
    assert!(
        unlisted.is_empty(),
        "not listed:\n{}\n{score}",
        unlisted.join("\n")
    );
    assert!(open.is_empty(), "listed, and do not fail: {open:#?}");
    assert!(
        score.passed >= least.passed && score.skipped <= least.skipped,
        "{score}"
    );
}

#[test]
fn official_cases() {
    check(
        "fhirpath",
        Score {
            passed: 710,
            failed: 6,
            skipped: 0,
        },
    );
}

#[test]
fn cases_of_fhirpath_js() {
    check(
        "fhirpath-js",
        Score {
            passed: 1_412,
            failed: 38,
            skipped: 213,
        },
    );
}

/// Reading the cases wrongly would make them pass for nothing.
#[test]
fn the_cases_are_all_read() {
    let folder = Path::new(ROOT).join("../shared/suites/fhirpath-js");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared/suites/fhirpath-js is absent");
        return;
    }
    let definitions = Definitions::r4().unwrap();
    let tried = run(&folder, &definitions, NOW).unwrap();
    assert!(tried.len() >= 1_600, "{}", tried.len());
    let value = |case: &super::Tried| Value::from(case.expression.as_str());
    assert!(tried.iter().all(|case| value(case).as_str() != Some("")));
}
