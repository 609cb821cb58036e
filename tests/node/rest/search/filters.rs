//! `_filter`. Source: FHIR R4 search_filter.html.

use std::collections::BTreeSet;

use serde_json::Value;

use super::differential::{PARAMETERS, encoded, examples, loaded, samples, searches};
use super::naive::{self, Kind, Parameter};
use super::{STRICT, check, ids, pages, put};
use crate::support::TestNode;

/// Filters of a type, and what they find; reports all that differ.
#[track_caller]
fn table(node: &TestNode, name: &str, rows: &[(&str, &str)]) {
    let rows: Vec<(String, &str)> = rows
        .iter()
        .map(|(filter, expected)| (format!("_filter={}", encoded(filter)), *expected))
        .collect();
    let rows: Vec<(&str, &str)> = rows
        .iter()
        .map(|(query, ids)| (query.as_str(), *ids))
        .collect();
    super::table(node, name, &rows);
}

fn patients() -> TestNode {
    let node = TestNode::start();
    for (id, members) in [
        (
            "anna",
            r#","gender":"female","birthDate":"1980-05-12","active":true,"name":[{"family":"Rossi","given":["Anna"]}],"identifier":[{"system":"urn:cf","value":"A"},{"value":"B"}],"managingOrganization":{"reference":"Organization/aurora"}"#,
        ),
        (
            "bruno",
            r#","gender":"male","birthDate":"1981","name":[{"family":"De Luca","given":["Bruno","Niccolò"]}],"managingOrganization":{"reference":"Organization/borea"}"#,
        ),
        (
            "carla",
            r#","gender":"female","birthDate":"1990-01","name":[{"text":"Sig.ra (Carla)"},{"family":"Rossini"}]"#,
        ),
        ("dino", ""),
    ] {
        if id == "anna" {
            put(
                &node,
                "Organization",
                "aurora",
                r#","name":"Aurora","address":[{"city":"Bari"}]"#,
            );
            put(&node, "Organization", "borea", r#","name":"Borea""#);
        }
        put(&node, "Patient", id, members);
    }
    node
}

#[test]
fn operators_by_kind_of_parameter() {
    table(
        &patients(),
        "Patient",
        &[
            // string: without case and accents; each part of a name is an item.
            ("family eq rossi", "anna"),
            ("family eq \"DE  LUCA\"", "bruno"),
            ("given eq niccolo", "bruno"),
            ("family eq ross", ""),
            ("given ne anna", "bruno"),
            ("given ne bruno", "anna bruno"),
            ("name co ross", "anna carla"),
            ("name co \"a (car\"", "carla"),
            ("name sw ROSS", "anna carla"),
            ("name ew ssi", "anna"),
            ("name ew rossi", "anna"),
            ("name ew luc", ""),
            ("family gt n", "anna carla"),
            ("family gt d", "anna carla"),
            ("family ge d", "anna bruno carla"),
            ("family lt r", "bruno"),
            ("family le rossi", "anna bruno carla"),
            ("family lt d", ""),
            // token
            ("gender eq female", "anna carla"),
            (
                "gender eq http://hl7.org/fhir/administrative-gender|male",
                "bruno",
            ),
            ("gender ne female", "bruno"),
            ("identifier eq urn:cf|A", "anna"),
            ("identifier eq |B", "anna"),
            ("identifier eq urn:cf|", "anna"),
            ("active eq true", "anna"),
            // date
            ("birthdate eq 1980", "anna"),
            ("birthdate ge 1981", "bruno carla"),
            ("birthdate gt 1981", "carla"),
            ("birthdate lt 1981-06-01", "anna bruno"),
            ("birthdate ne 1981", "anna carla"),
            ("birthdate co 1981-03-04", "bruno"),
            ("birthdate po 1981-03-04", "bruno"),
            ("birthdate po 1980-05", "anna"),
            ("birthdate co 1980-05", ""),
            ("birthdate sa 1981-01", "carla"),
            ("birthdate eb 1981", "anna"),
            // reference, and what it leads to
            ("organization re Organization/aurora", "anna"),
            ("organization re aurora", "anna"),
            ("organization.name sw bor", "bruno"),
            ("organization.name co \"r\"", "anna bruno"),
            ("organization[name sw a].address-city eq bari", "anna"),
            ("organization[name sw b].address-city eq bari", ""),
            // presence
            ("birthdate pr true", "anna bruno carla"),
            ("birthdate pr false", "dino"),
            ("organization.address-city pr true", "anna"),
            ("organization.address-city pr false", "bruno carla dino"),
            // parameters of all types
            ("_id eq dino", "dino"),
            ("_id ne dino", "anna bruno carla"),
            ("_id eq a_b", ""),
            ("_lastUpdated gt 2000", "anna bruno carla dino"),
            ("_lastUpdated lt 2000", ""),
            ("_lastUpdated pr false", ""),
        ],
    );
}

#[test]
fn logic_goes_from_left_to_right() {
    table(
        &patients(),
        "Patient",
        &[
            ("gender eq female and family sw ross", "anna carla"),
            (
                "gender eq male or given eq anna and birthdate ge 1981",
                "bruno",
            ),
            (
                "gender eq male or (given eq anna and birthdate lt 1981)",
                "anna bruno",
            ),
            ("not (gender eq female)", "bruno dino"),
            ("not (not (gender eq female))", "anna carla"),
            ("not (gender eq female) and birthdate pr true", "bruno"),
            (
                "not (organization.name eq aurora) and _id ne dino",
                "bruno carla",
            ),
            (
                "gender eq female and not (given pr false or birthdate lt 1980)",
                "anna",
            ),
            ("(family eq rossi)or(family eq rossini)", "anna carla"),
        ],
    );
}

#[test]
fn other_parameters_hold_as_well() {
    let node = patients();
    for (query, expected) in [
        (
            "Patient?_filter=gender%20eq%20female&family=rossini",
            "carla",
        ),
        (
            "Patient?_filter=gender+eq+female&_filter=given+eq+anna",
            "anna",
        ),
        ("Patient?_filter=gender+eq+female&birthdate=ge1985", "carla"),
        ("?_type=Patient&_filter=_id+eq+anna", "anna"),
        ("?_filter=_id+eq+borea", "borea"),
    ] {
        check(&node, query, expected);
    }
    let first =
        "Patient?_filter=birthdate+pr+true&_sort=-birthdate&_count=1&_include=Patient:organization";
    let (seen, links) = pages(&node, first);
    assert_eq!(seen, ["carla", "bruno", "anna"]);
    assert_eq!(links.len(), 2);
    let counted = node.get("Patient?_filter=gender+pr+true&_summary=count");
    assert_eq!(counted.json()["total"], 3);
    // As a condition.
    let found = [
        ("if-none-exist", "_filter=family+eq+rossi"),
        ("content-type", "application/fhir+json"),
    ];
    let body = r#"{"resourceType":"Patient"}"#;
    let answer = node.request("POST", "Patient", &found, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn what_one_element_has_goes_together() {
    let node = TestNode::start();
    put(
        &node,
        "DocumentReference",
        "old",
        r#","status":"superseded","content":[{"attachment":{"title":"x"}}]"#,
    );
    for (id, relations) in [
        (
            "new",
            r#"{"code":"replaces","target":{"reference":"DocumentReference/old"}}"#,
        ),
        (
            "both",
            r#"{"code":"appends","target":{"reference":"DocumentReference/old"}},{"code":"replaces","target":{"reference":"DocumentReference/new"}}"#,
        ),
    ] {
        let members = format!(
            r#","status":"current","relatesTo":[{relations}],"content":[{{"attachment":{{"title":"x"}}}}]"#
        );
        put(&node, "DocumentReference", id, &members);
    }
    table(
        &node,
        "DocumentReference",
        &[
            (
                "relatesTo[code eq replaces].target re DocumentReference/old",
                "new",
            ),
            (
                "relatesTo[code eq appends].target re DocumentReference/old",
                "both",
            ),
            (
                "relatesTo[target re DocumentReference/old].code eq replaces",
                "new",
            ),
            (
                "relatesTo[code eq signs].target re DocumentReference/old",
                "",
            ),
            ("relatesTo[code eq appends].target pr true", "both"),
            ("relatesTo[code eq replaces].target pr false", "old"),
            (
                "not (relatesTo[code eq replaces].target re old)",
                "both old",
            ),
        ],
    );
    for (id, values) in [
        ("high", [("8480-6", 150), ("8462-4", 80)]),
        ("low", [("8480-6", 110), ("8462-4", 160)]),
    ] {
        let parts = values.map(|(code, value)| {
            format!(
                r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"valueQuantity":{{"value":{value},"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}}"#
            )
        });
        let members = format!(
            r#","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"85354-9"}}]}},"component":[{}]"#,
            parts.join(",")
        );
        put(&node, "Observation", id, &members);
    }
    table(
        &node,
        "Observation",
        &[
            ("component[code eq 8480-6].value gt 140", "high"),
            ("component[code eq loinc|8462-4].value gt 140", "low"),
            (
                r#"component[code eq loinc|8480-6].value le "120|ucum|mm[Hg]""#,
                "low",
            ),
            ("component[code eq 8480-6].value gt 200", ""),
            (
                r#"code eq loinc|85354-9 and component-value-quantity ge "160||mm[Hg]""#,
                "low",
            ),
            ("code eq loinc|85354-9", "high low"),
        ],
    );
}

/// A comparison of a filter, and what a plain scan finds by it.
struct Comparison {
    text: String,
    found: BTreeSet<String>,
}

fn comparisons(resources: &[&Value], parameter: &Parameter) -> Vec<Comparison> {
    let by = |modifier: &str, value: &str| -> BTreeSet<String> {
        let found = resources.iter();
        found
            .filter(|resource| naive::matches(resource, parameter, modifier, value))
            .map(|resource| resource["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let code = parameter.code;
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let mut made = Vec::new();
    for sample in samples(resources, parameter) {
        for (modifier, value) in searches(parameter.kind, &sample) {
            let text = match (parameter.kind, modifier) {
                (Kind::Text, "") => format!("{code} sw {}", quoted(&value)),
                (Kind::Text, "contains") => format!("{code} co {}", quoted(&value)),
                (Kind::Token | Kind::Uri, "") => format!("{code} eq {}", quoted(&value)),
                (Kind::Token, "not") => format!("not ({code} eq {})", quoted(&value)),
                (Kind::Uri, "below") => format!("{code} sw {}", quoted(&value)),
                (Kind::Reference, "") if !value.contains(',') => format!("{code} re {value}"),
                (Kind::Date | Kind::Number, "") => {
                    let prefixed = value.starts_with(|c: char| c.is_ascii_lowercase());
                    let (prefix, rest) = value.split_at(if prefixed { 2 } else { 0 });
                    let operator = if prefixed { prefix } else { "eq" };
                    format!("{code} {operator} {rest}")
                }
                _ => continue,
            };
            made.push(Comparison {
                found: by(modifier, &value),
                text,
            });
        }
        if parameter.kind == Kind::Text {
            for operator in ["eq", "ne", "ew", "gt", "lt", "ge", "le"] {
                let found = resources.iter();
                let found = found
                    .filter(|resource| naive::compares(resource, parameter, operator, &sample));
                made.push(Comparison {
                    text: format!("{code} {operator} {}", quoted(&sample)),
                    found: found
                        .map(|one| one["id"].as_str().unwrap().to_owned())
                        .collect(),
                });
            }
        }
    }
    for (value, missing) in [("true", "false"), ("false", "true")] {
        made.push(Comparison {
            text: format!("{code} pr {value}"),
            found: by("missing", missing),
        });
    }
    made
}

/// Every comparison by itself, then random ones with `and`, `or` and `not` between them.
#[test]
fn a_filter_finds_what_a_plain_scan_finds() {
    let Some(examples) = examples() else {
        return;
    };
    let node = loaded(&examples);
    let (mut wrong, mut asked) = (Vec::new(), 0);
    let mut state = 7u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(bound).unwrap()).unwrap()
    };
    for (name, parameters) in PARAMETERS {
        let resources: Vec<&Value> = examples
            .iter()
            .filter(|resource| resource["resourceType"] == *name)
            .collect();
        let all: BTreeSet<String> = resources
            .iter()
            .map(|resource| resource["id"].as_str().unwrap().to_owned())
            .collect();
        let known: Vec<Comparison> = parameters
            .iter()
            .flat_map(|parameter| comparisons(&resources, parameter))
            .collect();
        let mut filters: Vec<(String, BTreeSet<String>)> = known
            .iter()
            .map(|one| (one.text.clone(), one.found.clone()))
            .collect();
        for _ in 0..20 {
            let first = &known[below(known.len())];
            let (mut text, mut found) = (first.text.clone(), first.found.clone());
            for _ in 0..1 + below(4) {
                let next = &known[below(known.len())];
                match below(4) {
                    0 => {
                        text = format!("{text} and {}", next.text);
                        found = &found & &next.found;
                    }
                    1 => {
                        text = format!("{text} or {}", next.text);
                        found = &found | &next.found;
                    }
                    2 => {
                        text = format!("{} and ({text})", next.text);
                        found = &found & &next.found;
                    }
                    _ => {
                        text = format!("{} or not ({text})", next.text);
                        found = &(&all - &found) | &next.found;
                    }
                }
            }
            filters.push((text, found));
        }
        for (text, expected) in filters {
            let query = format!("{name}?_count=1000&_filter={}", encoded(&text));
            let answer = node.get_with(&query, &[STRICT]);
            asked += 1;
            // A part of a text that is too short by itself.
            if answer.status == 400 && answer.json()["issue"][0]["code"] == "too-costly" {
                continue;
            }
            let found = ids(&answer);
            let expected: Vec<String> = expected.into_iter().collect();
            if found != expected {
                wrong.push(format!(
                    "{name}: {text}: expected {expected:?}, found {found:?}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} filters differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(asked > 700, "{asked}");
}
