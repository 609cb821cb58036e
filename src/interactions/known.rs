//! What the caller of a request may know of (GATE-01).
//!
//! The restrictions come with the node that a request works with, in the names of the definitions. Here they
//! become numbers, and with them each selection that the request reads by.

use std::sync::Arc;

use super::node::Node;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::search::{self, Plan, Restriction};
use crate::storage::{Restrictions, Selection};

impl Node {
    /// The same node for somebody who may know of some things only.
    pub fn known_by(&self, restrictions: Arc<search::Restrictions>) -> Self {
        Self {
            restrictions,
            ..self.clone()
        }
    }

    /// Another node for the same caller: by other definitions, say.
    pub(super) fn likewise(&self, other: Arc<Node>) -> Arc<Node> {
        if Arc::ptr_eq(&self.restrictions, &other.restrictions) {
            return other;
        }
        Arc::new(other.known_by(Arc::clone(&self.restrictions)))
    }

    /// What may be known of, in the numbers of the database.
    ///
    /// # Errors
    /// `NotSupported` as long as a parameter that a restriction needs is being indexed.
    pub fn known(&self) -> Result<Restrictions> {
        // Restrictions are local: nothing in them speaks of another type.
        let nothing = Restrictions::nothing();
        self.restrictions.translated(|name, of| {
            let of = match of {
                Restriction::Open => Restriction::Open,
                Restriction::Nothing => Restriction::Nothing,
                Restriction::Only(plan) if self.is_indexed(name, plan) => {
                    Restriction::Only(self.numbered(name, plan, &nothing)?)
                }
                // What is not indexed is found of nobody, and that must not turn into everybody.
                Restriction::Only(_) => Restriction::Nothing,
            };
            Ok((self.dictionary.type_id(name)?, of))
        })
    }

    /// The resources of a type for which plans hold, all of them, as far as they may be known of.
    pub fn selection(&self, resource_type: &str, plans: &[Plan]) -> Result<Selection> {
        let known = self.known()?;
        let clause = self.clause(resource_type, plans, &known)?;
        let type_id = self.dictionary.type_id(resource_type)?;
        Ok(Selection::new(type_id, clause, &known))
    }

    /// Those of a selection for which a plan holds too.
    pub fn narrowed(
        &self,
        selection: &Selection,
        resource_type: &str,
        plan: Plan,
    ) -> Result<Selection> {
        let clause = self.clause(resource_type, &[plan], &self.known()?)?;
        Ok(selection.clone().and(clause))
    }

    /// Whether a resource is there and may not be known of; of a type without restriction that costs nothing.
    pub fn hides(&self, key: &ResourceKey) -> Result<bool> {
        if self.restrictions.of(&*key.resource_type) == Restriction::Open {
            return Ok(false);
        }
        let plan = Plan::Id(vec![key.id.to_string()]);
        let selection = self.selection(&key.resource_type, &[plan])?;
        Ok(self.store.count(selection)? == 0)
    }

    /// Whether all parameters of a plan have numbers, also those that may take the place of several of them.
    fn is_indexed(&self, resource_type: &str, plan: &Plan) -> bool {
        let joints = self.extractor.joints(resource_type).iter();
        let codes = plan.codes().into_iter();
        codes
            .chain(joints.map(|joint| &joint.code))
            .all(|code| self.dictionary.param(resource_type, code).is_some())
    }
}
