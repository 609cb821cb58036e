//! Searches that find thousands: other ways through the index are taken, and the same is found, each
//! once, in every order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::naive::{self, Kind, Parameter};
use super::pages;
use crate::support::TestNode;

const PATIENTS: usize = 1_300;
const OBSERVATIONS: usize = 1_300;

const GENDER: Parameter = token("gender", "gender");
const STATUS: Parameter = token("status", "status");
const BIRTH: Parameter = Parameter {
    code: "birthdate",
    kind: Kind::Date,
    paths: "birthDate",
};
const FAMILY: Parameter = Parameter {
    code: "family",
    kind: Kind::Text,
    paths: "name.family",
};

const fn token(code: &'static str, paths: &'static str) -> Parameter {
    let kind = Kind::Token;
    Parameter { code, kind, paths }
}

/// Patients of whom some lack a gender, a birth date or a name.
fn patients() -> Vec<Value> {
    (0..PATIENTS)
        .map(|number| {
            let mut patient = json!({
                "resourceType": "Patient", "id": format!("p{number:04}"), "active": true,
            });
            if let Some(gender) = ["male", "female", "other"].get(number % 4) {
                patient["gender"] = json!(gender);
            }
            if number % 7 > 0 {
                let (year, month) = (1930 + number % 83, 1 + number % 12);
                patient["birthDate"] = json!(format!("{year}-{month:02}-01"));
            }
            if number % 11 > 0 {
                patient["name"] = json!([{"family": format!("F{}", number % 11)}]);
            }
            patient
        })
        .collect()
}

fn observations() -> Vec<Value> {
    (0..OBSERVATIONS)
        .map(|number| {
            let status = ["final", "preliminary", "amended"][number % 3];
            let mut observation = json!({
                "resourceType": "Observation", "id": format!("o{number:04}"),
                "status": status,
                "code": {"coding": [{"code": "x"}]},
                "subject": {"reference": format!("Patient/p{:04}", number * 7 % PATIENTS)},
            });
            if number % 5 > 0 {
                let (month, day) = (1 + number % 12, 1 + number % 28);
                observation["effectiveDateTime"] = json!(format!("2025-{month:02}-{day:02}"));
            }
            observation
        })
        .collect()
}

fn load(node: &TestNode, resources: &[Value]) {
    let entries: Vec<Value> = resources
        .iter()
        .map(|resource| {
            let text = |name: &str| resource[name].as_str().unwrap();
            let url = format!("{}/{}", text("resourceType"), text("id"));
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = node.post("", &bundle.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    for entry in answer.entries() {
        assert_eq!(entry["response"]["status"], "201 Created", "{entry}");
    }
}

/// Compares what all pages hold with what is expected, in several orders.
fn compare(node: &TestNode, query: &str, mut expected: Vec<&str>, wrong: &mut Vec<String>) {
    expected.sort_unstable();
    let own = match query.starts_with("Patient") {
        true => ["birthdate", "-family,birthdate"],
        false => ["-date", "status,-date"],
    };
    // A code has no order.
    let own = own.map(|sort| sort.strip_prefix("status,").unwrap_or(sort));
    for sort in ["", "_id", "-_lastUpdated", own[0], own[1]] {
        let sort = match sort {
            "" => String::new(),
            sort => format!("&_sort={sort}"),
        };
        let first = format!("{query}{sort}&_count=400&_elements=id");
        let (mut seen, _) = pages(node, &first);
        if sort == "&_sort=_id" && seen != expected {
            wrong.push(format!("{first}: not in order"));
        }
        seen.sort_unstable();
        if seen != expected {
            let (found, wanted) = (seen.len(), expected.len());
            wrong.push(format!("{first}: found {found}, expected {wanted}"));
        }
    }
    let total = node.get(&format!("{query}&_summary=count")).json()["total"].as_u64();
    if total != Some(expected.len() as u64) {
        wrong.push(format!(
            "{query}: total {total:?}, expected {}",
            expected.len()
        ));
    }
}

type Fits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn fits(parameter: Parameter, modifier: &'static str, value: &'static str) -> Fits<'static> {
    Box::new(move |resource| naive::matches(resource, &parameter, modifier, value))
}

#[test]
fn what_thousands_fit_is_found_each_once() {
    let node = TestNode::start();
    let (patients, observations) = (patients(), observations());
    load(&node, &patients);
    load(&node, &observations);
    let id = |resource: &'_ Value| resource["id"].as_str().unwrap().to_owned();
    let by_id: BTreeMap<String, &Value> = patients.iter().map(|one| (id(one), one)).collect();
    let subject = |observation: &Value| {
        let reference = observation["subject"]["reference"].as_str().unwrap();
        by_id[reference.strip_prefix("Patient/").unwrap()]
    };
    let of_subject = |parameter, value| -> Fits<'_> {
        let fits = fits(parameter, "", value);
        Box::new(move |observation| fits(subject(observation)))
    };
    let has = |parameter, value| -> Fits<'_> {
        let fits = fits(parameter, "", value);
        let subjects: Vec<String> = observations
            .iter()
            .filter(|observation| fits(observation))
            .map(|observation| id(subject(observation)))
            .collect();
        Box::new(move |patient| subjects.contains(&id(patient)))
    };
    let both = |a: Fits<'static>, b: Fits<'static>| -> Fits<'static> {
        Box::new(move |resource| a(resource) && b(resource))
    };
    let all = || -> Fits<'static> { Box::new(|_| true) };
    let rows: Vec<(&str, Fits<'_>)> = vec![
        ("Patient?active=true", all()),
        ("Patient?_lastUpdated=gt2001", all()),
        (
            "Patient?gender=male,female",
            fits(GENDER, "", "male,female"),
        ),
        (
            "Patient?gender=male,female,other",
            fits(GENDER, "", "male,female,other"),
        ),
        ("Patient?gender:not=male", fits(GENDER, "not", "male")),
        (
            "Patient?gender:missing=true",
            fits(GENDER, "missing", "true"),
        ),
        ("Patient?birthdate=ge1900", fits(BIRTH, "", "ge1900")),
        (
            "Patient?birthdate=lt1990,gt2000",
            fits(BIRTH, "", "lt1990,gt2000"),
        ),
        ("Patient?birthdate=ne1990", fits(BIRTH, "", "ne1990")),
        ("Patient?family=f", fits(FAMILY, "", "f")),
        (
            "Patient?family:contains=f1&active=true",
            fits(FAMILY, "contains", "f1"),
        ),
        ("Patient?family:exact=F1", fits(FAMILY, "exact", "F1")),
        (
            "Patient?family=f1,f2&gender=male,female",
            both(fits(FAMILY, "", "f1,f2"), fits(GENDER, "", "male,female")),
        ),
        (
            "Patient?birthdate=ge1960&gender:not=other",
            both(fits(BIRTH, "", "ge1960"), fits(GENDER, "not", "other")),
        ),
        (
            "Patient?_has:Observation:patient:code=x",
            has(token("code", "code"), "x"),
        ),
        (
            "Patient?_has:Observation:patient:status=final",
            has(STATUS, "final"),
        ),
        ("Observation?code=x", all()),
        (
            "Observation?status=final,preliminary",
            fits(STATUS, "", "final,preliminary"),
        ),
        ("Observation?patient.active=true", all()),
        (
            "Observation?patient.gender=male,female",
            of_subject(GENDER, "male,female"),
        ),
        (
            "Observation?patient.birthdate=ge1900",
            of_subject(BIRTH, "ge1900"),
        ),
        (
            "Observation?subject:Patient.family=f1",
            of_subject(FAMILY, "f1"),
        ),
    ];
    let mut wrong = Vec::new();
    for (query, fits) in &rows {
        let resources = match query.starts_with("Patient") {
            true => &patients,
            false => &observations,
        };
        let expected = resources.iter().filter(|resource| fits(resource));
        let expected = expected.map(|one| one["id"].as_str().unwrap()).collect();
        compare(&node, query, expected, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // What is included beside them is bounded.
    put_hub(&node);
    node.get("Organization?_id=hub&_revinclude=Patient:organization")
        .refused(400, "too-costly");
}

/// An organization that more patients refer to than may be included.
fn put_hub(node: &TestNode) {
    super::put(node, "Organization", "hub", "");
    let members: Vec<Value> = (0..1_001)
        .map(|number| {
            json!({
                "resourceType": "Patient", "id": format!("hub{number}"),
                "managingOrganization": {"reference": "Organization/hub"},
            })
        })
        .collect();
    load(node, &members);
}
