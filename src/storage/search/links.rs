//! Chains whose targets are few enough to be named.
//!
//! `patient.identifier=…` names one patient, or ten. Once their hashes are known the chain is a list of
//! values like any other: counted on the index, walked newest first, without a join.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::connection::AnyConnection;
use super::super::sql::Sql;
use super::clause::Clause;
use super::leader::{Planning, leader};
use super::probe::probe;
use super::selection::Selection;
use crate::error::Result;

/// As many targets are named.
const MOST_LINKS: i64 = 1000;

/// The clause with its chains to few targets replaced.
pub fn resolved(
    connection: &mut AnyConnection,
    clause: &Clause,
    planning: &mut Planning<'_>,
) -> Result<Clause> {
    let mut each = |clauses: &[Clause]| {
        let resolved = |clause| resolved(connection, clause, planning);
        clauses.iter().map(resolved).collect::<Result<Vec<_>>>()
    };
    Ok(match clause {
        Clause::All(clauses) => Clause::All(each(clauses)?),
        Clause::Any(clauses) => Clause::Any(each(clauses)?),
        Clause::Not(clause) => Clause::Not(Box::new(resolved(connection, clause, planning)?)),
        Clause::Has {
            type_id,
            param,
            sources,
        } => {
            let mut known = sources.clone();
            *known.clause_mut() = resolved(connection, sources.clause(), planning)?;
            Clause::Has {
                type_id: *type_id,
                param: *param,
                sources: known,
            }
        }
        Clause::Chain { param, targets } => {
            let mut known = Vec::with_capacity(targets.len());
            for target in targets {
                let mut target = target.clone();
                *target.clause_mut() = resolved(connection, target.clause(), planning)?;
                known.push(target);
            }
            match links(connection, &known, planning)? {
                Some(links) => {
                    planning.notes.note(|names| {
                        let (chain, count) = (names.words(clause), links.len());
                        format!("the targets were looked up: {chain}: there are {count}")
                    });
                    Clause::Refers {
                        param: *param,
                        links,
                    }
                }
                None => {
                    planning.notes.note(|names| {
                        let chain = names.words(clause);
                        format!("the targets are many and stay a join: {chain}")
                    });
                    Clause::Chain {
                        param: *param,
                        targets: known,
                    }
                }
            }
        }
        other => other.clone(),
    })
}

/// The hashes of the targets; `None` when they are many.
fn links(
    connection: &mut AnyConnection,
    targets: &[Selection],
    planning: &mut Planning<'_>,
) -> Result<Option<Vec<i64>>> {
    let mut links = Vec::new();
    for target in targets {
        let Some(leader) = leader(connection, target.clause(), planning)? else {
            return Ok(None);
        };
        if leader.rows > MOST_LINKS {
            return Ok(None);
        }
        let at = planning.names.next();
        let sql = Sql::<BigInt>::new("SELECT DISTINCT r.link FROM (")
            .uncached()
            .append(leader.sql)
            .push(") ")
            .alias('t', at);
        let joins = planning.names.joins;
        let mut sql = joins
            .look_up(
                sql,
                "index_resource",
                |sql| sql.push("r"),
                |sql| sql.push("r.pk = ").alias('t', at).push(".pk"),
            )
            .push(" WHERE r.type = ")
            .bind(target.type_id());
        if !leader.exact {
            sql = probe(sql.push(" AND "), target.clause(), at, &mut planning.names);
        }
        let found: Vec<i64> = sql.load(connection)?;
        links.extend(found);
    }
    links.sort_unstable();
    links.dedup();
    Ok((links.len() <= usize::try_from(MOST_LINKS).unwrap_or(0)).then_some(links))
}
