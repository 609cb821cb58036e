//! Decimal numbers with a wide exponent: exact while they are short, else of at least 18 digits.

use std::cmp::Ordering;
use std::fmt;

/// `mantissa × 10^exponent`, without trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    mantissa: i128,
    exponent: i32,
}

/// Digits that both factors are cut to when their product does not fit.
const HALF: u32 = 18;
/// Digits of a quotient, at least [`HALF`].
const MOST_DIGITS: u32 = 37;
/// Numbers further away from 1 are none.
const MOST_EXPONENT: i32 = 2_000;

impl Number {
    pub const ONE: Self = Self {
        mantissa: 1,
        exponent: 0,
    };
    pub const ZERO: Self = Self {
        mantissa: 0,
        exponent: 0,
    };

    /// A number by its parts.
    pub fn new(mantissa: i128, exponent: i32) -> Option<Self> {
        let (mut mantissa, mut exponent) = (mantissa, exponent);
        if mantissa == 0 {
            return Some(Self::ZERO);
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent = exponent.checked_add(1)?;
        }
        (-MOST_EXPONENT..=MOST_EXPONENT)
            .contains(&exponent)
            .then_some(Self { mantissa, exponent })
    }

    /// Reads `-12.50` and `1.5e-3`. Digits beyond the 37th do not count.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() {
            return None;
        }
        let (mut mantissa, mut exponent) = (0i128, exponent);
        let limit = power(MOST_DIGITS.checked_sub(1)?)?;
        for (is_fraction, digit) in (whole.chars().map(|digit| (false, digit)))
            .chain(fraction.chars().map(|digit| (true, digit)))
        {
            let digit = i128::from(digit.to_digit(10)?);
            if mantissa < limit {
                mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
                exponent = exponent.checked_sub(i32::from(is_fraction))?;
            } else {
                exponent = exponent.checked_add(i32::from(!is_fraction))?;
            }
        }
        Self::new(
            if negative {
                mantissa.checked_neg()?
            } else {
                mantissa
            },
            exponent,
        )
    }

    /// The nearest decimal of fifteen digits.
    pub fn from_f64(value: f64) -> Option<Self> {
        value
            .is_finite()
            .then(|| Self::parse(&format!("{value:.14e}")))?
    }

    /// The nearest binary number of the fifteen first digits: so that two ways to the same value, rounded
    /// differently far behind the point, are one.
    pub fn to_f64(self) -> Option<f64> {
        let rounded = self.rounded(15)?;
        let value: f64 = rounded.to_string().parse().ok()?;
        Some(value.clamp(f64::MIN, f64::MAX))
    }

    /// The mantissa and the power of ten it is multiplied with.
    pub fn parts(self) -> (i128, i32) {
        (self.mantissa, self.exponent)
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub fn times(self, other: Self) -> Option<Self> {
        let exact = |a: Self, b: Self| {
            let mantissa = a.mantissa.checked_mul(b.mantissa)?;
            Self::new(mantissa, a.exponent.checked_add(b.exponent)?)
        };
        if self.mantissa.checked_mul(other.mantissa).is_some() {
            return exact(self, other);
        }
        exact(self.rounded(HALF)?, other.rounded(HALF)?)
    }

    /// `None` for a zero divisor.
    pub fn divided_by(self, other: Self) -> Option<Self> {
        let divisor = other.rounded(HALF)?;
        if divisor.mantissa == 0 {
            return None;
        }
        let spare = MOST_DIGITS.saturating_sub(digits(self.mantissa));
        let scaled = self.mantissa.checked_mul(power(spare)?)?;
        let exponent = self
            .exponent
            .checked_sub(divisor.exponent)?
            .checked_sub(i32::try_from(spare).ok()?)?;
        Self::new(rounded_quotient(scaled, divisor.mantissa)?, exponent)
    }

    pub fn plus(self, other: Self) -> Option<Self> {
        if self.is_zero() {
            return Some(other);
        }
        if other.is_zero() {
            return Some(self);
        }
        let (mut high, mut low) = (self, other);
        if high.exponent < low.exponent {
            (high, low) = (low, high);
        }
        let shift = u32::try_from(high.exponent.checked_sub(low.exponent)?).ok()?;
        match power(shift).and_then(|factor| high.mantissa.checked_mul(factor)) {
            Some(aligned) => Self::new(aligned.checked_add(low.mantissa)?, low.exponent),
            // So far apart that the small one is lost.
            None if digits(low.mantissa) < shift => Some(high),
            None => {
                let (high, low) = (high.rounded(HALF)?, low.rounded(HALF)?);
                let sum = high.to_f64()? + low.to_f64()?;
                Self::from_f64(sum)
            }
        }
    }

    /// The order of two numbers; what differs after the 17th digit only is equal, because a quotient ends
    /// somewhere.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let difference = self.plus(other.negated()?)?;
        let (large, small) = (self.size(), difference.size());
        if difference.is_zero() || small.saturating_add(17) < large {
            return Some(Ordering::Equal);
        }
        Some(difference.mantissa.cmp(&0))
    }

    /// The power of ten of the first digit.
    fn size(self) -> i32 {
        let digits = i32::try_from(digits(self.mantissa)).unwrap_or(i32::MAX);
        self.exponent.saturating_add(digits)
    }

    pub fn negated(self) -> Option<Self> {
        Some(Self {
            mantissa: self.mantissa.checked_neg()?,
            exponent: self.exponent,
        })
    }

    /// Multiplied with itself so many times.
    pub fn power(self, exponent: i32) -> Option<Self> {
        let mut product = Self::ONE;
        for _ in 0..exponent.unsigned_abs() {
            product = product.times(self)?;
        }
        if exponent < 0 {
            Self::ONE.divided_by(product)
        } else {
            Some(product)
        }
    }

    /// Half away from zero, to so many digits.
    fn rounded(self, wanted: u32) -> Option<Self> {
        let surplus = digits(self.mantissa).saturating_sub(wanted);
        if surplus == 0 {
            return Some(self);
        }
        let mantissa = rounded_quotient(self.mantissa, power(surplus)?)?;
        Self::new(
            mantissa,
            self.exponent.checked_add(i32::try_from(surplus).ok()?)?,
        )
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e{}", self.mantissa, self.exponent)
    }
}

fn power(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

fn digits(mantissa: i128) -> u32 {
    mantissa
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |log| log.saturating_add(1))
}

fn rounded_quotient(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?.checked_abs()?;
    if rest < divisor.checked_abs()?.checked_sub(rest)? || rest == 0 {
        return Some(quotient);
    }
    quotient.checked_add(if (dividend < 0) == (divisor < 0) {
        1
    } else {
        -1
    })
}
