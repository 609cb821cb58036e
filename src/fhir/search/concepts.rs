//! The modifiers of tokens that need a terminology: `:in`, `:not-in`, `:above`, `:below`.
//!
//! Source: FHIR R4 search.html#token, #modifiers. A value set or a hierarchy becomes the list of its codes when the search
//! is read; where it takes all of a system, the system stands for them.

use std::cell::Cell;
use std::sync::Arc;

use super::criteria::{bad, shown};
use super::operand::{Operands, split, unescape};
use super::plan::Plan;
use super::values;
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::SearchParameter;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::terminology::{Fault, Selected};

/// Codes of one parameter, and of all parameters of a search.
const MOST_CODES: usize = 1_000;
const MOST_CODES_IN_ALL: usize = 5_000;

/// Which way along a hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Above,
    Below,
}

/// One parameter with its values.
pub struct Concepts<'a> {
    pub operands: &'a Operands<'a>,
    /// Codes that the search holds so far.
    pub codes: &'a Cell<usize>,
    pub resource_type: &'a str,
    pub parameter: &'a SearchParameter,
    /// The name of the parameter as the client wrote it.
    pub whole: &'a str,
    pub items: &'a [String],
}

impl Concepts<'_> {
    /// The token is a code of one of the value sets.
    pub fn members(&self) -> Result<Plan> {
        let mut plans = Vec::new();
        let mut any_of = Vec::new();
        for item in self.items {
            let reference = unescape(item);
            let selected = self
                .selected(&reference)
                .map_err(|fault| self.fault(fault))?;
            for one in selected {
                match one {
                    Selected::Code { system, code } => self.code(&system, &code, &mut any_of),
                    Selected::System(system) => {
                        any_of.push(values::any_of_system(&system));
                        plans.extend(self.implied_codes(&system, &mut any_of)?);
                    }
                }
            }
        }
        plans.push(self.list(any_of)?);
        Ok(Plan::any(plans))
    }

    /// The token lies above or below one of the codes, or is it.
    pub fn related(&self, direction: Direction) -> Result<Plan> {
        let terminology = &self.operands.terminology;
        let mut any_of = Vec::new();
        for index in 0..self.items.len() {
            let (system, code) = self.coded(index)?;
            let found = terminology.filled(&system, None);
            let found = found.map_err(|fault| self.fault(fault))?;
            if !found.is_a {
                let why = "a code system whose hierarchy is one of kinds";
                return Err(bad(self.whole, self.items, index, why));
            }
            let known = found.has(&code).map_err(|fault| self.fault(fault))?;
            let Some(number) = found.number(&code).filter(|_| known) else {
                let why = "a code that its system has";
                return Err(bad(self.whole, self.items, index, why));
            };
            let numbers = match direction {
                Direction::Above => found.above(number),
                Direction::Below => found.below(number),
            };
            for concept in numbers.into_iter().filter_map(|number| found.at(number)) {
                self.code(&system, &concept.code, &mut any_of);
            }
        }
        self.list(any_of)
    }

    /// System and code of a value; the system may be the one that the elements imply.
    fn coded(&self, index: usize) -> Result<(String, String)> {
        let item = self.items.get(index).map_or("", String::as_str);
        let parts = split(item, '|');
        match parts.as_slice() {
            [system, code] if !system.is_empty() && !code.is_empty() => {
                return Ok((unescape(system), unescape(code)));
            }
            [code] if !code.is_empty() => {
                if let [system] = &*self.implied() {
                    return Ok((system.clone(), unescape(code)));
                }
            }
            _ => {}
        }
        Err(bad(self.whole, self.items, index, "system|code"))
    }

    fn selected(&self, reference: &str) -> std::result::Result<Vec<Selected>, Fault> {
        let terminology = &self.operands.terminology;
        let base = format!("{}/", self.operands.base);
        let local = reference.strip_prefix(&base).unwrap_or(reference);
        let stored = ResourceKey::parse(local).filter(|key| key.resource_type == "ValueSet");
        let set = match stored {
            Some(key) => terminology.value_set_by_id(&key.id)?,
            None => terminology.value_set(reference)?,
        };
        terminology.selected(&set, MOST_CODES)
    }

    fn implied(&self) -> Arc<[String]> {
        let extractor = self.operands.extractor;
        extractor.implied(self.resource_type, self.parameter)
    }

    fn code(&self, system: &str, code: &str, out: &mut Vec<String>) {
        out.push(values::coded(system, code));
        if self.implied().iter().any(|implied| implied == system) {
            out.push(values::code(code));
        }
    }

    /// All codes of a system whose elements hold bare codes of it; where the codes cannot be told, anything
    /// that is there is one.
    fn implied_codes(&self, system: &str, out: &mut Vec<String>) -> Result<Option<Plan>> {
        let implied = self.implied();
        if !implied.iter().any(|other| other == system) {
            return Ok(None);
        }
        match self.operands.terminology.filled(system, None) {
            Ok(found) => {
                let codes = found.concepts.iter();
                out.extend(codes.map(|concept| values::code(&concept.code)));
                Ok(None)
            }
            Err(Fault::NotLoaded { .. }) if implied.len() == 1 => Ok(Some(Plan::Present {
                code: self.parameter.code.clone(),
            })),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    fn list(&self, mut any_of: Vec<String>) -> Result<Plan> {
        any_of.sort_unstable();
        any_of.dedup();
        let all = self.codes.get().saturating_add(any_of.len());
        self.codes.set(all);
        for (number, limit) in [(any_of.len(), 2 * MOST_CODES), (all, MOST_CODES_IN_ALL)] {
            if number > limit {
                return Err(Error::of(
                    Kind::TooCostly,
                    format!(
                        "expected at most {limit} codes from value sets and hierarchies, found {number} at ‘{}’",
                        shown(self.whole)
                    ),
                ));
            }
        }
        Ok(Plan::Value {
            code: self.parameter.code.clone(),
            any_of,
        })
    }

    /// 400, whatever it would be elsewhere: it is the client who named the value set.
    fn fault(&self, fault: Fault) -> Error {
        let kind = match &fault {
            Fault::TooLarge { .. } => Kind::TooCostly,
            _ => Kind::Invalid,
        };
        match fault {
            Fault::Store(error) => error,
            fault => Error::new(
                kind,
                fault.code(),
                format!("{}: {fault}", shown(self.whole)),
            ),
        }
    }
}
