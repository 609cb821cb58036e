//! Search parameters that are put in force while the server runs, and the job that brings the index up
//! to them. Source: FHIR R4 searchparameter.html, async.html.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{STRICT, check, ids, put};
use crate::support::{Answer, TestNode};

/// An active search parameter on Patient.
fn parameter(code: &str, kind: &str, expression: &str) -> Value {
    json!({
        "resourceType": "SearchParameter",
        "id": code,
        "url": format!("http://example.org/SearchParameter/{code}"),
        "name": code,
        "status": "active",
        "description": "for a test",
        "code": code,
        "base": ["Patient"],
        "type": kind,
        "expression": expression,
    })
}

#[track_caller]
fn define(node: &TestNode, parameter: &Value) -> Answer {
    let path = format!("SearchParameter/{}", parameter["id"].as_str().unwrap());
    node.put(&path, &parameter.to_string())
}

/// Waits until a search is answered; until then it says that the index is being built.
#[track_caller]
fn wait(node: &TestNode, query: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = node.get_with(query, &[STRICT]);
        if answer.status == 200 {
            return;
        }
        answer.refused(501, "not-supported");
        assert!(answer.text().contains("being indexed"), "{}", answer.text());
        assert!(Instant::now() < end, "never indexed: {query}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn finds(node: &TestNode, query: &str, expected: &str) {
    check(node, &format!("Patient?{query}"), expected);
}

fn offers(node: &TestNode, code: &str) -> bool {
    let statement = node.get("metadata").json();
    let resources = statement["rest"][0]["resource"].as_array().unwrap().clone();
    let patient = resources
        .iter()
        .find(|one| one["type"] == "Patient")
        .unwrap();
    let parameters = patient["searchParam"].as_array().unwrap();
    parameters.iter().any(|one| one["name"] == code)
}

#[test]
fn a_parameter_is_searched_by_once_every_resource_is_indexed() {
    let node = TestNode::start();
    for (id, members) in [
        (
            "a",
            r#","maritalStatus":{"coding":[{"system":"urn:m","code":"M"}]}"#,
        ),
        (
            "b",
            r#","maritalStatus":{"coding":[{"system":"urn:m","code":"S"}]}"#,
        ),
        ("c", ""),
    ] {
        put(&node, "Patient", id, members);
    }
    node.get_with("Patient?marital=M", &[STRICT])
        .refused(400, "not-supported");
    let answer = define(
        &node,
        &parameter("marital", "token", "Patient.maritalStatus"),
    );
    assert_eq!(answer.status, 201, "{}", answer.text());
    // At once, and never a wrong answer: what is not indexed yet is said to be so.
    let first = node.get_with("Patient?marital=M", &[STRICT]);
    assert!(matches!(first.status, 200 | 501), "{}", first.text());
    wait(&node, "Patient?marital=M");
    assert!(offers(&node, "marital"));
    put(
        &node,
        "Patient",
        "d",
        r#","maritalStatus":{"coding":[{"system":"urn:m","code":"M"}]}"#,
    );
    finds(&node, "marital=M", "a d");
    finds(&node, "marital=urn:m|S", "b");
    finds(&node, "marital:missing=true", "c");
    // As a condition, in a chain and in an order as well.
    put(&node, "Observation", "o", OBSERVATION);
    let found = node.get_with("Observation?subject:Patient.marital=M", &[STRICT]);
    assert_eq!(ids(&found), ["o"]);

    // Another expression: other rows.
    let answer = define(&node, &parameter("marital", "token", "Patient.gender"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    wait(&node, "Patient?marital=M");
    finds(&node, "marital=M", "");

    // No longer in force: unknown again, and its rows are gone.
    assert_eq!(node.delete("SearchParameter/marital").status, 204);
    node.get_with("Patient?marital=M", &[STRICT])
        .refused(400, "not-supported");
    assert!(!offers(&node, "marital"));
    // The old definition again: nothing is found by what was left over.
    define(
        &node,
        &parameter("marital", "token", "Patient.maritalStatus"),
    );
    wait(&node, "Patient?marital=M");
    finds(&node, "marital=M", "a d");
}

const OBSERVATION: &str =
    r#","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"}"#;

#[test]
fn every_kind_of_parameter_can_be_defined() {
    let node = TestNode::start();
    put(
        &node,
        "Patient",
        "a",
        r#","multipleBirthInteger":2,"birthDate":"1980-05-17","contact":[{"name":{"family":"Verdi"},"organization":{"reference":"Organization/o"}}],"photo":[{"url":"http://e/x"}]"#,
    );
    put(&node, "Patient", "b", "");
    put(&node, "Organization", "o", r#","name":"Ente""#);
    let with_target = |mut parameter: Value| {
        parameter["target"] = json!(["Organization"]);
        parameter
    };
    for parameter in [
        parameter("birth-order", "number", "Patient.multipleBirth.as(integer)"),
        parameter("born", "date", "Patient.birthDate"),
        parameter("contact-family", "string", "Patient.contact.name.family"),
        with_target(parameter(
            "contact-org",
            "reference",
            "Patient.contact.organization",
        )),
        parameter("photo", "uri", "Patient.photo.url"),
    ] {
        let answer = define(&node, &parameter);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    wait(&node, "Patient?photo=http://e/x");
    finds(&node, "birth-order=gt1", "a");
    finds(&node, "born=1980", "a");
    finds(&node, "contact-family=verd", "a");
    finds(&node, "contact-org=o", "a");
    finds(&node, "contact-org.name=ente", "a");
    finds(&node, "photo=http://e/x", "a");
    let sorted = node.get_with("Patient?_sort=-born", &[STRICT]);
    assert_eq!(super::found(&sorted), ["a", "b"]);
    let included = node.get_with("Patient?_id=a&_include=Patient:contact-org", &[STRICT]);
    assert_eq!(super::of_mode(&included, "include").len(), 1);
}

#[test]
fn one_that_is_not_active_is_a_resource_like_any_other() {
    let node = TestNode::start();
    let mut draft = parameter("x", "token", "this is no expression ((");
    draft["status"] = "draft".into();
    let edition = || node.node.store.edition().unwrap();
    let before = edition();
    assert_eq!(define(&node, &draft).status, 201);
    assert_eq!(edition(), before);
    node.get_with("Patient?x=1", &[STRICT])
        .refused(400, "not-supported");
    draft["expression"] = "Patient.gender".into();
    draft["status"] = "active".into();
    assert_eq!(define(&node, &draft).status, 200);
    wait(&node, "Patient?x=1");
    draft["status"] = "retired".into();
    assert_eq!(define(&node, &draft).status, 200);
    node.get_with("Patient?x=1", &[STRICT])
        .refused(400, "not-supported");
}

#[test]
fn one_that_could_not_be_searched_by_is_refused() {
    let node = TestNode::start();
    let with = |member: &str, value: Value| {
        let mut changed = parameter("fine", "token", "Patient.gender");
        changed[member] = value;
        changed
    };
    #[track_caller]
    fn refused(node: &TestNode, parameter: &Value, element: &str, says: &str) {
        let answer = define(node, parameter);
        assert_eq!(answer.status, 422, "{}", answer.text());
        let issue = &answer.json()["issue"][0];
        let place = format!("SearchParameter.{element}");
        assert_eq!(issue["expression"][0], *place, "{}", answer.text());
        assert!(
            issue["diagnostics"].as_str().unwrap().contains(says),
            "{}",
            answer.text()
        );
    }
    refused(
        &node,
        &with("expression", json!("Patient.name.where(")),
        "expression",
        "offset 19",
    );
    refused(
        &node,
        &with("expression", json!("Patient.nothing()")),
        "expression",
        "offset 8",
    );
    refused(
        &node,
        &with("expression", json!("Observation.code")),
        "expression",
        "Patient",
    );
    refused(&node, &with("type", json!("special")), "type", "special");
    refused(&node, &with("type", json!("colour")), "type", "colour");
    refused(
        &node,
        &with("base", json!(["Patiente"])),
        "base",
        "Patiente",
    );
    refused(&node, &with("code", json!("a:b")), "code", "letters");
    refused(&node, &with("code", json!("_own")), "code", "_");
    refused(
        &node,
        &with("code", json!("family")),
        "code",
        "individual-family",
    );
    refused(&node, &with("code", json!("_tag")), "code", "_");
    let mut without = with("code", json!("fine"));
    without.as_object_mut().unwrap().remove("expression");
    refused(&node, &without, "expression", "none");
    refused(
        &node,
        &with("type", json!("composite")),
        "component",
        "parts",
    );
    // In a transaction and in a patch too.
    let bad = with("expression", json!("("));
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": bad, "request": {"method": "PUT", "url": "SearchParameter/fine"}}]});
    assert_eq!(node.post("", &bundle.to_string()).status, 422);
    // Two that go together with the others, but not with one another.
    let twins = ["one", "two"].map(|name| {
        let mut twin = parameter(name, "token", "Patient.gender");
        twin["code"] = "twin".into();
        let url = format!("SearchParameter/{name}");
        json!({"resource": twin, "request": {"method": "PUT", "url": url}})
    });
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": twins});
    let answer = node.post("", &bundle.to_string());
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["issue"][0]["code"], "duplicate");
    assert_eq!(define(&node, &with("code", json!("fine"))).status, 201);
    let patch = br#"[{"op":"replace","path":"/expression","value":"("}]"#;
    let headers = [("content-type", "application/json-patch+json")];
    let patched = node.request("PATCH", "SearchParameter/fine", &headers, patch);
    assert_eq!(patched.status, 422, "{}", patched.text());
    // Another one with the same code.
    let mut other = parameter("other", "token", "Patient.gender");
    other["code"] = "fine".into();
    refused(&node, &other, "code", "SearchParameter/fine");
}

#[test]
fn a_definition_of_r4_may_be_replaced_by_its_own_url() {
    let node = TestNode::start();
    put(&node, "Patient", "a", r#","gender":"male","active":true"#);
    let mut own = parameter("gender", "token", "Patient.active");
    own["url"] = "http://hl7.org/fhir/SearchParameter/individual-gender".into();
    let answer = define(&node, &own);
    assert_eq!(answer.status, 201, "{}", answer.text());
    wait(&node, "Patient?gender=true");
    finds(&node, "gender=true", "a");
    finds(&node, "gender=male", "");
    assert_eq!(node.delete("SearchParameter/gender").status, 204);
    wait(&node, "Patient?gender=male");
    finds(&node, "gender=male", "a");
    finds(&node, "gender=true", "");
}

#[test]
fn a_batch_goes_on_by_what_it_defines() {
    let node = TestNode::start();
    let entry = |resource: &Value| {
        let url = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let mut entries = Vec::new();
    for number in 0..20 {
        entries.push(entry(&parameter(
            &format!("p{number}"),
            "token",
            "Patient.gender",
        )));
        entries.push(entry(
            &json!({"resourceType": "Patient", "id": format!("x{number}"), "gender": "male"}),
        ));
    }
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
    let answer = node.post("", &batch.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    for entry in answer.entries() {
        assert_eq!(entry["response"]["status"], "201 Created", "{entry}");
    }
    for number in 0..20 {
        let query = format!("Patient?p{number}=male&_summary=count");
        wait(&node, &query);
        assert_eq!(node.get(&query).json()["total"], 20);
    }
}

/// Waits for the end of a job.
#[track_caller]
fn ended(node: &TestNode, started: &Answer) -> Value {
    assert_eq!(started.status, 202, "{}", started.text());
    let place = started.header("content-location").unwrap().to_owned();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = node.get(&place);
        if answer.status == 200 {
            return answer.json();
        }
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert!(Instant::now() < end, "never done");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn count(parameters: &Value, name: &str) -> String {
    let list = parameters["parameter"].as_array().unwrap();
    let found = list.iter().find(|one| one["name"] == name).unwrap();
    found["valueDecimal"].to_string()
}

#[test]
fn reindex_is_a_job_that_is_asked_about() {
    let node = TestNode::start();
    for number in 0..450 {
        put(
            &node,
            "Patient",
            &format!("p{number}"),
            r#","gender":"male""#,
        );
    }
    put(&node, "Organization", "o", "");
    let done = ended(&node, &node.request("POST", "$reindex", &[], b""));
    assert_eq!(count(&done, "lookedAt"), "451");
    assert_eq!(count(&done, "changed"), "0");
    let done = ended(
        &node,
        &node.request("POST", "Organization/$reindex", &[], b""),
    );
    assert_eq!(count(&done, "lookedAt"), "1");
    assert_eq!(done["parameter"][0]["valueCode"], "completed");
    node.request("POST", "Nothing/$reindex", &[], b"")
        .refused(404, "not-supported");
    node.get("$reindex").refused(405, "not-supported");
    node.get("$reindex-status").refused(400, "value");
    node.get("$reindex-status?job=x").refused(400, "value");
    node.get("$reindex-status?job=1").refused(404, "not-found");
}
