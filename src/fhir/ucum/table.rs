//! The units and prefixes.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::number::Number;
use super::scale::Scale;
use super::term::{Dimensions, Term};

const UNITS: &str = include_str!("../../../fhir-profiles/ucum.tsv");

/// Prefixes, the longer first; value as a power of ten or of two.
pub const PREFIXES: [(&str, Prefix); 24] = [
    ("da", Prefix::Ten(1)),
    ("Ki", Prefix::Two(10)),
    ("Mi", Prefix::Two(20)),
    ("Gi", Prefix::Two(30)),
    ("Ti", Prefix::Two(40)),
    ("Y", Prefix::Ten(24)),
    ("Z", Prefix::Ten(21)),
    ("E", Prefix::Ten(18)),
    ("P", Prefix::Ten(15)),
    ("T", Prefix::Ten(12)),
    ("G", Prefix::Ten(9)),
    ("M", Prefix::Ten(6)),
    ("k", Prefix::Ten(3)),
    ("h", Prefix::Ten(2)),
    ("d", Prefix::Ten(-1)),
    ("c", Prefix::Ten(-2)),
    ("m", Prefix::Ten(-3)),
    ("u", Prefix::Ten(-6)),
    ("n", Prefix::Ten(-9)),
    ("p", Prefix::Ten(-12)),
    ("f", Prefix::Ten(-15)),
    ("a", Prefix::Ten(-18)),
    ("z", Prefix::Ten(-21)),
    ("y", Prefix::Ten(-24)),
];

#[derive(Clone, Copy, Debug)]
pub enum Prefix {
    Ten(i32),
    Two(u32),
}

impl Prefix {
    pub fn value(self) -> Option<Number> {
        match self {
            Prefix::Ten(exponent) => Number::new(1, exponent),
            Prefix::Two(exponent) => Number::new(2i128.checked_pow(exponent)?, 0),
        }
    }
}

/// A unit of the table.
#[derive(Debug)]
pub struct Atom {
    pub metric: bool,
    pub term: Term,
}

/// The units known so far, by code; and which codes are base units, in their order.
#[derive(Debug, Default)]
pub struct Table {
    pub atoms: HashMap<&'static str, Atom>,
    pub bases: Vec<&'static str>,
}

/// All units.
pub fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table::default();
        for line in UNITS.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&'static str> = line.split('\t').collect();
            if let [code, metric, value, unit, _] = columns.as_slice()
                && let Some(term) = table.define(code, value, unit)
            {
                let metric = *metric == "m";
                table.atoms.insert(code, Atom { metric, term });
            }
        }
        table
    })
}

impl Table {
    /// A unit made of those above it.
    fn define(&mut self, code: &'static str, value: &str, unit: &str) -> Option<Term> {
        if matches!(value, "base" | "own") {
            let number = self.bases.len();
            self.bases.push(code);
            return Some(Term {
                factor: Number::ONE,
                dimensions: Dimensions::of(number),
                scale: None,
            });
        }
        let term = Term::parse_with(unit, self)?;
        if let Some(scale) = Scale::named(value, term.factor) {
            return Some(Term {
                factor: Number::ONE,
                dimensions: term.dimensions,
                scale: Some(scale),
            });
        }
        Some(Term {
            factor: Number::parse(value)?.times(term.factor)?,
            ..term
        })
    }
}
