//! FHIRPath Patch: operations in a `Parameters` resource.
//!
//! Source: FHIR R4 *FHIRPath Patch* (fhirpatch.html). Paths are evaluated by the one FHIRPath
//! engine on the resource as the operations before left it; each must lead to elements of it.
//! A primitive is its value and the `_name` sibling: both move together.

use super::element::{
    Element, ensure_at, insert_item, list_len, remove_item, set, sibling_name, value_suffix,
};
use super::limits::Allowance;
use super::site::{ObjectType, Place, type_at, value_mut};
use super::{UNFIT, check_count, malformed, shown, unfit};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::definitions::schema::Target;
use crate::fhir::fhirpath::{
    Environment, FhirPathError, Item, Location, Phase, Segment, evaluate, parse,
};
use crate::fhir::model::value::{Text, Value};

/// Applies the operations of a `Parameters` resource in order.
pub(super) fn apply(
    mut resource: Value,
    parameters: &Value,
    definitions: &Definitions,
) -> Result<Value> {
    if parameters.str_at("resourceType") != Some("Parameters") {
        return Err(malformed(format!(
            "expected a Parameters resource, found {}",
            parameters.str_at("resourceType").unwrap_or("none")
        )));
    }
    let operations = parameters.items_at("parameter");
    check_count(operations.len())?;
    let mut allowance = Allowance::new();
    for (index, parameter) in operations.iter().enumerate() {
        let operation = Operation::read(parameter);
        let kind = operation.as_ref().map_or("", |operation| operation.kind);
        operation
            .and_then(|operation| operation.apply(&mut resource, definitions, &mut allowance))
            .map_err(|error| placed(index, kind, &error))?;
    }
    Ok(resource)
}

/// The same error at one operation, which `issue.expression` names; what does not fit the resource also
/// says in which kind of operation.
fn placed(index: usize, kind: &str, error: &Error) -> Error {
    let mut issues = error.issues().to_vec();
    for issue in &mut issues {
        if issue.code == UNFIT {
            issue
                .diagnostics
                .push_str(&format!(" when processing patch {kind} operation."));
        }
        issue
            .expression
            .push(format!("Parameters.parameter[{index}]"));
    }
    Error::from_issues(error.kind(), issues)
}

struct Operation<'p> {
    kind: &'p str,
    path: &'p str,
    name: Option<&'p str>,
    value: Option<&'p Value>,
    index: Option<usize>,
    source: Option<usize>,
    destination: Option<usize>,
}

impl<'p> Operation<'p> {
    fn read(parameter: &'p Value) -> Result<Self> {
        if parameter.str_at("name") != Some("operation") {
            return Err(malformed(
                "expected a parameter named 'operation', found another",
            ));
        }
        let parts = parameter.items_at("part");
        let part = |name: &str| parts.iter().find(|part| part.str_at("name") == Some(name));
        let text = |name: &str| {
            let part = part(name)?;
            ["valueString", "valueCode", "valueMarkdown"]
                .iter()
                .find_map(|member| part.str_at(member))
        };
        let number = |name: &str| -> Result<Option<usize>> {
            let Some(part) = part(name) else {
                return Ok(None);
            };
            let number = ["valueInteger", "valueUnsignedInt", "valuePositiveInt"]
                .iter()
                .find_map(|member| match part.get(member) {
                    Some(Value::Number(text)) => text.parse().ok(),
                    _ => None,
                });
            match number {
                Some(number) => Ok(Some(number)),
                None => Err(malformed(format!(
                    "expected a valueInteger from 0 in part '{name}', found none"
                ))),
            }
        };
        let kind =
            text("type").ok_or_else(|| malformed("Patch operations must have the 'type' part."))?;
        Ok(Self {
            kind,
            path: text("path").ok_or_else(|| lacks(kind, "path"))?,
            name: text("name"),
            value: part("value"),
            index: number("index")?,
            source: number("source")?,
            destination: number("destination")?,
        })
    }

    fn apply(
        &self,
        resource: &mut Value,
        definitions: &Definitions,
        allowance: &mut Allowance,
    ) -> Result<()> {
        match self.kind {
            "add" => self.add(resource, definitions, allowance),
            "insert" => self.insert(resource, definitions, allowance),
            "delete" => self.delete(resource, definitions),
            "replace" => self.replace(resource, definitions, allowance),
            "move" => self.move_(resource, definitions),
            _ => Err(malformed(
                "expected the type add, insert, delete, replace or move, found another",
            )),
        }
    }

    fn add(
        &self,
        resource: &mut Value,
        definitions: &Definitions,
        allowance: &mut Allowance,
    ) -> Result<()> {
        let name = self.name.ok_or_else(|| lacks(self.kind, "name"))?;
        let mut location = single(locate(self.path, resource, definitions)?, self.path)?;
        if let Some(sibling) = sibling_location(resource, &location, definitions)? {
            // Only ids and extensions can be added to a primitive.
            ensure_object(resource, &sibling)?;
            location = sibling;
        }
        let site = type_at(resource, &location.0, definitions)?;
        self.put(
            resource,
            &location.0,
            site,
            name,
            None,
            definitions,
            allowance,
        )
    }

    fn insert(
        &self,
        resource: &mut Value,
        definitions: &Definitions,
        allowance: &mut Allowance,
    ) -> Result<()> {
        let index = self.index.ok_or_else(|| lacks(self.kind, "index"))?;
        let found = locate(self.path, resource, definitions)?;
        let (parent, member) = if found.is_empty() {
            // An empty list has no element to be found by: its parent has.
            let (parent, member) = self
                .path
                .rsplit_once('.')
                .ok_or_else(|| nothing(self.path))?;
            let parent = single(locate(parent, resource, definitions)?, parent)?;
            (parent.0, Text::new(member))
        } else {
            list(&found)?
        };
        let site = type_at(resource, &parent, definitions)?;
        self.put(
            resource,
            &parent,
            site,
            &member,
            Some(index),
            definitions,
            allowance,
        )
    }

    /// Puts the value into an object: appended to a list, at an index of it, or as the one element.
    #[expect(
        clippy::too_many_arguments,
        reason = "one place, one value and their context"
    )]
    fn put(
        &self,
        resource: &mut Value,
        parent: &[Segment],
        site: ObjectType<'_>,
        name: &str,
        index: Option<usize>,
        definitions: &Definitions,
        allowance: &mut Allowance,
    ) -> Result<()> {
        let part = self.required_value()?;
        let (field, kind) = site.element(name, value_suffix(part))?;
        let inside = site.inside(kind, part.get("resource"), definitions);
        let element = Element::read(part, inside, definitions)?;
        element.pay(allowance, parent.len().saturating_add(2))?;
        let object = value_mut(resource, parent)
            .and_then(Value::as_object_mut)
            .ok_or_else(|| unfit("expected an object to put an element in, found none"))?;
        let member = kind.json_name.as_str();
        if field.array {
            let count = list_len(object, member);
            let index = index.unwrap_or(count);
            if index > count {
                return Err(unfit(format!(
                    "expected an index of at most {count}, found {index}"
                )));
            }
            insert_item(object, member, index, element);
            return Ok(());
        }
        if index.is_some() {
            return Err(unfit(format!(
                "expected a list to insert in, found '{name}'"
            )));
        }
        let taken = field.types.iter().any(|kind| {
            object.contains(&kind.json_name)
                || (element.value.is_some() && object.contains(&sibling_name(&kind.json_name)))
        });
        if taken {
            return Err(unfit(format!(
                "expected nothing at '{name}', which does not repeat: Existing element {name} found"
            )));
        }
        set(object, member, element);
        Ok(())
    }

    fn delete(&self, resource: &mut Value, definitions: &Definitions) -> Result<()> {
        let mut found = locate(self.path, resource, definitions)?;
        let Some(location) = found.pop() else {
            return Ok(());
        };
        if !found.is_empty() {
            return Err(unfit(format!(
                "expected one element at most at {}, found {}",
                shown(self.path),
                found.len().saturating_add(1)
            )));
        }
        let place = Place::of(&location)
            .ok_or_else(|| unfit("expected an element of the resource, found all of it"))?;
        let object = value_mut(resource, place.parent)
            .and_then(Value::as_object_mut)
            .ok_or_else(|| nothing(self.path))?;
        for name in [place.member.to_owned(), sibling_name(place.member)] {
            match (place.index, object.get_mut(&name)) {
                (Some(index), Some(Value::Array(items))) if index < items.len() => {
                    items.remove(index);
                }
                (None, Some(_)) => drop(object.remove(&name)),
                _ => {}
            }
        }
        Ok(())
    }

    fn replace(
        &self,
        resource: &mut Value,
        definitions: &Definitions,
        allowance: &mut Allowance,
    ) -> Result<()> {
        let location = single(locate(self.path, resource, definitions)?, self.path)?;
        let place = Place::of(&location)
            .ok_or_else(|| unfit("expected an element of the resource, found all of it"))?;
        let part = self.required_value()?;
        let site = type_at(resource, place.parent, definitions)?;
        let (field, mut kind) = site.element(place.member, None)?;
        if field.choice {
            // The new value may be of another type of the choice.
            (_, kind) = site.element(&field.name, value_suffix(part))?;
        }
        let inside = site.inside(kind, part.get("resource"), definitions);
        let element = Element::read(part, inside, definitions)?;
        element.pay(allowance, location.0.len())?;
        let object = value_mut(resource, place.parent)
            .and_then(Value::as_object_mut)
            .ok_or_else(|| nothing(self.path))?;
        match place.index {
            Some(index) => {
                remove_item(object, place.member, index);
                insert_item(object, place.member, index, element);
            }
            None if kind.json_name == place.member => set(object, place.member, element),
            None => {
                object.remove(place.member);
                object.remove(&sibling_name(place.member));
                set(object, &kind.json_name, element);
            }
        }
        Ok(())
    }

    fn move_(&self, resource: &mut Value, definitions: &Definitions) -> Result<()> {
        let source = self.source.ok_or_else(|| lacks(self.kind, "source"))?;
        let destination = self
            .destination
            .ok_or_else(|| lacks(self.kind, "destination"))?;
        let found = locate(self.path, resource, definitions)?;
        if found.is_empty() {
            return Err(nothing(self.path));
        }
        let (parent, member) = list(&found)?;
        let object = value_mut(resource, &parent)
            .and_then(Value::as_object_mut)
            .ok_or_else(|| nothing(self.path))?;
        let count = list_len(object, &member);
        if source >= count || destination >= count {
            return Err(unfit(format!(
                "expected source and destination below {count}, found {source} and {destination}"
            )));
        }
        let element = remove_item(object, &member, source);
        insert_item(object, &member, destination, element);
        Ok(())
    }

    fn required_value(&self) -> Result<&'p Value> {
        self.value.ok_or_else(|| lacks(self.kind, "value"))
    }
}

/// An operation of this kind without a part that it needs; what kind it is may be anything.
fn lacks(kind: &str, part: &str) -> Error {
    let kind: String = kind.chars().take(20).collect();
    malformed(format!(
        "Patch {kind} operations must have the '{part}' part."
    ))
}

fn nothing(path: &str) -> Error {
    unfit(format!(
        "expected an element at {}, found none",
        shown(path)
    ))
}

/// A path that cannot be evaluated on this resource does not fit; one that is too much work stays that.
fn unfit_path(error: FhirPathError) -> Error {
    match error.phase {
        Phase::Limit => Error::from(error),
        _ => Error::from_issues(Kind::Invalid, Error::from(error).into_issues()),
    }
}

/// Evaluates a path to places in the resource.
fn locate(path: &str, resource: &Value, definitions: &Definitions) -> Result<Vec<Location>> {
    let expression = parse(path)?;
    let env = Environment::new(definitions);
    let mut found = Vec::new();
    for item in evaluate(&expression, resource, &env).map_err(unfit_path)? {
        let location = match &item {
            Item::Node(node) => Location::find(resource, node),
            _ => None,
        };
        found.push(location.ok_or_else(|| {
            unfit("expected a path to elements of the resource, found a computed value")
        })?);
    }
    Ok(found)
}

fn single(mut found: Vec<Location>, path: &str) -> Result<Location> {
    match (found.pop(), found.len()) {
        (Some(location), 0) => Ok(location),
        (None, _) => Err(nothing(path)),
        (_, more) => Err(unfit(format!(
            "expected one element, found {}",
            more.saturating_add(1)
        ))),
    }
}

/// The list that all the places belong to.
fn list(found: &[Location]) -> Result<(Vec<Segment>, Text)> {
    let mut list: Option<(&[Segment], &str)> = None;
    for location in found {
        let place = Place::of(location).filter(|place| place.index.is_some());
        match (place, list) {
            (Some(place), None) => list = Some((place.parent, place.member)),
            (Some(place), Some(known)) if known == (place.parent, place.member) => {}
            _ => return Err(unfit("expected the elements of one list, found others")),
        }
    }
    list.map(|(parent, member)| (parent.to_vec(), Text::new(member)))
        .ok_or_else(|| unfit("expected the elements of one list, found none"))
}

/// Where the id and extensions of a primitive stand; `None` for an object.
fn sibling_location(
    resource: &Value,
    location: &Location,
    definitions: &Definitions,
) -> Result<Option<Location>> {
    let Some(place) = Place::of(location) else {
        return Ok(None);
    };
    if place.member.starts_with('_') {
        return Ok(None);
    }
    let site = type_at(resource, place.parent, definitions)?;
    let (_, kind) = site.element(place.member, None)?;
    if !matches!(kind.target, Target::Primitive(_)) {
        return Ok(None);
    }
    let mut segments = place.parent.to_vec();
    segments.push(Segment::Member(Text::from(sibling_name(place.member))));
    segments.extend(place.index.map(Segment::Index));
    Ok(Some(Location(segments)))
}

/// Makes sure that an object stands at the place of a sibling.
fn ensure_object(resource: &mut Value, location: &Location) -> Result<()> {
    let place =
        Place::of(location).ok_or_else(|| unfit("expected a member, found the resource"))?;
    let object = value_mut(resource, place.parent)
        .and_then(Value::as_object_mut)
        .ok_or_else(|| unfit("expected an object around a primitive, found none"))?;
    ensure_at(object, place.member, place.index);
    Ok(())
}
