//! Whether a code is in a value set.

use std::sync::Arc;

use super::code_system::{CodeSystem, Content};
use super::implicit::Grammar;
use super::library::Lookup;
use super::value_set::{Include, ValueSet};
use super::{Fault, Subsumption};
use crate::fhir::model::value::Text;

/// Value sets one inside the other.
const MOST_NESTED: usize = 32;
/// Value sets and codes that one question may touch: without a cycle too, sets that include each other
/// twice would double the work at each step.
pub(super) const MOST_STEPS: usize = 1_000_000;

/// What one question has looked at.
#[derive(Default)]
pub(super) struct Work {
    open: Vec<Text>,
    steps: usize,
}

impl Work {
    /// Goes into a value set.
    pub(super) fn enter(&mut self, set: &ValueSet) -> Result<(), Fault> {
        let url = &set.url;
        if !url.is_empty() && self.open.contains(url) {
            return Err(Fault::Cycle {
                canonical: url.clone(),
            });
        }
        if self.open.len() >= MOST_NESTED {
            let why = format!("expected at most {MOST_NESTED} value sets one inside the other");
            return Err(Fault::not_understood(url, why));
        }
        self.open.push(url.clone());
        self.spend(1_000)
    }

    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps <= MOST_STEPS {
            return Ok(());
        }
        Err(Fault::TooLarge {
            canonical: self.open.last().cloned().unwrap_or_default(),
            limit: MOST_STEPS,
        })
    }
}

impl Lookup<'_> {
    /// Whether a code of a system is in a value set.
    ///
    /// # Errors
    /// `NotLoaded` when what is loaded does not decide it; `Cycle`, `TooLarge`, `NotUnderstood` by the
    /// definitions.
    pub fn contains(&self, set: &ValueSet, system: &str, code: &str) -> Result<bool, Fault> {
        self.holds(set, system, code, &mut Work::default())
    }

    /// The systems that a value set takes codes from, those of nested sets among them.
    ///
    /// # Errors
    /// As [`Lookup::contains`].
    pub fn systems(&self, set: &ValueSet) -> Result<Vec<Text>, Fault> {
        let mut found = Vec::new();
        self.collect_systems(set, &mut found, &mut Work::default())?;
        Ok(found)
    }

    fn collect_systems(
        &self,
        set: &ValueSet,
        found: &mut Vec<Text>,
        work: &mut Work,
    ) -> Result<(), Fault> {
        work.enter(set)?;
        for include in &set.include {
            match &include.system {
                Some(system) if !found.contains(system) => found.push(system.clone()),
                Some(_) => {}
                None => {
                    for canonical in &include.value_sets {
                        self.collect_systems(&*self.value_set(canonical)?, found, work)?;
                    }
                }
            }
        }
        work.leave();
        Ok(())
    }

    pub(super) fn holds(
        &self,
        set: &ValueSet,
        system: &str,
        code: &str,
        work: &mut Work,
    ) -> Result<bool, Fault> {
        work.enter(set)?;
        // One part that says yes is enough, even where another cannot tell.
        let (mut included, mut unknown) = (false, None);
        for include in &set.include {
            match self.covers(include, system, code, work) {
                Ok(true) => {
                    included = true;
                    break;
                }
                Ok(false) => {}
                Err(fault @ Fault::NotLoaded { .. }) => unknown = unknown.or(Some(fault)),
                Err(fault) => return Err(fault),
            }
        }
        if !included {
            work.leave();
            return unknown.map_or(Ok(false), Err);
        }
        for exclude in &set.exclude {
            if self.covers(exclude, system, code, work)? {
                work.leave();
                return Ok(false);
            }
        }
        work.leave();
        Ok(set.with_inactive || !self.is_inactive(system, code))
    }

    fn is_inactive(&self, system: &str, code: &str) -> bool {
        let found = self.code_system(system).ok();
        found.is_some_and(|found| found.concept(code).is_some_and(|concept| concept.inactive))
    }

    fn covers(
        &self,
        include: &Include,
        system: &str,
        code: &str,
        work: &mut Work,
    ) -> Result<bool, Fault> {
        work.spend(1)?;
        if let Some(own) = &include.system {
            if own != system {
                return Ok(false);
            }
            let own = if !include.listed.is_empty() {
                include.named(code).is_some()
            } else {
                self.selects(include, own, code)?
            };
            if !own {
                return Ok(false);
            }
        }
        for canonical in &include.value_sets {
            let nested = self.value_set(canonical)?;
            if !self.holds(&nested, system, code, work)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a part that names no codes covers one by its filters.
    fn selects(&self, include: &Include, system: &str, code: &str) -> Result<bool, Fault> {
        if let Some(grammar) = Grammar::of(system) {
            for filter in &include.filters {
                // R4 uses one filter on a grammar: units that measure the same.
                if grammar != Grammar::Unit || filter.property != "canonical" {
                    return Err(Fault::not_loaded("code system", system));
                }
                if !crate::fhir::ucum::comparable(code, &filter.value) {
                    return Ok(false);
                }
            }
            return Ok(grammar.accepts(code));
        }
        let found = self.code_system_of(system, include.version.as_deref())?;
        if !found.has(code)? {
            return Ok(false);
        }
        let Some(number) = found.number(code) else {
            return Ok(false);
        };
        for filter in &include.filters {
            if !filter.admits(&found, number)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A code system that holds its codes.
    ///
    /// # Errors
    /// `NotLoaded` when it is not there, or is there by name only.
    pub fn filled(&self, url: &str, version: Option<&str>) -> Result<Arc<CodeSystem>, Fault> {
        let found = self.code_system_of(url, version)?;
        if found.content == Content::NotPresent {
            return Err(Fault::not_loaded("code system", url));
        }
        Ok(found)
    }

    /// How two codes of a system lie to each other; `None` where the system lacks one of them.
    ///
    /// # Errors
    /// `NotLoaded`, and `NotUnderstood` where the hierarchy means something else.
    pub fn compare(
        &self,
        system: &CodeSystem,
        a: &str,
        b: &str,
    ) -> Result<Option<Subsumption>, Fault> {
        if !(system.has(a)? && system.has(b)?) {
            return Ok(None);
        }
        if !system.is_a {
            let why = "expected a hierarchy of kinds, found one that means something else";
            return Err(Fault::not_understood(&system.url, why));
        }
        let numbers = system.number(a).zip(system.number(b));
        Ok(numbers.map(|(a, b)| system.compare(a, b)))
    }
}
