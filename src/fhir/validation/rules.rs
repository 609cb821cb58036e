//! The rules of ours, each with its key, its issue type and its message in English and Italian.
//!
//! `{0}`, `{1}` are what was expected or found. Source of the codes: FHIR R4 value set *issue-type*.

use super::finding::Language;

/// A rule that a finding tells to be broken, or a fact worth telling.
#[derive(Debug)]
pub struct Rule {
    /// Names the rule for programs: `cardinality-min`.
    pub key: &'static str,
    /// A code of the value set `issue-type`.
    pub code: &'static str,
    en: &'static str,
    it: &'static str,
}

impl Rule {
    const fn new(
        key: &'static str,
        code: &'static str,
        en: &'static str,
        it: &'static str,
    ) -> Self {
        Self { key, code, en, it }
    }

    /// The message with its places filled.
    pub fn message(&self, language: Language, arguments: &[String]) -> String {
        let pattern = match language {
            Language::English => self.en,
            Language::Italian => self.it,
        };
        let mut text = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((number, after)) = after.split_once('}') else {
                break;
            };
            let argument = number
                .parse()
                .ok()
                .and_then(|number: usize| arguments.get(number));
            text.push_str(argument.map_or("", String::as_str));
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

pub static SHAPE: Rule = Rule::new("shape", "structure", "{0}", "{0}");
pub static SHAPE_VALUE: Rule = Rule::new("shape-value", "value", "{0}", "{0}");
pub static UNLISTED: Rule = Rule::new(
    "unlisted",
    "informational",
    "more findings are not listed: {0} errors, {1} warnings, {2} of information",
    "altri rilievi non sono elencati: {0} errori, {1} avvisi, {2} informazioni",
);
