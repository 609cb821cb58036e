//! Finds the scripts of a suite.
//!
//! A folder is walked in the order of names; a file belongs to the suite when its root is a
//! TestScript, whatever it is called. Links to folders are not followed.

use std::path::{Path, PathBuf};

use super::script::Script;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml;

/// Larger files are no scripts.
const MOST_BYTES: u64 = 16 << 20;
/// Folders inside each other.
const DEPTH: usize = 32;
const FILES: usize = 100_000;

/// The scripts of a suite, and the files that should be scripts and cannot be read.
pub struct Suite {
    root: PathBuf,
    pub scripts: Vec<Script>,
    /// File and reason.
    pub unreadable: Vec<(String, String)>,
}

impl Suite {
    /// The folders in which fixtures may lie, as the system names them.
    pub fn roots(&self, more: &[PathBuf]) -> Vec<PathBuf> {
        std::iter::once(&self.root)
            .chain(more)
            .filter_map(|folder| folder.canonicalize().ok())
            .collect()
    }
}

/// Reads the scripts below a folder, or the one script of a file.
///
/// # Errors
/// `Invalid` when the folder cannot be read, or holds no script.
pub fn suite(path: &Path, definitions: &Definitions) -> Result<Suite> {
    let single = path.is_file();
    let root = if single {
        path.parent().unwrap_or(Path::new(".")).to_owned()
    } else {
        path.to_owned()
    };
    let mut suite = Suite {
        root: if root.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            root
        },
        scripts: Vec::new(),
        unreadable: Vec::new(),
    };
    let mut files = Vec::new();
    if single {
        files.push(path.to_owned());
    } else {
        walk(path, DEPTH, &mut files)
            .map_err(|error| Error::of(Kind::Invalid, "the suite cannot be read").because(error))?;
    }
    for file in files {
        let name = file.strip_prefix(&suite.root).unwrap_or(&file);
        let name = name.display().to_string();
        match script(&file, definitions) {
            Ok(None) => {}
            Ok(Some(value)) => {
                let folder = file.parent().unwrap_or(&suite.root).to_owned();
                suite.scripts.push(Script::read(&value, name, folder));
            }
            Err(reason) => suite.unreadable.push((name, reason)),
        }
    }
    if suite.scripts.is_empty() && suite.unreadable.is_empty() {
        return Err(Error::of(
            Kind::Invalid,
            "expected a folder with TestScripts, found none in it",
        ));
    }
    Ok(suite)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type()?;
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            walk(&path, depth.saturating_sub(1), files)?;
        } else if path.is_file() && files.len() < FILES {
            let extension = path.extension().unwrap_or_default();
            if extension == "json" || extension == "xml" {
                files.push(path);
            }
        }
    }
    Ok(())
}

/// The TestScript in a file; `None` when the file is something else.
fn script(file: &Path, definitions: &Definitions) -> std::result::Result<Option<Value>, String> {
    let size = std::fs::metadata(file).map_or(0, |found| found.len());
    if size > MOST_BYTES {
        return Ok(None);
    }
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    if !contains(&bytes, b"TestScript") {
        return Ok(None);
    }
    if file.extension().is_some_and(|extension| extension == "xml") {
        if xml_root(&bytes) != Some("TestScript") {
            return Ok(None);
        }
        return xml::from_xml(&bytes, definitions)
            .map(Some)
            .map_err(|error| error.to_string());
    }
    match json::parse(&bytes, &json::Limits::default()) {
        Ok(value) if value.str_at("resourceType") == Some("TestScript") => Ok(Some(value)),
        Ok(_) => Ok(None),
        // A file that begins as a script is one, even if it does not end as JSON.
        Err(error) if begins_as_script(&bytes) => Err(crate::error::Error::from(error).to_string()),
        Err(_) => Ok(None),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn begins_as_script(bytes: &[u8]) -> bool {
    let head: Vec<u8> = bytes
        .iter()
        .take(4096)
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    contains(&head, b"\"resourceType\":\"TestScript\"")
}

/// The local name of the root element, found without parsing the document.
fn xml_root(bytes: &[u8]) -> Option<&str> {
    let mut rest = std::str::from_utf8(bytes).ok()?;
    loop {
        rest = rest.get(rest.find('<')?.saturating_add(1)..)?;
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.get(comment.find("-->")?..)?;
        } else if !rest.starts_with(['?', '!']) {
            let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
            let name = rest.get(..end)?;
            return Some(name.rsplit(':').next().unwrap_or(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_an_xml_document() {
        let check =
            |text: &str, expected| assert_eq!(xml_root(text.as_bytes()), expected, "{text}");
        check(
            "<?xml version=\"1.0\"?><!-- <a> --><f:TestScript>",
            Some("TestScript"),
        );
        check("<Patient/>", Some("Patient"));
        check("<", None);
        check("no element", None);
        check("<!-- open", None);
    }
}
