//! What a transaction itself makes, found by condition.
//!
//! Source: FHIR R4 http.html#trules: conditional references are resolved last, when everything the
//! transaction writes is there. A reference may name what another entry creates, and what an entry
//! changes or deletes is judged as it will be.

use std::collections::HashMap;

use super::entry::Entry;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::interactions::conditional::Criteria;
use crate::interactions::dispatch::Verb;
use crate::interactions::node::Node;
use crate::storage::IndexRows;

/// The resources of one type that a transaction creates or replaces.
#[derive(Default)]
pub struct Made {
    resources: Vec<(ResourceKey, IndexRows)>,
    /// Places in the list by parameter and value, so that many references stay cheap.
    by_value: HashMap<(i64, i64), Vec<usize>>,
}

impl Made {
    /// `claimed` tells which entry writes which resource.
    pub fn of(
        node: &Node,
        resource_type: &str,
        entries: &[Entry<'_>],
        claimed: &HashMap<ResourceKey, usize>,
    ) -> Result<Self> {
        let mut made = Self::default();
        for (key, index) in claimed {
            let entry = entries
                .get(*index)
                .filter(|entry| matches!(entry.verb, Verb::Post | Verb::Put));
            let Some(entry) = entry.filter(|_| key.resource_type == resource_type) else {
                continue;
            };
            let rows = node.index(resource_type, entry.incoming(node)?.tree())?;
            for row in rows.values() {
                let places = made.by_value.entry((row.param, row.value)).or_default();
                places.push(made.resources.len());
            }
            made.resources.push((key.clone(), rows));
        }
        Ok(made)
    }

    /// Those that satisfy a condition.
    pub fn matching(&self, node: &Node, criteria: &Criteria) -> Result<Vec<ResourceKey>> {
        let selection = criteria.selection(node)?;
        let mut places: Vec<usize> = match selection.values() {
            Some((param, any_of)) => any_of
                .iter()
                .filter_map(|value| self.by_value.get(&(param, *value)))
                .flatten()
                .copied()
                .collect(),
            None => (0..self.resources.len()).collect(),
        };
        places.sort_unstable();
        places.dedup();
        let now = node.clock.now();
        Ok(places
            .into_iter()
            .filter_map(|place| self.resources.get(place))
            .filter(|(key, rows)| selection.matches(&key.id, now, rows))
            .map(|(key, _)| key.clone())
            .collect())
    }
}
