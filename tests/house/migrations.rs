//! Migrations come in pairs: the same names under `sqlite` and `postgres`, each with `up.sql` and
//! `down.sql`, and the same columns of portable types in each table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const BACKENDS: [&str; 2] = ["sqlite", "postgres"];
/// Types by what they hold; the same words on both sides of a pair.
const TYPES: &[(&str, &str)] = &[
    ("BIGINT", "integer"),
    ("INTEGER", "integer"), // SQLite's own row id.
    ("TEXT", "text"),
    ("BOOLEAN", "boolean"),
    ("DOUBLE", "double"),
    ("BLOB", "bytes"),
    ("BYTEA", "bytes"),
];
/// Full text is each database's own affair.
const UNLIKE: &[&str] = &["index_text"];

/// Column names and types by table, in order.
type Tables = BTreeMap<String, Vec<(String, String)>>;

/// What breaks the rules; empty when there are no migrations yet.
pub fn breaches() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut breaches = Vec::new();
    let names = BACKENDS.map(|backend| names(&root.join(backend)));
    for (backend, own, others) in
        [(0, 0, 1), (1, 1, 0)].map(|(b, o, t)| (BACKENDS[b], &names[o], &names[t]))
    {
        breaches.extend(
            own.difference(others)
                .map(|name| format!("{name} is under {backend} only")),
        );
        for name in own {
            for file in ["up.sql", "down.sql"] {
                if !root.join(backend).join(name).join(file).is_file() {
                    breaches.push(format!("{backend}/{name} has no {file}"));
                }
            }
        }
    }
    for name in names[0].intersection(&names[1]) {
        let tables = BACKENDS.map(|backend| {
            let text = fs::read_to_string(root.join(backend).join(name).join("up.sql"))
                .unwrap_or_default();
            let tables = tables(&text);
            for (table, columns) in &tables {
                for (column, kind) in columns.iter().filter(|(_, kind)| kind.starts_with('?')) {
                    breaches.push(format!(
                        "{backend}/{name}: {table}.{column} has the type {}, which is not portable",
                        &kind[1..]
                    ));
                }
            }
            tables
        });
        let all: BTreeSet<&String> = tables[0].keys().chain(tables[1].keys()).collect();
        for table in all {
            let pair = [0, 1].map(|backend: usize| tables[backend].get(table));
            if pair[0] != pair[1] {
                breaches.push(format!(
                    "{name}: {table} differs: {:?} on sqlite, {:?} on postgres",
                    pair[0], pair[1]
                ));
            }
        }
    }
    breaches
}

fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// The columns of `CREATE TABLE` and `ALTER TABLE … ADD COLUMN`.
fn tables(text: &str) -> Tables {
    let text: String = text
        .lines()
        .map(|line| line.split("--").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join(" ");
    let mut tables = Tables::new();
    for statement in text.split(';') {
        let words: Vec<&str> = statement
            .split(|c: char| c.is_whitespace() || c == '(')
            .filter(|word| !word.is_empty())
            .collect();
        let upper: Vec<String> = words
            .iter()
            .take(5)
            .map(|word| word.to_ascii_uppercase())
            .collect();
        match upper
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["CREATE", "TABLE", ..] if !UNLIKE.contains(&words[2]) => {
                let body = statement.split_once('(').map_or("", |(_, body)| body);
                let body = body.rsplit_once(')').map_or(body, |(body, _)| body);
                let columns = split_outside_brackets(body)
                    .iter()
                    .filter_map(|line| column(line))
                    .collect();
                tables.insert(words[2].to_string(), columns);
            }
            ["ALTER", "TABLE", _, "ADD", "COLUMN"] => {
                tables
                    .entry(words[2].to_string())
                    .or_default()
                    .extend(column(&words[5..].join(" ")));
            }
            _ => {}
        }
    }
    tables
}

fn split_outside_brackets(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => parts.last_mut().unwrap().push(c),
        }
    }
    parts
}

/// Name and kind of a column; `None` for a constraint of the table. A `?` marks an unknown type.
fn column(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let kind = words.next().unwrap_or("nothing").to_ascii_uppercase();
    if ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "CONSTRAINT"]
        .contains(&name.to_ascii_uppercase().as_str())
    {
        return None;
    }
    let known = TYPES.iter().find(|(word, _)| *word == kind);
    Some((
        name.to_string(),
        known.map_or(format!("?{kind}"), |(_, meaning)| meaning.to_string()),
    ))
}

#[test]
fn columns_are_read_from_sql() {
    let tables = tables(
        "CREATE TABLE a (x INTEGER NOT NULL PRIMARY KEY, -- a, comment\n y TEXT COLLATE \"C\", z DOUBLE PRECISION,\n w uuid,\n PRIMARY KEY (x, y)) WITHOUT ROWID;\n\
         CREATE INDEX i ON a (x); ALTER TABLE a ADD COLUMN v BYTEA;",
    );
    let found: Vec<String> = tables["a"]
        .iter()
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    assert_eq!(
        found,
        ["x integer", "y text", "z double", "w ?UUID", "v bytes"]
    );
}
