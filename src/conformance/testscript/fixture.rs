//! The resources that a script brings along.
//!
//! A fixture is a file beside the script or somewhere in the suite, a contained resource, the
//! resource itself in place of a Reference to it, or a synthetic one. A file outside the folders
//! of the suite is never read, because what a fixture holds is sent to the server.

use std::path::{Path, PathBuf};

use super::extension;
use super::message::limits;
use super::script::{Fixture, Script};
use super::synthetic;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml;

const MOST_BYTES: u64 = 64 << 20;

/// The content of a fixture.
#[derive(Clone, Debug)]
pub struct Content {
    /// The JSON tree; `None` for what is neither JSON nor FHIR XML.
    pub tree: Option<Value>,
    /// The bytes of the file; empty where the content was no file.
    pub bytes: Vec<u8>,
    /// Whether the file is XML, in which form it is then sent unless the script says otherwise.
    pub is_xml: bool,
}

/// Reads a fixture; the error says why it cannot be had.
pub fn content(
    fixture: &Fixture,
    script: &Script,
    roots: &[PathBuf],
    definitions: &Definitions,
) -> Result<Content, String> {
    let Some(resource) = &fixture.resource else {
        return Err("it names no resource".to_owned());
    };
    if let Some(type_name) = extension::synthetic(resource) {
        return synthetic::resource(&type_name, definitions).map(Content::of);
    }
    if resource.str_at("resourceType").is_some() {
        return Ok(Content::of(resource.clone()));
    }
    let Some(reference) = resource.str_at("reference") else {
        return Err("it is neither a reference nor a resource".to_owned());
    };
    if let Some(id) = reference.strip_prefix('#') {
        return script
            .contained
            .iter()
            .find(|contained| contained.str_at("id") == Some(id))
            .cloned()
            .map(Content::of)
            .ok_or_else(|| format!("there is no contained resource {id:?}"));
    }
    if reference.contains("://") {
        return Err(format!("{reference} is not a local file"));
    }
    let file = find(reference, &script.folder, roots)
        .ok_or_else(|| format!("there is no file for {reference}"))?;
    read(&file, definitions)
}

impl Content {
    fn of(tree: Value) -> Self {
        Self {
            tree: Some(tree),
            bytes: Vec::new(),
            is_xml: false,
        }
    }
}

/// The file of a reference: by its path, with an ending, or named as HL7 names its examples.
fn find(reference: &str, folder: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
    let mut names = vec![
        reference.to_owned(),
        format!("{reference}.json"),
        format!("{reference}.xml"),
    ];
    if let Some((type_name, id)) = reference.split_once('/') {
        for type_name in [type_name.to_owned(), type_name.to_lowercase()] {
            names.push(format!("{type_name}-{id}.json"));
            names.push(format!("{type_name}-{id}.xml"));
        }
    }
    let folders = || std::iter::once(folder).chain(roots.iter().map(PathBuf::as_path));
    names
        .iter()
        .flat_map(|name| folders().map(move |folder| folder.join(name)))
        .filter_map(|path| path.canonicalize().ok())
        .find(|path| path.is_file() && roots.iter().any(|root| path.starts_with(root)))
}

fn read(file: &Path, definitions: &Definitions) -> Result<Content, String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let size = std::fs::metadata(file).map_err(|error| format!("{name}: {error}"))?;
    if size.len() > MOST_BYTES {
        return Err(format!("{name} has more than {MOST_BYTES} bytes"));
    }
    let bytes = std::fs::read(file).map_err(|error| format!("{name}: {error}"))?;
    let ending = file.extension().and_then(|extension| extension.to_str());
    let tree = match ending {
        Some("json") => json::parse(&bytes, &limits()).ok(),
        // An XML patch or a CDA is XML too; it is then sent as it stands.
        Some("xml") => xml::from_xml(&bytes, definitions).ok(),
        _ => None,
    };
    Ok(Content {
        tree,
        bytes,
        is_xml: ending == Some("xml"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_the_suite_only() {
        let folder = tempfile::tempdir().unwrap();
        let suite = folder.path().canonicalize().unwrap().join("suite");
        let inner = suite.join("scripts");
        std::fs::create_dir_all(inner.join("Patient")).unwrap();
        let patient = |name: &str| format!(r#"{{"resourceType":"Patient","id":"{name}"}}"#);
        for (file, name) in [
            ("scripts/Patient/near.json", "near"),
            ("far.json", "far"),
            ("patient-named.json", "named"),
            ("../secret.json", "secret"),
        ] {
            std::fs::write(suite.join(file), patient(name)).unwrap();
        }
        std::fs::write(suite.join("broken.json"), "{").unwrap();
        std::os::unix::fs::symlink(suite.join("../secret.json"), suite.join("link.json")).unwrap();
        let script = json::parse(
            br##"{"contained":[{"resourceType":"Basic","id":"inside"}]}"##,
            &limits(),
        )
        .unwrap();
        let script = Script::read(&script, "s.json".to_owned(), inner);
        let definitions = Definitions::r4().unwrap();
        let roots = [suite.clone()];
        let check = |reference: &str, expected: Option<&str>| {
            let resource = format!(r#"{{"reference":{reference:?}}}"#);
            let fixture = Fixture {
                id: "f".to_owned(),
                autocreate: false,
                autodelete: false,
                resource: Some(json::parse(resource.as_bytes(), &limits()).unwrap()),
            };
            let found = content(&fixture, &script, &roots, &definitions);
            let found = found.ok().and_then(|content| content.tree);
            let id = found.as_ref().and_then(|tree| tree.str_at("id"));
            assert_eq!(id, expected, "{reference}");
        };
        check("Patient/near", Some("near"));
        check("Patient/near.json", Some("near"));
        check("far.json", Some("far"));
        check("../far.json", Some("far"));
        check("Patient/named", Some("named"));
        check("#inside", Some("inside"));
        check("#outside", None);
        check("../../secret.json", None);
        check("link.json", None);
        check(&suite.join("../secret.json").display().to_string(), None);
        check("http://example.org/Patient/1", None);
        check("nothing.json", None);
        // Not JSON: sent as it stands, without a tree.
        check("broken.json", None);
    }
}
