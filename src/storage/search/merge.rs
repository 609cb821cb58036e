//! The first rows of several values of a parameter, in the usual order.
//!
//! Each value is in order by itself. A list of hundreds, such as the targets of a chain, is a walk of a
//! few rows for each: many executions of one prepared statement where that stays in the process, one
//! statement with a look-up for each value where it is a round trip.

use diesel::prelude::*;

use super::super::connection::AnyConnection;
use super::super::sql::Sql;
use super::leader::Pair;
use super::order::Page;
use crate::error::Result;

/// Sort and pk of the first resources that have one of the values, in the order of the page.
pub fn first(
    connection: &mut AnyConnection,
    param: i64,
    values: &[i64],
    page: &Page,
) -> Result<Vec<(i64, i64)>> {
    let mut walks = Walks {
        param,
        page,
        limit: i64::try_from(page.limit).unwrap_or(i64::MAX),
        found: Vec::new(),
    };
    match connection {
        AnyConnection::Sqlite(connection) => {
            for value in values {
                let sql = walks.edge(walks.rows(|sql| sql.bind(*value)));
                let rows = walks.in_order(sql, "v").load(connection)?;
                walks.add(rows);
            }
        }
        AnyConnection::Postgres(connection) => {
            let sql = Sql::<Pair>::new("SELECT DISTINCT w.sort, w.pk FROM unnest(ARRAY[")
                .uncached()
                .each(values, |sql, value| sql.bind(*value))
                .push("]::bigint[]) AS x(value) CROSS JOIN LATERAL (");
            let sql = sql.append(walks.in_order(walks.rows(|sql| sql.push("x.value")), "v"));
            let rows = walks.in_order(sql.push(") w"), "w").load(connection)?;
            walks.add(rows);
        }
    }
    Ok(walks.found)
}

struct Walks<'a> {
    param: i64,
    page: &'a Page,
    limit: i64,
    /// In the order of the page, each once.
    found: Vec<(i64, i64)>,
}

impl Walks<'_> {
    /// The rows of one value that are on this page or behind it.
    fn rows(&self, value: impl FnOnce(Sql<Pair>) -> Sql<Pair>) -> Sql<Pair> {
        let sql =
            Sql::new("SELECT v.sort, v.pk FROM index_value v WHERE v.patient = 0 AND v.param = ")
                .bind(self.param)
                .push(" AND v.value = ");
        let mut sql = value(sql);
        if let Some(position) = &self.page.after {
            sql = sql
                .push(if self.page.backward {
                    " AND (v.sort, v.pk) < ("
                } else {
                    " AND (v.sort, v.pk) > ("
                })
                .bind(position.numbers.first().copied().unwrap_or(0))
                .push(", ")
                .bind(position.pk)
                .push(")");
        }
        if let Some(until) = self.page.until {
            sql = sql
                .push(" AND EXISTS (SELECT 1 FROM resource q WHERE q.pk = v.pk AND q.last_updated <= ")
                .bind(until)
                .push(") IS TRUE");
        }
        sql
    }

    /// Appends that a row is not behind the last that has been found, when the page is full.
    fn edge(&self, sql: Sql<Pair>) -> Sql<Pair> {
        let full = self.found.len() >= self.page.limit;
        let (sort, pk) = match self.found.last() {
            Some(last) if full => *last,
            _ if self.page.backward => (i64::MIN, i64::MIN),
            _ => (i64::MAX, i64::MAX),
        };
        sql.push(if self.page.backward {
            " AND (v.sort, v.pk) >= ("
        } else {
            " AND (v.sort, v.pk) <= ("
        })
        .bind(sort)
        .push(", ")
        .bind(pk)
        .push(")")
    }

    fn in_order(&self, sql: Sql<Pair>, alias: &'static str) -> Sql<Pair> {
        let direction = if self.page.backward { " DESC" } else { "" };
        sql.push(" ORDER BY ")
            .push(alias)
            .push(".sort")
            .push(direction)
            .push(", ")
            .push(alias)
            .push(".pk")
            .push(direction)
            .push(" LIMIT ")
            .bind(self.limit)
    }

    fn add(&mut self, rows: Vec<(i64, i64)>) {
        if rows.is_empty() {
            return;
        }
        self.found.extend(rows);
        self.found.sort_unstable();
        if self.page.backward {
            self.found.reverse();
        }
        self.found.dedup();
        self.found.truncate(self.page.limit);
    }
}
