//! What an operation is asked about: codes, and the definitions they are looked for in.

use std::sync::Arc;

use super::{Input, required};
use crate::error::{Error, Result};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Value;
use crate::fhir::terminology::{CodeSystem, Lookup, ValueSet};

/// One code, as a client wrote it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub system: Option<String>,
    pub version: Option<String>,
    pub code: String,
    pub display: Option<String>,
}

impl Asked {
    fn coding(value: &Value) -> Option<Self> {
        let text = |name: &str| value.str_at(name).map(str::to_owned);
        Some(Self {
            system: text("system"),
            version: text("version"),
            code: text("code")?,
            display: text("display"),
        })
    }

    /// `system|code`, for messages.
    pub fn shown(&self) -> String {
        let text = match &self.system {
            Some(system) => format!("{system}|{}", self.code),
            None => self.code.clone(),
        };
        text.chars().take(120).collect()
    }
}

/// The codes that `code`, `coding` or `codeableConcept` name; one of them is enough.
///
/// # Errors
/// `Invalid` without any, or with a Coding that has no code.
pub fn asked(input: &Input, version: &str) -> Result<Vec<Asked>> {
    if let Some(code) = input.text("code")? {
        let owned = |name: &str| Ok::<_, Error>(input.text(name)?.map(str::to_owned));
        return Ok(vec![Asked {
            system: owned("system")?,
            version: owned(version)?,
            code: code.to_owned(),
            display: owned("display")?,
        }]);
    }
    let found: Vec<Asked> = match (input.value("coding"), input.value("codeableConcept")) {
        (Some(coding), _) => Asked::coding(coding).into_iter().collect(),
        (None, Some(concept)) => {
            let codings = concept.items_at("coding").iter();
            codings.filter_map(Asked::coding).collect()
        }
        (None, None) => Vec::new(),
    };
    if found.is_empty() {
        return Err(required("code, coding or codeableConcept with a code"));
    }
    Ok(found)
}

/// One code: `coding` or `code` with its system.
pub fn coding(input: &Input, coding: &str, code: &str) -> Result<Option<Asked>> {
    if let Some(value) = input.value(coding) {
        let found = Asked::coding(value);
        return found
            .map(Some)
            .ok_or_else(|| required("a code in the Coding"));
    }
    let Some(code) = input.text(code)? else {
        return Ok(None);
    };
    Ok(Some(Asked {
        system: input.text("system")?.map(str::to_owned),
        version: input.text("version")?.map(str::to_owned),
        code: code.to_owned(),
        display: None,
    }))
}

/// The canonical of a URL and a version that stands beside it.
pub fn canonical(url: &str, version: Option<&str>) -> String {
    match version {
        Some(version) if !url.contains('|') => format!("{url}|{version}"),
        _ => url.to_owned(),
    }
}

/// The value set that is meant: that of the call, the one inside, or the one that is named.
pub fn value_set(
    lookup: Lookup<'_>,
    key: Option<&ResourceKey>,
    input: &Input,
) -> Result<Arc<ValueSet>> {
    if let Some(key) = key {
        return Ok(lookup.value_set_by_id(&key.id)?);
    }
    if let Some(resource) = input.resource("valueSet", "ValueSet")? {
        return Ok(Arc::new(ValueSet::compile(resource.clone())?));
    }
    let url = input.text("url")?;
    let url = url.ok_or_else(|| required("url or valueSet"))?;
    let canonical = canonical(url, input.text("valueSetVersion")?);
    Ok(lookup.value_set(&canonical)?)
}

/// The code system that is meant: that of the call, the one inside, or the one that is named.
pub fn code_system(
    lookup: Lookup<'_>,
    key: Option<&ResourceKey>,
    input: &Input,
) -> Result<Option<Arc<CodeSystem>>> {
    if let Some(key) = key {
        return Ok(Some(lookup.code_system_by_id(&key.id)?));
    }
    if let Some(resource) = input.resource("codeSystem", "CodeSystem")? {
        return Ok(Some(Arc::new(CodeSystem::compile(resource)?)));
    }
    Ok(None)
}
