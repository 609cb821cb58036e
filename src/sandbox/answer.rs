//! What a child says to its parent: a result, or an error from which the parent makes the same.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Issue, Kind, Result, Severity};

const RESULT: u8 = b'0';
const ERROR: u8 = b'1';

/// Writes the answer of a parser.
pub(super) fn write(result: Result<Vec<u8>>) -> Vec<u8> {
    match result {
        Ok(mut payload) => {
            payload.insert(0, RESULT);
            payload
        }
        Err(error) => {
            let wire = Wire {
                kind: format!("{:?}", error.kind()),
                issues: error.issues().iter().map(WireIssue::of).collect(),
            };
            let mut bytes = vec![ERROR];
            // Only texts are written; should it fail, the parent sees a broken answer.
            bytes.extend(serde_json::to_vec(&wire).unwrap_or_default());
            bytes
        }
    }
}

/// Reads the answer of a child.
pub(super) fn read(mut output: Vec<u8>) -> Result<Vec<u8>> {
    match output.first() {
        Some(&RESULT) => {
            output.remove(0);
            Ok(output)
        }
        Some(&ERROR) => Err(read_error(output.get(1..).unwrap_or_default())),
        _ => Err(Error::internal("the sandbox gave no answer")),
    }
}

fn read_error(bytes: &[u8]) -> Error {
    let broken = || Error::internal("the sandbox gave a broken error");
    let Ok(wire) = serde_json::from_slice::<Wire>(bytes) else {
        return broken();
    };
    let Some(kind) = KINDS.iter().find(|kind| format!("{kind:?}") == wire.kind) else {
        return broken();
    };
    Error::from_issues(
        *kind,
        wire.issues
            .into_iter()
            .map(|issue| issue.into_issue(*kind))
            .collect(),
    )
}

#[derive(Serialize, Deserialize)]
struct Wire {
    kind: String,
    issues: Vec<WireIssue>,
}

#[derive(Serialize, Deserialize)]
struct WireIssue {
    severity: String,
    code: String,
    diagnostics: String,
    expression: Vec<String>,
}

impl WireIssue {
    fn of(issue: &Issue) -> Self {
        Self {
            severity: issue.severity.code().to_owned(),
            code: issue.code.to_owned(),
            diagnostics: issue.diagnostics.clone(),
            expression: issue.expression.clone(),
        }
    }

    fn into_issue(self, kind: Kind) -> Issue {
        let severity = [Severity::Information, Severity::Warning, Severity::Fatal]
            .into_iter()
            .find(|severity| severity.code() == self.severity)
            .unwrap_or(Severity::Error);
        let code = CODES.iter().find(|code| **code == self.code);
        Issue {
            expression: self.expression,
            ..Issue::new(
                severity,
                code.copied().unwrap_or(kind.issue_type()),
                self.diagnostics,
            )
        }
    }
}

/// The kinds that a pure parser may choose.
const KINDS: &[Kind] = &[
    Kind::Invalid,
    Kind::TooLarge,
    Kind::UnsupportedMediaType,
    Kind::Unprocessable,
    Kind::TooCostly,
    Kind::NotSupported,
    Kind::Internal,
];

/// The codes of *issue-type* that a pure parser may choose.
const CODES: &[&str] = &[
    "invalid",
    "structure",
    "required",
    "value",
    "security",
    "processing",
    "not-supported",
    "multiple-matches",
    "code-invalid",
    "too-long",
    "too-costly",
    "exception",
    "incomplete",
    "informational",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_comes_back() {
        assert_eq!(read(write(Ok(b"x".to_vec()))).unwrap(), b"x");
        assert_eq!(read(write(Ok(Vec::new()))).unwrap(), b"");
    }

    #[test]
    fn an_error_comes_back() {
        for kind in KINDS {
            let issues = vec![
                Issue::error("multiple-matches", "found 2").at("a").at("b"),
                Issue::warning("value", ""),
            ];
            let error = read(write(Err(Error::from_issues(*kind, issues.clone())))).unwrap_err();
            assert_eq!((error.kind(), error.issues()), (*kind, issues.as_slice()));
        }
    }

    #[test]
    fn anything_else_is_a_defect() {
        for bytes in ["", "2", "1", "1{}", "1{\"kind\":\"Nothing\",\"issues\":[]}"] {
            let error = read(bytes.as_bytes().to_vec()).unwrap_err();
            assert_eq!(error.kind(), Kind::Internal, "{bytes}");
        }
    }
}
