//! Whether a clause holds for a row that is at hand: boolean SQL about an alias.
//!
//! The alias `t<n>` has the columns `pk` and `sort`. A value is looked up by its whole key; texts,
//! intervals and references by the number of the resource. `EXISTS … IS TRUE` and [`Joins`] keep both
//! databases from turning a probe into a walk of their own: it is a look-up for each row, no more.

use super::super::dialect::Joins;
use super::super::sql::Sql;
use super::clause::{Clause, Like, Range};
use super::selection::Selection;
use crate::fhir::search::{AXIS, Near, PLANE, SHORTEST_CUT};

/// Numbers for aliases, so that no inner name hides an outer one, and how tables are joined.
pub struct Names {
    last: u32,
    pub joins: Joins,
}

impl Names {
    pub fn new(joins: Joins) -> Self {
        Self { last: 0, joins }
    }

    pub fn next(&mut self) -> u32 {
        self.last = self.last.saturating_add(1);
        self.last
    }
}

/// Appends whether the clause holds for `t<at>`.
pub fn probe<ST>(sql: Sql<ST>, clause: &Clause, at: u32, names: &mut Names) -> Sql<ST> {
    match clause {
        Clause::All(clauses) => joined(sql, clauses, (" AND ", "1 = 1"), at, names),
        Clause::Any(clauses) => match ranges(clauses) {
            Some(ranges) => range(sql, &ranges, at),
            None => joined(sql, clauses, (" OR ", "1 = 0"), at, names),
        },
        Clause::Not(clause) => probe(sql.push("NOT "), clause, at, names),
        Clause::Value { param, any_of } => sql
            .push("EXISTS (SELECT 1 FROM index_value v WHERE v.patient = 0 AND v.param = ")
            .bind(*param)
            .push(" AND v.value IN ")
            .bind_list(any_of)
            .push(" AND v.sort = ")
            .alias('t', at)
            .push(".sort AND v.pk = ")
            .alias('t', at)
            .push(".pk) IS TRUE"),
        Clause::Text { param, like } => text_bounds(
            sql.push("EXISTS (SELECT 1 FROM index_string s WHERE s.pk = ")
                .alias('t', at)
                .push(".pk AND s.param = ")
                .bind(*param),
            like,
        )
        .push(") IS TRUE"),
        Clause::Range(one) => range(sql, &[one], at),
        Clause::Near { param, near } => is_near(sql, *param, near, at, names.joins),
        Clause::Present { param } => sql
            .push("EXISTS (SELECT 1 FROM resource q WHERE q.pk = ")
            .alias('t', at)
            .push(".pk AND q.present LIKE ")
            .bind_text(format!("%,{param},%"))
            .push(") IS TRUE"),
        Clause::Id { type_id, any_of } => ids(
            sql.push("EXISTS (SELECT 1 FROM resource q WHERE q.pk = ")
                .alias('t', at)
                .push(".pk AND q.type = ")
                .bind(*type_id)
                .push(" AND q.id IN "),
            any_of,
        )
        .push(") IS TRUE"),
        Clause::LastUpdated { low, high, .. } => sql
            .push("EXISTS (SELECT 1 FROM resource q WHERE q.pk = ")
            .alias('t', at)
            .push(".pk AND q.last_updated >= ")
            .bind(*low)
            .push(" AND q.last_updated < ")
            .bind(*high)
            .push(") IS TRUE"),
        Clause::Chain { param, targets } => chain(sql, *param, targets, at, names),
        Clause::Refers { param, links } => sql
            .push("EXISTS (SELECT 1 FROM index_link l WHERE l.pk = ")
            .alias('t', at)
            .push(".pk AND l.param = ")
            .bind(*param)
            .push(" AND l.link IN ")
            .bind_list(links)
            .push(") IS TRUE"),
        Clause::Has {
            param,
            sources,
            type_id: _,
        } => {
            let source = names.next();
            let sql = sql
                .push("EXISTS (SELECT 1 FROM index_resource ")
                .alias('x', source);
            let sql = names.joins.look_up(
                sql,
                "index_value",
                |sql| sql.alias('t', source),
                |sql| {
                    sql.alias('t', source)
                        .push(".patient = 0 AND ")
                        .alias('t', source)
                        .push(".param = ")
                        .bind(*param)
                        .push(" AND ")
                        .alias('t', source)
                        .push(".value = ")
                        .alias('x', source)
                        .push(".link")
                },
            );
            let sql = sql
                .push(" WHERE ")
                .alias('x', source)
                .push(".pk = ")
                .alias('t', at)
                .push(".pk AND ");
            probe(sql, sources.clause(), source, names).push(") IS TRUE")
        }
    }
}

/// Appends whether a position is within a distance: the square of the straight line, below 5e18.
fn is_near<ST>(sql: Sql<ST>, param: i64, near: &Near, at: u32, joins: Joins) -> Sql<ST> {
    let [x, y, z] = near.at;
    let sql = sql.push("EXISTS (SELECT 1 FROM index_range g");
    let axis = |sql: Sql<ST>| {
        let sql = sql.push("h.pk = g.pk AND h.param = ").bind(param);
        sql.push(" AND h.class = ").bind(AXIS)
    };
    let sql = joins.look_up(sql, "index_range", |sql| sql.push("h"), axis);
    let mut sql = sql
        .push(" WHERE g.pk = ")
        .alias('t', at)
        .push(".pk AND g.param = ")
        .bind(param)
        .push(" AND g.class = ")
        .bind(PLANE)
        .push(" AND 0");
    for (column, place) in [("g.low", x), ("g.high", y), ("h.low", z)] {
        sql = sql.push(" + (").push(column).push(" - ").bind(place);
        sql = sql.push(") * (").push(column).push(" - ").bind(place);
        sql = sql.push(")");
    }
    sql.push(" <= ").bind(near.square).push(") IS TRUE")
}

/// The clauses, when all of them are intervals of one parameter: one look-up serves them.
fn ranges(clauses: &[Clause]) -> Option<Vec<&Range>> {
    let mut found: Vec<&Range> = Vec::with_capacity(clauses.len());
    for clause in clauses {
        match clause {
            Clause::Range(range) if found.first().is_none_or(|one| one.param == range.param) => {
                found.push(range);
            }
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Appends whether one of some intervals, all of one parameter, is there.
fn range<ST>(sql: Sql<ST>, ranges: &[&Range], at: u32) -> Sql<ST> {
    let param = ranges.first().map_or(0, |range| range.param);
    let mut sql = sql
        .push("EXISTS (SELECT 1 FROM index_range g WHERE g.pk = ")
        .alias('t', at)
        .push(".pk AND g.param = ")
        .bind(param)
        .push(" AND (");
    for (index, range) in ranges.iter().enumerate() {
        sql = sql
            .push(if index > 0 { " OR (" } else { "(" })
            .push("g.class IN ")
            .bind_list(
                &range
                    .classes
                    .iter()
                    .map(|class| class.0)
                    .collect::<Vec<_>>(),
            );
        sql = bounds(sql, "g.low", range.low);
        sql = bounds(sql, "g.high", range.high).push(")");
    }
    sql.push(")) IS TRUE")
}

fn joined<ST>(
    sql: Sql<ST>,
    clauses: &[Clause],
    (word, empty): (&'static str, &'static str),
    at: u32,
    names: &mut Names,
) -> Sql<ST> {
    let mut sql = sql.push("(");
    for (index, clause) in clauses.iter().enumerate() {
        if index > 0 {
            sql = sql.push(word);
        }
        sql = probe(sql, clause, at, names);
    }
    if clauses.is_empty() {
        sql = sql.push(empty);
    }
    sql.push(")")
}

fn chain<ST>(
    sql: Sql<ST>,
    param: i64,
    targets: &[Selection],
    at: u32,
    names: &mut Names,
) -> Sql<ST> {
    let target = names.next();
    let sql = sql
        .push("EXISTS (SELECT 1 FROM index_link ")
        .alias('l', target);
    let sql = names.joins.look_up(
        sql,
        "index_resource",
        |sql| sql.alias('t', target),
        |sql| {
            sql.alias('t', target)
                .push(".link = ")
                .alias('l', target)
                .push(".link")
        },
    );
    let mut sql = sql
        .push(" WHERE ")
        .alias('l', target)
        .push(".pk = ")
        .alias('t', at)
        .push(".pk AND ")
        .alias('l', target)
        .push(".param = ")
        .bind(param)
        .push(" AND (");
    for (index, selection) in targets.iter().enumerate() {
        if index > 0 {
            sql = sql.push(" OR ");
        }
        sql = sql
            .push("(")
            .alias('t', target)
            .push(".type = ")
            .bind(selection.type_id())
            .push(" AND ");
        sql = probe(sql, selection.clause(), target, names).push(")");
    }
    if targets.is_empty() {
        sql = sql.push("1 = 0");
    }
    sql.push(")) IS TRUE")
}

/// Appends the conditions on the columns `value` and `exact` of `s`.
pub fn text_bounds<ST>(sql: Sql<ST>, like: &Like) -> Sql<ST> {
    match like {
        Like::StartsWith(text) => sql
            .push(" AND s.value >= ")
            .bind_text(text.clone())
            .push(" AND s.value < ")
            .bind_text(format!("{text}{}", char::MAX)),
        Like::Contains(text) => sql
            .push(" AND s.value LIKE ")
            .bind_text(format!("%{}%", escaped(text)))
            .push(" ESCAPE '!'"),
        Like::EndsWith(text) => sql
            .push(" AND s.value LIKE ")
            .bind_text(format!("%{}", escaped(text)))
            .push(" ESCAPE '!' AND octet_length(s.value) < ")
            .bind(i64::try_from(SHORTEST_CUT).unwrap_or(i64::MAX)),
        Like::Is(text) => sql.push(" AND s.value = ").bind_text(text.clone()),
        Like::IsNot(text) => sql.push(" AND s.value <> ").bind_text(text.clone()),
        Like::Between(low, high) => {
            let mut sql = sql;
            if let Some(low) = low {
                sql = sql.push(" AND s.value >= ").bind_text(low.clone());
            }
            if let Some(high) = high {
                sql = sql.push(" AND s.value < ").bind_text(high.clone());
            }
            sql
        }
        Like::Exact(text, exact) => sql
            .push(" AND s.value = ")
            .bind_text(text.clone())
            .push(" AND s.exact = ")
            .bind(*exact),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            out.push('!');
        }
        out.push(c);
    }
    out
}

/// Appends bounds on a column, where there are any.
pub fn bounds<ST>(mut sql: Sql<ST>, column: &'static str, (low, high): (i64, i64)) -> Sql<ST> {
    if low > i64::MIN {
        sql = sql.push(" AND ").push(column).push(" >= ").bind(low);
    }
    if high < i64::MAX {
        sql = sql.push(" AND ").push(column).push(" <= ").bind(high);
    }
    sql
}

/// Appends a list of logical ids; an empty one matches nothing.
pub fn ids<ST>(sql: Sql<ST>, ids: &[String]) -> Sql<ST> {
    if ids.is_empty() {
        return sql.push("(NULL)");
    }
    sql.push("(")
        .each(ids, |sql, id| sql.bind_text(id.clone()))
        .push(")")
}

/// Appends the rows of `index_range g` of one class that are within the bounds.
pub fn range_rows<ST>(sql: Sql<ST>, range: &Range, (class, length): (i64, i64)) -> Sql<ST> {
    let sql = sql
        .push("g.param = ")
        .bind(range.param)
        .push(" AND g.class = ")
        .bind(class);
    let sql = bounds(sql, "g.low", range.low_in(length));
    bounds(sql, "g.high", range.high)
}
