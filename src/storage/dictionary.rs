//! Small numbers for the names of types and of search parameters.
//!
//! Ids are dealt out once, at start, for everything the definitions know, and never change. Every
//! process reads the same table, so that the numbers in index rows mean the same everywhere.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::AnyConnection;
use super::index_rows::Hasher;
use super::setting;
use super::sql::Sql;
use crate::error::{Error, Result};

/// The dictionary as loaded at start.
#[derive(Clone)]
pub struct Dictionary {
    types: HashMap<String, i64>,
    type_names: HashMap<i64, String>,
    params: HashMap<String, i64>,
    hasher: Hasher,
}

/// The parameter under which every resource of a type is found.
pub const EVERY: &str = "";

impl Dictionary {
    /// Loads the dictionary after entering what it lacks. Runs inside the caller's transaction.
    ///
    /// `names` are the resource types with the codes of their parameters.
    pub fn load(
        connection: &mut AnyConnection,
        names: &[(String, Vec<String>)],
        hasher: Hasher,
    ) -> Result<Self> {
        let mut dictionary = Self {
            types: HashMap::new(),
            type_names: HashMap::new(),
            params: HashMap::new(),
            hasher,
        };
        let mut last = 0;
        for (id, kind, text) in rows(connection)? {
            last = last.max(id);
            dictionary.enter(&kind, text, id);
        }
        let mut missing = Vec::new();
        let mut want = |kind: &'static str, text: String| {
            last = last.saturating_add(1);
            missing.push((last, kind, text));
        };
        for (name, codes) in names {
            if !dictionary.types.contains_key(name) {
                want("type", name.clone());
            }
            for code in codes.iter().map(String::as_str).chain([EVERY]) {
                let text = param_text(name, code);
                if !dictionary.params.contains_key(&text) {
                    want("param", text);
                }
            }
        }
        for chunk in missing.chunks(500) {
            Sql::<()>::new("INSERT INTO dictionary (id, kind, text) VALUES ")
                .uncached()
                .each(chunk, |sql, (id, kind, text)| {
                    sql.push("(")
                        .bind(*id)
                        .push(", ")
                        .bind_text((*kind).to_owned())
                        .push(", ")
                        .bind_text(text.clone())
                        .push(")")
                })
                .execute(connection)?;
        }
        for (id, kind, text) in missing {
            dictionary.enter(kind, text, id);
        }
        Ok(dictionary)
    }

    /// The dictionary of a database as it is: nothing is entered.
    pub fn stored(connection: &mut AnyConnection) -> Result<Self> {
        let key = setting::existing_key(connection, setting::INDEX_KEY)?.unwrap_or_default();
        let mut dictionary = Self {
            types: HashMap::new(),
            type_names: HashMap::new(),
            params: HashMap::new(),
            hasher: Hasher::new(&key),
        };
        for (id, kind, text) in rows(connection)? {
            dictionary.enter(&kind, text, id);
        }
        Ok(dictionary)
    }

    fn enter(&mut self, kind: &str, text: String, id: i64) {
        match kind {
            "type" => {
                self.type_names.insert(id, text.clone());
                self.types.insert(text, id);
            }
            _ => {
                self.params.insert(text, id);
            }
        }
    }

    /// The number of a resource type.
    pub fn type_id(&self, name: &str) -> Result<i64> {
        self.types
            .get(name)
            .copied()
            .ok_or_else(|| Error::internal(format!("the dictionary lacks the type {name}")))
    }

    /// The resource type of a number.
    pub fn type_name(&self, id: i64) -> Result<&str> {
        self.type_names
            .get(&id)
            .map(String::as_str)
            .ok_or_else(|| Error::internal(format!("the dictionary lacks the type number {id}")))
    }

    /// The resource types, sorted.
    pub fn type_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.types.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The number by which references name a resource.
    pub fn link(&self, type_id: i64, id: &str) -> Result<i64> {
        let name = self.type_name(type_id)?;
        Ok(self.hasher.value(&format!("{name}/{id}")))
    }

    /// What turns values into numbers.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// The number under which every resource of a type is found.
    pub fn every(&self, resource_type: &str) -> Result<i64> {
        self.param(resource_type, EVERY).ok_or_else(|| {
            Error::internal(format!("the dictionary lacks the type {resource_type}"))
        })
    }

    /// The resource types that parameters belong to.
    pub fn types_of_params(&self) -> HashMap<i64, &str> {
        let params = self.params.iter();
        params
            .filter_map(|(text, param)| Some((*param, text.split_once('.')?.0)))
            .collect()
    }

    /// The names of parameters by their numbers, `Patient.name`.
    pub fn names_of_params(&self) -> HashMap<i64, String> {
        let params = self.params.iter();
        params.map(|(text, param)| (*param, text.clone())).collect()
    }

    /// The number of a parameter of a resource type; `None` when it is not indexed.
    pub fn param(&self, resource_type: &str, code: &str) -> Option<i64> {
        self.params.get(&param_text(resource_type, code)).copied()
    }
}

fn rows(connection: &mut AnyConnection) -> Result<Vec<(i64, String, String)>> {
    Ok(
        Sql::<(BigInt, Text, Text)>::new("SELECT id, kind, text FROM dictionary")
            .load(connection)?,
    )
}

fn param_text(resource_type: &str, code: &str) -> String {
    format!("{resource_type}.{code}")
}
