//! Search parameters as they are defined.
//!
//! Source: FHIR R4 *SearchParameter*. The expression stays text here; compiling it is the matter
//! of the rooms that evaluate.

use crate::fhir::model::value::{Text, Value};

/// How the values of a parameter are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchKind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

impl SearchKind {
    /// The kind of a code of the value set `search-param-type`.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "number" => Self::Number,
            "date" => Self::Date,
            "string" => Self::String,
            "token" => Self::Token,
            "reference" => Self::Reference,
            "composite" => Self::Composite,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            "special" => Self::Special,
            _ => return None,
        })
    }

    /// The code of the value set `search-param-type`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Composite => "composite",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Special => "special",
        }
    }
}

/// One part of a composite parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// URL of the parameter that defines the part.
    pub definition: Text,
    /// Relative to what the expression of the composite selects.
    pub expression: String,
}

/// One search parameter, valid for each type in `base`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchParameter {
    pub url: Text,
    /// The name in a URL: `birthdate`.
    pub code: Text,
    pub base: Vec<Text>,
    pub kind: SearchKind,
    /// FHIRPath, for all types in `base` together; empty for `_content`, `_text` and `_query`.
    pub expression: String,
    /// Types a reference may lead to; empty is any.
    pub targets: Vec<Text>,
    /// The parts of a composite, in order.
    pub components: Vec<Component>,
    /// Whether `a,b` is allowed; where the definition is silent, it is.
    pub multiple_or: bool,
    /// Whether the parameter may be repeated; where the definition is silent, it may.
    pub multiple_and: bool,
    /// Prefixes allowed (`ge`); empty where the definition is silent.
    pub comparators: Vec<Text>,
    /// Modifiers allowed (`exact`); empty where the definition is silent.
    pub modifiers: Vec<Text>,
}

impl SearchParameter {
    /// Reads a SearchParameter resource. `None` without code or with an unknown type.
    pub fn from_definition(definition: &Value) -> Option<Self> {
        let text = |name: &str| definition.str_at(name).unwrap_or_default();
        let list = |name: &str| -> Vec<Text> {
            definition
                .items_at(name)
                .iter()
                .filter_map(|item| item.as_str().map(Text::new))
                .collect()
        };
        let flag = |name: &str| definition.get(name).and_then(Value::as_bool);
        let kind = SearchKind::from_code(text("type"))?;
        let components = definition.items_at("component").iter();
        Some(Self {
            url: Text::new(text("url")),
            code: Text::new(definition.str_at("code")?),
            base: list("base"),
            kind,
            expression: text("expression").to_owned(),
            targets: list("target"),
            components: components
                .filter_map(|component| {
                    Some(Component {
                        definition: Text::new(component.str_at("definition")?),
                        expression: component.str_at("expression")?.to_owned(),
                    })
                })
                .collect(),
            multiple_or: flag("multipleOr").unwrap_or(true),
            multiple_and: flag("multipleAnd").unwrap_or(true),
            comparators: list("comparator"),
            modifiers: list("modifier"),
        })
    }
}
