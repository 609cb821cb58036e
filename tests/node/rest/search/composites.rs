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
