//! composite, and the modifier `:text`. Source: FHIR R4 search.html#composite, #modifiers.

use super::{change, put, table};
use crate::support::TestNode;

#[test]
fn both_parts_hold_of_one_element() {
    let node = TestNode::start();
    let valued = |code: &str, value: &str| {
        format!(
            r#""code":{{"coding":[{{"system":"urn:c","code":"{code}"}}]}},"valueQuantity":{{"value":{value},"unit":"mg"}}"#
        )
    };
    for (id, members) in [
        ("a5", valued("a", "5")),
        ("a9", valued("a", "9")),
        ("b5", valued("b", "5")),
        (
            "parts",
            format!(
                r#""code":{{"text":"x"}},"component":[{{{}}},{{{}}}]"#,
                valued("a", "120"),
                valued("b", "80")
            ),
        ),
    ] {
        put(
            &node,
            "Observation",
            id,
            &format!(r#","status":"final",{members}"#),
        );
    }
    table(
        &node,
        "Observation",
        &[
            ("code-value-quantity=a$5", "a5"),
            ("code-value-quantity=urn:c|a$5", "a5"),
            ("code-value-quantity=urn:c|a$ge5", "a5 a9"),
            ("code-value-quantity=urn:c|a$gt5||mg", "a9"),
            ("code-value-quantity=b$9", ""),
            ("code-value-quantity=a$9,b$5", "a9 b5"),
            ("code-value-quantity=a%245", "a5"),
            ("code-value-quantity=urn:x|a$5", ""),
            ("component-code-value-quantity=a$gt100", "parts"),
            ("component-code-value-quantity=b$80", "parts"),
            // Each holds of a component, but not of one.
            ("component-code-value-quantity=b$120", ""),
            ("component-code-value-quantity=a$lt100", ""),
            ("combo-code-value-quantity=a$lt100", "a5 a9"),
            ("combo-code-value-quantity=a$120", "parts"),
            ("code-value-quantity=a$5&status=final", "a5"),
            ("code-value-quantity=a$5&code=b", ""),
        ],
    );
}

/// Asked for by two parameters or by one, in the form that has rows of its own or in another.
#[test]
fn a_code_and_a_quantity_of_the_resource() {
    let node = TestNode::start();
    let coding = |code: &str| format!(r#"{{"system":"urn:c","code":"{code}"}}"#);
    let quantity = |value: &str, unit: &str| {
        format!(
            r#""valueQuantity":{{"value":{value},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}"#
        )
    };
    for (id, codes, value) in [
        ("a5", coding("a"), quantity("5", "mg")),
        ("a9", coding("a"), quantity("9", "mg")),
        ("a5g", coding("a"), quantity("5", "g")),
        ("b5", coding("b"), quantity("5", "mg")),
        (
            "ab7",
            format!("{},{}", coding("a"), coding("b")),
            quantity("7", "mg"),
        ),
        (
            "plain",
            coding("a"),
            r#""valueQuantity":{"value":5}"#.to_owned(),
        ),
        (
            "printed",
            coding("a"),
            r#""valueQuantity":{"value":5,"unit":"mg"}"#.to_owned(),
        ),
        ("bare", r#"{"code":"a"}"#.to_owned(), quantity("5", "mg")),
    ] {
        let members = format!(r#","status":"final","code":{{"coding":[{codes}]}},{value}"#);
        put(&node, "Observation", id, &members);
    }
    let mg = "http://unitsofmeasure.org|mg";
    let rows = [
        (format!("code=urn:c|a&value-quantity=5|{mg}"), "a5"),
        (
            format!("value-quantity=ge5|{mg}&code=urn:c|a"),
            "a5 a5g a9 ab7",
        ),
        (
            format!("code=urn:c|a&value-quantity=gt5|{mg}&value-quantity=lt9|{mg}"),
            "ab7",
        ),
        (format!("code=urn:c|b&value-quantity=gt7|{mg}"), ""),
        (
            format!("code=urn:c|a,urn:c|b&value-quantity=5|{mg},7|{mg}"),
            "a5 ab7 b5",
        ),
        (format!("code=urn:c|b&value-quantity=ne5|{mg}"), "ab7"),
        (format!("code:not=urn:c|a&value-quantity=5|{mg}"), "b5 bare"),
        (format!("code=a&value-quantity=5|{mg}"), "a5 bare"),
        (format!("code=|a&value-quantity=5|{mg}"), "bare"),
        ("code=urn:c|a&value-quantity=5||mg".to_owned(), "a5 printed"),
        (
            "code=urn:c|a&value-quantity=5".to_owned(),
            "a5 a5g plain printed",
        ),
        (format!("code-value-quantity=urn:c|a$5|{mg}"), "a5"),
        (
            format!("code-value-quantity=urn:c|a$5|{mg},urn:c|b$gt5|{mg}"),
            "a5 ab7",
        ),
        (format!("combo-code-value-quantity=urn:c|b$7|{mg}"), "ab7"),
        (
            "code=urn:c|a&value-quantity=5000000|http://unitsofmeasure.org|ug".to_owned(),
            "a5g",
        ),
    ];
    let rows: Vec<(&str, &str)> = rows
        .iter()
        .map(|(query, ids)| (query.as_str(), *ids))
        .collect();
    table(&node, "Observation", &rows);
    change(
        &node,
        "Observation",
        "b5",
        r#","status":"final","code":{"text":"x"}"#,
    );
    let emptied = format!("code=urn:c|b&value-quantity=5|{mg}");
    table(&node, "Observation", &[(&emptied, "")]);
}

#[test]
fn a_code_and_where_it_begins_and_ends() {
    let node = TestNode::start();
    let reference = |chromosome: &str, start: i64, end: i64| {
        format!(
            r#","referenceSeq":{{"chromosome":{{"coding":[{{"system":"urn:c","code":"{chromosome}"}}]}},"referenceSeqId":{{"coding":[{{"code":"NC_{chromosome}"}}]}},"windowStart":{start},"windowEnd":{end}}}"#
        )
    };
    for (id, members) in [
        ("one", reference("1", 100, 200)),
        ("two", reference("2", 100, 200)),
        (
            "varied",
            format!(
                r#"{},"variant":[{{"start":10,"end":20}},{{"start":500,"end":600}}]"#,
                reference("1", 150, 900)
            ),
        ),
        ("turned", reference("1", 200, 100)),
    ] {
        let members = format!(r#","coordinateSystem":0{members}"#);
        put(&node, "MolecularSequence", id, &members);
    }
    table(
        &node,
        "MolecularSequence",
        &[
            ("chromosome-window-coordinate=1$100$200", "one"),
            ("chromosome-window-coordinate=urn:c|1$100$200", "one"),
            ("chromosome-window-coordinate=1$ge100$le1000", "one varied"),
            ("chromosome-window-coordinate=1$lt150$gt150", "one"),
            ("chromosome-window-coordinate=1$ne100$900", "varied"),
            ("chromosome-window-coordinate=3$ge0$le1000", ""),
            (
                "chromosome-window-coordinate=2$100$200,1$150$900",
                "two varied",
            ),
            ("referenceseqid-window-coordinate=NC_2$100$200", "two"),
            ("chromosome-variant-coordinate=1$10$20", "varied"),
            ("chromosome-variant-coordinate=1$gt400$lt700", "varied"),
            // Begin and end of one variant, not of two.
            ("chromosome-variant-coordinate=1$10$600", ""),
            ("chromosome-variant-coordinate=1$le10$ge600", ""),
            ("referenceseqid-variant-coordinate=NC_1$500$600", "varied"),
        ],
    );
}

#[test]
fn text_is_what_a_code_is_called() {
    let node = TestNode::start();
    for (id, code) in [
        (
            "shown",
            r#"{"coding":[{"system":"urn:c","code":"1","display":"Emicrania cronica"}]}"#,
        ),
        ("said", r#"{"text":"Emicrania"}"#),
        ("other", r#"{"coding":[{"code":"emicrania"}]}"#),
    ] {
        let members = format!(r#","subject":{{"reference":"Patient/p"}},"code":{code}"#);
        put(&node, "Condition", id, &members);
    }
    table(
        &node,
        "Condition",
        &[
            ("code:text=emicrania", "said shown"),
            ("code:text=EMICRANIA%20CR", "shown"),
            ("code:text=nulla", ""),
            ("code=emicrania", "other"),
        ],
    );
}

/// What is over several elements is found by the texts beside each of them.
#[test]
fn text_of_several_elements() {
    let node = TestNode::start();
    let coded = |text: &str| format!(r#"{{"text":"{text}"}}"#);
    for (id, code, component) in [
        ("whole", "Pressione", "Altro"),
        ("part", "Altro", "Pressione diastolica"),
        ("none", "Altro", "Altro"),
    ] {
        let members = format!(
            r#","status":"final","code":{},"component":[{{"code":{}}}]"#,
            coded(code),
            coded(component)
        );
        put(&node, "Observation", id, &members);
    }
    table(
        &node,
        "Observation",
        &[
            ("code:text=pressione", "whole"),
            ("component-code:text=pressione", "part"),
            ("combo-code:text=pressione", "part whole"),
            ("combo-code:text=pressione%20dia", "part"),
            ("combo-code:text=nulla", ""),
            ("combo-code:missing=false", "none part whole"),
        ],
    );
}
