//! Loads what a case needs and lets the validator judge its resource.

use std::path::PathBuf;
use std::sync::Arc;

use super::case::Case;
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::model::value::Text;
use crate::fhir::terminology::Terminology;
use crate::fhir::validation::{Language, Request, Validator};
use crate::fhir::xml;
use crate::packages::read_archive;

/// What is defined for a case, and what of it could not be loaded.
#[derive(Clone)]
struct Loaded {
    definitions: Arc<Definitions>,
    terminology: Arc<Terminology>,
    notes: Vec<String>,
}

impl Loaded {
    fn new(definitions: Definitions, notes: Vec<String>) -> Self {
        let definitions = Arc::new(definitions);
        Self {
            terminology: Arc::new(Terminology::new(Arc::clone(&definitions))),
            definitions,
            notes,
        }
    }
}

/// Judges the cases of one suite.
pub struct Judge {
    files: PathBuf,
    /// R4 alone.
    base: Loaded,
    /// The last that was loaded, with the names of its files: cases of one kind stand together.
    last: Option<(Vec<String>, Loaded)>,
}

impl Judge {
    pub fn new(files: PathBuf) -> Result<Self> {
        Ok(Self {
            files,
            base: Loaded::new(Definitions::r4()?, Vec::new()),
            last: None,
        })
    }

    /// The findings about the resource of a case, and what could not be loaded.
    ///
    /// # Errors
    /// When a file of the case cannot be read.
    pub fn findings(&mut self, case: &Case) -> Result<(Vec<Issue>, Vec<String>)> {
        let loaded = self.load(case)?;
        let text = self.file(&case.file)?;
        let read = match case.format.as_str() {
            "xml" => xml::from_xml(&text, &loaded.definitions),
            _ => json::parse(&text, &Limits::default()).map_err(Error::from),
        };
        let findings = match read {
            Ok(resource) => {
                let validator = Validator::new(
                    Arc::clone(&loaded.definitions),
                    Arc::clone(&loaded.terminology),
                    case.settings(),
                );
                let profiles: Vec<Text> = case.profiles.iter().map(Text::new).collect();
                let request = Request {
                    profiles: &profiles,
                    ..Request::default()
                };
                validator
                    .validate(&resource, &request)
                    .issues(Language::English)
            }
            Err(error) => error.into_issues(),
        };
        Ok((findings, loaded.notes))
    }

    fn load(&mut self, case: &Case) -> Result<Loaded> {
        let names: Vec<String> = case
            .packages
            .iter()
            .chain(&case.supporting)
            .cloned()
            .collect();
        if names.is_empty() {
            return Ok(self.base.clone());
        }
        if let Some((known, loaded)) = &self.last
            && *known == names
        {
            return Ok(loaded.clone());
        }
        let mut layers = Vec::new();
        let mut notes = Vec::new();
        for name in &case.packages {
            let package = read_archive(&self.file(name)?)?;
            layers.push(
                package
                    .resources
                    .into_iter()
                    .map(|(_, text)| text)
                    .collect(),
            );
        }
        let mut supporting = Vec::new();
        for name in &case.supporting {
            let text = self.file(name)?;
            if !name.ends_with(".xml") {
                supporting.push(text);
                continue;
            }
            match xml::from_xml(&text, &self.base.definitions) {
                Ok(resource) => supporting.push(json::to_vec(&resource)),
                Err(error) => notes.push(format!("{name} is not loaded: {error}")),
            }
        }
        layers.push(supporting);
        let (definitions, issues) = Definitions::with(layers)?;
        notes.extend(issues.into_iter().map(|issue| issue.diagnostics));
        let loaded = Loaded::new(definitions, notes);
        self.last = Some((names, loaded.clone()));
        Ok(loaded)
    }

    /// The bytes of a file, without the byte order mark that some have.
    fn file(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.files.join(name);
        let text = std::fs::read(&path).map_err(|error| {
            Error::of(Kind::Invalid, format!("{} cannot be read", path.display())).because(error)
        })?;
        Ok(match text.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) => rest.to_vec(),
            None => text,
        })
    }
}
