//! The validator: made once, asked by many threads.

use std::sync::Arc;

use super::finding::{Finding, Findings};
use super::request::{Request, Settings};
use super::{rules, shape};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::value::{Text, Value};
use crate::fhir::terminology::Terminology;

/// Validates resources against the definitions of R4 and against profiles.
pub struct Validator {
    definitions: Arc<Definitions>,
    #[expect(dead_code, reason = "bindings come with the next step")]
    terminology: Arc<Terminology>,
    settings: Settings,
}

impl Validator {
    /// A validator over one edition of the definitions. Compiles nothing yet.
    pub fn new(
        definitions: Arc<Definitions>,
        terminology: Arc<Terminology>,
        settings: Settings,
    ) -> Self {
        Self {
            definitions,
            terminology,
            settings,
        }
    }

    /// Validates a resource against its type, the profiles in its `meta.profile` and those of the request.
    pub fn validate(&self, resource: &Value, _request: &Request<'_>) -> Findings {
        let mut findings = Findings::of_at_most(self.settings.findings);
        for issue in shape::check(resource, &self.definitions) {
            findings.push(Finding {
                severity: issue.severity,
                rule: if issue.code == "value" {
                    &rules::SHAPE_VALUE
                } else {
                    &rules::SHAPE
                },
                invariant: Text::default(),
                expression: issue.expression.concat(),
                profile: Text::default(),
                arguments: vec![issue.diagnostics],
            });
        }
        findings
    }
}
