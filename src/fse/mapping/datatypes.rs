//! CDA data types as FHIR data types.
//!
//! Source: FHIR R4 *Data Types*; the HL7 v3 concept maps for name, address and telecom uses and
//! for gender. Nothing here makes an empty object, array or string.

use crate::fhir::model::value::{Object, Text, Value};
use crate::fse::cda::datatypes::{Address, Coded, InstanceIdentifier, Interval, Name, Telecom};
use crate::fse::code_systems::code_system;

/// The extension that carries the ISTAT code of a municipality on an address line.
const CENSUS_TRACT: &str = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-censusTract";

/// Adds a member when there is a value.
pub(super) fn push_some(object: &mut Object, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.push(name, value.into());
    }
}

/// Adds an array when it has items.
pub(super) fn push_list(object: &mut Object, name: &str, items: Vec<Value>) {
    if !items.is_empty() {
        object.push(name, items);
    }
}

/// An object with one member.
pub(super) fn single(name: &str, value: impl Into<Value>) -> Value {
    let mut object = Object::with_capacity(1);
    object.push(name, value.into());
    Value::Object(object)
}

/// An `Extension` with a simple value.
pub(super) fn extension(url: &str, value_name: &str, value: impl Into<Value>) -> Value {
    let mut object = Object::with_capacity(2);
    object.push("url", url);
    object.push(value_name, value.into());
    Value::Object(object)
}

/// `II` → `Identifier`.
pub fn identifier(id: &InstanceIdentifier) -> Value {
    let mut object = id.pair.to_object();
    push_some(
        &mut object,
        "assigner",
        id.authority
            .clone()
            .map(|authority| single("display", authority)),
    );
    Value::Object(object)
}

/// All identifiers, each pair once.
pub(super) fn identifiers(ids: &[InstanceIdentifier]) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut out = Vec::new();
    for id in ids {
        if !seen.contains(&&id.pair) {
            seen.push(&id.pair);
            out.push(identifier(id));
        }
    }
    out
}

/// One `Coding`.
pub fn coding(system: Option<&str>, code: &str, display: Option<&str>) -> Value {
    let mut object = Object::with_capacity(3);
    push_some(&mut object, "system", system);
    object.push("code", code);
    push_some(&mut object, "display", display);
    Value::Object(object)
}

/// `CE` → `CodeableConcept`, translations included.
pub fn codeable_concept(coded: &Coded) -> Value {
    let codings: Vec<Value> = std::iter::once(coded)
        .chain(&coded.translations)
        .map(|coded| {
            let system = coded.system.as_deref().map(code_system);
            coding(system.as_deref(), &coded.code, coded.display.as_deref())
        })
        .collect();
    single("coding", codings)
}

/// `administrativeGenderCode` → code of *AdministrativeGender*.
pub(super) fn gender(coded: &Coded) -> &'static str {
    match coded.code.as_str() {
        "M" => "male",
        "F" => "female",
        "UN" => "other",
        _ => "unknown",
    }
}

/// `PN` → `HumanName`.
pub fn human_name(name: &Name) -> Value {
    let mut object = Object::new();
    let use_code = name.use_code.as_deref().unwrap_or_default();
    let use_code = use_code.split_whitespace().find_map(|code| match code {
        "L" | "C" => Some("official"),
        "P" | "A" => Some("nickname"),
        "TEMP" => Some("temp"),
        "OLD" => Some("old"),
        _ => None,
    });
    push_some(&mut object, "use", use_code);
    push_some(&mut object, "text", name.text.clone());
    if !name.family.is_empty() {
        object.push("family", name.family.join(" "));
    }
    let texts = |items: &[Text]| items.iter().cloned().map(Value::String).collect();
    push_list(&mut object, "given", texts(&name.given));
    push_list(&mut object, "prefix", texts(&name.prefix));
    push_list(&mut object, "suffix", texts(&name.suffix));
    Value::Object(object)
}

/// A name as one text, for `display`.
pub(super) fn name_text(name: &Name) -> Option<String> {
    if let Some(text) = &name.text {
        return Some(text.to_string());
    }
    let parts: Vec<&str> = name
        .prefix
        .iter()
        .chain(&name.given)
        .chain(&name.family)
        .map(Text::as_str)
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// `AD` → `Address`.
pub fn address(address: &Address) -> Value {
    let mut object = Object::new();
    let codes = address.use_code.as_deref().unwrap_or_default();
    let use_code = codes.split_whitespace().find_map(|code| match code {
        "H" | "HP" | "HV" => Some("home"),
        "WP" | "DIR" | "PUB" => Some("work"),
        "TMP" => Some("temp"),
        "BAD" => Some("old"),
        _ => None,
    });
    push_some(&mut object, "use", use_code);
    let kind = codes.split_whitespace().find_map(|code| match code {
        "PST" => Some("postal"),
        "PHYS" => Some("physical"),
        _ => None,
    });
    push_some(&mut object, "type", kind);
    push_some(&mut object, "text", address.text.clone());
    let lines: Vec<Value> = address.lines.iter().cloned().map(Value::String).collect();
    let more = lines.len().saturating_sub(1);
    push_list(&mut object, "line", lines);
    if let Some(tract) = &address.census_tract {
        let tract = extension(CENSUS_TRACT, "valueString", tract.clone());
        let mut beside = vec![single("extension", vec![tract])];
        // Beside further lines stands null, as the JSON form of FHIR has it.
        beside.extend(std::iter::repeat_n(Value::Null, more));
        object.push("_line", beside);
    }
    push_some(&mut object, "city", address.city.clone());
    push_some(&mut object, "district", address.county.clone());
    push_some(&mut object, "state", address.state.clone());
    push_some(&mut object, "postalCode", address.postal_code.clone());
    push_some(&mut object, "country", address.country.clone());
    Value::Object(object)
}

/// All addresses.
pub(super) fn addresses(items: &[Address]) -> Vec<Value> {
    items.iter().map(address).collect()
}

/// `TEL` → `ContactPoint`; `None` when nothing follows the scheme.
pub fn contact_point(telecom: &Telecom) -> Option<Value> {
    let (system, value) = match telecom.value.split_once(':') {
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "tel" => ("phone", rest),
            "fax" => ("fax", rest),
            "mailto" => ("email", rest),
            "sms" => ("sms", rest),
            "http" | "https" | "ftp" => ("url", telecom.value.as_str()),
            _ => ("other", telecom.value.as_str()),
        },
        None => ("other", telecom.value.as_str()),
    };
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let mut object = Object::with_capacity(3);
    object.push("system", system);
    object.push("value", value);
    let codes = telecom.use_code.as_deref().unwrap_or_default();
    let use_code = codes.split_whitespace().find_map(|code| match code {
        "H" | "HP" | "HV" => Some("home"),
        "WP" | "DIR" | "PUB" => Some("work"),
        "MC" => Some("mobile"),
        "TMP" => Some("temp"),
        "BAD" => Some("old"),
        _ => None,
    });
    push_some(&mut object, "use", use_code);
    Some(Value::Object(object))
}

/// All telecoms, each once.
pub(super) fn contact_points(items: &[Telecom]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for point in items.iter().filter_map(contact_point) {
        if !out.contains(&point) {
            out.push(point);
        }
    }
    out
}

/// `IVL_TS` → `Period`.
pub fn period(interval: &Interval) -> Value {
    let mut object = Object::with_capacity(2);
    let text = |time: &crate::fse::cda::Timestamp| Text::new(time.date_time());
    push_some(&mut object, "start", interval.start.as_ref().map(text));
    push_some(&mut object, "end", interval.end.as_ref().map(text));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, use_code: &str, expected: Option<(&str, &str, Option<&str>)>) {
        let point = contact_point(&Telecom {
            use_code: Some(Text::new(use_code)),
            value: Text::new(value),
        });
        let found = point.as_ref().map(|point| {
            (
                point.str_at("system").unwrap(),
                point.str_at("value").unwrap(),
                point.str_at("use"),
            )
        });
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn telecoms() {
        check(
            "tel: 010 337288945",
            "WP",
            Some(("phone", "010 337288945", Some("work"))),
        );
        check(
            "mailto:a@example.com",
            "HP",
            Some(("email", "a@example.com", Some("home"))),
        );
        check("TEL:1", "MC", Some(("phone", "1", Some("mobile"))));
        check(
            "https://example.com",
            "",
            Some(("url", "https://example.com", None)),
        );
        check("0640402233", "XX", Some(("other", "0640402233", None)));
        check("tel:", "WP", None);
    }

    #[test]
    fn census_tract_without_a_line_needs_no_null() {
        let value = address(&Address {
            census_tract: Some(Text::new("058091")),
            city: Some(Text::new("Roma")),
            ..Address::default()
        });
        assert!(value.get("line").is_none());
        assert_eq!(value.items_at("_line").len(), 1);
    }
}
