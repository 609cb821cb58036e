//! The parameters of an operation, from a URL or from a Parameters resource.

use crate::error::{Error, Kind, Result};
use crate::fhir::model::value::Value;

/// Parameters of one call; IN-18 bounds those of a URL, this those of a body.
const MOST_PARAMETERS: usize = 1_000;

/// The parameters of an operation, in order.
#[derive(Debug, Default)]
pub struct Input(Vec<(String, Value)>);

impl Input {
    /// Those of a URL. What shapes the answer as a whole is none of them.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        let pairs = pairs.into_iter();
        let own = pairs.filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"));
        Self(
            own.map(|(name, value)| (name, Value::from(value)))
                .collect(),
        )
    }

    /// Adds those of a Parameters resource.
    ///
    /// # Errors
    /// `Invalid` for a body of another type, and for a parameter without a value.
    pub fn add(&mut self, body: &Value) -> Result<()> {
        let fault = |what: &str| {
            Error::new(
                Kind::Invalid,
                "value",
                format!("expected {what}, found another"),
            )
        };
        if body.str_at("resourceType") != Some("Parameters") {
            return Err(fault("a Parameters resource"));
        }
        let parameters = body.items_at("parameter");
        if parameters.len() > MOST_PARAMETERS {
            return Err(fault("at most 1000 parameters"));
        }
        for (index, parameter) in parameters.iter().enumerate() {
            let members = parameter.as_object().map(|object| object.iter());
            let mut members = members.into_iter().flatten();
            let value = members.find(|(name, _)| name.starts_with("value") || *name == "resource");
            let (Some(name), Some((_, value))) = (parameter.str_at("name"), value) else {
                return Err(fault("a parameter with a name and a value")
                    .at(format!("Parameters.parameter[{index}]")));
            };
            self.0.push((name.to_owned(), value.clone()));
        }
        Ok(())
    }

    /// Refuses parameters that the operation does not have here: passing over one would answer another
    /// question.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        let mut names = self.0.iter().map(|(name, _)| name);
        let Some(name) = names.find(|name| !known.contains(&name.as_str())) else {
            return Ok(());
        };
        let shown: String = name.chars().take(40).collect();
        Err(Error::new(
            Kind::Invalid,
            "not-supported",
            format!("expected {}, found ‘{shown}’", known.join(", ")),
        ))
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        let mut own = self.0.iter();
        own.find(|(other, _)| other == name).map(|(_, value)| value)
    }

    pub fn all(&self, name: &'static str) -> impl Iterator<Item = &Value> {
        let own = self.0.iter().filter(move |(other, _)| other == name);
        own.map(|(_, value)| value)
    }

    /// A parameter of a primitive type that is written as a string.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a text")),
        }
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<usize>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Number(text) | Value::String(text)) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(wrong(name, "a number that is not negative")),
            },
            Some(_) => Err(wrong(name, "a number that is not negative")),
        }
    }

    /// A resource inside the parameters.
    pub fn resource(&self, name: &str, resource_type: &str) -> Result<Option<&Value>> {
        match self.value(name) {
            None => Ok(None),
            Some(value) if value.str_at("resourceType") == Some(resource_type) => Ok(Some(value)),
            Some(_) => Err(wrong(name, resource_type)),
        }
    }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "value",
        format!("expected {expected} as {name}, found another value"),
    )
}
