//! Code systems, value sets and concept maps that clients stored.

use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::model::value::Text;
use crate::fhir::search::Plan;
use crate::fhir::terminology::{ConceptSource, Stored};
use crate::interactions::Node;
use crate::storage::{Page, Version};

impl ConceptSource for Node {
    /// Of several with the same URL the one of the latest date.
    fn stored(
        &self,
        resource_type: &str,
        url: &str,
        version: Option<&str>,
    ) -> Result<Option<Stored>> {
        let has = |code: &str, value: String| Plan::Value {
            code: Text::new(code),
            any_of: vec![value],
        };
        let mut plans = vec![has("url", url.to_owned())];
        plans.extend(version.map(|version| has("version", format!("c|{version}"))));
        let selection = self.selection(resource_type, &plans)?;
        let found = self.store.search(selection, Page::first(1))?;
        let first = found.found.into_iter().next();
        first.map(|(_, one)| stored(self, &one.version)).transpose()
    }

    fn stored_as(&self, resource_type: &str, id: &str) -> Result<Option<Stored>> {
        let found = self.store.read(&ResourceKey::new(resource_type, id))?;
        let current = found.filter(|version| !version.deleted);
        current
            .as_ref()
            .map(|version| stored(self, version))
            .transpose()
    }
}

fn stored(node: &Node, version: &Version) -> Result<Stored> {
    Ok(Stored {
        stamp: format!("{}/_history/{}", version.key, version.version),
        text: node.store.json(version)?,
    })
}
