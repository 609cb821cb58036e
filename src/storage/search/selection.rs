//! Resources of one type, of those that may be known of (GATE-01).

use super::super::dialect::Joins;
use super::super::index_rows::IndexRows;
use super::super::sql::Sql;
use super::clause::Clause;
use super::flat;
use super::probe::{Names, probe};
use crate::clock::Instant;
use crate::fhir::search::{Local, Restriction};

/// What of every type may be known, in the numbers of the database.
pub type Restrictions = crate::fhir::search::Restrictions<i64, Clause>;

impl Local for Clause {
    fn is_local(&self) -> bool {
        match self {
            Clause::All(clauses) | Clause::Any(clauses) => clauses.iter().all(Local::is_local),
            Clause::Not(clause) => clause.is_local(),
            Clause::Chain { .. } | Clause::Has { .. } => false,
            _ => true,
        }
    }
}

/// The resources of a type for which a clause holds, of those that may be known of.
///
/// Every node of a search that speaks of a type is one: what is searched, the targets of a chain, the sources of
/// `_has`. It cannot be made without the restriction of its type, and what is not to be known is taken away
/// before anything is planned, counted or compared, by both interpreters alike.
///
/// ```compile_fail,E0451
/// use fascicolo::storage::{Clause, Selection};
/// let unrestricted = Selection { type_id: 1, clause: Clause::All(Vec::new()) };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    type_id: i64,
    clause: Clause,
}

impl Selection {
    /// The clause and the restriction of the type, both.
    pub fn new(type_id: i64, clause: Clause, restrictions: &Restrictions) -> Self {
        let clause = match restrictions.of(&type_id) {
            Restriction::Open => clause,
            Restriction::Nothing => Clause::nothing(),
            Restriction::Only(condition) => Clause::All(vec![clause, condition.clone()]),
        };
        Self { type_id, clause }
    }

    /// Those of them for which another clause holds too.
    pub fn and(self, clause: Clause) -> Self {
        Self {
            type_id: self.type_id,
            clause: Clause::All(vec![self.clause, clause]),
        }
    }

    /// The number of the type.
    pub fn type_id(&self) -> i64 {
        self.type_id
    }

    /// Whether a resource of the type with these index rows is one of them: the second interpreter.
    pub fn matches(&self, id: &str, last_updated: Instant, rows: &IndexRows) -> bool {
        self.clause.matches(id, last_updated, rows)
    }

    /// A parameter and values of which each of them has one, where the clause says so.
    pub fn values(&self) -> Option<(i64, &[i64])> {
        let clauses = flat(&self.clause).into_iter();
        clauses.into_iter().find_map(|clause| match clause {
            Clause::Value { param, any_of } => Some((*param, any_of.as_slice())),
            _ => None,
        })
    }

    pub(super) fn clause(&self) -> &Clause {
        &self.clause
    }

    /// The clause, to write it in another way: by what can be known of it beforehand.
    pub(super) fn clause_mut(&mut self) -> &mut Clause {
        &mut self.clause
    }
}

/// Appends that a resource may be known of: one of a type, or of any. `row` has the columns `pk` and `type`.
/// Nothing where all may.
///
/// A deleted resource has no rows to judge it by: of a type that is restricted it is not known.
pub fn known_of<ST>(
    sql: Sql<ST>,
    row: &'static str,
    type_id: Option<i64>,
    restrictions: &Restrictions,
    joins: Joins,
) -> Sql<ST> {
    let is_open = match type_id {
        Some(type_id) => restrictions.of(&type_id) == Restriction::Open,
        None => restrictions.is_open(),
    };
    if is_open {
        return sql;
    }
    let named = restrictions.named().map(|(other, of)| (*other, of));
    let named = named.filter(|(other, _)| type_id.is_none_or(|wanted| wanted == *other));
    let (open, closed): (Vec<_>, Vec<_>) =
        named.partition(|(_, of)| matches!(of, Restriction::Open));
    let numbers = |list: &[(i64, &Restriction<Clause>)]| -> Vec<i64> {
        list.iter().map(|(number, _)| *number).collect()
    };
    let mut sql = sql.push(" AND (1 = 0");
    if type_id.is_none() && restrictions.others_are_open() {
        sql = sql.push(" OR ").push(row).push(".type NOT IN ");
        sql = sql.bind_list(&numbers(&closed));
    } else if !open.is_empty() {
        sql = sql.push(" OR ").push(row).push(".type IN ");
        sql = sql.bind_list(&numbers(&open));
    }
    let mut names = Names::new(joins);
    for (number, of) in &closed {
        let Restriction::Only(condition) = of else {
            continue;
        };
        let at = names.next();
        sql = sql
            .push(" OR (")
            .push(row)
            .push(".type = ")
            .bind(*number)
            .push(" AND EXISTS (SELECT 1 FROM index_resource ")
            .alias('t', at)
            .push(" WHERE ")
            .alias('t', at)
            .push(".pk = ")
            .push(row)
            .push(".pk AND ");
        sql = probe(sql, condition, at, &mut names).push(") IS TRUE)");
    }
    sql.push(")")
}
