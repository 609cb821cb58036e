//! Long lists of values, cut down to those that are there.
//!
//! A value set may name a thousand codes of which the data have a dozen. One look at the index for each is cheap;
//! a walk, a probe or a branch for each is not.

use std::borrow::Cow;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::connection::AnyConnection;
use super::super::sql::Sql;
use super::clause::Clause;
use crate::error::Result;

/// Lists up to this length are taken as they are.
const SHORT: usize = 50;

/// The same clause with no value in its long lists that no resource has.
pub fn narrowed<'a>(connection: &mut AnyConnection, clause: &'a Clause) -> Result<Cow<'a, Clause>> {
    if !is_long(clause) {
        return Ok(Cow::Borrowed(clause));
    }
    let mut clause = clause.clone();
    narrow(connection, &mut clause)?;
    Ok(Cow::Owned(clause))
}

fn is_long(clause: &Clause) -> bool {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().any(is_long),
        Clause::Not(clause) => is_long(clause),
        Clause::Has { sources, .. } => is_long(sources.clause()),
        Clause::Chain { targets, .. } => targets.iter().any(|target| is_long(target.clause())),
        Clause::Value { any_of, .. } => any_of.len() > SHORT,
        _ => false,
    }
}

fn narrow(connection: &mut AnyConnection, clause: &mut Clause) -> Result<()> {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => {
            for clause in clauses {
                narrow(connection, clause)?;
            }
        }
        Clause::Not(clause) => narrow(connection, clause)?,
        Clause::Has { sources, .. } => narrow(connection, sources.clause_mut())?,
        Clause::Chain { targets, .. } => {
            for target in targets {
                narrow(connection, target.clause_mut())?;
            }
        }
        Clause::Value { param, any_of } if any_of.len() > SHORT => {
            *any_of = present(connection, *param, any_of)?;
        }
        _ => {}
    }
    Ok(())
}

fn present(connection: &mut AnyConnection, param: i64, any_of: &[i64]) -> Result<Vec<i64>> {
    let sql = Sql::<BigInt>::new("SELECT x.column1 FROM (VALUES ")
        .uncached()
        .each(any_of, |sql, value| sql.push("(").bind(*value).push(")"))
        .push(") x WHERE EXISTS (SELECT 1 FROM index_value v WHERE v.patient = 0 AND v.param = ")
        .bind(param)
        // The truth of it is asked, so that PostgreSQL looks each value up and makes no join of it.
        .push(" AND v.value = x.column1) IS TRUE");
    Ok(sql.load(connection)?)
}
