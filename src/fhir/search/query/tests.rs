//! What a search URL is read as, and what is refused.

use std::sync::Arc;

use super::*;

fn read(pairs: &[(&str, &str)], handling: Handling) -> Result<(Query, Vec<Issue>)> {
    let definitions = Arc::new(Definitions::r4().unwrap());
    let extractor = Extractor::new(Arc::clone(&definitions));
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    parse(
        "Observation",
        &pairs,
        handling,
        &definitions,
        &extractor,
        "http://a/fhir",
    )
}

#[track_caller]
fn check(name: &str, value: &str, expected: std::result::Result<&[&str], &str>) {
    match (read(&[(name, value)], Handling::Strict), expected) {
        (Ok((query, _)), Ok(values)) => match query.terms.as_slice() {
            [Term::Value { any_of, .. }] => assert_eq!(any_of, values, "{name}={value}"),
            [Term::Id(ids)] => assert_eq!(ids, values, "{name}={value}"),
            other => panic!("{name}={value}: {other:?}"),
        },
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        (found, _) => panic!("{name}={value}: {found:?}"),
    }
}

#[test]
fn tokens() {
    check("code", "a", Ok(&["c|a"]));
    check("code", "http://x|a,b", Ok(&["s|http://x|a", "c|b"]));
    check("code", "|a", Ok(&["s||a"]));
    check("code", "http://x|", Err("identifiers only"));
    check("identifier", "http://x|", Ok(&["n|http://x"]));
    check("code", r"a\,b\|c\\d", Ok(&[r"c|a,b|c\d"]));
    check("code", "", Err("expected a value"));
    check("code", "a|b|c", Err("system|code"));
}

#[test]
fn references() {
    // R4 lets the parameter lead to groups as well; its expression finds patients only.
    check("patient", "1", Ok(&["Group/1", "Patient/1"]));
    check("patient", "Patient/1", Ok(&["Patient/1"]));
    check("patient", "http://a/fhir/Patient/1", Ok(&["Patient/1"]));
    check("subject:Group", "7", Ok(&["Group/7"]));
    check("subject", "http://b/Patient/1", Ok(&["http://b/Patient/1"]));
    check("subject:Group", "Patient/1", Ok(&[]));
}

#[test]
fn what_is_not_offered_is_refused() {
    for name in [
        "code:not",
        "date",
        "_sort",
        "subject.name",
        "subject:Patient.name",
        "_include",
        "_has:X:y:z",
    ] {
        check(name, "1", Err("not offered"));
    }
    check("nonsense", "1", Err("expected a search parameter"));
    let (query, warnings) = read(&[("nonsense", "1"), ("code", "a")], Handling::Lenient).unwrap();
    assert_eq!(
        (query.terms.len(), query.applied.len(), warnings.len()),
        (1, 1, 1)
    );
}

#[test]
fn ids_and_times() {
    check("_id", "a,b,c_d", Ok(&["a", "b"]));
    let range = |value: &str| match read(&[("_lastUpdated", value)], Handling::Strict) {
        Ok((query, _)) => match query.terms.first() {
            Some(Term::LastUpdated { low, high }) => Some((*low, *high)),
            _ => None,
        },
        Err(_) => None,
    };
    let day = 86_400_000_000;
    assert_eq!(range("1970-01-02"), Some((day, 2 * day)));
    assert_eq!(range("gt1970-01-02"), Some((2 * day, i64::MAX)));
    assert_eq!(range("le1970-01-02"), Some((i64::MIN, 2 * day)));
    assert_eq!(
        range("lt1970-01-01T00:00:01 00:00"),
        Some((i64::MIN, 1_000_000))
    );
    assert_eq!(range("xx1970"), None);
    assert_eq!(range("ne1970"), None);
}

#[test]
fn in_18_limits() {
    let many: Vec<String> = (0..51).map(|i| i.to_string()).collect();
    check("code", &many.join(","), Err("at most 50 values"));
    let pairs = vec![("code", "a"); 31];
    assert!(read(&pairs, Handling::Strict).is_err());
    let (query, _) = read(&[("_count", "5000")], Handling::Strict).unwrap();
    assert_eq!(
        (query.count, query.applied[0].1.as_str()),
        (Some(1000), "1000")
    );
}
