//! `$fhirpath`, and the command that evaluates an expression on a file.

use serde_json::{Value, json};

use crate::process::{run, said};
use crate::support::TestNode;

fn patient() -> Value {
    json!({"resourceType": "Patient", "id": "p", "gender": "male",
        "name": [{"given": ["Anna", "Maria"]}, {"given": ["Bianca"]}],
        "managingOrganization": {"reference": "Organization/none"}})
}

fn parameters(expression: &str, more: &[Value]) -> String {
    let mut list = vec![json!({"name": "expression", "valueString": expression})];
    list.extend(more.iter().cloned());
    json!({"resourceType": "Parameters", "parameter": list}).to_string()
}

fn on_patient(expression: &str, more: &[Value]) -> String {
    let mut more = more.to_vec();
    more.push(json!({"name": "resource", "resource": patient()}));
    parameters(expression, &more)
}

/// The results: for each, its value and its parts.
fn results(body: &Value) -> Vec<(Option<String>, Vec<Value>)> {
    let list = body["parameter"].as_array().unwrap();
    list.iter()
        .filter(|one| one["name"] == "result")
        .map(|one| {
            let place = one["valueString"].as_str().map(str::to_owned);
            (place, one["part"].as_array().cloned().unwrap_or_default())
        })
        .collect()
}

#[test]
fn fhirpath_tells_value_type_and_place() {
    let node = TestNode::start();
    let answer = node.post("$fhirpath", &on_patient("name.given | gender", &[]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = results(&answer.json());
    let parts = &found[0].1;
    assert_eq!(parts.len(), 4);
    assert_eq!(parts[0]["name"], "string");
    assert_eq!(parts[0]["valueString"], "Anna");
    assert_eq!(
        parts[0]["extension"][0]["valueString"],
        "Patient.name[0].given[0]"
    );
    assert_eq!(parts[3]["name"], "code");
    assert_eq!(parts[3]["valueCode"], "male");
    let answer = node.post(
        "$fhirpath",
        &on_patient("name.first() | $this | 1.5 'g'", &[]),
    );
    let found = results(&answer.json());
    assert_eq!(found[0].1[0]["valueHumanName"]["given"][1], "Maria");
    assert_eq!(found[0].1[1]["resource"]["id"], "p");
    assert_eq!(found[0].1[2]["valueQuantity"]["code"], "g");
}

#[test]
fn fhirpath_knows_contexts_variables_and_traces() {
    let node = TestNode::start();
    let more = [
        json!({"name": "context", "valueString": "name"}),
        json!({"name": "variables", "part": [{"name": "mark", "valueString": "!"}]}),
    ];
    let body = on_patient("given.first().trace('first') & %mark", &more);
    let answer = node.post("$fhirpath", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = results(&answer.json());
    assert_eq!(found[1].0.as_deref(), Some("Patient.name[1]"));
    assert_eq!(found[1].1[0]["valueString"], "Bianca!");
    assert_eq!(found[1].1[1]["name"], "trace");
    assert_eq!(found[1].1[1]["part"][0]["valueString"], "Bianca");
}

#[test]
fn fhirpath_reads_what_is_stored() {
    let node = TestNode::start();
    let organization = node.create(r#"{"resourceType":"Organization","name":"O"}"#);
    let patient = format!(
        r#"{{"resourceType":"Patient","gender":"male","managingOrganization":{{"reference":"Organization/{organization}"}}}}"#
    );
    let patient = node.create(&patient);
    let path = format!(
        "$fhirpath?resource=Patient/{patient}&expression=managingOrganization.resolve().name"
    );
    let answer = node.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(results(&answer.json())[0].1[0]["valueString"], "O");
    let codes = "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')";
    let answer = node.post("$fhirpath", &on_patient(codes, &[]));
    assert_eq!(results(&answer.json())[0].1[0]["valueBoolean"], true);
    let missing = on_patient("managingOrganization.resolve()", &[]);
    assert_eq!(
        results(&node.post("$fhirpath", &missing).json())[0].1.len(),
        0
    );
    node.get("$fhirpath?resource=Patient/none&expression=id")
        .refused(404, "not-found");
}

#[test]
fn fhirpath_says_where_an_expression_is_wrong() {
    let node = TestNode::start();
    let answer = node.post("$fhirpath", &on_patient("name\n  .unknown()", &[]));
    answer.refused(400, "invalid");
    assert!(
        answer.text().contains("line 2 column 4, at ‘unknown()’"),
        "{}",
        answer.text()
    );
    node.post("$fhirpath", &on_patient("name.single()", &[]))
        .refused(422, "processing");
    node.post("$fhirpath", &on_patient("conformsTo('http://a.org')", &[]))
        .refused(422, "not-supported");
    node.post(
        "$fhirpath",
        &on_patient("id", &[json!({"name": "validate", "valueBoolean": true})]),
    )
    .refused(400, "value");
    node.post(
        "$fhirpath",
        &on_patient("id", &[json!({"name": "other", "valueString": "x"})]),
    )
    .refused(400, "not-supported");
    node.get("$fhirpath").refused(400, "value");
}

/// Work is bounded whatever the expression is.
#[test]
fn fhirpath_does_not_run_away() {
    let node = TestNode::start();
    let ten = "(1|2|3|4|5|6|7|8|9|10)";
    let mut text = "$this".to_owned();
    for _ in 0..10 {
        text = format!("{ten}.select({text})");
    }
    node.post("$fhirpath", &on_patient(&text, &[]))
        .refused(422, "too-costly");
    let growing = format!(
        "'aaaaaaaaaaaaaaaa'{}",
        ".replaceMatches('a', 'aaaaaaaaaaaaaaaa')".repeat(10)
    );
    node.post("$fhirpath", &on_patient(&growing, &[]))
        .refused(422, "too-costly");
}

#[test]
fn fhirpath_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("patient.json");
    std::fs::write(&file, patient().to_string()).unwrap();
    let file = file.to_str().unwrap();
    let output = run(&["fhirpath", "name.given.first()", file]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        said(&output),
        "Patient.name[0].given[0]\tFHIR.string\t\"Anna\"\n"
    );
    let output = run(&["fhirpath", "name.", file]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("line 1 column 6"),
        "{}",
        said(&output)
    );
}
