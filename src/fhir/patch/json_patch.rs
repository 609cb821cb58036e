//! JSON Patch on the JSON form of a resource.
//!
//! Source: RFC 6902 (operations), RFC 6901 (pointers), FHIR R4 *RESTful API*, "patch".

use super::limits::Allowance;
use super::{at_operation, check_count, malformed, unfit};
use crate::error::{Error, Kind, Result};
use crate::fhir::fhirpath::Decimal;
use crate::fhir::model::json;
use crate::fhir::model::value::Value;

/// Applies a JSON Patch document.
pub(super) fn apply(resource: Value, patch: &[u8]) -> Result<Value> {
    let patch = json::parse(patch, &json::Limits::default())?;
    let Value::Array(operations) = patch else {
        return Err(malformed(format!(
            "expected an array of operations, found {}",
            patch.describe()
        )));
    };
    apply_all(resource, &operations)
}

/// Applies operations in order.
pub(super) fn apply_all(mut document: Value, operations: &[Value]) -> Result<Value> {
    check_count(operations.len())?;
    let mut allowance = Allowance::new();
    for (index, operation) in operations.iter().enumerate() {
        let name = operation.str_at("op").unwrap_or("?");
        let place = operation.str_at("path").unwrap_or("?");
        Operation::read(operation)
            .and_then(|operation| operation.apply(&mut document, &mut allowance))
            .map_err(|error| at_operation(index, name, place, &error))?;
    }
    Ok(document)
}

enum Operation<'p> {
    Add(Pointer, &'p Value),
    Remove(Pointer),
    Replace(Pointer, &'p Value),
    Move { from: Pointer, to: Pointer },
    Copy { from: Pointer, to: Pointer },
    Test(Pointer, &'p Value),
}

impl<'p> Operation<'p> {
    fn read(operation: &'p Value) -> Result<Self> {
        let Value::Object(_) = operation else {
            return Err(malformed(format!(
                "expected an object, found {}",
                operation.describe()
            )));
        };
        let text = |name: &str| {
            operation
                .str_at(name)
                .ok_or_else(|| malformed(format!("expected a string member '{name}', found none")))
        };
        let value = || {
            operation
                .get("value")
                .ok_or_else(|| malformed("expected a member 'value', found none"))
        };
        let path = Pointer::parse(text("path")?)?;
        Ok(match text("op")? {
            "add" => Self::Add(path, value()?),
            "remove" => Self::Remove(path),
            "replace" => Self::Replace(path, value()?),
            "test" => Self::Test(path, value()?),
            "move" => Self::Move {
                from: Pointer::parse(text("from")?)?,
                to: path,
            },
            "copy" => Self::Copy {
                from: Pointer::parse(text("from")?)?,
                to: path,
            },
            _ => {
                return Err(malformed(
                    "expected op to be add, remove, replace, move, copy or test, found another",
                ));
            }
        })
    }

    fn apply(&self, document: &mut Value, allowance: &mut Allowance) -> Result<()> {
        match self {
            Self::Add(path, value) => {
                allowance.spend(value, path.0.len())?;
                add(document, path, (*value).clone())
            }
            Self::Remove(path) => remove(document, path).map(drop),
            Self::Replace(path, value) => {
                allowance.spend(value, path.0.len())?;
                *find_mut(document, path)? = (*value).clone();
                Ok(())
            }
            Self::Move { from, to } => {
                if to.0.len() > from.0.len() && to.0.starts_with(&from.0) {
                    return Err(unfit("expected a place outside of the value that moves"));
                }
                let value = remove(document, from)?;
                allowance.spend(&value, to.0.len())?;
                add(document, to, value)
            }
            Self::Copy { from, to } => {
                let value = find(document, from)?;
                allowance.spend(value, to.0.len())?;
                let value = value.clone();
                add(document, to, value)
            }
            Self::Test(path, value) => match find(document, path) {
                Ok(found) if same(found, value) => Ok(()),
                _ => Err(untrue()),
            },
        }
    }
}

/// A JSON pointer: member names and indexes from the root.
struct Pointer(Vec<String>);

impl Pointer {
    fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(malformed(
                "expected a JSON pointer: empty or beginning with '/'",
            ));
        };
        let mut tokens = Vec::new();
        for token in rest.split('/') {
            let plain = token.replace("~0", "").replace("~1", "");
            if plain.contains('~') {
                return Err(malformed("expected ~0 or ~1, found another use of '~'"));
            }
            // In this order, so that `~01` is `~1` and not `/`.
            tokens.push(token.replace("~1", "/").replace("~0", "~"));
        }
        Ok(Self(tokens))
    }

    /// The parent and the last step.
    fn split(&self) -> Option<(&[String], &str)> {
        let (last, parent) = self.0.split_last()?;
        Some((parent, last))
    }
}

/// Reads an index: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = token.len() > 1 && token.starts_with('0');
    (plain && !leading_zero)
        .then(|| token.parse().ok())
        .flatten()
}

fn step<'v>(value: &'v Value, token: &str) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get(token),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    }
}

fn step_mut<'v>(value: &'v mut Value, token: &str) -> Option<&'v mut Value> {
    match value {
        Value::Object(object) => object.get_mut(token),
        Value::Array(items) => items.get_mut(index(token)?),
        _ => None,
    }
}

/// Of a failed test R4 (http.html#patch) says 422, in a sentence of its own.
fn untrue() -> Error {
    Error::new(
        Kind::Unprocessable,
        "processing",
        "expected the tested value, found another",
    )
}

fn missing() -> Error {
    unfit("expected a value at the place, found none")
}

fn find<'v>(document: &'v Value, path: &Pointer) -> Result<&'v Value> {
    path.0
        .iter()
        .try_fold(document, |value, token| step(value, token))
        .ok_or_else(missing)
}

fn find_mut<'v>(document: &'v mut Value, path: &Pointer) -> Result<&'v mut Value> {
    walk_mut(document, &path.0)
}

fn walk_mut<'v>(document: &'v mut Value, tokens: &[String]) -> Result<&'v mut Value> {
    tokens
        .iter()
        .try_fold(document, |value, token| step_mut(value, token))
        .ok_or_else(missing)
}

fn add(document: &mut Value, path: &Pointer, value: Value) -> Result<()> {
    let Some((parent, last)) = path.split() else {
        *document = value;
        return Ok(());
    };
    match walk_mut(document, parent)? {
        Value::Object(object) => {
            object.set(last, value);
            Ok(())
        }
        Value::Array(items) => {
            let place = match last {
                "-" => items.len(),
                _ => index(last).ok_or_else(|| {
                    unfit("expected an index or '-' in an array, found another token")
                })?,
            };
            if place > items.len() {
                return Err(unfit(format!(
                    "expected an index of at most {}, found {place}",
                    items.len()
                )));
            }
            items.insert(place, value);
            Ok(())
        }
        other => Err(unfit(format!(
            "expected an object or an array to add to, found {}",
            other.describe()
        ))),
    }
}

fn remove(document: &mut Value, path: &Pointer) -> Result<Value> {
    let Some((parent, last)) = path.split() else {
        return Err(unfit(
            "expected a place inside of the resource, found all of it",
        ));
    };
    match walk_mut(document, parent)? {
        Value::Object(object) => object.remove(last).ok_or_else(missing),
        Value::Array(items) => match index(last).filter(|place| *place < items.len()) {
            Some(place) => Ok(items.remove(place)),
            None => Err(missing()),
        },
        _ => Err(missing()),
    }
}

/// Equality of RFC 6902: members in any order, numbers by value. Both trees were bounded in depth
/// when they came in.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(x), Value::Number(y)) => {
            x == y || matches!((Decimal::parse(x), Decimal::parse(y)), (Some(x), Some(y)) if x == y)
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn value(text: &str) -> Value {
        json::parse(text.as_bytes(), &json::Limits::default()).unwrap()
    }

    #[track_caller]
    fn check(document: &str, patch: &str, expected: &str) {
        let result = apply(value(document), patch.as_bytes()).unwrap();
        assert_eq!(result, value(expected), "{patch}");
    }

    #[track_caller]
    fn fails(document: &str, patch: &str, kind: Kind) {
        let error = apply(value(document), patch.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), kind, "{patch}: {error}");
    }

    #[test]
    fn rfc_6902_operations() {
        check(
            r#"{"a":[1]}"#,
            r#"[{"op":"add","path":"/a/-","value":2}]"#,
            r#"{"a":[1,2]}"#,
        );
        check(
            r#"{"a":1}"#,
            r#"[{"op":"copy","from":"/a","path":"/b"}]"#,
            r#"{"a":1,"b":1}"#,
        );
        check(
            r#"{"a":1.0}"#,
            r#"[{"op":"test","path":"/a","value":1}]"#,
            r#"{"a":1.0}"#,
        );
        check(
            r#"{"a":{"b":1,"c":2}}"#,
            r#"[{"op":"test","path":"/a","value":{"c":2,"b":1}}]"#,
            r#"{"a":{"b":1,"c":2}}"#,
        );
        check(r#"{"a/b":1}"#, r#"[{"op":"remove","path":"/a~1b"}]"#, "{}");
        check(
            r#"{"a":1}"#,
            r#"[{"op":"move","from":"/a","path":"/a"}]"#,
            r#"{"a":1}"#,
        );
        check(r#"{"a":1}"#, "[]", r#"{"a":1}"#);
    }

    #[test]
    fn malformed_and_unfit_are_400() {
        for patch in [
            "{}",
            "[1]",
            "nonsense",
            r#"[{"op":"add","path":"/a"}]"#,
            r#"[{"op":"fly","path":"/a"}]"#,
            r#"[{"path":"/a"}]"#,
            r#"[{"op":"remove"}]"#,
            r#"[{"op":"remove","path":"a"}]"#,
            r#"[{"op":"remove","path":"/~2"}]"#,
            r#"[{"op":"move","path":"/a"}]"#,
        ] {
            fails(r#"{"a":[1]}"#, patch, Kind::Invalid);
        }
        for patch in [
            r#"[{"op":"remove","path":"/b"}]"#,
            r#"[{"op":"remove","path":""}]"#,
            r#"[{"op":"remove","path":"/a/1"}]"#,
            r#"[{"op":"remove","path":"/a/-"}]"#,
            r#"[{"op":"add","path":"/a/01","value":1}]"#,
            r#"[{"op":"add","path":"/a/2","value":1}]"#,
            r#"[{"op":"add","path":"/a/0/b","value":1}]"#,
            r#"[{"op":"replace","path":"/a/99999999999999999999","value":1}]"#,
            r#"[{"op":"move","from":"/a","path":"/a/0"}]"#,
        ] {
            fails(r#"{"a":[1]}"#, patch, Kind::Invalid);
        }
    }

    #[test]
    fn a_failed_test_is_422() {
        for patch in [
            r#"[{"op":"test","path":"/a","value":[2]}]"#,
            r#"[{"op":"test","path":"/b","value":null}]"#,
        ] {
            fails(r#"{"a":[1]}"#, patch, Kind::Unprocessable);
        }
    }

    #[test]
    fn in_22_number_of_operations() {
        let patch = |count: usize| {
            let one = r#"{"op":"test","path":"/a","value":1}"#;
            format!("[{}]", vec![one; count].join(","))
        };
        check(r#"{"a":1}"#, &patch(500), r#"{"a":1}"#);
        fails(r#"{"a":1}"#, &patch(501), Kind::Unprocessable);
    }

    #[test]
    fn growth_is_bounded() {
        // Each copy of the whole into itself doubles it, and makes it deeper.
        let one = r#"{"op":"copy","from":"","path":"/b"}"#;
        let deeper = format!("[{}]", vec![one; 100].join(","));
        fails(r#"{"a":[]}"#, &deeper, Kind::Unprocessable);
        let one = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        let wider = format!("[{}]", vec![one; 100].join(","));
        fails(r#"{"a":["x"]}"#, &wider, Kind::Unprocessable);
    }

    #[test]
    fn the_failing_operation_is_named() {
        let patch = r#"[{"op":"test","path":"/a","value":1},{"op":"remove","path":"/b"}]"#;
        let error = apply(value(r#"{"a":1}"#), patch.as_bytes()).unwrap_err();
        assert!(
            error.to_string().starts_with("operation 1 (remove /b):"),
            "{error}"
        );
    }
}
