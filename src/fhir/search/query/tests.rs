//! What a search URL is read as, and what is refused.

use std::sync::{Arc, OnceLock};

use super::*;
use crate::fhir::definitions::Definitions;
use crate::fhir::search::plan::TextLike;
use crate::fhir::search::{Class, Include, SortBy};
use crate::fhir::terminology::{NothingStored, Terminology};

fn extractor() -> &'static Extractor {
    static EXTRACTOR: OnceLock<Extractor> = OnceLock::new();
    EXTRACTOR.get_or_init(|| Extractor::new(definitions()))
}

fn definitions() -> Arc<Definitions> {
    static DEFINITIONS: OnceLock<Arc<Definitions>> = OnceLock::new();
    let made = DEFINITIONS.get_or_init(|| Arc::new(Definitions::r4().unwrap()));
    Arc::clone(made)
}

fn terminology() -> Lookup<'static> {
    static TERMINOLOGY: OnceLock<Terminology> = OnceLock::new();
    TERMINOLOGY
        .get_or_init(|| Terminology::new(definitions()))
        .with(&NothingStored)
}

fn read_as(
    resource_type: &str,
    pairs: &[(&str, &str)],
    handling: Handling,
) -> Result<(Query, Vec<Issue>)> {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let definitions = definitions();
    let vocabulary = Vocabulary {
        definitions: &definitions,
        extractor: extractor(),
        base: "http://a/fhir",
        now: 0,
        terminology: terminology(),
    };
    parse(resource_type, &pairs, handling, &vocabulary)
}

fn read(pairs: &[(&str, &str)], handling: Handling) -> Result<(Query, Vec<Issue>)> {
    read_as("Observation", pairs, handling)
}

#[track_caller]
fn check(name: &str, value: &str, expected: std::result::Result<&[&str], &str>) {
    match (read(&[(name, value)], Handling::Strict), expected) {
        (Ok((query, _)), Ok(values)) => match query.terms.as_slice() {
            [Plan::Value { any_of, .. }] => assert_eq!(any_of, values, "{name}={value}"),
            [Plan::Id(ids)] => assert_eq!(ids, values, "{name}={value}"),
            other => panic!("{name}={value}: {other:?}"),
        },
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        (found, _) => panic!("{name}={value}: {found:?}"),
    }
}

/// The single term of a search over Observation, as text.
#[track_caller]
fn term(name: &str, value: &str) -> Plan {
    let (query, _) = read(&[(name, value)], Handling::Strict).unwrap();
    let [term] = query.terms.as_slice() else {
        panic!("{name}={value}: {query:?}");
    };
    term.clone()
}

#[track_caller]
fn refused(resource_type: &str, name: &str, value: &str, part: &str) {
    for handling in [Handling::Strict, Handling::Lenient] {
        let error = read_as(resource_type, &[(name, value)], handling).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{name}={value}: {error}");
        assert!(error.to_string().contains(part), "{name}={value}: {error}");
    }
}

#[test]
fn tokens() {
    check("code", "a", Ok(&["c|a"]));
    check("code", "http://x|a,b", Ok(&["s|http://x|a", "c|b"]));
    check("code", "|a", Ok(&["s||a"]));
    check("code", "http://x|", Ok(&["n|http://x"]));
    check("identifier", "http://x|", Ok(&["n|http://x"]));
    check("code", r"a\,b\|c\\d", Ok(&[r"c|a,b|c\d"]));
    check("code", "", Err("expected a value"));
    check("code", "|", Err("system|code"));
    // The element implies the system of its codes.
    let status = "http://hl7.org/fhir/observation-status";
    let with = format!("s|{status}|final");
    check(
        "status",
        &format!("{status}|final"),
        Ok(&[&with, "c|final"]),
    );
    check("status", "http://x|final", Ok(&["s|http://x|final"]));
    check("code", "a|b|c", Err("system|code"));
    check(
        "identifier:of-type",
        "http://t|MR|7",
        Ok(&["t|http://t|MR|7"]),
    );
    check("identifier:of-type", "MR|7", Err("system|code|value"));
    assert!(
        matches!(term("code:text", "Glucosio"), Plan::Text { code, .. } if code == "code:text")
    );
    assert!(matches!(term("code:not", "a,b"), Plan::Not(_)));
    assert!(matches!(
        term("code:missing", "false"),
        Plan::Present { .. }
    ));
    assert!(matches!(term("code:missing", "true"), Plan::Not(_)));
}

#[test]
fn references() {
    // R4 lets the parameter lead to groups as well; its expression finds patients only.
    check("patient", "1", Ok(&["Patient/1"]));
    check(
        "encounter",
        "1",
        Ok(&["Encounter/1", "EpisodeOfCare/1", "1"]),
    );
    check("patient", "Patient/1", Ok(&["Patient/1"]));
    check("patient", "http://a/fhir/Patient/1", Ok(&["Patient/1"]));
    check("subject:Group", "7", Ok(&["Group/7"]));
    check("subject", "http://b/Patient/1", Ok(&["http://b/Patient/1"]));
    check("subject:Group", "Patient/1", Ok(&[]));
    check("subject:identifier", "http://x|1", Ok(&["i|s|http://x|1"]));
    refused("Observation", "subject:Medication", "1", "leads to");
    refused("Observation", "subject:Nothing", "1", "leads to");
}

fn bounds(plan: &Plan) -> Vec<((i64, i64), (i64, i64))> {
    match plan {
        Plan::Any(plans) => plans.iter().flat_map(bounds).collect(),
        Plan::Interval { bounds, .. } => vec![(bounds.low, bounds.high)],
        other => panic!("{other:?}"),
    }
}

#[test]
fn prefixes_of_dates() {
    const DAY: i64 = 86_400_000_000;
    const MIN: i64 = i64::MIN;
    const MAX: i64 = i64::MAX;
    for (value, expected) in [
        ("1970-01-02", vec![((DAY, MAX), (MIN, 2 * DAY - 1))]),
        ("eq1970-01-02", vec![((DAY, MAX), (MIN, 2 * DAY - 1))]),
        (
            "ne1970-01-02",
            vec![((MIN, DAY - 1), (MIN, MAX)), ((MIN, MAX), (2 * DAY, MAX))],
        ),
        ("gt1970-01-02", vec![((MIN, MAX), (2 * DAY, MAX))]),
        ("lt1970-01-02", vec![((MIN, DAY - 1), (MIN, MAX))]),
        (
            "ge1970-01-02",
            vec![
                ((MIN, MAX), (2 * DAY, MAX)),
                ((DAY, MAX), (MIN, 2 * DAY - 1)),
            ],
        ),
        ("sa1970-01-02", vec![((2 * DAY, MAX), (MIN, MAX))]),
        ("eb1970-01-02", vec![((MIN, MAX), (MIN, DAY - 1))]),
    ] {
        assert_eq!(bounds(&term("date", value)), expected, "{value}");
    }
    for bad in [
        "2020-02-30",
        "xx2020",
        "2020-13",
        "",
        "ge",
        "2020-01-01T25:00",
    ] {
        check("date", bad, Err("expected a"));
    }
}

#[test]
fn numbers_and_quantities() {
    let Plan::Interval { bounds, .. } = term("value-quantity", "5.4|http://unitsofmeasure.org|mg")
    else {
        panic!();
    };
    assert_eq!(
        bounds.classes,
        [
            Class::Unit("s|http://unitsofmeasure.org|g".into()),
            Class::WideUnit("s|http://unitsofmeasure.org|g".into())
        ]
    );
    for bad in ["", "mg", "5|6", "5|a|", "5|a|b|c", "1e999", "NaN", "ge"] {
        check("value-quantity", bad, Err("expected "));
    }
}

#[test]
fn texts() {
    let like = |name: &str, value: &str| {
        let (query, _) = read_as("Patient", &[(name, value)], Handling::Strict).unwrap();
        match query.terms.as_slice() {
            [Plan::Text { like, .. }] => like.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        like("name", "Niccolò  D"),
        TextLike::StartsWith("niccolo d".into())
    );
    assert_eq!(
        like("name:exact", "Rò"),
        TextLike::Exact("ro".into(), "Rò".into())
    );
    assert_eq!(
        like("name:contains", "OSS"),
        TextLike::Contains("oss".into())
    );
    let short = read_as("Patient", &[("name:contains", "os")], Handling::Strict);
    assert_eq!(short.unwrap_err().kind(), Kind::TooCostly);
    let with = [("name:contains", "os"), ("gender", "male")];
    assert!(read_as("Patient", &with, Handling::Strict).is_ok());
    refused("Patient", "name:below", "x", "exact, contains");
    refused("Patient", "birthdate:exact", "2020", "missing");
    refused("Patient", "name", "\u{301}", "200 bytes");
}

#[test]
fn composites() {
    // Over the resource itself: both parts hold.
    assert!(matches!(term("code-value-quantity", "a$5"), Plan::All(parts) if parts.len() == 2));
    // Over an element: its values together.
    let Plan::Interval { code, bounds } = term(
        "component-code-value-quantity",
        "http://loinc.org|8480-6$gt120|http://unitsofmeasure.org|mm[Hg]",
    ) else {
        panic!();
    };
    assert_eq!(code, "component-code-value-quantity");
    assert_eq!(
        bounds.classes[0],
        Class::Unit("k|s|http://loinc.org|8480-6$s|http://unitsofmeasure.org|m-1.s-2.g".into())
    );
    // Over both: one or the other.
    assert!(
        matches!(term("combo-code-value-concept", "a$b"), Plan::Any(parts) if parts.len() == 2)
    );
    for bad in ["a", "a$", "$5", "a$5$6", "a$x", "http://x|$5"] {
        check("component-code-value-quantity", bad, Err("with $ between"));
    }
}

#[test]
fn chains_and_has() {
    let Plan::Chain { targets, .. } = term("subject.name", "x") else {
        panic!();
    };
    let names: Vec<&str> = targets.iter().map(|(name, _)| name.as_str()).collect();
    // Groups have no name that is searched by.
    assert!(names.contains(&"Patient") && !names.contains(&"Group"));
    let Plan::Chain { targets, .. } = term("subject:Patient.general-practitioner.name", "x") else {
        panic!();
    };
    assert_eq!(targets.len(), 1);
    let (query, _) = read_as(
        "Patient",
        &[(
            "_has:Observation:patient:_has:AuditEvent:entity:agent:Practitioner.name",
            "x",
        )],
        Handling::Strict,
    )
    .unwrap();
    assert!(matches!(query.terms.as_slice(), [Plan::Has { .. }]));
    refused(
        "Patient",
        "_has:Observation:code:status",
        "x",
        "reference parameter",
    );
    refused("Patient", "_has:Observation:patient", "x", "_has:Type");
    refused(
        "Patient",
        "_has:Nothing:patient:status",
        "x",
        "resource type",
    );
    refused("Observation", "code.name", "x", "reference parameter");
    refused(
        "Observation",
        "subject:Patient.nothing",
        "x",
        "search parameter",
    );
    refused("Observation", "subject.birthdate", "x", "a date");
    let deep = "subject:Patient.link:Patient.".to_owned() + &"link:Patient.".repeat(20) + "name";
    let error = read(&[(&deep, "x")], Handling::Lenient).unwrap_err();
    assert_eq!(error.kind(), Kind::TooCostly);
    let deep = "_has:Observation:patient:".to_owned()
        + &"_has:Observation:has-member:".repeat(20)
        + "code";
    let error = read_as("Patient", &[(&deep, "x")], Handling::Lenient).unwrap_err();
    assert_eq!(error.kind(), Kind::TooCostly);
}

#[test]
fn sorts_and_includes() {
    let pairs = [
        ("_sort", "-date,_id"),
        ("_include", "Observation:subject:Patient"),
        ("_include:iterate", "Patient:*"),
        ("_revinclude", "Provenance:target"),
    ];
    let (query, _) = read(&pairs, Handling::Strict).unwrap();
    assert_eq!(query.sort.len(), 2);
    assert_eq!(query.sort[0].by, SortBy::Clinical);
    assert!(query.sort[0].descending && !query.sort[1].descending);
    assert_eq!(
        query.includes[0],
        Include {
            reverse: false,
            iterate: false,
            source: Some("Observation".into()),
            code: Some("subject".into()),
            target: Some("Patient".into()),
        }
    );
    assert!(query.includes[1].iterate && query.includes[1].code.is_none());
    assert!(query.includes[2].reverse);
    refused("Observation", "_sort", "code-value-quantity", "sorted by");
    refused("Observation", "_sort", "nothing", "as _sort");
    refused("Observation", "_sort", "date,_id,_lastUpdated,status", "");
    refused("Observation", "_include", "Observation", "as _include");
    refused(
        "Observation",
        "_include",
        "Nothing:subject",
        "resource types",
    );
    refused(
        "Observation",
        "_include",
        "Observation:code",
        "reference parameter",
    );
    refused(
        "Observation",
        "_include:recurse",
        "Observation:subject",
        "iterate",
    );
}

#[test]
fn results_and_limits() {
    let (query, _) = read(
        &[("_count", "99999999999"), ("_elements", "code,status")],
        Handling::Strict,
    )
    .unwrap();
    assert_eq!(query.count, Some(MOST_COUNT));
    assert_eq!(query.elements.len(), 2);
    for bad in ["-1", "+1", "x", "", "1.0"] {
        refused("Observation", "_count", bad, "not negative");
    }
    let twice = [("_count", "1"), ("_count", "2")];
    assert!(read(&twice, Handling::Lenient).is_err());
    assert!(read(&[("_elements", "nothing")], Handling::Strict).is_err());
    let (query, warnings) = read(&[("_elements", "nothing")], Handling::Lenient).unwrap();
    assert_eq!(query.elements, ["id"]);
    assert_eq!(warnings.len(), 1);
    let many = vec!["x"; 51].join(",");
    let error = read(&[("code", &many)], Handling::Strict).unwrap_err();
    assert_eq!(error.kind(), Kind::TooCostly);
    let forty = vec!["x"; 45].join(",");
    let error = read(&[("code", forty.as_str()); 5], Handling::Strict).unwrap_err();
    assert_eq!(error.kind(), Kind::TooCostly);
}

#[test]
fn unknown_parameters() {
    assert!(read(&[("nothing", "1")], Handling::Strict).is_err());
    let (query, warnings) = read(&[("nothing", "1")], Handling::Lenient).unwrap();
    assert!(query.terms.is_empty() && query.applied.is_empty());
    assert_eq!(warnings.len(), 1);
    for name in [
        "_text",
        "_content",
        "_query",
        "_filter:not",
        "subject._filter",
    ] {
        refused("Observation", name, "x", "not offered");
    }
}
