//! What came of a run.

use crate::clock::Instant;

/// What came of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    /// A condition that does not apply, or an action that was not reached.
    Skip(String),
    /// An assert that does not hold but only warns.
    Warning(Fault),
    Fail(Fault),
    /// The action could not be carried out.
    Error(Fault),
    /// This runner does not do it: the test is skipped.
    Unsupported(String),
}

/// What was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub expected: String,
    pub found: String,
}

impl Fault {
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: shorten(&found.into()),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// Bodies of servers can be long; a line for a person is not.
fn shorten(text: &str) -> String {
    const MOST: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST {
        return line;
    }
    let mut short: String = line.chars().take(MOST).collect();
    short.push('…');
    short
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    Operation,
    Assert,
}

#[derive(Clone, Debug)]
pub struct ActionResult {
    pub kind: ActionKind,
    pub label: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    Passed,
    /// The action that failed, and how.
    Failed {
        action: String,
        fault: Fault,
    },
    Skipped(String),
}

#[derive(Clone, Debug)]
pub struct TestResult {
    pub name: String,
    pub description: Option<String>,
    pub outcome: TestOutcome,
    pub actions: Vec<ActionResult>,
}

#[derive(Clone, Debug)]
pub struct ScriptResult {
    pub file: String,
    pub name: String,
    pub id: Option<String>,
    pub url: Option<String>,
    pub setup: Vec<ActionResult>,
    /// The action of setup that failed, and how.
    pub setup_failed: Option<(String, Fault)>,
    pub tests: Vec<TestResult>,
    pub teardown: Vec<ActionResult>,
    pub ended: Instant,
}

/// How many tests came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

#[derive(Clone, Debug, Default)]
pub struct SuiteResult {
    pub scripts: Vec<ScriptResult>,
}

impl ScriptResult {
    /// A file that says it is a TestScript and cannot be read counts as one test not run.
    pub(super) fn unreadable(file: String, reason: String, now: Instant) -> Self {
        Self {
            name: file.clone(),
            file,
            id: None,
            url: None,
            setup: Vec::new(),
            setup_failed: None,
            tests: vec![TestResult {
                name: "the whole script".to_owned(),
                description: None,
                outcome: TestOutcome::Skipped(format!("the script cannot be read: {reason}")),
                actions: Vec::new(),
            }],
            teardown: Vec::new(),
            ended: now,
        }
    }

    pub fn score(&self) -> Score {
        let mut score = Score::default();
        for test in &self.tests {
            let count = match test.outcome {
                TestOutcome::Passed => &mut score.passed,
                TestOutcome::Failed { .. } => &mut score.failed,
                TestOutcome::Skipped(_) => &mut score.skipped,
            };
            *count = count.saturating_add(1);
        }
        score
    }
}

impl SuiteResult {
    pub fn score(&self) -> Score {
        let mut sum = Score::default();
        for score in self.scripts.iter().map(ScriptResult::score) {
            sum.passed = sum.passed.saturating_add(score.passed);
            sum.failed = sum.failed.saturating_add(score.failed);
            sum.skipped = sum.skipped.saturating_add(score.skipped);
        }
        sum
    }

    /// Whether nothing failed, setups included.
    pub fn is_clean(&self) -> bool {
        self.score().failed == 0 && self.scripts.iter().all(|s| s.setup_failed.is_none())
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Score {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
