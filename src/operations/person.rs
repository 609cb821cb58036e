//! What tells one person from another, and how two descriptions agree.
//!
//! Weights and thresholds are explained in docs/decisions/0015-patient-match.md.

use std::collections::BTreeSet;

use crate::fhir::model::value::Value;
use crate::fhir::search::fold;
use crate::fse::identifiers::{
    CODICE_FISCALE, CodiceFiscale, check_codice_fiscale, normalise_codice_fiscale,
};

/// A person as a Patient resource describes them, in the form that is compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// System and value; without a system an identifier tells nothing.
    pub identifiers: BTreeSet<(String, String)>,
    /// Folded, letters and digits only.
    pub families: BTreeSet<String>,
    pub givens: BTreeSet<String>,
    pub birth: Option<String>,
    pub gender: Option<String>,
}

/// `match-grade` of R4, of those that are told: what is certainly not the person is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Possible,
    Probable,
    Certain,
}

impl Grade {
    pub fn code(self) -> &'static str {
        match self {
            Grade::Possible => "possible",
            Grade::Probable => "probable",
            Grade::Certain => "certain",
        }
    }
}

/// How two values agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreement {
    Same,
    Near,
    Differs,
    /// One of them is not known.
    Unknown,
}

impl Agreement {
    /// Hundredths of the weight of the field.
    fn share(self) -> u32 {
        match self {
            Agreement::Same => 100,
            Agreement::Near => 60,
            Agreement::Unknown => 50,
            Agreement::Differs => 0,
        }
    }
}

/// What a field is worth.
const IDENTIFIER: u32 = 8;
const BIRTH: u32 = 4;
const FAMILY: u32 = 3;
const GIVEN: u32 = 3;
const GENDER: u32 = 1;
/// Fields of less weight together are not enough to be sure of anything.
const ENOUGH: u32 = 8;
/// Hundredths below which nothing is told.
const POSSIBLE: u32 = 60;

impl Person {
    /// Reads a Patient.
    pub fn read(patient: &Value) -> Self {
        let identifiers = patient.items_at("identifier").iter().filter_map(|one| {
            let (system, value) = (one.str_at("system")?, one.str_at("value")?);
            (!system.is_empty() && !value.is_empty()).then(|| identifier(system, value))
        });
        let (mut families, mut givens) = (BTreeSet::new(), BTreeSet::new());
        for name in patient.items_at("name") {
            families.extend(name.str_at("family").map(letters));
            let each = name.items_at("given").iter().filter_map(Value::as_str);
            // Several names in one text are several names.
            givens.extend(each.flat_map(str::split_whitespace).map(letters));
        }
        families.remove("");
        givens.remove("");
        let text = |name: &str| patient.str_at(name).map(str::to_owned);
        Self {
            identifiers: identifiers.collect(),
            families,
            givens,
            birth: text("birthDate"),
            gender: text("gender").filter(|gender| matches!(gender.as_str(), "male" | "female")),
        }
    }

    /// How sure it is that `found` is this person, and a score from 0 to 100 in the same order; `None`
    /// where it is someone else, or nothing speaks for it.
    pub fn compare(&self, found: &Person) -> Option<(Grade, u32)> {
        if self.has_other_codice_fiscale(found) {
            return None;
        }
        let identifier = self.identifier(found);
        let birth = both(self.birth.as_deref(), found.birth.as_deref(), dates);
        let family = names(&self.families, &found.families);
        let given = names(&self.givens, &found.givens);
        let gender = both(self.gender.as_deref(), found.gender.as_deref(), |a, b| {
            if a == b {
                Agreement::Same
            } else {
                Agreement::Differs
            }
        });
        let fields = [
            (!self.identifiers.is_empty(), IDENTIFIER, identifier),
            (self.birth.is_some(), BIRTH, birth),
            (!self.families.is_empty(), FAMILY, family),
            (!self.givens.is_empty(), GIVEN, given),
            (self.gender.is_some(), GENDER, gender),
        ];
        let (mut sum, mut whole) = (0u32, 0u32);
        for (_, weight, agreement) in fields.iter().filter(|(given, ..)| *given) {
            sum = sum.saturating_add(weight.saturating_mul(agreement.share()));
            whole = whole.saturating_add(*weight);
        }
        let score = sum.checked_div(whole.max(ENOUGH)).unwrap_or(0);

        let alike = [birth, family, given]
            .iter()
            .all(|one| *one == Agreement::Same);
        let some_differ = [birth, family, given, gender].contains(&Agreement::Differs);
        let grade = match identifier {
            Agreement::Same if !some_differ => Grade::Certain,
            Agreement::Same if birth == Agreement::Same || family == Agreement::Same => {
                Grade::Probable
            }
            Agreement::Same => Grade::Possible,
            Agreement::Differs if alike => Grade::Possible,
            _ if alike && gender != Agreement::Differs => Grade::Probable,
            // Of the same name there are many.
            _ if birth == Agreement::Differs || score < POSSIBLE => return None,
            _ => Grade::Possible,
        };
        // Each grade has its part of the scale, so that the order by score is one by grade.
        let (floor, width) = match grade {
            Grade::Certain => (90, 10),
            Grade::Probable => (70, 19),
            Grade::Possible => (0, 69),
        };
        let within = score.saturating_mul(width).checked_div(100).unwrap_or(0);
        Some((grade, within.saturating_add(floor)))
    }

    /// Both have a valid codice fiscale, and none in common: everybody has one of their own.
    fn has_other_codice_fiscale(&self, found: &Person) -> bool {
        let (own, other) = (self.codici_fiscali(), found.codici_fiscali());
        !own.is_empty() && !other.is_empty() && own.is_disjoint(&other)
    }

    fn codici_fiscali(&self) -> BTreeSet<&str> {
        let all = self.identifiers.iter();
        all.filter(|(system, value)| {
            is_codice_fiscale(system) && check_codice_fiscale(value) == CodiceFiscale::Valid
        })
        .map(|(_, value)| value.as_str())
        .collect()
    }

    fn identifier(&self, found: &Person) -> Agreement {
        if !self.identifiers.is_disjoint(&found.identifiers) {
            return Agreement::Same;
        }
        let systems = |person: &Person| -> BTreeSet<String> {
            let all = person.identifiers.iter();
            all.map(|(system, _)| system.clone()).collect()
        };
        if systems(self).is_disjoint(&systems(found)) {
            Agreement::Unknown
        } else {
            Agreement::Differs
        }
    }
}

fn is_codice_fiscale(system: &str) -> bool {
    system.strip_prefix("urn:oid:") == Some(CODICE_FISCALE)
}

/// A codice fiscale is the same in lower case.
fn identifier(system: &str, value: &str) -> (String, String) {
    let value = if is_codice_fiscale(system) {
        normalise_codice_fiscale(value).to_string()
    } else {
        value.to_owned()
    };
    (system.to_owned(), value)
}

/// Letters and digits without case and accents: `D'Angelò` is `dangelo`.
fn letters(text: &str) -> String {
    fold(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn both(a: Option<&str>, b: Option<&str>, compare: impl Fn(&str, &str) -> Agreement) -> Agreement {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Agreement::Unknown,
    }
}

/// Dates of birth: near are one of less precision that does not contradict, a day and a month that changed
/// places, and one wrong digit.
fn dates(a: &str, b: &str) -> Agreement {
    if a == b {
        return Agreement::Same;
    }
    if a.starts_with(b) || b.starts_with(a) {
        return Agreement::Near;
    }
    let turned = |text: &str| {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        Some(format!("{year}-{day}-{month}"))
    };
    let digits =
        a.len() == b.len() && a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count() == 1;
    if digits || turned(a).as_deref() == Some(b) {
        Agreement::Near
    } else {
        Agreement::Differs
    }
}

/// Names: one in common; near are a beginning of three letters or more, and one wrong letter.
fn names(a: &BTreeSet<String>, b: &BTreeSet<String>) -> Agreement {
    if a.is_empty() || b.is_empty() {
        return Agreement::Unknown;
    }
    if !a.is_disjoint(b) {
        return Agreement::Same;
    }
    let near = a.iter().any(|a| b.iter().any(|b| is_near(a, b)));
    if near {
        Agreement::Near
    } else {
        Agreement::Differs
    }
}

/// As many letters as are looked at.
const LONGEST: usize = 40;

fn is_near(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let short: Vec<char> = short.chars().take(LONGEST).collect();
    let long: Vec<char> = long.chars().take(LONGEST).collect();
    if short.len() < 3 {
        return false;
    }
    if long.starts_with(&short) {
        return true;
    }
    // One letter changed, or one too many: what is before and after it agrees.
    let same = |pair: &(&char, &char)| pair.0 == pair.1;
    let before = short.iter().zip(&long).take_while(same).count();
    let after = short
        .iter()
        .rev()
        .zip(long.iter().rev())
        .take_while(same)
        .count();
    let covered = before.saturating_add(after).saturating_add(1);
    match long.len().saturating_sub(short.len()) {
        0 => covered >= short.len(),
        1 => covered >= long.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;

    const CF: &str = "urn:oid:2.16.840.1.113883.2.9.4.3.2";

    fn person(family: &str, given: &str, birth: &str, gender: &str, id: &str) -> Person {
        let identifier = id
            .split_once('|')
            .map(|(system, value)| {
                format!(r#","identifier":[{{"system":"{system}","value":"{value}"}}]"#)
            })
            .unwrap_or_default();
        let text = format!(
            r#"{{"resourceType":"Patient","name":[{{"family":"{family}","given":["{given}"]}}],"gender":"{gender}","birthDate":"{birth}"{identifier}}}"#
        );
        Person::read(&json::parse(text.as_bytes(), &json::Limits::default()).unwrap())
    }

    #[track_caller]
    fn check(found: &Person, expected: Option<Grade>) {
        let cf = format!("{CF}|RSSMRA80A01H501U");
        let asked = person("Ròssi", "MARIA Anna", "1980-01-01", "male", &cf);
        let compared = asked.compare(found);
        assert_eq!(compared.map(|(grade, _)| grade), expected, "{found:?}");
    }

    #[test]
    fn match_grades() {
        let cf = |value: &str| format!("{CF}|{value}");
        let own = cf("rssmra80a01h501u");
        let other = cf("VRDLGU75B12F205B");
        let (rossi, maria, born) = ("Rossi", "Maria", "1980-01-01");
        check(
            &person(rossi, maria, born, "male", &own),
            Some(Grade::Certain),
        );
        check(
            &person("Rosi", maria, "1980-01-02", "", &own),
            Some(Grade::Certain),
        );
        check(
            &person("Bianchi", maria, born, "male", &own),
            Some(Grade::Probable),
        );
        check(
            &person("Bianchi", "Ugo", "1955-07-31", "female", &own),
            Some(Grade::Possible),
        );
        check(
            &person(rossi, maria, born, "male", ""),
            Some(Grade::Probable),
        );
        check(
            &person(rossi, maria, born, "female", ""),
            Some(Grade::Possible),
        );
        check(
            &person(rossi, "Mario", "1980-01-01", "male", ""),
            Some(Grade::Possible),
        );
        check(&person(rossi, "Ugo", "1955-07-31", "male", ""), None);
        // Everything agrees but what everybody has of their own.
        check(&person(rossi, maria, born, "male", &other), None);
        // No codice fiscale, so it may be a mistake.
        check(
            &person(rossi, maria, born, "male", &cf("X")),
            Some(Grade::Possible),
        );
    }

    #[test]
    fn match_scores_are_in_the_order_of_grades() {
        let cf = format!("{CF}|RSSMRA80A01H501U");
        let asked = person("Rossi", "Maria", "1980-01-01", "male", &cf);
        let mut last = None;
        for found in [
            person("Bianchi", "Ugo", "1955-07-31", "female", &cf),
            person("Rossi", "Maria", "1980-01-01", "male", ""),
            person("Rossi", "Maria", "1980-01-01", "female", &cf),
            person("Rossi", "Maria", "1980-01-01", "male", &cf),
        ] {
            let score = asked.compare(&found);
            assert!(score > last, "{score:?} {last:?}");
            last = score;
        }
        assert_eq!(last, Some((Grade::Certain, 100)));
    }

    #[test]
    fn match_names_and_dates() {
        for (a, b, near) in [
            ("rossi", "rosi", true),
            ("rossi", "rossa", true),
            ("rossi", "ossi", true),
            ("rossi", "rossini", true),
            ("rossi", "russa", false),
            ("rossi", "bianchi", false),
            ("li", "lia", false),
            ("abc", "acb", false),
        ] {
            assert_eq!(is_near(a, b), near, "{a} {b}");
            assert_eq!(is_near(b, a), near, "{b} {a}");
        }
        for (a, b, expected) in [
            ("1980-01-01", "1980-01-01", Agreement::Same),
            ("1980-01-01", "1980", Agreement::Near),
            ("1980-01-02", "1980-02-01", Agreement::Near),
            ("1980-01-02", "1981-01-02", Agreement::Near),
            ("1980-01-02", "1981-01-03", Agreement::Differs),
            ("1980", "1981-01", Agreement::Differs),
        ] {
            assert_eq!(dates(a, b), expected, "{a} {b}");
        }
        assert_eq!(letters("D'Angelò  de Rossi"), "dangeloderossi");
    }
}
