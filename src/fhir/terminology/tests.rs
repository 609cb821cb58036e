//! Code systems, value sets and maps: those of R4, and small ones of our own.

use std::sync::Arc;

use super::*;
use crate::error::Result;
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json;

/// Resources as clients would have stored them.
struct Shelf(Vec<(&'static str, &'static str, String)>);

impl ConceptSource for Shelf {
    fn stored(&self, kind: &str, url: &str, version: Option<&str>) -> Result<Option<Stored>> {
        let mut found = self.0.iter().filter(|(own, name, text)| {
            *own == kind
                && *name == url
                && version
                    .is_none_or(|version| text.contains(&format!("\"version\":\"{version}\"")))
        });
        Ok(found.next().map(|(kind, name, text)| Stored {
            stamp: format!("{kind}/{name}"),
            text: text.clone().into_bytes(),
        }))
    }

    fn stored_as(&self, _: &str, _: &str) -> Result<Option<Stored>> {
        Ok(None)
    }
}

fn terminology() -> &'static Terminology {
    static FOUND: std::sync::OnceLock<Terminology> = std::sync::OnceLock::new();
    FOUND.get_or_init(|| Terminology::new(Arc::new(Definitions::r4().unwrap())))
}

fn set(url: &'static str, rest: &str) -> (&'static str, &'static str, String) {
    let text = format!(r#"{{"resourceType":"ValueSet","url":"{url}","status":"active",{rest}}}"#);
    ("ValueSet", url, text)
}

const TREE: &str = r#"{"resourceType":"CodeSystem","url":"u:tree","version":"2","content":"complete","property":[{"code":"size","type":"integer"},{"code":"parent","type":"code"}],
    "concept":[{"code":"a","display":"Tree","designation":[{"language":"it","value":"Albero"}],"property":[{"code":"size","valueInteger":10}],
        "concept":[{"code":"b","concept":[{"code":"c","property":[{"code":"inactive","valueBoolean":true}]}]},{"code":"d","property":[{"code":"size","valueInteger":3},{"code":"notSelectable","valueBoolean":true}]}]},
      {"code":"e","property":[{"code":"parent","valueCode":"d"},{"code":"parent","valueCode":"b"}]}]}"#;

fn shelf() -> Shelf {
    let filter = |op: &str, property: &str, value: &str| {
        format!(
            r#""compose":{{"include":[{{"system":"u:tree","filter":[{{"property":"{property}","op":"{op}","value":"{value}"}}]}}]}}"#
        )
    };
    Shelf(vec![
        ("CodeSystem", "u:tree", TREE.to_owned()),
        ("CodeSystem", "u:part", r#"{"resourceType":"CodeSystem","url":"u:part","content":"fragment","concept":[{"code":"p"}]}"#.to_owned()),
        set("u:is-a", &filter("is-a", "concept", "b")),
        set("u:below", &filter("descendent-of", "concept", "b")),
        set("u:not-a", &filter("is-not-a", "concept", "b")),
        set("u:above", &filter("generalizes", "concept", "e")),
        set("u:size", &filter("=", "size", "3")),
        set("u:sizes", &filter("in", "size", "3, 10")),
        set("u:no-sizes", &filter("not-in", "size", "3")),
        set("u:sized", &filter("exists", "size", "true")),
        set("u:regex", &filter("regex", "code", "[ab]")),
        set("u:hostile", &filter("regex", "code", "(a*)*(a*)*(a*)*x")),
        set("u:bad-regex", &filter("regex", "code", "(")),
        set("u:bad-property", &filter("=", "colour", "red")),
        set("u:parent", &filter("=", "parent", "a")),
        set("u:all", r#""compose":{"include":[{"system":"u:tree"}]}"#),
        set("u:active", r#""compose":{"inactive":false,"include":[{"system":"u:tree"}]}"#),
        set("u:but", r#""compose":{"include":[{"system":"u:tree"}],"exclude":[{"valueSet":["u:is-a"]},{"system":"u:tree","concept":[{"code":"a"}]}]}"#),
        set("u:both", r#""compose":{"include":[{"valueSet":["u:is-a","u:above"]}]}"#),
        set("u:named", r#""compose":{"include":[{"system":"u:tree","valueSet":["u:is-a"],"concept":[{"code":"a"},{"code":"c","display":"Own"}]}]}"#),
        set("u:cycle", r#""compose":{"include":[{"valueSet":["u:cycle-2"]}]}"#),
        set("u:cycle-2", r#""compose":{"include":[{"valueSet":["u:cycle"]}]}"#),
        set("u:lost", r#""compose":{"include":[{"valueSet":["u:nobody"]},{"system":"u:tree","concept":[{"code":"a"}]}]}"#),
        set("u:unknown-system", r#""compose":{"include":[{"system":"u:nobody"}]}"#),
        set("u:fragment", r#""compose":{"include":[{"system":"u:part"}]}"#),
        set("u:version", r#""compose":{"include":[{"system":"u:tree","version":"1"}]}"#),
        set("u:empty", r#""name":"X""#),
        set("u:expansion", r#""expansion":{"contains":[{"system":"u:x","code":"1","contains":[{"system":"u:x","code":"2"}]},{"abstract":true,"system":"u:x","code":"0"}]}"#),
        set("http://hl7.org/fhir/ValueSet/administrative-gender", r#""compose":{"include":[{"system":"u:tree"}]}"#),
    ])
}

fn codes(url: &str) -> std::result::Result<Vec<String>, Fault> {
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let set = lookup.value_set(url)?;
    let wanted = Expanding {
        active_only: false,
        limit: 5_000,
    };
    let members = lookup.expand(&set, wanted)?;
    Ok(members
        .into_iter()
        .map(|member| member.code.to_string())
        .collect())
}

/// The expansion, and membership in the same words.
#[track_caller]
fn check(url: &str, expected: &[&str]) {
    assert_eq!(codes(url).unwrap(), expected, "{url}");
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let set = lookup.value_set(url).unwrap();
    for code in ["a", "b", "c", "d", "e", "z"] {
        let found = lookup.contains(&set, "u:tree", code).unwrap();
        assert_eq!(found, expected.contains(&code), "{code} in {url}");
    }
}

#[test]
fn filters() {
    check("u:is-a", &["b", "c", "e"]);
    check("u:below", &["c", "e"]);
    check("u:not-a", &["a", "d"]);
    check("u:above", &["a", "b", "d", "e"]);
    check("u:size", &["d"]);
    check("u:sizes", &["a", "d"]);
    check("u:no-sizes", &["a", "b", "c", "e"]);
    check("u:sized", &["a", "d"]);
    check("u:regex", &["a", "b"]);
    check("u:hostile", &[]);
    check("u:parent", &["b", "d"]);
}

#[test]
fn compositions() {
    check("u:all", &["a", "b", "c", "d", "e"]);
    check("u:active", &["a", "b", "d", "e"]);
    check("u:but", &["d"]);
    check("u:both", &["b", "e"]);
    check("u:named", &["c"]);
    assert_eq!(codes("u:expansion").unwrap(), ["1", "2"]);
}

#[test]
fn a_question_without_an_answer_names_the_culprit() {
    #[track_caller]
    fn check(url: &str, expected: &str) {
        let text = codes(url).unwrap_err().to_string();
        assert!(text.contains(expected), "{url}: {text}");
    }
    check("u:nobody", "value set ‘u:nobody’ is not loaded");
    check("u:cycle", "‘u:cycle’ includes itself");
    check("u:lost", "value set ‘u:nobody’ is not loaded");
    check("u:unknown-system", "code system ‘u:nobody’ is not loaded");
    check("u:version", "code system ‘u:tree|1’ is not loaded");
    check("u:bad-regex", "regular expression");
    check("u:bad-property", "colour");
    check("u:empty", "compose or expansion");
    check("http://hl7.org/fhir/ValueSet/mimetypes", "urn:ietf:bcp:13");
    check("http://snomed.info/sct?fhir_vs=isa/404684003", "snomed");
}

#[test]
fn what_is_not_loaded_is_neither_yes_nor_no() {
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let ask = |url: &str, system: &str, code: &str| {
        let set = lookup.value_set(url).unwrap();
        lookup.contains(&set, system, code).ok()
    };
    // One part says yes, whatever the other might say.
    assert_eq!(ask("u:lost", "u:tree", "a"), Some(true));
    assert_eq!(ask("u:lost", "u:tree", "b"), None);
    assert_eq!(ask("u:unknown-system", "u:nobody", "x"), None);
    assert_eq!(ask("u:unknown-system", "u:other", "x"), Some(false));
    assert_eq!(ask("u:fragment", "u:part", "p"), Some(true));
    assert_eq!(ask("u:fragment", "u:part", "q"), None);
    let vs = "http://hl7.org/fhir/ValueSet/";
    assert_eq!(
        ask(&format!("{vs}mimetypes"), "urn:ietf:bcp:13", "text/plain"),
        Some(true)
    );
    assert_eq!(
        ask(&format!("{vs}mimetypes"), "urn:ietf:bcp:13", "text"),
        Some(false)
    );
    assert_eq!(
        ask(&format!("{vs}all-languages"), "urn:ietf:bcp:47", "it-IT"),
        Some(true)
    );
    assert_eq!(
        ask(&format!("{vs}iso3166-1-2"), "urn:iso:std:iso:3166", "IT"),
        Some(true)
    );
    assert_eq!(
        ask(&format!("{vs}iso3166-1-2"), "urn:iso:std:iso:3166", "ITA"),
        Some(false)
    );
    assert_eq!(
        ask(
            &format!("{vs}administrative-gender"),
            "http://hl7.org/fhir/administrative-gender",
            "male"
        ),
        Some(true)
    );
}

#[test]
fn what_is_stored_does_not_change_r4() {
    let found = codes("http://hl7.org/fhir/ValueSet/administrative-gender").unwrap();
    assert_eq!(found, ["male", "female", "other", "unknown"]);
}

#[test]
fn bounds_hold() {
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let set = lookup.value_set("u:all").unwrap();
    let wanted = Expanding {
        active_only: false,
        limit: 4,
    };
    let text = lookup.expand(&set, wanted).unwrap_err().to_string();
    assert!(
        text.contains("at most 4 codes or filters") && text.contains("u:all"),
        "{text}"
    );
    // Each includes the next twice: without a budget 2^30 expansions.
    let mut sets = Vec::new();
    for number in 0..30 {
        let url: &'static str = format!("u:{number}").leak();
        let next = number + 1;
        sets.push(set_of(url, &format!(r#""compose":{{"include":[{{"valueSet":["u:{next}"]}},{{"valueSet":["u:{next}"]}}]}}"#)));
    }
    sets.push(set_of(
        "u:30",
        r#""compose":{"include":[{"system":"u:x","concept":[{"code":"1"}]}]}"#,
    ));
    let shelf = Shelf(sets);
    let lookup = terminology().with(&shelf);
    let set = lookup.value_set("u:0").unwrap();
    assert!(matches!(
        lookup.contains(&set, "u:x", "2"),
        Err(Fault::TooLarge { .. })
    ));
    let wanted = Expanding {
        active_only: false,
        limit: 4,
    };
    assert!(matches!(
        lookup.expand(&set, wanted),
        Err(Fault::TooLarge { .. })
    ));
}

fn set_of(url: &'static str, rest: &str) -> (&'static str, &'static str, String) {
    set(url, rest)
}

#[test]
fn hierarchies_with_several_parents() {
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let tree = lookup.code_system("u:tree").unwrap();
    let ask = |a: &str, b: &str| lookup.compare(&tree, a, b).unwrap().map(Subsumption::code);
    assert_eq!(ask("a", "e"), Some("subsumes"));
    assert_eq!(ask("e", "d"), Some("subsumed-by"));
    assert_eq!(ask("c", "e"), Some("not-subsumed"));
    assert_eq!(ask("c", "c"), Some("equivalent"));
    assert_eq!(ask("c", "z"), None);
    let ring = json::parse(
        br#"{"resourceType":"CodeSystem","url":"u:ring","content":"complete","concept":[
            {"code":"1","property":[{"code":"parent","valueCode":"2"}]},{"code":"2","property":[{"code":"parent","valueCode":"1"}]}]}"#,
        &json::Limits::default(),
    )
    .unwrap();
    let ring = CodeSystem::compile(&ring).unwrap();
    assert_eq!(ring.below(0).len(), 2);
}

#[test]
fn names_in_other_languages() {
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let tree = lookup.code_system("u:tree").unwrap();
    let a = tree.concept("a").unwrap();
    assert_eq!(a.display_in(Some("it-IT")).unwrap(), "Albero");
    assert_eq!(a.display_in(Some("de")).unwrap(), "Tree");
    assert_eq!(a.display_in(None).unwrap(), "Tree");
    let set = lookup.value_set("u:named").unwrap();
    let wanted = Expanding {
        active_only: false,
        limit: 10,
    };
    assert_eq!(
        lookup.expand(&set, wanted).unwrap()[0].display.as_deref(),
        Some("Own")
    );
}

#[test]
fn selections_for_a_search() {
    let shelf = shelf();
    let lookup = terminology().with(&shelf);
    let ask = |url: &str| {
        lookup
            .selected(&lookup.value_set(url).unwrap(), 100)
            .unwrap()
    };
    assert_eq!(ask("u:all"), [Selected::System("u:tree".into())]);
    assert_eq!(
        ask("u:unknown-system"),
        [Selected::System("u:nobody".into())]
    );
    assert_eq!(ask("u:below").len(), 2);
    assert_eq!(ask("u:active").len(), 4);
}

#[test]
fn translations() {
    let lookup = terminology().with(&NothingStored);
    let map = lookup
        .concept_map("http://hl7.org/fhir/ConceptMap/101")
        .unwrap();
    let to = |code: &str| {
        let found = map.translate(Some("http://hl7.org/fhir/address-use"), code, None);
        found
            .into_iter()
            .map(|one| match one {
                Translation::Match {
                    equivalence, code, ..
                } => format!("{equivalence} {}", code.unwrap_or_default()),
                Translation::Other(url) => url.to_string(),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(to("home"), ["equivalent H"]);
    assert_eq!(to("old"), ["disjoint BAD"]);
    assert_eq!(to("elsewhere"), ["inexact temp"]);
    assert!(map.translate(Some("u:other"), "home", None).is_empty());
    assert!(map.translate(None, "home", Some("u:other")).is_empty());
}

/// All value sets of R4 are understood; which ones cannot be expanded is known, and why.
#[test]
fn the_value_sets_of_r4() {
    let terminology = terminology();
    let lookup = terminology.with(&NothingStored);
    let definitions = Definitions::r4().unwrap();
    let (mut expanded, mut not_loaded, mut other) = (0, 0, Vec::new());
    for url in definitions.canonicals("ValueSet") {
        let wanted = Expanding {
            active_only: false,
            limit: 10_000,
        };
        match lookup
            .value_set(url)
            .and_then(|set| lookup.expand(&set, wanted))
        {
            Ok(_) => expanded += 1,
            Err(Fault::NotLoaded { .. }) => not_loaded += 1,
            Err(fault) => other.push(format!("{url}: {fault}")),
        }
    }
    eprintln!("{expanded} expanded, {not_loaded} lack a code system, {other:?}");
    assert!(expanded >= 1_150, "{expanded}");
    // The one that asks for a filter whose meaning only its code system knows.
    assert_eq!(other.len(), 1, "{other:?}");
    assert!(other[0].contains("acme-plasma"), "{other:?}");
}

/// HL7's lists of common units are units.
#[test]
fn the_units_of_r4() {
    let lookup = terminology().with(&NothingStored);
    let mut bad = Vec::new();
    let mut good = 0;
    for url in Definitions::r4().unwrap().canonicals("ValueSet") {
        let Ok(set) = lookup.value_set(url) else {
            continue;
        };
        for include in set
            .include
            .iter()
            .filter(|include| include.system.as_deref() == Some(crate::fhir::ucum::SYSTEM))
        {
            for listed in &include.listed {
                if crate::fhir::ucum::is_valid(&listed.code) {
                    good += 1;
                } else {
                    bad.push(listed.code.to_string());
                }
            }
        }
    }
    eprintln!("{good} units");
    assert_eq!(bad, Vec::<String>::new());
    assert!(good > 100, "{good}");
}
