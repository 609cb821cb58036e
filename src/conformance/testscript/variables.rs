//! `${name}` and what it stands for.
//!
//! Source: FHIR R4 *TestScript* (variable; "Using Variables"). A variable is evaluated where it is
//! used, so that it sees the latest answer of its source.

use crate::fhir::model::value::Value;

/// The names in a text, in order.
pub fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        names.push(name);
        rest = tail;
    }
    names
}

/// Puts values in the place of names. Where `value` has none (`Ok(None)`), the text stays.
pub fn substitute<E>(
    text: &str,
    mut value: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            break;
        };
        match value(name)? {
            Some(value) => out.push_str(&value),
            None => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// The same in every text of a tree; a value cannot break out of the text it stands in.
pub fn substitute_tree<E>(
    tree: &mut Value,
    value: &mut impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<(), E> {
    match tree {
        Value::String(text) if text.contains("${") => {
            *tree = Value::from(substitute(text, &mut *value)?);
        }
        Value::Array(items) => {
            for item in items {
                substitute_tree(item, value)?;
            }
        }
        Value::Object(object) => {
            for (_, member) in object.iter_mut() {
                substitute_tree(member, value)?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;

    fn value(name: &str) -> Result<Option<String>, String> {
        match name {
            "id" => Ok(Some("42".to_owned())),
            "quote" => Ok(Some("a\"b${id}".to_owned())),
            "broken" => Err("no value".to_owned()),
            _ => Ok(None),
        }
    }

    #[test]
    fn texts() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let found = substitute(text, value);
            assert_eq!(
                found.as_deref(),
                expected.map_err(str::to_owned).as_ref().map(|t| *t),
                "{text}"
            );
        };
        check("", Ok(""));
        check("Patient/${id}", Ok("Patient/42"));
        check("${id}${id}", Ok("4242"));
        check("${other}/${id}", Ok("${other}/42"));
        check("a ${open", Ok("a ${open"));
        check("$id {id} $", Ok("$id {id} $"));
        // What a value holds is not looked at again.
        check("${quote}", Ok("a\"b${id}"));
        check("${id}${broken}", Err("no value"));
    }

    #[test]
    fn trees() {
        let mut tree = json::parse(
            br#"{"a":["${id}",1],"b":{"c":"x ${quote}"}}"#,
            &json::Limits::default(),
        )
        .unwrap();
        substitute_tree(&mut tree, &mut value).unwrap();
        let text = String::from_utf8(json::to_vec(&tree)).unwrap();
        assert_eq!(text, r#"{"a":["42",1],"b":{"c":"x a\"b${id}"}}"#);
    }

    #[test]
    fn names_in_order() {
        assert_eq!(names("a ${b} ${c}${b} ${"), ["b", "c", "b"]);
    }
}
