//! `_filter`: two comparisons that one element must satisfy, `relatesTo[code eq replaces].target re …`.
//!
//! Source: FHIR R4 search_filter.html#params. The names that its table lists, and others of the kind,
//! are those of the elements that composite parameters are made over: only there the index knows what
//! belongs together.

use super::super::composite::{self, Composite};
use super::super::criteria::Criteria;
use super::super::extract::own_part;
use super::super::implied;
use super::super::plan::Plan;
use super::meaning::named;
use super::{Filter, Operator, Step, Test, fault, not_offered};
use crate::error::Result;
use crate::fhir::definitions::SearchKind;

impl Criteria<'_> {
    /// The plan of `name[filter].rest`; `None` when no composite is made over an element of the name.
    pub(super) fn element(
        &self,
        resource_type: &str,
        test: &Test,
        step: &Step,
        filter: &Filter,
        rest: &[Step],
    ) -> Result<Option<Plan>> {
        let focus = format!("{resource_type}.{}", step.name);
        let composites = self.composites_over(resource_type, &focus);
        if composites.is_empty() {
            return Ok(None);
        }
        let one_comparison = || {
            not_offered(
                step.at,
                "expected one comparison by eq in the brackets and one behind them",
            )
        };
        let (Filter::Test(inner), [child]) = (filter, rest) else {
            return Err(one_comparison());
        };
        let [inner_child] = inner.path.as_slice() else {
            return Err(one_comparison());
        };
        if !matches!(inner.operator, Operator::Eq | Operator::Re) {
            return Err(one_comparison());
        }
        let (mut plans, mut named_here) = (Vec::new(), false);
        for composite in &composites {
            let names = children(composite);
            let place = |name: &str| names.iter().position(|other| other == name);
            let (Some(first), Some(second)) = (place(&inner_child.name), place(&child.name)) else {
                continue;
            };
            if first == second {
                continue;
            }
            named_here = true;
            if test.operator == Operator::Pr {
                plans.extend(self.present(resource_type, composite, first, inner, child)?);
            } else {
                plans.extend(self.pair(resource_type, composite, (first, inner), test));
            }
        }
        match (plans.is_empty(), named_here) {
            (false, _) => Ok(Some(Plan::any(plans))),
            (true, true) if test.operator == Operator::Pr => Err(not_offered(
                test.operator_at,
                "pr behind brackets is offered for elements that are never missing",
            )),
            (true, true) => Err(test.bad_value("operator and value that go with the element")),
            (true, false) => {
                let mut names: Vec<String> = composites.iter().flat_map(children).collect();
                names.sort_unstable();
                names.dedup();
                let expected = format!("two of {} of {focus}", names.join(", "));
                Err(fault(child.at, &expected, &child.name))
            }
        }
    }

    fn composites_over(&self, resource_type: &str, focus: &str) -> Vec<Composite<'_>> {
        let definitions = self.operands.definitions;
        let parameters = definitions.search_parameters(resource_type).iter();
        parameters
            .filter(|parameter| parameter.kind == SearchKind::Composite)
            .filter_map(|parameter| {
                let mut all = composite::resolve(definitions, resource_type, parameter)?;
                let one = all.pop().filter(|_| all.is_empty())?;
                (!one.is_root && one.focus == focus).then_some(one)
            })
            .collect()
    }

    /// Both values of one element; `None` when the operator or a value does not go with its kind.
    fn pair(
        &self,
        resource_type: &str,
        composite: &Composite<'_>,
        (place, inner): (usize, &Test),
        test: &Test,
    ) -> Option<Plan> {
        let texts = composite.parts.iter().enumerate().map(|(index, part)| {
            let test = if index == place { inner } else { test };
            let value = named(&test.value).replace('$', "\\$");
            match (part.kind, test.operator) {
                (SearchKind::Quantity, operator) => Some(format!("{}{value}", operator.prefix()?)),
                (_, Operator::Eq | Operator::Re) => Some(value),
                _ => None,
            }
        });
        let texts = texts.collect::<Option<Vec<_>>>()?;
        self.operands
            .composite(resource_type, composite, &texts.join("$"))
    }

    /// An element of which a required child is there: that the element is there is all that is asked.
    fn present(
        &self,
        resource_type: &str,
        composite: &Composite<'_>,
        place: usize,
        inner: &Test,
        child: &Step,
    ) -> Result<Option<Plan>> {
        let path = |name: &str| format!("{}.{name}", composite.focus);
        let Some(part) = composite.parts.get(place) else {
            return Ok(None);
        };
        let whole_part = inner.path.iter().any(|step| {
            own_part(&part.expression, resource_type).as_deref() == Some(path(&step.name).as_str())
        });
        let required = implied::is_required(self.operands.definitions, &path(&child.name));
        if !whole_part || !required {
            return Ok(None);
        }
        let step = Step {
            name: part.code.to_string(),
            at: child.at,
            filter: None,
        };
        self.compared(resource_type, inner, &step)
    }
}

/// The names of the children that the parts of a composite are about.
fn children(composite: &Composite<'_>) -> Vec<String> {
    let expressions = composite.expressions().into_iter();
    expressions
        .map(|expression| {
            let path = expression.trim_start_matches('(').chars();
            path.take_while(char::is_ascii_alphanumeric).collect()
        })
        .collect()
}
