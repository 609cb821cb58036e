//! The codice fiscale: structure, omocodia and check character.
//!
//! Source: DM 23 December 1976 of the Ministry of Finance; eleven digits are the provisional
//! form, with the check digit of the partita IVA. An omocodic code is another person than its
//! base code: nothing here turns one into the other.

use crate::fhir::model::value::Text;

/// What a codice fiscale is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodiceFiscale {
    /// Structure and check character are right.
    Valid,
    /// The check is right, something else is not as the rule has it (test codes, wrong length).
    Suspicious(Reason),
    /// This is no codice fiscale.
    Invalid(Reason),
}

/// Why a codice fiscale is not simply valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Neither 16 characters nor 11 digits.
    Length,
    /// 17 characters of which the first 16 are taken, as the gateway does.
    Seventeen,
    /// A character that cannot stand at its place.
    Structure,
    /// The letter of the month is none of A B C D E H L M P R S T.
    Month,
    /// The day is neither 01–31 nor 41–71, or the month has no such day.
    Day,
    /// The last character differs from the computed one.
    Check,
}

impl Reason {
    /// What was expected and found, without the code itself.
    pub fn text(self) -> &'static str {
        match self {
            Reason::Length => "expected 16 characters or 11 digits, found another length",
            Reason::Seventeen => "expected 16 characters, found 17: the last is cut off",
            Reason::Structure => {
                "expected 6 letters, 2 digits, a letter, 2 digits, a letter, 3 digits and a letter"
            }
            Reason::Month => {
                "expected one of A B C D E H L M P R S T as month, found another letter"
            }
            Reason::Day => "expected a day 01 to 31, plus 40 for women, that the month has",
            Reason::Check => "the check character differs from the computed one",
        }
    }
}

/// The form in which codes are compared: no spaces around, upper case, 17 characters cut to 16.
pub fn normalise_codice_fiscale(text: &str) -> Text {
    let upper = text.trim().to_ascii_uppercase();
    if upper.len() == 17
        && upper.is_char_boundary(16)
        && let Some(cut) = upper.get(..16)
    {
        return Text::new(cut);
    }
    Text::from(upper)
}

/// Judges a code; spaces around it and lower case do not matter.
pub fn check_codice_fiscale(text: &str) -> CodiceFiscale {
    let code = text.trim().to_ascii_uppercase();
    let bytes = code.as_bytes();
    match bytes.len() {
        11 => check_digits(bytes),
        16 => check_sixteen(bytes),
        17 => match check_sixteen(bytes.get(..16).unwrap_or_default()) {
            CodiceFiscale::Invalid(reason) => CodiceFiscale::Invalid(reason),
            _ => CodiceFiscale::Suspicious(Reason::Seventeen),
        },
        _ => CodiceFiscale::Invalid(Reason::Length),
    }
}

/// What stands at each place: a letter, or a digit (or its omocodic letter).
const SHAPE: &[u8; 16] = b"AAAAAA99A99A999A";
/// Months in order.
const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// Omocodic letters for 0 … 9.
const OMOCODIA: &[u8; 10] = b"LMNPQRSTUV";
/// Values at odd places for 0 … 9.
const ODD_DIGITS: [u32; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
/// Values at odd places for A … Z.
const ODD_LETTERS: [u32; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];

fn check_sixteen(code: &[u8]) -> CodiceFiscale {
    let mut sum = 0u32;
    for (index, (&byte, &shape)) in code.iter().zip(SHAPE).enumerate() {
        let fits = match shape {
            b'9' => omocodic_digit(byte).is_some(),
            _ => byte.is_ascii_uppercase(),
        };
        if !fits {
            return CodiceFiscale::Invalid(Reason::Structure);
        }
        if index < 15 {
            sum = sum.saturating_add(place_value(index, byte));
        }
    }
    let computed = u32::from(b'A').saturating_add(sum % 26);
    if code.get(15).map(|&byte| u32::from(byte)) != Some(computed) {
        return CodiceFiscale::Invalid(Reason::Check);
    }
    let Some(longest) = code
        .get(8)
        .and_then(|byte| MONTHS.iter().position(|month| month == byte))
        .and_then(|month| DAYS.get(month))
    else {
        return CodiceFiscale::Suspicious(Reason::Month);
    };
    let digit = |index: usize| {
        code.get(index)
            .and_then(|&byte| omocodic_digit(byte))
            .unwrap_or(0)
    };
    let day = digit(9).saturating_mul(10).saturating_add(digit(10));
    let day = if day > 40 {
        day.saturating_sub(40)
    } else {
        day
    };
    if day == 0 || day > *longest {
        return CodiceFiscale::Suspicious(Reason::Day);
    }
    CodiceFiscale::Valid
}

/// The digit that a byte stands for, as digit or as omocodic letter.
fn omocodic_digit(byte: u8) -> Option<u32> {
    if byte.is_ascii_digit() {
        return Some(u32::from(byte.wrapping_sub(b'0')));
    }
    let position = OMOCODIA.iter().position(|letter| *letter == byte)?;
    u32::try_from(position).ok()
}

/// The value of a character; `index` counts from 0, the rule from 1.
fn place_value(index: usize, byte: u8) -> u32 {
    let odd = index.is_multiple_of(2);
    let digit = usize::from(byte.wrapping_sub(b'0'));
    let letter = usize::from(byte.wrapping_sub(b'A'));
    if byte.is_ascii_digit() {
        if odd {
            ODD_DIGITS.get(digit).copied().unwrap_or(0)
        } else {
            u32::try_from(digit).unwrap_or(0)
        }
    } else if odd {
        ODD_LETTERS.get(letter).copied().unwrap_or(0)
    } else {
        u32::try_from(letter).unwrap_or(0)
    }
}

fn check_digits(code: &[u8]) -> CodiceFiscale {
    if !code.iter().all(u8::is_ascii_digit) {
        return CodiceFiscale::Invalid(Reason::Structure);
    }
    let mut sum = 0u32;
    for (index, byte) in code.iter().take(10).enumerate() {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        let value = if index.is_multiple_of(2) {
            digit
        } else {
            let doubled = digit.saturating_mul(2);
            if doubled > 9 {
                doubled.saturating_sub(9)
            } else {
                doubled
            }
        };
        sum = sum.saturating_add(value);
    }
    let computed = 10u32.saturating_sub(sum % 10) % 10;
    let last = code.last().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    if last == Some(computed) {
        CodiceFiscale::Valid
    } else {
        CodiceFiscale::Invalid(Reason::Check)
    }
}

#[cfg(test)]
mod tests {
    use super::CodiceFiscale::{Invalid, Suspicious, Valid};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: CodiceFiscale) {
        assert_eq!(check_codice_fiscale(text), expected, "{text}");
    }

    #[test]
    fn valid_codes() {
        for code in [
            "RSSMRA80A01H501U",
            "GTWGWY82B42G920M",
            "RSSMRA22A01A399Z",
            "RSSMRA75C03F839K",
            "rssmra80a01h501u",
            " RSSMRA80A01H501U ",
        ] {
            check(code, Valid);
        }
    }

    #[test]
    fn omocodia_is_valid_with_its_own_check() {
        for code in [
            "RSSMRA80A01H50MM",
            "RSSMRA80A01H5LMX",
            "RSSMRA80A01HRLMS",
            "RSSMRAULALMHRLMD",
        ] {
            check(code, Valid);
        }
        check("RSSMRA80A01H50MU", Invalid(Reason::Check));
        check("RSSMRA80A01H50AU", Invalid(Reason::Structure));
    }

    #[test]
    fn wrong_check_character() {
        check("VRDMRC67T20I257E", Invalid(Reason::Check));
        check("VRDMRC67T20I257A", Valid);
        check("RSSMRA80A01H501X", Invalid(Reason::Check));
        check("RSSMRT57D12D612R", Invalid(Reason::Check));
        check("RSSMRT57D12D612E", Valid);
    }

    #[test]
    fn test_codes_are_suspicious() {
        check("PROVAX00X00X000Y", Suspicious(Reason::Month));
        check("RSSMRA80A01H501UX", Suspicious(Reason::Seventeen));
    }

    #[test]
    fn impossible_day() {
        // Day 00, and 30 February; the check characters are right.
        check("RSSMRA80A00H501V", Suspicious(Reason::Day));
        check("RSSMRA80B30H501X", Suspicious(Reason::Day));
    }

    #[test]
    fn eleven_digits() {
        for code in ["00743110157", "00177330073", "91001750073", "04735061006"] {
            check(code, Valid);
        }
        check("00743110158", Invalid(Reason::Check));
        check("12345678910", Invalid(Reason::Check));
        check("0074311015A", Invalid(Reason::Structure));
    }

    #[test]
    fn no_codes_at_all() {
        for code in ["", "X", "RSSMRA80A01H501", "RSSMRA80A01H501UXX", "XXX"] {
            check(code, Invalid(Reason::Length));
        }
        for code in ["èSSMRA80A01H501", "RSSMRA80A0!H501U", "0SSMRA80A01H501U"] {
            check(code, Invalid(Reason::Structure));
        }
    }

    #[test]
    fn normal_form() {
        assert_eq!(
            normalise_codice_fiscale(" rssmra80a01h501u"),
            "RSSMRA80A01H501U"
        );
        assert_eq!(
            normalise_codice_fiscale("RSSMRA80A01H501UX"),
            "RSSMRA80A01H501U"
        );
        assert_eq!(
            normalise_codice_fiscale("STP1201010000001"),
            "STP1201010000001"
        );
        assert_eq!(
            normalise_codice_fiscale("aaaaaaaaaaaaaaaè"),
            "AAAAAAAAAAAAAAAè"
        );
    }
}
