//! The grammar of filters: what is read, and where a fault is.

use super::*;

/// A filter with every bracket written.
fn shown(filter: &Filter) -> String {
    let joined = |filters: &[Filter], word: &str| {
        let all: Vec<String> = filters.iter().map(shown).collect();
        format!("({})", all.join(word))
    };
    match filter {
        Filter::All(filters) => joined(filters, " and "),
        Filter::Any(filters) => joined(filters, " or "),
        Filter::Not(filter) => format!("not {}", shown(filter)),
        Filter::Test(test) => {
            let steps = test.path.iter().map(|step| match &step.filter {
                Some(filter) => format!("{}[{}]", step.name, shown(filter)),
                None => step.name.clone(),
            });
            let path: Vec<String> = steps.collect();
            format!("{} {:?} <{}>", path.join("."), test.operator, test.value)
        }
    }
}

#[test]
fn the_examples_of_r4() {
    for (text, expected) in [
        (r#"name co "pet""#, "name Co <pet>"),
        (
            r#"given eq "peter" and birthdate ge 2014-10-10"#,
            "(given Eq <peter> and birthdate Ge <2014-10-10>)",
        ),
        (
            "code eq http://loinc.org|1234-5",
            "code Eq <http://loinc.org|1234-5>",
        ),
        (r#"subject.name co "pet""#, "subject.name Co <pet>"),
        (
            r#"related[type eq "has-component"].target pr true"#,
            "related[type Eq <has-component>].target Pr <true>",
        ),
        (
            "related[type eq has-component].target re Observation/4",
            "related[type Eq <has-component>].target Re <Observation/4>",
        ),
    ] {
        let (filter, _) = parse(text).unwrap();
        assert_eq!(shown(&filter), expected, "{text}");
    }
}

#[test]
fn and_and_or_go_from_left_to_right() {
    for (text, expected) in [
        (
            "a eq 1 and b eq 2 and c eq 3",
            "(a Eq <1> and b Eq <2> and c Eq <3>)",
        ),
        (
            "a eq 1 or b eq 2 and c eq 3",
            "((a Eq <1> or b Eq <2>) and c Eq <3>)",
        ),
        (
            "a eq 1 and b eq 2 or c eq 3",
            "((a Eq <1> and b Eq <2>) or c Eq <3>)",
        ),
        (
            "a eq 1 and (b eq 2 or c eq 3)",
            "(a Eq <1> and (b Eq <2> or c Eq <3>))",
        ),
        ("not(a eq 1)or b eq 2", "(not a Eq <1> or b Eq <2>)"),
        ("  ( ( a  eq\t1 ) )  ", "a Eq <1>"),
        ("not eq 1", "not Eq <1>"),
        ("not (not (a eq 1))", "not not a Eq <1>"),
        ("and eq or or or eq and", "(and Eq <or> or or Eq <and>)"),
        (
            r#"a eq "x) \"y\" \u00e8\\" and b eq è|(,"#,
            r#"(a Eq <x) "y" è\> and b Eq <è|(,>)"#,
        ),
        (r#"a eq """#, "a Eq <>"),
        (
            "x[a eq 1 or b eq 2].y[c eq 3].z pr false",
            "x[(a Eq <1> or b Eq <2>)].y[c Eq <3>].z Pr <false>",
        ),
    ] {
        let (filter, _) = parse(text).unwrap();
        assert_eq!(shown(&filter), expected, "{text}");
    }
}

#[test]
fn a_fault_has_its_position() {
    for (text, at, expected) in [
        ("", 1, "the name of a search parameter"),
        ("   ", 4, "the name"),
        ("name", 5, "a space and an operator"),
        ("name ", 6, "an operator (eq ne"),
        ("name equals x", 6, "an operator"),
        ("name EQ x", 6, "an operator"),
        ("name eq", 8, "a space and a value"),
        ("name eq ", 9, "a value"),
        ("name eq )", 9, "a value"),
        (r#"name eq "x"#, 11, "a quotation mark"),
        (r#"name eq "\x""#, 9, "a string as JSON"),
        (r#"name eq "x\"#, 12, "a quotation mark"),
        (r#"name eq "a"b"#, 12, "and, or, or the end"),
        ("name eq a b", 11, "and, or, or the end"),
        ("name eq a and", 14, "the name"),
        ("name eq a andb eq c", 11, "and, or, or the end"),
        ("name eq a)", 10, "and, or, or the end"),
        ("(name eq a", 11, "and, or, or )"),
        ("(name eq a]", 11, "and, or, or )"),
        ("()", 2, "the name"),
        ("not (name eq a", 15, "and, or, or )"),
        ("1name eq a", 1, "the name"),
        ("name. eq a", 6, "the name"),
        (".name eq a", 1, "the name"),
        ("name[a eq b", 12, "and, or, or ]"),
        ("name[a eq b] eq c", 13, ". and a name"),
        ("name[a eq b]. eq c", 14, "the name"),
        ("name:exact eq a", 5, "a space and an operator"),
        ("è eq a", 1, "the name"),
        ("name eq è and è", 15, "the name"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        let place = format!("at character {at} of _filter");
        assert!(error.contains(&place), "{text}: {error}");
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn in_18_filters_are_bounded() {
    let costly = |text: &str| {
        let error = parse(text).unwrap_err();
        assert_eq!(error.kind(), Kind::TooCostly, "{error}");
    };
    let joined = |count: usize| vec!["a eq 1"; count].join(" and ");
    let nested = |count: usize| format!("{}a eq 1{}", "(".repeat(count), ")".repeat(count));
    let alternating = |count: usize| format!("a eq 1{}", " and a eq 1 or a eq 1".repeat(count));
    assert_eq!(parse(&joined(MOST_TESTS)).unwrap().1, MOST_TESTS);
    costly(&joined(MOST_TESTS + 1));
    parse(&nested(MOST_LEVELS - 1)).unwrap();
    costly(&nested(MOST_LEVELS));
    costly(&nested(MOST_CHARACTERS / 3));
    parse(&alternating(9)).unwrap();
    costly(&alternating(10));
    costly(&"not (".repeat(1_000));
    costly(&"x[".repeat(1_000));
    costly(&format!("a eq {}", "x".repeat(MOST_CHARACTERS)));
}
