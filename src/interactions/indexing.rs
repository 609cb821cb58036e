//! Between the names of the definitions and the numbers of the database.

use super::node::Node;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::value::Value;
use crate::fhir::search::{Bounds, DATE, Plan, TextLike, jointly, met};
use crate::storage::{
    Clause, IndexRow, IndexRows, Like, LinkRow, Range, RangeRow, Restrictions, Selection,
    StringRow, UNDATED,
};

impl Node {
    /// The index rows of a resource.
    pub fn index(&self, resource_type: &str, resource: &Value) -> Result<IndexRows> {
        let extracted = self.extractor.extract(resource, &self.base);
        let dictionary = &self.dictionary;
        let hasher = self.store.hasher();
        let param = |code: &str| dictionary.param(resource_type, code);
        let mut values = Vec::with_capacity(extracted.values.len().saturating_add(1));
        values.push(IndexRow {
            patient: 0,
            param: dictionary.every(resource_type)?,
            value: 0,
        });
        values.extend(extracted.values.iter().filter_map(|(code, text)| {
            Some(IndexRow {
                patient: 0,
                param: param(code)?,
                value: hasher.value(text),
            })
        }));
        let strings = extracted.texts.iter().filter_map(|(code, text)| {
            Some(StringRow {
                param: param(code)?,
                value: text.folded.clone(),
                exact: hasher.value(&text.exact),
            })
        });
        let ranges = extracted.intervals.iter().filter_map(|(code, interval)| {
            Some(RangeRow {
                param: param(code)?,
                class: interval.class.number(|unit| hasher.value(unit)),
                low: interval.low,
                high: interval.high,
            })
        });
        let links = extracted.links.iter().filter_map(|(code, key)| {
            Some(LinkRow {
                param: param(code)?,
                link: hasher.value(key),
            })
        });
        Ok(IndexRows::new(
            extracted.date.map_or(UNDATED, i64::saturating_neg),
            values,
            strings.collect(),
            ranges.collect(),
            links.collect(),
            extracted
                .present
                .iter()
                .filter_map(|code| param(code))
                .collect(),
        ))
    }

    /// The number of a parameter, or of the texts beside it; `None` when it is not indexed.
    ///
    /// # Errors
    /// `NotSupported` as long as its rows are not there for every resource.
    pub fn ready(&self, resource_type: &str, code: &str) -> Result<Option<i64>> {
        let param = self.dictionary.param(resource_type, code);
        if param.is_some_and(|param| self.unready.contains(&param)) {
            return Err(Error::of(
                Kind::NotSupported,
                format!(
                    "{code} of {resource_type} is being indexed: it can be searched by when that is done"
                ),
            ));
        }
        Ok(param)
    }

    /// Plans that must all hold, as a clause; what it reaches in other types is what may be known of them.
    pub(super) fn clause(
        &self,
        resource_type: &str,
        plans: &[Plan],
        known: &Restrictions,
    ) -> Result<Clause> {
        let plans = self.together(resource_type, plans);
        let clauses = plans.iter();
        let clauses = clauses.map(|plan| self.numbered(resource_type, plan, known));
        Ok(Clause::All(clauses.collect::<Result<_>>()?))
    }

    /// Plans that must all hold, as few as say the same.
    fn together(&self, resource_type: &str, plans: &[Plan]) -> Vec<Plan> {
        let plans = met(plans, |code| self.extractor.is_single(resource_type, code));
        let joints = self.extractor.joints(resource_type).iter();
        jointly(
            plans,
            joints.filter(|joint| self.ready(resource_type, &joint.code).is_ok()),
        )
    }

    pub(super) fn numbered(
        &self,
        resource_type: &str,
        plan: &Plan,
        known: &Restrictions,
    ) -> Result<Clause> {
        let dictionary = &self.dictionary;
        let hasher = self.store.hasher();
        let all = |plans: &[Plan]| {
            plans
                .iter()
                .map(|plan| self.numbered(resource_type, plan, known))
                .collect::<Result<Vec<_>>>()
        };
        // What is not in the dictionary is not in the index.
        let with = |code: &str, clause: &dyn Fn(i64) -> Result<Clause>| {
            self.ready(resource_type, code)?
                .map_or_else(|| Ok(Clause::nothing()), clause)
        };
        match plan {
            Plan::All(plans) => Ok(Clause::All(all(&self.together(resource_type, plans))?)),
            Plan::Any(plans) => Ok(Clause::Any(all(plans)?)),
            Plan::Not(plan) => {
                let clause = self.numbered(resource_type, plan, known)?;
                Ok(Clause::Not(Box::new(clause)))
            }
            Plan::Value { code, any_of } => with(code, &|param| {
                let mut any_of: Vec<i64> = any_of.iter().map(|text| hasher.value(text)).collect();
                any_of.sort_unstable();
                any_of.dedup();
                Ok(Clause::Value { param, any_of })
            }),
            Plan::Text { code, like } => with(code, &|param| {
                let like = match like {
                    TextLike::StartsWith(text) => Like::StartsWith(text.clone()),
                    TextLike::Contains(text) => Like::Contains(text.clone()),
                    TextLike::EndsWith(text) => Like::EndsWith(text.clone()),
                    TextLike::Is(text) => Like::Is(text.clone()),
                    TextLike::IsNot(text) => Like::IsNot(text.clone()),
                    TextLike::Between(low, high) => Like::Between(low.clone(), high.clone()),
                    TextLike::Exact(folded, exact) => {
                        Like::Exact(folded.clone(), hasher.value(exact))
                    }
                };
                Ok(Clause::Text { param, like })
            }),
            Plan::Interval { code, bounds } => with(code, &|param| {
                Ok(Clause::Range(self.range(param, code == DATE, bounds)))
            }),
            Plan::Near { code, near } => {
                with(code, &|param| Ok(Clause::Near { param, near: *near }))
            }
            Plan::Present { code } => with(code, &|param| Ok(Clause::Present { param })),
            Plan::Id(ids) => Ok(Clause::Id {
                type_id: dictionary.type_id(resource_type)?,
                any_of: ids.clone(),
            }),
            Plan::LastUpdated { low, high } => Ok(Clause::LastUpdated {
                type_id: dictionary.type_id(resource_type)?,
                low: *low,
                high: *high,
            }),
            Plan::Chain { code, targets } => with(code, &|param| {
                let mut selections = Vec::with_capacity(targets.len());
                for (name, plan) in targets {
                    selections.push(self.selected(name, plan, known)?);
                }
                Ok(Clause::Chain {
                    param,
                    targets: selections,
                })
            }),
            Plan::Has { source, code, plan } => match self.ready(source, code)? {
                Some(param) => Ok(Clause::Has {
                    type_id: dictionary.type_id(resource_type)?,
                    param,
                    sources: Box::new(self.selected(source, plan, known)?),
                }),
                None => Ok(Clause::nothing()),
            },
        }
    }

    fn selected(&self, name: &str, plan: &Plan, known: &Restrictions) -> Result<Selection> {
        let clause = self.numbered(name, plan, known)?;
        let type_id = self.dictionary.type_id(name)?;
        Ok(Selection::new(type_id, clause, known))
    }

    fn range(&self, param: i64, clinical: bool, bounds: &Bounds) -> Range {
        let hasher = self.store.hasher();
        let classes = bounds.classes.iter();
        Range {
            param,
            clinical,
            classes: classes
                .map(|class| (class.number(|unit| hasher.value(unit)), class.length()))
                .collect(),
            low: bounds.low,
            high: bounds.high,
        }
    }
}
