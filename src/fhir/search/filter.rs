//! `_filter`: from text to a tree of comparisons.
//!
//! Source: FHIR R4 search_filter.html, the whole grammar. `and` and `or` are read from left to right,
//! none goes before the other. What a comparison means is in [`meaning`]. Positions are counted in
//! characters from 1, because that is what an editor shows.

mod element;
mod meaning;

use super::criteria::shown;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::json;

/// IN-18.
const MOST_CHARACTERS: usize = 8_000;
const MOST_TESTS: usize = 50;
/// Brackets, parentheses and changes between `and` and `or`, one inside the other.
const MOST_LEVELS: usize = 20;

/// What must hold of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
}

/// A comparison: path, operator and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub path: Vec<Step>,
    pub operator: Operator,
    pub operator_at: usize,
    pub value: String,
    pub value_at: usize,
}

/// A name of a path, with what must hold of what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub at: usize,
    pub filter: Option<Box<Filter>>,
}

/// R4 search_filter.html#ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Lt,
    Ge,
    Le,
    Ap,
    Sa,
    Eb,
    Pr,
    Po,
    Ss,
    Sb,
    In,
    Ni,
    Re,
}

const OPERATORS: [(&str, Operator); 19] = [
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("co", Operator::Co),
    ("sw", Operator::Sw),
    ("ew", Operator::Ew),
    ("gt", Operator::Gt),
    ("lt", Operator::Lt),
    ("ge", Operator::Ge),
    ("le", Operator::Le),
    ("ap", Operator::Ap),
    ("sa", Operator::Sa),
    ("eb", Operator::Eb),
    ("pr", Operator::Pr),
    ("po", Operator::Po),
    ("ss", Operator::Ss),
    ("sb", Operator::Sb),
    ("in", Operator::In),
    ("ni", Operator::Ni),
    ("re", Operator::Re),
];

/// Reads a filter, and counts its comparisons.
///
/// # Errors
/// `Invalid` with the position and what was expected there; `TooCostly` over the limits of IN-18.
pub fn parse(text: &str) -> Result<(Filter, usize)> {
    let characters: Vec<char> = text
        .chars()
        .take(MOST_CHARACTERS.saturating_add(1))
        .collect();
    if characters.len() > MOST_CHARACTERS {
        return Err(too_costly(&format!("{MOST_CHARACTERS} characters")));
    }
    let mut parser = Parser {
        text: &characters,
        at: 0,
        levels: 0,
        tests: 0,
    };
    let filter = parser.filter()?;
    if parser.peek().is_some() {
        return Err(parser.expected("and, or, or the end"));
    }
    if levels(&filter) > MOST_LEVELS {
        return Err(too_deep());
    }
    Ok((filter, parser.tests))
}

/// 400: what was expected at a position.
fn fault(at: usize, expected: &str, found: &str) -> Error {
    let found = if found.is_empty() {
        "its end".to_owned()
    } else {
        format!("‘{}’", shown(found))
    };
    Error::new(
        Kind::Invalid,
        "value",
        format!("expected {expected} at character {at} of _filter, found {found}"),
    )
}

/// 400: what R4 has and this server does not offer.
fn not_offered(at: usize, why: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "not-supported",
        format!("_filter at character {at}: {why}"),
    )
}

fn too_costly(most: &str) -> Error {
    Error::of(
        Kind::TooCostly,
        format!("expected at most {most} in _filter, found more"),
    )
}

fn too_deep() -> Error {
    too_costly(&format!("{MOST_LEVELS} levels"))
}

fn levels(filter: &Filter) -> usize {
    let inner = match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().map(levels).max(),
        Filter::Not(filter) => Some(levels(filter)),
        Filter::Test(test) => {
            let steps = test.path.iter();
            steps
                .filter_map(|step| Some(levels(step.filter.as_ref()?)))
                .max()
        }
    };
    inner.unwrap_or(0).saturating_add(1)
}

/// `and` or `or`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    And,
    Or,
}

struct Parser<'a> {
    text: &'a [char],
    at: usize,
    levels: usize,
    tests: usize,
}

impl Parser<'_> {
    /// Comparisons with `and` and `or` between them.
    fn filter(&mut self) -> Result<Filter> {
        self.levels = self.levels.saturating_add(1);
        if self.levels > MOST_LEVELS {
            return Err(too_deep());
        }
        let mut left = self.part()?;
        while let Some(word) = self.joining() {
            let right = self.part()?;
            left = match (word, left) {
                (Word::And, Filter::All(mut filters)) => {
                    filters.push(right);
                    Filter::All(filters)
                }
                (Word::Or, Filter::Any(mut filters)) => {
                    filters.push(right);
                    Filter::Any(filters)
                }
                (Word::And, left) => Filter::All(vec![left, right]),
                (Word::Or, left) => Filter::Any(vec![left, right]),
            };
        }
        self.levels = self.levels.saturating_sub(1);
        Ok(left)
    }

    fn part(&mut self) -> Result<Filter> {
        self.spaces();
        if self.peek() == Some('(') {
            return self.bracketed(')');
        }
        let begin = self.at;
        if self.name() == "not" {
            self.spaces();
            if self.peek() == Some('(') {
                return Ok(Filter::Not(Box::new(self.bracketed(')')?)));
            }
        }
        self.at = begin;
        self.test().map(Filter::Test)
    }

    /// A filter with its brackets.
    fn bracketed(&mut self, end: char) -> Result<Filter> {
        self.at = self.at.saturating_add(1);
        let filter = self.filter()?;
        if self.peek() != Some(end) {
            return Err(self.expected(&format!("and, or, or {end}")));
        }
        self.at = self.at.saturating_add(1);
        Ok(filter)
    }

    /// `and` or `or`, where there is one.
    fn joining(&mut self) -> Option<Word> {
        self.spaces();
        let begin = self.at;
        match self.name().as_str() {
            "and" => Some(Word::And),
            "or" => Some(Word::Or),
            _ => {
                self.at = begin;
                None
            }
        }
    }

    fn test(&mut self) -> Result<Test> {
        self.tests = self.tests.saturating_add(1);
        if self.tests > MOST_TESTS {
            return Err(too_costly(&format!("{MOST_TESTS} comparisons")));
        }
        let path = self.path()?;
        self.space("a space and an operator")?;
        let operator_at = self.position();
        let begin = self.at;
        let word = self.name();
        let found = OPERATORS.iter().find(|(name, _)| *name == word);
        let Some((_, operator)) = found else {
            self.at = begin;
            let names: Vec<&str> = OPERATORS.iter().map(|(name, _)| *name).collect();
            return Err(self.expected(&format!("an operator ({})", names.join(" "))));
        };
        self.space("a space and a value")?;
        let value_at = self.position();
        let value = match self.peek() {
            Some('"') => self.string()?,
            _ => self.token()?,
        };
        Ok(Test {
            path,
            operator: *operator,
            operator_at,
            value,
            value_at,
        })
    }

    fn path(&mut self) -> Result<Vec<Step>> {
        let mut path = Vec::new();
        loop {
            let at = self.position();
            let begins = |c: char| c == '_' || c.is_ascii_alphabetic();
            if !self.peek().is_some_and(begins) {
                return Err(self.expected("the name of a search parameter"));
            }
            let name = self.name();
            let mut filter = None;
            if self.peek() == Some('[') {
                filter = Some(Box::new(self.bracketed(']')?));
                if self.peek() != Some('.') {
                    return Err(self.expected(". and a name after the brackets"));
                }
            }
            path.push(Step { name, at, filter });
            if self.peek() != Some('.') {
                return Ok(path);
            }
            self.at = self.at.saturating_add(1);
        }
    }

    /// A string of JSON.
    fn string(&mut self) -> Result<String> {
        let begin = self.at;
        loop {
            self.at = self.at.saturating_add(1);
            match self.peek() {
                Some('"') => break,
                // What follows is part of the string, whatever it is.
                Some('\\') => self.at = self.at.saturating_add(1),
                Some(_) => {}
                None => return Err(self.expected("a quotation mark after the string")),
            }
        }
        self.at = self.at.saturating_add(1);
        let text: String = self
            .text
            .get(begin..self.at)
            .unwrap_or(&[])
            .iter()
            .collect();
        let value = json::parse(text.as_bytes(), &json::Limits::default()).ok();
        match value.as_ref().and_then(|value| value.as_str()) {
            Some(value) => Ok(value.to_owned()),
            None => {
                self.at = begin;
                Err(self.expected("a string as JSON has them"))
            }
        }
    }

    /// Everything up to white space or a closing bracket.
    fn token(&mut self) -> Result<String> {
        let token = self.while_is(|c| !c.is_whitespace() && !matches!(c, ')' | ']'));
        if token.is_empty() {
            return Err(self.expected("a value"));
        }
        Ok(token)
    }

    fn name(&mut self) -> String {
        self.while_is(|c| matches!(c, '_' | '-') || c.is_ascii_alphanumeric())
    }

    fn while_is(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut found = String::new();
        while let Some(c) = self.peek().filter(|c| belongs(*c)) {
            found.push(c);
            self.at = self.at.saturating_add(1);
        }
        found
    }

    fn space(&mut self, expected: &str) -> Result<()> {
        if !self.peek().is_some_and(char::is_whitespace) {
            return Err(self.expected(expected));
        }
        self.spaces();
        Ok(())
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at = self.at.saturating_add(1);
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn position(&self) -> usize {
        self.at.min(self.text.len()).saturating_add(1)
    }

    fn expected(&self, expected: &str) -> Error {
        let rest: String = self.text.iter().skip(self.at).collect();
        fault(self.position(), expected, &rest)
    }
}

#[cfg(test)]
mod tests;
