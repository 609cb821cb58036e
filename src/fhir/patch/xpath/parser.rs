//! Reads the text of a selector.

use super::{Predicate, Step, Test};
use crate::error::Result;
use crate::fhir::patch::malformed;
use crate::fhir::xml::FHIR_NAMESPACE;

const XHTML_NAMESPACE: &str = "http://www.w3.org/1999/xhtml";
/// A longer selector is refused.
const MAX_LENGTH: usize = 4096;

/// Reads a selector into steps from the root element down.
pub(super) fn parse(selector: &str) -> Result<Vec<Step>> {
    if selector.len() > MAX_LENGTH {
        return Err(malformed(format!(
            "expected a selector of at most {MAX_LENGTH} bytes, found {}",
            selector.len()
        )));
    }
    let mut parser = Parser {
        rest: selector.trim(),
    };
    parser.accept("/");
    let mut steps = Vec::new();
    loop {
        let test = parser.test()?;
        let end = matches!(test, Test::Attribute(_) | Test::Text);
        let mut predicates = Vec::new();
        while parser.accept("[") {
            parser.predicates(&mut predicates)?;
        }
        steps.push(Step { test, predicates });
        if !parser.accept("/") {
            break;
        }
        if end {
            return Err(parser.unexpected("the end behind an attribute or text()"));
        }
    }
    if parser.rest.is_empty() {
        Ok(steps)
    } else {
        Err(parser.unexpected("'/', '[' or the end"))
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn accept(&mut self, symbol: &str) -> bool {
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(self.unexpected(&format!("'{symbol}'")))
    }

    fn unexpected(&self, expected: &str) -> crate::error::Error {
        let found = match self.rest.chars().next() {
            Some(found) => format!("{found:?}"),
            None => "the end".to_owned(),
        };
        malformed(format!("selector: expected {expected}, found {found}"))
    }

    fn name(&mut self) -> Result<&'t str> {
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end).unwrap_or(("", self.rest));
        // Neither `..` nor a number is a name.
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(self.unexpected("a name"));
        }
        self.rest = rest;
        Ok(name)
    }

    fn test(&mut self) -> Result<Test> {
        if self.accept("@") {
            let name = self.name()?.to_owned();
            self.rest = self.rest.trim_start();
            return Ok(Test::Attribute(name));
        }
        if self.accept("text()") {
            return Ok(Test::Text);
        }
        if self.accept("*") {
            return Ok(Test::Any);
        }
        let first = self.name()?;
        let (prefix, name) = match self.rest.strip_prefix(':') {
            Some(rest) if !rest.starts_with(':') => {
                self.rest = rest;
                (first, self.name()?)
            }
            _ => ("f", first),
        };
        self.rest = self.rest.trim_start();
        let namespace = match prefix {
            "f" => FHIR_NAMESPACE,
            "h" => XHTML_NAMESPACE,
            _ => {
                return Err(malformed(
                    "selector: expected the prefix f (FHIR) or h (XHTML), found another",
                ));
            }
        };
        Ok(Test::Name {
            namespace,
            name: name.to_owned(),
        })
    }

    /// What stands in brackets, up to the closing one.
    fn predicates(&mut self, predicates: &mut Vec<Predicate>) -> Result<()> {
        self.rest = self.rest.trim_start();
        loop {
            let beyond = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = self.rest.len().saturating_sub(beyond.len());
            if digits > 0 {
                let (number, rest) = self.rest.split_at_checked(digits).unwrap_or(("", ""));
                let position = number
                    .parse()
                    .map_err(|_| malformed("selector: expected a position in range"))?;
                self.rest = rest.trim_start();
                predicates.push(Predicate::Position(position));
            } else if self.accept("last()") {
                predicates.push(Predicate::Last);
            } else {
                predicates.push(self.condition()?);
            }
            if self.accept("]") {
                return Ok(());
            }
            self.expect("and")?;
        }
    }

    fn condition(&mut self) -> Result<Predicate> {
        let mut steps = vec![self.test()?];
        while self.accept("/") {
            steps.push(self.test()?);
        }
        let equals = if self.accept("=") {
            Some(self.literal()?)
        } else {
            None
        };
        Ok(Predicate::Exists { steps, equals })
    }

    fn literal(&mut self) -> Result<String> {
        let quote = if self.rest.starts_with('\'') {
            '\''
        } else {
            '"'
        };
        let text = self
            .rest
            .strip_prefix(quote)
            .and_then(|rest| rest.split_once(quote));
        match text {
            Some((text, rest)) => {
                self.rest = rest.trim_start();
                Ok(text.to_owned())
            }
            None => Err(self.unexpected("a text in quotes")),
        }
    }
}
