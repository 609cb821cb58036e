//! The order of a result, and where a page begins in it.

use super::super::index_rows::UNDATED;
use super::super::sql::Sql;
use crate::clock::Instant;

/// By what resources are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The clinical date of the type, newest first.
    Clinical,
    LastUpdated,
    Id,
    /// The first text of a parameter.
    Text(i64),
    /// The least low end of a parameter, or the greatest when descending.
    Range(i64),
}

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub by: By,
    pub descending: bool,
}

impl Key {
    /// The order of a search that asks for none: newest first.
    pub const DEFAULT: Key = Key {
        by: By::Clinical,
        descending: false,
    };

    fn is_text(self) -> bool {
        matches!(self.by, By::Id | By::Text(_))
    }
}

/// Which rows of an order are walked: where it rises by the clinical date, those without one come last and
/// stand at the other end of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Dated,
    Undated,
}

/// As many keys as an order may have.
pub const MOST_KEYS: usize = 3;

/// Where a page ended: the keys of its last resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub numbers: [i64; MOST_KEYS],
    pub texts: [String; MOST_KEYS],
    pub pk: i64,
}

/// Collecting and sorting so many rows costs some milliseconds, as does walking a million for twenty
/// matches among them.
pub const FEW: i64 = 2000;

impl Position {
    /// Says where a resource is by one of the keys; without a value it is with those that come last.
    pub fn put(&mut self, place: usize, key: Key, number: Option<i64>, text: Option<String>) {
        let (last_number, last_text) = undefined(key);
        if key.is_text() {
            if let Some(own) = self.texts.get_mut(place) {
                *own = text.unwrap_or(last_text);
            }
        } else if let Some(own) = self.numbers.get_mut(place) {
            *own = number.unwrap_or(last_number);
        }
    }
}

/// A page of a search.
#[derive(Clone, Debug)]
pub struct Page {
    pub limit: usize,
    /// At most [`MOST_KEYS`]; empty is [`Key::DEFAULT`].
    pub keys: Vec<Key>,
    /// Where the page before ended.
    pub after: Option<Position>,
    /// Towards the beginning: the page that ends before `after`.
    pub backward: bool,
    /// Rows up to which a clause that leads is collected and sorted; beyond, rows are walked in order.
    pub few: i64,
    /// Nothing written later than this: a resource that changes while a client pages comes at most once.
    pub until: Option<Instant>,
    /// The edition of the definitions that the clause was made by; `None` depends on none.
    pub edition: Option<i64>,
}

impl Page {
    /// The first page in the usual order.
    pub fn first(limit: usize) -> Self {
        Self {
            limit,
            keys: Vec::new(),
            after: None,
            backward: false,
            few: FEW,
            until: None,
            edition: None,
        }
    }

    pub fn keys(&self) -> &[Key] {
        if self.keys.is_empty() {
            &[Key::DEFAULT]
        } else {
            &self.keys
        }
    }

    /// Whether the page begins among resources that lack the first key, which come last.
    pub(super) fn begins_undefined(&self) -> bool {
        let (Some(key), Some(position)) = (self.keys().first(), &self.after) else {
            return false;
        };
        let (number, text) = undefined(*key);
        if key.is_text() {
            position.texts.first() == Some(&text)
        } else {
            position.numbers.first() == Some(&number)
        }
    }

    /// Whether the order is the one of the index: newest first.
    pub(super) fn is_usual(&self) -> bool {
        self.keys() == [Key::DEFAULT]
    }

    /// The parts that the index has in order each.
    pub(super) fn parts(&self) -> &'static [Part] {
        match self.keys() {
            [key] if key.by == By::Clinical && key.descending => &[Part::Dated, Part::Undated],
            _ => &[Part::All],
        }
    }

    pub(super) fn descends(&self, key: Key) -> bool {
        key.descending != self.backward
    }

    /// Whether ties are resolved by falling `pk`: with the first key, so that an index serves both.
    fn ties_descend(&self) -> bool {
        self.keys().first().is_some_and(|key| self.descends(*key))
    }

    /// Whether all keys go one way.
    fn is_uniform(&self) -> bool {
        let down = self.ties_descend();
        self.keys().iter().all(|key| self.descends(*key) == down)
    }
}

const NUMBERS: [&str; MOST_KEYS] = ["n0", "n1", "n2"];
const TEXTS: [&str; MOST_KEYS] = ["s0", "s1", "s2"];

fn column(index: usize, key: Key) -> &'static str {
    let names = if key.is_text() { TEXTS } else { NUMBERS };
    names.get(index).copied().unwrap_or("pk")
}

/// Appends the columns `n0 … s2` of `t<at>`.
pub fn key_columns<ST>(mut sql: Sql<ST>, page: &Page, part: Part, at: u32) -> Sql<ST> {
    for index in 0..MOST_KEYS {
        let key = page.keys().get(index).copied();
        let (number, text) = match key {
            Some(key) if key.is_text() => (None, Some(key)),
            other => (other, None),
        };
        sql = sql.push(", ");
        sql = match number {
            Some(key) => expression(sql, key, part, at),
            None => sql.push("CAST(0 AS BIGINT)"),
        };
        sql = sql
            .push(" AS ")
            .push(NUMBERS.get(index).copied().unwrap_or(""))
            .push(", ");
        sql = match text {
            Some(key) => expression(sql, key, part, at),
            None => sql.push("CAST('' AS TEXT)"),
        };
        sql = sql
            .push(" AS ")
            .push(TEXTS.get(index).copied().unwrap_or(""));
    }
    sql
}

/// What stands for a key that is missing: it comes last.
fn undefined(key: Key) -> (i64, String) {
    if key.descending {
        (i64::MIN, String::new())
    } else {
        (i64::MAX, char::MAX.to_string())
    }
}

/// Appends the value of a key for `t<at>`. What is missing comes last.
fn expression<ST>(sql: Sql<ST>, key: Key, part: Part, at: u32) -> Sql<ST> {
    match key.by {
        By::Clinical if !key.descending || part == Part::Dated => sql.alias('t', at).push(".sort"),
        By::Clinical if part == Part::Undated => sql.bind(undefined(key).0),
        By::Clinical => sql
            .push("CASE ")
            .alias('t', at)
            .push(".sort WHEN ")
            .bind(UNDATED)
            .push(" THEN ")
            .bind(undefined(key).0)
            .push(" ELSE ")
            .alias('t', at)
            .push(".sort END"),
        By::LastUpdated => sql
            .push("(SELECT q.last_updated FROM resource q WHERE q.pk = ")
            .alias('t', at)
            .push(".pk)"),
        By::Id => sql
            .push("(SELECT q.id FROM resource q WHERE q.pk = ")
            .alias('t', at)
            .push(".pk)"),
        By::Text(param) => sql
            .push(if key.descending {
                "COALESCE((SELECT MAX(s.value)"
            } else {
                "COALESCE((SELECT MIN(s.value)"
            })
            .push(" FROM index_string s WHERE s.pk = ")
            .alias('t', at)
            .push(".pk AND s.param = ")
            .bind(param)
            .push("), ")
            .bind_text(undefined(key).1)
            .push(")"),
        By::Range(param) => sql
            .push(if key.descending {
                "COALESCE((SELECT MAX(g.low)"
            } else {
                "COALESCE((SELECT MIN(g.low)"
            })
            .push(" FROM index_range g WHERE g.pk = ")
            .alias('t', at)
            .push(".pk AND g.param = ")
            .bind(param)
            .push("), ")
            .bind(undefined(key).0)
            .push(")"),
    }
}

/// Appends that `t<at>` belongs to a part.
pub fn within<ST>(sql: Sql<ST>, page: &Page, part: Part, at: u32) -> Sql<ST> {
    let sort = |sql: Sql<ST>| sql.push(" AND ").alias('t', at).push(".sort");
    match part {
        Part::All => sql,
        // The position says more, and SQLite enters the index by one bound only.
        Part::Dated if page.after.is_some() && !page.backward => sql,
        Part::Dated => sort(sql).push(" < ").bind(UNDATED),
        Part::Undated => sort(sql).push(" = ").bind(UNDATED),
    }
}

/// Appends `ORDER BY` over the key columns and `pk`.
pub fn order<ST>(mut sql: Sql<ST>, page: &Page, part: Part) -> Sql<ST> {
    sql = sql.push(" ORDER BY ");
    // The undated have one key for all, which the databases would sort by all the same.
    let keys = if part == Part::Undated {
        &[]
    } else {
        page.keys()
    };
    for (index, key) in keys.iter().enumerate() {
        sql = sql
            .push("x.")
            .push(column(index, *key))
            .push(if page.descends(*key) { " DESC, " } else { ", " });
    }
    sql.push(if page.ties_descend() {
        "x.pk DESC"
    } else {
        "x.pk"
    })
}

/// Appends that a row of a part comes after the position, in the order of the page.
pub fn after<ST>(mut sql: Sql<ST>, page: &Page, part: Part, position: &Position) -> Sql<ST> {
    let keys = page.keys();
    if part == Part::Undated {
        // One key for all of them: their numbers are in order.
        return match (page.begins_undefined(), page.backward) {
            (true, false) => sql.push("x.pk < ").bind(position.pk),
            (true, true) => sql.push("x.pk > ").bind(position.pk),
            (false, false) => sql.push("1 = 1"),
            (false, true) => sql.push("1 = 0"),
        };
    }
    if page.is_uniform() {
        // One comparison of rows, which an index can answer.
        sql = sql.push("(");
        for (index, key) in keys.iter().enumerate() {
            sql = sql.push("x.").push(column(index, *key)).push(", ");
        }
        sql = sql.push(if page.ties_descend() {
            "x.pk) < ("
        } else {
            "x.pk) > ("
        });
        for (index, key) in keys.iter().enumerate() {
            sql = bind(sql, index, *key, position).push(", ");
        }
        return sql.bind(position.pk).push(")");
    }
    sql = sql.push("(");
    for depth in 0..=keys.len() {
        if depth > 0 {
            sql = sql.push(" OR ");
        }
        sql = sql.push("(");
        for (index, key) in keys.iter().enumerate().take(depth) {
            sql = sql.push("x.").push(column(index, *key)).push(" = ");
            sql = bind(sql, index, *key, position).push(" AND ");
        }
        sql = match keys.get(depth) {
            Some(key) => {
                let sql = sql
                    .push("x.")
                    .push(column(depth, *key))
                    .push(if page.descends(*key) { " < " } else { " > " });
                bind(sql, depth, *key, position)
            }
            None => sql
                .push(if page.ties_descend() {
                    "x.pk < "
                } else {
                    "x.pk > "
                })
                .bind(position.pk),
        };
        sql = sql.push(")");
    }
    sql.push(")")
}

fn bind<ST>(sql: Sql<ST>, index: usize, key: Key, position: &Position) -> Sql<ST> {
    if key.is_text() {
        sql.bind_text(position.texts.get(index).cloned().unwrap_or_default())
    } else {
        sql.bind(position.numbers.get(index).copied().unwrap_or(0))
    }
}
