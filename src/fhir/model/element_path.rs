//! Where in a resource something stands, as a FHIRPath expression that is built only when needed.
//!
//! A walk through a resource keeps one [`ElementPath`] per open element on its stack; nothing is
//! allocated until a finding asks for the text.

use std::fmt;

/// One step of a path, linked to the step before it.
#[derive(Clone, Copy, Debug)]
pub struct ElementPath<'a> {
    parent: Option<&'a ElementPath<'a>>,
    /// The element's name; for a choice the name without its type.
    name: &'a str,
    /// The type of a choice: `Quantity` of `Observation.value.ofType(Quantity)`.
    choice: Option<&'a str>,
    index: Option<usize>,
}

impl<'a> ElementPath<'a> {
    /// The beginning: the type of the resource.
    pub fn root(name: &'a str) -> Self {
        Self {
            parent: None,
            name,
            choice: None,
            index: None,
        }
    }

    /// An element inside this one.
    pub fn member(&'a self, name: &'a str) -> Self {
        Self {
            parent: Some(self),
            name,
            choice: None,
            index: None,
        }
    }

    /// The same element, known to be a choice of this type.
    pub fn of_type(self, choice: &'a str) -> Self {
        Self {
            choice: Some(choice),
            ..self
        }
    }

    /// The same element, as an item of a list.
    pub fn item(self, index: usize) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }
}

impl fmt::Display for ElementPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not by recursion, as the depth is the input's.
        let mut steps = Vec::new();
        let mut step = Some(self);
        while let Some(here) = step {
            steps.push(here);
            step = here.parent;
        }
        for (number, step) in steps.iter().rev().enumerate() {
            if number > 0 {
                f.write_str(".")?;
            }
            write_name(f, step.name)?;
            if let Some(choice) = step.choice {
                write!(f, ".ofType({choice})")?;
            }
            if let Some(index) = step.index {
                write!(f, "[{index}]")?;
            }
        }
        Ok(())
    }
}

/// A name as FHIRPath writes it: delimited where it is no identifier, cut where it is too long.
fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name.len() <= 64
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain {
        return f.write_str(name);
    }
    f.write_str("`")?;
    for character in name.chars().take(64) {
        match character {
            '`' | '\\' => write!(f, "\\{character}")?,
            _ if character.is_control() => f.write_str("?")?,
            _ => write!(f, "{character}")?,
        }
    }
    f.write_str("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_fhirpath() {
        let root = ElementPath::root("Observation");
        let value = root.member("value").of_type("Quantity");
        assert_eq!(
            value.member("code").to_string(),
            "Observation.value.ofType(Quantity).code"
        );
        let item = root.member("category").item(2);
        assert_eq!(item.to_string(), "Observation.category[2]");
        assert_eq!(root.member("a b").to_string(), "Observation.`a b`");
        let long = "x".repeat(1000);
        assert!(root.member(&long).to_string().len() < 100);
    }
}
