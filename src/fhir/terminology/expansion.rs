//! The codes of a value set.

use std::collections::HashSet;

use super::Fault;
use super::code_system::{Content, Designation};
use super::filter::Test;
use super::library::Lookup;
use super::membership::Work;
use super::value_set::{Include, Listed, ValueSet};
use crate::fhir::model::value::Text;

/// What an expansion is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Expanding {
    /// Leaves out codes that are not in use any more.
    pub active_only: bool,
    /// Codes at most; with more the expansion is refused.
    pub limit: usize,
}

/// One code of an expansion.
#[derive(Clone, Debug)]
pub struct Member {
    pub system: Text,
    /// Of the code system, where the value set names one.
    pub version: Option<Text>,
    pub code: Text,
    pub display: Option<Text>,
    pub designations: Vec<Designation>,
    pub inactive: bool,
    pub is_abstract: bool,
}

/// What a value set is for a search: single codes, and whole systems.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selected {
    System(Text),
    Code { system: Text, code: Text },
}

impl Lookup<'_> {
    /// The codes of a value set, in the order of its definition, each once.
    ///
    /// # Errors
    /// `NotLoaded`, `Cycle`, `NotUnderstood`; `TooLarge` with more codes than wanted.
    pub fn expand(&self, set: &ValueSet, wanted: Expanding) -> Result<Vec<Member>, Fault> {
        self.members(set, wanted, &mut Work::default())
    }

    /// The codes of a value set for a search; where it takes all of a system, the system stands for them.
    ///
    /// # Errors
    /// As [`Lookup::expand`].
    pub fn selected(&self, set: &ValueSet, limit: usize) -> Result<Vec<Selected>, Fault> {
        let whole = set.exclude.is_empty()
            && set.with_inactive
            && set.include.iter().all(Include::is_whole)
            && !set.include.is_empty();
        if whole {
            let systems = set.include.iter();
            let systems = systems.filter_map(|include| include.system.clone());
            return Ok(systems.map(Selected::System).collect());
        }
        let wanted = Expanding {
            active_only: false,
            limit,
        };
        let members = self.expand(set, wanted)?.into_iter();
        Ok(members
            .map(|member| Selected::Code {
                system: member.system,
                code: member.code,
            })
            .collect())
    }

    fn members(
        &self,
        set: &ValueSet,
        wanted: Expanding,
        work: &mut Work,
    ) -> Result<Vec<Member>, Fault> {
        work.enter(set)?;
        let active_only = wanted.active_only || !set.with_inactive;
        let mut collector = Collector {
            url: &set.url,
            limit: wanted.limit,
            active_only,
            seen: self.left_out(set, work)?,
            found: Vec::new(),
        };
        for include in &set.include {
            self.include(include, wanted, &mut collector, work)?;
        }
        work.leave();
        Ok(collector.found)
    }

    /// The codes that a value set excludes.
    fn left_out(&self, set: &ValueSet, work: &mut Work) -> Result<HashSet<Pair>, Fault> {
        let mut collector = Collector {
            url: &set.url,
            limit: usize::MAX,
            active_only: false,
            seen: HashSet::new(),
            found: Vec::new(),
        };
        let all = Expanding {
            active_only: false,
            limit: usize::MAX,
        };
        for exclude in &set.exclude {
            self.include(exclude, all, &mut collector, work)?;
        }
        Ok(collector.seen)
    }

    /// Adds what one part covers.
    fn include(
        &self,
        include: &Include,
        wanted: Expanding,
        out: &mut Collector<'_>,
        work: &mut Work,
    ) -> Result<(), Fault> {
        let mut nested = Vec::with_capacity(include.value_sets.len());
        for canonical in &include.value_sets {
            let set = self.value_set(canonical)?;
            nested.push(self.members(&set, wanted, work)?);
        }
        let Some(system) = &include.system else {
            // Without a system: what is in all of the value sets.
            let mut nested = nested.into_iter();
            let first = nested.next().unwrap_or_default();
            let others: Vec<HashSet<Pair>> = nested.map(pairs).collect();
            for member in first {
                work.spend(1)?;
                if others.iter().all(|other| other.contains(&member.pair())) {
                    out.add(member)?;
                }
            }
            return Ok(());
        };
        let others: Vec<HashSet<Pair>> = nested.into_iter().map(pairs).collect();
        let admitted = |code: &Text| {
            let pair = (system.clone(), code.clone());
            others.iter().all(|other| other.contains(&pair))
        };
        if !include.listed.is_empty() {
            // Displays and facts come from the system where it is loaded; the codes do not need it.
            let loaded = self.code_system_of(system, include.version.as_deref());
            let loaded = loaded.or_else(|_| self.code_system(system)).ok();
            for listed in &include.listed {
                work.spend(1)?;
                if admitted(&listed.code) {
                    let concept = loaded
                        .as_deref()
                        .and_then(|system| system.concept(&listed.code));
                    out.add(named(system, include, listed, concept))?;
                }
            }
            return Ok(());
        }
        let loaded = self.filled(system, include.version.as_deref())?;
        if loaded.content == Content::NotPresent {
            return Err(Fault::not_loaded("code system", system));
        }
        let tests = include.filters.iter().map(|filter| filter.on(&loaded));
        let tests: Vec<Test<'_>> = tests.collect::<Result<_, _>>()?;
        for (number, concept) in (0u32..).zip(&loaded.concepts) {
            work.spend(1)?;
            if tests.iter().all(|test| test.holds(number, concept)) && admitted(&concept.code) {
                out.add(Member {
                    system: system.clone(),
                    version: include.version.clone(),
                    code: concept.code.clone(),
                    display: concept.display.clone(),
                    designations: concept.designations.clone(),
                    inactive: concept.inactive,
                    is_abstract: concept.is_abstract,
                })?;
            }
        }
        Ok(())
    }
}

/// System and code.
type Pair = (Text, Text);

impl Member {
    fn pair(&self) -> Pair {
        (self.system.clone(), self.code.clone())
    }
}

fn pairs(members: Vec<Member>) -> HashSet<Pair> {
    let members = members.into_iter();
    members.map(|member| (member.system, member.code)).collect()
}

/// A code that a value set names, with what the system knows of it.
fn named(
    system: &Text,
    include: &Include,
    listed: &Listed,
    concept: Option<&super::Concept>,
) -> Member {
    let known = concept.into_iter().flat_map(|known| &known.designations);
    let own = listed.designations.iter();
    Member {
        system: system.clone(),
        version: include.version.clone(),
        code: listed.code.clone(),
        display: listed
            .display
            .clone()
            .or_else(|| concept.and_then(|concept| concept.display.clone())),
        designations: own.chain(known).cloned().collect(),
        inactive: concept.is_some_and(|concept| concept.inactive),
        is_abstract: concept.is_some_and(|concept| concept.is_abstract),
    }
}

/// Gathers members, each once and none that was left out.
struct Collector<'a> {
    url: &'a Text,
    limit: usize,
    active_only: bool,
    seen: HashSet<Pair>,
    found: Vec<Member>,
}

impl Collector<'_> {
    fn add(&mut self, member: Member) -> Result<(), Fault> {
        if (self.active_only && member.inactive) || !self.seen.insert(member.pair()) {
            return Ok(());
        }
        if self.found.len() >= self.limit {
            return Err(Fault::TooLarge {
                canonical: self.url.clone(),
                limit: self.limit,
            });
        }
        self.found.push(member);
        Ok(())
    }
}
