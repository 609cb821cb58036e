//! transaction: all or nothing, in the order R4 prescribes: DELETE, POST, PUT and PATCH, GET.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::entry::{Entry, inside};
use super::made::Made;
use super::planned::{Planned, Shown, check_reads, second_half};
use crate::audit::{self, Action};
use crate::context::RequestContext;
use crate::error::{Error, Kind, Result};
use crate::fhir::model::key::ResourceKey;
use crate::interactions::answer::{Answer, Body, Finish, Race, Step};
use crate::interactions::conditional::{Criteria, FoundByCondition, several};
use crate::interactions::dispatch::{Interaction, Target, Verb, query_pairs};
use crate::interactions::node::Node;
use crate::interactions::patch::patched;
use crate::interactions::read::current;
use crate::interactions::references::{Identities, base_of, conditional_references, replace};
use crate::interactions::request::Return;
use crate::interactions::search_parameters::Together;
use crate::interactions::update::{check_id, unmatched};
use crate::interactions::write::{self, Incoming};
use crate::storage::{
    Change, Commit, Committed, Condition, Expect, Matches, Method, Received, Version, Write,
};

/// The first half of a transaction: everything is made ready for one commit.
pub fn first_half(
    context: &RequestContext,
    node: &Node,
    text: &Received,
    entries: &[Range<u64>],
    preference: Option<Return>,
) -> Result<Step> {
    let entries = entries
        .iter()
        .enumerate()
        .map(|(index, part)| Entry::read(node, index, text, part))
        .collect::<Result<Vec<_>>>()?;
    let mut plan = Plan::default();
    plan.identify(node, &entries)?;
    let commit = plan.build(context, node, &entries)?;
    let named = entries.iter().any(|entry| entry.if_match.0.is_some());
    let entries: Vec<Entry<'static>> = entries.into_iter().map(Entry::without_resource).collect();
    let planned = plan.planned;
    check_reads(node, &entries, &planned, &commit)?;
    let shown = Shown::of(preference);
    if commit.writes.is_empty() {
        let nothing = Committed::default();
        let json = second_half(node, &entries, &planned, &nothing, shown)?;
        return Ok(Step::Done(Answer::of(200, Body::Json(json))));
    }
    let reads = entries.iter().any(|entry| entry.verb == Verb::Get)
        || planned.iter().any(|planned| planned.shows(shown).is_some());
    let both = Arc::new((entries, planned));
    let finish = |shown: Shown| -> Finish {
        let both = Arc::clone(&both);
        Arc::new(move |node, committed| {
            let (entries, planned) = &*both;
            let json = second_half(node, entries, planned, committed, shown)?;
            Ok(Answer::of(200, Body::Json(json)))
        })
    };
    Ok(Step::Commit {
        commit,
        race: if named { Race::Refuse } else { Race::Retry },
        brief: reads.then(|| finish(Shown::Nothing)),
        finish: finish(shown),
    })
}

/// What the entries mean, before anything is written.
#[derive(Default)]
struct Plan {
    identities: Identities,
    conditions: Vec<Condition>,
    /// Per entry: which resource it is about; `None` for reads.
    keys: Vec<Option<ResourceKey>>,
    /// Numbers of the entries that write, by what they write.
    claimed: HashMap<ResourceKey, usize>,
    /// What the transaction makes of a type, once a conditional reference asks.
    made: HashMap<String, Made>,
    /// Entries whose conditional create found the resource: nothing is written.
    existing: HashMap<usize, Box<Version>>,
    expects: HashMap<usize, Expect>,
    claims: Vec<(usize, Criteria)>,
    planned: Vec<Planned>,
    /// Numbers of the entries behind the writes, in order.
    order: Vec<usize>,
    /// Numbers of the entries whose references were replaced.
    replaced: HashSet<usize>,
    /// What becomes searchable by it.
    defined: Together,
}

impl Plan {
    /// Gives each entry its resource, and each full URL what it stands for.
    fn identify(&mut self, node: &Node, entries: &[Entry<'_>]) -> Result<()> {
        for entry in entries {
            let key = self
                .key_of(node, entry)
                .map_err(|error| error.at(entry.place()))?;
            if let Some(key) = &key {
                let writes = !self.existing.contains_key(&entry.index);
                if writes && self.claimed.insert(key.clone(), entry.index).is_some() {
                    return Err(again(&format!("found {key} again"), entry.place()));
                }
                if let Some(full_url) = &entry.full_url
                    && entry.verb != Verb::Delete
                    && !self.identities.enter(full_url, key.clone())
                {
                    return Err(Error::new(
                        Kind::Invalid,
                        "duplicate",
                        "expected each fullUrl once, found one again",
                    )
                    .at(format!("{}.fullUrl", entry.place())));
                }
            }
            self.keys.push(key);
        }
        self.conditions_name_each_once(entries)
    }

    /// What a condition names counts as an identity too: of two equal conditions both would create,
    /// and what is deleted cannot be what a create finds.
    fn conditions_name_each_once(&self, entries: &[Entry<'_>]) -> Result<()> {
        let mut seen = HashSet::new();
        for (index, criteria) in &self.claims {
            if !seen.insert(criteria.normalised()) {
                let place = format!("Bundle.entry[{index}]");
                return Err(again("found the same condition again", place));
            }
        }
        for (index, version) in &self.existing {
            let claim = self
                .claimed
                .get(&version.key)
                .and_then(|at| entries.get(*at));
            if claim.is_some_and(|entry| entry.verb == Verb::Delete) {
                let text = format!("found a condition for {}, which is deleted", version.key);
                return Err(again(&text, format!("Bundle.entry[{index}]")));
            }
        }
        Ok(())
    }

    fn key_of(&mut self, node: &Node, entry: &Entry<'_>) -> Result<Option<ResourceKey>> {
        match &entry.interaction {
            Interaction::Create(resource_type) => {
                node.check_type(resource_type)?;
                if let Some(pairs) = &entry.if_none_exist {
                    let criteria = Criteria::parse(node, resource_type, pairs)?;
                    match criteria.find(node)? {
                        FoundByCondition::Several => return Err(several()),
                        FoundByCondition::One(version) => {
                            let key = version.key.clone();
                            let only = Matches::Only(key.id.to_string());
                            self.conditions.push(criteria.condition(node, only, None)?);
                            self.existing.insert(entry.index, version);
                            return Ok(Some(key));
                        }
                        FoundByCondition::None => self.claims.push((entry.index, criteria)),
                    }
                }
                self.expects.insert(entry.index, Expect::New);
                Ok(Some(ResourceKey::new(
                    resource_type.as_str(),
                    node.ids.new_id()?,
                )))
            }
            Interaction::Update(resource_type, Target::Id(id))
            | Interaction::Patch(resource_type, Target::Id(id))
            | Interaction::Delete(resource_type, Target::Id(id)) => {
                node.check_type(resource_type)?;
                check_id(id)?;
                let key = ResourceKey::new(resource_type.as_str(), id.as_str());
                let expect = self.expectation(node, entry, &key)?;
                self.expects.insert(entry.index, expect);
                Ok(Some(key))
            }
            Interaction::Update(resource_type, Target::Query) => {
                node.check_type(resource_type)?;
                let criteria = Criteria::parse(node, resource_type, &entry.pairs)?;
                let named = entry.incoming(node)?.id().map(str::to_owned);
                let key = match (criteria.find(node)?, named) {
                    (FoundByCondition::Several, _) => return Err(several()),
                    (FoundByCondition::One(version), named) => {
                        if named.is_some_and(|id| version.key.id != id) {
                            return Err(Error::new(
                                Kind::Invalid,
                                "value",
                                "expected no id or that of the resource the condition matches, found another",
                            )
                            .at(format!("{}.resource.id", entry.place())));
                        }
                        let only = Matches::Only(version.key.id.to_string());
                        self.conditions.push(criteria.condition(node, only, None)?);
                        let expect = self.expectation(node, entry, &version.key)?;
                        self.expects.insert(entry.index, expect);
                        version.key
                    }
                    (FoundByCondition::None, named) => {
                        self.claims.push((entry.index, criteria));
                        let (id, expect) = match named {
                            Some(id) => {
                                check_id(&id)?;
                                let key = ResourceKey::new(resource_type.as_str(), id.as_str());
                                let expect = self.expectation(node, entry, &key)?;
                                (id, unmatched(node, &key, expect)?)
                            }
                            None => (node.ids.new_id()?, Expect::New),
                        };
                        self.expects.insert(entry.index, expect);
                        ResourceKey::new(resource_type.as_str(), id)
                    }
                };
                Ok(Some(key))
            }
            Interaction::Patch(resource_type, Target::Query)
            | Interaction::Delete(resource_type, Target::Query) => {
                node.check_type(resource_type)?;
                let criteria = Criteria::parse(node, resource_type, &entry.pairs)?;
                match (criteria.find(node)?, entry.verb) {
                    (FoundByCondition::Several, _) => Err(several()),
                    (FoundByCondition::One(version), _) => {
                        let only = Matches::Only(version.key.id.to_string());
                        self.conditions.push(criteria.condition(node, only, None)?);
                        let expect = self.expectation(node, entry, &version.key)?;
                        self.expects.insert(entry.index, expect);
                        Ok(Some(version.key))
                    }
                    (FoundByCondition::None, Verb::Delete) => Ok(None),
                    (FoundByCondition::None, _) => Err(Error::of(
                        Kind::NotFound,
                        "expected the condition to match one resource, found none",
                    )),
                }
            }
            Interaction::Operation { .. } if entry.verb == Verb::Post => Err(Error::of(
                Kind::NotSupported,
                "operations that write are not offered inside a transaction",
            )),
            _ => Ok(None),
        }
    }

    fn expectation(&self, node: &Node, entry: &Entry<'_>, key: &ResourceKey) -> Result<Expect> {
        if let Some(version) = entry.if_match.0 {
            return Ok(Expect::Version(version));
        }
        match entry.verb {
            Verb::Delete => Ok(Expect::Anything),
            _ if node.holds(node.choices.require_if_match, &key.resource_type)
                && node.store.read(key)?.is_some() =>
            {
                Err(Error::of(
                    Kind::PreconditionRequired,
                    "expected ifMatch with the version to be replaced, found none",
                ))
            }
            _ if node.holds(node.choices.update_create, &key.resource_type) => Ok(Expect::Anything),
            _ => Ok(Expect::Known),
        }
    }

    /// Builds the one commit.
    fn build(
        &mut self,
        context: &RequestContext,
        node: &Node,
        entries: &[Entry<'_>],
    ) -> Result<Commit> {
        self.planned = entries.iter().map(|_| Planned::Read).collect();
        let mut commit = Commit::default();
        for verb in [Verb::Delete, Verb::Post, Verb::Put] {
            for entry in entries {
                let turn = match entry.verb {
                    Verb::Patch => Verb::Put,
                    other => other,
                };
                if turn == verb && !matches!(entry.interaction, Interaction::Search(_)) {
                    self.write(node, entries, entry, &mut commit)
                        .map_err(|error| placed(error, entry))?;
                }
            }
        }
        commit.conditions = std::mem::take(&mut self.conditions);
        for (index, criteria) in &self.claims {
            let write = self.order.iter().position(|entry| entry == index);
            commit
                .conditions
                .push(criteria.condition(node, Matches::None, write)?);
        }
        let keys: Vec<&ResourceKey> = commit.writes.iter().map(|write| &write.key).collect();
        commit.audit = Some(audit::draft(context, Action::Execute, keys));
        Ok(commit)
    }

    fn plan(&mut self, entry: &Entry<'_>, planned: Planned) {
        if let Some(place) = self.planned.get_mut(entry.index) {
            *place = planned;
        }
    }

    fn write(
        &mut self,
        node: &Node,
        entries: &[Entry<'_>],
        entry: &Entry<'_>,
        commit: &mut Commit,
    ) -> Result<()> {
        let Some(key) = self.keys.get(entry.index).cloned().flatten() else {
            self.plan(entry, Planned::Nothing);
            return Ok(());
        };
        if let Some(version) = self.existing.remove(&entry.index) {
            let (version, last_updated) = (version.version, version.last_updated);
            self.plan(
                entry,
                Planned::Existing {
                    key,
                    version,
                    last_updated,
                },
            );
            return Ok(());
        }
        let mut expect = self
            .expects
            .get(&entry.index)
            .copied()
            .unwrap_or(Expect::Anything);
        let change = match entry.verb {
            Verb::Delete => Change::Delete,
            Verb::Patch => {
                let version = current(node, &key)?;
                if expect == Expect::Anything || expect == Expect::Known {
                    expect = Expect::Version(version.version);
                }
                let incoming = patched(node, &version, &entry.patch(node)?)?;
                self.defined.add(node, incoming.tree())?;
                let prepared = write::prepare(node, &key.resource_type, incoming, Method::Patch)?;
                commit.blobs.extend(prepared.blobs);
                Change::Put(prepared.content)
            }
            verb => {
                let method = if verb == Verb::Post {
                    Method::Post
                } else {
                    Method::Put
                };
                let incoming = self.resource(node, entries, entry, &key)?;
                self.defined.add(node, incoming.tree())?;
                let prepared = write::prepare(node, &key.resource_type, incoming, method)?;
                commit.blobs.extend(prepared.blobs);
                Change::Put(prepared.content)
            }
        };
        let planned = Planned::Write {
            position: commit.writes.len(),
            key: key.clone(),
            deletes: entry.verb == Verb::Delete,
            replaced: self.replaced.contains(&entry.index),
        };
        self.plan(entry, planned);
        self.order.push(entry.index);
        commit.writes.push(Write {
            key,
            expect,
            change,
        });
        Ok(())
    }

    /// The resource of an entry, checked and with real identities in place of temporary ones.
    fn resource(
        &mut self,
        node: &Node,
        entries: &[Entry<'_>],
        entry: &Entry<'_>,
        key: &ResourceKey,
    ) -> Result<Incoming> {
        let mut incoming = entry.incoming(node)?;
        write::check(node, &incoming, &key.resource_type)
            .map_err(|error| inside(error, entry.index))?;
        if let (Interaction::Update(_, Target::Id(id)), found) = (&entry.interaction, incoming.id())
            && found != Some(id.as_str())
        {
            return Err(Error::new(
                Kind::Invalid,
                "value",
                "expected the id of the request's URL in the resource, found another or none",
            )
            .at(format!("{}.resource.id", entry.place())));
        }
        let mut wanted = Vec::new();
        conditional_references(incoming.tree(), &mut wanted);
        for reference in wanted {
            self.resolve_conditional(node, entries, &reference)
                .map_err(|error| placed(error, entry))?;
        }
        let base = entry.full_url.as_deref().and_then(base_of);
        let mut replaced = false;
        incoming.change(|tree| {
            replaced = replace(tree, &node.definitions, &self.identities, base);
            replaced
        });
        if replaced {
            self.replaced.insert(entry.index);
        }
        Ok(incoming)
    }

    /// R4: a conditional reference that does not name exactly one resource fails the transaction.
    fn resolve_conditional(
        &mut self,
        node: &Node,
        entries: &[Entry<'_>],
        reference: &str,
    ) -> Result<()> {
        if self.identities.knows_conditional(reference) {
            return Ok(());
        }
        let (resource_type, query) = reference.split_once('?').unwrap_or((reference, ""));
        node.check_type(resource_type)?;
        let criteria = Criteria::parse(node, resource_type, &query_pairs(query)?)?;
        let (expect, stored) = match criteria.find(node)? {
            FoundByCondition::Several => return Err(several()),
            FoundByCondition::One(version) => {
                (Matches::Only(version.key.id.to_string()), Some(version.key))
            }
            FoundByCondition::None => (Matches::None, None),
        };
        if !self.made.contains_key(resource_type) {
            let made = Made::of(node, resource_type, entries, &self.claimed)?;
            self.made.insert(resource_type.to_owned(), made);
        }
        let made = self.made.get(resource_type);
        let mut found = match made {
            Some(made) => made.matching(node, &criteria)?,
            None => Vec::new(),
        };
        // What is changed or deleted here counts as it will be; a patch as it was.
        found.extend(stored.filter(|key| {
            let claim = self.claimed.get(key).and_then(|at| entries.get(*at));
            claim.is_none_or(|entry| entry.verb == Verb::Patch)
        }));
        match (found.pop(), found.pop()) {
            (Some(key), None) => {
                self.conditions
                    .push(criteria.condition(node, expect, None)?);
                self.identities.enter_conditional(reference, key);
                Ok(())
            }
            (Some(_), Some(_)) => Err(several()),
            (None, _) => Err(Error::new(
                Kind::PreconditionFailed,
                "not-found",
                "expected the conditional reference to match one resource, found none",
            )),
        }
    }
}

/// 400: one identity, or one condition, in two entries.
fn again(found: &str, place: String) -> Error {
    let text = format!("expected each resource at most once in a transaction, {found}");
    Error::new(Kind::Invalid, "duplicate", text).at(place)
}

/// The same error, placed at the entry when it names no place of its own in the Bundle.
fn placed(error: Error, entry: &Entry<'_>) -> Error {
    let named = error
        .issues()
        .iter()
        .any(|issue| issue.expression.iter().any(|e| e.starts_with("Bundle.")));
    if named {
        error
    } else {
        error.at(entry.place())
    }
}
