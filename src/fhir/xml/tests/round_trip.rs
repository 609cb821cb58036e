//! All official examples survive JSON → XML → JSON.

use super::{examples, parsed, r4, sorted};
use crate::fhir::xml::{from_xml, to_xml, to_xml_pretty};

#[test]
fn official_examples_survive() {
    let Some(examples) = examples() else {
        return;
    };
    assert_eq!(examples.len(), 765);
    let mut failures = Vec::new();
    for (file, text) in examples {
        let value = parsed(&text);
        for write in [to_xml, to_xml_pretty] {
            let outcome = write(&value, r4()).and_then(|xml| from_xml(&xml, r4()));
            match outcome {
                Ok(read) if sorted(read.clone()) == sorted(value.clone()) => {}
                Ok(_) => failures.push(format!("{file}: not the same")),
                Err(error) => failures.push(format!("{file}: {error}")),
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
