//! A second reading of a few parameters: a plain scan over JSON, which shares nothing with the
//! server. Source: FHIR R4 search.html#ptypes, #prefix.

use chrono::{DateTime, Datelike, Months, NaiveDate};
use serde_json::Value;

/// How a parameter is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Token,
    Date,
    Number,
    Reference,
    Uri,
}

/// A parameter: its code, and where its values are.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub code: &'static str,
    pub kind: Kind,
    /// Members from the root, with dots between; several places with bars.
    pub paths: &'static str,
}

/// The values at the places of a parameter.
pub fn values<'a>(resource: &'a Value, parameter: &Parameter) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for path in parameter.paths.split('|') {
        let mut here = vec![resource];
        for name in path.split('.') {
            here = here
                .into_iter()
                .filter_map(|value| value.get(name))
                .flat_map(|value| match value {
                    Value::Array(items) => items.iter().collect(),
                    other => vec![other],
                })
                .collect();
        }
        found.extend(here);
    }
    found
}

/// Whether a resource has a value of the parameter that fits, with this modifier or none.
pub fn matches(resource: &Value, parameter: &Parameter, modifier: &str, value: &str) -> bool {
    let values = values(resource, parameter);
    let any = |fits: &dyn Fn(&Value, &str) -> bool| {
        values
            .iter()
            .any(|found| value.split(',').any(|wanted| fits(found, wanted)))
    };
    match (parameter.kind, modifier) {
        (_, "missing") => values.is_empty() == (value == "true"),
        (Kind::Text, "") => {
            any(&|found, wanted| texts(found).any(|text| fold(text).starts_with(&fold(wanted))))
        }
        (Kind::Text, "contains") => {
            any(&|found, wanted| texts(found).any(|text| fold(text).contains(&fold(wanted))))
        }
        (Kind::Text, "exact") => any(&|found, wanted| texts(found).any(|text| text == wanted)),
        (Kind::Token, "") => any(&token),
        (Kind::Token, "not") => !any(&token),
        (Kind::Date, "") => any(&date),
        (Kind::Number, "") => any(&number),
        (Kind::Reference, "") => any(&|found, wanted| found["reference"] == wanted),
        (Kind::Uri, "") => any(&|found, wanted| found == wanted),
        (Kind::Uri, "below") => {
            any(&|found, wanted| found.as_str().is_some_and(|uri| uri.starts_with(wanted)))
        }
        other => panic!("{other:?} is not read here"),
    }
}

/// Whether a text of the parameter compares with a value by an operator of `_filter`.
pub fn compares(resource: &Value, parameter: &Parameter, operator: &str, value: &str) -> bool {
    let wanted = fold(value);
    let first = wanted.chars().next();
    let values = values(resource, parameter);
    let mut found = values.into_iter().flat_map(texts).map(fold);
    found.any(|text| match operator {
        "eq" => text == wanted,
        "ne" => text != wanted,
        "ew" => text.ends_with(&wanted),
        "gt" => text.chars().next() > first,
        "ge" => text.chars().next() >= first,
        "lt" => text.chars().next() < first,
        "le" => text.chars().next() <= first,
        other => panic!("{other} is not read here"),
    })
}

/// The texts of a string, a HumanName or an Address.
pub fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    const PARTS: [&str; 11] = [
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    ];
    match value {
        Value::Object(members) => Box::new(
            members
                .iter()
                .filter(|(name, _)| PARTS.contains(&name.as_str()))
                .flat_map(|(_, part)| texts(part)),
        ),
        Value::Array(items) => Box::new(items.iter().flat_map(texts)),
        other => Box::new(other.as_str().into_iter()),
    }
}

/// Lower case, without the accents that the examples have, single spaces.
fn fold(text: &str) -> String {
    let lower = text.to_lowercase();
    let plain = lower.chars().map(|c| match c {
        'à' | 'á' | 'â' | 'ä' => 'a',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'ï' => 'i',
        'ò' | 'ó' | 'ô' | 'ö' => 'o',
        'ù' | 'ú' | 'ü' => 'u',
        other => other,
    });
    let plain: String = plain.collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `code`, `system|code`, `|code` or `system|` against a Coding, CodeableConcept, Identifier or
/// primitive.
fn token(found: &Value, wanted: &str) -> bool {
    if let Some(codings) = found.get("coding") {
        return codings
            .as_array()
            .unwrap()
            .iter()
            .any(|coding| token(coding, wanted));
    }
    let plain = match found {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let text = |name: &str| found.get(name).and_then(Value::as_str);
    let code = plain.as_deref().or(text("code")).or(text("value"));
    match wanted.split_once('|') {
        None => code == Some(wanted),
        Some(("", wanted)) => code == Some(wanted) && text("system").is_none(),
        Some((system, "")) => text("system") == Some(system),
        Some((system, wanted)) => text("system") == Some(system) && code == Some(wanted),
    }
}

/// A half-open stretch of time in microseconds.
type Stretch = (i64, i64);

/// The time that a date or dateTime covers.
pub fn stretch(text: &str) -> Option<Stretch> {
    const DAY: i64 = 86_400_000_000;
    let day = |date: NaiveDate| i64::from(date.num_days_from_ce()) * DAY;
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        let epoch = day(NaiveDate::from_ymd_opt(1970, 1, 1)?);
        let width = if text.contains('.') { 1_000 } else { 1_000_000 };
        let low = epoch + time.timestamp_micros();
        return Some((low, low + width));
    }
    let mut parts = text.split('-').map(str::parse::<u32>);
    let year = i32::try_from(parts.next()?.ok()?).ok()?;
    let month = parts.next().transpose().ok()?;
    let date = parts.next().transpose().ok()?;
    let low = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), date.unwrap_or(1))?;
    let high = match (month, date) {
        (_, Some(_)) => low.succ_opt()?,
        (Some(_), None) => low.checked_add_months(Months::new(1))?,
        (None, _) => low.checked_add_months(Months::new(12))?,
    };
    Some((day(low), day(high)))
}

/// A prefix and what follows it.
fn prefix(wanted: &str) -> (&str, &str) {
    match wanted.split_at_checked(2) {
        Some((prefix, rest)) if prefix.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            (prefix, rest)
        }
        _ => ("eq", wanted),
    }
}

fn date(found: &Value, wanted: &str) -> bool {
    let (prefix, text) = prefix(wanted);
    let value = stretch(text).unwrap();
    let end = |name: &str| found.get(name).and_then(Value::as_str);
    let target = match found {
        Value::String(text) => stretch(text).unwrap(),
        _ if end("start").is_none() && end("end").is_none() => return false,
        _ => (
            end("start").map_or(i64::MIN, |text| stretch(text).unwrap().0),
            end("end").map_or(i64::MAX, |text| stretch(text).unwrap().1),
        ),
    };
    let within = value.0 <= target.0 && target.1 <= value.1;
    match prefix {
        "eq" => within,
        "ne" => !within,
        "gt" => target.1 > value.1,
        "lt" => target.0 < value.0,
        "ge" => within || target.1 > value.1,
        "le" => within || target.0 < value.0,
        "sa" => target.0 >= value.1,
        "eb" => target.1 <= value.0,
        other => panic!("{other} depends on the day"),
    }
}

/// Numbers and the values of quantities; a range of figures is as wide as the last of them.
fn number(found: &Value, wanted: &str) -> bool {
    let (prefix, text) = prefix(wanted);
    let found = found.get("value").unwrap_or(found).as_f64().unwrap();
    let value: f64 = text.parse().unwrap();
    let figures = text.split_once('.').map_or(0, |(_, rest)| rest.len());
    let half = 0.5 / 10f64.powi(i32::try_from(figures).unwrap());
    let within = value - half <= found && found < value + half;
    match prefix {
        "eq" => within,
        "ne" => !within,
        "gt" | "sa" => found > value,
        "lt" | "eb" => found < value,
        "ge" => found >= value,
        "le" => found <= value,
        "ap" => (found - value).abs() <= value.abs() / 10.0,
        other => panic!("{other} is no prefix"),
    }
}
