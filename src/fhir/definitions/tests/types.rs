//! Compiled types against what FHIR R4 4.0.1 says.

use super::r4;
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Node, Target, TypeKind, TypeSchema};

/// `Observation.component.value[x]` → the node and the name of its last step.
fn node_of<'a>(schema: &'a TypeSchema, path: &str) -> &'a Node {
    schema.nodes.iter().find(|node| node.path == path).unwrap()
}

#[test]
fn every_type_compiles() {
    let definitions = r4();
    let mut kinds = [0, 0, 0];
    for url in definitions.canonicals("StructureDefinition") {
        let definition = definitions.resolve(url).unwrap();
        if definition.str_at("derivation") == Some("constraint")
            || definition.str_at("kind") == Some("logical")
        {
            continue;
        }
        let name = definition.str_at("type").unwrap();
        let schema = definitions.schema(name);
        let schema = schema.unwrap_or_else(|| panic!("{name} does not compile"));
        kinds[match schema.kind {
            TypeKind::Resource => 0,
            TypeKind::Complex => 1,
            TypeKind::Primitive => 2,
        }] += 1;
    }
    // Resources with the abstract `Resource` and `DomainResource`; primitives with `xhtml`.
    assert_eq!(kinds, [148, 41, 20]);
}

#[test]
fn resource_types_are_those_of_r4() {
    let definitions = r4();
    let types = definitions.resource_types();
    assert_eq!(types.len(), 146);
    assert!(types.is_sorted());
    for name in ["Bundle", "Binary", "Parameters", "OperationOutcome"] {
        assert!(definitions.is_resource_type(name), "{name}");
    }
    for name in [
        "Resource",
        "DomainResource",
        "MetadataResource",
        "HumanName",
        "SubscriptionStatus",
        "",
    ] {
        assert!(!definitions.is_resource_type(name), "{name}");
    }
}

#[test]
fn members_lead_where_r4_says() {
    let definitions = r4();
    #[track_caller]
    fn check(definitions: &Definitions, path: &str, member: &str, code: &str, array: bool) {
        let schema = definitions.schema(path.split('.').next().unwrap()).unwrap();
        let (field, found) = node_of(schema, path).member(member).unwrap();
        assert_eq!(found.code, code, "{path} {member}");
        assert_eq!(field.array, array, "{path} {member}");
    }
    check(&definitions, "Patient", "id", "id", false);
    check(&definitions, "Patient", "birthDate", "date", false);
    check(&definitions, "Patient", "name", "HumanName", true);
    check(
        &definitions,
        "Patient",
        "deceasedDateTime",
        "dateTime",
        false,
    );
    check(
        &definitions,
        "Patient",
        "multipleBirthInteger",
        "integer",
        false,
    );
    check(
        &definitions,
        "Patient.contact",
        "relationship",
        "CodeableConcept",
        true,
    );
    check(&definitions, "Patient.contact", "id", "string", false);
    check(
        &definitions,
        "Observation",
        "valueQuantity",
        "Quantity",
        false,
    );
    check(
        &definitions,
        "Observation",
        "valueSampledData",
        "SampledData",
        false,
    );
    check(&definitions, "Extension", "url", "uri", false);
    check(
        &definitions,
        "Extension",
        "valueBase64Binary",
        "base64Binary",
        false,
    );
    check(&definitions, "Narrative", "div", "xhtml", false);
    check(
        &definitions,
        "ElementDefinition",
        "patternCodeableConcept",
        "CodeableConcept",
        false,
    );
    check(
        &definitions,
        "Timing.repeat",
        "boundsDuration",
        "Duration",
        false,
    );
    check(&definitions, "string", "extension", "Extension", true);
    // Corrected.
    check(
        &definitions,
        "EvidenceVariable.characteristic",
        "definitionCanonical",
        "canonical",
        false,
    );
    check(
        &definitions,
        "EvidenceVariable.characteristic",
        "usageContext",
        "UsageContext",
        true,
    );
    check(
        &definitions,
        "Bundle.entry.response",
        "outcome",
        "Resource",
        false,
    );

    let observation = definitions.schema("Observation").unwrap().root().unwrap();
    let value = observation.field("value").unwrap();
    assert!(value.choice && value.summary);
    assert_eq!(value.types.len(), 11);
    assert!(observation.member("value").is_none());
    assert!(observation.field("status").unwrap().modifier);
    let extension = definitions.schema("Extension").unwrap().root().unwrap();
    assert!(extension.field("url").unwrap().xml_attribute);
    assert!(extension.field("id").unwrap().xml_attribute);
    assert_eq!(extension.field("url").unwrap().min, 1);
    assert_eq!(extension.field("value").unwrap().types.len(), 50);
    let names: Vec<&str> = definitions
        .schema("Meta")
        .unwrap()
        .root()
        .unwrap()
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "extension",
            "versionId",
            "lastUpdated",
            "source",
            "profile",
            "security",
            "tag"
        ]
    );
}

#[test]
fn targets_are_nodes_types_and_resources() {
    let definitions = r4();
    let bundle = definitions.schema("Bundle").unwrap();
    let entry = node_of(bundle, "Bundle.entry");
    let (_, link) = entry.member("link").unwrap();
    let Target::Node(link) = link.target else {
        panic!("{:?}", link.target)
    };
    assert_eq!(bundle.node(link).unwrap().path, "Bundle.link");
    assert_eq!(entry.member("resource").unwrap().1.target, Target::Resource);

    let questionnaire = definitions.schema("Questionnaire").unwrap();
    let item = node_of(questionnaire, "Questionnaire.item");
    let (field, inner) = item.member("item").unwrap();
    assert!(field.array);
    let Target::Node(inner) = inner.target else {
        panic!("{:?}", inner.target)
    };
    assert_eq!(
        questionnaire.node(inner).unwrap().path,
        "Questionnaire.item"
    );

    let patient = definitions.schema("Patient").unwrap();
    assert_eq!(patient.base, "DomainResource");
    let root = patient.root().unwrap();
    assert_eq!(
        root.member("gender").unwrap().1.target,
        Target::Primitive("code".into())
    );
    assert_eq!(
        root.member("name").unwrap().1.target,
        Target::Complex("HumanName".into())
    );
    assert_eq!(root.member("contained").unwrap().1.target, Target::Resource);
    let practitioner = &root.member("generalPractitioner").unwrap().1.target_types;
    assert_eq!(
        practitioner,
        &["Organization", "Practitioner", "PractitionerRole"]
    );
    let list = definitions.schema("List").unwrap();
    let item = node_of(list, "List.entry").member("item").unwrap().1;
    assert!(item.target_types.is_empty());
    let narrative = definitions.schema("Narrative").unwrap().root().unwrap();
    assert_eq!(narrative.member("div").unwrap().1.target, Target::Xhtml);
    let primitive = definitions.schema("date").unwrap();
    assert_eq!(primitive.kind, TypeKind::Primitive);
    assert!(primitive.root().unwrap().member("value").is_none());
}
