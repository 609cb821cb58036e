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
