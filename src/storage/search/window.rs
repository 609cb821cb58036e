//! The next rows in an order other than the usual one.
//!
//! When everything is frequent and the order is by a text, an interval or the last change, only the
//! rows that come next in the index of the order are looked at: a window of some rows from where the
//! page begins. All resources whose key lies in it are found through it, so that the first of them
//! are the page; when they are too few, the window grows.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::super::connection::AnyConnection;
use super::super::dialect::Joins;
use super::super::sql::Sql;
use super::leader::{Leader, Pair, of_type, ordered};
use super::order::{By, Page};
use crate::error::Result;

/// How wide windows are, one after the other, in pages.
pub const WIDTHS: [usize; 3] = [4, 32, 256];

/// The classes that intervals have whatever their unit: `fhir::search::Class`.
const CLASSES: [i64; 6] = [0, 1, 2, 3, 16, 17];

/// The rows of a window, `rows` wide; `None` when there are fewer left, or no index has the order.
pub fn window(
    connection: &mut AnyConnection,
    type_id: i64,
    page: &Page,
    rows: usize,
) -> Result<Option<Leader>> {
    let Some(key) = page.keys().first().copied() else {
        return Ok(None);
    };
    if page.backward && page.begins_undefined() {
        // What comes before has no row in the index of the order.
        return Ok(None);
    }
    let view = View {
        joins: Joins::of(connection),
        page,
        down: page.descends(key),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
    };
    let sql = match key.by {
        By::Clinical => None,
        By::Id => view.id(connection, type_id)?,
        By::LastUpdated => view.last_updated(connection, type_id)?,
        By::Text(param) => view.text(connection, param)?,
        By::Range(param) => view.range(connection, param)?,
    };
    Ok(sql.map(|sql| Leader {
        sql,
        rows: page.few,
        unique: false,
        exact: true,
    }))
}

struct View<'a> {
    joins: Joins,
    page: &'a Page,
    down: bool,
    rows: i64,
}

impl View<'_> {
    /// Appends the order of a column, and how many rows are passed over to reach the edge.
    fn edge<ST>(&self, sql: Sql<ST>, column: &'static str) -> Sql<ST> {
        self.order(sql, column)
            .push(" LIMIT 1 OFFSET ")
            .bind(self.rows)
    }

    fn order<ST>(&self, sql: Sql<ST>, column: &'static str) -> Sql<ST> {
        sql.push(" ORDER BY ")
            .push(column)
            .push(if self.down { " DESC" } else { "" })
    }

    /// Appends that a number is not before where the page begins.
    fn since<ST>(&self, sql: Sql<ST>, column: &'static str) -> Sql<ST> {
        match &self.page.after {
            None => sql,
            Some(position) => sql
                .push(" AND ")
                .push(column)
                .push(if self.down { " <= " } else { " >= " })
                .bind(position.numbers.first().copied().unwrap_or(0)),
        }
    }

    /// Appends that a value is not behind the edge; the edge is to be bound.
    fn inside<ST>(&self, sql: Sql<ST>, column: &'static str) -> Sql<ST> {
        sql.push(" AND ")
            .push(column)
            .push(if self.down { " >= " } else { " <= " })
    }

    /// Appends the beginning of a condition on a page that goes backward: no row of a resource lies behind
    /// the edge, which is to be bound. The key of a resource is its first row; backward that one is met last,
    /// and what is met before it belongs to another page.
    fn whole<ST>(&self, sql: Sql<ST>, others: &'static str, column: &'static str) -> Sql<ST> {
        sql.push(" AND NOT EXISTS (SELECT 1 FROM ")
            .push(others)
            .push(" AND ")
            .push(column)
            .push(if self.down { " < " } else { " > " })
    }

    fn last_updated(
        &self,
        connection: &mut AnyConnection,
        type_id: i64,
    ) -> Result<Option<Sql<Pair>>> {
        let column = "q.last_updated";
        let times = Sql::<BigInt>::new("SELECT q.last_updated FROM resource q WHERE q.type = ")
            .bind(type_id);
        let edge: Option<i64> = self
            .edge(self.since(times, column), column)
            .get_result(connection)
            .optional()?;
        Ok(edge.map(|edge| {
            let rows = of_type(self.joins, type_id);
            self.inside(self.since(rows, column), column).bind(edge)
        }))
    }

    fn id(&self, connection: &mut AnyConnection, type_id: i64) -> Result<Option<Sql<Pair>>> {
        let column = "q.id";
        let ids = Sql::<Text>::new("SELECT q.id FROM resource q WHERE q.type = ").bind(type_id);
        let edge: Option<String> = self
            .edge(self.since_text(ids, column), column)
            .get_result(connection)
            .optional()?;
        Ok(edge.map(|edge| {
            let rows = of_type(self.joins, type_id);
            self.inside(self.since_text(rows, column), column)
                .bind_text(edge)
        }))
    }

    fn text(&self, connection: &mut AnyConnection, param: i64) -> Result<Option<Sql<Pair>>> {
        let column = "s.value";
        let edge: Option<String> = {
            let of_param =
                Sql::<Text>::new("SELECT s.value FROM index_string s WHERE s.param = ").bind(param);
            self.edge(self.since_text(of_param, column), column)
                .get_result(connection)
                .optional()?
        };
        Ok(edge.map(|edge| {
            let rows = Sql::new("SELECT r.sort, r.pk FROM index_string s");
            let rows = ordered(self.joins, rows, "s.pk")
                .push(" WHERE s.param = ")
                .bind(param);
            let rows = self.inside(self.since_text(rows, column), column);
            if !self.page.backward {
                return rows.bind_text(edge);
            }
            let others = "index_string o WHERE o.pk = s.pk AND o.param = s.param";
            self.whole(rows.bind_text(edge.clone()), others, "o.value")
                .bind_text(edge)
                .push(") IS TRUE")
        }))
    }

    fn since_text<ST>(&self, sql: Sql<ST>, column: &'static str) -> Sql<ST> {
        match &self.page.after {
            None => sql,
            Some(position) => sql
                .push(" AND ")
                .push(column)
                .push(if self.down { " <= " } else { " >= " })
                .bind_text(position.texts.first().cloned().unwrap_or_default()),
        }
    }

    fn range(&self, connection: &mut AnyConnection, param: i64) -> Result<Option<Sql<Pair>>> {
        let column = "g.low";
        // Each class is in order by itself.
        let mut edges = Sql::<BigInt>::new("SELECT low FROM (");
        for (index, class) in CLASSES.iter().enumerate() {
            edges = edges
                .push(if index > 0 { " UNION ALL " } else { "" })
                .push("SELECT * FROM (SELECT g.low AS low FROM index_range g WHERE g.param = ")
                .bind(param)
                .push(" AND g.class = ")
                .bind(*class);
            edges = self
                .order(self.since(edges, column), column)
                .push(" LIMIT ")
                .bind(self.rows.saturating_add(1))
                .push(") ")
                .alias('c', u32::try_from(index).unwrap_or(0));
        }
        let edge: Option<i64> = self
            .edge(edges.push(") e"), "low")
            .get_result(connection)
            .optional()?;
        Ok(edge.map(|edge| {
            let rows = Sql::new("SELECT r.sort, r.pk FROM index_range g");
            let rows = ordered(self.joins, rows, "g.pk")
                .push(" WHERE g.param = ")
                .bind(param)
                .push(" AND g.class IN ")
                .bind_list(&CLASSES);
            let rows = self.inside(self.since(rows, column), column).bind(edge);
            if !self.page.backward {
                return rows;
            }
            let others = "index_range o WHERE o.pk = g.pk AND o.param = g.param";
            self.whole(rows, others, "o.low")
                .bind(edge)
                .push(") IS TRUE")
        }))
    }
}
