//! `near`: places on the earth within a distance.
//!
//! Source: FHIR R4 location.html#search, *Positional Searching*. A position is a point on the unit sphere in
//! billionths, which is some millimetres. Two of them are within a distance when the straight line between
//! them is short enough: the haversine of the angle, which both databases can compute with whole numbers.

use super::interval::{Class, FoundInterval};
use super::operand::{split, unescape};
use crate::fhir::fhirpath::Item;
use crate::fhir::model::value::Value;

/// The one special parameter that is searched by position.
pub const URL: &str = "http://hl7.org/fhir/SearchParameter/Location-near";

/// The mean radius of the earth, metres.
const RADIUS: f64 = 6_371_008.8;
/// Parts of the radius.
const SCALE: f64 = 1e9;
/// Metres; R4 leaves it to the server what is near when no distance is given.
const USUAL: f64 = 50_000.0;

/// What is within a distance of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// The place: x, y and z.
    pub at: [i64; 3],
    /// The length of the straight line, and its square.
    pub reach: i64,
    pub square: i64,
}

/// Reads `latitude|longitude|distance|unit`; the distance and the unit may be left out.
pub fn near(item: &str) -> Option<Near> {
    let parts = split(item, '|');
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let (latitude, longitude, rest) = match parts.as_slice() {
        [latitude, longitude, rest @ ..] if rest.len() < 3 => (latitude, longitude, rest),
        _ => return None,
    };
    let at = point(number(latitude)?, number(longitude)?)?;
    let [distance, unit] = [0, 1].map(|index| rest.get(index).map_or("", String::as_str));
    let metres = if distance.is_empty() {
        USUAL
    } else {
        number(distance).filter(|number| *number >= 0.0)? * metres(&unescape(unit))?
    };
    // No two places are farther from one another than half the way around.
    let angle = (metres / RADIUS).min(std::f64::consts::PI);
    let reach = 2.0 * (angle / 2.0).sin() * SCALE;
    Some(Near {
        at,
        reach: whole(reach.ceil()),
        square: whole((reach * reach).ceil()),
    })
}

/// How long a unit is.
fn metres(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "km" => 1000.0,
        "m" => 1.0,
        "cm" => 0.01,
        "mi" | "[mi_i]" => 1609.344,
        "[nmi_i]" => 1852.0,
        "[ft_i]" => 0.3048,
        "[yd_i]" => 0.9144,
        _ => return None,
    })
}

/// The point of a place by its degrees.
fn point(latitude: f64, longitude: f64) -> Option<[i64; 3]> {
    if latitude.abs() > 90.0 || longitude.abs() > 180.0 {
        return None;
    }
    let (up, round) = (latitude.to_radians(), longitude.to_radians());
    let axes = [up.cos() * round.cos(), up.cos() * round.sin(), up.sin()];
    Some(axes.map(|axis| whole(axis * SCALE)))
}

fn whole(number: f64) -> i64 {
    // Below 5e18 always, so that it is a number.
    format!("{number:.0}").parse().unwrap_or(0)
}

/// The rows of a position: x and y in one, z in another.
pub fn positions(item: &Item<'_>, out: &mut Vec<FoundInterval>) {
    let Some(node) = item.node() else {
        return;
    };
    let degrees = |name: &str| match node.value.get(name) {
        Some(Value::Number(text)) => text.parse::<f64>().ok(),
        _ => None,
    };
    let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) else {
        return;
    };
    if let Some([x, y, z]) = point(latitude, longitude) {
        let row = |class, low, high| FoundInterval { class, low, high };
        out.push(row(Class::Plane, x, y));
        out.push(row(Class::Axis, z, z));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a place is within what a text asks for.
    fn within(text: &str, latitude: f64, longitude: f64) -> bool {
        let near = near(text).unwrap();
        let place = point(latitude, longitude).unwrap();
        let axes = near.at.iter().zip(place);
        axes.map(|(a, b)| (a - b) * (a - b)).sum::<i64>() <= near.square
    }

    #[test]
    fn distances_are_those_of_the_sphere() {
        // Rome to Milan is 477 km; over the date line and over the pole it is not far.
        for (text, latitude, longitude, expected) in [
            ("41.9028|12.4964|478|km", 45.4642, 9.19, true),
            ("41.9028|12.4964|476|km", 45.4642, 9.19, false),
            ("41.9028|12.4964|297|mi", 45.4642, 9.19, true),
            ("41.9028|12.4964|295|[mi_i]", 45.4642, 9.19, false),
            ("0|179.9|30", 0.0, -179.9, true),
            ("0|179.9|20", 0.0, -179.9, false),
            ("89.9|0|25", 89.9, 180.0, true),
            ("45|9|1|m", 45.000_008, 9.0, true),
            ("45|9|1|m", 45.000_010, 9.0, false),
            ("45|9", 45.4, 9.0, true),
            ("45|9", 45.5, 9.0, false),
            ("45|9||", 45.4, 9.0, true),
            ("45|9|0", 45.0, 9.0, true),
            ("0|0|30000|km", 0.0, 180.0, true),
            ("0|0|20000|km", 0.0, 180.0, false),
        ] {
            assert_eq!(within(text, latitude, longitude), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_place() {
        for text in [
            "",
            "45",
            "|",
            "45|",
            "91|0",
            "0|181",
            "a|b",
            "NaN|0",
            "inf|0",
            "1|2|-3",
            "1|2|x",
            "1|2|3|parsec",
            "1|2|3|km|4",
        ] {
            assert_eq!(near(text), None, "{text}");
        }
    }
}
