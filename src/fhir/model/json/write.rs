//! From tree to text.

use crate::fhir::model::value::Value;

/// The compact text of a value: no white space between tokens.
pub fn to_vec(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write_into(value, &mut out);
    out
}

/// Appends the compact text of a value.
pub fn write_into(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(text) => out.extend_from_slice(text.as_bytes()),
        Value::String(text) => escape_into(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_into(item, out);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            out.push(b'{');
            for (index, (name, member)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                escape_into(name, out);
                out.push(b':');
                write_into(member, out);
            }
            out.push(b'}');
        }
    }
}

/// The text of a value with two spaces of indent per level, for people.
pub fn to_pretty(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    pretty_into(value, 0, &mut out);
    out.push(b'\n');
    out
}

fn pretty_into(value: &Value, level: usize, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                new_line(level.saturating_add(1), out);
                pretty_into(item, level.saturating_add(1), out);
            }
            new_line(level, out);
            out.push(b']');
        }
        Value::Object(object) if !object.is_empty() => {
            out.push(b'{');
            for (index, (name, member)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                new_line(level.saturating_add(1), out);
                escape_into(name, out);
                out.extend_from_slice(b": ");
                pretty_into(member, level.saturating_add(1), out);
            }
            new_line(level, out);
            out.push(b'}');
        }
        other => write_into(other, out),
    }
}

fn new_line(level: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    for _ in 0..level {
        out.extend_from_slice(b"  ");
    }
}

/// Appends a quoted string; only what JSON demands is escaped.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|b| *b < 0x20 || *b == b'"' || *b == b'\\')
    {
        let (clean, special) = rest.split_at(at);
        out.extend_from_slice(clean);
        let Some((byte, after)) = special.split_first() else {
            break;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, parse};
    use super::*;

    #[test]
    fn pretty_and_compact_agree() {
        let text = br#"{"a":[1,{"b":"x\ty"}],"c":[],"d":{}}"#;
        let value = parse(text, &Limits::default()).unwrap();
        assert_eq!(to_vec(&value), text);
        assert_eq!(
            parse(&to_pretty(&value), &Limits::default()).unwrap(),
            value
        );
    }
}
