//! The versions of a document: which are stored already, and how they are tied together.

use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fse::identifiers::IdentifierPair;
use crate::fse::mapping::Mapped;
use crate::interactions::Node;
use crate::interactions::conditional::Criteria;
use crate::storage::Version;

/// Older versions of one document that are looked at.
const MOST_VERSIONS: usize = 100;

/// What is stored already of the document and of its set.
#[derive(Default)]
pub struct Lineage {
    pub same_document: Option<Version>,
    /// Current documents that this one replaces.
    pub older: Vec<(Version, Value)>,
    /// A newer version of the set is stored: this one arrives late.
    pub is_late: bool,
    /// What was looked up and found: it must be the same when the document is stored, or another
    /// submission of the set was faster.
    pub looked_up: Vec<(Criteria, Vec<String>)>,
}

impl Lineage {
    pub fn find(node: &Node, mapped: &Mapped) -> Result<Self> {
        let mut lineage = Self::default();
        let type_token = format!(
            "{}|{}",
            escaped(&mapped.type_code.0),
            escaped(&mapped.type_code.1)
        );
        let mut identifiers = vec![&mapped.master_identifier, &mapped.set_id];
        identifiers.extend(
            mapped
                .relations
                .iter()
                .filter(|relation| relation.code == "replaces")
                .map(|relation| &relation.target),
        );
        identifiers.dedup();
        for identifier in identifiers {
            let pairs = [
                ("identifier".to_owned(), token_of(identifier)),
                ("type".to_owned(), type_token.clone()),
            ];
            let criteria = Criteria::parse(node, "DocumentReference", &pairs)?;
            let found = criteria.list(node, MOST_VERSIONS)?;
            if found.len() < MOST_VERSIONS {
                let ids = found.iter().map(|version| version.key.id.to_string());
                lineage.looked_up.push((criteria, ids.collect()));
            }
            for version in found {
                lineage.judge(node, mapped, version)?;
            }
        }
        Ok(lineage)
    }

    fn judge(&mut self, node: &Node, mapped: &Mapped, version: Version) -> Result<()> {
        let tree = parsed(node, &version)?;
        let master = tree.get("masterIdentifier").and_then(pair_of);
        if master.as_ref() == Some(&mapped.master_identifier) {
            self.same_document = Some(version);
            return Ok(());
        }
        if self.older.iter().any(|(known, _)| known.key == version.key) {
            return Ok(());
        }
        let same_set = tree
            .items_at("identifier")
            .iter()
            .filter_map(pair_of)
            .any(|pair| pair == mapped.set_id);
        let replaced = mapped.relations.iter().any(|relation| {
            relation.code == "replaces" && Some(&relation.target) == master.as_ref()
        });
        let is_current = tree.str_at("status") == Some("current");
        let stored_version = stored_version(&tree);
        if replaced || (same_set && stored_version < mapped.version) {
            if is_current {
                self.older.push((version, tree));
            }
        } else if same_set && stored_version > mapped.version {
            self.is_late = true;
        } else if same_set {
            return Err(Error::new(
                Kind::Conflict,
                "duplicate",
                format!(
                    "expected one document for version {} of the set, found {} with another document id",
                    mapped.version, version.key
                ),
            ));
        }
        Ok(())
    }
}

pub fn parsed(node: &Node, version: &Version) -> Result<Value> {
    Ok(json::parse(
        &node.store.json(version)?,
        &node.choices.limits,
    )?)
}

const VERSION_EXTENSION: &str =
    "https://fascicolo.dev/fhir/StructureDefinition/fse-document-version";
const SHA256_EXTENSION: &str =
    "https://fascicolo.dev/fhir/StructureDefinition/fse-attachment-sha256";

/// Enters the set of versions as an identifier, and the number of this one as an extension.
pub fn tie_to_set(object: &mut Object, set_id: &IdentifierPair, version: u32) {
    let mut kind = Object::new();
    kind.push("text", "setId");
    let mut identifier = set_id.to_object();
    identifier.insert_at(0, "type", kind);
    let mut identifiers = list_of(object, "identifier");
    identifiers.push(Value::Object(identifier));
    let after_master = object
        .iter()
        .position(|(name, _)| name == "masterIdentifier");
    object.insert_at(
        after_master.map_or(1, |at| at.saturating_add(1)),
        "identifier",
        identifiers,
    );
    let mut extension = Object::new();
    extension.push("url", VERSION_EXTENSION);
    extension.push("valuePositiveInt", i64::from(version));
    let mut extensions = list_of(object, "extension");
    extensions.push(Value::Object(extension));
    object.insert_at(1, "extension", extensions);
}

/// Points to a document that is replaced: an entry of `relatesTo` that names it by identifier gets
/// the reference as well; else a new entry is made.
pub fn point_to(object: &mut Object, older: &Version, tree: &Value) {
    let master = tree.get("masterIdentifier").and_then(pair_of);
    let mut entries = list_of(object, "relatesTo");
    let known = entries.iter_mut().find_map(|entry| {
        let target = entry.as_object_mut()?.get_mut("target")?.as_object_mut()?;
        let named = target.get("identifier").and_then(pair_of);
        (named.is_some() && named == master).then_some(target)
    });
    match known {
        Some(target) => target.insert_at(0, "reference", older.key.to_string()),
        None => {
            let mut target = Object::new();
            target.push("reference", older.key.to_string());
            target.push("type", "DocumentReference");
            let mut entry = Object::new();
            entry.push("code", "replaces");
            entry.push("target", target);
            entries.push(Value::Object(entry));
        }
    }
    object.set("relatesTo", entries);
}

fn list_of(object: &Object, name: &str) -> Vec<Value> {
    object
        .get(name)
        .and_then(Value::as_array)
        .map(<[Value]>::to_vec)
        .unwrap_or_default()
}

fn stored_version(tree: &Value) -> u32 {
    tree.items_at("extension")
        .iter()
        .find(|extension| extension.str_at("url") == Some(VERSION_EXTENSION))
        .and_then(|extension| match extension.get("valuePositiveInt") {
            Some(Value::Number(text)) => text.parse().ok(),
            _ => None,
        })
        .unwrap_or(1)
}

pub fn sha256_of(tree: &Value) -> Option<String> {
    let attachment = tree.items_at("content").first()?.get("attachment")?;
    attachment
        .items_at("extension")
        .iter()
        .find(|extension| extension.str_at("url") == Some(SHA256_EXTENSION))?
        .str_at("valueBase64Binary")
        .map(str::to_owned)
}

pub fn base64_of(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

/// The pair of an Identifier.
fn pair_of(identifier: &Value) -> Option<IdentifierPair> {
    Some(IdentifierPair {
        system: Text::new(identifier.str_at("system").unwrap_or("")),
        value: Text::new(identifier.str_at("value")?),
    })
}

/// A token for a search by identifier.
pub fn token_of(pair: &IdentifierPair) -> String {
    format!("{}|{}", escaped(&pair.system), escaped(&pair.value))
}

/// Escapes what separates values in a search parameter (R4 search.html#escaping).
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '$' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
