//! Search: from clauses to rows.
//!
//! One clause leads: its rows are collected when they are few, else walked in the order that was
//! asked for. The other clauses are probed on each row. Where a page ends is a position among the
//! keys of the order, so that every page costs the same.

mod clause;
mod explain;
mod include;
mod leader;
mod links;
mod merge;
mod order;
mod present;
mod probe;
mod selection;
mod window;

use std::borrow::Cow;
use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::connection::AnyConnection;
use super::dialect::Joins;
use super::dictionary::Dictionary;
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;

pub use clause::{Clause, Like, Range};
pub use explain::{Explanation, Statement};
pub use include::{Direction, Step, by_number, reached};
pub use order::{By, Key, MOST_KEYS, Page, Position};
pub use selection::{Restrictions, Selection, known_of};

use explain::Notes;
use include::of_found;
use leader::{Leader, Pair, Planning, best, value_rows};
use order::{FEW, Part};
use present::narrowed;
use probe::{Names, probe};
use window::{WIDTHS, window};

/// Number of the alias of the rows that a search walks.
const ROWS: u32 = 0;

/// Values of a leader that are walked one by one; SQLite takes no more than 500 branches.
const MOST_BRANCHES: usize = 200;

/// A found resource: its position, then the columns of a version.
pub struct FoundRow {
    pub position: Position,
    pub version: FoundVersion,
}

/// id, version, last_updated, method, body, blob.
pub type FoundVersion = (String, i64, i64, i64, Vec<u8>, Option<Vec<u8>>);

type KeySql = (BigInt, BigInt, Text, BigInt, Text, BigInt, Text);
type KeyRow = (i64, i64, String, i64, String, i64, String);
type VersionSql = (Text, BigInt, BigInt, BigInt, Binary, Nullable<Binary>);

/// The resources of a page, in order.
pub fn page(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    selection: &Selection,
    page: &Page,
) -> Result<Vec<FoundRow>> {
    planned(
        connection,
        dictionary,
        selection,
        page,
        &mut Notes::default(),
    )
}

/// The same, with a note of each choice.
fn planned(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    selection: &Selection,
    page: &Page,
    notes: &mut Notes,
) -> Result<Vec<FoundRow>> {
    let (type_id, every) = (selection.type_id(), every(dictionary, selection)?);
    let mut planning = Planning::new(connection, page.few, notes);
    let there = narrowed(connection, selection.clause())?;
    let clause = known(connection, &there, &mut planning)?;
    let alone = if page.is_usual() { 1 } else { 0 };
    let walk = Walk::new(connection, every, &clause, &mut planning, alone)?;
    walk.note(notes);
    if let Some(rows) = walk.first_of_each(connection, page)? {
        notes.note(|_| "the first rows of each value were merged".to_owned());
        return Ok(rows);
    }
    if walk.leader.rows >= page.few {
        let everything = flat(&clause);
        for width in WIDTHS {
            let rows = page.limit.saturating_mul(width);
            let Some(leader) = window(connection, type_id, page, rows)? else {
                break;
            };
            let windowed = Walk {
                joins: walk.joins,
                leader,
                values: None,
                probed: everything.clone(),
            };
            let found = windowed.page(connection, page)?;
            notes.note(|_| {
                let enough = found.len() >= page.limit;
                let told = if enough { "enough" } else { "too little" };
                format!("the next {rows} rows of the index of the order hold {told} for a page")
            });
            if found.len() >= page.limit {
                return Ok(found);
            }
        }
    }
    walk.page(connection, page)
}

/// A match without its body: its number and order, its id, when it was changed, its packed index rows.
pub type OutlineRow = (i64, i64, String, i64, Vec<u8>);

/// Matches without their bodies, newest first, at most `limit`; none that was written after `until`.
pub fn outline(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    selection: &Selection,
    until: Option<Instant>,
    limit: usize,
) -> Result<Vec<OutlineRow>> {
    let every = every(dictionary, selection)?;
    let page = Page {
        until,
        ..Page::first(limit)
    };
    let mut notes = Notes::default();
    let mut planning = Planning::new(connection, page.few, &mut notes);
    let there = narrowed(connection, selection.clause())?;
    let clause = known(connection, &there, &mut planning)?;
    let walk = Walk::new(connection, every, &clause, &mut planning, 1)?;
    let select = "SELECT x.pk, x.n0, r.id, r.last_updated, r.index_rows FROM (";
    let sql = Sql::<(BigInt, BigInt, Text, BigInt, Binary)>::new(select)
        .uncached()
        .append(walk.ordered(&page))
        .push(") x");
    let sql = walk.joins.look_up(
        sql,
        "resource",
        |sql| sql.push("r"),
        |sql| sql.push("r.pk = x.pk"),
    );
    Ok(order::order(sql, &page, Part::All).load(connection)?)
}

impl Walk<'_> {
    /// The page, when it is made of the first rows of several values and nothing is probed.
    fn first_of_each(
        &self,
        connection: &mut AnyConnection,
        page: &Page,
    ) -> Result<Option<Vec<FoundRow>>> {
        let (Some((param, values)), true) = (self.values, page.is_usual()) else {
            return Ok(None);
        };
        if values.len() < 2 || !self.probed.is_empty() {
            return Ok(None);
        }
        let mut pairs = merge::first(connection, param, values, page)?;
        if page.backward {
            pairs.reverse();
        }
        let pks: Vec<i64> = pairs.iter().map(|(_, pk)| *pk).collect();
        let mut versions: HashMap<i64, FoundVersion> = of_found(connection, &pks)?
            .into_iter()
            .map(|(_, pk, version)| (pk, version))
            .collect();
        let rows = pairs.into_iter().filter_map(|(sort, pk)| {
            Some(FoundRow {
                position: Position {
                    numbers: [sort, 0, 0],
                    pk,
                    ..Position::default()
                },
                version: versions.remove(&pk)?,
            })
        });
        Ok(Some(rows.collect()))
    }

    /// The rows of a page in order, without what is told of them.
    fn ordered(&self, page: &Page) -> Sql<()> {
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        let mut inner = Sql::<()>::new("");
        let branches = self.branches(page);
        let several = branches.len() > 1;
        for (index, source) in branches.into_iter().enumerate() {
            let part = source.part;
            let rows = self.rows(page, source);
            inner = inner.push(if index > 0 { " UNION " } else { "" });
            inner = if several {
                inner.push("SELECT * FROM (")
            } else {
                inner
            };
            inner = order::order(inner.append(rows), page, part)
                .push(" LIMIT ")
                .bind(limit);
            if several {
                inner = inner
                    .push(") ")
                    .alias('b', u32::try_from(index).unwrap_or(0));
            }
        }
        if several {
            let all = Sql::new("SELECT * FROM (").append(inner).push(") x");
            inner = order::order(all, page, Part::All)
                .push(" LIMIT ")
                .bind(limit);
        }
        inner
    }

    fn page(&self, connection: &mut AnyConnection, page: &Page) -> Result<Vec<FoundRow>> {
        let select = "SELECT x.pk, x.n0, x.s0, x.n1, x.s1, x.n2, x.s2, \
                  r.id, r.version, r.last_updated, r.method, r.body, r.blob FROM (";
        let sql = Sql::<(KeySql, VersionSql)>::new(select)
            .uncached()
            .append(self.ordered(page))
            .push(") x");
        let sql = self.joins.look_up(
            sql,
            "resource",
            |sql| sql.push("r"),
            |sql| sql.push("r.pk = x.pk"),
        );
        let rows: Vec<(KeyRow, FoundVersion)> =
            order::order(sql, page, Part::All).load(connection)?;
        let mut found: Vec<FoundRow> = rows
            .into_iter()
            .map(|((pk, n0, s0, n1, s1, n2, s2), version)| FoundRow {
                position: Position {
                    numbers: [n0, n1, n2],
                    texts: [s0, s1, s2],
                    pk,
                },
                version,
            })
            .collect();
        if page.backward {
            found.reverse();
        }
        Ok(found)
    }
}

/// How many resources match.
pub fn count(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    selection: &Selection,
) -> Result<i64> {
    let every = every(dictionary, selection)?;
    let mut notes = Notes::default();
    let mut planning = Planning::new(connection, FEW, &mut notes);
    let there = narrowed(connection, selection.clause())?;
    let clause = known(connection, &there, &mut planning)?;
    let walk = Walk::new(connection, every, &clause, &mut planning, usize::MAX)?;
    let sql = Sql::<BigInt>::new(if walk.leader.unique {
        "SELECT COUNT(*) FROM ("
    } else {
        "SELECT COUNT(DISTINCT t0.pk) FROM ("
    })
    .uncached()
    .append(walk.leader.sql.clone())
    .push(") ")
    .alias('t', ROWS)
    .push(" WHERE ");
    Ok(walk.probes(sql).get_result(connection)?)
}

/// The logical ids of at most `limit` resources that match, in the usual order: for preconditions.
pub fn ids(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    selection: &Selection,
    limit: usize,
) -> Result<Vec<String>> {
    let rows = page(connection, dictionary, selection, &Page::first(limit))?;
    Ok(rows.into_iter().map(|row| row.version.0).collect())
}

/// The number under which every resource of the type is found.
fn every(dictionary: &Dictionary, selection: &Selection) -> Result<i64> {
    dictionary.every(dictionary.type_name(selection.type_id())?)
}

/// The clause with what can be known beforehand.
fn known<'a>(
    connection: &mut AnyConnection,
    clause: &'a Clause,
    planning: &mut Planning<'_>,
) -> Result<Cow<'a, Clause>> {
    if !clause.has_chain() {
        return Ok(Cow::Borrowed(clause));
    }
    links::resolved(connection, clause, planning).map(Cow::Owned)
}

/// Rows to start from, all of them or a part.
struct Source {
    /// Selects sort and pk.
    sql: Sql<Pair>,
    /// Whether each resource comes once.
    unique: bool,
    part: Part,
}

/// What is walked, and what is probed.
struct Walk<'a> {
    joins: Joins,
    leader: Leader,
    /// The values of the leader, when it may be split into walks that are in order each.
    values: Option<(i64, &'a [i64])>,
    probed: Vec<&'a Clause>,
}

impl<'a> Walk<'a> {
    /// `alone`: a clause with at most so many values is walked uncounted when it is the only one.
    fn new(
        connection: &mut AnyConnection,
        every: i64,
        clause: &'a Clause,
        planning: &mut Planning<'_>,
        alone: usize,
    ) -> Result<Self> {
        let (joins, few) = (planning.names.joins, planning.few);
        let clauses = flat(clause);
        if let [only] = clauses.as_slice()
            && let Some((param, values)) = only.walkable()
            && values.len() <= alone
        {
            // Nothing to choose from, and its rows are in order or need none.
            let only = *only;
            (planning.notes)
                .note(|names| format!("walked, being the only condition: {}", names.words(only)));
            return Ok(Self::walking(joins, param, values, Vec::new(), few));
        }
        let found = best(connection, clauses.iter().copied(), planning)?;
        if let Some((index, leader)) = found {
            let values = clauses.get(index).and_then(|clause| clause.walkable());
            if leader.rows < few || values.is_some() {
                let exact = leader.exact;
                planning.notes.note(|names| {
                    let least = if leader.rows < few { "" } else { "at least " };
                    let led = clauses.get(index).map(|clause| names.words(clause));
                    format!(
                        "led by {} ({least}{} rows)",
                        led.unwrap_or_default(),
                        leader.rows
                    )
                });
                return Ok(Self {
                    joins,
                    values: values.filter(|_| leader.rows >= few),
                    leader,
                    probed: but(clauses, exact.then_some(index)),
                });
            }
        }
        // Everything is frequent: a value that is in order already, or the whole type.
        let walked = clauses
            .iter()
            .position(|clause| clause.walkable().is_some());
        let (param, values) = walked
            .and_then(|at| clauses.get(at))
            .and_then(|clause| clause.walkable())
            .unwrap_or((every, &[0]));
        (planning.notes).note(|names| {
            let walked = names.param(param);
            format!("everything is frequent: the rows of {walked} are walked in their order")
        });
        Ok(Self::walking(
            joins,
            param,
            values,
            but(clauses, walked),
            few,
        ))
    }

    /// The rows of some values, in the order of each.
    fn walking(
        joins: Joins,
        param: i64,
        any_of: &'a [i64],
        probed: Vec<&'a Clause>,
        few: i64,
    ) -> Self {
        Self {
            joins,
            leader: Leader {
                sql: value_rows(param, any_of),
                rows: few,
                unique: any_of.len() < 2,
                exact: true,
            },
            values: Some((param, any_of)),
            probed,
        }
    }

    /// The rows to start from; several sources when each of them is in order by itself.
    fn branches(&self, page: &Page) -> Vec<Source> {
        let whole = |part| Source {
            sql: self.leader.sql.clone(),
            unique: self.leader.unique,
            part,
        };
        match self.values {
            Some((param, any_of))
                if (2..=MOST_BRANCHES).contains(&any_of.len()) && page.is_usual() =>
            {
                let each = any_of.iter();
                each.map(|value| Source {
                    sql: value_rows(param, std::slice::from_ref(value)),
                    unique: true,
                    part: Part::All,
                })
                .collect()
            }
            Some(_) => page.parts().iter().copied().map(whole).collect(),
            None => vec![whole(Part::All)],
        }
    }

    /// The matching rows of one source with the columns of the order, as `x`.
    fn rows(&self, page: &Page, source: Source) -> Sql<()> {
        let at = ROWS;
        let mut sql = Sql::<()>::new(if source.unique {
            "SELECT * FROM (SELECT "
        } else {
            "SELECT * FROM (SELECT DISTINCT "
        })
        .alias('t', at)
        .push(".pk");
        sql = order::key_columns(sql, page, source.part, at)
            .push(" FROM (")
            .append(source.sql)
            .push(") ")
            .alias('t', at)
            .push(" WHERE ");
        sql = order::within(self.probes(sql), page, source.part, at);
        if let Some(latest) = latest(self.probed.iter().copied()) {
            // What is dated later cannot match, and is not walked.
            sql = sql
                .push(" AND ")
                .alias('t', at)
                .push(".sort >= ")
                .bind(latest.saturating_neg());
        }
        if let Some(until) = page.until {
            sql = sql
                .push(" AND EXISTS (SELECT 1 FROM resource q WHERE q.pk = ")
                .alias('t', at)
                .push(".pk AND q.last_updated <= ")
                .bind(until)
                .push(") IS TRUE");
        }
        sql = sql.push(") x");
        match &page.after {
            Some(position) => order::after(sql.push(" WHERE "), page, source.part, position),
            None => sql,
        }
    }

    /// Writes down what is looked at row by row.
    fn note(&self, notes: &mut Notes) {
        for clause in &self.probed {
            notes.note(|names| format!("probed for each row: {}", names.words(clause)));
        }
    }

    fn probes<ST>(&self, mut sql: Sql<ST>) -> Sql<ST> {
        let mut names = Names::new(self.joins);
        sql = sql.push("1 = 1");
        for clause in &self.probed {
            sql = probe(sql.push(" AND "), clause, ROWS, &mut names);
        }
        sql
    }
}

/// The clauses without one of them.
fn but(mut clauses: Vec<&Clause>, index: Option<usize>) -> Vec<&Clause> {
    if let Some(index) = index {
        clauses.remove(index);
    }
    clauses
}

/// The latest clinical date that all of the clauses allow.
fn latest<'a>(clauses: impl Iterator<Item = &'a Clause>) -> Option<i64> {
    clauses.filter_map(latest_of).min()
}

fn latest_of(clause: &Clause) -> Option<i64> {
    match clause {
        Clause::All(clauses) => latest(clauses.iter()),
        Clause::Any(clauses) => {
            let each = clauses.iter().map(latest_of);
            each.collect::<Option<Vec<_>>>()?.into_iter().max()
        }
        // The earliest beginning is not later than that of the interval that matches.
        Clause::Range(range) if range.clinical => Some(range.low.1.min(range.high.1)),
        _ => None,
    }
}

/// The clauses that must all hold.
fn flat(clause: &Clause) -> Vec<&Clause> {
    match clause {
        Clause::All(clauses) => clauses.iter().flat_map(flat).collect(),
        other => vec![other],
    }
}
