//! UCUM: units of measure, and how they convert.
//!
//! Source: the Unified Code for Units of Measure (ucum.org), case sensitive form. The units are data
//! (`fhir-profiles/ucum.tsv`), the grammar stands in `term.rs`. Two units compare when they are made of the same
//! base units; arbitrary units (`[iU]`) only with themselves. Scales that are no ratio (`Cel`, `dB`) convert, and
//! take no part in products.

mod number;
mod scale;
mod table;
mod term;

pub use number::Number;

use scale::Scale;
use term::Term;

/// The code system of units.
pub const SYSTEM: &str = "http://unitsofmeasure.org";

/// A unit, reduced to base units.
#[derive(Clone, Debug)]
pub struct Canonical {
    /// The product of base units, itself a unit: `g.m-3`; `1` without any.
    pub unit: String,
    scale: Option<Scale>,
    factor: Number,
}

/// Reduces a unit to base units; `None` when it is no unit.
pub fn canonical(code: &str) -> Option<Canonical> {
    let term = Term::parse(code)?;
    Some(Canonical {
        unit: term.base_unit(),
        scale: term.scale,
        factor: term.factor,
    })
}

/// Whether a code is a unit.
pub fn is_valid(code: &str) -> bool {
    Term::parse(code).is_some()
}

/// Whether two units measure the same.
pub fn comparable(a: &str, b: &str) -> bool {
    match (Term::parse(a), Term::parse(b)) {
        (Some(a), Some(b)) => a.base_unit() == b.base_unit(),
        _ => false,
    }
}

/// A value in another unit; `None` where the units do not compare, or no number is large enough.
pub fn convert(value: Number, from: &str, to: &str) -> Option<Number> {
    let (from, to) = (canonical(from)?, canonical(to)?);
    if from.unit != to.unit {
        return None;
    }
    to.measure(from.value(value)?)
}

/// The unit of a product or a quotient; `None` where one of the two is no unit, or a scale.
pub fn combined(a: &str, b: &str, divide: bool) -> Option<String> {
    canonical(a)?.factor()?;
    canonical(b)?.factor()?;
    if b == "1" {
        return Some(a.to_owned());
    }
    let closed = match b.contains(['.', '/']) {
        true => format!("({b})"),
        false => b.to_owned(),
    };
    let code = match (a, divide) {
        ("1", false) => b.to_owned(),
        (a, false) => format!("{a}.{closed}"),
        (a, true) => format!("{a}/{closed}"),
    };
    is_valid(&code).then_some(code)
}

impl Canonical {
    /// A value of this unit in base units.
    pub fn value(&self, value: Number) -> Option<Number> {
        match &self.scale {
            None => value.times(self.factor),
            Some(scale) => scale.in_base(value, self.factor),
        }
    }

    /// What the factor alone does to a value; `None` for scales that are no ratio.
    pub fn factor(&self) -> Option<Number> {
        self.scale.is_none().then_some(self.factor)
    }

    /// A value of base units in this unit.
    fn measure(&self, value: Number) -> Option<Number> {
        match &self.scale {
            None => value.divided_by(self.factor),
            Some(scale) => scale.on_scale(value, self.factor),
        }
    }
}

#[cfg(test)]
mod tests;
