//! Which rows a search starts from.
//!
//! Each clause that can name its resources is a candidate. How many rows it has is counted, up to a
//! bound, on its index; the one with the fewest leads, and the others are probed row by row. The
//! choice is ours, not the planner's (`docs/storage.md`).

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::connection::AnyConnection;
use super::super::dialect::Joins;
use super::super::sql::Sql;
use super::clause::Clause;
use super::explain::Notes;
use super::probe::{Names, ids, probe, range_rows, text_bounds};
use crate::error::Result;
use crate::fhir::search::PLANE;

/// As many parts as a leader may be made of.
const MOST_PARTS: usize = 20;

/// So many rows through a join are counted before it is taken for frequent.
const SAMPLE: i64 = 200;

/// What planning needs throughout.
pub struct Planning<'a> {
    pub notes: &'a mut Notes,
    pub names: Names,
    /// A leader with fewer rows is collected and sorted; beyond, rows are walked in the order asked for.
    pub few: i64,
}

impl<'a> Planning<'a> {
    pub fn new(connection: &AnyConnection, few: i64, notes: &'a mut Notes) -> Self {
        Self {
            notes,
            names: Names::new(Joins::of(connection)),
            few,
        }
    }
}

/// The SQL type of what a leader selects: sort, pk.
pub type Pair = (BigInt, BigInt);

/// Rows to start from.
#[derive(Clone)]
pub struct Leader {
    /// Selects sort and pk.
    pub sql: Sql<Pair>,
    /// Rows, counted up to [`Planning::few`].
    pub rows: i64,
    /// Whether each resource comes once.
    pub unique: bool,
    /// Whether the clause holds for every row, so that it need not be probed.
    pub exact: bool,
}

/// The leader of a clause; `None` when it cannot name its resources.
pub fn leader(
    connection: &mut AnyConnection,
    clause: &Clause,
    planning: &mut Planning<'_>,
) -> Result<Option<Leader>> {
    Ok(match clause {
        Clause::All(clauses) => best(connection, clauses, planning)?
            .map(|(index, leader)| all_of(leader, clauses, index, planning)),
        // Many intervals in one statement take longer to plan than to walk.
        Clause::Any(clauses) if clauses.len() > MOST_PARTS => None,
        Clause::Any(clauses) => {
            let mut parts = Vec::with_capacity(clauses.len());
            for clause in clauses {
                match leader(connection, clause, planning)? {
                    Some(leader) => parts.push(leader),
                    None => return Ok(None),
                }
            }
            Some(union(parts))
        }
        Clause::Value {
            param,
            any_of: values,
        }
        | Clause::Refers {
            param,
            links: values,
        } => {
            let sql = value_rows(*param, values);
            Some(measured(connection, planning.few, sql, values.len() < 2)?)
        }
        Clause::Text { param, like } => {
            let sql = ordered(
                planning.names.joins,
                Sql::new("SELECT r.sort, r.pk FROM index_string s"),
                "s.pk",
            )
            .push(" WHERE s.param = ")
            .bind(*param);
            let counted =
                Sql::<()>::new("SELECT 1 FROM index_string s WHERE s.param = ").bind(*param);
            let rows = count(connection, planning.few, text_bounds(counted, like))?;
            Some(Leader {
                sql: text_bounds(sql, like),
                rows,
                unique: false,
                exact: true,
            })
        }
        Clause::Range(range) => {
            let (mut sql, mut counted) = (Sql::new(""), Sql::<()>::new(""));
            for (index, class) in range.classes.iter().enumerate() {
                let union = if index > 0 { " UNION ALL " } else { "" };
                counted = counted
                    .push(union)
                    .push("SELECT 1 FROM index_range g WHERE ");
                counted = range_rows(counted, range, *class);
                sql = sql
                    .push(union)
                    .push("SELECT r.sort, r.pk FROM index_range g");
                sql = ordered(planning.names.joins, sql, "g.pk").push(" WHERE ");
                sql = range_rows(sql, range, *class);
            }
            Some(Leader {
                rows: count(connection, planning.few, counted)?,
                sql,
                unique: false,
                exact: true,
            })
        }
        Clause::Near { param, near } => {
            let slab = |sql: Sql<Pair>| {
                let [x, ..] = near.at;
                let sql = sql.push(" WHERE g.param = ").bind(*param);
                let sql = sql.push(" AND g.class = ").bind(PLANE);
                sql.push(" AND g.low >= ")
                    .bind(x.saturating_sub(near.reach))
                    .push(" AND g.low <= ")
                    .bind(x.saturating_add(near.reach))
            };
            let sql = Sql::new("SELECT r.sort, r.pk FROM index_range g");
            let sql = slab(ordered(planning.names.joins, sql, "g.pk"));
            Some(Leader {
                exact: false,
                ..measured(connection, planning.few, sql, true)?
            })
        }
        Clause::Id { type_id, any_of } => {
            let sql = of_type(planning.names.joins, *type_id).push(" AND q.id IN ");
            let sql = ids(sql, any_of).push(" AND q.deleted = ").bind_bool(false);
            Some(Leader {
                sql,
                rows: i64::try_from(any_of.len()).unwrap_or(i64::MAX),
                unique: true,
                exact: true,
            })
        }
        Clause::LastUpdated { type_id, low, high } => {
            let sql = of_type(planning.names.joins, *type_id)
                .push(" AND q.last_updated >= ")
                .bind(*low)
                .push(" AND q.last_updated < ")
                .bind(*high)
                .push(" AND q.deleted = ")
                .bind_bool(false);
            Some(measured(connection, planning.few, sql, true)?)
        }
        Clause::Chain { param, targets } => {
            let (mut parts, mut exact) = (Vec::with_capacity(targets.len()), true);
            let mut most = 0;
            for target in targets {
                let Some(target) = leader(connection, target.clause(), planning)? else {
                    return Ok(None);
                };
                exact &= target.exact;
                most = target.rows.max(most);
                let at = planning.names.next();
                parts.push(referring(planning.names.joins, target.sql, at, *param));
            }
            Some(joined(connection, planning.few, parts, exact, most)?)
        }
        Clause::Has {
            type_id,
            param,
            sources,
        } => {
            let Some(source) = leader(connection, sources.clause(), planning)? else {
                return Ok(None);
            };
            let at = planning.names.next();
            let joins = planning.names.joins;
            let sql = Sql::new("SELECT r.sort, r.pk FROM (")
                .append(source.sql.clone())
                .push(") ")
                .alias('t', at);
            let sql = joins.look_up(
                sql,
                "index_link",
                |sql| sql.push("l"),
                |sql| {
                    sql.push("l.pk = ")
                        .alias('t', at)
                        .push(".pk AND l.param = ")
                        .bind(*param)
                },
            );
            let sql = joins.look_up(
                sql,
                "index_resource",
                |sql| sql.push("r"),
                |sql| sql.push("r.link = l.link AND r.type = ").bind(*type_id),
            );
            let (few, most) = (planning.few, source.rows);
            Some(joined(connection, few, vec![sql], source.exact, most)?)
        }
        Clause::Not(_) | Clause::Present { .. } => None,
    })
}

/// The rows of some values of a parameter, in order for each.
pub fn value_rows(param: i64, any_of: &[i64]) -> Sql<Pair> {
    Sql::new("SELECT v.sort, v.pk FROM index_value v WHERE v.patient = 0 AND v.param = ")
        .bind(param)
        .push(" AND v.value IN ")
        .bind_list(any_of)
}

/// Appends order and number, as `r`, of the resource that a row of an index belongs to.
pub fn ordered<ST>(joins: Joins, sql: Sql<ST>, pk: &'static str) -> Sql<ST> {
    joins.look_up(
        sql,
        "index_resource",
        |sql| sql.push("r"),
        |sql| sql.push("r.pk = ").push(pk),
    )
}

/// The current resources of a type, `q`, with their order, to be continued with `AND`.
pub fn of_type(joins: Joins, type_id: i64) -> Sql<Pair> {
    ordered(
        joins,
        Sql::new("SELECT r.sort, r.pk FROM resource q"),
        "q.pk",
    )
    .push(" WHERE q.type = ")
    .bind(type_id)
}

/// The rows of the resources that refer by a parameter to those of a leader.
fn referring(joins: Joins, targets: Sql<Pair>, at: u32, param: i64) -> Sql<Pair> {
    let sql = Sql::new("SELECT v.sort, v.pk FROM (")
        .append(targets)
        .push(") ")
        .alias('t', at);
    let sql = joins.look_up(
        sql,
        "index_resource",
        |sql| sql.push("r"),
        |sql| sql.push("r.pk = ").alias('t', at).push(".pk"),
    );
    joins.look_up(
        sql,
        "index_value",
        |sql| sql.push("v"),
        |sql| {
            sql.push("v.patient = 0 AND v.param = ")
                .bind(param)
                .push(" AND v.value = r.link")
        },
    )
}

/// The clause of a list that has the fewest rows.
pub fn best<'a>(
    connection: &mut AnyConnection,
    clauses: impl IntoIterator<Item = &'a Clause>,
    planning: &mut Planning<'_>,
) -> Result<Option<(usize, Leader)>> {
    let mut found: Option<(usize, Leader)> = None;
    for (index, clause) in clauses.into_iter().enumerate() {
        if let Some(leader) = leader(connection, clause, planning)?
            && found
                .as_ref()
                .is_none_or(|(_, best)| leader.rows < best.rows)
        {
            let none = leader.rows == 0;
            found = Some((index, leader));
            if none {
                break;
            }
        }
    }
    Ok(found)
}

fn union(parts: Vec<Leader>) -> Leader {
    let mut all = Leader {
        sql: Sql::new(""),
        rows: 0,
        unique: parts.len() < 2,
        exact: true,
    };
    if parts.is_empty() {
        all.sql = Sql::new("SELECT v.sort, v.pk FROM index_value v WHERE 1 = 0");
    }
    for (index, part) in parts.into_iter().enumerate() {
        all.sql = all
            .sql
            .push(if index > 0 { " UNION ALL " } else { "" })
            .append(part.sql);
        all.rows = all.rows.saturating_add(part.rows);
        all.exact &= part.exact;
        all.unique &= part.unique;
    }
    all
}

/// The rows of a leader for which the other clauses of its list hold too.
fn all_of(leader: Leader, clauses: &[Clause], index: usize, planning: &mut Planning<'_>) -> Leader {
    let others = clauses
        .iter()
        .enumerate()
        .filter(|(at, _)| !(leader.exact && *at == index));
    let at = planning.names.next();
    let mut sql = Sql::new("SELECT ")
        .alias('t', at)
        .push(".sort, ")
        .alias('t', at)
        .push(".pk FROM (")
        .append(leader.sql)
        .push(") ")
        .alias('t', at)
        .push(" WHERE 1 = 1");
    for (_, clause) in others {
        sql = probe(sql.push(" AND "), clause, at, &mut planning.names);
    }
    Leader {
        sql,
        exact: true,
        ..leader
    }
}

/// Rows reached through other resources, of which there are `most`.
fn joined(
    connection: &mut AnyConnection,
    few: i64,
    parts: Vec<Sql<Pair>>,
    exact: bool,
    most: i64,
) -> Result<Leader> {
    let leaders = parts.into_iter().map(|sql| Leader {
        sql,
        rows: 0,
        unique: false,
        exact,
    });
    let all = union(leaders.collect());
    if most >= few {
        // From many resources many are reached: a sample tells, where a count would cost more than
        // the search.
        let sample = Sql::new("SELECT 1 FROM (").append(all.sql.clone());
        if count(connection, few.min(SAMPLE), sample.push(") c"))? >= few.min(SAMPLE) {
            return Ok(Leader {
                rows: few,
                exact,
                ..all
            });
        }
    }
    Ok(Leader {
        exact,
        ..measured(connection, few, all.sql, false)?
    })
}

fn measured(
    connection: &mut AnyConnection,
    few: i64,
    sql: Sql<Pair>,
    unique: bool,
) -> Result<Leader> {
    let rows = count(
        connection,
        few,
        Sql::new("SELECT 1 FROM (").append(sql.clone()).push(") c"),
    )?;
    Ok(Leader {
        sql,
        rows,
        unique,
        exact: true,
    })
}

/// Rows of a statement, counted up to a bound.
fn count(connection: &mut AnyConnection, few: i64, sql: Sql<()>) -> Result<i64> {
    Ok(Sql::<BigInt>::new("SELECT COUNT(*) FROM (SELECT * FROM (")
        .uncached()
        .append(sql)
        .push(") m LIMIT ")
        .bind(few)
        .push(") n")
        .get_result(connection)?)
}
