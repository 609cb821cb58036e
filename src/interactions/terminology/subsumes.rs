//! `CodeSystem/$subsumes`. Source: FHIR R4 codesystem-operation-subsumes.html.

use super::concept::{canonical, code_system, coding};
use super::{Input, Output, required};
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Value;
use crate::interactions::Node;

pub fn subsumes(node: &Node, key: Option<&ResourceKey>, input: &Input) -> Result<Value> {
    input.only(&["codeA", "codeB", "system", "version", "codingA", "codingB"])?;
    let one = |coding_name: &str, code: &str| {
        coding(input, coding_name, code)?
            .ok_or_else(|| required(&format!("{code} or {coding_name}")))
    };
    let (a, b) = (one("codingA", "codeA")?, one("codingB", "codeB")?);
    let lookup = node.terminology.with(node);
    let system = match code_system(lookup, key, input)? {
        Some(system) => system,
        None => {
            let url = a.system.as_deref().or(b.system.as_deref());
            let url = url.ok_or_else(|| required("system"))?;
            lookup.filled(&canonical(url, a.version.as_deref()), None)?
        }
    };
    for one in [&a, &b] {
        if one.system.as_ref().is_some_and(|own| *own != system.url) {
            return Err(Error::new(
                Kind::Invalid,
                "value",
                format!(
                    "expected codes of ‘{}’, found ‘{}’",
                    system.url,
                    one.shown()
                ),
            ));
        }
    }
    let Some(found) = lookup.compare(&system, &a.code, &b.code)? else {
        return Err(Error::new(
            Kind::NotFound,
            "not-found",
            format!(
                "expected two codes of ‘{}’, found ‘{}’ and ‘{}’",
                system.url,
                a.shown(),
                b.shown()
            ),
        ));
    };
    let mut output = Output::new();
    output.push("outcome", "valueCode", found.code());
    Ok(output.finish())
}
