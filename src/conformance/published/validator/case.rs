//! The manifest of the suite.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::fhir::validation::Settings;

/// One resource to validate, as the manifest has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    pub name: String,
    /// `base`, `profile` or `matchetype`, which compares with a pattern file and is no validation.
    step: String,
    pub file: String,
    /// `json` or `xml`.
    pub format: String,
    /// To validate against besides those of `meta.profile`.
    pub profiles: Vec<String>,
    /// Conformance resources to load first.
    pub supporting: Vec<String>,
    /// Packages to load before them.
    pub packages: Vec<String>,
    options: Options,
    /// Whether an error depends on a terminology server.
    tx_errors: bool,
    /// What the case needs beyond R4.
    needs: Vec<String>,
    pub expected: Expected,
}

/// Switches of the reference validator that have one here too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Options {
    examples: Option<bool>,
    #[serde(rename = "security-checks")]
    security_checks: bool,
    #[serde(rename = "noHtmlInMarkdown")]
    no_html_in_markdown: bool,
    #[serde(rename = "no-experimental-content")]
    no_experimental_content: bool,
    #[serde(rename = "validateReference")]
    validate_reference: Option<String>,
}

/// What the reference validator finds.
#[derive(Clone, Debug, Deserialize)]
pub struct Expected {
    /// How many issues are errors or fatal.
    pub errors: usize,
    pub error_issues: Vec<ExpectedIssue>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ExpectedIssue {
    pub code: String,
    pub expression: Vec<String>,
    pub details: String,
}

impl Case {
    /// How strict the validator is to be.
    pub fn settings(&self) -> Settings {
        let options = &self.options;
        let checks = |text: &String| text.starts_with("CHECK_");
        Settings {
            findings: usize::MAX,
            examples: options.examples.unwrap_or(true),
            no_html: options.security_checks || options.no_html_in_markdown,
            experimental: !options.no_experimental_content,
            resolve_references: options.validate_reference.as_ref().is_some_and(checks),
            ..Settings::default()
        }
    }

    /// Why the case says nothing about a validator of R4 that asks no other server.
    pub fn left_out(&self) -> Option<String> {
        if self.step == "matchetype" {
            Some("compares with a pattern file, which is no validation".to_owned())
        } else if !self.needs.is_empty() {
            Some(format!("needs {}", self.needs.join(", ")))
        } else if self.tx_errors {
            Some("an error depends on a terminology server".to_owned())
        } else {
            None
        }
    }
}

/// Reads the manifest, or of it the cases with these names.
///
/// # Errors
/// `Invalid` when it is no manifest or lacks one of the names.
pub fn read(suite: &Path, only: &[String]) -> Result<Vec<Case>> {
    let file = suite.join("manifest.json");
    let invalid = |what: &str| Error::of(Kind::Invalid, format!("{}: {what}", file.display()));
    let text = std::fs::read(&file).map_err(|error| invalid("cannot be read").because(error))?;
    let mut cases: Vec<Case> = serde_json::from_slice(&text)
        .map_err(|error| invalid("expected the cases of a validator").because(error))?;
    for name in only {
        if !cases.iter().any(|case| case.name == *name) {
            return Err(invalid(&format!("has no case {name}")));
        }
    }
    if !only.is_empty() {
        cases.retain(|case| only.contains(&case.name));
    }
    Ok(cases)
}
