//! Scales that are no ratio: temperatures with a zero of their own, logarithms, slopes.
//!
//! Source: UCUM, "Special Units on Non-Ratio Scales". `factor` is that of the prefix and of the unit the scale is
//! made of; where there are two, the scale holds the other. Temperatures are exact, the rest goes through
//! binary numbers of 15 digits.

use super::number::Number;

/// A scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// `[degF]`, `Cel`, `[degRe]`: the value plus `shift`, times `numerator / denominator`, in kelvin.
    Temperature {
        shift: Number,
        numerator: Number,
        denominator: Number,
    },
    /// `base` to the power of the value times `per`, times `unit`.
    Exponential { base: f64, per: f64, unit: Number },
    /// A hundred times the tangent, in radian.
    Slope,
}

impl Scale {
    /// A scale by the word that the table uses, on a unit.
    pub fn named(word: &str, unit: Number) -> Option<Self> {
        let temperature = |shift: &str, numerator: i128, denominator: i128| {
            Some(Scale::Temperature {
                shift: Number::parse(shift)?,
                numerator: Number::new(numerator, 0)?,
                denominator: Number::new(denominator, 0)?,
            })
        };
        let exponential = |base, per| Some(Scale::Exponential { base, per, unit });
        match word {
            "Cel" => temperature("273.15", 1, 1),
            "degF" => temperature("459.67", 5, 9),
            "degRe" => temperature("218.52", 5, 4),
            "exp" => exponential(std::f64::consts::E, 1.0),
            "pow2" => exponential(2.0, 1.0),
            "log" => exponential(10.0, 1.0),
            // Of a field, whose square is the power: two bels are a factor of ten.
            "log2" => exponential(10.0, 0.5),
            "tan100" => Some(Scale::Slope),
            _ => None,
        }
    }

    /// A value of the scale, whose prefix is worth `factor`, in base units.
    pub fn in_base(self, value: Number, factor: Number) -> Option<Number> {
        let value = value.times(factor)?;
        match self {
            Scale::Temperature {
                shift,
                numerator,
                denominator,
            } => value.plus(shift)?.times(numerator)?.divided_by(denominator),
            Scale::Exponential { base, per, unit } => {
                Number::from_f64(base.powf(value.to_f64()? * per))?.times(unit)
            }
            Scale::Slope => Number::from_f64((value.to_f64()? / 100.0).atan()),
        }
    }

    /// A value of base units on the scale.
    pub fn on_scale(self, value: Number, factor: Number) -> Option<Number> {
        let found = match self {
            Scale::Temperature {
                shift,
                numerator,
                denominator,
            } => value
                .times(denominator)?
                .divided_by(numerator)?
                .plus(shift.negated()?)?,
            Scale::Exponential { base, per, unit } => {
                let ratio = value.divided_by(unit)?.to_f64()?;
                Number::from_f64(ratio.log(base) / per)?
            }
            Scale::Slope => Number::from_f64(value.to_f64()?.tan() * 100.0)?,
        };
        found.divided_by(factor)
    }
}
