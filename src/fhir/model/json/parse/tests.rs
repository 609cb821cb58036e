//! What is read, what is refused, and where the fault is said to be.

use super::*;

#[track_caller]
fn check(text: &str, expected: Result<&str, &str>) {
    let found = parse(text.as_bytes(), &Limits::default());
    match (found, expected) {
        (Ok(value), Ok(json)) => {
            assert_eq!(
                String::from_utf8(super::super::to_vec(&value)).unwrap(),
                json,
                "{text}"
            );
        }
        (Err(error), Err(part)) => {
            let shown = format!(
                "{}:{} {} {}",
                error.line, error.column, error.path, error.what
            );
            assert!(shown.contains(part), "{text}: {shown}");
        }
        (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
    }
}

#[test]
fn order_and_decimals_are_kept() {
    check(
        r#"{"b": 72.50, "a": [1E2, -0.0], "c": {}}"#,
        Ok(r#"{"b":72.50,"a":[1E2,-0.0],"c":{}}"#),
    );
    check(r#""\u00e8\n\"\/\ud83d\ude00""#, Ok("\"è\\n\\\"/😀\""));
}

#[test]
fn in_09_duplicate_members() {
    check(
        r#"{"resourceType":"Patient","name":[{"family":"A","family":"B"}]}"#,
        Err("1:49 Patient.name[0].family expected each member once"),
    );
    let many: String = (0..40).map(|i| format!("\"m{i}\":1,")).collect();
    check(&format!("{{{many}\"m39\":2}}"), Err("found ‘m39’ again"));
}

#[test]
fn in_07_depth() {
    check(
        &format!("{}1{}", "[".repeat(64), "]".repeat(64)),
        Ok(&format!("{}1{}", "[".repeat(64), "]".repeat(64))),
    );
    check(&"[".repeat(65), Err("at most 64 levels"));
    check(&"{\"a\":".repeat(1_000_000), Err("at most 64 levels"));
}

#[test]
fn in_08_nodes_and_strings() {
    let limits = Limits {
        nodes: 3,
        ..Limits::default()
    };
    assert!(parse(b"[1,2]", &limits).is_ok());
    assert!(parse(b"[1,2,3]", &limits).is_err());
    let limits = Limits {
        string: 4,
        ..Limits::default()
    };
    assert!(parse(br#"["abcd"]"#, &limits).is_ok());
    assert!(parse(br#"["abcde"]"#, &limits).is_err());
    assert!(parse(br#"{"data":"abcde"}"#, &limits).is_ok());
}

#[test]
fn in_10_numbers() {
    for bad in [
        "01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "1e999", "1e-301", "--1", "0x10",
    ] {
        assert!(parse(bad.as_bytes(), &Limits::default()).is_err(), "{bad}");
    }
    check(&"1".repeat(65), Err("at most 64 characters"));
    check("1e-300", Ok("1e-300"));
}

#[test]
fn in_11_unicode() {
    check("\u{feff}{}", Err("byte order mark"));
    check(r#""\u0000""#, Err("U+0000"));
    check(r#""\ud800""#, Err("surrogate"));
    check(r#""\udc00\ud800""#, Err("surrogate"));
    check("\"a\u{1}b\"", Err("U+0001"));
    check(r#""\b""#, Err("U+0008"));
    assert!(parse(b"\"\xff\"", &Limits::default()).is_err());
}

#[test]
fn malformed_texts_say_where() {
    check("", Err("1:1  expected a JSON value, found the end"));
    check("{\"a\":1,}", Err("expected a member name, found ‘}’"));
    check("[1 2]", Err("expected ‘,’ or ‘]’"));
    check(
        "{\"resourceType\":\"Patient\",\n \"active\": tru}",
        Err("2:12 Patient.active"),
    );
    check("{} {}", Err("expected the end"));
    check("\"abc", Err("closing quote"));
    check(r#""\u12""#, Err("hexadecimal"));
    check(r#""\x""#, Err("escape"));
}
