//! What a validation finds, and how much of it is told.

use std::collections::HashSet;

use super::rules::Rule;
use crate::error::{Issue, Severity};
use crate::fhir::model::value::Text;

/// The languages in which findings are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Italian,
}

/// One finding: which rule, where, what was expected and found.
#[derive(Clone, Debug)]
pub struct Finding {
    pub severity: Severity,
    pub rule: &'static Rule,
    /// The key of an invariant (`dom-6`); empty for all other rules.
    pub invariant: Text,
    /// A FHIRPath expression; empty where no element is meant.
    pub expression: String,
    /// The profile that asks for it, with its version; empty for rules that no profile states.
    pub profile: Text,
    /// What fills the places of the message.
    pub arguments: Vec<String>,
}

impl Finding {
    /// A code of the value set `issue-type`.
    pub fn code(&self) -> &'static str {
        self.rule.code
    }

    /// The key of the invariant, or that of the rule of ours: `dom-6`, `cardinality-min`.
    pub fn key(&self) -> &str {
        if self.invariant.is_empty() {
            self.rule.key
        } else {
            &self.invariant
        }
    }

    /// What was expected and what was found.
    pub fn message(&self, language: Language) -> String {
        self.rule.message(language, &self.arguments)
    }

    /// The finding as an issue of an OperationOutcome.
    pub fn issue(&self, language: Language) -> Issue {
        let mut issue = Issue::new(self.severity, self.code(), self.message(language));
        if !self.expression.is_empty() {
            issue = issue.at(self.expression.as_str());
        }
        issue
    }
}

/// All findings of a validation: so many one by one, of the others their number.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    most: usize,
    /// Not listed: errors and fatal ones, warnings, information.
    more: [usize; 3],
    seen: HashSet<u64>,
}

impl Findings {
    pub fn of_at_most(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Takes in a finding, unless the very same is there: several profiles may ask for one thing.
    pub fn push(&mut self, finding: Finding) {
        if !self.seen.insert(fingerprint(&finding)) {
            return;
        }
        if self.list.len() < self.most {
            self.list.push(finding);
        } else if let Some(more) = self.more.get_mut(class(finding.severity)) {
            *more = more.saturating_add(1);
        }
    }

    /// Takes in the findings of a part that was looked at by itself.
    pub fn extend(&mut self, other: Findings) {
        for finding in other.list {
            self.push(finding);
        }
        for (mine, theirs) in self.more.iter_mut().zip(other.more) {
            *mine = mine.saturating_add(theirs);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// How many there are that are at least errors, those not listed among them.
    pub fn errors(&self) -> usize {
        self.count(0)
    }

    pub fn warnings(&self) -> usize {
        self.count(1)
    }

    pub fn informations(&self) -> usize {
        self.count(2)
    }

    /// Whether the resource is valid: warnings do no harm.
    pub fn is_valid(&self) -> bool {
        self.errors() == 0
    }

    /// How many are counted but not listed.
    pub fn unlisted(&self) -> usize {
        self.more
            .iter()
            .fold(0, |all, one| all.saturating_add(*one))
    }

    /// The issues of an OperationOutcome, the most severe first; a last one tells how many are not listed.
    pub fn issues(&self, language: Language) -> Vec<Issue> {
        let mut listed: Vec<&Finding> = self.list.iter().collect();
        listed.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let mut issues: Vec<Issue> = listed.iter().map(|one| one.issue(language)).collect();
        if self.unlisted() > 0 {
            let [errors, warnings, informations] = self.more;
            let severity = match (errors, warnings) {
                (0, 0) => Severity::Information,
                (0, _) => Severity::Warning,
                _ => Severity::Error,
            };
            let counts = [errors, warnings, informations].map(|count| count.to_string());
            let text = super::rules::UNLISTED.message(language, &counts);
            issues.push(Issue::new(severity, super::rules::UNLISTED.code, text));
        }
        issues
    }

    fn count(&self, wanted: usize) -> usize {
        let listed = self.list.iter();
        let listed = listed.filter(|finding| class(finding.severity) == wanted);
        let more = self.more.get(wanted).copied().unwrap_or_default();
        listed.count().saturating_add(more)
    }
}

fn class(severity: Severity) -> usize {
    match severity {
        Severity::Fatal | Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Information => 2,
    }
}

/// Tells findings apart. The profile counts where its name stands in the message only: an invariant that
/// two profiles inherit is one finding.
fn fingerprint(finding: &Finding) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    finding.rule.key.hash(&mut hasher);
    finding.invariant.hash(&mut hasher);
    finding.expression.hash(&mut hasher);
    finding.arguments.hash(&mut hasher);
    std::mem::discriminant(&finding.severity).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::validation::rules;

    fn finding(number: usize, severity: Severity) -> Finding {
        Finding {
            severity,
            rule: &rules::SHAPE,
            invariant: Text::default(),
            expression: String::new(),
            profile: Text::default(),
            arguments: vec![number.to_string()],
        }
    }

    #[test]
    fn findings_are_bounded_and_counted() {
        let mut findings = Findings::of_at_most(2);
        for number in 0..5 {
            findings.push(finding(number, Severity::Error));
        }
        findings.push(finding(9, Severity::Warning));
        assert_eq!(findings.iter().count(), 2);
        assert_eq!((findings.errors(), findings.warnings()), (5, 1));
        let issues = findings.issues(Language::English);
        assert_eq!(issues.len(), 3);
        assert!(
            issues[2].diagnostics.contains("3 errors, 1 warnings"),
            "{:?}",
            issues[2]
        );
    }

    #[test]
    fn the_same_finding_is_told_once() {
        let mut findings = Findings::of_at_most(10);
        for number in [1, 1, 2] {
            findings.push(finding(number, Severity::Error));
        }
        assert_eq!(findings.errors(), 2);
        assert!(!findings.is_valid());
    }
}
