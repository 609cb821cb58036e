//! What of a definition the server runs on: everything but prose.

use crate::fhir::model::value::{Object, Value};

/// Members of every definition that are prose or about its publication.
const PROSE: [&str; 18] = [
    "text",
    "meta",
    "publisher",
    "contact",
    "description",
    "purpose",
    "copyright",
    "date",
    "useContext",
    "jurisdiction",
    "mapping",
    "comment",
    "fhirVersion",
    "keyword",
    "immutable",
    "requirements",
    "language",
    // The snapshot is what is read; a differential would say the same again.
    "differential",
];
/// Extensions that change what a definition means; all others go.
const EXTENSIONS: [&str; 13] = [
    "codesystem-replacedby",
    "elementdefinition-bestpractice",
    "elementdefinition-maxValueSet",
    "elementdefinition-minValueSet",
    "elementdefinition-translatable",
    "operationdefinition-allowed-type",
    "regex",
    "structuredefinition-explicit-type-name",
    "structuredefinition-fhir-type",
    "structuredefinition-hierarchy",
    "structuredefinition-security-category",
    "valueset-expand-group",
    "valueset-expand-rules",
];
const EXTENSION_BASE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Deepest nesting followed; HL7's deepest code system has 12 levels of concepts.
const DEPTH: usize = 64;

/// A definition without prose; `None` for what is no definition the server runs on.
pub fn slim(definition: Value) -> Option<Value> {
    let Value::Object(mut members) = definition else {
        return None;
    };
    let inner = prose_inside(members.str_at("resourceType")?)?;
    members.retain(|name, value| {
        let unsaid = name == "experimental" && *value == Value::Bool(false);
        // Tools of HL7 read these two; they say nothing about instances.
        let xpath = matches!(name, "xpath" | "xpathUsage");
        !(unsaid || xpath || PROSE.contains(&name))
    });
    if members.contains("compose") {
        // What expands from it is a work of the terminology service.
        members.remove("expansion");
    }
    prune(&mut members, inner, DEPTH);
    if members.str_at("resourceType") == Some("CompartmentDefinition")
        && let Some(Value::Array(types)) = members.get_mut("resource")
    {
        types.retain(|one| one.get("param").is_some());
    }
    Some(members.into())
}

/// Names of members that are prose at any depth; `None` when the whole type is left out.
fn prose_inside(resource_type: &str) -> Option<&'static [&'static str]> {
    Some(match resource_type {
        "StructureDefinition" => &[
            "definition",
            "comment",
            "requirements",
            "alias",
            "mapping",
            "meaningWhenMissing",
            "orderMeaning",
            "isModifierReason",
            "example",
            "description",
            "xpath",
        ],
        "CodeSystem" | "ValueSet" => &["definition", "designation", "description"],
        "OperationDefinition" => &["documentation", "comment"],
        "ConceptMap" => &["comment"],
        "SearchParameter" | "CompartmentDefinition" => &["documentation"],
        _ => return None,
    })
}

/// Drops the named members, the extensions not kept, and what is empty then.
fn prune(members: &mut Object, prose: &[&str], depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    members.retain(|name, value| {
        if prose.contains(&name) {
            return false;
        }
        if matches!(name, "isModifier" | "isSummary" | "mustSupport") {
            return *value != Value::Bool(false);
        }
        if matches!(name, "extension" | "modifierExtension") {
            keep_extensions(value);
        }
        let absent = |value: &Value| match value {
            Value::Null => true,
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        match value {
            Value::Object(inner) => {
                prune(inner, prose, depth);
                !inner.is_empty()
            }
            Value::Array(items) => {
                for item in items.iter_mut() {
                    if let Value::Object(inner) = item {
                        prune(inner, prose, depth);
                    }
                }
                !items.iter().all(absent)
            }
            _ => true,
        }
    });
}

fn keep_extensions(extensions: &mut Value) {
    if let Value::Array(items) = extensions {
        items.retain(|extension| {
            let url = extension.str_at("url").unwrap_or_default();
            // Parts of a kept extension have a relative URL.
            match url.strip_prefix(EXTENSION_BASE) {
                Some(name) => EXTENSIONS.contains(&name),
                None => !url.contains(':'),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json::{self, Limits};

    #[track_caller]
    fn check(given: &str, expected: Option<&str>) {
        let given = json::parse(given.as_bytes(), &Limits::default()).unwrap();
        let found = slim(given).map(|value| String::from_utf8(json::to_vec(&value)).unwrap());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn prose_goes_and_rules_stay() {
        check(
            r#"{"resourceType":"StructureDefinition","text":{"div":"x"},"url":"u","_description":{"extension":[{"url":"http://e/x"}]},
               "snapshot":{"element":[{"path":"X","comment":"s","isSummary":false,"isModifier":true,
                "binding":{"description":"d","strength":"required","extension":[
                 {"url":"http://hl7.org/fhir/StructureDefinition/elementdefinition-bindingName","valueString":"B"},
                 {"url":"http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet","valueCanonical":"v"}]}}]}}"#,
            Some(
                r#"{"resourceType":"StructureDefinition","url":"u","snapshot":{"element":[{"path":"X","isModifier":true,"binding":{"strength":"required","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet","valueCanonical":"v"}]}}]}}"#,
            ),
        );
        check(
            r#"{"resourceType":"CodeSystem","url":"u","concept":[{"code":"a","display":"A","definition":"x","designation":[{"value":"y"}],
               "concept":[{"code":"b","definition":"x"}]}]}"#,
            Some(
                r#"{"resourceType":"CodeSystem","url":"u","concept":[{"code":"a","display":"A","concept":[{"code":"b"}]}]}"#,
            ),
        );
        check(
            r#"{"resourceType":"SearchParameter","url":"u","component":[{"definition":"d","expression":"e"}]}"#,
            Some(
                r#"{"resourceType":"SearchParameter","url":"u","component":[{"definition":"d","expression":"e"}]}"#,
            ),
        );
        check(r#"{"resourceType":"CapabilityStatement","url":"u"}"#, None);
    }
}
