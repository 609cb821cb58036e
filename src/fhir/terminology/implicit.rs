//! Code systems that are a grammar or a list of another standard, and value sets that stand in no
//! resource.
//!
//! Source: FHIR R4 *Using Codes*, terminologies-systems.html; BCP 13 (RFC 6838), BCP 47 (RFC 5646), UCUM,
//! ISO 3166-1, ISO 4217; snomedct.html#implicit.

use std::sync::{Arc, OnceLock};

use super::code_system::CodeSystem;
use super::filter::{Filter, Operator};
use super::value_set::Include;
use crate::fhir::model::value::Text;
use crate::fhir::ucum;

const SNOMED: &str = "http://snomed.info/sct";
const COUNTRIES: &str = "urn:iso:std:iso:3166";
const CURRENCIES: &str = "urn:iso:std:iso:4217";

/// The code systems of this page.
pub const SYSTEMS: [&str; 6] = [
    "urn:ietf:bcp:13",
    "urn:ietf:bcp:47",
    "urn:ietf:rfc:3986",
    ucum::SYSTEM,
    COUNTRIES,
    CURRENCIES,
];

/// A code system whose codes follow from a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// `urn:ietf:bcp:13`
    MediaType,
    /// `urn:ietf:bcp:47`
    Language,
    /// `http://unitsofmeasure.org`
    Unit,
    /// `urn:ietf:rfc:3986`
    Uri,
}

impl Grammar {
    /// The grammar of a code system.
    pub fn of(system: &str) -> Option<Self> {
        Some(match system {
            "urn:ietf:bcp:13" => Grammar::MediaType,
            "urn:ietf:bcp:47" => Grammar::Language,
            ucum::SYSTEM => Grammar::Unit,
            "urn:ietf:rfc:3986" => Grammar::Uri,
            _ => return None,
        })
    }

    /// Whether a code follows it.
    pub fn accepts(self, code: &str) -> bool {
        match self {
            Grammar::MediaType => is_media_type(code),
            Grammar::Language => is_language(code),
            Grammar::Unit => ucum::is_valid(code),
            Grammar::Uri => is_uri(code),
        }
    }
}

/// RFC 6838: `type/subtype`, with parameters behind a semicolon.
fn is_media_type(code: &str) -> bool {
    let (name, parameters) = match code.split_once(';') {
        Some((name, rest)) => (name, Some(rest)),
        None => (code, None),
    };
    let restricted = |text: &str| {
        text.len() <= 127
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let parameter = |text: &str| {
        text.split_once('=').is_some_and(|(name, value)| {
            restricted(name.trim())
                && !value.is_empty()
                && value.bytes().all(|b| (0x20..0x7f).contains(&b))
        })
    };
    name.trim_end()
        .split_once('/')
        .is_some_and(|(kind, subtype)| restricted(kind) && restricted(subtype))
        && parameters.is_none_or(|rest| rest.split(';').all(parameter))
}

/// RFC 5646: the parts of a tag in their order.
fn is_language(code: &str) -> bool {
    let parts: Vec<&str> = code.split('-').collect();
    let letters = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let word = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let Some((first, rest)) = parts.split_first() else {
        return false;
    };
    if first.eq_ignore_ascii_case("x") {
        return !rest.is_empty() && rest.iter().all(|part| word(part, 1..=8));
    }
    if !letters(first, 2..=8) {
        return false;
    }
    let mut rest = rest.iter().copied().peekable();
    for _ in 0..3 {
        if first.len() < 4 {
            rest.next_if(|part| letters(part, 3..=3));
        }
    }
    rest.next_if(|part| letters(part, 4..=4));
    rest.next_if(|part| {
        letters(part, 2..=2) || (part.len() == 3 && part.bytes().all(|b| b.is_ascii_digit()))
    });
    while rest
        .next_if(|part| {
            word(part, 5..=8)
                || (word(part, 4..=4) && part.starts_with(|c: char| c.is_ascii_digit()))
        })
        .is_some()
    {}
    // Extensions and private use: a single character, then words.
    while let Some(singleton) = rest.next() {
        if !word(singleton, 1..=1) {
            return false;
        }
        let least = if singleton.eq_ignore_ascii_case("x") {
            1
        } else {
            2
        };
        let mut words = 0usize;
        while rest.next_if(|part| word(part, least..=8)).is_some() {
            words = words.saturating_add(1);
        }
        if words == 0 {
            return false;
        }
    }
    true
}

/// RFC 3986: a scheme, a colon, and no white space.
fn is_uri(code: &str) -> bool {
    code.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !rest.is_empty()
            && rest.chars().all(|c| !c.is_whitespace() && !c.is_control())
    })
}

/// ISO 3166-1: each country by two letters, three letters and three digits.
const COUNTRY_CODES: &str = include_str!("../../../fhir-profiles/iso-3166-1.tsv");
/// ISO 4217: currencies in use.
const CURRENCY_CODES: &str = include_str!("../../../fhir-profiles/iso-4217.tsv");

/// A code system of another standard that comes with the server.
pub fn built_in(url: &str) -> Option<Arc<CodeSystem>> {
    static COUNTRY: OnceLock<Arc<CodeSystem>> = OnceLock::new();
    static CURRENCY: OnceLock<Arc<CodeSystem>> = OnceLock::new();
    let make = |text: &'static str| {
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        let codes = rows.flat_map(|line| {
            let name = line.rsplit('\t').next().unwrap_or_default();
            let codes = line.split('\t').filter(move |code| *code != name);
            codes.map(move |code| (code, name))
        });
        Arc::new(CodeSystem::listed(url, codes))
    };
    let slot = match url {
        COUNTRIES => COUNTRY.get_or_init(|| make(COUNTRY_CODES)),
        CURRENCIES => CURRENCY.get_or_init(|| make(CURRENCY_CODES)),
        _ => return None,
    };
    Some(Arc::clone(slot))
}

/// A value set that follows from its URL.
pub fn value_set(canonical: &str) -> Option<Include> {
    let (system, query) = canonical.split_once("?fhir_vs")?;
    if !system.starts_with(SNOMED) {
        return None;
    }
    // An edition is a version of the system.
    let version = (system != SNOMED).then(|| Text::new(system));
    let mut include = match query.strip_prefix('=') {
        None if query.is_empty() => Include {
            system: Some(Text::new(SNOMED)),
            ..Include::default()
        },
        Some(rest) => {
            let code = rest.strip_prefix("isa/")?;
            Include::filtered(SNOMED, Filter::new("concept", Operator::IsA, code))
        }
        None => return None,
    };
    include.version = version;
    Some(include)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(grammar: Grammar, good: &[&str], bad: &[&str]) {
        for code in good {
            assert!(grammar.accepts(code), "{code}");
        }
        for code in bad {
            assert!(!grammar.accepts(code), "{code}");
        }
    }

    #[test]
    fn bcp_13() {
        check(
            Grammar::MediaType,
            &[
                "text/plain",
                "application/fhir+json",
                "text/html; charset=utf-8",
                "application/pdf",
            ],
            &[
                "text",
                "text/",
                "/plain",
                "text/pl ain",
                "text/plain;",
                "a/b/c",
                "",
            ],
        );
    }

    #[test]
    fn bcp_47() {
        check(
            Grammar::Language,
            &[
                "it",
                "it-IT",
                "de-CH-1996",
                "zh-Hant-TW",
                "zh-cmn-Hans",
                "x-own",
                "es-419",
                "sl-rozaj",
                "en-u-ca-gregory",
            ],
            &[
                "",
                "i",
                "it-",
                "it_IT",
                "12",
                "it-IT-a",
                "it-IT-IT-IT",
                "x",
                "abcdefghi",
            ],
        );
    }

    #[test]
    fn lists_of_other_standards() {
        let countries = built_in(COUNTRIES).unwrap();
        assert_eq!(countries.concepts.len(), 249 * 3);
        for code in ["IT", "ITA", "380"] {
            assert_eq!(
                countries.concept(code).unwrap().display.as_deref(),
                Some("Italy")
            );
        }
        let currencies = built_in(CURRENCIES).unwrap();
        assert!(currencies.has("EUR").unwrap());
        assert!(!currencies.has("ITL").unwrap());
    }

    #[test]
    fn snomed_by_url() {
        assert!(
            value_set("http://snomed.info/sct?fhir_vs")
                .unwrap()
                .is_whole()
        );
        let below = value_set("http://snomed.info/sct?fhir_vs=isa/404684003").unwrap();
        assert_eq!(below.filters[0].value, "404684003");
        assert!(value_set("http://snomed.info/sct?fhir_vs=refset/1").is_none());
        assert!(value_set("http://example.org?fhir_vs").is_none());
    }
}
