//! The CapabilityStatement: what this server does, no more and no less.
//!
//! Source: FHIR R4 capabilitystatement.html. Built from the definitions and the operator's choices,
//! so that it cannot promise what is not there.

use std::collections::HashMap;

use super::node::Node;
use super::terminology::OPERATIONS;
use crate::fhir::definitions::{SearchKind, SearchParameter};
use crate::fhir::model::date::format_instant;
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Value};

/// The interactions offered on every type.
const INTERACTIONS: [&str; 9] = [
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
];

/// Parameters of the result, which R4 asks to be told as well; those of all searches.
const RESULT: [(&str, &str); 9] = [
    ("_count", "number"),
    ("_elements", "special"),
    ("_format", "special"),
    ("_include", "special"),
    ("_pretty", "special"),
    ("_revinclude", "special"),
    ("_sort", "special"),
    ("_summary", "special"),
    ("_total", "special"),
];

/// Operations on every type, called on a resource or one of its versions: name and canonical.
const TYPE_OPERATIONS: [(&str, &str); 3] = [
    (
        "meta",
        "http://hl7.org/fhir/OperationDefinition/Resource-meta",
    ),
    (
        "meta-add",
        "http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
    ),
    (
        "meta-delete",
        "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
    ),
];

/// `$everything`, by type.
const EVERYTHING: [(&str, &str); 2] = [
    (
        "Patient",
        "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    ),
    (
        "Encounter",
        "http://hl7.org/fhir/OperationDefinition/Encounter-everything",
    ),
];

/// Operations on one type, on it as a whole: type, name and canonical.
const READING: [(&str, (&str, &str)); 3] = [
    (
        "DocumentReference",
        (
            "docref",
            "http://hl7.org/fhir/us/core/OperationDefinition/docref",
        ),
    ),
    (
        "Observation",
        (
            "lastn",
            "http://hl7.org/fhir/OperationDefinition/Observation-lastn",
        ),
    ),
    (
        "Patient",
        (
            "match",
            "http://hl7.org/fhir/OperationDefinition/Patient-match",
        ),
    ),
];

/// Operations of our own on DocumentReference.
const INGEST: (&str, &str) = (
    "ingest",
    "https://fascicolo.dev/fhir/OperationDefinition/DocumentReference-ingest",
);

/// Operations of our own on the whole server; the first one on types too.
const REINDEX: [(&str, &str); 2] = [
    (
        "reindex",
        "https://fascicolo.dev/fhir/OperationDefinition/reindex",
    ),
    (
        "reindex-status",
        "https://fascicolo.dev/fhir/OperationDefinition/reindex-status",
    ),
];

/// Evaluates an expression: no operation of R4.
const FHIRPATH: (&str, &str) = (
    "fhirpath",
    "https://fascicolo.dev/fhir/OperationDefinition/fhirpath",
);

/// The statement as JSON.
pub fn statement(node: &Node) -> Vec<u8> {
    let mut rest = Object::new();
    rest.push("mode", "server");
    rest.push("security", security(node));
    let mut reverse = reverse_includes(node);
    let resources = node
        .definitions
        .resource_types()
        .iter()
        .map(|name| resource(node, name, &mut reverse))
        .collect::<Vec<Value>>();
    rest.push("resource", resources);
    rest.push(
        "interaction",
        vec![
            code("transaction"),
            code("batch"),
            code("search-system"),
            code("history-system"),
        ],
    );
    let result = RESULT
        .iter()
        .map(|(name, kind)| search_param(name, kind, None));
    rest.push("searchParam", result.collect::<Vec<_>>());

    let operations = REINDEX.iter().chain([&FHIRPATH]);
    rest.push("operation", operations.map(operation).collect::<Vec<_>>());

    let mut software = Object::new();
    software.push("name", "fascicolo");
    software.push("version", env!("CARGO_PKG_VERSION"));
    let mut implementation = Object::new();
    implementation.push(
        "description",
        "FHIR R4 server for the Italian Fascicolo Sanitario Elettronico",
    );
    implementation.push("url", node.base.as_str());

    let mut statement = Object::new();
    statement.push("resourceType", "CapabilityStatement");
    statement.push("status", "active");
    statement.push("date", format_instant(node.clock.now()));
    statement.push("kind", "instance");
    statement.push("software", software);
    statement.push("implementation", implementation);
    statement.push("fhirVersion", "4.0.1");
    statement.push(
        "format",
        texts(&[
            "application/fhir+json",
            "application/fhir+xml",
            "json",
            "xml",
        ]),
    );
    statement.push(
        "patchFormat",
        texts(&[
            "application/json-patch+json",
            "application/xml-patch+xml",
            "application/fhir+json",
            "application/fhir+xml",
        ]),
    );
    statement.push("rest", vec![Value::Object(rest)]);
    json::to_vec(&Value::Object(statement))
}

/// `mode=terminology`: no terminology operation is offered, and that is what it says.
pub fn terminology(node: &Node) -> Vec<u8> {
    let mut software = Object::new();
    software.push("name", "fascicolo");
    software.push("version", env!("CARGO_PKG_VERSION"));
    let mut implementation = Object::new();
    implementation.push(
        "description",
        "code systems, value sets and concept maps of FHIR R4, of added packages and of clients",
    );
    implementation.push("url", node.base.as_str());
    let mut statement = Object::new();
    statement.push("resourceType", "TerminologyCapabilities");
    statement.push("status", "active");
    statement.push("date", format_instant(node.clock.now()));
    statement.push("kind", "instance");
    statement.push("software", software);
    statement.push("implementation", implementation);
    let lookup = node.terminology.with(node);
    let systems = lookup.code_systems().map(|url| {
        let mut system = Object::new();
        system.push("uri", url.clone());
        Value::Object(system)
    });
    statement.push("codeSystem", systems.collect::<Vec<Value>>());
    let mut expansion = Object::new();
    expansion.push("hierarchical", false);
    expansion.push("paging", true);
    expansion.push("incomplete", false);
    let parameters = super::terminology::EXPAND_PARAMETERS.iter().map(|name| {
        let mut parameter = Object::new();
        parameter.push("name", *name);
        Value::Object(parameter)
    });
    expansion.push("parameter", parameters.collect::<Vec<Value>>());
    expansion.push(
        "textFilter",
        "each word of the filter stands in the code or in one of its names, whatever the case",
    );
    statement.push("expansion", expansion);
    statement.push("codeSearch", "all");
    let mut validation = Object::new();
    validation.push("translations", true);
    statement.push("validateCode", validation);
    let mut translation = Object::new();
    translation.push("needsMap", true);
    statement.push("translation", translation);
    json::to_vec(&Value::Object(statement))
}

fn security(node: &Node) -> Value {
    let mut security = Object::new();
    security.push("cors", true);
    security.push(
        "description",
        if node.choices.dev {
            "development mode: open on the loopback interface, over synthetic data only"
        } else {
            "every interaction but this statement needs credentials"
        },
    );
    Value::Object(security)
}

fn resource(node: &Node, name: &str, reverse: &mut HashMap<&str, Vec<Value>>) -> Value {
    let mut resource = Object::new();
    resource.push("type", name);
    resource.push(
        "interaction",
        INTERACTIONS
            .iter()
            .map(|name| code(name))
            .collect::<Vec<_>>(),
    );
    let must_match = node.holds(node.choices.require_if_match, name);
    resource.push(
        "versioning",
        if must_match {
            "versioned-update"
        } else {
            "versioned"
        },
    );
    resource.push("readHistory", true);
    resource.push("updateCreate", node.holds(node.choices.update_create, name));
    resource.push("conditionalCreate", true);
    resource.push("conditionalRead", "full-support");
    resource.push("conditionalUpdate", true);
    resource.push("conditionalDelete", "multiple");
    resource.push("searchInclude", includes(node, name));
    if let Some(list) = reverse.remove(name) {
        resource.push("searchRevInclude", list);
    }
    resource.push("searchParam", search_params(node, name));
    let mut operations: Vec<Value> = TYPE_OPERATIONS.iter().map(operation).collect();
    if let Some((_, definition)) = EVERYTHING.iter().find(|(other, _)| *other == name) {
        operations.push(operation(&("everything", definition)));
    }
    let reading = READING.iter().filter(|(other, _)| *other == name);
    operations.extend(reading.map(|(_, own)| operation(own)));
    let terminology = OPERATIONS.iter();
    for own in terminology.filter(|own| own.resource_type == name) {
        operations.push(operation(&(own.name, own.definition)));
    }
    if name == "DocumentReference" {
        operations.push(operation(&INGEST));
    }
    resource.push("operation", operations);
    Value::Object(resource)
}

/// What `_include` follows from a type.
fn includes(node: &Node, resource_type: &str) -> Vec<Value> {
    let own = references(node, resource_type).map(|parameter| {
        let code = parameter.code.as_str();
        Value::from(format!("{resource_type}:{code}"))
    });
    std::iter::once(Value::from("*")).chain(own).collect()
}

/// What `_revinclude` follows, by the type it leads to.
fn reverse_includes(node: &Node) -> HashMap<&str, Vec<Value>> {
    let mut lists: HashMap<&str, Vec<Value>> = HashMap::new();
    for source in node.definitions.resource_types() {
        for parameter in references(node, source) {
            let include = format!("{source}:{}", parameter.code);
            for target in &parameter.targets {
                let list = lists.entry(target.as_str()).or_default();
                list.push(Value::from(include.as_str()));
            }
        }
    }
    lists
}

fn references<'a>(
    node: &'a Node,
    resource_type: &'a str,
) -> impl Iterator<Item = &'a SearchParameter> {
    node.definitions
        .search_parameters(resource_type)
        .iter()
        .map(AsRef::as_ref)
        .filter(|parameter| parameter.kind == SearchKind::Reference)
        .filter(|parameter| is_offered(node, resource_type, &parameter.code))
}

/// Whether there is a search by a parameter: not before the index has its rows.
fn is_offered(node: &Node, resource_type: &str, code: &str) -> bool {
    node.extractor.knows(resource_type, code) && node.ready(resource_type, code).is_ok()
}

fn search_params(node: &Node, resource_type: &str) -> Vec<Value> {
    let mut list = vec![
        search_param("_id", "token", None),
        search_param("_lastUpdated", "date", None),
        search_param("_filter", "special", None),
    ];
    for code in node.extractor.codes(resource_type) {
        if matches!(code.as_str(), "_id" | "_lastUpdated") || !is_offered(node, resource_type, code)
        {
            continue;
        }
        if let Some(parameter) = node.definitions.search_parameter(resource_type, code) {
            list.push(search_param(
                code,
                parameter.kind.code(),
                Some(&parameter.url),
            ));
        }
    }
    list
}

fn search_param(name: &str, kind: &str, definition: Option<&str>) -> Value {
    let mut param = Object::new();
    param.push("name", name);
    if let Some(definition) = definition {
        param.push("definition", definition);
    }
    param.push("type", kind);
    Value::Object(param)
}

fn operation((name, definition): &(&str, &str)) -> Value {
    let mut operation = Object::new();
    operation.push("name", *name);
    operation.push("definition", *definition);
    let level = match *name {
        "everything" => "on a resource; in pages",
        "reindex" => {
            "on all types or on one; answered at once, and the index is brought up to date meanwhile"
        }
        "reindex-status" => "where $reindex is, by the number it was answered with",
        "lookup" => "on the type; the system must be loaded",
        "subsumes" | "validate-code" => {
            "on the type and on a resource; what is not loaded is an error"
        }
        "expand" => "on the type and on a resource; flat, at most 10,000 codes in one answer",
        "translate" => "on the type and on a resource; the map must be named",
        name if name.starts_with("meta") => "on a resource; $meta also on one of its versions",
        _ => "on the type",
    };
    operation.push("documentation", level);
    Value::Object(operation)
}

fn code(code: &str) -> Value {
    let mut object = Object::new();
    object.push("code", code);
    Value::Object(object)
}

fn texts(list: &[&str]) -> Vec<Value> {
    list.iter().map(|text| Value::from(*text)).collect()
}
