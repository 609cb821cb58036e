//! XPath over the JSON tree, row by row.

use super::xpath::XPath;
use crate::fhir::model::json;

#[test]
fn paths() {
    let text = br#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"resource":{"resourceType":"Patient","id":"a","active":true,
          "name":[{"family":"Rossi","given":["Anna","Maria"]},{"use":"maiden","family":"Bianchi"}],
          "_birthDate":{"extension":[{"url":"http://x","valueCode":"masked"}]}}},
        {"resource":{"resourceType":"Observation","id":"b","valueQuantity":{"value":7.50}}}]}"#;
    let resource = json::parse(text, &json::Limits::default()).unwrap();
    let check = |path: &str, expected: &[&str]| {
        assert_eq!(
            XPath::parse(path).unwrap().evaluate(&resource),
            expected,
            "{path}"
        );
    };
    check("fhir:Bundle/fhir:type/@value", &["searchset"]);
    check("/f:Bundle/f:type", &["searchset"]);
    check("Bundle/entry/resource/Patient/id", &["a"]);
    check("//Patient/name/given/@value", &["Anna", "Maria"]);
    check("//given[1]/@value", &["Anna"]);
    check("//given[last()]/@value", &["Maria"]);
    check("//name[use/@value='maiden']/family/@value", &["Bianchi"]);
    check("//name[given]/family/@value", &["Rossi"]);
    check(
        "//entry[2]/resource/*/valueQuantity/value/@value",
        &["7.50"],
    );
    check("//birthDate/extension/@url", &["http://x"]);
    check(
        "//birthDate/extension[@url='http://x']/valueCode/@value",
        &["masked"],
    );
    check("//active/@value", &["true"]);
    check("Patient/id", &[]);
    check("//given[0]", &[]);
}

#[test]
fn refused() {
    for path in [
        "",
        "a/..",
        "count(//a)",
        "a[b>1]",
        "a[b='x]",
        "a[",
        "a or b",
        "child::a",
    ] {
        assert!(XPath::parse(path).is_err(), "{path}");
    }
    let deep = format!("{}{}", "a[".repeat(9), "]".repeat(9));
    assert!(XPath::parse(&deep).is_err());
}

#[test]
fn a_node_is_found_once() {
    let text = format!(
        "{}{}{}",
        r#"{"resourceType":"Basic","x":"#,
        r#"{"a":"#.repeat(40),
        format_args!("1{}", "}".repeat(41)),
    );
    let resource = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
    let found = XPath::parse(&"//*".repeat(12)).unwrap().evaluate(&resource);
    assert!(found.len() <= 42, "{}", found.len());
}

#[test]
fn damaged_paths_are_read_or_refused() {
    let whole = "/f:Bundle//entry[2]/resource/*[name/@value='a b'][last()]/@id";
    for (index, c) in whole.char_indices() {
        let (before, after) = whole.split_at(index);
        for damaged in [
            before.to_owned(),
            format!("{before}{}", &after[c.len_utf8()..]),
            format!("{before}\u{e9}{after}"),
            format!("{before}[{after}"),
        ] {
            let _ = XPath::parse(&damaged);
        }
    }
}
