//! The values of a resource, by parameter.

use super::extract::Parameter;
use super::interval::{self, FoundInterval};
use super::result::DATE;
use super::text::{self, FoundText};
use super::{composite, joint, near, values};
use crate::fhir::definitions::SearchKind;
use crate::fhir::fhirpath::{Environment, Expr, Item, evaluate_at};
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Text;

/// What was found in a resource: the code of a parameter, and a value of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Tokens, references and uris, normalised.
    pub values: Vec<(Text, String)>,
    pub texts: Vec<(Text, FoundText)>,
    /// Dates, numbers and quantities.
    pub intervals: Vec<(Text, FoundInterval)>,
    /// The parameters whose elements are there, with or without a value to be found by.
    pub present: Vec<Text>,
    /// References to resources of this server, `Type/id`.
    pub links: Vec<(Text, String)>,
    /// The clinical date: the earliest moment of the parameter `date` of the type, microseconds.
    pub date: Option<i64>,
}

impl Extracted {
    /// Adds what an item is found by.
    pub(super) fn add<'a>(
        &mut self,
        parameter: &'a Parameter,
        item: &Item<'a>,
        base: &str,
        environment: &Environment<'a>,
    ) {
        let code = &parameter.code;
        let named = |value| (code.clone(), value);
        match parameter.kind {
            SearchKind::Token => {
                let mut found = Vec::new();
                values::tokens(item, &mut found);
                self.values.extend(found.into_iter().map(named));
                let mut texts = Vec::new();
                text::beside_token(item, &mut texts);
                if let Some(code) = &parameter.text_code {
                    self.texts
                        .extend(texts.into_iter().map(|text| (code.clone(), text)));
                }
            }
            SearchKind::Reference => {
                let mut found = Vec::new();
                values::references(item, base, parameter.only.as_deref(), &mut found);
                for value in found {
                    if ResourceKey::parse(&value).is_some() {
                        self.links.push((code.clone(), value.clone()));
                    }
                    self.values.push((code.clone(), value));
                }
            }
            SearchKind::Uri => {
                let mut found = Vec::new();
                values::uris(item, &mut found);
                for value in found {
                    self.texts.push((code.clone(), FoundText::verbatim(&value)));
                    self.values.push((code.clone(), value));
                }
            }
            SearchKind::String => {
                let mut found = Vec::new();
                text::texts(item, &mut found);
                self.texts
                    .extend(found.into_iter().map(|value| (code.clone(), value)));
            }
            SearchKind::Date | SearchKind::Number | SearchKind::Quantity => {
                let mut found = Vec::new();
                match parameter.kind {
                    SearchKind::Date => interval::dates(item, &mut found),
                    SearchKind::Number => interval::numbers(item, &mut found),
                    _ => interval::quantities(item, &mut found),
                }
                if parameter.kind == SearchKind::Date && code == DATE {
                    let low = found.iter().map(|time| time.low);
                    self.date = self.date.into_iter().chain(low).min();
                }
                self.intervals
                    .extend(found.into_iter().map(|value| (code.clone(), value)));
            }
            SearchKind::Composite => self.add_composite(parameter, item, base, environment),
            SearchKind::Special => {
                let mut found = Vec::new();
                near::positions(item, &mut found);
                self.intervals
                    .extend(found.into_iter().map(|value| (code.clone(), value)));
            }
        }
    }

    /// The values of one element together.
    fn add_composite<'a>(
        &mut self,
        parameter: &'a Parameter,
        item: &Item<'a>,
        base: &str,
        environment: &Environment<'a>,
    ) {
        let (Some(node), [first, rest @ ..]) = (item.node(), parameter.parts.as_slice()) else {
            return;
        };
        let items = |part: &'a (SearchKind, Expr)| {
            evaluate_at(&part.1, *node, environment).unwrap_or_default()
        };
        let equal = |part: &'a (SearchKind, Expr)| {
            let mut found = Vec::new();
            for item in items(part) {
                match part.0 {
                    SearchKind::Reference => values::references(&item, base, None, &mut found),
                    _ => values::tokens(&item, &mut found),
                }
            }
            found.retain(|value| composite::is_joined(value));
            found
        };
        let mut firsts = equal(first);
        if parameter.is_joint {
            firsts.retain(|value| joint::is_kept(value));
        }
        if let [low, high] = rest {
            let numbers = |part| {
                let mut found = Vec::new();
                for item in items(part) {
                    interval::numbers(&item, &mut found);
                }
                found
            };
            for (low, high) in pairs(&numbers(low), &numbers(high)) {
                // What ends before it begins is nowhere.
                if low.low <= high.high {
                    let found = firsts.iter();
                    let found = found.map(|value| composite::between(value, low.low, high.high));
                    self.intervals
                        .extend(found.map(|interval| (parameter.code.clone(), interval)));
                }
            }
            return;
        }
        let [last] = rest else {
            return;
        };
        if last.0 != SearchKind::Quantity {
            for (a, b) in firsts.iter().flat_map(|a| {
                let seconds = equal(last).into_iter();
                seconds.map(move |b| (a, b))
            }) {
                let value = composite::joined(a, &b);
                self.values.push((parameter.code.clone(), value));
            }
            return;
        }
        let mut intervals = Vec::new();
        for item in items(last) {
            interval::quantities(&item, &mut intervals);
        }
        for value in &firsts {
            let found = intervals.iter();
            let found = found.filter(|found| !parameter.is_joint || joint::has_unit(&found.class));
            let found = found.filter_map(|interval| composite::beside(value, interval));
            self.intervals
                .extend(found.map(|interval| (parameter.code.clone(), interval)));
        }
    }
}

/// Each of some with each of others.
fn pairs<'a, T>(some: &'a [T], others: &'a [T]) -> impl Iterator<Item = (&'a T, &'a T)> {
    some.iter()
        .flat_map(move |one| others.iter().map(move |other| (one, other)))
}
