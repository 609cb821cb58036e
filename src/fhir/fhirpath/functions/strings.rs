//! FHIRPath N1 *String manipulation*, and the additional string functions of its draft.
//! Positions count characters, not bytes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::super::error::FhirPathError;
use super::super::evaluator::Outcome;
use super::super::item::Item;
use super::super::operators::check_text;
use super::{Args, Function, function};

pub(super) const STRINGS: &[Function] = &[
    function("indexOf", (1, 1), index_of),
    function("lastIndexOf", (1, 1), last_index_of),
    function("substring", (1, 2), substring),
    function("startsWith", (1, 1), starts_with),
    function("endsWith", (1, 1), ends_with),
    function("contains", (1, 1), contains),
    function("upper", (0, 0), upper),
    function("lower", (0, 0), lower),
    function("replace", (2, 2), replace),
    function("length", (0, 0), length),
    function("toChars", (0, 0), to_chars),
    function("trim", (0, 0), trim),
    function("split", (1, 1), split),
    function("join", (0, 1), join),
    function("encode", (1, 1), encode),
    function("decode", (1, 1), decode),
    function("escape", (1, 1), escape),
    function("unescape", (1, 1), unescape),
];

fn made<'a>(args: &Args<'_, 'a>, text: String) -> Outcome<'a> {
    check_text(args.evaluator, text.len())?;
    Ok(vec![Item::text(text)])
}

fn position<'a>(text: &str, byte: Option<usize>) -> Outcome<'a> {
    let index = match byte {
        Some(byte) => i64::try_from(text.get(..byte).unwrap_or("").chars().count()).unwrap_or(-1),
        None => -1,
    };
    Ok(vec![Item::Integer(index)])
}

fn index_of<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    match (args.text_of(&input)?, args.text(0)?) {
        (Some(text), Some(part)) => position(&text, text.find(part.as_ref())),
        _ => Ok(Vec::new()),
    }
}

fn last_index_of<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    match (args.text_of(&input)?, args.text(0)?) {
        (Some(text), Some(part)) => position(&text, text.rfind(part.as_ref())),
        _ => Ok(Vec::new()),
    }
}

fn substring<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(start)) = (args.text_of(&input)?, args.integer(0)?) else {
        return Ok(Vec::new());
    };
    let length = match args.integer(1)? {
        Some(length) => usize::try_from(length.max(0)).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let Ok(start) = usize::try_from(start) else {
        return Ok(Vec::new());
    };
    let mut rest = text.chars().skip(start).peekable();
    if rest.peek().is_none() {
        return Ok(Vec::new());
    }
    made(args, rest.take(length).collect())
}

/// A question about the input and one text.
fn test<'a>(
    args: &Args<'_, 'a>,
    input: &[Item<'a>],
    question: impl Fn(&str, &str) -> bool,
) -> Outcome<'a> {
    match (args.text_of(input)?, args.text(0)?) {
        (Some(text), Some(part)) => Ok(vec![Item::Boolean(question(&text, &part))]),
        _ => Ok(Vec::new()),
    }
}

fn starts_with<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    test(args, &input, |text, part| text.starts_with(part))
}

fn ends_with<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    test(args, &input, |text, part| text.ends_with(part))
}

fn contains<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    test(args, &input, |text, part| text.contains(part))
}

/// A text made from the input.
fn change<'a>(
    args: &Args<'_, 'a>,
    input: &[Item<'a>],
    change: impl Fn(&str) -> String,
) -> Outcome<'a> {
    match args.text_of(input)? {
        Some(text) => made(args, change(&text)),
        None => Ok(Vec::new()),
    }
}

fn upper<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    change(args, &input, str::to_uppercase)
}

fn lower<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    change(args, &input, str::to_lowercase)
}

fn trim<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    change(args, &input, |text| text.trim().to_owned())
}

fn replace<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(pattern), Some(by)) =
        (args.text_of(&input)?, args.text(0)?, args.text(1)?)
    else {
        return Ok(Vec::new());
    };
    // Priced before it is made: each place found may grow by the length of the replacement.
    let places = text.matches(pattern.as_ref()).count();
    let length = text.len().saturating_add(places.saturating_mul(by.len()));
    check_text(args.evaluator, length)?;
    Ok(vec![Item::text(text.replace(pattern.as_ref(), &by))])
}

fn length<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    Ok(args
        .text_of(&input)?
        .and_then(|text| i64::try_from(text.chars().count()).ok())
        .map(Item::Integer)
        .into_iter()
        .collect())
}

fn to_chars<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let Some(text) = args.text_of(&input)? else {
        return Ok(Vec::new());
    };
    args.evaluator.check_size(text.chars().count())?;
    Ok(text.chars().map(|c| Item::text(c.to_string())).collect())
}

fn split<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(separator)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    if separator.is_empty() {
        return to_chars(args, input);
    }
    let limit = args.evaluator.env.limits.items.saturating_add(1);
    let parts = text.split(separator.as_ref()).take(limit);
    Ok(parts.map(|part| Item::text(part.to_owned())).collect())
}

fn join<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let separator = args.text(0)?.unwrap_or_default();
    let mut joined = String::new();
    let mut first = true;
    for item in &input {
        let Some(text) = args.text_of(std::slice::from_ref(item))? else {
            continue;
        };
        if !first {
            joined.push_str(&separator);
        }
        first = false;
        joined.push_str(&text);
        check_text(args.evaluator, joined.len())?;
    }
    if first {
        return Ok(Vec::new());
    }
    Ok(vec![Item::text(joined)])
}

fn unknown_form(args: &Args<'_, '_>, expected: &str) -> FhirPathError {
    FhirPathError::execution(format!(
        "expected {expected} as the form of {}(), found another",
        args.call.function.name
    ))
}

fn encode<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(form)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let encoded = match form.as_ref() {
        "base64" => STANDARD.encode(text.as_bytes()),
        "urlbase64" => URL_SAFE.encode(text.as_bytes()),
        "hex" => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        _ => return Err(unknown_form(args, "base64, urlbase64 or hex")),
    };
    made(args, encoded)
}

fn decode<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(form)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let bytes = match form.as_ref() {
        "base64" => STANDARD.decode(text.as_bytes()).ok(),
        "urlbase64" => URL_SAFE.decode(text.as_bytes()).ok(),
        "hex" => Some(from_hex(&text).ok_or_else(|| {
            FhirPathError::execution("expected pairs of hexadecimal digits for decode()")
        })?),
        _ => return Err(unknown_form(args, "base64, urlbase64 or hex")),
    };
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => made(args, text),
        None => Ok(Vec::new()),
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let mut digits = text.chars().map(|c| c.to_digit(16));
    let mut bytes = Vec::new();
    while let Some(high) = digits.next() {
        let byte = high?.checked_mul(16)?.checked_add(digits.next()??)?;
        bytes.push(u8::try_from(byte).ok()?);
    }
    Some(bytes)
}

const HTML: &[(&str, &str)] = &[
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("\"", "&quot;"),
    ("'", "&#39;"),
];

fn escape<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(form)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let escaped = match form.as_ref() {
        "html" => HTML.iter().fold(text.into_owned(), |text, (raw, name)| {
            text.replace(raw, name)
        }),
        "json" => text.replace('\\', "\\\\").replace('"', "\\\""),
        _ => return Err(unknown_form(args, "html or json")),
    };
    made(args, escaped)
}

fn unescape<'a>(args: &Args<'_, 'a>, input: Vec<Item<'a>>) -> Outcome<'a> {
    let (Some(text), Some(form)) = (args.text_of(&input)?, args.text(0)?) else {
        return Ok(Vec::new());
    };
    let plain = match form.as_ref() {
        "html" => HTML
            .iter()
            .rev()
            .fold(text.into_owned(), |text, (raw, name)| {
                text.replace(name, raw)
            }),
        "json" => text.replace("\\\"", "\"").replace("\\\\", "\\"),
        _ => return Err(unknown_form(args, "html or json")),
    };
    made(args, plain)
}
