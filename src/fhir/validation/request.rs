//! What a validation is asked to do, and how strict a server is.

use crate::clock::Instant;
use crate::error::Severity;
use crate::fhir::fhirpath::References;
use crate::fhir::model::value::Text;
use crate::fhir::terminology::{ConceptSource, NothingStored};

/// What becomes of an extension that nobody defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// Any extension may be used: an information says that it was not checked.
    Open,
    /// A warning.
    Warn,
    /// An error.
    Known,
}

/// How strict a server is. The same for all requests.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Findings told one by one; the others are counted.
    pub findings: usize,
    /// What a broken best practice is; `None`: best practices are not looked at.
    pub best_practices: Option<Severity>,
    pub extensions: Extensions,
    /// Whether URLs of example domains may be used (`example.org`).
    pub examples: bool,
    /// Whether text that looks like HTML is an error in strings and markdown.
    pub no_html: bool,
    /// Whether definitions marked as experimental may be used.
    pub experimental: bool,
    /// Whether a reference that leads to nothing is an error.
    pub resolve_references: bool,
    /// Steps that a validation may take, about one for each element and rule.
    pub steps: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            findings: 100,
            best_practices: Some(Severity::Warning),
            extensions: Extensions::Warn,
            examples: true,
            no_html: false,
            experimental: true,
            resolve_references: false,
            steps: 5_000_000,
        }
    }
}

/// What one validation is about, besides the resource.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Canonical URLs, `|version` allowed, to validate against besides `meta.profile`.
    pub profiles: &'a [Text],
    /// Finds the resources that references lead to. `None`: they are not looked at.
    pub references: Option<&'a dyn References>,
    /// Code systems and value sets that clients stored.
    pub concepts: &'a dyn ConceptSource,
    /// What `now()` and `today()` are in invariants.
    pub now: Option<Instant>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            profiles: &[],
            references: None,
            concepts: &NothingStored,
            now: None,
        }
    }
}
