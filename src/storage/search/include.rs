//! What is added to a page: resources that matches refer to, and resources that refer to matches.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::super::connection::AnyConnection;
use super::super::sql::Sql;
use super::FoundVersion;
use crate::error::Result;

/// Which way references are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `_include`
    Forward,
    /// `_revinclude`
    Reverse,
}

/// One step along references.
#[derive(Clone, Debug)]
pub struct Step {
    pub direction: Direction,
    /// Numbers of the parameters.
    pub params: Vec<i64>,
    /// The type of what is added; `None` is any.
    pub type_id: Option<i64>,
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
    let sql = match step.direction {
        Direction::Forward => Sql::<BigInt>::new(
            "SELECT DISTINCT r.pk FROM index_link l CROSS JOIN index_resource r WHERE r.link = l.link AND l.pk IN ",
        )
        .bind_list(from)
        .push(" AND l.param IN ")
        .bind_list(&step.params),
        Direction::Reverse => Sql::<BigInt>::new(
            "SELECT DISTINCT r.pk FROM index_resource m CROSS JOIN index_value v CROSS JOIN index_resource r WHERE v.patient = 0 AND v.param IN ",
        )
        .bind_list(&step.params)
        .push(" AND v.value = m.link AND r.pk = v.pk AND m.pk IN ")
        .bind_list(from),
    };
    let mut sql = sql.uncached();
    if let Some(type_id) = step.type_id {
        sql = sql.push(" AND r.type = ").bind(type_id);
    }
    Ok(sql
        .push(" ORDER BY r.pk LIMIT ")
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?)
}

type RowSql = (
    BigInt,
    BigInt,
    (Text, BigInt, BigInt, BigInt, Binary, Nullable<Binary>),
);

/// Resources by number.
pub fn by_number(connection: &mut AnyConnection, pks: &[i64]) -> Result<Vec<Included>> {
    let mut found = Vec::with_capacity(pks.len());
    for chunk in pks.chunks(500) {
        let rows: Vec<Included> = Sql::<RowSql>::new(
            "SELECT r.type, r.pk, r.id, r.version, r.last_updated, r.method, r.body, r.blob \
             FROM resource r WHERE r.pk IN ",
        )
        .uncached()
        .bind_list(chunk)
        .push(" AND r.deleted = ")
        .bind_bool(false)
        .push(" ORDER BY r.pk")
        .load(connection)?;
        found.extend(rows);
    }
    Ok(found)
}
