//! What of each resource type somebody may know of (GATE-01).
//!
//! A restriction is one condition for each type: a resource for which it does not hold is not there, for
//! that caller, whichever way a search comes by. It is decided by the resource alone: were it to follow
//! references, it would have to say what may be known of those they lead to. Who makes it (policy) and who
//! applies it (mechanism) know nothing else of each other.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::plan::Plan;
use crate::error::{Error, Result};

/// A condition that may be decided by a resource alone.
pub trait Local {
    /// Whether it is.
    fn is_local(&self) -> bool;
}

impl Local for Plan {
    fn is_local(&self) -> bool {
        Plan::is_local(self)
    }
}

/// What of one type may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restriction<Condition> {
    /// All of it.
    Open,
    Nothing,
    /// The resources for which the condition holds.
    Only(Condition),
}

/// What of every type may be known: in the names of the definitions, or in the numbers of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restrictions<Type = String, Condition = Plan> {
    by_type: BTreeMap<Type, Restriction<Condition>>,
    /// Whether the types that are not named are open; else nothing of them may be known.
    others: bool,
}

impl<Type: Ord, Condition: Local> Restrictions<Type, Condition> {
    /// Everything may be known.
    pub fn open() -> Self {
        Self {
            by_type: BTreeMap::new(),
            others: true,
        }
    }

    /// Nothing may be known: what a list of what may is made from (GATE-05).
    pub fn nothing() -> Self {
        Self {
            by_type: BTreeMap::new(),
            others: false,
        }
    }

    /// The same but for one type.
    ///
    /// # Errors
    /// `Internal` for a condition that follows references.
    pub fn with(mut self, resource_type: Type, of: Restriction<Condition>) -> Result<Self> {
        if let Restriction::Only(condition) = &of
            && !condition.is_local()
        {
            return Err(Error::internal("a restriction that follows references"));
        }
        self.by_type.insert(resource_type, of);
        Ok(self)
    }

    /// What of a type may be known.
    pub fn of<Name>(&self, resource_type: &Name) -> Restriction<&Condition>
    where
        Type: Borrow<Name>,
        Name: Ord + ?Sized,
    {
        match self.by_type.get(resource_type) {
            Some(Restriction::Open) => Restriction::Open,
            Some(Restriction::Nothing) => Restriction::Nothing,
            Some(Restriction::Only(condition)) => Restriction::Only(condition),
            None if self.others => Restriction::Open,
            None => Restriction::Nothing,
        }
    }

    /// Whether everything may be known.
    pub fn is_open(&self) -> bool {
        let mut named = self.by_type.values();
        self.others && named.all(|of| matches!(of, Restriction::Open))
    }

    /// The types that are named, with what of them may be known.
    pub fn named(&self) -> impl Iterator<Item = (&Type, &Restriction<Condition>)> {
        self.by_type.iter()
    }

    /// Whether the types that are not named are open.
    pub fn others_are_open(&self) -> bool {
        self.others
    }

    /// The same in other words.
    ///
    /// # Errors
    /// Whatever keeps a type or a condition from being said so: then there is no restriction to go on with.
    pub fn translated<Name: Ord, Other: Local>(
        &self,
        mut each: impl FnMut(&Type, &Restriction<Condition>) -> Result<(Name, Restriction<Other>)>,
    ) -> Result<Restrictions<Name, Other>> {
        let mut all = Restrictions {
            by_type: BTreeMap::new(),
            others: self.others,
        };
        for (resource_type, of) in &self.by_type {
            let (name, of) = each(resource_type, of)?;
            all = all.with(name, of)?;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::model::value::Text;

    type Named = Restrictions<String, Plan>;

    fn active() -> Plan {
        Plan::Value {
            code: Text::new("active"),
            any_of: vec!["c|true".to_owned()],
        }
    }

    #[test]
    fn gate_05_what_is_not_allowed_is_not_known() {
        let none = Named::nothing();
        assert_eq!(none.of("Patient"), Restriction::Nothing);
        assert!(!none.is_open());
        let some = none
            .with("Patient".to_owned(), Restriction::Only(active()))
            .unwrap();
        assert_eq!(some.of("Patient"), Restriction::Only(&active()));
        assert_eq!(some.of("Person"), Restriction::Nothing);
        let open = Named::open();
        assert!(open.is_open());
        assert_eq!(open.of("Person"), Restriction::Open);
        let all = open
            .with("Person".to_owned(), Restriction::Nothing)
            .unwrap();
        assert!(!all.is_open() && all.others_are_open());
        assert_eq!(all.of("Person"), Restriction::Nothing);
    }

    #[test]
    fn gate_01_a_restriction_is_decided_by_the_resource_alone() {
        let elsewhere = Plan::Not(Box::new(Plan::Has {
            source: Text::new("Observation"),
            code: Text::new("subject"),
            plan: Box::new(active()),
        }));
        let refused = Named::open().with("Patient".to_owned(), Restriction::Only(elsewhere));
        assert!(refused.is_err());
    }

    #[test]
    fn gate_05_what_cannot_be_translated_is_an_error() {
        let some = Named::open()
            .with("Patient".to_owned(), Restriction::Only(active()))
            .unwrap();
        let same = some.translated(|name, of| Ok((name.clone(), of.clone())));
        assert_eq!(same.unwrap(), some);
        let failed: Result<Named> = some.translated(|_, _| Err(Error::internal("unknown")));
        assert!(failed.is_err());
    }
}
