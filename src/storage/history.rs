//! Histories: of a resource, of a type, of everything.
//!
//! Time and sequence rise together, so the order is that of the time, by which each kind of history has
//! an index: a page costs the same wherever it is and however much there is.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::commit::Method;
use super::connection::AnyConnection;
use super::dialect::{self, Joins};
use super::dictionary::Dictionary;
use super::resources::{Version, sha256_column};
use super::search::{Restrictions, known_of};
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;
use crate::fhir::search::Restriction;

/// Whose history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Resource(ResourceKey),
    Type(String),
    System,
}

/// A scope in the numbers of the database, with what may be known of its types.
pub struct Scoped<'a> {
    joins: Joins,
    /// The type, where there is one, and the id, where there is one.
    type_id: Option<i64>,
    id: Option<String>,
    restrictions: &'a Restrictions,
}

impl<'a> Scoped<'a> {
    pub fn new(
        connection: &AnyConnection,
        dictionary: &Dictionary,
        scope: &Scope,
        restrictions: &'a Restrictions,
    ) -> Result<Self> {
        let (name, id) = match scope {
            Scope::Resource(key) => (Some(&*key.resource_type), Some(key.id.to_string())),
            Scope::Type(name) => (Some(name.as_str()), None),
            Scope::System => (None, None),
        };
        Ok(Self {
            joins: Joins::of(connection),
            type_id: name.map(|name| dictionary.type_id(name)).transpose()?,
            id,
            restrictions,
        })
    }

    /// Whether everything in it may be known of.
    fn is_open(&self) -> bool {
        match self.type_id {
            Some(type_id) => self.restrictions.of(&type_id) == Restriction::Open,
            None => self.restrictions.is_open(),
        }
    }
}

/// Which part of a history.
#[derive(Clone, Debug, Default)]
pub struct HistoryPage {
    /// Versions made at or after this moment (`_since`).
    pub since: Option<Instant>,
    /// Versions that were current at some time within `[low, high)` (`_at`).
    pub at: Option<(Instant, Instant)>,
    /// Only what comes after this moment in the order of the page: the time of its last entry.
    pub beyond: Option<Instant>,
    /// Else the newest first.
    pub oldest_first: bool,
    pub limit: usize,
}

/// A version in a history, with its place in the order.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    pub seq: i64,
    pub version: Version,
    /// Whether there was nothing before it, or a deletion.
    pub creates: bool,
}

type EntrySql = (
    BigInt,
    BigInt,
    Text,
    BigInt,
    BigInt,
    BigInt,
    Bool,
    Binary,
    Nullable<Binary>,
    Bool,
);
type EntryRow = (
    i64,
    i64,
    String,
    i64,
    i64,
    i64,
    bool,
    Vec<u8>,
    Option<Vec<u8>>,
    bool,
);

const CURRENT: &str = "SELECT v.seq, v.type, v.id, v.version, v.last_updated, v.method, v.deleted, v.body, v.blob, \
     v.version = 1 OR COALESCE((SELECT p.deleted FROM history p WHERE p.pk = v.pk AND p.version = v.version - 1), FALSE) \
     FROM resource v WHERE 1 = 1";
// Looked up, not joined: whatever a planner thinks, the versions are walked in their order.
const OLDER: &str = "SELECT v.seq, v.type, (SELECT r.id FROM resource r WHERE r.pk = v.pk), v.version, v.last_updated, v.method, v.deleted, v.body, v.blob, \
     v.version = 1 OR COALESCE((SELECT p.deleted FROM history p WHERE p.pk = v.pk AND p.version = v.version - 1), FALSE) \
     FROM history v WHERE 1 = 1";

/// The versions of a scope, in the order of the page.
pub fn page(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    scope: &Scoped<'_>,
    page: &HistoryPage,
) -> Result<Vec<HistoryEntry>> {
    let mut rows: Vec<EntryRow> = Vec::new();
    for select in [CURRENT, OLDER] {
        let found: Vec<EntryRow> = entries(select, scope, page).load(connection)?;
        rows.extend(found);
    }
    rows.sort_unstable_by_key(|row| row.4);
    if !page.oldest_first {
        rows.reverse();
    }
    rows.truncate(page.limit);
    rows.into_iter()
        .map(
            |(seq, type_id, id, version, last_updated, method, deleted, body, blob, creates)| {
                Ok(HistoryEntry {
                    seq,
                    creates,
                    version: Version {
                        key: ResourceKey::new(dictionary.type_name(type_id)?, id),
                        version,
                        last_updated,
                        method: Method::from_code(method),
                        deleted,
                        body,
                        blob: sha256_column(blob)?,
                    },
                })
            },
        )
        .collect()
}

/// The statement that gives the versions of one of the tables.
fn entries(select: &'static str, scope: &Scoped<'_>, page: &HistoryPage) -> Sql<EntrySql> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let current = select == CURRENT;
    let sql = restrict(Sql::new(select), scope, page, current);
    let sql = sql.push(match scope.id {
        // By the order of its key: nobody is to be tempted by the index on time.
        Some(_) => " ORDER BY v.version",
        None => " ORDER BY v.last_updated",
    });
    let sql = sql.push(if page.oldest_first { "" } else { " DESC" });
    sql.push(" LIMIT ").bind(limit)
}

/// Versions that are counted beside a page at the most.
const COUNTED: i64 = 10_000;
const COUNT_CURRENT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM resource v WHERE 1 = 1";
const COUNT_OLDER: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM history v WHERE 1 = 1";

/// How many versions a scope has; `None` when that would cost more than a page.
pub fn count(
    connection: &mut AnyConnection,
    scope: &Scoped<'_>,
    page: &HistoryPage,
) -> Result<Option<i64>> {
    // Who asks for nothing else gets it, within the time of a search.
    let only_count = page.limit == 0;
    if page.at.is_some() && !only_count {
        // What was current at some time lies anywhere: to count it is to read everything.
        return Ok(None);
    }
    if let (Some(type_id), Some(id), None, true) =
        (scope.type_id, &scope.id, page.since, scope.is_open())
    {
        // None is ever taken away.
        let version = Sql::<BigInt>::new("SELECT v.version FROM resource v WHERE v.type = ")
            .bind(type_id)
            .push(" AND v.id = ")
            .bind_text(id.clone())
            .get_result(connection)
            .optional()?;
        return Ok(Some(version.unwrap_or(0)));
    }
    let whole = HistoryPage {
        beyond: None,
        ..page.clone()
    };
    let (most, tables) = match only_count {
        true => (i64::MAX, [COUNT_CURRENT, COUNT_OLDER]),
        false => (COUNTED, dialect::bounded_versions(connection)),
    };
    let mut total = 0i64;
    for (select, current) in tables.into_iter().zip([true, false]) {
        let found: i64 = restrict(Sql::<BigInt>::new(select), scope, &whole, current)
            .push(" LIMIT ")
            .bind(most.saturating_add(1))
            .push(") v")
            .get_result(connection)?;
        total = total.saturating_add(found);
    }
    Ok((total <= most).then_some(total))
}

fn restrict<ST>(
    mut sql: Sql<ST>,
    scope: &Scoped<'_>,
    page: &HistoryPage,
    current: bool,
) -> Sql<ST> {
    sql = match (scope.type_id, scope.id.clone()) {
        (Some(type_id), Some(id)) if current => sql
            .push(" AND v.type = ")
            .bind(type_id)
            .push(" AND v.id = ")
            .bind_text(id),
        (Some(type_id), Some(id)) => sql
            .push(" AND v.pk = (SELECT r.pk FROM resource r WHERE r.type = ")
            .bind(type_id)
            .push(" AND r.id = ")
            .bind_text(id)
            .push(")"),
        (Some(type_id), None) => sql.push(" AND v.type = ").bind(type_id),
        (None, _) => sql,
    };
    sql = known_of(sql, "v", scope.type_id, scope.restrictions, scope.joins);
    if let Some(since) = page.since {
        sql = sql.push(" AND v.last_updated >= ").bind(since);
    }
    if let Some((low, high)) = page.at {
        sql = sql.push(" AND v.last_updated < ").bind(high);
        if !current {
            // Still current at `low` when the version after it was made later than that.
            sql = sql.push(" AND ").push(SUCCESSOR).push(" > ").bind(low);
        }
    }
    if let Some(beyond) = page.beyond {
        sql = sql
            .push(if page.oldest_first {
                " AND v.last_updated > "
            } else {
                " AND v.last_updated < "
            })
            .bind(beyond);
    }
    sql
}

/// When the version after `v` was made.
const SUCCESSOR: &str = "COALESCE((SELECT n.last_updated FROM history n WHERE n.pk = v.pk AND n.version = v.version + 1), \
     (SELECT r.last_updated FROM resource r WHERE r.pk = v.pk))";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::connection::{Purpose, Target, open};
    use super::super::deadline::Deadline;
    use super::super::index_rows::Hasher;
    use super::super::migrate;
    use super::*;

    type PlanSql = (BigInt, BigInt, BigInt, Text);

    /// How SQLite reads a page, on the connection of a searcher.
    fn plans(scope: &Scope, page: &HistoryPage) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(folder.path().join("test.db"));
        let mut writer = open(&target, Purpose::Write).unwrap();
        migrate::run(&mut writer).unwrap();
        let names = [("Patient".to_owned(), Vec::new())];
        let dictionary = Dictionary::load(&mut writer, &names, Hasher::new(&[0; 32])).unwrap();
        let mut connection = open(&target, Purpose::Read).unwrap();
        let deadline = Deadline::new(Duration::from_secs(60));
        deadline.watch(&mut connection).unwrap();
        deadline.restart(None);
        let mut steps = Vec::new();
        let open = Restrictions::open();
        let scope = Scoped::new(&connection, &dictionary, scope, &open).unwrap();
        for select in [CURRENT, OLDER] {
            let sql = entries(select, &scope, page);
            let plan: Vec<(i64, i64, i64, String)> = Sql::<PlanSql>::new("EXPLAIN QUERY PLAN ")
                .append(sql)
                .load(&mut connection)
                .unwrap();
            steps.extend(plan.into_iter().map(|step| step.3));
        }
        steps
    }

    #[test]
    fn pages_of_histories_are_walked_in_their_order() {
        let page = HistoryPage {
            since: Some(1),
            beyond: Some(9),
            limit: 10,
            ..HistoryPage::default()
        };
        let whole = HistoryPage {
            limit: 10,
            oldest_first: true,
            ..HistoryPage::default()
        };
        let key = ResourceKey::new("Patient", "1");
        for (scope, index) in [
            (
                Scope::Type("Patient".to_owned()),
                ["resource_updated", "history_updated"],
            ),
            (Scope::System, ["resource_time", "history_time"]),
            (
                Scope::Resource(key),
                ["resource_key", "sqlite_autoindex_history_1"],
            ),
        ] {
            for page in [&page, &whole] {
                let steps = plans(&scope, page);
                for index in index {
                    let used = steps.iter().any(|step| step.contains(index));
                    assert!(used, "{scope:?} {index}: {steps:#?}");
                }
                let sorted = steps.iter().any(|step| step.contains("TEMP B-TREE"));
                assert!(!sorted, "{scope:?}: {steps:#?}");
                let scans = steps.iter().filter(|step| step.starts_with("SCAN"));
                let by_index = |step: &&String| step.contains("USING INDEX");
                assert_eq!(
                    scans.clone().count(),
                    scans.filter(by_index).count(),
                    "{steps:#?}"
                );
            }
        }
    }
}
