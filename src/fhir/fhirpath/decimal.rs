//! Exact decimals of up to 38 digits.
//!
//! Source: FHIRPath N1 *Decimal*, *Math*, *Equality* and *Equivalence*. The number of decimals as
//! written is kept, because equivalence and `toString()` depend on it. What needs more than
//! 38 digits is no `Decimal`: callers report it as out of range.

use std::cmp::Ordering;
use std::fmt;

/// `mantissa × 10^-scale`, scale at most 38.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// No more decimals than this: `10^38` is the largest power of ten in an `i128`.
const MAX_SCALE: u32 = 38;
/// Decimals kept by a division that does not come out even.
const QUOTIENT_SCALE: u32 = 20;
/// A boundary is told with no more decimals.
const BOUNDARY_SCALE: u32 = 28;

impl Decimal {
    pub const ZERO: Self = Self {
        mantissa: 0,
        scale: 0,
    };

    pub fn from_integer(value: i64) -> Self {
        Self {
            mantissa: i128::from(value),
            scale: 0,
        }
    }

    /// `mantissa × 10^-scale`; `None` if there are more than 38 decimals.
    pub fn from_parts(mantissa: i128, scale: u32) -> Option<Self> {
        (scale <= MAX_SCALE).then_some(Self { mantissa, scale })
    }

    /// Reads `-12.50` and `1.5e-3`; `None` if it is no number or has more than 38 digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(place) => {
                let exponent = text.get(place.checked_add(1)?..)?;
                (
                    text.get(..place)?,
                    exponent
                        .strip_prefix('+')
                        .unwrap_or(exponent)
                        .parse::<i32>()
                        .ok()?,
                )
            }
            None => (text, 0),
        };
        let (negative, digits) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number.strip_prefix('+').unwrap_or(number)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || (digits.contains('.') && fraction.is_empty()) {
            return None;
        }
        let mut mantissa: i128 = 0;
        for digit in whole.chars().chain(fraction.chars()) {
            mantissa = mantissa
                .checked_mul(10)?
                .checked_add(i128::from(digit.to_digit(10)?))?;
        }
        if negative {
            mantissa = mantissa.checked_neg()?;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        match u32::try_from(scale) {
            Ok(scale) => Self::from_parts(mantissa, scale),
            Err(_) => Self::from_parts(mantissa.checked_mul(power(scale.unsigned_abs())?)?, 0),
        }
    }

    /// The nearest decimal of a binary number, as it prints; `None` for infinities and NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        // Fifteen significant digits hold; what follows is noise of the binary form.
        Self::parse(&format!("{value:.15e}"))
            .map(Self::normalized)
            .or_else(|| Self::parse(&format!("{value:.10}")).map(Self::normalized))
    }

    /// The nearest binary number, for functions without an exact result.
    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The integer of this value; `None` where it has a fraction or does not fit.
    pub fn to_integer(self) -> Option<i64> {
        let plain = self.normalized();
        (plain.scale == 0)
            .then(|| i64::try_from(plain.mantissa).ok())
            .flatten()
    }

    /// Decimals as written.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// Digits as written, without leading zeros before the point.
    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The same value without trailing zeros.
    pub fn normalized(self) -> Self {
        let Self {
            mut mantissa,
            mut scale,
        } = self;
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale = scale.saturating_sub(1);
        }
        Self { mantissa, scale }
    }

    pub fn negated(self) -> Option<Self> {
        Some(Self {
            mantissa: self.mantissa.checked_neg()?,
            scale: self.scale,
        })
    }

    pub fn abs(self) -> Option<Self> {
        if self.is_negative() {
            self.negated()
        } else {
            Some(self)
        }
    }

    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let mantissa = self.at_scale(scale)?.checked_add(other.at_scale(scale)?)?;
        Some(Self { mantissa, scale })
    }

    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated()?)
    }

    pub fn times(self, other: Self) -> Option<Self> {
        let exact = |a: Self, b: Self| {
            Self::from_parts(
                a.mantissa.checked_mul(b.mantissa)?,
                a.scale.checked_add(b.scale)?,
            )
        };
        exact(self, other).or_else(|| exact(self.normalized(), other.normalized()))
    }

    /// `None` for a zero divisor or a result out of range.
    pub fn divided_by(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let (a, b) = (self.normalized(), other.normalized());
        let mut scale = QUOTIENT_SCALE;
        loop {
            // a / b at `scale`: mantissa_a × 10^(scale - scale_a + scale_b) / mantissa_b.
            let shift = scale.checked_add(b.scale)?.checked_sub(a.scale);
            let result = shift
                .and_then(power)
                .and_then(|factor| a.mantissa.checked_mul(factor))
                .and_then(|scaled| rounded_quotient(scaled, b.mantissa));
            match result {
                Some(mantissa) => return Some(Self { mantissa, scale }.normalized()),
                None => scale = scale.checked_sub(1)?,
            }
        }
    }

    /// Division towards zero.
    pub fn whole_quotient(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let scale = self.scale.max(other.scale);
        let mantissa = self.at_scale(scale)?.checked_div(other.at_scale(scale)?)?;
        Some(Self { mantissa, scale: 0 })
    }

    /// Remainder of the division towards zero.
    pub fn remainder(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let scale = self.scale.max(other.scale);
        let mantissa = self.at_scale(scale)?.checked_rem(other.at_scale(scale)?)?;
        Some(Self { mantissa, scale })
    }

    /// Half away from zero, to so many decimals.
    pub fn rounded(self, decimals: u32) -> Option<Self> {
        if decimals >= self.scale {
            return Some(self);
        }
        let factor = power(self.scale.checked_sub(decimals)?)?;
        Some(Self {
            mantissa: rounded_quotient(self.mantissa, factor)?,
            scale: decimals,
        })
    }

    /// Cut to so many decimals, towards zero.
    pub fn truncated(self, decimals: u32) -> Option<Self> {
        if decimals >= self.scale {
            return Some(self);
        }
        let factor = power(self.scale.checked_sub(decimals)?)?;
        Some(Self {
            mantissa: self.mantissa.checked_div(factor)?,
            scale: decimals,
        })
    }

    pub fn floor(self) -> Option<Self> {
        let factor = power(self.scale)?;
        Some(Self {
            mantissa: self.mantissa.checked_div_euclid(factor)?,
            scale: 0,
        })
    }

    pub fn ceiling(self) -> Option<Self> {
        self.negated()?.floor()?.negated()
    }

    /// The least (or greatest) value that rounds to this one, cut outwards to so many decimals; `None`
    /// where these are too many.
    pub fn boundary(self, decimals: u32, high: bool) -> Option<Self> {
        if decimals > BOUNDARY_SCALE {
            return None;
        }
        let half = Self::from_parts(5, self.scale.checked_add(1)?)?;
        let exact = if high {
            self.plus(half)?
        } else {
            self.minus(half)?
        };
        if exact.scale <= decimals {
            let mantissa = exact.at_scale(decimals)?;
            return Self::from_parts(mantissa, decimals);
        }
        let factor = power(exact.scale.checked_sub(decimals)?)?;
        let floor = |mantissa: i128| mantissa.checked_div_euclid(factor);
        let mantissa = if high {
            floor(exact.mantissa.checked_neg()?)?.checked_neg()?
        } else {
            floor(exact.mantissa)?
        };
        Self::from_parts(mantissa, decimals)
    }

    /// Equal once both are rounded to the decimals of the less precise one.
    pub fn equivalent(self, other: Self) -> bool {
        let decimals = self.normalized().scale.min(other.normalized().scale);
        match (self.rounded(decimals), other.rounded(decimals)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        }
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        self.mantissa
            .checked_mul(power(scale.checked_sub(self.scale)?)?)
    }
}

/// `10^exponent`, where it fits.
fn power(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// Half away from zero; `None` for a zero divisor.
fn rounded_quotient(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?.checked_abs()?;
    let half_or_more = rest >= divisor.checked_abs()?.checked_sub(rest)?;
    if rest == 0 || !half_or_more {
        return Some(quotient);
    }
    if (dividend < 0) == (divisor < 0) {
        quotient.checked_add(1)
    } else {
        quotient.checked_sub(1)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |value: &Self| {
            let factor = power(value.scale).unwrap_or(i128::MAX);
            (
                value.mantissa.checked_div(factor).unwrap_or(0),
                value.mantissa.checked_rem(factor).unwrap_or(0),
            )
        };
        let ((whole_a, rest_a), (whole_b, rest_b)) = (parts(self), parts(other));
        whole_a.cmp(&whole_b).then_with(|| {
            // Rests are below 10^scale, so bringing both to the larger scale cannot overflow.
            let scale = self.scale.max(other.scale);
            let aligned = |rest: i128, own: u32| {
                rest.saturating_mul(power(scale.saturating_sub(own)).unwrap_or(1))
            };
            aligned(rest_a, self.scale).cmp(&aligned(rest_b, other.scale))
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let factor = power(self.scale).unwrap_or(i128::MAX).unsigned_abs();
        let digits = self.mantissa.unsigned_abs();
        let width = usize::try_from(self.scale).unwrap_or(0);
        let whole = digits.checked_div(factor).unwrap_or(0);
        let rest = digits.checked_rem(factor).unwrap_or(0);
        write!(f, "{sign}{whole}.{rest:0width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[track_caller]
    fn check(result: Option<Decimal>, expected: &str) {
        assert_eq!(result.unwrap().to_string(), expected);
    }

    #[test]
    fn text_is_kept() {
        for text in ["0", "1.0", "-0.50", "72.50", "1234567890987654321.0"] {
            assert_eq!(d(text).to_string(), text);
        }
        assert_eq!(d("1.5e-3").to_string(), "0.0015");
        assert_eq!(d("1.5e3").to_string(), "1500");
        for bad in ["", ".", "1.", ".5", "1a", "1e", "1e400", "--1", "1e-99"] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn arithmetic_is_exact() {
        check(d("1.2").plus(d("1.8")), "3.0");
        check(d("0.1").times(d("0.1")), "0.01");
        check(d("1").divided_by(d("2")), "0.5");
        check(d("1.2").divided_by(d("1.8")), "0.66666666666666666667");
        check(d("2.2").remainder(d("1.8")), "0.4");
        check(d("5.5").whole_quotient(d("0.7")), "7");
        check(d("-2.1").floor(), "-3");
        check(d("-1.1").ceiling(), "-1");
        check(d("3.14159").rounded(3), "3.142");
        check(d("-2.5").rounded(0), "-3");
        assert!(d("1").divided_by(d("0.0")).is_none());
        assert!(d("9e37").times(d("9e37")).is_none());
    }

    #[test]
    fn boundaries() {
        for (value, decimals, low, high) in [
            ("1.587", 8, "1.58650000", "1.58750000"),
            ("1.587", 2, "1.58", "1.59"),
            ("-1.587", 2, "-1.59", "-1.58"),
            ("1.587", 0, "1", "2"),
            ("1", 8, "0.50000000", "1.50000000"),
            ("0.0", 1, "-0.1", "0.1"),
            ("12.500", 4, "12.4995", "12.5005"),
        ] {
            check(d(value).boundary(decimals, false), low);
            check(d(value).boundary(decimals, true), high);
        }
        assert!(d("1.587").boundary(29, false).is_none());
    }

    #[test]
    fn order_and_equivalence() {
        assert_eq!(d("1.10"), d("1.1"));
        assert!(d("-1.5") < d("-1.4"));
        assert!(d("99999999999999999999999999999999999999") > d("0.00000000000000000000001"));
        assert!(d("0.6666666").equivalent(d("0.67")));
        assert!(!d("1.1").equivalent(d("1.2")));
        check(Decimal::from_f64(9.0), "9");
    }
}
