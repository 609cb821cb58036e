//! Runs one script: setup, tests, teardown.
//!
//! Source: FHIR R4 *TestScript*. A failed assert ends its test; a failed setup keeps every test
//! from being run; teardown runs whatever happened once setup has begun.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::assertion;
use super::client::{Capability, Client};
use super::path::{self, PathError};
use super::result::{
    ActionKind, ActionResult, Fault, Outcome, ScriptResult, TestOutcome, TestResult,
};
use super::script::{Action, Operation, Script, Test};
use super::session::Session;
use super::support;
use super::{Options, World};

/// Rounds of one repeated test.
const ROUNDS: usize = 1000;

/// Where a script is run.
pub struct Place<'a> {
    pub options: &'a Options,
    pub world: &'a World<'a>,
    pub client: &'a Client,
    pub capability: &'a Capability,
    /// Folders in which fixtures may lie, canonical.
    pub roots: Vec<PathBuf>,
    /// Values of variables given from outside.
    pub variables: BTreeMap<String, String>,
}

/// How a list of actions ended.
enum End {
    Passed,
    Failed(String, Fault),
    Unsupported(String),
}

/// Runs a script to its end.
pub fn run(script: &Script, place: &Place<'_>) -> ScriptResult {
    let mut session = Session::new(script, place);
    let whole = whole_obstacle(script, &session);
    let obstacles: Vec<Option<String>> = script
        .tests
        .iter()
        .map(|test| whole.clone().or_else(|| test_obstacle(test, &session)))
        .collect();
    let mut result = ScriptResult {
        file: script.file.clone(),
        name: script.name.clone(),
        id: script.id.clone(),
        url: script.url.clone(),
        setup: Vec::new(),
        setup_failed: None,
        tests: Vec::new(),
        teardown: Vec::new(),
        ended: 0,
    };
    // Without a test to run, the server is left alone.
    let begins = obstacles.iter().any(Option::is_none);
    let mut reason = None;
    if begins {
        match setup(&mut session, &mut result.setup) {
            End::Passed => {}
            End::Failed(action, fault) => {
                reason = Some(format!("setup failed: {action}: {fault}"));
                result.setup_failed = Some((action, fault));
            }
            End::Unsupported(why) => reason = Some(format!("setup: {why}")),
        }
    }
    for (test, obstacle) in script.tests.iter().zip(obstacles) {
        result
            .tests
            .push(match obstacle.or_else(|| reason.clone()) {
                Some(reason) => skipped(test, reason),
                None => run_test(test, &mut session),
            });
    }
    if begins {
        teardown(&mut session, &mut result.teardown);
    }
    result.ended = place.world.clock.now();
    result
}

/// What keeps every test of a script from being run.
fn whole_obstacle(script: &Script, session: &Session<'_>) -> Option<String> {
    let fixtures = || {
        script
            .fixtures
            .iter()
            .filter(|fixture| fixture.autocreate)
            .find_map(|fixture| match session.fixture(&fixture.id) {
                Some(Err(reason)) => Some(format!("fixture {:?}: {reason}", fixture.id)),
                _ => None,
            })
    };
    script
        .unknown
        .clone()
        .or_else(|| lacking(&script.requires, session))
        .or_else(fixtures)
        .or_else(|| {
            support::obstacle(&script.setup, session).map(|reason| format!("setup, {reason}"))
        })
}

fn test_obstacle(test: &Test, session: &Session<'_>) -> Option<String> {
    if test.actions.is_empty() {
        return Some("the test has no action".to_owned());
    }
    let rounds = test.repeat.iter().fold(1_usize, |product, (_, values)| {
        product.saturating_mul(values.len())
    });
    if rounds > ROUNDS {
        return Some(format!(
            "the test is repeated {rounds} times, more than {ROUNDS}"
        ));
    }
    test.unknown
        .clone()
        .or_else(|| other_version(&test.versions, session))
        .or_else(|| lacking(&test.requires, session))
        .or_else(|| support::obstacle(&test.actions, session))
}

fn other_version(versions: &[String], session: &Session<'_>) -> Option<String> {
    if versions.is_empty() {
        return None;
    }
    let found = session.place.capability.as_ref().ok();
    let found = found.and_then(|capability| capability.str_at("fhirVersion"));
    let found = found.unwrap_or("4.0.1");
    let fits = versions
        .iter()
        .any(|version| found.starts_with(version.as_str()));
    (!fits).then(|| format!("for FHIR {}, the server has {found}", versions.join(", ")))
}

/// What the CapabilityStatement lacks of what is required.
fn lacking(requires: &[String], session: &Session<'_>) -> Option<String> {
    requires.iter().find_map(|expression| {
        let capability = match session.place.capability {
            Ok(capability) => capability,
            Err(reason) => {
                return Some(format!("the CapabilityStatement cannot be read: {reason}"));
            }
        };
        match path::holds(expression, capability, session.knowledge()) {
            Ok(true) => None,
            Ok(false) => Some(format!("the server does not declare {expression}")),
            Err(PathError::Unsupported(reason) | PathError::Fault(reason)) => Some(format!(
                "the requirement {expression} cannot be evaluated: {reason}"
            )),
        }
    })
}

fn setup(session: &mut Session<'_>, results: &mut Vec<ActionResult>) -> End {
    let script = session.script;
    for fixture in script.fixtures.iter().filter(|fixture| fixture.autocreate) {
        let operation = Operation {
            code: Some("create".to_owned()),
            encode: true,
            source_id: Some(fixture.id.clone()),
            ..Operation::default()
        };
        let label = format!("autocreate {}", fixture.id);
        let mut outcome = session.operate(&operation);
        if outcome == Outcome::Pass && session.created(&fixture.id).is_none() {
            let status = session.last.as_ref().map_or(0, |last| last.response.status);
            outcome = Outcome::Error(Fault::new("status 201", format!("status {status}")));
        }
        session.adopt(&fixture.id);
        let end = end_of(&label, &outcome);
        results.push(ActionResult {
            kind: ActionKind::Operation,
            label,
            outcome,
        });
        if let Some(end) = end {
            return end;
        }
    }
    run_actions(&script.setup, session, results)
}

fn run_test(test: &Test, session: &mut Session<'_>) -> TestResult {
    let mut actions = Vec::new();
    let mut outcome = TestOutcome::Passed;
    for round in rounds(&test.repeat) {
        let said: Vec<String> = round.iter().map(|(n, v)| format!("{n}={v}")).collect();
        session.round = round;
        let end = run_actions(&test.actions, session, &mut actions);
        session.round = BTreeMap::new();
        match end {
            End::Passed => continue,
            End::Unsupported(reason) => outcome = TestOutcome::Skipped(reason),
            End::Failed(action, fault) => {
                let action = if said.is_empty() {
                    action
                } else {
                    format!("{action} ({})", said.join(", "))
                };
                outcome = TestOutcome::Failed { action, fault };
            }
        }
        break;
    }
    TestResult {
        name: test.name.clone(),
        description: test.description.clone(),
        outcome,
        actions,
    }
}

/// Every combination of the values for which a test is repeated; one empty round without any.
fn rounds(repeat: &[(String, Vec<String>)]) -> Vec<BTreeMap<String, String>> {
    let mut rounds = vec![BTreeMap::new()];
    for (name, values) in repeat {
        let combine = |round: &BTreeMap<String, String>| {
            values
                .iter()
                .map(|value| {
                    let mut round = round.clone();
                    round.insert(name.clone(), value.clone());
                    round
                })
                .collect::<Vec<_>>()
        };
        rounds = rounds.iter().flat_map(combine).collect();
    }
    rounds
}

fn run_actions(
    actions: &[Action],
    session: &mut Session<'_>,
    results: &mut Vec<ActionResult>,
) -> End {
    // Alternatives: whether one of the group has held so far.
    let mut groups: HashMap<&str, bool> = HashMap::new();
    let mut end = End::Passed;
    for (index, action) in actions.iter().enumerate() {
        let label = action.label(index);
        let (kind, outcome) = match action {
            _ if !matches!(end, End::Passed) => {
                (kind_of(action), Outcome::Skip("not reached".to_owned()))
            }
            Action::Unknown(reason) => {
                (ActionKind::Operation, Outcome::Unsupported(reason.clone()))
            }
            Action::Operation(operation) => (ActionKind::Operation, session.operate(operation)),
            Action::Assert(assert) => {
                let mut outcome = assertion::judge(assert, session);
                if let Some(group) = assert.any_of.as_deref() {
                    let held = groups.entry(group).or_default();
                    *held = *held || outcome == Outcome::Pass;
                    outcome = alternative(outcome, *held, is_last(group, actions, index));
                } else if let (Outcome::Fail(fault), true) = (&outcome, assert.warning_only) {
                    outcome = Outcome::Warning(fault.clone());
                }
                (ActionKind::Assert, outcome)
            }
        };
        if let (End::Passed, Some(ended)) = (&end, end_of(&label, &outcome)) {
            end = ended;
        }
        results.push(ActionResult {
            kind,
            label,
            outcome,
        });
    }
    end
}

/// The outcome of one of several alternatives: only the last one tells that none has held.
fn alternative(outcome: Outcome, held: bool, last: bool) -> Outcome {
    let none = |found: String| Outcome::Fail(Fault::new("one of the alternatives to hold", found));
    match outcome {
        Outcome::Fail(fault) if last && !held => none(fault.to_string()),
        Outcome::Skip(reason) if last && !held => none(reason),
        Outcome::Fail(fault) => Outcome::Warning(fault),
        other => other,
    }
}

fn is_last(group: &str, actions: &[Action], index: usize) -> bool {
    !actions
        .iter()
        .skip(index.saturating_add(1))
        .any(|action| matches!(action, Action::Assert(a) if a.any_of.as_deref() == Some(group)))
}

fn kind_of(action: &Action) -> ActionKind {
    match action {
        Action::Assert(_) => ActionKind::Assert,
        _ => ActionKind::Operation,
    }
}

fn end_of(label: &str, outcome: &Outcome) -> Option<End> {
    match outcome {
        Outcome::Pass | Outcome::Skip(_) | Outcome::Warning(_) => None,
        Outcome::Fail(fault) | Outcome::Error(fault) => {
            Some(End::Failed(label.to_owned(), fault.clone()))
        }
        Outcome::Unsupported(reason) => Some(End::Unsupported(format!("{label}: {reason}"))),
    }
}

/// Every action is tried, whatever became of the one before.
fn teardown(session: &mut Session<'_>, results: &mut Vec<ActionResult>) {
    let script = session.script;
    for (index, action) in script.teardown.iter().enumerate() {
        let one = std::slice::from_ref(action);
        let outcome = match (support::obstacle(one, session), action) {
            (None, Action::Operation(operation)) => session.operate(operation),
            (Some(reason), _) => Outcome::Skip(reason),
            (None, _) => Outcome::Skip("only operations stand in a teardown".to_owned()),
        };
        results.push(ActionResult {
            kind: ActionKind::Operation,
            label: action.label(index),
            outcome,
        });
    }
    for fixture in script.fixtures.iter().filter(|fixture| fixture.autodelete) {
        let operation = Operation {
            code: Some("delete".to_owned()),
            encode: true,
            target_id: Some(fixture.id.clone()),
            ..Operation::default()
        };
        let outcome = match session.created(&fixture.id) {
            Some(_) => session.operate(&operation),
            None => Outcome::Skip("the fixture was not created".to_owned()),
        };
        results.push(ActionResult {
            kind: ActionKind::Operation,
            label: format!("autodelete {}", fixture.id),
            outcome,
        });
    }
}

fn skipped(test: &Test, reason: String) -> TestResult {
    let actions = test
        .actions
        .iter()
        .enumerate()
        .map(|(index, action)| ActionResult {
            kind: kind_of(action),
            label: action.label(index),
            outcome: Outcome::Skip("not run".to_owned()),
        });
    TestResult {
        name: test.name.clone(),
        description: test.description.clone(),
        actions: actions.collect(),
        outcome: TestOutcome::Skipped(reason),
    }
}
