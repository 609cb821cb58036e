//! Matches as the index knows them, without their bodies.

use super::database::{Database, began};
use super::index_rows::{IndexRow, IndexRows, StringRow};
use super::search::{self, Page, Selection};
use crate::clock::Instant;
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

/// A match as the index knows it as a whole.
#[derive(Debug)]
pub struct Listed {
    pub pk: i64,
    pub id: String,
    pub last_updated: Instant,
    pub rows: IndexRows,
}

impl Database {
    /// All matches of a search as the index knows them, at most `limit`, in the state that a page is of; and
    /// the time of the latest write then.
    pub fn list(
        &self,
        selection: Selection,
        page: &Page,
        limit: usize,
    ) -> Result<(Vec<Listed>, Instant)> {
        let (until, edition) = (page.until, page.edition);
        self.reading(move |connection, dictionary| {
            let latest = began(connection, until, edition)?;
            let rows = search::outline(connection, dictionary, &selection, until, limit)?;
            let listed = rows.into_iter();
            let listed = listed.map(|(pk, _, id, last_updated, packed)| Listed {
                pk,
                id,
                last_updated,
                rows: IndexRows::unpack(&packed),
            });
            Ok((listed.collect(), latest))
        })
    }

    /// What the index knows of the matches of a search by one parameter, the newest first, at most `limit`.
    pub fn outline(&self, selection: Selection, param: &str, limit: usize) -> Result<Vec<Outline>> {
        let param = param.to_owned();
        self.reading(move |connection, dictionary| {
            let name = dictionary.type_name(selection.type_id())?;
            let values = dictionary.param(name, &param);
            let texts = dictionary.param(name, &text_code(&param));
            let rows = search::outline(connection, dictionary, &selection, None, limit)?;
            let outlined = rows.into_iter().map(|(pk, sort, _, _, packed)| {
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
