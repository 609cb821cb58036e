//! What came of a run.

use std::fmt;

use super::case::{Expected, ExpectedIssue};
use crate::error::{Issue, Severity};

/// What came of one case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    pub name: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// As many errors as expected.
    Passed(Comparison),
    Failed(Comparison),
    Skipped(String),
    /// A file of the suite that cannot be read: counts as failed.
    Unreadable(String),
}

/// Expected and found.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub expected: usize,
    pub found: usize,
    /// Expected errors at whose element no error is found, as lines.
    pub missing: Vec<String>,
    /// Errors found where none is expected, as lines.
    pub surplus: Vec<String>,
    /// What could not be loaded.
    pub notes: Vec<String>,
}

/// All results.
#[derive(Clone, Debug)]
pub struct SuiteResult {
    pub cases: Vec<CaseResult>,
}

/// How many cases passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    /// Cases in which both find an error, or both find none.
    pub same_verdict: usize,
}

impl Outcome {
    /// Compares what is expected with what is found.
    pub fn compare(expected: &Expected, findings: Vec<Issue>, notes: Vec<String>) -> Self {
        let errors: Vec<&Issue> = findings
            .iter()
            .filter(|issue| issue.severity >= Severity::Error)
            .collect();
        let mut left = errors.clone();
        let mut missing = Vec::new();
        for issue in &expected.error_issues {
            match left.iter().position(|found| same_place(issue, found)) {
                Some(position) => {
                    left.swap_remove(position);
                }
                None => missing.push(line(&issue.expression, &issue.code, &issue.details)),
            }
        }
        let comparison = Comparison {
            expected: expected.errors,
            found: errors.len(),
            missing,
            surplus: left
                .iter()
                .map(|issue| line(&issue.expression, issue.code, &issue.diagnostics))
                .collect(),
            notes,
        };
        if comparison.expected == comparison.found {
            Self::Passed(comparison)
        } else {
            Self::Failed(comparison)
        }
    }

    fn comparison(&self) -> Option<&Comparison> {
        match self {
            Self::Passed(comparison) | Self::Failed(comparison) => Some(comparison),
            Self::Skipped(_) | Self::Unreadable(_) => None,
        }
    }
}

impl SuiteResult {
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        for case in &self.cases {
            let count = match &case.outcome {
                Outcome::Passed(_) => &mut score.passed,
                Outcome::Failed(_) | Outcome::Unreadable(_) => &mut score.failed,
                Outcome::Skipped(_) => &mut score.skipped,
            };
            *count = count.saturating_add(1);
            if let Some(comparison) = case.outcome.comparison()
                && (comparison.expected > 0) == (comparison.found > 0)
            {
                score.same_verdict = score.same_verdict.saturating_add(1);
            }
        }
        score
    }
}

impl Score {
    /// The share of the cases that were run on whose verdict both agree, in words.
    pub fn verdicts(&self) -> String {
        let run = self.passed.saturating_add(self.failed);
        let share = self
            .same_verdict
            .saturating_mul(1000)
            .checked_div(run)
            .unwrap_or(0);
        format!(
            "{} of {run} have the same verdict ({}.{} %)",
            self.same_verdict,
            share / 10,
            share % 10
        )
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

fn line(expression: &[String], code: &str, text: &str) -> String {
    format!("{} {code}: {text}", expression.join(", "))
}

/// Whether two findings are about the same element. Both are FHIRPath, but the reference validator
/// adds comments, and of a choice its name stands without the type.
fn same_place(expected: &ExpectedIssue, found: &Issue) -> bool {
    expected.expression.iter().any(|expected| {
        let expected = place(expected);
        found
            .expression
            .iter()
            .any(|found| place(found) == expected)
    })
}

fn place(expression: &str) -> String {
    without(&without(expression, "/*", "*/"), ".ofType(", ")")
}

/// The text without what stands between two marks, and without the marks.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(from) {
        out.push_str(before);
        rest = after.split_once(to).map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(places: &[&str]) -> Expected {
        Expected {
            errors: places.len(),
            error_issues: places
                .iter()
                .map(|place| ExpectedIssue {
                    code: "invalid".to_owned(),
                    expression: vec![(*place).to_owned()],
                    details: "d".to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn a_case_passes_by_the_number_of_errors() {
        let found = vec![
            Issue::error("value", "x").at("A.b"),
            Issue::warning("value", "w").at("A.c"),
        ];
        let Outcome::Passed(same) = Outcome::compare(&expected(&["A.b"]), found.clone(), vec![])
        else {
            panic!("expected a pass");
        };
        assert!(same.missing.is_empty() && same.surplus.is_empty());
        let Outcome::Failed(other) = Outcome::compare(&expected(&["A.c", "A.b"]), found, vec![])
        else {
            panic!("expected a failure");
        };
        assert_eq!(other.missing, ["A.c invalid: d"]);
        assert!(other.surplus.is_empty());
    }

    #[test]
    fn places_are_compared_without_comments_and_types() {
        assert_eq!(
            place("Bundle.entry[0].resource/*Patient/null*/.name[0]"),
            "Bundle.entry[0].resource.name[0]"
        );
        assert_eq!(
            place("Observation.value.ofType(Quantity).code"),
            "Observation.value.code"
        );
    }

    #[test]
    fn the_verdict_is_whether_there_are_errors() {
        let run = |wanted: &[&str], found: usize| CaseResult {
            name: String::new(),
            outcome: Outcome::compare(
                &expected(wanted),
                vec![Issue::error("value", "x"); found],
                vec![],
            ),
        };
        let score = SuiteResult {
            cases: vec![
                run(&["a", "b"], 1),
                run(&[], 0),
                run(&[], 1),
                run(&["a"], 0),
            ],
        }
        .score();
        assert_eq!((score.passed, score.failed, score.same_verdict), (1, 3, 2));
        assert_eq!(score.verdicts(), "2 of 4 have the same verdict (50.0 %)");
    }
}
