//! The grammar of units: from a code to a factor and base units.
//!
//! Source: UCUM, "Full and Limited Conformance", "Grammar". `.` multiplies and `/` divides from left to right; an
//! exponent follows its unit; what stands in braces says nothing; `10*` and `10^` are units.

use super::number::Number;
use super::scale::Scale;
use super::table::{PREFIXES, Table, table};

/// Bytes of a code.
const LONGEST: usize = 256;
/// Parentheses one inside the other.
const DEEPEST: usize = 16;
/// An exponent at most, also when exponents add up.
const MOST_EXPONENT: i32 = 99;

/// A unit, reduced.
#[derive(Clone, Debug)]
pub struct Term {
    pub factor: Number,
    pub dimensions: Dimensions,
    /// Of a scale that is no ratio.
    pub scale: Option<Scale>,
}

/// Exponents of base units, by their number in [`Table::bases`], none of them zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dimensions(Vec<(usize, i32)>);

impl Dimensions {
    pub fn of(base: usize) -> Self {
        Self(vec![(base, 1)])
    }

    fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The product with a power of others.
    fn times(mut self, others: &Self, exponent: i32) -> Option<Self> {
        for (base, own) in &others.0 {
            let add = own.checked_mul(exponent)?;
            match self.0.binary_search_by_key(base, |(base, _)| *base) {
                Ok(at) => {
                    let (_, old) = self.0.get_mut(at)?;
                    *old = old.checked_add(add)?;
                }
                Err(at) => self.0.insert(at, (*base, add)),
            }
        }
        self.0.retain(|(_, exponent)| *exponent != 0);
        let bounded = self.0.iter().all(|(_, own)| own.abs() <= MOST_EXPONENT);
        bounded.then_some(self)
    }
}

impl Term {
    const UNITY: Self = Self {
        factor: Number::ONE,
        dimensions: Dimensions(Vec::new()),
        scale: None,
    };

    /// Reads a code; `None` when it is no unit.
    pub fn parse(code: &str) -> Option<Self> {
        Self::parse_with(code, table())
    }

    pub fn parse_with(code: &str, table: &Table) -> Option<Self> {
        // A blank is none of UCUM's characters, but stands in HL7's own lists of units (`{clock time}`).
        let printable = |byte: u8| (32..=126).contains(&byte);
        if code.is_empty() || code.len() > LONGEST || !code.bytes().all(printable) {
            return None;
        }
        let mut parser = Parser {
            rest: code,
            table,
            depth: 0,
        };
        let term = parser.term()?;
        parser.rest.is_empty().then_some(term)
    }

    /// The product of base units as a unit.
    pub fn base_unit(&self) -> String {
        let bases = &table().bases;
        let parts = self.dimensions.0.iter().filter_map(|(base, exponent)| {
            let code = bases.get(*base)?;
            Some(match exponent {
                1 => (*code).to_owned(),
                _ => format!("{code}{exponent}"),
            })
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            return "1".to_owned();
        }
        parts.join(".")
    }

    /// The product with a power of another. A scale stands alone.
    fn times(self, other: &Self, exponent: i32) -> Option<Self> {
        let plain = |term: &Self| {
            term.scale.is_none() && term.dimensions.is_none() && term.factor == Number::ONE
        };
        if self.scale.is_some() {
            return plain(other).then_some(self);
        }
        if other.scale.is_some() {
            return (plain(&self) && exponent == 1).then(|| other.clone());
        }
        Some(Self {
            factor: self.factor.times(other.factor.power(exponent)?)?,
            dimensions: self.dimensions.times(&other.dimensions, exponent)?,
            scale: None,
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
    table: &'a Table,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Components with operators between; one that begins with `/` divides 1.
    fn term(&mut self) -> Option<Term> {
        let mut term = Term::UNITY;
        let mut sign = if self.take("/") { -1 } else { 1 };
        loop {
            let component = self.component()?;
            term = term.times(&component, sign)?;
            sign = if self.take(".") {
                1
            } else if self.take("/") {
                -1
            } else {
                return Some(term);
            };
        }
    }

    fn component(&mut self) -> Option<Term> {
        let term = if self.take("(") {
            self.depth = self.depth.checked_add(1)?;
            if self.depth > DEEPEST {
                return None;
            }
            let inner = self.term()?;
            self.depth = self.depth.saturating_sub(1);
            if !self.take(")") {
                return None;
            }
            inner
        } else if self.rest.starts_with('{') {
            Term::UNITY
        } else {
            self.unit()?
        };
        if self.take("{") {
            let end = self.rest.find(['{', '}'])?;
            self.rest = self.rest.get(end..)?;
            if !self.take("}") {
                return None;
            }
        }
        Some(term)
    }

    /// A number, or a unit with its exponent.
    fn unit(&mut self) -> Option<Term> {
        let digits = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let symbol = if self.rest.starts_with("10*") || self.rest.starts_with("10^") {
            let (symbol, rest) = self.rest.split_at_checked(3)?;
            self.rest = rest;
            symbol
        } else if digits > 0 {
            let (number, rest) = self.rest.split_at_checked(digits)?;
            self.rest = rest;
            let factor = Number::new(number.parse().ok()?, 0)?;
            return (!factor.is_zero()).then_some(Term {
                factor,
                ..Term::UNITY
            });
        } else {
            self.symbol()?
        };
        let term = self.atom(symbol)?;
        match self.exponent()? {
            1 => Some(term),
            exponent => Term::UNITY.times(&term, exponent),
        }
    }

    /// The characters of a unit; what stands in brackets belongs to it whatever it is.
    fn symbol(&mut self) -> Option<&'a str> {
        let mut bracket = false;
        let end = self.rest.find(|c: char| match c {
            '[' => {
                bracket = true;
                false
            }
            ']' => {
                bracket = false;
                false
            }
            _ if bracket => c == ' ',
            ' ' | '.' | '/' | '(' | ')' | '{' | '}' | '+' | '-' | '=' | '"' => true,
            other => other.is_ascii_digit(),
        });
        let (symbol, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        (!symbol.is_empty()).then_some(symbol)
    }

    /// 1 where there is none.
    fn exponent(&mut self) -> Option<i32> {
        let negative = if self.take("-") {
            true
        } else {
            let plus = self.take("+");
            if !plus && !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                return Some(1);
            }
            false
        };
        let digits = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        let number: i32 = number.parse().ok()?;
        let number = (1..=MOST_EXPONENT).contains(&number).then_some(number)?;
        if negative {
            return number.checked_neg();
        }
        Some(number)
    }

    /// A unit of the table, or one with a prefix.
    fn atom(&self, symbol: &str) -> Option<Term> {
        if let Some(atom) = self.table.atoms.get(symbol) {
            return Some(atom.term.clone());
        }
        PREFIXES.iter().find_map(|(prefix, value)| {
            let atom = self.table.atoms.get(symbol.strip_prefix(prefix)?)?;
            let factor = atom.term.factor.times(value.value()?)?;
            atom.metric.then(|| Term {
                factor,
                ..atom.term.clone()
            })
        })
    }
}
