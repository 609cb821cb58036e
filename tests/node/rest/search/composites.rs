//! composite, and the modifier `:text`. Source: FHIR R4 search.html#composite, #modifiers.

use super::{put, table};
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
