//! From a search to SQL.
//!
//! One parameter leads: its covering rows are walked in page order. The others are probed row by
//! row on their own covering rows, whose key is then known completely. The choice of the leader is
//! ours, not the planner's (`docs/storage.md`).

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::connection::AnyConnection;
use super::index_rows::IndexRows;
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;

/// One condition of a search; all of them must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// A parameter of the type has one of these values.
    Value { param: i64, any_of: Vec<i64> },
    /// The logical id is one of these.
    Id(Vec<String>),
    /// Last changed within `[low, high)`, microseconds.
    LastUpdated { low: Instant, high: Instant },
    /// Nothing matches: a value that cannot occur.
    Nothing,
}

/// A page of a search.
#[derive(Clone, Debug)]
pub struct Page {
    /// The order key of the last entry already delivered.
    pub after: Option<(i64, i64)>,
    pub limit: usize,
}

/// A found resource: the order key (sort, pk), then the columns of a version.
pub type FoundRow = (i64, i64, String, i64, i64, i64, Vec<u8>, Option<Vec<u8>>);
type FoundSql = (
    BigInt,
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    Binary,
    Nullable<Binary>,
);

/// The resources of a page, in order.
pub fn page(
    connection: &mut AnyConnection,
    type_id: i64,
    every: i64,
    clauses: &[Clause],
    page: &Page,
) -> Result<Vec<FoundRow>> {
    if clauses.contains(&Clause::Nothing) {
        return Ok(Vec::new());
    }
    if let Some(ids) = named_ids(clauses) {
        let mut rows = by_ids(connection, type_id, ids, clauses)?;
        rows.retain(|row| page.after.is_none_or(|after| (row.0, row.1) > after));
        rows.truncate(page.limit);
        return Ok(rows);
    }
    let select =
        "SELECT DISTINCT d.sort, r.pk, r.id, r.version, r.last_updated, r.method, r.body, r.blob ";
    let mut sql = from_where(Sql::<FoundSql>::new(select), type_id, every, clauses);
    if let Some((sort, pk)) = page.after {
        sql = sql
            .push(" AND (d.sort, d.pk) > (")
            .bind(sort)
            .push(", ")
            .bind(pk)
            .push(")");
    }
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let rows = sql
        .push(" ORDER BY d.sort, r.pk LIMIT ")
        .bind(limit)
        .load(connection)?;
    Ok(rows)
}

/// How many resources match.
pub fn count(
    connection: &mut AnyConnection,
    type_id: i64,
    every: i64,
    clauses: &[Clause],
) -> Result<i64> {
    if clauses.contains(&Clause::Nothing) {
        return Ok(0);
    }
    if let Some(ids) = named_ids(clauses) {
        let rows = by_ids(connection, type_id, ids, clauses)?;
        return Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX));
    }
    let sql = Sql::<BigInt>::new("SELECT COUNT(DISTINCT d.pk) ");
    Ok(from_where(sql, type_id, every, clauses).get_result(connection)?)
}

/// `FROM` the leading rows `WHERE` everything holds.
fn from_where<ST>(mut sql: Sql<ST>, type_id: i64, every: i64, clauses: &[Clause]) -> Sql<ST> {
    let leader = leader(clauses);
    sql = sql.uncached().push(
        "FROM index_value d JOIN resource r ON r.pk = d.pk WHERE d.patient = 0 AND d.param = ",
    );
    sql = match leader.and_then(|index| clauses.get(index)) {
        Some(Clause::Value { param, any_of }) => {
            sql.bind(*param).push(" AND d.value IN ").bind_list(any_of)
        }
        _ => sql.bind(every).push(" AND d.value = 0"),
    };
    sql = sql.push(" AND r.type = ").bind(type_id);
    for (index, clause) in clauses.iter().enumerate() {
        if Some(index) == leader {
            continue;
        }
        sql = match clause {
            Clause::Value { param, any_of } => sql
                .push(" AND EXISTS (SELECT 1 FROM index_value p WHERE p.patient = 0 AND p.param = ")
                .bind(*param)
                .push(" AND p.value IN ")
                .bind_list(any_of)
                .push(" AND p.sort = d.sort AND p.pk = d.pk)"),
            Clause::LastUpdated { low, high } => sql
                .push(" AND r.last_updated >= ")
                .bind(*low)
                .push(" AND r.last_updated < ")
                .bind(*high),
            // Dealt with before SQL is built.
            Clause::Id(_) | Clause::Nothing => sql.push(" AND 1 = 0"),
        };
    }
    sql.push(" AND r.deleted = ").bind_bool(false)
}

/// The clause whose rows lead: the one with the fewest values.
fn leader(clauses: &[Clause]) -> Option<usize> {
    clauses
        .iter()
        .enumerate()
        .filter_map(|(index, clause)| match clause {
            Clause::Value { any_of, .. } => Some((any_of.len(), index)),
            _ => None,
        })
        .min()
        .map(|(_, index)| index)
}

fn ids_in<ST>(sql: Sql<ST>, ids: &[String]) -> Sql<ST> {
    if ids.is_empty() {
        return sql.push("(NULL)");
    }
    sql.push("(")
        .each(ids, |sql, id| sql.bind_text(id.clone()))
        .push(")")
}

/// The ids of a search by `_id`; the first such clause, the others are probed.
fn named_ids(clauses: &[Clause]) -> Option<&[String]> {
    clauses.iter().find_map(|clause| match clause {
        Clause::Id(ids) => Some(ids.as_slice()),
        _ => None,
    })
}

type CandidateSql = (
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    Binary,
    Nullable<Binary>,
    Binary,
);
type CandidateRow = (
    i64,
    String,
    i64,
    i64,
    i64,
    Vec<u8>,
    Option<Vec<u8>>,
    Vec<u8>,
);

/// A search that names ids: the rows are few, and their packed index rows tell the rest.
fn by_ids(
    connection: &mut AnyConnection,
    type_id: i64,
    ids: &[String],
    clauses: &[Clause],
) -> Result<Vec<FoundRow>> {
    let sql = Sql::<CandidateSql>::new(
        "SELECT r.pk, r.id, r.version, r.last_updated, r.method, r.body, r.blob, r.index_rows \
         FROM resource r WHERE r.type = ",
    )
    .uncached()
    .bind(type_id)
    .push(" AND r.id IN ");
    let candidates: Vec<CandidateRow> = ids_in(sql, ids)
        .push(" AND r.deleted = ")
        .bind_bool(false)
        .load(connection)?;
    let mut found = Vec::with_capacity(candidates.len());
    for (pk, id, version, last_updated, method, body, blob, packed) in candidates {
        let rows = IndexRows::unpack(&packed);
        if clauses
            .iter()
            .all(|clause| clause.matches(&id, last_updated, &rows))
        {
            found.push((rows.sort, pk, id, version, last_updated, method, body, blob));
        }
    }
    found.sort_unstable_by_key(|row| (row.0, row.1));
    Ok(found)
}

impl Clause {
    /// Whether a resource with these index rows satisfies the clause: the second interpreter,
    /// for rows that are at hand.
    pub fn matches(&self, id: &str, last_updated: Instant, rows: &IndexRows) -> bool {
        match self {
            Clause::Value { param, any_of } => {
                any_of.iter().any(|value| rows.contains(*param, *value))
            }
            Clause::Id(ids) => ids.iter().any(|wanted| wanted == id),
            Clause::LastUpdated { low, high } => (*low..*high).contains(&last_updated),
            Clause::Nothing => false,
        }
    }
}

/// The logical ids of at most `limit` resources that match, in page order: for preconditions.
pub fn ids(
    connection: &mut AnyConnection,
    type_id: i64,
    every: i64,
    clauses: &[Clause],
    limit: usize,
) -> Result<Vec<String>> {
    let first = Page { after: None, limit };
    let rows = page(connection, type_id, every, clauses, &first)?;
    Ok(rows.into_iter().map(|row| row.2).collect())
}
