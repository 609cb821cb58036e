//! Matches as the index knows them, without their bodies.

use super::database::Database;
use super::index_rows::{IndexRow, IndexRows, StringRow};
use super::search::{self, Clause};
use crate::error::Result;
use crate::fhir::search::text_code;

/// A match without its body.
#[derive(Debug)]
pub struct Outline {
    pub pk: i64,
    /// Minus its clinical date; [`UNDATED`](super::UNDATED) where it has none.
    pub sort: i64,
    /// The values of the parameter, hashed.
    pub values: Vec<i64>,
    /// The texts beside them (`:text`), folded.
    pub texts: Vec<String>,
}

impl Database {
    /// What the index knows of the matches of a search by one parameter, the newest first, at most `limit`.
    pub fn outline(
        &self,
        resource_type: &str,
        clause: Clause,
        param: &str,
        limit: usize,
    ) -> Result<Vec<Outline>> {
        let (name, param) = (resource_type.to_owned(), param.to_owned());
        self.reading(move |connection, dictionary| {
            let every = dictionary.every(&name)?;
            let values = dictionary.param(&name, &param);
            let texts = dictionary.param(&name, &text_code(&param));
            let rows = search::outline(connection, every, &clause, limit)?;
            let outlined = rows.into_iter().map(|(pk, sort, packed)| {
                let rows = IndexRows::unpack(&packed);
                let own = |row: &&IndexRow| Some(row.param) == values;
                let beside = |row: &&StringRow| Some(row.param) == texts;
                let values = rows.values().iter().filter(own).map(|row| row.value);
                let texts = rows.strings().iter().filter(beside);
                Outline {
                    pk,
                    sort,
                    values: values.collect(),
                    texts: texts.map(|row| row.value.clone()).collect(),
                }
            });
            Ok(outlined.collect())
        })
    }
}
