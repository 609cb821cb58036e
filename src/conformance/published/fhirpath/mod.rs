//! Published cases of FHIRPath: HL7's official ones for R4, and those of fhirpath.js.
//!
//! Which of the two a folder holds is seen by its files. A case passes, fails with what was found
//! instead, or is skipped with the reason.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use crate::clock::Instant;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::fhirpath::Item;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;
use crate::fhir::xml::from_xml;

mod javascript;
mod official;
#[cfg(test)]
mod tests;
mod yaml;

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

/// A case that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The group of it, or the file that it stands in.
    pub group: String,
    pub name: String,
    pub expression: String,
    pub verdict: Verdict,
}

/// How many cases came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Score {
    /// Counts.
    pub fn of(tried: &[Tried]) -> Self {
        let count = |wanted: fn(&Verdict) -> bool| {
            let found = tried.iter().filter(|case| wanted(&case.verdict));
            found.count()
        };
        Self {
            passed: count(|verdict| matches!(verdict, Verdict::Passed)),
            failed: count(|verdict| matches!(verdict, Verdict::Failed(_))),
            skipped: count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Runs the cases of a folder, at a moment.
///
/// # Errors
/// `Invalid` for a folder that holds neither suite, and for files that cannot be read.
pub fn run(folder: &Path, definitions: &Definitions, now: Instant) -> Result<Vec<Tried>> {
    if folder.join("tests.json").is_file() {
        official::run(folder, definitions, now)
    } else if folder.join("cases").is_dir() {
        javascript::run(folder, definitions, now)
    } else {
        Err(unfit(format!(
            "expected tests.json or cases/*.yaml in {}, found neither",
            folder.display()
        )))
    }
}

fn unfit(text: String) -> Error {
    Error::of(Kind::Invalid, text)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| unfit(format!("{} cannot be read", path.display())).because(error))
}

fn read_json(path: &Path) -> Result<Value> {
    json::parse(&read(path)?, &json::Limits::default()).map_err(|error| {
        unfit(format!("{} cannot be read", path.display())).because(Error::from(error))
    })
}

/// Resources that cases look at, by file name.
#[derive(Default)]
struct Inputs(HashMap<String, Value>);

impl Inputs {
    fn load(&mut self, folder: &Path, name: &str, definitions: &Definitions) -> Result<()> {
        if self.0.contains_key(name) {
            return Ok(());
        }
        let path = folder.join(name);
        let value = if name.ends_with(".xml") {
            from_xml(&read(&path)?, definitions)?
        } else {
            read_json(&path)?
        };
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// The text of an item that is no element.
fn text_of(item: &Item<'_>) -> String {
    match item {
        Item::Node(_) => String::new(),
        Item::Boolean(value) => value.to_string(),
        Item::Integer(value) => value.to_string(),
        Item::Decimal(value) => value.to_string(),
        Item::String(text) => text.to_string(),
        Item::Temporal(value) => value.to_string(),
        Item::Quantity(value) => value.to_string(),
        Item::Type { name, .. } => name.to_string(),
        Item::Target(name) => (*name).to_string(),
    }
}
