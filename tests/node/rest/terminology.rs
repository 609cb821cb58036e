//! Terminology as a service. Source: FHIR R4 terminology-service.html and its OperationDefinitions.

use serde_json::{Value, json};

use crate::support::{Answer, TestNode};

const GENDER: &str = "http://hl7.org/fhir/ValueSet/administrative-gender";
const GENDERS: &str = "http://hl7.org/fhir/administrative-gender";
const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const MAP: &str = "http://hl7.org/fhir/ConceptMap/101";

const TREE: &str = r#"{"resourceType":"CodeSystem","id":"tree","url":"urn:tree","version":"7","name":"Tree","status":"active","content":"complete",
    "concept":[{"code":"a","display":"Tree","definition":"All of it","designation":[{"language":"it","use":{"code":"d"},"value":"Albero"}],
      "concept":[{"code":"b","display":"Branch","property":[{"code":"inactive","valueBoolean":true}]},
        {"code":"c","display":"Leaf","property":[{"code":"notSelectable","valueBoolean":true},{"code":"size","valueInteger":3}]}]}]}"#;
const TREES: &str = r#"{"resourceType":"ValueSet","id":"trees","url":"urn:vs","name":"Trees","status":"active","compose":{"include":[{"system":"urn:tree"}]}}"#;

fn planted() -> TestNode {
    let node = TestNode::start();
    assert_eq!(node.put("CodeSystem/tree", TREE).status, 201);
    assert_eq!(node.put("ValueSet/trees", TREES).status, 201);
    node
}

fn codes(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    let contains = json["expansion"]["contains"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let codes = contains
        .iter()
        .map(|one| one["code"].as_str().unwrap().to_owned());
    codes.collect::<Vec<_>>().join(" ")
}

/// The value of a parameter of the answer.
fn told(answer: &Answer, name: &str) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    assert_eq!(json["resourceType"], "Parameters");
    let found = json["parameter"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == name)
        .cloned();
    let found = found.unwrap_or_default();
    let members = found.as_object().cloned().unwrap_or_default();
    members
        .into_iter()
        .find(|(name, _)| name != "name")
        .map_or(Value::Null, |(_, value)| value)
}

fn posted(node: &TestNode, path: &str, parameters: &Value) -> Answer {
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    node.post(path, &body.to_string())
}

#[test]
fn expansions() {
    let node = planted();
    for (query, expected) in [
        (
            format!("ValueSet/$expand?url={GENDER}"),
            "male female other unknown",
        ),
        (
            format!("ValueSet/$expand?url={GENDER}|4.0.1"),
            "male female other unknown",
        ),
        (
            format!("ValueSet/$expand?url={GENDER}&valueSetVersion=4.0.1"),
            "male female other unknown",
        ),
        (
            format!("ValueSet/$expand?url={GENDER}&count=2"),
            "male female",
        ),
        (
            format!("ValueSet/$expand?url={GENDER}&offset=3&count=2"),
            "unknown",
        ),
        (format!("ValueSet/$expand?url={GENDER}&offset=9"), ""),
        (format!("ValueSet/$expand?url={GENDER}&count=0"), ""),
        (
            format!("ValueSet/$expand?url={GENDER}&filter=ALE"),
            "male female",
        ),
        ("ValueSet/$expand?url=urn:vs".to_owned(), "a b c"),
        ("ValueSet/trees/$expand".to_owned(), "a b c"),
        ("ValueSet/trees/$expand?activeOnly=true".to_owned(), "a c"),
        (
            "ValueSet/trees/$expand?excludeNotForUI=true".to_owned(),
            "a b",
        ),
        ("ValueSet/trees/$expand?filter=albero".to_owned(), "a"),
        (
            "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/iso3166-1-2&filter=ITALY".to_owned(),
            "IT",
        ),
    ] {
        assert_eq!(codes(&node.get(&query)), expected, "{query}");
    }
    let all = node
        .get(&format!("ValueSet/$expand?url={GENDER}&count=2"))
        .json();
    assert_eq!(all["expansion"]["total"], 4);
    assert_eq!(all["url"], GENDER);
    assert!(all["compose"].is_null());
    let named = node
        .get("ValueSet/trees/$expand?displayLanguage=it-IT&includeDesignations=true")
        .json();
    assert_eq!(named["expansion"]["contains"][0]["display"], "Albero");
    assert_eq!(
        named["expansion"]["contains"][0]["designation"][0]["language"],
        "it"
    );
    assert_eq!(named["expansion"]["contains"][1]["inactive"], true);
    assert_eq!(named["expansion"]["contains"][2]["abstract"], true);
    let inside: Value = serde_json::from_str(TREES).unwrap();
    let asked =
        json!([{"name": "valueSet", "resource": inside}, {"name": "count", "valueInteger": 1}]);
    assert_eq!(codes(&posted(&node, "ValueSet/$expand", &asked)), "a");
    let xml = node.get_with(
        "ValueSet/trees/$expand",
        &[("accept", "application/fhir+xml")],
    );
    assert!(xml.text().contains("<contains>"), "{}", xml.text());
}

#[test]
fn codes_of_value_sets() {
    let node = planted();
    for (query, expected) in [
        (
            format!("ValueSet/$validate-code?url={GENDER}&system={GENDERS}&code=male"),
            true,
        ),
        (
            format!("ValueSet/$validate-code?url={GENDER}&code=male"),
            true,
        ),
        (
            format!("ValueSet/$validate-code?url={GENDER}&code=MALE"),
            false,
        ),
        (
            format!("ValueSet/$validate-code?url={GENDER}&system=urn:x&code=male"),
            false,
        ),
        (
            format!("ValueSet/$validate-code?url={GENDER}&code=male&display=male"),
            true,
        ),
        (
            format!("ValueSet/$validate-code?url={GENDER}&code=male&display=woman"),
            false,
        ),
        (
            "ValueSet/trees/$validate-code?system=urn:tree&code=c&display=LEAF".to_owned(),
            true,
        ),
        (
            "ValueSet/trees/$validate-code?system=urn:tree&code=a&display=albero".to_owned(),
            true,
        ),
        (
            "ValueSet/trees/$validate-code?system=urn:tree&code=c&abstract=false".to_owned(),
            false,
        ),
        (
            "ValueSet/trees/$validate-code?system=urn:tree&code=z".to_owned(),
            false,
        ),
        (
            "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/mimetypes&code=text/plain"
                .to_owned(),
            true,
        ),
        (
            "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/ucum-units&code=mg/dL"
                .to_owned(),
            true,
        ),
        (
            "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/ucum-units&code=milligram"
                .to_owned(),
            false,
        ),
        (
            "CodeSystem/$validate-code?url=urn:tree&code=b".to_owned(),
            true,
        ),
        (
            "CodeSystem/$validate-code?url=urn:tree&version=7&code=b".to_owned(),
            true,
        ),
        (
            "CodeSystem/tree/$validate-code?code=b&display=Branch".to_owned(),
            true,
        ),
        ("CodeSystem/tree/$validate-code?code=z".to_owned(), false),
        (
            "CodeSystem/$validate-code?system=urn:tree&code=a".to_owned(),
            true,
        ),
        (
            "CodeSystem/$validate-code?url=urn:tree&system=urn:x&code=a".to_owned(),
            false,
        ),
        (
            "CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mm%5BHg%5D".to_owned(),
            true,
        ),
        (
            "CodeSystem/$validate-code?url=urn:iso:std:iso:3166&code=IT".to_owned(),
            true,
        ),
    ] {
        let answer = node.get(&query);
        assert_eq!(
            told(&answer, "result"),
            expected,
            "{query}: {}",
            answer.text()
        );
        assert_eq!(
            told(&answer, "message").is_null(),
            expected && !query.contains("code=b"),
            "{query}"
        );
    }
    let asked = json!([{"name": "url", "valueUri": "urn:vs"},
        {"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"system": "urn:x", "code": "a"}, {"system": "urn:tree", "code": "a"}]}}]);
    let answer = posted(&node, "ValueSet/$validate-code", &asked);
    assert_eq!(
        (told(&answer, "result"), told(&answer, "display")),
        (json!(true), json!("Tree"))
    );
    let asked = json!([{"name": "coding", "valueCoding": {"system": "urn:tree", "code": "z"}}]);
    assert_eq!(
        told(
            &posted(&node, "CodeSystem/$validate-code", &asked),
            "result"
        ),
        false
    );
}

#[test]
fn facts_about_codes() {
    let node = planted();
    let answer = node.get("CodeSystem/$lookup?system=urn:tree&code=a&displayLanguage=it");
    assert_eq!(told(&answer, "name"), "Tree");
    assert_eq!(told(&answer, "version"), "7");
    assert_eq!(told(&answer, "display"), "Albero");
    let text = answer.text();
    for part in [
        r#""valueCode":"child""#,
        "All of it",
        r#""name":"designation""#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let sizes = node
        .get("CodeSystem/$lookup?system=urn:tree&code=c&property=size&property=parent")
        .text();
    assert!(
        sizes.contains(r#""valueInteger":3"#) && sizes.contains(r#""valueCode":"a""#),
        "{sizes}"
    );
    assert!(
        !sizes.contains("designation") && !sizes.contains("inactive"),
        "{sizes}"
    );
    let asked = json!([{"name": "coding", "valueCoding": {"system": GENDERS, "code": "male"}}]);
    assert_eq!(
        told(&posted(&node, "CodeSystem/$lookup", &asked), "display"),
        "Male"
    );
    assert_eq!(
        told(
            &node.get("CodeSystem/$lookup?system=urn:iso:std:iso:3166&code=IT"),
            "display"
        ),
        "Italy"
    );

    for (a, b, expected) in [
        ("IMP", "ACUTE", "subsumes"),
        ("ACUTE", "IMP", "subsumed-by"),
        ("IMP", "IMP", "equivalent"),
        ("AMB", "IMP", "not-subsumed"),
    ] {
        let answer = node.get(&format!(
            "CodeSystem/$subsumes?system={ACT}&codeA={a}&codeB={b}"
        ));
        assert_eq!(told(&answer, "outcome"), expected, "{a} {b}");
    }
    assert_eq!(
        told(
            &node.get("CodeSystem/tree/$subsumes?codeA=a&codeB=c"),
            "outcome"
        ),
        "subsumes"
    );
    let coding = |code: &str| json!({"system": "urn:tree", "code": code});
    let asked = json!([{"name": "codingA", "valueCoding": coding("c")}, {"name": "codingB", "valueCoding": coding("a")}]);
    assert_eq!(
        told(&posted(&node, "CodeSystem/$subsumes", &asked), "outcome"),
        "subsumed-by"
    );
}

#[test]
fn translations() {
    let node = planted();
    let system = "http://hl7.org/fhir/address-use";
    let there = node.get(&format!(
        "ConceptMap/$translate?url={MAP}&system={system}&code=home"
    ));
    assert_eq!(told(&there, "result"), true);
    let text = there.text();
    assert!(
        text.contains(r#""valueCode":"equivalent""#) && text.contains(r#""code":"H""#),
        "{text}"
    );
    let disjoint = node.get(&format!(
        "ConceptMap/$translate?url={MAP}&system={system}&code=old"
    ));
    assert_eq!(told(&disjoint, "result"), false);
    let other = node.get(&format!(
        "ConceptMap/$translate?url={MAP}&system=urn:x&code=home"
    ));
    assert_eq!(told(&other, "result"), false);
    let back = node.get(&format!(
        "ConceptMap/$translate?url={MAP}&system=http://terminology.hl7.org/CodeSystem/v3-AddressUse&code=WP&reverse=true"
    ));
    assert!(back.text().contains(r#""code":"work""#), "{}", back.text());
    let own = r#"{"resourceType":"ConceptMap","id":"m","url":"urn:map","status":"active","group":[{"source":"urn:tree","target":"urn:x",
        "element":[{"code":"a","target":[{"code":"1","equivalence":"wider"},{"code":"2","equivalence":"equal","dependsOn":[{"property":"p","value":"v"}]}]}],
        "unmapped":{"mode":"other-map","url":"urn:map"}}]}"#;
    assert_eq!(node.put("ConceptMap/m", own).status, 201);
    let answer = node.get("ConceptMap/m/$translate?system=urn:tree&code=a&targetsystem=urn:x");
    assert!(
        answer.text().contains(r#""code":"1""#) && !answer.text().contains(r#""code":"2""#),
        "{}",
        answer.text()
    );
    // A map that leads to itself for ever ends.
    let answer = node.get("ConceptMap/$translate?url=urn:map&system=urn:tree&code=b");
    assert_eq!(told(&answer, "result"), false);
}

#[test]
fn what_cannot_be_answered() {
    let node = planted();
    for (path, status, code) in [
        ("ValueSet/$expand", 400, "required"),
        ("ValueSet/$expand?url=urn:nobody", 404, "not-found"),
        ("ValueSet/$expand?url=urn:vs|8", 404, "not-found"),
        ("ValueSet/nobody/$expand", 404, "not-found"),
        (
            "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/mimetypes",
            404,
            "not-found",
        ),
        (
            "ValueSet/$expand?url=http://snomed.info/sct?fhir_vs=isa/1",
            404,
            "not-found",
        ),
        ("ValueSet/$expand?url=urn:vs&count=-1", 400, "value"),
        ("ValueSet/$expand?url=urn:vs&activeOnly=maybe", 400, "value"),
        (
            "ValueSet/$expand?url=urn:vs&context=x",
            400,
            "not-supported",
        ),
        (
            "ValueSet/$expand?url=urn:vs&excludeNested=false",
            400,
            "not-supported",
        ),
        ("ValueSet/$validate-code?url=urn:vs", 400, "required"),
        ("ValueSet/$validate-code?code=a", 400, "required"),
        (
            "ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/body-site&code=1",
            404,
            "not-found",
        ),
        ("CodeSystem/$validate-code?code=a", 400, "required"),
        (
            "CodeSystem/$validate-code?url=http://loinc.org&code=1",
            404,
            "not-found",
        ),
        ("CodeSystem/$lookup?code=a", 400, "required"),
        (
            "CodeSystem/$lookup?system=urn:tree&code=z",
            404,
            "not-found",
        ),
        (
            "CodeSystem/$lookup?system=http://unitsofmeasure.org&code=milligram",
            404,
            "not-found",
        ),
        ("CodeSystem/tree/$lookup?code=a", 405, "not-supported"),
        (
            "CodeSystem/$subsumes?system=urn:tree&codeA=a",
            400,
            "required",
        ),
        (
            "CodeSystem/$subsumes?system=urn:tree&codeA=a&codeB=z",
            404,
            "not-found",
        ),
        ("ConceptMap/$translate?code=a", 400, "required"),
        (
            "ConceptMap/$translate?url=urn:nobody&code=a",
            404,
            "not-found",
        ),
        (
            "ConceptMap/$translate?url=urn:nobody&code=a&dependency=x",
            400,
            "not-supported",
        ),
        ("ConceptMap/$closure", 501, "not-supported"),
        ("Patient/$expand", 405, "not-supported"),
    ] {
        node.get(path).refused(status, code);
    }
    let ring = r#"{"resourceType":"ValueSet","id":"ring","url":"urn:ring","status":"active","compose":{"include":[{"valueSet":["urn:ring"]}]}}"#;
    assert_eq!(node.put("ValueSet/ring", ring).status, 201);
    node.get("ValueSet/ring/$expand").refused(422, "processing");
    node.post("ValueSet/$expand", r#"{"resourceType":"Patient"}"#)
        .refused(400, "value");
    let empty = json!([{"name": "url"}]);
    posted(&node, "ValueSet/$expand", &empty).refused(400, "value");
    node.delete("ValueSet/trees");
    node.get("ValueSet/trees/$expand").refused(410, "deleted");
    node.get("ValueSet/$expand?url=urn:vs")
        .refused(404, "not-found");
}

#[test]
fn what_is_claimed() {
    let node = TestNode::start();
    let claimed = node.get("metadata?mode=terminology").json();
    assert_eq!(claimed["translation"]["needsMap"], true);
    let systems = claimed["codeSystem"].as_array().unwrap();
    let has = |url: &str| systems.iter().any(|system| system["uri"] == url);
    assert!(has(GENDERS) && has("http://unitsofmeasure.org"));
    assert!(!has("http://snomed.info/sct") && !has("http://loinc.org"));
}
