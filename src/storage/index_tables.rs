//! The tables that index rows are kept in, each row with the number of its resource.

use super::connection::AnyConnection;
use super::dialect;
use super::index_rows::{Changes, IndexRow, IndexRows, LinkRow, RangeRow, StringRow};
use crate::error::Result;

/// A row of an index table; its key is all of it.
pub trait Row {
    const TABLE: &'static str;
    const COLUMNS: &'static [&'static str];

    /// The value of a column.
    fn cell(&self, column: usize) -> Cell<'_>;
}

/// The value of a column.
pub enum Cell<'a> {
    Int(i64),
    Text(&'a str),
}

/// A row of `index_value`: patient, param, value, sort, pk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValueEntry(pub [i64; 5]);

/// A row of `index_string`: the text, then param, exact, pk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StringEntry(pub i64, pub String, pub [i64; 2]);

/// A row of `index_range`: param, class, low, high, pk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RangeEntry(pub [i64; 5]);

/// A row of `index_link`: pk, param, link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkEntry(pub [i64; 3]);

/// A row of `index_resource`: pk, type, sort, link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceEntry(pub [i64; 4]);

fn int(numbers: &[i64], column: usize) -> Cell<'_> {
    Cell::Int(numbers.get(column).copied().unwrap_or(0))
}

impl Row for ValueEntry {
    const TABLE: &'static str = "index_value";
    const COLUMNS: &'static [&'static str] = &["patient", "param", "value", "sort", "pk"];

    fn cell(&self, column: usize) -> Cell<'_> {
        int(&self.0, column)
    }
}

impl Row for StringEntry {
    const TABLE: &'static str = "index_string";
    const COLUMNS: &'static [&'static str] = &["param", "value", "exact", "pk"];

    fn cell(&self, column: usize) -> Cell<'_> {
        match column {
            0 => Cell::Int(self.0),
            1 => Cell::Text(&self.1),
            _ => int(&self.2, column.saturating_sub(2)),
        }
    }
}

impl Row for RangeEntry {
    const TABLE: &'static str = "index_range";
    const COLUMNS: &'static [&'static str] = &["param", "class", "low", "high", "pk"];

    fn cell(&self, column: usize) -> Cell<'_> {
        int(&self.0, column)
    }
}

impl Row for LinkEntry {
    const TABLE: &'static str = "index_link";
    const COLUMNS: &'static [&'static str] = &["pk", "param", "link"];

    fn cell(&self, column: usize) -> Cell<'_> {
        int(&self.0, column)
    }
}

impl Row for ResourceEntry {
    const TABLE: &'static str = "index_resource";
    const COLUMNS: &'static [&'static str] = &["pk", "type", "sort", "link"];

    fn cell(&self, column: usize) -> Cell<'_> {
        int(&self.0, column)
    }
}

/// Rows of all tables.
#[derive(Default)]
pub struct Entries {
    values: Vec<ValueEntry>,
    strings: Vec<StringEntry>,
    ranges: Vec<RangeEntry>,
    links: Vec<LinkEntry>,
    resources: Vec<ResourceEntry>,
}

impl Entries {
    /// Every row of a resource.
    pub fn of(rows: &IndexRows, resource: ResourceEntry) -> Self {
        let mut entries = Self::default();
        let (_, all) = IndexRows::default().difference(rows);
        let [pk, ..] = resource.0;
        entries.add(all, rows.sort, pk);
        entries.resources.push(resource);
        entries
    }

    /// Adds the row of the resource itself.
    pub fn add_resource(&mut self, resource: ResourceEntry) {
        self.resources.push(resource);
    }

    /// Adds the rows that one resource gains or loses.
    pub fn add(&mut self, changes: Changes, sort: i64, pk: i64) {
        let value = |row: IndexRow| ValueEntry([row.patient, row.param, row.value, sort, pk]);
        let string = |row: StringRow| StringEntry(row.param, row.value, [row.exact, pk]);
        let range = |row: RangeRow| RangeEntry([row.param, row.class, row.low, row.high, pk]);
        let link = |row: LinkRow| LinkEntry([pk, row.param, row.link]);
        self.values.extend(changes.values.into_iter().map(value));
        self.strings.extend(changes.strings.into_iter().map(string));
        self.ranges.extend(changes.ranges.into_iter().map(range));
        self.links.extend(changes.links.into_iter().map(link));
    }

    pub fn delete(self, connection: &mut AnyConnection) -> Result<()> {
        dialect::delete_index_rows(connection, &self.values)?;
        dialect::delete_index_rows(connection, &self.strings)?;
        dialect::delete_index_rows(connection, &self.ranges)?;
        dialect::delete_index_rows(connection, &self.links)?;
        dialect::delete_index_rows(connection, &self.resources)
    }

    pub fn insert(mut self, connection: &mut AnyConnection) -> Result<()> {
        // Neighbours on the page: sorted rows touch each page of the index once.
        self.values.sort_unstable();
        self.strings.sort_unstable();
        self.ranges.sort_unstable();
        dialect::insert_index_rows(connection, &self.values)?;
        dialect::insert_index_rows(connection, &self.strings)?;
        dialect::insert_index_rows(connection, &self.ranges)?;
        dialect::insert_index_rows(connection, &self.links)?;
        dialect::insert_index_rows(connection, &self.resources)
    }

    /// Tells every row to a visitor.
    pub fn visit(&self, visit: &mut dyn FnMut(&[Cell<'_>])) {
        fn each<R: Row>(rows: &[R], visit: &mut dyn FnMut(&[Cell<'_>])) {
            for row in rows {
                let cells: Vec<Cell<'_>> = (0..R::COLUMNS.len()).map(|at| row.cell(at)).collect();
                visit(&cells);
            }
        }
        each(&self.values, visit);
        each(&self.strings, visit);
        each(&self.ranges, visit);
        each(&self.links, visit);
        each(&self.resources, visit);
    }
}
