//! From text to tree.

use std::collections::HashSet;

use super::{JsonError, Limits};
use crate::fhir::model::value::{Object, Text, Value};

/// Objects up to this size are searched for duplicates member by member.
const SMALL_OBJECT: usize = 24;
/// Longest number, in characters (IN-10).
const NUMBER_LENGTH: usize = 64;
/// Largest decimal exponent, either way (IN-10).
const NUMBER_EXPONENT: i32 = 300;

/// Reads one JSON value and nothing after it.
///
/// # Errors
/// The first fault, with line, column and place in the tree.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let fault = Fault::at(error.valid_up_to(), "expected UTF-8, found an invalid byte");
            return Err(fault.into_error(bytes, None));
        }
    };
    if text.starts_with('\u{feff}') {
        let fault = Fault::at(0, "expected JSON without a byte order mark");
        return Err(fault.into_error(bytes, None));
    }
    let mut parser = Parser {
        bytes,
        text,
        position: 0,
        nodes: 0,
        limits: *limits,
        root_type: None,
    };
    parser
        .document()
        .map_err(|fault| fault.into_error(bytes, parser.root_type))
}

/// A fault on its way up: each level of the tree adds its step.
struct Fault {
    offset: usize,
    what: String,
    code: &'static str,
    /// Innermost step first.
    steps: Vec<Step>,
}

enum Step {
    Member(Text),
    Item(usize),
}

impl Fault {
    fn at(offset: usize, what: impl Into<String>) -> Self {
        Self {
            offset,
            what: what.into(),
            code: "structure",
            steps: Vec::new(),
        }
    }

    fn coded(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    fn into_error(self, bytes: &[u8], root_type: Option<Text>) -> JsonError {
        let before = bytes.get(..self.offset).unwrap_or(bytes);
        let line = before
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            .saturating_add(1);
        let line_start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at.saturating_add(1));
        let column = before.len().saturating_sub(line_start).saturating_add(1);
        let mut path = root_type.map(String::from).unwrap_or_default();
        for step in self.steps.iter().rev() {
            match step {
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Item(index) => path.push_str(&format!("[{index}]")),
            }
        }
        JsonError {
            line,
            column,
            path,
            what: self.what,
            code: self.code,
        }
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    position: usize,
    nodes: usize,
    limits: Limits,
    /// The `resourceType` of the root, once read: the first step of every place named.
    root_type: Option<Text>,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, Fault> {
        self.white_space();
        let value = self.value(0, false)?;
        self.white_space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.fault("expected the end of the text, found more")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn advance(&mut self) {
        self.position = self.position.saturating_add(1);
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.advance();
        }
    }

    fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::at(self.position, what)
    }

    fn found(&self) -> String {
        let rest = self.text.get(self.position..).unwrap_or("");
        match rest.chars().next() {
            None => "the end of the text".to_owned(),
            Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("‘{c}’"),
        }
    }

    fn value(&mut self, depth: usize, attachment: bool) -> Result<Value, Fault> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > self.limits.nodes {
            return Err(self
                .fault(format!(
                    "expected at most {} values, found more",
                    self.limits.nodes
                ))
                .coded("too-long"));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => {
                let limit = if attachment {
                    usize::MAX
                } else {
                    self.limits.string
                };
                Ok(Value::String(self.string(limit)?))
            }
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fault(format!("expected a JSON value, found {}", self.found()))),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Fault> {
        let end = self.position.saturating_add(word.len());
        if self.bytes.get(self.position..end) == Some(word.as_bytes()) {
            self.position = end;
            Ok(value)
        } else {
            Err(self.fault(format!("expected ‘{word}’, found another word")))
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Fault> {
        let depth = depth.saturating_add(1);
        if depth > self.limits.depth {
            return Err(self
                .fault(format!(
                    "expected at most {} levels of nesting, found more",
                    self.limits.depth
                ))
                .coded("too-long"));
        }
        Ok(depth)
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = self.deeper(depth)?;
        self.advance();
        let mut object = Object::new();
        let mut names: Option<HashSet<Text>> = None;
        self.white_space();
        if self.peek() == Some(b'}') {
            self.advance();
            return Ok(Value::Object(object));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.fault(format!("expected a member name, found {}", self.found())));
            }
            let name_at = self.position;
            let name = self.string(self.limits.string)?;
            let twice = match &mut names {
                Some(names) => !names.insert(name.clone()),
                None => object.contains(&name),
            };
            if twice {
                let mut fault = Fault::at(
                    name_at,
                    format!(
                        "expected each member once, found ‘{}’ again",
                        shortened(&name)
                    ),
                );
                fault.steps.push(Step::Member(name));
                return Err(fault);
            }
            if names.is_none() && object.len() == SMALL_OBJECT {
                let mut all: HashSet<Text> = object.iter().map(|(n, _)| Text::new(n)).collect();
                all.insert(name.clone());
                names = Some(all);
            }
            self.white_space();
            if self.peek() != Some(b':') {
                return Err(self.fault(format!(
                    "expected ‘:’ after a member name, found {}",
                    self.found()
                )));
            }
            self.advance();
            self.white_space();
            match self.value(depth, name == "data") {
                Ok(value) => {
                    if depth == 1 && name == "resourceType" {
                        self.root_type = value.as_str().map(Text::new);
                    }
                    object.push(name, value);
                }
                Err(mut fault) => {
                    fault.steps.push(Step::Member(name));
                    return Err(fault);
                }
            }
            self.white_space();
            match self.peek() {
                Some(b',') => {
                    self.advance();
                    self.white_space();
                }
                Some(b'}') => {
                    self.advance();
                    return Ok(Value::Object(object));
                }
                _ => {
                    return Err(self.fault(format!("expected ‘,’ or ‘}}’, found {}", self.found())));
                }
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        let depth = self.deeper(depth)?;
        self.advance();
        let mut items = Vec::new();
        self.white_space();
        if self.peek() == Some(b']') {
            self.advance();
            return Ok(Value::Array(items));
        }
        loop {
            match self.value(depth, false) {
                Ok(item) => items.push(item),
                Err(mut fault) => {
                    fault.steps.push(Step::Item(items.len()));
                    return Err(fault);
                }
            }
            self.white_space();
            match self.peek() {
                Some(b',') => {
                    self.advance();
                    self.white_space();
                }
                Some(b']') => {
                    self.advance();
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.fault(format!("expected ‘,’ or ‘]’, found {}", self.found()))),
            }
        }
    }

    /// Reads a string whose opening quote is next.
    fn string(&mut self, limit: usize) -> Result<Text, Fault> {
        let opening = self.position;
        self.advance();
        let start = self.position;
        let end = self.run_end();
        if self.peek() == Some(b'"') {
            // The common case: no escape, one copy.
            let text = self.text.get(start..end).unwrap_or("");
            self.advance();
            return bounded(opening, Text::new(text), limit);
        }
        let mut text = String::from(self.text.get(start..end).unwrap_or(""));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.advance();
                    return bounded(opening, Text::from(text), limit);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    return Err(self
                        .fault(format!(
                            "expected no control character in a string, found {}",
                            self.found()
                        ))
                        .coded("value"));
                }
                None => {
                    return Err(Fault::at(
                        opening,
                        "expected a closing quote, found the end of the text",
                    ));
                }
            }
            let start = self.position;
            let end = self.run_end();
            text.push_str(self.text.get(start..end).unwrap_or(""));
        }
    }

    /// Moves on to the next quote, backslash or control character.
    fn run_end(&mut self) -> usize {
        let rest = self.bytes.get(self.position..).unwrap_or(&[]);
        let run = rest
            .iter()
            .position(|b| *b == b'"' || *b == b'\\' || *b < 0x20)
            .unwrap_or(rest.len());
        self.position = self.position.saturating_add(run);
        self.position
    }

    /// Reads an escape sequence whose backslash is next.
    fn escape(&mut self) -> Result<char, Fault> {
        let at = self.position;
        self.advance();
        let escaped = self.peek();
        self.advance();
        match escaped {
            Some(b'"') => Ok('"'),
            Some(b'\\') => Ok('\\'),
            Some(b'/') => Ok('/'),
            Some(b'b') => Err(control(at, 8)),
            Some(b'f') => Err(control(at, 12)),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.unicode(at),
            _ => Err(
                Fault::at(at, "expected an escape sequence of JSON, found another").coded("value"),
            ),
        }
    }

    fn unicode(&mut self, at: usize) -> Result<char, Fault> {
        let first = self.hex(at)?;
        let code = match first {
            0xD800..=0xDBFF => {
                let pair = self
                    .bytes
                    .get(self.position..self.position.saturating_add(2));
                if pair != Some(br"\u") {
                    return Err(lone_surrogate(at));
                }
                self.position = self.position.saturating_add(2);
                let second = self.hex(at)?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(lone_surrogate(at));
                }
                0x10000_u32
                    .saturating_add((first & 0x3ff) << 10)
                    .saturating_add(second & 0x3ff)
            }
            0xDC00..=0xDFFF => return Err(lone_surrogate(at)),
            code => code,
        };
        match char::from_u32(code) {
            Some(c) if code >= 0x20 || matches!(c, '\t' | '\n' | '\r') => Ok(c),
            _ => Err(control(at, code)),
        }
    }

    fn hex(&mut self, at: usize) -> Result<u32, Fault> {
        let end = self.position.saturating_add(4);
        let digits = self.text.get(self.position..end).unwrap_or("");
        let code = if digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits.len() == 4 {
            u32::from_str_radix(digits, 16).ok()
        } else {
            None
        };
        self.position = end;
        code.ok_or_else(|| {
            Fault::at(
                at,
                "expected four hexadecimal digits after \\u, found others",
            )
            .coded("value")
        })
    }

    fn number(&mut self) -> Result<Value, Fault> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.advance();
        }
        match self.peek() {
            Some(b'0') => self.advance(),
            Some(b'1'..=b'9') => self.digits(),
            _ => {
                return Err(self
                    .fault(format!("expected a digit, found {}", self.found()))
                    .coded("value"));
            }
        }
        if self.peek() == Some(b'.') {
            self.advance();
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self
                    .fault(format!(
                        "expected a digit after the decimal point, found {}",
                        self.found()
                    ))
                    .coded("value"));
            }
            self.digits();
        }
        let mut exponent = 0i32;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.advance();
            let exponent_start = self.position;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.advance();
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self
                    .fault(format!(
                        "expected a digit in the exponent, found {}",
                        self.found()
                    ))
                    .coded("value"));
            }
            self.digits();
            let text = self.text.get(exponent_start..self.position).unwrap_or("");
            exponent = text.parse().unwrap_or(i32::MAX);
        }
        let text = self.text.get(start..self.position).unwrap_or("");
        if text.len() > NUMBER_LENGTH {
            return Err(Fault::at(
                start,
                format!(
                    "expected a number of at most {NUMBER_LENGTH} characters, found {}",
                    text.len()
                ),
            )
            .coded("value"));
        }
        if !(-NUMBER_EXPONENT..=NUMBER_EXPONENT).contains(&exponent) {
            return Err(Fault::at(start, format!("expected an exponent between -{NUMBER_EXPONENT} and {NUMBER_EXPONENT}, found another")).coded("value"));
        }
        Ok(Value::Number(Text::new(text)))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.advance();
        }
    }
}

fn bounded(at: usize, text: Text, limit: usize) -> Result<Text, Fault> {
    if text.len() > limit {
        return Err(Fault::at(
            at,
            format!(
                "expected a string of at most {limit} bytes, found {}",
                text.len()
            ),
        )
        .coded("too-long"));
    }
    Ok(text)
}

fn control(at: usize, code: u32) -> Fault {
    Fault::at(
        at,
        format!("expected no control character in a string, found U+{code:04X}"),
    )
    .coded("value")
}

fn lone_surrogate(at: usize) -> Fault {
    Fault::at(at, "expected a surrogate pair, found half of one").coded("value")
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
