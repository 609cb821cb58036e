//! `ValueSet/$validate-code` and `CodeSystem/$validate-code`.
//!
//! Source: FHIR R4 valueset-operation-validate-code.html, codesystem-operation-validate-code.html. What is not
//! loaded is an error: the result would be neither true nor false.

use super::concept::{Asked, asked, canonical, code_system, value_set};
use super::{Input, Output, required};
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::{Text, Value};
use crate::fhir::terminology::{CodeSystem, Fault, Grammar, Lookup};
use crate::interactions::Node;

/// What both operations can be asked. CodeSystem/$validate-code has no `system` in R4, where `url` is enough;
/// it says the same, and clients send it.
const BOTH: &[&str] = &[
    "url",
    "code",
    "system",
    "display",
    "coding",
    "codeableConcept",
    "abstract",
    "displayLanguage",
];

/// Whether a code passed, its name, and what is to be said.
struct Verdict {
    valid: bool,
    display: Option<Text>,
    message: Option<String>,
}

impl Verdict {
    fn no(message: String) -> Self {
        Self {
            valid: false,
            display: None,
            message: Some(message),
        }
    }

    fn parameters(self) -> Value {
        let mut output = Output::new();
        output.push("result", "valueBoolean", self.valid);
        if let Some(message) = self.message {
            output.push("message", "valueString", message);
        }
        if let Some(display) = self.display {
            output.push("display", "valueString", display);
        }
        output.finish()
    }
}

pub fn in_value_set(node: &Node, key: Option<&ResourceKey>, input: &Input) -> Result<Value> {
    let own = ["valueSet", "valueSetVersion", "systemVersion"];
    input.only(&[&own, BOTH].concat())?;
    let lookup = node.terminology.with(node);
    let set = value_set(lookup, key, input)?;
    let language = input.text("displayLanguage")?;
    let mut last = None;
    for one in asked(input, "systemVersion")? {
        let systems = match &one.system {
            Some(system) => vec![Text::new(system)],
            // A bare code is of one of the systems that the value set takes codes from.
            None => lookup.systems(&set)?,
        };
        let mut found = None;
        for system in systems {
            if lookup.contains(&set, &system, &one.code)? {
                found = Some(system);
                break;
            }
        }
        let verdict = match found {
            Some(system) => {
                let loaded = known(lookup, &system, one.version.as_deref());
                judged(loaded.as_deref(), &one, input, language)?
            }
            None => Verdict::no(format!(
                "the code ‘{}’ is not in the value set ‘{}’",
                one.shown(),
                set.url
            )),
        };
        if verdict.valid {
            return Ok(verdict.parameters());
        }
        last = Some(verdict);
    }
    last.map(Verdict::parameters)
        .ok_or_else(|| required("a code"))
}

pub fn in_code_system(node: &Node, key: Option<&ResourceKey>, input: &Input) -> Result<Value> {
    input.only(&[&["codeSystem", "version"], BOTH].concat())?;
    let lookup = node.terminology.with(node);
    let named = code_system(lookup, key, input)?;
    let language = input.text("displayLanguage")?;
    let mut last = None;
    for one in asked(input, "version")? {
        let url = match (&named, input.text("url")?, &one.system) {
            (Some(system), ..) => system.url.to_string(),
            (None, Some(url), _) => url.to_owned(),
            (None, None, Some(system)) => system.clone(),
            (None, None, None) => {
                return Err(required("url, codeSystem or a Coding with a system"));
            }
        };
        let verdict = if one.system.as_ref().is_some_and(|system| *system != url) {
            Verdict::no(format!("the code ‘{}’ is of another system", one.shown()))
        } else if let (None, Some(grammar)) = (&named, Grammar::of(&url)) {
            match grammar.accepts(&one.code) {
                true => Verdict {
                    valid: true,
                    display: Some(Text::new(&one.code)),
                    message: None,
                },
                false => Verdict::no(format!("‘{}’ is no code of ‘{url}’", one.shown())),
            }
        } else {
            let system = match &named {
                Some(system) => system.clone(),
                None => lookup.filled(&canonical(&url, one.version.as_deref()), None)?,
            };
            match system.has(&one.code)? {
                true => judged(Some(&system), &one, input, language)?,
                false => Verdict::no(format!("‘{}’ is no code of ‘{url}’", one.shown())),
            }
        };
        if verdict.valid {
            return Ok(verdict.parameters());
        }
        last = Some(verdict);
    }
    last.map(Verdict::parameters)
        .ok_or_else(|| required("a code"))
}

fn known(
    lookup: Lookup<'_>,
    system: &str,
    version: Option<&str>,
) -> Option<std::sync::Arc<CodeSystem>> {
    match lookup.code_system_of(system, version) {
        Ok(found) => Some(found),
        Err(Fault::NotLoaded { .. }) => lookup.code_system(system).ok(),
        Err(_) => None,
    }
}

/// A code that exists: its display is right, and it may be chosen.
fn judged(
    system: Option<&CodeSystem>,
    one: &Asked,
    input: &Input,
    language: Option<&str>,
) -> Result<Verdict> {
    let concept = system.and_then(|system| system.concept(&one.code));
    let display = concept
        .and_then(|concept| concept.display_in(language))
        .cloned();
    let mut verdict = Verdict {
        valid: true,
        display,
        message: None,
    };
    let Some(concept) = concept else {
        return Ok(verdict);
    };
    if concept.is_abstract && input.flag("abstract")? == Some(false) {
        verdict.valid = false;
        verdict.message = Some(format!("the code ‘{}’ is abstract", one.shown()));
    }
    let designations = concept.designations.iter();
    let mut names = designations
        .map(|designation| &designation.value)
        .chain(&concept.display);
    if let (Some(asked), Some(display)) = (&one.display, &verdict.display)
        && !names.any(|name| name.to_lowercase() == asked.to_lowercase())
    {
        verdict.valid = false;
        verdict.message = Some(format!(
            "the code ‘{}’ is there, but its display is ‘{display}’",
            one.shown()
        ));
    }
    if verdict.valid && concept.inactive {
        verdict.message = Some(format!("the code ‘{}’ is not in use any more", one.shown()));
    }
    Ok(verdict)
}
