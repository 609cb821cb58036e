//! Conditions given as a search: `If-None-Exist`, and URLs such as `Patient?identifier=…`.
//!
//! What a condition finds is looked up first and decided again inside the commit (CON-01), so that
//! of several equal requests at one time exactly one creates.

use super::node::Node;
use crate::error::{Error, Kind, Result};
use crate::fhir::search::{Handling, Plan, Query, parse};
use crate::storage::{Condition, Matches, Page, Selection, Version};

/// A condition, ready to be looked up.
pub struct Criteria {
    resource_type: String,
    query: Query,
}

/// What a condition finds.
pub enum FoundByCondition {
    None,
    One(Box<Version>),
    Several,
}

impl Criteria {
    /// Reads the query part of a condition, strictly: a parameter that were ignored would widen it.
    ///
    /// # Errors
    /// `Invalid` for an unknown parameter, and for a condition that names nothing; 412 is for the
    /// caller, who knows what several matches mean.
    pub fn parse(node: &Node, resource_type: &str, pairs: &[(String, String)]) -> Result<Self> {
        let (query, _) = parse(resource_type, pairs, Handling::Strict, &node.vocabulary())?;
        if !query.terms.iter().all(Plan::is_local) {
            return Err(Error::new(
                Kind::Invalid,
                "not-supported",
                "expected a condition on the resource itself, found one that follows references",
            ));
        }
        if !query.includes.is_empty() || !query.sort.is_empty() {
            return Err(Error::new(
                Kind::Invalid,
                "not-supported",
                "expected a condition, found a parameter that is about the result",
            ));
        }
        if query.terms.is_empty() {
            return Err(Error::new(
                Kind::Invalid,
                "incomplete",
                "expected a condition with at least one search parameter, found none",
            ));
        }
        Ok(Self {
            resource_type: resource_type.to_owned(),
            query,
        })
    }

    /// Looks the condition up.
    pub fn find(&self, node: &Node) -> Result<FoundByCondition> {
        let mut found = self.list(node, 2)?;
        Ok(match (found.pop(), found.pop()) {
            (None, _) => FoundByCondition::None,
            (Some(one), None) => FoundByCondition::One(Box::new(one)),
            (Some(_), Some(_)) => FoundByCondition::Several,
        })
    }

    /// At most `limit` resources that match.
    pub fn list(&self, node: &Node, limit: usize) -> Result<Vec<Version>> {
        let selection = self.selection(node)?;
        let page = Page {
            edition: Some(node.edition),
            ..Page::first(limit)
        };
        let found = node.store.search(selection, page)?;
        Ok(found
            .found
            .into_iter()
            .map(|(_, one)| one.version)
            .collect())
    }

    /// The condition in the numbers of the database.
    pub fn selection(&self, node: &Node) -> Result<Selection> {
        node.selection(&self.resource_type, &self.query.terms)
    }

    /// The condition as a precondition of a commit.
    ///
    /// `claim` is the number of the write that creates the resource, if one does.
    pub fn condition(
        &self,
        node: &Node,
        expect: Matches,
        claim: Option<usize>,
    ) -> Result<Condition> {
        Ok(Condition {
            selection: self.selection(node)?,
            expect,
            claim: claim.map(|write| (node.store.hasher().digest(&self.normalised()), write)),
        })
    }

    /// One text for all spellings of the same condition.
    pub fn normalised(&self) -> Vec<u8> {
        let mut terms: Vec<String> = self
            .query
            .terms
            .iter()
            .map(|term| format!("{term:?}"))
            .collect();
        terms.sort_unstable();
        format!("{}?{}", self.resource_type, terms.join("&")).into_bytes()
    }
}

/// 412: a condition that should name one resource names several.
pub fn several() -> Error {
    Error::new(
        Kind::PreconditionFailed,
        "multiple-matches",
        "expected the condition to match at most one resource, found several",
    )
}
