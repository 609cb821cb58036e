//! A reader for the part of YAML that published cases are written in.
//!
//! Block and flow collections, plain and quoted scalars over several lines, folded and literal blocks,
//! comments. No anchors, tags, merge keys, complex keys or several documents: these are refused, not
//! misread. Source: YAML 1.2.2; decision 0002 says why this is no dependency.

use std::fmt;

use crate::fhir::model::value::{Object, Text, Value};

/// Collections inside each other.
const MOST_NESTED: usize = 64;

/// What is not understood, and in which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct YamlFault {
    line: usize,
    text: &'static str,
}

impl fmt::Display for YamlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}", self.line, self.text)
    }
}

type Read<T> = Result<T, YamlFault>;

/// Reads a document.
pub(super) fn parse(text: &str) -> Read<Value> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(number, raw)| {
            let content = raw.trim_start_matches(' ');
            Line {
                number: number.saturating_add(1),
                indent: raw.len().saturating_sub(content.len()),
                content: content.trim_end(),
            }
        })
        .collect();
    let mut reader = Reader { lines, place: 0 };
    let value = reader.block(0, 0)?;
    match reader.next() {
        None => Ok(value),
        Some(_) => Err(reader.fault("the end of the document")),
    }
}

#[derive(Clone, Copy)]
struct Line<'t> {
    number: usize,
    indent: usize,
    content: &'t str,
}

struct Reader<'t> {
    lines: Vec<Line<'t>>,
    place: usize,
}

impl<'t> Reader<'t> {
    fn fault(&self, text: &'static str) -> YamlFault {
        let line = self.lines.get(self.place).or(self.lines.last());
        YamlFault {
            line: line.map_or(0, |line| line.number),
            text,
        }
    }

    fn advance(&mut self) {
        self.place = self.place.saturating_add(1);
    }

    /// The next line that says something.
    fn next(&mut self) -> Option<Line<'t>> {
        while let Some(line) = self.lines.get(self.place) {
            if !line.content.is_empty() && !line.content.starts_with('#') {
                return Some(*line);
            }
            self.advance();
        }
        None
    }

    /// The value of lines that are indented by at least `least`.
    fn block(&mut self, least: usize, depth: usize) -> Read<Value> {
        if depth > MOST_NESTED {
            return Err(self.fault("fewer collections inside each other"));
        }
        let Some(line) = self.next().filter(|line| line.indent >= least) else {
            return Ok(Value::Null);
        };
        if is_item(line.content) {
            return self.sequence(line.indent, depth);
        }
        if split_key(line.content).is_some() {
            return self.mapping(line.indent, depth);
        }
        self.advance();
        self.inline(line.content, least, depth)
    }

    fn sequence(&mut self, indent: usize, depth: usize) -> Read<Value> {
        let mut items = Vec::new();
        while let Some(line) = self
            .next()
            .filter(|line| line.indent == indent && is_item(line.content))
        {
            let after = line.content.get(1..).unwrap_or("");
            let rest = after.trim_start_matches(' ');
            let width = line.content.len().saturating_sub(rest.len());
            if rest.is_empty() || rest.starts_with('#') {
                self.advance();
            } else if let Some(own) = self.lines.get_mut(self.place) {
                // What follows the dash is a line of its own, as far to the right as it stands.
                own.indent = indent.saturating_add(width);
                own.content = rest;
            }
            let deeper = depth.saturating_add(1);
            items.push(self.block(indent.saturating_add(1), deeper)?);
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Read<Value> {
        let mut object = Object::new();
        while let Some(line) = self
            .next()
            .filter(|line| line.indent == indent && !is_item(line.content))
        {
            let (key, rest) =
                split_key(line.content).ok_or_else(|| self.fault("a key and a colon"))?;
            self.advance();
            let deeper = depth.saturating_add(1);
            let value = if rest.is_empty() || rest.starts_with('#') {
                // A list may stand as far to the left as its key.
                match self.next() {
                    Some(next) if next.indent == indent && is_item(next.content) => {
                        self.sequence(indent, deeper)?
                    }
                    _ => self.block(indent.saturating_add(1), deeper)?,
                }
            } else {
                self.inline(rest, indent.saturating_add(1), deeper)?
            };
            object.set(&key, value);
        }
        if let Some(line) = self.next()
            && line.indent > indent
        {
            return Err(self.fault("less indentation"));
        }
        Ok(Value::Object(object))
    }

    /// A value that begins in the middle of a line and goes on in lines indented by at least `least`.
    fn inline(&mut self, start: &'t str, least: usize, depth: usize) -> Read<Value> {
        match start.chars().next() {
            Some('|' | '>') => self.block_scalar(start, least),
            Some('\'' | '"' | '[' | '{') => {
                let mut text = start.to_owned();
                loop {
                    let mut flow = Flow { rest: &text };
                    match flow.value(depth) {
                        Ok(value) => {
                            let after = flow.rest.trim_start();
                            if !after.is_empty() && !after.starts_with('#') {
                                return Err(self.fault("the end of the line"));
                            }
                            return Ok(value);
                        }
                        Err(Unread::Nonsense) => return Err(self.fault("a value")),
                        Err(Unread::Open) => {}
                    }
                    let Some(line) = self.lines.get(self.place) else {
                        return Err(self.fault("the end of the value"));
                    };
                    // Quotes and brackets tell the end, whatever the indentation.
                    text.push(if line.content.is_empty() { '\n' } else { ' ' });
                    text.push_str(line.content);
                    self.advance();
                }
            }
            Some('&' | '*' | '!' | '@' | '%' | '`') => {
                Err(self.fault("a value without anchor, alias or tag"))
            }
            _ => {
                let mut text = without_comment(start).to_owned();
                while let Some(line) = self.lines.get(self.place) {
                    if line.content.is_empty() || line.indent < least {
                        break;
                    }
                    if line.content.starts_with('#') {
                        break;
                    }
                    if split_key(line.content).is_some() {
                        return Err(self.fault("no key inside a value"));
                    }
                    text.push(' ');
                    text.push_str(without_comment(line.content));
                    self.advance();
                }
                Ok(plain(&text))
            }
        }
    }

    /// `|` keeps line feeds, `>` makes blanks of them; `-` takes the last one away.
    fn block_scalar(&mut self, header: &str, least: usize) -> Read<Value> {
        let folded = header.starts_with('>');
        let header = without_comment(header.get(1..).unwrap_or(""));
        let strip = match header {
            "-" => true,
            "" => false,
            _ => return Err(self.fault("'|' or '>', with '-' or nothing")),
        };
        let mut text = String::new();
        let mut indent = None;
        let mut open = 0usize;
        while let Some(line) = self.lines.get(self.place) {
            if line.content.is_empty() {
                open = open.saturating_add(1);
                self.advance();
                continue;
            }
            if line.indent < least.max(indent.unwrap_or(0)) {
                break;
            }
            let margin = *indent.get_or_insert(line.indent);
            if !text.is_empty() || open > 1 {
                let breaks = match (folded, open) {
                    (true, 0) => " ".to_owned(),
                    (true, open) => "\n".repeat(open),
                    (false, open) => "\n".repeat(open.saturating_add(1)),
                };
                text.push_str(&breaks);
            }
            open = 0;
            text.push_str(&" ".repeat(line.indent.saturating_sub(margin)));
            text.push_str(line.content);
            self.advance();
        }
        if !strip && !text.is_empty() {
            text.push('\n');
        }
        Ok(Value::String(Text::from(text)))
    }
}

fn is_item(content: &str) -> bool {
    content == "-" || content.starts_with("- ")
}

/// A key and what follows its colon.
fn split_key(content: &str) -> Option<(String, &str)> {
    if content.starts_with(['\'', '"']) {
        let mut flow = Flow { rest: content };
        let Ok(Value::String(key)) = flow.value(0) else {
            return None;
        };
        let rest = flow.rest.strip_prefix(':')?;
        return (rest.is_empty() || rest.starts_with(' '))
            .then(|| (key.to_string(), rest.trim_start()));
    }
    if content.starts_with(['[', '{', '|', '>', '&', '*', '!', '#', '%', '@', '`']) {
        return None;
    }
    let (key, rest) = match content.split_once(": ") {
        Some(found) => found,
        None => (content.strip_suffix(':')?, ""),
    };
    // A colon in a comment makes no key.
    if key.contains(" #") {
        return None;
    }
    Some((key.trim_end().to_owned(), rest.trim_start()))
}

/// The text before ` #`.
fn without_comment(text: &str) -> &str {
    text.find(" #")
        .and_then(|place| text.get(..place))
        .unwrap_or(text)
        .trim_end()
}

/// The value of a plain scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text if is_number(text) => Value::Number(Text::new(text)),
        text => Value::String(Text::new(text)),
    }
}

/// A number of JSON.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all(whole)
        && all(fraction)
        && all(exponent.trim_start_matches(['+', '-']))
        && (whole == "0" || !whole.starts_with('0'))
}

/// Why a flow value was not read.
enum Unread {
    /// It goes on in the next line.
    Open,
    Nonsense,
}

/// Quoted texts, and collections in brackets.
struct Flow<'t> {
    rest: &'t str,
}

impl Flow<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn accept(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Unread> {
        if depth > MOST_NESTED {
            return Err(Unread::Nonsense);
        }
        self.blanks();
        let deeper = depth.saturating_add(1);
        match self.rest.chars().next() {
            None => Err(Unread::Open),
            Some('[') => {
                self.accept('[');
                let mut items = Vec::new();
                loop {
                    self.blanks();
                    if self.accept(']') {
                        return Ok(Value::Array(items));
                    }
                    items.push(self.value(deeper)?);
                    self.blanks();
                    if !self.accept(',') && !self.rest.starts_with(']') {
                        return Err(self.stopped());
                    }
                }
            }
            Some('{') => {
                self.accept('{');
                let mut object = Object::new();
                loop {
                    self.blanks();
                    if self.accept('}') {
                        return Ok(Value::Object(object));
                    }
                    let key = match self.value(deeper)? {
                        Value::String(key) | Value::Number(key) => key,
                        _ => return Err(Unread::Nonsense),
                    };
                    self.blanks();
                    if !self.accept(':') {
                        return Err(self.stopped());
                    }
                    let value = self.value(deeper)?;
                    object.set(&key, value);
                    self.blanks();
                    if !self.accept(',') && !self.rest.starts_with('}') {
                        return Err(self.stopped());
                    }
                }
            }
            Some('\'') => self.single(),
            Some('"') => self.double(),
            Some(_) => {
                let end = self
                    .rest
                    .char_indices()
                    .find(|(place, c)| {
                        let after = place.saturating_add(1);
                        let next = self.rest.get(after..).unwrap_or("");
                        matches!(c, ',' | ']' | '}')
                            || (*c == ':' && (next.is_empty() || next.starts_with([' ', '\n'])))
                    })
                    .map(|(place, _)| place);
                let end = end.ok_or(Unread::Open)?;
                let text = self.rest.get(..end).unwrap_or("").trim_end();
                self.rest = self.rest.get(end..).unwrap_or("");
                if text.is_empty() {
                    return Err(Unread::Nonsense);
                }
                Ok(plain(text))
            }
        }
    }

    fn stopped(&self) -> Unread {
        if self.rest.is_empty() {
            Unread::Open
        } else {
            Unread::Nonsense
        }
    }

    /// `'it''s'`.
    fn single(&mut self) -> Result<Value, Unread> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((place, c)) = chars.next() {
            if c != '\'' {
                text.push(c);
            } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                self.rest = self.rest.get(place.saturating_add(1)..).unwrap_or("");
                return Ok(Value::String(Text::from(text)));
            }
        }
        Err(Unread::Open)
    }

    /// `"a\tb"`.
    fn double(&mut self) -> Result<Value, Unread> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((place, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(place.saturating_add(1)..).unwrap_or("");
                    return Ok(Value::String(Text::from(text)));
                }
                '\\' => {
                    let (_, escaped) = chars.next().ok_or(Unread::Open)?;
                    match escaped {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'r' => text.push('\r'),
                        'f' => text.push('\u{c}'),
                        '0' => text.push('\0'),
                        '"' | '\\' | '/' | ' ' => text.push(escaped),
                        'u' => {
                            let mut code = 0u32;
                            for _ in 0..4 {
                                let (_, digit) = chars.next().ok_or(Unread::Open)?;
                                let digit = digit.to_digit(16).ok_or(Unread::Nonsense)?;
                                code = code.saturating_mul(16).saturating_add(digit);
                            }
                            text.push(char::from_u32(code).ok_or(Unread::Nonsense)?);
                        }
                        _ => return Err(Unread::Nonsense),
                    }
                }
                c => text.push(c),
            }
        }
        Err(Unread::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::json;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = parse(text).map(|value| String::from_utf8(json::to_vec(&value)).unwrap());
        assert_eq!(found.as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn what_cases_are_written_in() {
        check(
            "a: 1\nb: [x, 'y z', {c: null}]",
            r#"{"a":1,"b":["x","y z",{"c":null}]}"#,
        );
        check(
            "- a: 1\n  b: 2\n-\n  c: true",
            r#"[{"a":1,"b":2},{"c":true}]"#,
        );
        check(
            "- 'k: 1':\n  - x\n- - 1\n  - -2.50",
            r#"[{"k: 1":["x"]},[1,-2.50]]"#,
        );
        check(
            "a: >-\n  x\n  y\n\n  z\nb: |\n  x\n   y",
            r#"{"a":"x y\nz","b":"x\n y\n"}"#,
        );
        check(
            "a: x # c\n# d\nb: 'it''s # no'  # c",
            r#"{"a":"x","b":"it's # no"}"#,
        );
        check("a: f(@T10:30:00)\n  .x", r#"{"a":"f(@T10:30:00) .x"}"#);
        check(
            "a: [1,\n  2]\nb: \"\\u0041\\n\"",
            r#"{"a":[1,2],"b":"A\n"}"#,
        );
        check("a:\nb:\n- 01\n", r#"{"a":null,"b":["01"]}"#);
        check("", "null");
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for text in [
            "a: &x 1",
            "a: *x",
            "a: !t 1",
            "a: [1",
            "a: 'x",
            "a: 1\n b: 2",
            "a: [}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"- ".repeat(10_000)).is_err());
        assert!(parse(&format!("a: {}", "[".repeat(10_000))).is_err());
    }
}
