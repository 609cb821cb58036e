//! The formats of the R4 primitive datatypes.
//!
//! Source: FHIR R4 *Data Types*, section "Primitive Types". All checks are hand-written and linear.
//! The length of a string is not checked here: that is a limit of the reader.

use super::date::{self, DateKind};
use super::key::is_id;
use super::value::Value;

/// Longest text of a decimal, in characters.
const DECIMAL_LENGTH: usize = 64;
/// Largest exponent of a decimal, either way.
const DECIMAL_EXPONENT: u32 = 300;

/// Checks the JSON form of a primitive of the type `code`.
///
/// # Errors
/// What was expected and what was found; letters and digits of the value are masked, because a
/// value may be personal data.
pub fn check(code: &str, value: &Value) -> Result<(), String> {
    match code {
        "boolean" => match value {
            Value::Bool(_) => Ok(()),
            _ => Err(wrong_kind("true or false", value)),
        },
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => match value {
            Value::Number(text) => number(code, text),
            _ => Err(wrong_kind("a number", value)),
        },
        _ => match value {
            Value::String(text) => string(code, text),
            _ => Err(wrong_kind("a string", value)),
        },
    }
}

/// Whether a value is of the JSON kind (string, number, boolean) in which the type is written.
pub fn is_of_kind(code: &str, value: &Value) -> bool {
    match code {
        "boolean" => matches!(value, Value::Bool(_)),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => matches!(value, Value::Number(_)),
        _ => matches!(value, Value::String(_)),
    }
}

/// The JSON value of a primitive from its text, as XML and search give it.
///
/// # Errors
/// As [`check`].
pub fn from_text(code: &str, text: &str) -> Result<Value, String> {
    let value = match code {
        "boolean" => match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(format!("expected true or false, found {}", form_of(text))),
        },
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => Value::Number(text.into()),
        _ => Value::from(text),
    };
    check(code, &value)?;
    Ok(value)
}

/// The form of a text, at most 40 characters, with letters and digits masked: `'aaa-99'`.
pub fn form_of(text: &str) -> String {
    let mut form = String::from("'");
    for (number, character) in text.chars().enumerate() {
        if number >= 40 {
            form.push('…');
            break;
        }
        form.push(match character {
            '0'..='9' => '9',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            ' '..='~' => character,
            _ if character.is_alphabetic() => 'a',
            _ => '·',
        });
    }
    form.push('\'');
    form
}

fn wrong_kind(expected: &str, value: &Value) -> String {
    format!("expected {expected}, found {}", value.describe())
}

fn number(code: &str, text: &str) -> Result<(), String> {
    let (ok, expected) = match code {
        "integer" => (
            is_integer(text) && text.parse::<i32>().is_ok(),
            "an integer of 32 bits",
        ),
        "unsignedInt" => (
            is_integer(text) && text.parse::<i32>().is_ok_and(|n| n >= 0),
            "an integer from 0 to 2147483647",
        ),
        "positiveInt" => (
            is_integer(text) && text.parse::<i32>().is_ok_and(|n| n > 0),
            "an integer from 1 to 2147483647",
        ),
        _ => (
            is_decimal(text),
            "a decimal of at most 64 characters with an exponent from -300 to 300",
        ),
    };
    verdict(ok, expected, text)
}

fn string(code: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("expected a value, found an empty string".to_owned());
    }
    match code {
        "code" => verdict(
            is_code(text),
            "a code without leading, trailing or double white space",
            text,
        ),
        "id" => verdict(
            is_id(text),
            "an id of 1 to 64 letters, digits, '-' and '.'",
            text,
        ),
        "uri" | "url" | "canonical" => verdict(
            !text.bytes().any(is_space),
            "a URI without white space",
            text,
        ),
        "oid" => verdict(is_oid(text), "urn:oid: and an OID", text),
        "uuid" => verdict(is_uuid(text), "urn:uuid: and a lower-case UUID", text),
        "base64Binary" => verdict(is_base64(text), "base64", text),
        "date" => in_calendar(text, DateKind::Date),
        "dateTime" => in_calendar(text, DateKind::DateTime),
        "instant" => in_calendar(text, DateKind::Instant),
        "time" => date::check_time(text).map_err(|error| error.to_string()),
        _ => Ok(()),
    }
}

fn verdict(ok: bool, expected: &str, text: &str) -> Result<(), String> {
    if ok {
        Ok(())
    } else {
        Err(format!("expected {expected}, found {}", form_of(text)))
    }
}

fn in_calendar(text: &str, kind: DateKind) -> Result<(), String> {
    date::parse(text, kind)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}

/// `0`, or an optional minus and digits that do not begin with a zero.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text == "0"
        || (!digits.starts_with('0')
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// The JSON grammar of a number, within the limits.
fn is_decimal(text: &str) -> bool {
    if text.len() > DECIMAL_LENGTH {
        return false;
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| {
            let size = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            digits(size) && size.parse::<u32>().is_ok_and(|n| n <= DECIMAL_EXPONENT)
        })
}

/// Words with one white space between them.
fn is_code(text: &str) -> bool {
    // True before the first byte, so that a leading space counts as a double one.
    let mut after_space = true;
    for byte in text.bytes() {
        let space = is_space(byte);
        if space && after_space {
            return false;
        }
        after_space = space;
    }
    !after_space
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else {
        return false;
    };
    let mut arcs = arcs.split('.');
    let first = matches!(arcs.next(), Some("0" | "1" | "2"));
    let mut more = false;
    for arc in arcs {
        more = true;
        let well_formed = arc == "0"
            || (!arc.is_empty()
                && !arc.starts_with('0')
                && arc.bytes().all(|b| b.is_ascii_digit()));
        if !well_formed {
            return false;
        }
    }
    first && more
}

fn is_uuid(text: &str) -> bool {
    text.strip_prefix("urn:uuid:").is_some_and(|uuid| {
        uuid.len() == 36
            && uuid
                .bytes()
                .enumerate()
                .all(|(position, b)| match position {
                    8 | 13 | 18 | 23 => b == b'-',
                    _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
                })
    })
}

/// Groups of four, padded at the end only; white space may stand anywhere.
fn is_base64(text: &str) -> bool {
    let (mut characters, mut padding) = (0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                characters = characters.wrapping_add(1);
            }
            b'=' => padding = padding.wrapping_add(1),
            _ if is_space(byte) => {}
            _ => return false,
        }
    }
    padding <= 2 && characters > 0 && characters.wrapping_add(padding) % 4 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(code: &str, text: &str, ok: bool) {
        let value = match code {
            "integer" | "positiveInt" | "unsignedInt" | "decimal" => Value::Number(text.into()),
            _ => Value::from(text),
        };
        assert_eq!(check(code, &value).is_ok(), ok, "{text:?} as {code}");
    }

    #[test]
    fn numbers() {
        for (code, text, ok) in [
            ("integer", "0", true),
            ("integer", "-0", false),
            ("integer", "-2147483648", true),
            ("integer", "2147483647", true),
            ("integer", "2147483648", false),
            ("integer", "1.0", false),
            ("integer", "1e2", false),
            ("integer", "+1", false),
            ("integer", "01", false),
            ("unsignedInt", "0", true),
            ("unsignedInt", "-1", false),
            ("positiveInt", "0", false),
            ("positiveInt", "1", true),
            ("decimal", "72.50", true),
            ("decimal", "-0.0", true),
            ("decimal", "1E-22", true),
            ("decimal", "1.00e300", true),
            ("decimal", "1e301", false),
            ("decimal", "1e-301", false),
            ("decimal", "1e99999999999999999999", false),
            ("decimal", ".5", false),
            ("decimal", "5.", false),
            ("decimal", "00.5", false),
            ("decimal", "NaN", false),
            ("decimal", "1e", false),
            ("decimal", "", false),
        ] {
            check_text(code, text, ok);
        }
        // IN-10: 64 characters pass, 65 do not.
        check_text("decimal", &"1".repeat(64), true);
        check_text("decimal", &"1".repeat(65), false);
    }

    #[test]
    fn strings() {
        for (code, text, ok) in [
            ("string", "", false),
            ("string", " ", true),
            ("markdown", "a\n\nb", true),
            ("code", "a b", true),
            ("code", "a  b", false),
            ("code", " a", false),
            ("code", "a ", false),
            ("code", "a\nb", true),
            ("id", "a-1.B", true),
            ("id", "a_1", false),
            ("id", "è", false),
            ("oid", "urn:oid:2.16.840.1.113883.2.9", true),
            ("oid", "urn:oid:2", false),
            ("oid", "urn:oid:3.1", false),
            ("oid", "urn:oid:2.01", false),
            ("oid", "2.16.840", false),
            (
                "uuid",
                "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
                true,
            ),
            (
                "uuid",
                "urn:uuid:C757873D-ec9a-4326-a141-556f43239520",
                false,
            ),
            ("uuid", "c757873d-ec9a-4326-a141-556f43239520", false),
            ("uri", "http://example.org/a", true),
            ("uri", "http://example.org/a b", false),
            ("url", "mailto:a@b", true),
            ("canonical", "http://example.org/a|1#x\t", false),
            ("base64Binary", "AAAA", true),
            ("base64Binary", "AAA=\n", true),
            ("base64Binary", "AA A=", true),
            ("base64Binary", "AA==", true),
            ("base64Binary", "A===", false),
            ("base64Binary", "AAA", false),
            ("base64Binary", "AA=A", false),
            ("base64Binary", "AA-_", false),
            ("base64Binary", "====", false),
            ("date", "2025-02-28", true),
            ("date", "2025-02-30", false),
            ("dateTime", "2025-02-28T10:00:00+01:00", true),
            ("dateTime", "2025-02-28T10:00", false),
            ("instant", "2025-02-28", false),
            ("instant", "2025-02-28T10:00:00.000Z", true),
            ("time", "10:00:00", true),
            ("time", "10:00", false),
        ] {
            check_text(code, text, ok);
        }
        check_text("id", &"x".repeat(64), true);
        check_text("id", &"x".repeat(65), false);
    }

    #[test]
    fn kinds_of_json() {
        for (code, value) in [
            ("boolean", Value::from("true")),
            ("integer", Value::from("1")),
            ("string", Value::from(true)),
            ("date", Value::Number("2025".into())),
            ("code", Value::Null),
        ] {
            assert!(check(code, &value).is_err(), "{code}");
            assert!(!is_of_kind(code, &value), "{code}");
        }
        assert!(check("boolean", &Value::from(false)).is_ok());
    }

    #[test]
    fn values_from_text() {
        assert_eq!(from_text("boolean", "true").unwrap(), Value::Bool(true));
        assert_eq!(
            from_text("decimal", "72.50").unwrap(),
            Value::Number("72.50".into())
        );
        assert!(from_text("boolean", "True").is_err());
        assert!(from_text("decimal", " 1").is_err());
    }

    #[test]
    fn messages_carry_no_data() {
        let error = check("id", &Value::from("Rossi Mario 1975")).unwrap_err();
        assert!(error.ends_with("found 'Aaaaa Aaaaa 9999'"), "{error}");
    }
}
