//! Histories: of a resource, of a type, of everything.
//!
//! Time and sequence rise together, so the order is that of the time, by which each kind of history has
//! an index: a page costs the same wherever it is and however much there is.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};

use super::commit::Method;
use super::connection::AnyConnection;
use super::dialect;
use super::dictionary::Dictionary;
use super::resources::{Version, sha256_column};
use super::sql::Sql;
use crate::clock::Instant;
use crate::error::Result;
use crate::fhir::model::key::ResourceKey;

/// Whose history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Resource(ResourceKey),
    Type(String),
    System,
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
    scope: &Scope,
    page: &HistoryPage,
) -> Result<Vec<HistoryEntry>> {
    let mut rows: Vec<EntryRow> = Vec::new();
    for select in [CURRENT, OLDER] {
        let found: Vec<EntryRow> = entries(select, dictionary, scope, page)?.load(connection)?;
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
fn entries(
    select: &'static str,
    dictionary: &Dictionary,
    scope: &Scope,
    page: &HistoryPage,
) -> Result<Sql<EntrySql>> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let current = select == CURRENT;
    let sql = restrict(Sql::new(select), dictionary, scope, page, current)?;
    let sql = sql.push(match scope {
        // By the order of its key: nobody is to be tempted by the index on time.
        Scope::Resource(_) => " ORDER BY v.version",
        Scope::Type(_) | Scope::System => " ORDER BY v.last_updated",
    });
    let sql = sql.push(if page.oldest_first { "" } else { " DESC" });
    Ok(sql.push(" LIMIT ").bind(limit))
}

/// Versions that are counted beside a page at the most.
const COUNTED: i64 = 10_000;
const COUNT_CURRENT: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM resource v WHERE 1 = 1";
const COUNT_OLDER: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM history v WHERE 1 = 1";

/// How many versions a scope has; `None` when that would cost more than a page.
pub fn count(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    scope: &Scope,
    page: &HistoryPage,
) -> Result<Option<i64>> {
    // Who asks for nothing else gets it, within the time of a search.
    let only_count = page.limit == 0;
    if page.at.is_some() && !only_count {
        // What was current at some time lies anywhere: to count it is to read everything.
        return Ok(None);
    }
    if let (Scope::Resource(key), None) = (scope, page.since) {
        // None is ever taken away.
        let version = Sql::<BigInt>::new("SELECT v.version FROM resource v WHERE v.type = ")
            .bind(dictionary.type_id(&key.resource_type)?)
            .push(" AND v.id = ")
            .bind_text(key.id.to_string())
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
        let found: i64 = restrict(
            Sql::<BigInt>::new(select),
            dictionary,
            scope,
            &whole,
            current,
        )?
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
    dictionary: &Dictionary,
    scope: &Scope,
    page: &HistoryPage,
    current: bool,
) -> Result<Sql<ST>> {
    sql = match scope {
        Scope::Resource(key) => {
            let type_id = dictionary.type_id(&key.resource_type)?;
            let id = key.id.to_string();
            if current {
                sql.push(" AND v.type = ")
                    .bind(type_id)
                    .push(" AND v.id = ")
                    .bind_text(id)
            } else {
                sql.push(" AND v.pk = (SELECT r.pk FROM resource r WHERE r.type = ")
                    .bind(type_id)
                    .push(" AND r.id = ")
                    .bind_text(id)
                    .push(")")
            }
        }
        Scope::Type(name) => sql.push(" AND v.type = ").bind(dictionary.type_id(name)?),
        Scope::System => sql,
    };
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
    Ok(sql)
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
        for select in [CURRENT, OLDER] {
            let sql = entries(select, &dictionary, scope, page).unwrap();
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
