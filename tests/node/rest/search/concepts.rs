//! Tokens by value set and hierarchy. Source: FHIR R4 search.html#token: `:in`, `:not-in`, `:above`, `:below`.

use std::fmt::Write as _;

use super::{change, check, pages, put, table};
use crate::support::TestNode;

/// Trees: a is above b and d, b above c and e, d above e.
const TREE: &str = r#","url":"urn:tree","status":"active","content":"complete","property":[{"code":"parent","type":"code"}],
    "concept":[{"code":"a","concept":[{"code":"b","concept":[{"code":"c"}]},{"code":"d"}]},
      {"code":"e","property":[{"code":"parent","valueCode":"d"},{"code":"parent","valueCode":"b"}]}]"#;

fn value_set(url: &str, compose: &str) -> String {
    format!(r#","url":"{url}","status":"active","compose":{{{compose}}}"#)
}

fn planted() -> TestNode {
    let node = TestNode::start();
    put(&node, "CodeSystem", "tree", TREE);
    for (id, compose) in [
        (
            "b",
            r#""include":[{"system":"urn:tree","filter":[{"property":"concept","op":"is-a","value":"b"}]}]"#,
        ),
        ("all", r#""include":[{"system":"urn:tree"}]"#),
        (
            "but",
            r#""include":[{"valueSet":["urn:vs:all"]}],"exclude":[{"system":"urn:tree","concept":[{"code":"a"}]}]"#,
        ),
        ("ring", r#""include":[{"valueSet":["urn:vs:ring"]}]"#),
        (
            "lost",
            r#""include":[{"system":"urn:tree","filter":[{"property":"colour","op":"=","value":"red"}]}]"#,
        ),
        (
            "strange",
            r#""include":[{"system":"urn:nobody","filter":[{"property":"x","op":"=","value":"1"}]}]"#,
        ),
    ] {
        put(
            &node,
            "ValueSet",
            id,
            &value_set(&format!("urn:vs:{id}"), compose),
        );
    }
    for (id, system, code) in [
        ("a", "urn:tree", "a"),
        ("b", "urn:tree", "b"),
        ("c", "urn:tree", "c"),
        ("d", "urn:tree", "d"),
        ("e", "urn:tree", "e"),
        ("unknown", "urn:tree", "z"),
        ("other", "urn:other", "b"),
    ] {
        put(
            &node,
            "Observation",
            id,
            &format!(
                r#","status":"final","subject":{{"reference":"Patient/p-{id}"}},"code":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#
            ),
        );
    }
    put(&node, "Patient", "p-c", r#","gender":"female""#);
    put(&node, "Patient", "p-d", r#","gender":"male""#);
    put(&node, "Patient", "p-none", "");
    node
}

#[test]
fn by_value_set_and_hierarchy() {
    let node = planted();
    table(
        &node,
        "Observation",
        &[
            ("code:in=urn:vs:b", "b c e"),
            ("code:in=ValueSet/b", "b c e"),
            ("code:in=urn:vs:all", "a b c d e unknown"),
            ("code:in=urn:vs:but", "b c d e"),
            ("code:in=urn:vs:b,urn:vs:but", "b c d e"),
            ("code:in=urn:vs:b&code:in=urn:vs:but", "b c e"),
            ("code:not-in=urn:vs:b", "a d other unknown"),
            ("code:not-in=urn:vs:all", "other"),
            ("code:below=urn:tree|b", "b c e"),
            ("code:below=urn:tree|a", "a b c d e"),
            ("code:below=urn:tree|c,urn:tree|d", "c d e"),
            ("code:above=urn:tree|e", "a b d e"),
            ("code:above=urn:tree|a", "a"),
            (
                "subject:Patient.gender:in=http://hl7.org/fhir/ValueSet/administrative-gender",
                "c d",
            ),
            (
                "status:in=http://hl7.org/fhir/ValueSet/observation-status",
                "a b c d e other unknown",
            ),
            ("status:below=final", "a b c d e other unknown"),
            (
                "status:not-in=http://hl7.org/fhir/ValueSet/observation-status",
                "",
            ),
        ],
    );
    table(
        &node,
        "Patient",
        &[
            (
                "gender:in=http://hl7.org/fhir/ValueSet/administrative-gender",
                "p-c p-d",
            ),
            (
                "gender:in=http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1",
                "p-c p-d",
            ),
            (
                "gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender",
                "p-none",
            ),
            ("gender:below=male", "p-d"),
            ("_has:Observation:patient:code:in=urn:vs:b", "p-c"),
            // The elements hold bare codes of one system, and that system is a grammar.
            ("language:in=http://hl7.org/fhir/ValueSet/all-languages", ""),
        ],
    );
}

#[test]
fn a_value_set_that_changes_is_seen_to() {
    let node = planted();
    check(&node, "Observation?code:in=urn:vs:b", "b c e");
    let only_d = value_set(
        "urn:vs:b",
        r#""include":[{"system":"urn:tree","concept":[{"code":"d"}]}]"#,
    );
    change(&node, "ValueSet", "b", &only_d);
    check(&node, "Observation?code:in=urn:vs:b", "d");
    check(&node, "Observation?code:in=ValueSet/b", "d");
    node.delete("ValueSet/b");
    node.get("Observation?code:in=urn:vs:b")
        .refused(400, "not-found");
    node.get("Observation?code:in=ValueSet/b")
        .refused(400, "not-found");
}

#[test]
fn what_cannot_be_told_is_refused() {
    let node = planted();
    let mut codes = String::new();
    for number in 0..1001 {
        let comma = if number == 0 { "" } else { "," };
        write!(codes, r#"{comma}{{"code":"{number}"}}"#).unwrap();
    }
    let large = format!(r#""include":[{{"system":"urn:tree","concept":[{codes}]}}]"#);
    put(
        &node,
        "ValueSet",
        "large",
        &value_set("urn:vs:large", &large),
    );
    for (query, code, part) in [
        ("code:in=urn:vs:nobody", "not-found", "urn:vs:nobody"),
        ("code:in=urn:vs:all|7", "not-found", "urn:vs:all|7"),
        ("code:not-in=urn:vs:nobody", "not-found", "urn:vs:nobody"),
        ("code:in=urn:vs:ring", "processing", "urn:vs:ring"),
        ("code:in=urn:vs:lost", "processing", "colour"),
        ("code:in=urn:vs:strange", "not-found", "urn:nobody"),
        ("code:in=urn:vs:large", "too-costly", "1000"),
        ("code:in=ValueSet/nobody", "not-found", "ValueSet/nobody"),
        ("code:in=", "value", "code:in"),
        ("code:below=urn:nobody|a", "not-found", "urn:nobody"),
        ("code:below=http://snomed.info/sct|1", "not-found", "snomed"),
        (
            "code:below=urn:tree|z",
            "value",
            "a code that its system has",
        ),
        ("code:below=a", "value", "system|code"),
        ("code:above=|a", "value", "system|code"),
        ("code:below=urn:tree|", "value", "system|code"),
        ("date:in=urn:vs:b", "not-supported", "date:in"),
    ] {
        let answer = node.get(&format!("Observation?{query}"));
        answer.refused(400, code);
        assert!(answer.text().contains(part), "{query}: {}", answer.text());
    }
}

/// As many values as are walked one by one, and more.
#[test]
fn pages_over_many_codes() {
    let node = TestNode::start();
    for (id, number, count) in [("some", 60, 7), ("many", 230, 50)] {
        let mut entries = Vec::new();
        let mut codes = Vec::new();
        for code in 0..700 {
            codes.push(format!(r#"{{"code":"{id}-{code}"}}"#));
        }
        for code in 0..number {
            entries.push(format!(
                r#"{{"resource":{{"resourceType":"Observation","id":"{id}-{code}","status":"final","effectiveDateTime":"20{:02}-01-01","code":{{"coding":[{{"system":"urn:x","code":"{id}-{code}"}}]}}}},
                  "request":{{"method":"PUT","url":"Observation/{id}-{code}"}}}}"#,
                code % 50
            ));
        }
        let bundle = format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#,
            entries.join(",")
        );
        assert_eq!(node.post("", &bundle).status, 200);
        let compose = format!(
            r#""include":[{{"system":"urn:x","concept":[{}]}}]"#,
            codes.join(",")
        );
        put(
            &node,
            "ValueSet",
            id,
            &value_set(&format!("urn:{id}"), &compose),
        );
        for query in ["", "&status=final", "&_sort=-date", "&_total=accurate"] {
            let url = format!("Observation?code:in=urn:{id}&_count={count}{query}");
            let (mut seen, _) = pages(&node, &url);
            assert_eq!(seen.len(), number, "{url}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), number, "{url}");
        }
        let counted = node.get(&format!("Observation?code:in=urn:{id}&_summary=count"));
        assert_eq!(counted.json()["total"], number);
    }
    let both = node.get("Observation?code:in=urn:some,urn:many&_summary=count");
    assert_eq!(both.json()["total"], 290, "{}", both.text());
}
