//! What is added to a page: resources that matches refer to, and resources that refer to matches.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::super::connection::AnyConnection;
use super::super::dialect::Joins;
use super::super::sql::Sql;
use super::FoundVersion;
use super::leader::ordered;
use super::selection::{Restrictions, known_of};
use crate::error::Result;

/// Which way references are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `_include`
    Forward,
    /// `_revinclude`
    Reverse,
}

/// One step along references, to what may be known of.
#[derive(Clone, Debug)]
pub struct Step {
    direction: Direction,
    params: Vec<i64>,
    type_id: Option<i64>,
    restrictions: Restrictions,
}

impl Step {
    /// By the numbers of some parameters to resources of a type; `None` is any.
    pub fn new(
        direction: Direction,
        params: Vec<i64>,
        type_id: Option<i64>,
        restrictions: &Restrictions,
    ) -> Self {
        Self {
            direction,
            params,
            type_id,
            restrictions: restrictions.clone(),
        }
    }
}

/// A resource to add: type, pk, version.
pub type Included = (i64, i64, FoundVersion);

/// The numbers of the resources that a step leads to from `from`, at most `limit`, in order.
pub fn reached(
    connection: &mut AnyConnection,
    from: &[i64],
    step: &Step,
    limit: usize,
) -> Result<Vec<i64>> {
    if from.is_empty() || step.params.is_empty() {
        return Ok(Vec::new());
    }
    let joins = Joins::of(connection);
    let mut sql = match step.direction {
        Direction::Forward => {
            let sql = Sql::<BigInt>::new("SELECT DISTINCT r.pk FROM index_link l");
            joins
                .look_up(
                    sql,
                    "index_resource",
                    |sql| sql.push("r"),
                    |sql| sql.push("r.link = l.link"),
                )
                .push(" WHERE l.pk IN ")
                .bind_list(from)
                .push(" AND l.param IN ")
                .bind_list(&step.params)
        }
        Direction::Reverse => {
            let sql = Sql::<BigInt>::new("SELECT DISTINCT r.pk FROM index_resource m");
            let sql = joins.look_up(
                sql,
                "index_value",
                |sql| sql.push("v"),
                |sql| {
                    sql.push("v.patient = 0 AND v.param IN ")
                        .bind_list(&step.params)
                        .push(" AND v.value = m.link")
                },
            );
            ordered(joins, sql, "v.pk")
                .push(" WHERE m.pk IN ")
                .bind_list(from)
        }
    }
    .uncached();
    if let Some(type_id) = step.type_id {
        sql = sql.push(" AND r.type = ").bind(type_id);
    }
    Ok(known_of(sql, "r", step.type_id, &step.restrictions, joins)
        .push(" ORDER BY r.pk LIMIT ")
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?)
}

type RowSql = (
    BigInt,
    BigInt,
    (Text, BigInt, BigInt, BigInt, Binary, Nullable<Binary>),
);

/// Resources by number, of those that may be known of.
pub fn by_number(
    connection: &mut AnyConnection,
    pks: &[i64],
    restrictions: &Restrictions,
) -> Result<Vec<Included>> {
    let joins = Joins::of(connection);
    numbered(connection, pks, |sql| {
        known_of(sql, "r", None, restrictions, joins)
    })
}

/// Resources by number, which a search has found.
pub(super) fn of_found(connection: &mut AnyConnection, pks: &[i64]) -> Result<Vec<Included>> {
    numbered(connection, pks, |sql| sql)
}

fn numbered(
    connection: &mut AnyConnection,
    pks: &[i64],
    only: impl Fn(Sql<RowSql>) -> Sql<RowSql>,
) -> Result<Vec<Included>> {
    let mut found = Vec::with_capacity(pks.len());
    for chunk in pks.chunks(500) {
        let sql = Sql::<RowSql>::new(
            "SELECT r.type, r.pk, r.id, r.version, r.last_updated, r.method, r.body, r.blob \
             FROM resource r WHERE r.pk IN ",
        )
        .uncached()
        .bind_list(chunk)
        .push(" AND r.deleted = ")
        .bind_bool(false);
        let rows: Vec<Included> = only(sql).push(" ORDER BY r.pk").load(connection)?;
        found.extend(rows);
    }
    Ok(found)
}
