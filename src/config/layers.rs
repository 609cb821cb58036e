//! The layers of the configuration, laid one over the other, every value checked as it comes.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::invalid;
use super::keys::{self, Form, KEYS, Key};
use crate::error::{Error, Issue, Kind, Result};

/// Values by the path of their key, the strongest layer last; faults are collected, not thrown.
#[derive(Default)]
pub struct Layers {
    values: BTreeMap<&'static str, Value>,
    faults: Vec<Issue>,
}

impl Layers {
    /// Lays the text of a configuration file over what is there.
    pub fn add_file(&mut self, text: &str, name: &str) {
        match text.parse::<Table>() {
            Ok(table) => self.add_table(&table, "", name),
            Err(error) => {
                // Not the parser's own text: it quotes the line, which may hold a password.
                let line = error.span().map_or(1, |span| {
                    let before = text.as_bytes().get(..span.start).unwrap_or_default();
                    before
                        .iter()
                        .filter(|b| **b == b'\n')
                        .count()
                        .saturating_add(1)
                });
                self.fault(format!(
                    "{name}, line {line}: not TOML: {}",
                    error.message()
                ));
            }
        }
    }

    fn add_table(&mut self, table: &Table, section: &str, name: &str) {
        for (key, value) in table {
            let path = match section {
                "" => key.clone(),
                section => format!("{section}.{key}"),
            };
            match (keys::find(&path), value) {
                (Some(key), value) => self.add_value(key, value.clone(), &format!("{path} in {name}")),
                // Sections are one level deep.
                (None, Value::Table(inner)) if section.is_empty() && is_section(key) => {
                    self.add_table(inner, key, name);
                }
                (None, _) if path == "dev" => self.fault(format!(
                    "dev in {name}: development mode has no key, it is chosen by the flag --dev alone"
                )),
                (None, _) => self.fault(match keys::nearest(&path) {
                    Some(known) => format!("{path} in {name} is no key of the configuration; the nearest is {known}"),
                    None => format!("{path} in {name} is no key of the configuration"),
                }),
            }
        }
    }

    /// Lays the variables of the environment over what is there; an empty one counts as absent.
    pub fn add_environment(&mut self, env: &impl Fn(&str) -> Option<String>) {
        for key in KEYS {
            let variable = key.variable();
            if let Some(text) = env(&variable).filter(|text| !text.is_empty()) {
                self.add_text(key.path, &text, &variable);
            }
        }
    }

    /// Lays one value, written as text, over what is there.
    pub fn add_text(&mut self, path: &str, text: &str, from: &str) {
        let Some(key) = keys::find(path) else {
            return self.fault(format!("{path} is no key of the configuration"));
        };
        let value = match key.form {
            Form::Number(..) => match text.trim().parse() {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::String(text.to_string()),
            },
            Form::List => Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| Value::String(item.to_string()))
                    .collect(),
            ),
            Form::Text | Form::OneOf(_) => Value::String(text.to_string()),
        };
        self.add_value(key, value, from);
    }

    fn add_value(&mut self, key: &'static Key, value: Value, from: &str) {
        match fault_of(key, &value) {
            Some(expected) => {
                let found = describe(key, &value);
                self.fault(format!(
                    "{from}: expected {expected}, found {found}; {} is: {}",
                    key.path, key.what
                ));
            }
            None => {
                self.values.insert(key.path, value);
            }
        }
    }

    fn fault(&mut self, text: String) {
        self.faults.push(Issue::error("invalid", text));
    }

    /// Ends the collecting.
    ///
    /// # Errors
    /// `Invalid` with all the faults found.
    pub fn finish(&mut self) -> Result<()> {
        match std::mem::take(&mut self.faults) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(Error::from_issues(Kind::Invalid, faults)),
        }
    }

    /// Whether any layer names the key.
    pub fn names(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    /// The text of a key outside any section.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.values.get(path)?.as_str()
    }

    /// A section with its defaults where no layer names a key.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let table: Table = self
            .values
            .iter()
            .filter_map(|(path, value)| {
                let key = path.strip_prefix(name)?.strip_prefix('.')?;
                Some((key.to_string(), value.clone()))
            })
            .collect();
        table
            .try_into()
            .map_err(|error: toml::de::Error| invalid(format!("{name}: {}", error.message())))
    }
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| {
        key.path
            .split_once('.')
            .is_some_and(|(head, _)| head == name)
    })
}

/// What was expected instead, if the value does not fit its key.
fn fault_of(key: &Key, value: &Value) -> Option<String> {
    let fits = match (key.form, value) {
        (Form::Text, Value::String(text)) => !text.is_empty() && !text.contains('\0'),
        (Form::Number(min, max), Value::Integer(number)) => (min..=max).contains(number),
        (Form::OneOf(choices), Value::String(text)) => choices.contains(&text.as_str()),
        (Form::List, Value::Array(items)) => items.iter().all(Value::is_str),
        _ => false,
    };
    (!fits).then(|| match key.form {
        Form::Text => "a text that is not empty".to_string(),
        Form::Number(min, max) => format!("a whole number from {min} to {max}"),
        Form::OneOf(choices) => format!("one of {}", choices.join(", ")),
        Form::List => "a list of texts".to_string(),
    })
}

/// The value for a message; only its kind where it may hold a secret.
fn describe(key: &Key, value: &Value) -> String {
    match (key.form, value) {
        (Form::Text | Form::List, value) => format!("a TOML {}", value.type_str()),
        (_, Value::String(text)) => format!("\"{}\"", text.chars().take(40).collect::<String>()),
        (_, Value::Integer(number)) => number.to_string(),
        (_, value) => format!("a TOML {}", value.type_str()),
    }
}
