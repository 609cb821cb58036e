//! Bounds that meet in one interval.
//!
//! `date=ge2024&date=lt2025` asks for a beginning and for an end; each alone fits half of everything. Where
//! a resource has at most one value of the parameter both must hold of the same interval, and together
//! they fit one year. Of a parameter with several values they need not, and stay apart.

use super::extract::{own_part, union_members};
use super::plan::{Bounds, Plan};
use crate::fhir::definitions::schema::Target;
use crate::fhir::definitions::{Definitions, SearchParameter};
use crate::fhir::model::value::Text;

/// More alternatives than this are left apart.
const MOST_ALTERNATIVES: usize = 8;

/// Plans that must all hold of a resource, with the bounds of each parameter of one value made one.
///
/// `is_single` tells whether resources have at most one value of a parameter.
pub fn met(plans: &[Plan], is_single: impl Fn(&str) -> bool) -> Vec<Plan> {
    let mut met: Vec<Plan> = Vec::with_capacity(plans.len());
    for plan in plans {
        let both = alternatives(plan).filter(|(code, _)| is_single(code));
        let meeting = both.and_then(|(code, own)| {
            met.iter_mut().find_map(|earlier| {
                let (other, bounds) = alternatives(earlier)?;
                let joint = (other == code).then(|| crossed(&bounds, &own)).flatten()?;
                Some((earlier, code.clone(), joint))
            })
        });
        match meeting {
            Some((earlier, code, joint)) => {
                let interval = |bounds| Plan::Interval {
                    code: code.clone(),
                    bounds,
                };
                *earlier = Plan::any(joint.into_iter().map(interval).collect());
            }
            None => met.push(plan.clone()),
        }
    }
    met
}

/// The parameter and the bounds of a plan that is nothing but bounds of one parameter.
pub(super) fn alternatives(plan: &Plan) -> Option<(&Text, Vec<&Bounds>)> {
    match plan {
        Plan::Interval { code, bounds } => Some((code, vec![bounds])),
        Plan::Any(plans) => {
            let mut all = plans.iter().map(alternatives);
            let (code, mut bounds) = all.next()??;
            for more in all {
                let (other, more) = more?;
                bounds.extend((other == code).then_some(more)?);
            }
            Some((code, bounds))
        }
        _ => None,
    }
}

/// What lies within one of each; `None` when they are not of the same classes, or too many.
fn crossed(ones: &[&Bounds], others: &[&Bounds]) -> Option<Vec<Bounds>> {
    let first = ones.first()?;
    if ones.len().saturating_mul(others.len()) > MOST_ALTERNATIVES
        || !ones
            .iter()
            .chain(others)
            .all(|bounds| bounds.classes == first.classes)
    {
        return None;
    }
    let within = |one: (i64, i64), other: (i64, i64)| (one.0.max(other.0), one.1.min(other.1));
    let pairs = ones
        .iter()
        .flat_map(|one| others.iter().map(move |other| (one, other)));
    let crossed = pairs.map(|(one, other)| Bounds {
        classes: first.classes.clone(),
        low: within(one.low, other.low),
        high: within(one.high, other.high),
    });
    // An interval begins before it ends.
    let possible = |bounds: &Bounds| {
        bounds.low.0 <= bounds.low.1
            && bounds.high.0 <= bounds.high.1
            && bounds.low.0 <= bounds.high.1
    };
    Some(crossed.filter(possible).collect())
}

/// Whether a resource has at most one value of a parameter: all its expression names is one element,
/// and neither it nor what it is in repeats.
pub fn is_single(
    definitions: &Definitions,
    resource_type: &str,
    parameter: &SearchParameter,
) -> bool {
    let Some(own) = own_part(&parameter.expression, resource_type) else {
        return false;
    };
    let mut members = union_members(&own).into_iter().map(path);
    let Some(Some(first)) = members.next() else {
        return false;
    };
    members.all(|member| member == Some(first))
        && first
            .strip_prefix(resource_type)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|rest| repeats_nowhere(definitions, resource_type, rest))
}

/// The path of an expression that is a path and at most a choice of its type.
fn path(member: &str) -> Option<&str> {
    let member = match member.strip_prefix('(') {
        Some(inside) => inside.strip_suffix(')')?,
        None => member,
    };
    let ends = [" as ", ".as(", ".ofType("];
    let end = ends.iter().filter_map(|end| member.find(end)).min();
    let path = member.get(..end.unwrap_or(member.len()))?.trim();
    path.chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '.')
        .then_some(path)
}

fn repeats_nowhere(definitions: &Definitions, resource_type: &str, path: &str) -> bool {
    let Some(mut schema) = definitions.schema(resource_type) else {
        return false;
    };
    let mut node = schema.root();
    for name in path.split('.') {
        let Some(field) = node.and_then(|node| node.field(name)) else {
            return false;
        };
        if field.array || field.max != Some(1) {
            return false;
        }
        node = match field.types.first().map(|kind| &kind.target) {
            Some(Target::Node(index)) => schema.node(*index),
            Some(Target::Complex(name)) => definitions.schema(name).and_then(|complex| {
                schema = complex;
                schema.root()
            }),
            _ => None,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::Class;
    use super::*;

    #[test]
    fn what_repeats_is_not_single() {
        let definitions = Definitions::r4().unwrap();
        for (resource_type, code, expected) in [
            ("Observation", "date", true),
            ("Observation", "value-quantity", true),
            ("DocumentReference", "date", true),
            ("DocumentReference", "period", true),
            ("Patient", "birthdate", true),
            ("Encounter", "length", true),
            ("Condition", "onset-date", true),
            // A component, or a condition on what is around.
            ("Observation", "component-value-quantity", false),
            ("Observation", "combo-value-quantity", false),
            // Several elements.
            ("Goal", "target-date", false),
            ("Appointment", "identifier", false),
            ("Medication", "expiration-date", true),
            ("MedicationRequest", "date", false),
            ("Encounter", "location-period", false),
        ] {
            let parameter = definitions.search_parameter(resource_type, code).unwrap();
            assert_eq!(
                is_single(&definitions, resource_type, parameter),
                expected,
                "{resource_type}.{code}"
            );
        }
    }

    const ALL: (i64, i64) = (i64::MIN, i64::MAX);

    fn plan(code: &str, low: (i64, i64), high: (i64, i64)) -> Plan {
        Plan::Interval {
            code: Text::new(code),
            bounds: Bounds {
                classes: vec![Class::Number],
                low,
                high,
            },
        }
    }

    #[test]
    fn bounds_of_one_value_meet() {
        let above = plan("a", ALL, (5, i64::MAX));
        let below = plan("a", (i64::MIN, 9), ALL);
        let between = plan("a", (i64::MIN, 9), (5, i64::MAX));
        let both = [above.clone(), below.clone()];
        assert_eq!(met(&both, |_| true), std::slice::from_ref(&between));
        assert_eq!(met(&both, |_| false), both);
        // Of another parameter, and what is no interval, stays.
        let other = plan("b", ALL, (5, i64::MAX));
        let present = Plan::Present {
            code: Text::new("a"),
        };
        let plans = [above.clone(), other.clone(), present.clone(), below.clone()];
        let expected = [between.clone(), other, present];
        assert_eq!(met(&plans, |_| true), expected);
        // Each of the one with each of the other; what cannot be is left out.
        let either = Plan::Any(vec![above, plan("a", (20, i64::MAX), (i64::MIN, 30))]);
        assert_eq!(met(&[either, below.clone()], |_| true), [between]);
        let far = plan("a", (20, i64::MAX), ALL);
        assert_eq!(met(&[far, below], |_| true), [Plan::Any(Vec::new())]);
    }
}
