//! References that stand for something else, replaced by real ones: temporary identities inside a
//! transaction, and conditional references.
//!
//! Source: FHIR R4 http.html#trules ("the server SHALL replace all matching links … in the bundle,
//! whether they are found in the resource ids, resource references, elements of type uri, url, oid,
//! uuid, and `<a href="" & <img src=""` in the narrative") and bundle.html#references.

use std::collections::HashMap;

use super::conditional::{Criteria, FoundByCondition};
use super::dispatch::query_pairs;
use super::node::Node;
use super::write::Incoming;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::{Node as SchemaNode, Target, TypeSchema};
use crate::fhir::model::key::{ResourceKey, is_type_name};
use crate::fhir::model::value::{Object, Text, Value};
use crate::storage::{Condition, Matches};

/// Conditional references that are looked up for one resource outside a transaction.
const MOST_CONDITIONAL: usize = 100;

/// What the full URLs of a Bundle stand for.
#[derive(Debug, Default)]
pub struct Identities {
    by_url: HashMap<String, ResourceKey>,
    /// Conditional references (`Patient?identifier=…`) with what they were found to mean.
    conditional: HashMap<String, ResourceKey>,
}

impl Identities {
    /// Enters a full URL; false when it is there already.
    pub fn enter(&mut self, full_url: &str, key: ResourceKey) -> bool {
        self.by_url.insert(full_url.to_owned(), key).is_none()
    }

    pub fn enter_conditional(&mut self, reference: &str, key: ResourceKey) {
        self.conditional.insert(reference.to_owned(), key);
    }

    pub fn knows_conditional(&self, reference: &str) -> bool {
        self.conditional.contains_key(reference)
    }

    /// What a reference stands for, if it stands for an entry of the Bundle.
    ///
    /// `base` is the RESTful base of the entry that holds it, when its full URL has one.
    fn resolve(&self, reference: &str, base: Option<&str>) -> Option<String> {
        let (target, fragment) = match reference.find('#') {
            Some(at) if at > 0 => reference.split_at_checked(at)?,
            _ => (reference, ""),
        };
        let (target, version) = match target.find("/_history/") {
            Some(at) => target.split_at_checked(at)?,
            None => (target, ""),
        };
        let key = self
            .by_url
            .get(target)
            .or_else(|| self.conditional.get(target))
            .or_else(|| {
                let base = base?;
                ResourceKey::parse(target)?;
                self.by_url.get(&format!("{base}/{target}"))
            })?;
        // A version of a temporary identity means nothing after the identity has changed.
        let keeps_version = !version.is_empty() && target.ends_with(key.to_string().as_str());
        let version = if keeps_version { version } else { "" };
        Some(format!("{key}{version}{fragment}"))
    }
}

/// The RESTful base of a full URL: `http://a/fhir` of `http://a/fhir/Patient/1`.
pub fn base_of(full_url: &str) -> Option<&str> {
    if !full_url.starts_with("http") {
        return None;
    }
    let mut parts = full_url.rsplitn(3, '/');
    let (id, name, base) = (parts.next()?, parts.next()?, parts.next()?);
    ResourceKey::parse(&format!("{name}/{id}")).map(|_| base)
}

/// The conditional references in a resource: texts of `reference` with a question mark.
pub fn conditional_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter() {
                match member {
                    Value::String(text) if name == "reference" => {
                        // The query may hold the URL of a system.
                        if text
                            .split_once('?')
                            .is_some_and(|(name, _)| is_type_name(name))
                        {
                            found.push(text.to_string());
                        }
                    }
                    other => conditional_references(other, found),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                conditional_references(item, found);
            }
        }
        _ => {}
    }
}

/// Replaces what stands for entries of the Bundle; tells whether anything was.
pub fn replace(
    resource: &mut Value,
    definitions: &Definitions,
    identities: &Identities,
    base: Option<&str>,
) -> bool {
    let mut walk = Walk {
        definitions,
        identities,
        base,
        changed: false,
    };
    walk.resource(resource);
    walk.changed
}

/// Puts resources in place of the conditional references of a resource that is written alone.
///
/// R4 has conditional references for transactions and is silent about them elsewhere, where they would
/// be stored as references to nothing. The conditions hold what was found until the commit.
///
/// # Errors
/// `Invalid` for a reference that does not match exactly one resource.
pub fn resolve(node: &Node, incoming: &mut Incoming) -> Result<Vec<Condition>> {
    let mut wanted = Vec::new();
    conditional_references(incoming.tree(), &mut wanted);
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() > MOST_CONDITIONAL {
        let text = format!(
            "expected at most {MOST_CONDITIONAL} conditional references, found {}",
            wanted.len()
        );
        return Err(Error::new(Kind::Unprocessable, "too-costly", text));
    }
    let (mut identities, mut conditions) = (Identities::default(), Vec::new());
    for reference in &wanted {
        let (resource_type, query) = reference.split_once('?').unwrap_or((reference, ""));
        node.check_type(resource_type)
            .map_err(|error| Error::from_issues(Kind::Invalid, error.into_issues()))?;
        let criteria = Criteria::parse(node, resource_type, &query_pairs(query)?)?;
        let key = match criteria.find(node)? {
            FoundByCondition::One(version) => version.key,
            FoundByCondition::None => return Err(not_one("not-found", "none")),
            FoundByCondition::Several => return Err(not_one("multiple-matches", "several")),
        };
        let only = Matches::Only(key.id.to_string());
        conditions.push(criteria.condition(node, only, None)?);
        identities.enter_conditional(reference, key);
    }
    if !wanted.is_empty() {
        incoming.change(|tree| replace(tree, &node.definitions, &identities, None));
    }
    Ok(conditions)
}

fn not_one(code: &'static str, found: &str) -> Error {
    let text = format!("expected a conditional reference to match one resource, found {found}");
    Error::new(Kind::Invalid, code, text)
}

struct Walk<'a> {
    definitions: &'a Definitions,
    identities: &'a Identities,
    base: Option<&'a str>,
    changed: bool,
}

impl Walk<'_> {
    // The depth of a parsed value is bounded by the parser's limit.
    fn resource(&mut self, value: &mut Value) {
        let schema = value
            .str_at("resourceType")
            .and_then(|name| self.definitions.schema(name));
        if let (Some(schema), Some(object)) = (schema, value.as_object_mut())
            && let Some(root) = schema.root()
        {
            self.object(schema, root, object);
        }
    }

    fn object(&mut self, schema: &TypeSchema, node: &SchemaNode, object: &mut Object) {
        let is_reference = schema.name == "Reference";
        for (name, member) in object.iter_mut() {
            // Extensions of primitives live beside them.
            if name.starts_with('_') {
                self.each(member, |walk, item| walk.complex("Element", item));
                continue;
            }
            let Some((field, kind)) = node.member(name) else {
                continue;
            };
            match &kind.target {
                Target::Node(index) => {
                    if let Some(inner) = schema.node(*index) {
                        self.each(member, |walk, item| {
                            if let Some(object) = item.as_object_mut() {
                                walk.object(schema, inner, object);
                            }
                        });
                    }
                }
                Target::Complex(type_name) => {
                    self.each(member, |walk, item| walk.complex(type_name, item));
                }
                Target::Primitive(code) => {
                    let is_link =
                        matches!(code.as_str(), "uri" | "url" | "canonical" | "oid" | "uuid")
                            || (is_reference && field.name == "reference");
                    if is_link {
                        self.each(member, Walk::link);
                    }
                }
                Target::Resource => self.each(member, Walk::resource),
                Target::Xhtml => self.each(member, Walk::narrative),
            }
        }
    }

    fn each(&mut self, member: &mut Value, mut visit: impl FnMut(&mut Self, &mut Value)) {
        match member {
            Value::Array(items) => {
                for item in items {
                    visit(self, item);
                }
            }
            single => visit(self, single),
        }
    }

    fn complex(&mut self, type_name: &str, value: &mut Value) {
        let Some(schema) = self.definitions.schema(type_name) else {
            return;
        };
        if let (Some(root), Some(object)) = (schema.root(), value.as_object_mut()) {
            self.object(schema, root, object);
        }
    }

    fn link(&mut self, value: &mut Value) {
        let Value::String(text) = value else {
            return;
        };
        if let Some(real) = self.identities.resolve(text, self.base)
            && real != *text
        {
            *text = Text::from(real);
            self.changed = true;
        }
    }

    /// `href` and `src` of the narrative, where temporary identities are URNs.
    fn narrative(&mut self, value: &mut Value) {
        let Value::String(text) = value else {
            return;
        };
        if !text.contains("=\"urn:") && !text.contains("='urn:") {
            return;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find("urn:") {
            let (before, urn_on) = rest.split_at_checked(at).unwrap_or((rest, ""));
            out.push_str(before);
            let end = urn_on.find(['"', '\'', '<', ' ']).unwrap_or(urn_on.len());
            let (urn, after) = urn_on.split_at_checked(end).unwrap_or((urn_on, ""));
            match self.identities.resolve(urn, None) {
                Some(real) if before.ends_with(['"', '\'']) => {
                    out.push_str(&real);
                    self.changed = true;
                }
                _ => out.push_str(urn),
            }
            rest = after;
        }
        out.push_str(rest);
        *text = Text::from(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;

    #[test]
    fn trules_links_are_replaced() {
        let definitions = Definitions::r4().unwrap();
        let mut identities = Identities::default();
        identities.enter("urn:uuid:aaa", ResourceKey::new("Patient", "1"));
        identities.enter("http://x/fhir/Patient/9", ResourceKey::new("Patient", "2"));
        identities.enter_conditional("Patient?identifier=z", ResourceKey::new("Patient", "3"));
        let text = br#"{"resourceType":"DocumentReference","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"urn:uuid:aaa\">urn:uuid:aaa</a></div>"},
            "identifier":[{"value":"urn:uuid:aaa","system":"urn:uuid:aaa"}],"status":"current",
            "subject":{"reference":"urn:uuid:aaa#frag"},"author":[{"reference":"Patient/9"},{"reference":"Patient?identifier=z"},{"reference":"Patient/7"}],
            "content":[{"attachment":{"url":"urn:uuid:aaa"}}]}"#;
        let mut resource = json::parse(text, &json::Limits::default()).unwrap();
        assert!(replace(
            &mut resource,
            &definitions,
            &identities,
            Some("http://x/fhir")
        ));
        let out = String::from_utf8(json::to_vec(&resource)).unwrap();
        assert!(
            out.contains(r#"<a href=\"Patient/1\">urn:uuid:aaa</a>"#),
            "{out}"
        );
        assert!(
            out.contains(r#""value":"urn:uuid:aaa","system":"Patient/1""#),
            "{out}"
        );
        assert!(
            out.contains(r#""subject":{"reference":"Patient/1#frag"}"#),
            "{out}"
        );
        assert!(
            out.contains(
                r#"[{"reference":"Patient/2"},{"reference":"Patient/3"},{"reference":"Patient/7"}]"#
            ),
            "{out}"
        );
        assert!(out.contains(r#""url":"Patient/1""#), "{out}");
    }
}
