//! The FHIR XML form, table by table; hostile documents; all official examples.

mod forms;
mod hostile;
mod round_trip;

use std::sync::OnceLock;

use crate::fhir::definitions::Definitions;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::model::value::Value;

/// R4, loaded once for all tests.
pub(crate) fn r4() -> &'static Definitions {
    static R4: OnceLock<Definitions> = OnceLock::new();
    R4.get_or_init(|| Definitions::r4().unwrap())
}

fn parsed(text: &str) -> Value {
    json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// The same tree whatever the order of its members.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The official examples, one `(file, text)` each; `None` where the suite is absent.
pub(crate) fn examples() -> Option<Vec<(String, String)>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/suites/r4-examples/examples.ndjson.zst"
    );
    let Ok(packed) = std::fs::read(path) else {
        eprintln!("skipped: ../shared/suites/r4-examples is absent");
        return None;
    };
    let lines = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let example = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        (text("file"), text("resource_text"))
    };
    Some(lines.lines().map(example).collect())
}
