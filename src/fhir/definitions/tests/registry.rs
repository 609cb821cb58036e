//! Search parameters, compartments, packages and look-up by URL.

use ring::digest::{SHA256, digest};

use super::r4;
use crate::fhir::definitions::{Definitions, SearchKind};

#[test]
fn search_parameters_come_with_those_of_the_ancestors() {
    let definitions = r4();
    let all: usize = definitions.canonicals("SearchParameter").count();
    assert_eq!(all, 1375);
    // 23 of its own, 8 of Resource, `_text` of DomainResource.
    assert_eq!(definitions.search_parameters("Patient").len(), 32);
    assert!(definitions.search_parameter("Bundle", "_text").is_none());
    assert!(definitions.search_parameter("Bundle", "_id").is_some());
    assert!(definitions.search_parameters("HumanName").is_empty());

    let birthdate = definitions
        .search_parameter("Patient", "birthdate")
        .unwrap();
    assert_eq!(birthdate.kind, SearchKind::Date);
    assert!(birthdate.expression.contains("Patient.birthDate"));
    let patient = definitions
        .search_parameter("Observation", "patient")
        .unwrap();
    assert_eq!(
        patient.url,
        "http://hl7.org/fhir/SearchParameter/clinical-patient"
    );
    assert_eq!(patient.targets, ["Group", "Patient"]);
    let pair = definitions
        .search_parameter("Observation", "code-value-quantity")
        .unwrap();
    assert_eq!(pair.kind, SearchKind::Composite);
    assert_eq!(pair.components[1].expression, "value.as(Quantity)");
    assert!(!pair.multiple_or);

    for name in definitions.resource_types() {
        let list = definitions.search_parameters(name);
        assert!(
            list.is_sorted_by(|one, other| one.code < other.code),
            "{name}"
        );
        for parameter in list {
            let empty = parameter.expression.is_empty();
            let special = ["_content", "_text", "_query"].contains(&parameter.code.as_str());
            assert_eq!(empty, special, "{}", parameter.url);
            for component in &parameter.components {
                assert!(definitions.resolve(&component.definition).is_some());
            }
        }
    }
}

#[test]
fn no_two_parameters_of_r4_share_a_code() {
    let definitions = r4();
    let mut seen = std::collections::HashMap::new();
    for url in definitions.canonicals("SearchParameter") {
        let parameter = definitions.resolve(url).unwrap();
        for base in parameter.items_at("base") {
            let key = (
                base.as_str().unwrap().to_owned(),
                parameter.str_at("code").unwrap().to_owned(),
            );
            let other = seen.insert(key, url);
            assert_eq!(other, None, "{url}");
        }
    }
}

#[test]
fn compartments_list_the_parameters() {
    let definitions = r4();
    #[track_caller]
    fn check(definitions: &Definitions, name: &str, types: usize, of: &str, expected: &[&str]) {
        let compartment = definitions.compartment(name).unwrap();
        assert_eq!(compartment.resource_types().count(), types, "{name}");
        assert_eq!(compartment.parameters(of), expected, "{name} {of}");
        for resource_type in compartment.resource_types() {
            for code in compartment.parameters(resource_type) {
                let parameter = definitions.search_parameter(resource_type, code);
                assert!(parameter.is_some(), "{name}: {resource_type} has no {code}");
            }
        }
    }
    check(
        &definitions,
        "Patient",
        66,
        "AllergyIntolerance",
        &["patient", "recorder", "asserter"],
    );
    check(&definitions, "Encounter", 24, "CarePlan", &["encounter"]);
    check(&definitions, "RelatedPerson", 31, "Basic", &["author"]);
    check(&definitions, "Practitioner", 58, "AuditEvent", &["agent"]);
    check(&definitions, "Device", 32, "Appointment", &["actor"]);
    assert!(definitions.compartment("Organization").is_none());
    assert!(
        definitions
            .compartment("Patient")
            .unwrap()
            .parameters("Binary")
            .is_empty()
    );
}

#[test]
fn definitions_resolve_in_full() {
    let definitions = r4();
    let patient = definitions
        .resolve("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1")
        .unwrap();
    assert_eq!(patient.str_at("id"), Some("Patient"));
    let elements = patient.get("snapshot").unwrap().items_at("element");
    let root = &elements[0];
    assert_eq!(root.str_at("id"), Some("Patient"));
    assert_eq!(root.get("base").unwrap().str_at("path"), Some("Patient"));
    let dom_2 = &root.items_at("constraint")[0];
    assert_eq!(dom_2.str_at("key"), Some("dom-2"));
    assert_eq!(
        dom_2.str_at("expression"),
        Some("contained.contained.empty()")
    );
    assert_eq!(
        dom_2.str_at("source"),
        Some("http://hl7.org/fhir/StructureDefinition/DomainResource")
    );
    assert!(
        definitions
            .resolve("http://hl7.org/fhir/StructureDefinition/Patient|3.0")
            .is_none()
    );
    assert!(definitions.resolve("http://example.org/none").is_none());
    let odd = "http://terminology.hl7.org/CodeSystem/v2-0006|2.1";
    assert!(definitions.resolve(odd).is_some());
    for (kind, count) in [
        ("StructureDefinition", 647),
        ("ValueSet", 1317),
        ("CodeSystem", 1063),
        ("OperationDefinition", 46),
        ("ConceptMap", 19),
        ("CompartmentDefinition", 5),
    ] {
        assert_eq!(definitions.canonicals(kind).count(), count, "{kind}");
    }
    // No invariant stays abbreviated.
    for url in definitions.canonicals("StructureDefinition") {
        let definition = definitions.resolve(url).unwrap();
        for element in definition.get("snapshot").unwrap().items_at("element") {
            assert!(
                element.str_at("id").is_some() && element.get("base").is_some(),
                "{url}"
            );
            for constraint in element.items_at("constraint") {
                assert!(
                    constraint.str_at("expression").is_some(),
                    "{url} {constraint:?}"
                );
            }
        }
    }
}

#[test]
fn the_registry_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Definitions>();
}

#[test]
fn packages_lie_over_r4() {
    let texts = [
        r#"{"resourceType":"ValueSet","url":"http://e/vs","version":"1"}"#,
        r#"{"resourceType":"SearchParameter","url":"http://e/sp","code":"nome","base":["Patient"],"type":"string","expression":"Patient.name"}"#,
        r#"{"resourceType":"SearchParameter","url":"http://e/sp2","code":"gender","base":["Patient","Basic"],"type":"token","expression":"x"}"#,
        r#"{"resourceType":"StructureDefinition","url":"http://e/P","kind":"resource","type":"Patient","derivation":"constraint"}"#,
        r#"{"resourceType":"StructureDefinition","url":"http://e/T","kind":"resource","type":"Trap","derivation":"specialization"}"#,
        r#"{"resourceType":"Patient"}"#,
        "nonsense",
    ];
    let package = texts.map(|text| text.as_bytes().to_vec()).to_vec();
    let (definitions, issues) = Definitions::with([package]).unwrap();
    let codes: Vec<&str> = issues.iter().map(|issue| issue.code).collect();
    assert_eq!(codes, ["duplicate", "not-supported", "structure"]);
    assert!(definitions.resolve("http://e/vs|1").is_some());
    assert!(definitions.resolve("http://e/P").is_some());
    let nome = definitions.search_parameter("Patient", "nome").unwrap();
    assert_eq!(nome.expression, "Patient.name");
    let gender = definitions.search_parameter("Patient", "gender").unwrap();
    assert!(gender.url.starts_with("http://hl7.org/"));
    assert!(definitions.search_parameter("Basic", "gender").is_some());
    assert!(definitions.schema("Trap").is_none());
    assert!(!definitions.is_resource_type("Trap"));
}

#[test]
fn the_embedded_file_is_the_one_in_the_lock_list() {
    const EMBEDDED: &[u8] = include_bytes!("../../../../fhir-profiles/r4.ndjson.zst");
    let lock = include_str!("../../../../fhir-profiles/packages.json");
    let found: String = digest(&SHA256, EMBEDDED)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(lock.contains(&found), "not in the lock list: {found}");
    assert!(EMBEDDED.len() <= 1_000_000);
}
