//! Which tokens are compared without case: those on elements of the datatype `string`.
//!
//! Source: FHIR R4 search.html#token. What an element is, is told by its path; where the path cannot be
//! followed both forms are looked for.

use super::extract::{own_part, union_members};
use crate::fhir::definitions::schema::{Field, Node, Target, TypeSchema};
use crate::fhir::definitions::{Definitions, SearchParameter};

/// Whether the elements of a parameter are compared without case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caseless {
    No,
    Yes,
    /// Some are, or nobody knows.
    Perhaps,
}

/// What the elements of a parameter are.
pub fn of(definitions: &Definitions, resource_type: &str, parameter: &SearchParameter) -> Caseless {
    let Some(own) = own_part(&parameter.expression, resource_type) else {
        return Caseless::No;
    };
    let members = union_members(&own).into_iter();
    let mut found = members.map(
        |member| match datatype(definitions, resource_type, member) {
            // The value of a ContactPoint is a string, its system no name space.
            Some("string" | "ContactPoint") => Caseless::Yes,
            Some(_) => Caseless::No,
            None => Caseless::Perhaps,
        },
    );
    let first = found.next().unwrap_or(Caseless::No);
    if found.all(|other| other == first) {
        first
    } else {
        Caseless::Perhaps
    }
}

/// The datatype that a path leads to; `None` where that is more than following names.
fn datatype<'a>(
    definitions: &'a Definitions,
    resource_type: &str,
    path: &'a str,
) -> Option<&'a str> {
    let mut steps = path.split('.');
    let mut place = Place::of(definitions.schema(resource_type)?);
    let mut code = None;
    let first = steps.next()?;
    let rest = match first {
        name if name == resource_type => None,
        name if name.starts_with(|c: char| c.is_ascii_lowercase()) => Some(name),
        _ => return None,
    };
    for step in rest.into_iter().chain(steps) {
        // It chooses among them, and they stay what they are.
        if step.starts_with("where(") && step.ends_with(')') {
            continue;
        }
        let field = place.node?.field(step)?;
        let [kind] = field.types.as_slice() else {
            return None;
        };
        code = Some(kind.code.as_str());
        place = place.below(definitions, field)?;
    }
    code
}

/// Where a path is.
#[derive(Clone, Copy)]
struct Place<'a> {
    schema: &'a TypeSchema,
    /// `None`: at a primitive.
    node: Option<&'a Node>,
}

impl<'a> Place<'a> {
    fn of(schema: &'a TypeSchema) -> Self {
        Self {
            schema,
            node: schema.root(),
        }
    }

    fn below(self, definitions: &'a Definitions, field: &'a Field) -> Option<Self> {
        match &field.types.first()?.target {
            Target::Node(index) => Some(Self {
                node: self.schema.node(*index),
                ..self
            }),
            Target::Complex(name) => definitions.schema(name).map(Self::of),
            _ => Some(Self { node: None, ..self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_followed_by_their_names() {
        let definitions = Definitions::r4().unwrap();
        for (name, code, expected) in [
            ("CodeSystem", "version", Caseless::Yes),
            ("Patient", "email", Caseless::Yes),
            ("Patient", "telecom", Caseless::Yes),
            ("Patient", "gender", Caseless::No),
            ("Patient", "identifier", Caseless::No),
            ("Observation", "code", Caseless::No),
            ("Observation", "combo-code", Caseless::No),
            ("Observation", "value-concept", Caseless::Perhaps),
            ("Patient", "deceased", Caseless::Perhaps),
        ] {
            let parameter = definitions.search_parameter(name, code).unwrap();
            assert_eq!(of(&definitions, name, parameter), expected, "{name}.{code}");
        }
    }
}
