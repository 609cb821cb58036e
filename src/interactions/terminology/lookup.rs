//! `CodeSystem/$lookup`. Source: FHIR R4 codesystem-operation-lookup.html.

use super::concept::{canonical, coding};
use super::{Input, Output, part, required};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Text, Value};
use crate::fhir::terminology::{CodeSystem, Concept, Grammar};
use crate::interactions::Node;

pub fn lookup(node: &Node, _: Option<&ResourceKey>, input: &Input) -> Result<Value> {
    input.only(&[
        "code",
        "system",
        "version",
        "coding",
        "displayLanguage",
        "property",
    ])?;
    let one = coding(input, "coding", "code")?.ok_or_else(|| required("code or coding"))?;
    let url = one.system.as_deref().ok_or_else(|| required("system"))?;
    let unknown = || {
        let what = format!("expected a code of its system, found ‘{}’", one.shown());
        Error::new(Kind::NotFound, "not-found", what)
    };
    let mut output = Output::new();
    if let Some(grammar) = Grammar::of(url) {
        if !grammar.accepts(&one.code) {
            return Err(unknown());
        }
        output.push("name", "valueString", url);
        output.push("display", "valueString", one.code.as_str());
        return Ok(output.finish());
    }
    let lookup = node.terminology.with(node);
    let system = lookup.filled(&canonical(url, one.version.as_deref()), None)?;
    system.has(&one.code)?;
    let concept = system.concept(&one.code).ok_or_else(unknown)?;

    let name = Some(&system.name).filter(|name| !name.is_empty());
    output.push("name", "valueString", name.unwrap_or(&system.url).clone());
    if let Some(version) = &system.version {
        output.push("version", "valueString", version.clone());
    }
    let display = concept.display_in(input.text("displayLanguage")?);
    output.push(
        "display",
        "valueString",
        display.unwrap_or(&concept.code).clone(),
    );
    let wanted: Vec<&str> = input.all("property").filter_map(Value::as_str).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.contains(&name) || wanted.contains(&"*");
    if asked("designation") {
        for designation in &concept.designations {
            let mut parts = Vec::new();
            if let Some(language) = &designation.language {
                parts.push(part("language", "valueCode", language.clone()));
            }
            if let Some(used) = &designation.used {
                parts.push(part("use", "valueCoding", used.clone()));
            }
            parts.push(part("value", "valueString", designation.value.clone()));
            output.parts("designation", parts);
        }
    }
    for (code, member, value) in properties(&system, concept) {
        if asked(&code) {
            let parts = vec![
                part("code", "valueCode", code),
                part("value", &member, value),
            ];
            output.parts("property", parts);
        }
    }
    Ok(output.finish())
}

/// All that is known of a concept: name, type and value.
fn properties(system: &CodeSystem, concept: &Concept) -> Vec<(Text, Text, Value)> {
    let mut found = Vec::new();
    let mut push = |code: &str, member: &str, value: Value| {
        found.push((Text::new(code), Text::new(member), value));
    };
    if let Some(definition) = &concept.definition {
        push("definition", "valueString", Value::from(definition.clone()));
    }
    push("inactive", "valueBoolean", Value::from(concept.inactive));
    for (code, numbers) in [("parent", &concept.parents), ("child", &concept.children)] {
        for other in numbers.iter().filter_map(|number| system.at(*number)) {
            push(code, "valueCode", Value::from(other.code.clone()));
        }
    }
    for property in &concept.properties {
        if !matches!(property.code.as_str(), "parent" | "child" | "inactive") {
            push(&property.code, &property.member, property.value.clone());
        }
    }
    found
}
