//! A code and a quantity of the same resource, asked for by two parameters.
//!
//! `code=http://loinc.org|2345-7&value-quantity=gt200|http://unitsofmeasure.org|mg/dL` is what clients send; R4's
//! name for it is `code-value-quantity`. Both sides may fit a great part of all resources and yet nothing
//! fits both, so that the one would be walked in vain. A composite over the resource itself has rows of
//! such pairs, of codes with their system and quantities with a coded unit only: every code of the
//! resource goes with every quantity of it, so the pair says what the two parameters say.

use super::composite::{self, class_beside};
use super::interval::Class;
use super::plan::{Bounds, Plan};
use super::single::alternatives;
use crate::fhir::definitions::{Definitions, SearchKind};
use crate::fhir::model::value::Text;

/// More pairs than this are left apart.
const MOST_PAIRS: usize = 16;

/// A composite over the resource itself that has rows: its code, and those of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joint {
    pub code: Text,
    pub token: Text,
    pub quantity: Text,
}

/// Plans that must all hold of a resource, with what a joint says in place of what its parts say.
pub fn jointly<'a>(mut plans: Vec<Plan>, joints: impl IntoIterator<Item = &'a Joint>) -> Vec<Plan> {
    for joint in joints {
        let tokens = plans.iter().enumerate().find_map(|(at, plan)| match plan {
            Plan::Value { code, any_of } if *code == joint.token => Some((at, any_of.clone())),
            _ => None,
        });
        let Some((at, tokens)) = tokens else {
            continue;
        };
        let mut replaced = false;
        for plan in &mut plans {
            if let Some(pairs) = paired(plan, &tokens, joint) {
                (*plan, replaced) = (pairs, true);
            }
        }
        if replaced {
            plans.remove(at);
        }
    }
    plans
}

/// A plan of quantities beside tokens; `None` when it is another plan, or there are no such rows.
fn paired(plan: &Plan, tokens: &[String], joint: &Joint) -> Option<Plan> {
    let (code, bounds) = alternatives(plan)?;
    if *code != joint.quantity || tokens.len().saturating_mul(bounds.len()) > MOST_PAIRS {
        return None;
    }
    let pairs = tokens.iter().flat_map(|token| {
        bounds.iter().map(move |bounds| {
            let classes = bounds.classes.iter();
            Some(Plan::Interval {
                code: joint.code.clone(),
                bounds: Bounds {
                    classes: classes
                        .map(|class| {
                            let kept = is_kept(token) && has_unit(class);
                            kept.then(|| class_beside(token, class)).flatten()
                        })
                        .collect::<Option<_>>()?,
                    ..**bounds
                },
            })
        })
    });
    Some(Plan::any(pairs.collect::<Option<_>>()?))
}

/// Whether a normalised token is one that pairs are kept of: a code with its system.
pub fn is_kept(token: &str) -> bool {
    token.starts_with("s|")
}

/// Whether a quantity is of a class that pairs are kept of: one of a coded unit.
pub fn has_unit(class: &Class) -> bool {
    matches!(class, Class::Unit(_) | Class::WideUnit(_))
}

/// The joints of a resource type.
pub(super) fn of_type(definitions: &Definitions, resource_type: &str) -> Vec<Joint> {
    let all = definitions.search_parameters(resource_type).iter();
    let composites = all.filter(|parameter| parameter.kind == SearchKind::Composite);
    let joints = composites.filter_map(|parameter| {
        let found = composite::resolve(definitions, resource_type, parameter)?;
        let [one] = found.as_slice() else {
            return None;
        };
        let [token, quantity] = one.parts.as_slice() else {
            return None;
        };
        one.is_joint().then(|| Joint {
            code: parameter.code.clone(),
            token: token.code.clone(),
            quantity: quantity.code.clone(),
        })
    });
    joints.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::extract::Extractor;
    use super::*;
    use crate::fhir::model::json;

    fn extractor() -> Extractor {
        Extractor::new(Arc::new(Definitions::r4().unwrap()))
    }

    fn joint() -> Joint {
        Joint {
            code: Text::new("code-value-quantity"),
            token: Text::new("code"),
            quantity: Text::new("value-quantity"),
        }
    }

    fn interval(code: &str, classes: &[Class]) -> Plan {
        Plan::Interval {
            code: Text::new(code),
            bounds: Bounds {
                classes: classes.to_vec(),
                low: (i64::MIN, i64::MAX),
                high: (5, i64::MAX),
            },
        }
    }

    fn value(any_of: &[&str]) -> Plan {
        Plan::Value {
            code: Text::new("code"),
            any_of: any_of.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn the_definitions_say_which_there_are() {
        assert_eq!(extractor().joints("Observation"), [joint()]);
        assert_eq!(extractor().joints("Patient"), []);
    }

    #[test]
    fn a_code_and_a_quantity_are_asked_for_together() {
        let mg = Class::Unit("s|u|mg".to_owned());
        let pair = |token: &str| {
            let unit = format!("k|{token}$s|u|mg");
            interval("code-value-quantity", &[Class::Unit(unit)])
        };
        let one = interval("value-quantity", std::slice::from_ref(&mg));
        for (plans, expected) in [
            (vec![value(&["s|l|1"]), one.clone()], vec![pair("s|l|1")]),
            (
                vec![one.clone(), value(&["s|l|1", "s|l|2"])],
                vec![Plan::Any(vec![pair("s|l|1"), pair("s|l|2")])],
            ),
        ] {
            assert_eq!(jointly(plans, &[joint()]), expected);
        }
        // There are no rows of codes without system, of numbers without unit, of units without system.
        for plans in [
            vec![value(&["c|1"]), one.clone()],
            vec![value(&["s|l|1", "c|1"]), one.clone()],
            vec![
                value(&["s|l|1"]),
                interval("value-quantity", &[Class::Number]),
            ],
            vec![
                value(&["s|l|1"]),
                interval("value-quantity", &[Class::Unit("c|mg".to_owned())]),
            ],
            vec![
                value(&["s|l|1"]),
                interval("date", std::slice::from_ref(&mg)),
            ],
            vec![Plan::Not(Box::new(value(&["s|l|1"]))), one],
        ] {
            assert_eq!(jointly(plans.clone(), &[joint()]), plans);
        }
    }

    #[test]
    fn rows_of_pairs() {
        let text = r#"{"resourceType":"Observation","status":"final",
            "code":{"coding":[{"system":"l","code":"1"},{"code":"2"}]},
            "valueQuantity":{"value":5,"system":"u","code":"x","unit":"X"}}"#;
        let resource = json::parse(text.as_bytes(), &json::Limits::default()).unwrap();
        let extracted = extractor().extract(&resource, "http://localhost/fhir");
        let pairs = extracted.intervals.iter();
        let pairs = pairs.filter(|(code, _)| code == "code-value-quantity");
        let classes: Vec<&Class> = pairs.map(|(_, found)| &found.class).collect();
        let expected = ["k|s|l|1$s|u|x", "k|s||2$s|u|x"].map(|unit| Class::Unit(unit.to_owned()));
        assert_eq!(classes, expected.iter().collect::<Vec<_>>());
    }
}
