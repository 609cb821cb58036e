//! What a client asks of the result: its order, what is included, how much is told.
//!
//! Source: FHIR R4 search.html#sort, #include, #revinclude, #total, #summary.

use super::criteria::{malformed, not_offered};
use crate::error::Result;
use crate::fhir::definitions::{Definitions, SearchKind};
use crate::fhir::model::value::Text;

/// `_total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    #[default]
    None,
    Estimate,
    Accurate,
}

/// `_summary`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    True,
    Text,
    Data,
    Count,
    #[default]
    False,
}

impl Summary {
    /// Reads the value of the parameter.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "true" => Self::True,
            "text" => Self::Text,
            "data" => Self::Data,
            "count" => Self::Count,
            "false" => Self::False,
            _ => return None,
        })
    }
}

/// As many keys as a search may be sorted by.
pub const MOST_SORTS: usize = 3;

/// By what is sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The parameter `date` of the type.
    Clinical,
    LastUpdated,
    Id,
    Text(Text),
    Interval(Text),
    /// A token or a reference.
    Coded(Text),
}

/// A key of `_sort`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    pub descending: bool,
}

/// The parameter whose value orders the resources of a type.
pub const DATE: &str = "date";

/// Reads a key of `_sort`.
///
/// # Errors
/// `Invalid` for a parameter that the type lacks or that has no order.
pub fn sort(resource_type: &str, key: &str, definitions: &Definitions) -> Result<Sort> {
    let (code, descending) = match key.strip_prefix('-') {
        Some(code) => (code, true),
        None => (key, false),
    };
    let by = match code {
        "_lastUpdated" => SortBy::LastUpdated,
        "_id" => SortBy::Id,
        _ => {
            let Some(parameter) = definitions.search_parameter(resource_type, code) else {
                return Err(malformed(
                    key,
                    &format!("a search parameter of {resource_type} as _sort"),
                ));
            };
            match parameter.kind {
                SearchKind::Date if code == DATE => SortBy::Clinical,
                SearchKind::String | SearchKind::Uri => SortBy::Text(parameter.code.clone()),
                SearchKind::Date | SearchKind::Number | SearchKind::Quantity => {
                    SortBy::Interval(parameter.code.clone())
                }
                SearchKind::Token | SearchKind::Reference => SortBy::Coded(parameter.code.clone()),
                SearchKind::Composite | SearchKind::Special => {
                    return Err(not_offered(
                        key,
                        "a result is sorted by a parameter that has one value by itself, or by _lastUpdated or _id",
                    ));
                }
            }
        }
    };
    Ok(Sort { by, descending })
}

/// `_include` or `_revinclude`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    pub reverse: bool,
    /// Also from what was included.
    pub iterate: bool,
    /// The type that has the reference; `None` is any (`*`).
    pub source: Option<Text>,
    /// The code of the parameter; `None` is all.
    pub code: Option<Text>,
    /// The type that the reference leads to; `None` is any.
    pub target: Option<Text>,
}

/// Reads `_include` and `_revinclude`.
///
/// # Errors
/// `Invalid` for an unknown type or a parameter that is no reference.
pub fn include(name: &str, value: &str, definitions: &Definitions) -> Result<Include> {
    let (word, modifier) = match name.split_once(':') {
        Some((word, modifier)) => (word, Some(modifier)),
        None => (name, None),
    };
    let reverse = match word {
        "_include" => false,
        "_revinclude" => true,
        _ => return Err(malformed(name, "_include or _revinclude")),
    };
    let iterate = match modifier {
        None => false,
        Some("iterate") => true,
        Some(_) => return Err(malformed(name, "no modifier but iterate")),
    };
    let include = |source, code, target| Include {
        reverse,
        iterate,
        source,
        code,
        target,
    };
    if value == "*" {
        return Ok(include(None, None, None));
    }
    let mut parts = value.splitn(3, ':');
    let (Some(source), Some(code)) = (parts.next(), parts.next()) else {
        return Err(malformed(
            value,
            &format!("Type:parameter, Type:parameter:Type, Type:* or * as {word}"),
        ));
    };
    let target = parts.next().filter(|target| !target.is_empty());
    for name in std::iter::once(source).chain(target) {
        if !definitions.is_resource_type(name) {
            return Err(malformed(
                value,
                &format!("resource types of FHIR R4 in {word}"),
            ));
        }
    }
    if code == "*" {
        return Ok(include(
            Some(Text::new(source)),
            None,
            target.map(Text::new),
        ));
    }
    let parameter = definitions
        .search_parameter(source, code)
        .filter(|parameter| parameter.kind == SearchKind::Reference);
    match parameter {
        Some(parameter) => Ok(include(
            Some(Text::new(source)),
            Some(parameter.code.clone()),
            target.map(Text::new),
        )),
        None => Err(malformed(
            value,
            &format!("a reference parameter of {source} in {word}"),
        )),
    }
}
