//! `Patient/$match`: who may be meant by a description.
//!
//! Source: FHIR R4 patient-operation-match.html; a paraphrase: a Patient that need not be valid, whether
//! only what is certain is wanted, and how many; the answer is ordered by score, and each entry has its
//! grade. Candidates are found by ordinary plans, a bounded number by each; weights are in `person`.

use super::person::{Grade, Person};
use super::{bad_value, unknown_parameter};
use crate::error::{Error, Issue, Kind, Result, Severity};
use crate::fhir::model::bundle::BundleWriter;
use crate::fhir::model::json;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fhir::search::{Bounds, Plan, TextLike, covered, fold, times, token};
use crate::fhir::validation::shape;
use crate::interactions::Node;
use crate::interactions::search::write_outcome;
use crate::interactions::write::{content, unreadable};
use crate::operations::parameters::value;
use crate::storage::{FoundOne, Page};

const TYPE: &str = "Patient";
/// Candidates by each plan.
const CANDIDATES: usize = 50;
/// Identifiers that are looked for.
const IDENTIFIERS: usize = 20;
const DEFAULT_COUNT: usize = 20;
const MOST_COUNT: usize = 100;
const NAMES: &str = "resource, onlyCertainMatches, count";

/// What is asked.
pub struct MatchRequest {
    patient: Value,
    only_certain: bool,
    count: usize,
}

impl MatchRequest {
    /// Reads the body, a Parameters resource or the Patient itself, and the parameters of the URL.
    ///
    /// # Errors
    /// `Invalid` without a Patient, for one that has not the shape of its type, and for any other parameter.
    pub fn read(node: &Node, body: &Value, pairs: &[(String, String)]) -> Result<Self> {
        let issues = shape::check(body, &node.definitions);
        if issues.iter().any(|issue| issue.severity >= Severity::Error) {
            return Err(Error::from_issues(Kind::Invalid, issues));
        }
        let mut request = Self {
            patient: Value::Null,
            only_certain: false,
            count: DEFAULT_COUNT,
        };
        for (name, text) in pairs {
            if !matches!(name.as_str(), "_format" | "_pretty") {
                request.option(name, text)?;
            }
        }
        if body.str_at("resourceType") == Some(TYPE) {
            request.patient = body.clone();
            return Ok(request);
        }
        if body.str_at("resourceType") != Some("Parameters") {
            return Err(bad_value("the body of $match", "Parameters or a Patient"));
        }
        for parameter in body.items_at("parameter") {
            let name = parameter.str_at("name").unwrap_or("");
            match (parameter.get("resource"), value(parameter)) {
                (Some(resource), _) if name == "resource" => {
                    if resource.str_at("resourceType") != Some(TYPE) {
                        return Err(bad_value(name, "a Patient"));
                    }
                    request.patient = resource.clone();
                }
                (_, Some((_, Value::Bool(value)))) => request.option(name, &value.to_string())?,
                (_, Some((_, Value::Number(text)))) => request.option(name, text)?,
                _ => return Err(unknown_parameter("$match", NAMES, name)),
            }
        }
        if request.patient == Value::Null {
            return Err(Error::new(
                Kind::Invalid,
                "required",
                "expected a Patient as the parameter resource, found none",
            ));
        }
        Ok(request)
    }

    fn option(&mut self, name: &str, text: &str) -> Result<()> {
        match name {
            "onlyCertainMatches" => {
                self.only_certain = match text {
                    "true" => true,
                    "false" => false,
                    _ => return Err(bad_value(name, "true or false")),
                };
            }
            "count" => {
                let count: Option<usize> = text.parse().ok().filter(|count| *count > 0);
                let count = count.ok_or_else(|| bad_value(name, "a positive number"))?;
                self.count = count.min(MOST_COUNT);
            }
            _ => return Err(unknown_parameter("$match", NAMES, name)),
        }
        Ok(())
    }
}

struct Matched {
    grade: Grade,
    score: u32,
    one: FoundOne,
    json: Vec<u8>,
}

/// Those who may be meant, as a Bundle.
pub fn find_match(node: &Node, request: &MatchRequest) -> Result<Vec<u8>> {
    let asked = Person::read(&request.patient);
    let plans = plans(&asked, &request.patient);
    let (mut matched, mut issues) = (Vec::<Matched>::new(), Vec::new());
    for plan in &plans {
        let selection = node.selection(TYPE, std::slice::from_ref(plan))?;
        let found = node.store.search(selection, Page::first(CANDIDATES))?;
        for (_, one) in found.found {
            if matched.iter().any(|other| other.one.pk == one.pk) {
                continue;
            }
            let json = match content(node, &one.version) {
                Err(error) if error.kind() == Kind::Damaged => {
                    issues.push(unreadable());
                    continue;
                }
                other => other?,
            };
            let tree = json::parse(&json, &node.choices.limits)?;
            if let Some((grade, score)) = asked.compare(&Person::read(&tree)) {
                matched.push(Matched {
                    grade,
                    score,
                    one,
                    json,
                });
            }
        }
    }
    matched.sort_by(|a, b| {
        let ids = || a.one.version.key.id.cmp(&b.one.version.key.id);
        b.score.cmp(&a.score).then_with(ids)
    });
    if plans.is_empty() {
        issues.push(Issue::warning(
            "incomplete",
            "expected an identifier with its system, or two of family name, given name and date of birth, found less",
        ));
    }
    if request.only_certain {
        matched.retain(|one| one.grade == Grade::Certain);
        if matched.len() > 1 {
            // R4: of several none is certain.
            matched.clear();
            issues.push(Issue::warning(
                "multiple-matches",
                "expected one certain match, found several",
            ));
        }
    }
    matched.truncate(request.count);
    Ok(write(node, &matched, &issues))
}

/// The ways to find candidates: by identifier, and by two of family name, given name and date of birth.
fn plans(asked: &Person, patient: &Value) -> Vec<Plan> {
    let mut plans = Vec::new();
    // As written, and as it is compared.
    let written = patient.items_at("identifier").iter().filter_map(|one| {
        let (system, value) = (one.str_at("system")?, one.str_at("value")?);
        (!system.is_empty() && !value.is_empty()).then(|| (system.to_owned(), value.to_owned()))
    });
    let mut any_of: Vec<String> = written
        .chain(asked.identifiers.iter().cloned())
        .take(IDENTIFIERS)
        .map(|(system, value)| token(&system, &value))
        .collect();
    any_of.sort_unstable();
    any_of.dedup();
    if !any_of.is_empty() {
        let code = Text::new("identifier");
        plans.push(Plan::Value { code, any_of });
    }
    let names = patient.items_at("name").iter();
    let families: Vec<&str> = names
        .clone()
        .filter_map(|name| name.str_at("family"))
        .collect();
    let givens: Vec<&str> = names
        .flat_map(|name| name.items_at("given"))
        .filter_map(Value::as_str)
        .collect();
    let by = [
        begins("family", &families),
        begins("given", &givens),
        asked.birth.as_deref().and_then(born),
    ];
    for (first, second) in [(0, 2), (1, 2), (0, 1)] {
        let pair = (by.get(first), by.get(second));
        if let (Some(Some(first)), Some(Some(second))) = pair {
            plans.push(Plan::All(vec![first.clone(), second.clone()]));
        }
    }
    plans
}

/// Letters by which a name is found; the rest may be written in many ways.
const BEGINNING: usize = 3;

/// One of some names begins like one that is given.
fn begins(code: &str, names: &[&str]) -> Option<Plan> {
    let mut beginnings: Vec<String> = names
        .iter()
        .map(|name| {
            let folded = fold(name).chars().collect::<Vec<_>>();
            let kept = folded.iter().take(BEGINNING);
            kept.take_while(|c| c.is_alphanumeric()).collect::<String>()
        })
        .filter(|beginning| !beginning.is_empty())
        .take(IDENTIFIERS)
        .collect();
    beginnings.sort_unstable();
    beginnings.dedup();
    let likes = beginnings.into_iter().map(|beginning| Plan::Text {
        code: Text::new(code),
        like: TextLike::StartsWith(beginning),
    });
    let likes: Vec<Plan> = likes.collect();
    (!likes.is_empty()).then(|| Plan::any(likes))
}

/// Born within the time that a date covers, or on a day of less precision that covers it.
fn born(date: &str) -> Option<Plan> {
    let (low, high) = covered(date)?;
    Some(Plan::Interval {
        code: Text::new("birthdate"),
        bounds: Bounds {
            classes: times(),
            low: (i64::MIN, high),
            high: (low, i64::MAX),
        },
    })
}

const GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

fn write(node: &Node, matched: &[Matched], issues: &[Issue]) -> Vec<u8> {
    let mut bundle = BundleWriter::new("searchset");
    bundle.total(i64::try_from(matched.len()).unwrap_or(i64::MAX));
    bundle.links(&[("self", format!("{}/Patient/$match", node.base))]);
    for one in matched {
        let version = &one.one.version;
        let mut extension = Object::new();
        extension.push("url", GRADE);
        extension.push("valueCode", one.grade.code());
        let mut search = Object::new();
        search.push("extension", vec![Value::Object(extension)]);
        search.push("mode", "match");
        search.push("score", Value::Number(Text::from(hundredths(one.score))));
        let mut entry = bundle.entry();
        entry.text("fullUrl", &format!("{}/{}", node.base, version.key));
        entry.raw("resource", &one.json);
        entry.raw("search", &json::to_vec(&Value::Object(search)));
        entry.end();
    }
    if !issues.is_empty() {
        write_outcome(&mut bundle, issues);
    }
    bundle.finish()
}

fn hundredths(score: u32) -> String {
    if score >= 100 {
        "1".to_owned()
    } else {
        format!("0.{score:02}")
    }
}
