//! HL7's official examples: whatever they use must be known to the compiled types.

use super::r4;
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Target, TypeKind, TypeSchema};
use crate::fhir::model::json::{self, Limits};
use crate::fhir::model::value::Value;

#[test]
fn every_member_of_the_official_examples_is_known() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/suites/r4-examples/examples.ndjson.zst"
    );
    let Ok(packed) = std::fs::read(path) else {
        eprintln!("skipped: ../shared/suites/r4-examples is absent");
        return;
    };
    let limits = Limits {
        depth: 128,
        nodes: usize::MAX,
        string: usize::MAX,
    };
    let text = zstd::stream::decode_all(packed.as_slice()).unwrap();
    let definitions = r4();
    let mut unknown = Vec::new();
    let mut examples = 0;
    for line in text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = json::parse(line, &limits).unwrap();
        let file = line.str_at("file").unwrap();
        let resource = json::parse(line.str_at("resource_text").unwrap().as_bytes(), &limits);
        let Ok(resource) = resource else {
            unknown.push(format!("{file}: {}", resource.unwrap_err().what));
            continue;
        };
        examples += 1;
        walk_resource(&definitions, &resource, file, &mut unknown);
    }
    assert_eq!(unknown, Vec::<String>::new());
    assert_eq!(examples, 765);
}

fn walk_resource(
    definitions: &Definitions,
    resource: &Value,
    place: &str,
    unknown: &mut Vec<String>,
) {
    let name = resource.str_at("resourceType").unwrap_or_default();
    match definitions
        .schema(name)
        .filter(|_| definitions.is_resource_type(name))
    {
        Some(schema) => walk(
            definitions,
            schema,
            0,
            resource,
            &format!("{place}: {name}"),
            unknown,
        ),
        None => unknown.push(format!("{place}: type {name}")),
    }
}

fn walk(
    definitions: &Definitions,
    schema: &TypeSchema,
    node: u16,
    value: &Value,
    place: &str,
    unknown: &mut Vec<String>,
) {
    let node = schema.node(node).unwrap();
    for (name, value) in value.as_object().unwrap().iter() {
        if name == "resourceType" && schema.kind == TypeKind::Resource {
            continue;
        }
        let place = format!("{place}.{name}");
        let Some((field, found)) = node.member(name.strip_prefix('_').unwrap_or(name)) else {
            unknown.push(place);
            continue;
        };
        if field.array != value.as_array().is_some() {
            unknown.push(format!("{place} array"));
        }
        let items = value.as_array().unwrap_or(std::slice::from_ref(value));
        for item in items.iter().filter(|item| **item != Value::Null) {
            match &found.target {
                Target::Node(index) => walk(definitions, schema, *index, item, &place, unknown),
                Target::Resource => walk_resource(definitions, item, &place, unknown),
                Target::Complex(name) | Target::Primitive(name) if item.as_object().is_some() => {
                    let schema = definitions.schema(name).unwrap();
                    walk(definitions, schema, 0, item, &place, unknown);
                }
                _ if item.as_object().is_some() => unknown.push(place.clone()),
                _ => {}
            }
        }
    }
}
