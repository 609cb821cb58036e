//! The schema and what is shared in it: migrations, stamps, packages, numbers of names.

use fascicolo::error::Kind;
use fascicolo::storage::PackageRow;
use fascicolo::storage::admin::Admin;

use crate::raw;
use crate::store::{names, open, open_as, target};
use crate::support::database::TestDatabase;

const APPLIED: &str = "SELECT version AS line FROM __diesel_schema_migrations ORDER BY version";

/// Tables with their columns, keys and indexes, in words that both databases share.
pub fn schema(database: &TestDatabase) -> Vec<String> {
    let queries: [&str; 2] = if database.is_postgres() {
        [
            "SELECT c.table_name || '.' || c.column_name || ' ' || CASE c.data_type \
             WHEN 'bigint' THEN 'integer' WHEN 'bytea' THEN 'bytes' ELSE c.data_type END \
             || CASE c.is_nullable WHEN 'NO' THEN ' not null' ELSE '' END \
             || COALESCE((SELECT ' key ' || CAST(k.ordinal_position AS TEXT) \
                FROM information_schema.key_column_usage k JOIN information_schema.table_constraints t \
                ON t.constraint_name = k.constraint_name AND t.constraint_type = 'PRIMARY KEY' \
                WHERE k.table_name = c.table_name AND k.column_name = c.column_name), '') AS line \
             FROM information_schema.columns c WHERE c.table_schema = 'public' \
             AND c.table_name <> '__diesel_schema_migrations' ORDER BY c.table_name, c.ordinal_position",
            "SELECT i.relname || ' on ' || t.relname || CASE WHEN x.indisunique THEN ' unique' ELSE '' END || ' ' \
             || (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, n) \
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) AS line \
             FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
             JOIN pg_namespace s ON s.oid = t.relnamespace WHERE s.nspname = 'public' \
             AND i.relname NOT LIKE '%_pkey' AND i.relname NOT LIKE '%_key1' AND i.relname <> 'dictionary_kind_text_key' \
             ORDER BY i.relname",
        ]
    } else {
        [
            "SELECT t.name || '.' || c.name || ' ' || CASE c.type WHEN 'BIGINT' THEN 'integer' \
             WHEN 'BLOB' THEN 'bytes' ELSE lower(c.type) END \
             || CASE c.\"notnull\" WHEN 1 THEN ' not null' ELSE '' END \
             || CASE WHEN c.pk > 0 THEN ' key ' || c.pk ELSE '' END AS line \
             FROM sqlite_master t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '__diesel_schema_migrations' \
             ORDER BY t.name, c.cid",
            "SELECT i.name || ' on ' || t.name || CASE i.\"unique\" WHEN 1 THEN ' unique' ELSE '' END || ' ' \
             || (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS line \
             FROM sqlite_master t JOIN pragma_index_list(t.name) i \
             WHERE t.type = 'table' AND i.origin = 'c' ORDER BY i.name",
        ]
    };
    queries
        .iter()
        .flat_map(|query| raw::lines(database, query))
        .collect()
}

pub fn up_down_up(database: &TestDatabase) {
    let admin = Admin::open(&target(database)).unwrap();
    assert!(!admin.migrated.is_empty());
    let made = schema(database);
    assert!(made.len() > 50, "{made:#?}");
    admin.revert_all().unwrap();
    assert!(schema(database).is_empty(), "{:#?}", schema(database));
    assert!(raw::lines(database, APPLIED).is_empty());
    let admin = Admin::open(&target(database)).unwrap();
    assert!(!admin.migrated.is_empty());
    assert_eq!(schema(database), made);
    let again = Admin::open(&target(database)).unwrap();
    assert!(again.migrated.is_empty(), "{:?}", again.migrated);
    let store = open(database);
    store.set("a", "x", &[]);
}

/// Both databases have the same tables, columns, kinds of columns, keys and indexes.
#[test]
fn schemas_are_the_same_column_by_column() {
    let Some(postgres) = crate::postgres() else {
        return;
    };
    let sqlite = TestDatabase::sqlite();
    for database in [&sqlite, &postgres] {
        Admin::open(&target(database)).unwrap();
    }
    assert_eq!(schema(&sqlite), schema(&postgres));
}

pub fn ops_04_a_newer_schema_is_refused(database: &TestDatabase) {
    open(database).close();
    let known = raw::lines(database, APPLIED);
    raw::execute(
        database,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')",
    )
    .unwrap();
    let error = open_as(database, true, names()).err().expect("refused");
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("20991231000000"), "{error}");
    assert!(error.to_string().contains("newer"), "{error}");
    assert!(Admin::open(&target(database)).is_err());
    // And nothing was changed.
    raw::execute(
        database,
        "DELETE FROM __diesel_schema_migrations WHERE version = '20991231000000'",
    )
    .unwrap();
    assert_eq!(raw::lines(database, APPLIED), known);
    open(database);
}

pub fn dev_05_stamps(database: &TestDatabase) {
    let stamp = |text: &str| {
        let statement = format!("UPDATE setting SET value = '{text}' WHERE name = 'stamp'");
        assert_eq!(raw::execute(database, &statement).unwrap(), 1);
    };
    #[track_caller]
    fn refused(database: &TestDatabase, dev: bool, expected: &str) {
        let error = open_as(database, dev, names()).err().expect("refused");
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let store = open(database);
    store.set("a", "x", &[]);
    store.close();
    refused(database, false, "made with --dev");
    open_as(database, true, names()).unwrap().close();
    stamp("production");
    refused(database, true, "synthetic data only");
    open_as(database, false, names()).unwrap().close();
    // Data without a stamp is nobody's synthetic data.
    raw::execute(database, "DELETE FROM setting WHERE name = 'stamp'").unwrap();
    refused(database, true, "synthetic data only");
    open_as(database, false, names()).unwrap().close();
    refused(database, true, "synthetic data only");
}

pub fn packages_are_kept(database: &TestDatabase) {
    let mut admin = Admin::open(&target(database)).unwrap();
    assert!(admin.packages().unwrap().is_empty());
    let row = |name: &str, version: &str| PackageRow {
        name: name.to_owned(),
        version: version.to_owned(),
        sha256: format!("{name}{version}"),
        added: 5,
    };
    let large = crate::documents::bytes(700_000, 3);
    admin.add_package(&row("b", "1"), large.clone()).unwrap();
    admin.add_package(&row("a", "2"), vec![1]).unwrap();
    admin.add_package(&row("a", "1"), vec![2]).unwrap();
    let rows = [row("a", "1"), row("a", "2"), row("b", "1")];
    assert_eq!(admin.packages().unwrap(), rows);
    let mut other = Admin::open(&target(database)).unwrap();
    assert_eq!(other.package_archive("b", "1").unwrap(), large);
    assert_eq!(other.package_archive("a", "1").unwrap(), [2]);
    assert!(other.package_archive("c", "1").is_err());
}

/// Numbers of types and parameters never change, however the definitions grow or shrink.
pub fn names_get_numbers_once(database: &TestDatabase) {
    let numbers = |names: Vec<(String, Vec<String>)>| {
        let store = open_as(database, true, names).unwrap();
        let dictionary = store.database.dictionary().clone();
        store.close();
        dictionary
    };
    let first = numbers(names());
    let mut more = names();
    more.reverse();
    more.insert(0, ("Group".to_owned(), vec!["member".to_owned()]));
    more[1].1.insert(0, "code".to_owned());
    let second = numbers(more);
    let third = numbers(vec![("Patient".to_owned(), vec!["gender".to_owned()])]);
    for dictionary in [&second, &third] {
        assert_eq!(
            dictionary.type_id("Patient").unwrap(),
            first.type_id("Patient").unwrap()
        );
        for code in ["gender", ""] {
            let number = dictionary.param("Patient", code);
            assert!(number.is_some() && number == first.param("Patient", code));
        }
    }
    assert!(first.param("Observation", "code").is_none());
    assert!(second.param("Observation", "code").is_some());
    assert!(second.type_id("Group").is_ok() && first.type_id("Group").is_err());
}
