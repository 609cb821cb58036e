//! Source files as text, with what is not code blanked out.

use std::fs;
use std::path::Path;

/// One Rust file.
pub struct Source {
    /// `src/fhir/model/value.rs`.
    pub name: String,
    /// `fhir::model::value`.
    pub module: String,
    pub text: String,
    /// The text with comments, contents of strings and test modules as spaces; lines stay lines.
    pub code: String,
}

/// All Rust files below a folder of the repository, sorted; the code of test modules is blank.
pub fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = Vec::new();
    collect(&root.join(folder), folder, &mut names);
    names.sort();
    let mut test_modules = Vec::new();
    let mut sources: Vec<Source> = names
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(root.join(&name)).unwrap();
            let module = module_of(&name);
            let mut code = blank(&text);
            test_modules.extend(
                blank_test_modules(&mut code)
                    .iter()
                    .map(|inner| format!("{module}::{inner}")),
            );
            Source {
                name,
                module,
                text,
                code,
            }
        })
        .collect();
    for source in &mut sources {
        let inside = |outer: &String| {
            source
                .module
                .strip_prefix(outer.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        // Files named by a `path` attribute end in `_tests.rs` here.
        if test_modules.iter().any(inside) || source.name.ends_with("_tests.rs") {
            source.code = source
                .code
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' })
                .collect();
        }
    }
    sources
}

fn collect(folder: &Path, name: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let inner = format!("{name}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &inner, names);
        } else if inner.ends_with(".rs") {
            names.push(inner);
        }
    }
}

fn module_of(name: &str) -> String {
    let name = name.strip_prefix("src/").unwrap_or(name);
    let name = name.strip_suffix(".rs").unwrap_or(name);
    name.strip_suffix("/mod").unwrap_or(name).replace('/', "::")
}

/// Blanks comments and the contents of strings and character literals.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => find(&chars, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => end_of_comment(&chars, at),
            ('"', _) => end_of_string(&chars, at),
            ('r', Some('"' | '#')) if !joined(&chars, at) => end_of_raw_string(&chars, at),
            ('\'', Some('\\')) => find(&chars, at + 3, |rest| rest[0] == '\'') + 1,
            ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => at + 3,
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            let end = end.min(chars.len());
            out.extend(chars[at..end].iter().map(|c| keep(*c)));
            at = end;
        }
    }
    out
}

/// Whether the character belongs to the word before it.
fn joined(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| chars[before]);
    let before = match before {
        // `br"…"` is a string as well.
        Some('b') => at.checked_sub(2).map(|before| chars[before]),
        other => other,
    };
    before.is_some_and(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn find(chars: &[char], from: usize, fits: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|at| fits(&chars[*at..]))
        .unwrap_or(chars.len())
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of `r"…"`, `r#"…"#`; the start itself when it is a raw name such as `r#type`.
fn end_of_raw_string(chars: &[char], start: usize) -> usize {
    let open = find(chars, start + 1, |rest| rest[0] != '#');
    let hashes = open - start - 1;
    if chars.get(open) != Some(&'"') {
        return start;
    }
    let close = find(chars, open + 1, |rest| {
        rest[0] == '"' && rest.len() > hashes && rest[1..=hashes].iter().all(|c| *c == '#')
    });
    close + 1 + hashes
}

/// Blanks `#[cfg(test)] mod name { … }`; returns the names of those that stand in files of their own.
fn blank_test_modules(code: &mut String) -> Vec<String> {
    let mut elsewhere = Vec::new();
    const MARK: &str = "#[cfg(test)]";
    let mut from = 0;
    while let Some(start) = code[from..].find(MARK).map(|at| from + at) {
        let rest = &code[start + MARK.len()..];
        from = start + MARK.len();
        let Some(open) = rest.find(['{', ';']) else {
            continue;
        };
        // The last words before it: `mod name`, after attributes and visibility.
        let mut head = rest[..open].split_whitespace().rev();
        let (Some(name), Some("mod")) = (head.next(), head.next()) else {
            continue;
        };
        if rest[open..].starts_with(';') {
            elsewhere.push(name.to_string());
            continue;
        }
        let mut depth = 0;
        let end = rest[open..].char_indices().find_map(|(at, c)| {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            (depth == 0).then_some(open + at + 1)
        });
        let end = start + MARK.len() + end.unwrap_or(rest.len());
        let blanked: String = code[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(start..end, &blanked);
        from = start + blanked.len();
    }
    elsewhere
}

/// Whether `pattern` stands in the line as words of its own.
pub fn words(line: &str, pattern: &str) -> bool {
    let inner = |c: Option<char>| c.is_some_and(is_word);
    line.match_indices(pattern).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + pattern.len()..].chars().next();
        let first = pattern.chars().next().is_some_and(is_word);
        let open = pattern.ends_with('_') || !pattern.ends_with(is_word);
        !(first && inner(before)) && (open || !inner(after))
    })
}

impl Source {
    /// Whether the path was written from the root of the crate, so that its room must be known.
    pub fn is_absolute(&self, path: &str) -> bool {
        let first = path.split("::").next().unwrap_or(path);
        first.starts_with(|c: char| c.is_lowercase())
            && words(&self.code, &format!("crate::{first}"))
    }
}

/// Every path of the crate that the code names, from the root: `fhir::model::value::Value`.
pub fn paths(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (mark, absolute) in [("crate::", true), ("super::", false)] {
        for (at, _) in source.code.match_indices(mark) {
            if source.code[..at].ends_with(|c: char| is_word(c) || c == ':' || c == '$') {
                continue; // In the middle of a word or path.
            }
            let mut base: Vec<String> = Vec::new();
            let mut rest = &source.code[at..];
            if absolute {
                rest = &rest[mark.len()..];
            } else {
                base = source.module.split("::").map(String::from).collect();
                while let Some(outer) = rest.strip_prefix("super::") {
                    base.pop();
                    rest = outer;
                }
            }
            tree(rest, &base, &mut found);
        }
    }
    found
}

/// Reads `a::b`, `a::{b, c::d}` after a base; returns what is left of the text.
fn tree<'a>(text: &'a str, base: &[String], found: &mut Vec<String>) -> &'a str {
    let mut path = base.to_vec();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            loop {
                rest = rest.trim_start_matches([' ', '\n', ',']);
                if rest.is_empty() {
                    return rest;
                }
                if let Some(after) = rest.strip_prefix('}') {
                    return after;
                }
                let left = tree(rest, &path, found);
                // Past ` as name`, and never without moving on.
                let stop = left.find([',', '}']).unwrap_or(left.len());
                rest = &left[stop..];
            }
        }
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if !name.is_empty() && name != "self" {
            path.push(name.to_string());
        }
        match after.strip_prefix("::") {
            Some(after) if after.starts_with(|c: char| is_word(c) || c == '{') => rest = after,
            _ => {
                found.push(path.join("::"));
                return after;
            }
        }
    }
}

#[test]
fn code_is_told_from_comments_strings_and_tests() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut code = blank(text);
        blank_test_modules(&mut code);
        assert_eq!(
            code.split_whitespace().collect::<Vec<_>>().join(" "),
            expected,
            "{text}"
        );
    }
    check("a // b\nc", "a c");
    check("a /* b /* c */ d */ e", "a e");
    check("a(\"b \\\" c\") d", "a( ) d");
    check("a(r#\"b \" c\"#) d", "a( ) d");
    check("a(br\"b\") r#type", "a(b ) r#type");
    check("a('\"') b('\\'') c::<'a>('x')", "a( ) b( ) c::<'a>( )");
    check("a #[cfg(test)]\nmod tests { b { c } } d", "a d");
    check("a #[cfg(test)] pub(crate) mod tests { b } d", "a d");
    check("a #[cfg(test)] mod tests; d", "a #[cfg(test)] mod tests; d");
}

#[test]
fn paths_are_found_in_groups() {
    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let source = Source {
            name: String::new(),
            module: "fhir::model::key".to_string(),
            text: String::new(),
            code: code.to_string(),
        };
        assert_eq!(paths(&source), expected, "{code}");
    }
    check("use crate::a::b::C;", &["a::b::C"]);
    check(
        "use crate::{a::{b, c::D as E}, f::*, g::{self}};",
        &["a::b", "a::c::D", "f", "g"],
    );
    check(
        "fn f(x: crate::a::B<u8>) -> super::value::Text {}",
        &["a::B", "fhir::model::value::Text"],
    );
    check(
        "use super::super::xml; mycrate::x; pub(crate) fn",
        &["fhir::xml"],
    );
}
