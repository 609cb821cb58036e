//! What the server promises, compared whole with `conformance/expected/capability-statement.json`.

use crate::support::TestNode;

const EXPECTED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/conformance/expected/capability-statement.json"
);

#[test]
fn capability_statement_is_the_one_expected() {
    let node = TestNode::start();
    let mut statement = node.get("metadata").json();
    statement["date"] = "2026-01-01".into();
    statement["implementation"]["url"] = "http://127.0.0.1:8080/fhir".into();
    let found = serde_json::to_string_pretty(&statement).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(EXPECTED, &found).unwrap();
    }
    let expected = std::fs::read_to_string(EXPECTED).unwrap_or_default();
    assert!(
        found == expected,
        "the CapabilityStatement changed: UPDATE_EXPECT=1 cargo test --test node capability, and look at the difference"
    );
}
