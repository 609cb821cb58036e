//! Which parameters the index has rows of, for every resource.
//!
//! A parameter that was defined or changed later than resources were written has no rows of them yet, or
//! rows of another definition: it is not ready until a job has been over all resources. The hash of the
//! definition that the rows were made by tells.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::connection::AnyConnection;
use super::dialect::{self, Counter};
use super::dictionary::Dictionary;
use super::index_rows::Hasher;
use super::reindex_job::{self, ReindexJob};
use super::setting;
use super::sql::Sql;
use super::transaction::in_transaction;
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::search::Form;

/// What the database says of an edition of the definitions.
pub struct Known {
    pub dictionary: Arc<Dictionary>,
    /// The parameters that the index is not ready for.
    pub unready: HashSet<i64>,
}

/// Enters the names of an edition, and queues a job where the index is not ready for it; `None` when
/// another edition is in force.
pub fn enter(
    connection: &mut AnyConnection,
    edition: i64,
    names: &[(String, Vec<String>)],
    forms: &[Form],
    now: Instant,
) -> Result<Option<Known>> {
    in_transaction(connection, |connection| {
        let counter = dialect::lock_counter(connection)?;
        if counter.edition != edition {
            return Ok(None);
        }
        let hasher = Hasher::new(&setting::key(connection, setting::INDEX_KEY)?);
        let dictionary = Dictionary::load(connection, names, hasher)?;
        let mut state = State::read(connection, &dictionary, forms)?;
        if !state.is_ready() && setting::is_empty(connection)? {
            replace(connection, &dictionary, forms, None)?;
            state = State::default();
        }
        if !state.is_ready() && reindex_job::unfinished(connection)?.is_empty() {
            let job = ReindexJob::of(state.types(&dictionary), edition);
            let id = counter.seq.saturating_add(1);
            reindex_job::insert(connection, id, &job, now)?;
            dialect::raise_counter(connection, Counter { seq: id, ..counter })?;
        }
        Ok(Some(Known {
            unready: state.unready.iter().map(|(param, _)| *param).collect(),
            dictionary: Arc::new(dictionary),
        }))
    })
}

/// Where the index and the definitions differ.
#[derive(Default)]
pub struct State {
    /// Parameters without rows, or with others than they should have, and their types.
    unready: Vec<(i64, String)>,
    /// Parameters that are defined no more.
    stale: Vec<i64>,
}

impl State {
    pub fn read(
        connection: &mut AnyConnection,
        dictionary: &Dictionary,
        forms: &[Form],
    ) -> Result<Self> {
        let rows: Vec<(i64, i64)> =
            Sql::<(BigInt, BigInt)>::new("SELECT param, definition FROM indexed")
                .load(connection)?;
        let mut built: HashMap<i64, i64> = rows.into_iter().collect();
        let mut unready = Vec::new();
        for (param, definition, resource_type) in numbered(dictionary, forms) {
            if built.remove(&param) != Some(definition) {
                unready.push((param, resource_type.to_owned()));
            }
        }
        Ok(Self {
            unready,
            stale: built.into_keys().collect(),
        })
    }

    pub fn is_ready(&self) -> bool {
        self.unready.is_empty() && self.stale.is_empty()
    }

    /// The types whose resources a job must look at.
    pub fn types(&self, dictionary: &Dictionary) -> BTreeSet<String> {
        let types = dictionary.types_of_params();
        let stale = self.stale.iter();
        let stale = stale.filter_map(|param| types.get(param).map(|name| (*name).to_owned()));
        let unready = self.unready.iter().map(|(_, name)| name.clone());
        unready.chain(stale).collect()
    }
}

fn numbered<'a>(
    dictionary: &'a Dictionary,
    forms: &'a [Form],
) -> impl Iterator<Item = (i64, i64, &'a str)> {
    forms.iter().filter_map(|form| {
        let param = dictionary.param(&form.resource_type, &form.name)?;
        let definition = dictionary.hasher().value(&form.definition);
        Some((param, definition, form.resource_type.as_str()))
    })
}

/// Says that the index is ready for the definitions, of some types or of all.
pub fn replace(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    forms: &[Form],
    types: Option<&BTreeSet<String>>,
) -> Result<()> {
    let wanted = |name: &str| types.is_none_or(|types| types.contains(name));
    let rows: Vec<i64> = Sql::<BigInt>::new("SELECT param FROM indexed").load(connection)?;
    let known = dictionary.types_of_params();
    let gone = rows.into_iter();
    let gone = gone.filter(|param| known.get(param).is_none_or(|name| wanted(name)));
    for chunk in gone.collect::<Vec<_>>().chunks(500) {
        Sql::<()>::new("DELETE FROM indexed WHERE param IN ")
            .uncached()
            .bind_list(chunk)
            .execute(connection)?;
    }
    let new: Vec<(i64, i64)> = numbered(dictionary, forms)
        .filter(|(_, _, name)| wanted(name))
        .map(|(param, definition, _)| (param, definition))
        .collect();
    for chunk in new.chunks(500) {
        Sql::<()>::new("INSERT INTO indexed (param, definition) VALUES ")
            .uncached()
            .each(chunk, |sql, (param, definition)| {
                sql.push("(")
                    .bind(*param)
                    .push(", ")
                    .bind(*definition)
                    .push(")")
            })
            .execute(connection)?;
    }
    Ok(())
}
