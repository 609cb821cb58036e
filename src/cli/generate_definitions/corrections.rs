//! Back from the package's changes to HL7's definitions.
//!
//! The file of corrections names the package it is for, the resources that are not HL7's, and for
//! each changed resource what to set, to remove and, in its snapshot, which elements to drop, to
//! change and to insert. A correction that finds nothing to correct is an error: it would mean
//! that the package is not the one that was compared.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::fhir::model::json::{self, Limits};
use crate::fhir::model::value::{Object, Value};

/// The file of corrections.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrections {
    #[serde(rename = "note")]
    _note: String,
    package: Package,
    /// URLs of resources to leave out.
    drop_resources: Vec<String>,
    /// By URL.
    change_resources: BTreeMap<String, Change>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    name: String,
    version: String,
    sha256: String,
}

/// What to change in one resource.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Change {
    /// Members and their values.
    set: BTreeMap<String, serde_json::Value>,
    /// Elements to leave out, each with all below it.
    drop_elements: Vec<String>,
    /// By element id.
    change_elements: BTreeMap<String, ElementChange>,
    /// In this order.
    insert_elements: Vec<Insertion>,
}

/// What to change in one element.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ElementChange {
    set: BTreeMap<String, serde_json::Value>,
    remove: Vec<String>,
    /// By constraint key: the expression it has.
    constraint_expressions: BTreeMap<String, String>,
    /// Keys of constraints to remove.
    drop_constraints: Vec<String>,
}

/// One element to insert.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Insertion {
    /// Id of the element after which, and after all below which, it goes.
    after: String,
    element: serde_json::Value,
}

impl Corrections {
    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            let what = format!("expected a file of corrections: {error}");
            Error::of(Kind::Invalid, what)
        })
    }

    /// Refuses any archive but the one that was compared.
    pub fn check_package(&self, archive: &[u8]) -> Result<()> {
        let found: String = digest(&SHA256, archive)
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let Package {
            name,
            version,
            sha256,
        } = &self.package;
        if found == *sha256 {
            return Ok(());
        }
        let what = format!("expected {name} {version} with sha256 {sha256}, found {found}");
        Err(Error::of(Kind::Invalid, what))
    }

    /// Corrects a definition; `None` when it is none of HL7's.
    pub fn apply(&mut self, mut definition: Value) -> Result<Option<Value>> {
        let url = definition.str_at("url").unwrap_or_default().to_owned();
        if let Some(position) = self.drop_resources.iter().position(|drop| *drop == url) {
            self.drop_resources.remove(position);
            return Ok(None);
        }
        if let Some(change) = self.change_resources.remove(&url)
            && let Value::Object(members) = &mut definition
        {
            change.apply(&url, members)?;
        }
        Ok(Some(definition))
    }

    /// Fails when a correction has found nothing to correct.
    pub fn check_all_applied(&self) -> Result<()> {
        let left = self
            .drop_resources
            .first()
            .or(self.change_resources.keys().next());
        match left {
            None => Ok(()),
            Some(url) => Err(not_found(url, "a resource to correct")),
        }
    }
}

impl Change {
    fn apply(self, url: &str, members: &mut Object) -> Result<()> {
        for (name, value) in self.set {
            members.set(&name, tree(&value)?);
        }
        let elements = match members.get_mut("snapshot") {
            Some(Value::Object(snapshot)) => snapshot.get_mut("element"),
            _ => None,
        };
        let mut none = Vec::new();
        let elements = match elements {
            Some(Value::Array(elements)) => elements,
            _ => &mut none,
        };
        for id in self.drop_elements {
            let before = elements.len();
            elements.retain(|element| !is_or_is_below(element, &id));
            if elements.len() == before {
                return Err(not_found(url, &id));
            }
        }
        for (id, change) in self.change_elements {
            let element = elements
                .iter_mut()
                .find(|element| element.str_at("id") == Some(&id))
                .and_then(Value::as_object_mut)
                .ok_or_else(|| not_found(url, &id))?;
            change.apply(&id, element)?;
        }
        for insertion in self.insert_elements {
            let last = elements
                .iter()
                .rposition(|element| is_or_is_below(element, &insertion.after))
                .ok_or_else(|| not_found(url, &insertion.after))?;
            elements.insert(last.saturating_add(1), tree(&insertion.element)?);
        }
        Ok(())
    }
}

impl ElementChange {
    fn apply(mut self, id: &str, element: &mut Object) -> Result<()> {
        for (name, value) in self.set {
            element.set(&name, tree(&value)?);
        }
        for name in self.remove {
            element.remove(&name).ok_or_else(|| not_found(id, &name))?;
        }
        if let Some(Value::Array(constraints)) = element.get_mut("constraint") {
            let drop = &mut self.drop_constraints;
            constraints.retain(|constraint| {
                let key = constraint.str_at("key").unwrap_or_default();
                match drop.iter().position(|one| one == key) {
                    Some(position) => {
                        drop.remove(position);
                        false
                    }
                    None => true,
                }
            });
            for constraint in constraints.iter_mut().filter_map(Value::as_object_mut) {
                let key = constraint.str_at("key").unwrap_or_default().to_owned();
                if let Some(expression) = self.constraint_expressions.remove(&key) {
                    constraint.set("expression", expression);
                }
            }
        }
        let left = self.drop_constraints.first();
        match left.or(self.constraint_expressions.keys().next()) {
            None => Ok(()),
            Some(key) => Err(not_found(id, key)),
        }
    }
}

fn is_or_is_below(element: &Value, id: &str) -> bool {
    let rest = element.str_at("id").and_then(|own| own.strip_prefix(id));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn tree(value: &serde_json::Value) -> Result<Value> {
    Ok(json::parse(
        value.to_string().as_bytes(),
        &Limits::default(),
    )?)
}

fn not_found(place: &str, what: &str) -> Error {
    let what = format!("corrections of {place}: expected {what}, found none");
    Error::of(Kind::Invalid, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINITION: &str = r#"{"url":"u","a":1,"snapshot":{"element":[
        {"id":"X"},{"id":"X.a","type":[{"code":"id"}]},{"id":"X.a.b"},{"id":"X.ab",
        "constraint":[{"key":"x-1","expression":"e"},{"key":"x-2","expression":"e"}]}]}}"#;

    fn corrected(drop: &str, changes: &str) -> Result<Option<String>> {
        let file = format!(
            r#"{{"note":"","package":{{"name":"p","version":"1","sha256":"0"}},
                "drop_resources":[{drop}],"change_resources":{{{changes}}}}}"#
        );
        let mut corrections = Corrections::parse(file.as_bytes())?;
        let definition = json::parse(DEFINITION.as_bytes(), &Limits::default())?;
        let found = corrections.apply(definition)?;
        corrections.check_all_applied()?;
        Ok(found.map(|found| String::from_utf8(json::to_vec(&found)).unwrap()))
    }

    #[track_caller]
    fn check(changes: &str, expected: &str) {
        assert_eq!(corrected("", changes).unwrap().as_deref(), Some(expected));
    }

    #[test]
    fn resources_and_elements_are_corrected() {
        assert_eq!(corrected(r#""u""#, "").unwrap(), None);
        check(
            r#""u":{"set":{"a":2},"drop_elements":["X.a","X.ab"]}"#,
            r#"{"url":"u","a":2,"snapshot":{"element":[{"id":"X"}]}}"#,
        );
        check(
            r#""u":{"drop_elements":["X.a.b"],"change_elements":{"X.a":{"remove":["type"]},
                "X.ab":{"drop_constraints":["x-1"],"constraint_expressions":{"x-2":"f"}}}}"#,
            r#"{"url":"u","a":1,"snapshot":{"element":[{"id":"X"},{"id":"X.a"},{"id":"X.ab","constraint":[{"key":"x-2","expression":"f"}]}]}}"#,
        );
        check(
            r#""u":{"drop_elements":["X.ab"],"insert_elements":[{"after":"X.a","element":{"id":"X.c"}}]}"#,
            r#"{"url":"u","a":1,"snapshot":{"element":[{"id":"X"},{"id":"X.a","type":[{"code":"id"}]},{"id":"X.a.b"},{"id":"X.c"}]}}"#,
        );
    }

    #[test]
    fn a_correction_that_finds_nothing_is_an_error() {
        #[track_caller]
        fn refused(drop: &str, changes: &str) {
            assert_eq!(corrected(drop, changes).unwrap_err().kind(), Kind::Invalid);
        }
        refused(r#""v""#, "");
        refused("", r#""v":{}"#);
        refused("", r#""u":{"drop_elements":["Y"]}"#);
        refused("", r#""u":{"change_elements":{"Y":{}}}"#);
        refused("", r#""u":{"change_elements":{"X":{"remove":["type"]}}}"#);
        refused(
            "",
            r#""u":{"change_elements":{"X":{"drop_constraints":["x-1"]}}}"#,
        );
        refused(
            "",
            r#""u":{"change_elements":{"X.ab":{"constraint_expressions":{"x-9":"e"}}}}"#,
        );
        refused(
            "",
            r#""u":{"insert_elements":[{"after":"Y","element":{}}]}"#,
        );
        refused("", r#""u":{"unknown":1}"#);
    }
}
