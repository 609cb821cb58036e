//! Backup of a live database, and restore into either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fascicolo::error::Kind;
use fascicolo::storage::admin::{self, Admin};
use fascicolo::storage::{AuditDraft, Carried, Commit, Expect, PackageRow};

use crate::documents::{bytes, with_document};
use crate::raw;
use crate::store::{Store, facts, open, target};
use crate::support::database::TestDatabase;

/// Every kind of row.
fn fill(database: &TestDatabase, store: &Store) {
    for number in 0..30 {
        let id = format!("p{number}");
        store.set(&id, "1", &[("identifier", &id), ("gender", "f")]);
        store.set(&id, "2", &[("identifier", &id), ("gender", "m")]);
    }
    store.delete("p7");
    for number in 0..3 {
        let content = bytes(300_000, number);
        let id = format!("d{number}");
        let mut commit = with_document(store, &id, Expect::New, &content);
        commit.audit = Some(AuditDraft {
            content: format!("{{\"n\":{number}}}"),
        });
        store.database.commit(commit).unwrap();
    }
    let mut conditional = Commit {
        writes: vec![store.put("claimed", Expect::New, "x", &[("identifier", "c")])],
        ..Commit::default()
    };
    conditional.conditions.push(store.nobody_has("c"));
    store.database.commit(conditional).unwrap();
    let archive = bytes(1000, 5);
    let row = PackageRow {
        name: "pack".to_owned(),
        version: "1".to_owned(),
        sha256: fascicolo::packages::sha256(&archive),
        added: 5,
    };
    Admin::open(&target(database))
        .unwrap()
        .add_package(&row, archive)
        .unwrap();
}

/// Everything in a database, as far as clients and operators can see it.
fn picture(database: &TestDatabase, store: &Store, to_seq: i64) -> Vec<String> {
    let mut all: Vec<String> = store
        .everything()
        .iter()
        .filter(|entry| entry.seq <= to_seq)
        .map(facts)
        .collect();
    let mut lines = raw::audits(database, &format!("WHERE seq <= {to_seq}"));
    lines.extend(raw::lines(
        database,
        &format!("SELECT CAST(pk AS TEXT) AS line FROM claim WHERE pk <= {to_seq}"),
    ));
    lines.sort();
    all.extend(lines);
    all.extend(raw::lines(
        database,
        "SELECT name || value AS line FROM setting ORDER BY name",
    ));
    all.extend(raw::lines(
        database,
        "SELECT name || version || sha256 AS line FROM package",
    ));
    all
}

pub fn ops_05_backup_under_load_is_one_state(database: &TestDatabase) {
    let store = Arc::new(open(database));
    fill(database, &store);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let stop = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let carried = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, stop, written) = (&store, &stop, &written);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    // Two resources that must always be seen together.
                    let text = round.to_string();
                    let writes = vec![
                        store.put(&format!("l{thread}"), Expect::Anything, &text, &[]),
                        store.put(&format!("r{thread}"), Expect::Anything, &text, &[]),
                        store.put(&format!("t{thread}n{round}"), Expect::New, &text, &[]),
                    ];
                    store.commit(writes).unwrap();
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while written.load(Ordering::Relaxed) < 20 {
            std::thread::yield_now();
        }
        let mut reports = 0;
        let carried = admin::backup(
            &target(database),
            database.data_dir(),
            &file,
            &mut |_, _| reports += 1,
        );
        stop.store(true, Ordering::Relaxed);
        assert!(reports >= 12);
        carried.unwrap()
    });
    assert_eq!(carried.documents, 3);
    assert!(!file.with_extension("partial").exists());

    let again = admin::backup(
        &target(database),
        database.data_dir(),
        &file,
        &mut |_, _| {},
    );
    assert_eq!(again.unwrap_err().kind(), Kind::Conflict);

    let mut goals = vec![TestDatabase::sqlite()];
    goals.extend(crate::postgres());
    for goal in goals {
        let restored = admin::restore(&file, &target(&goal), &mut |_, _| {}).unwrap();
        // Documents that were files are chunks in the backup.
        let rows = |all: &Carried| {
            let counts = all.rows.iter().filter(|(table, _)| *table != "blob_chunk");
            counts.copied().collect::<Vec<_>>()
        };
        assert_eq!(rows(&restored), rows(&carried));
        let back = open(&goal);
        let last = back.everything().last().unwrap().seq;
        let (found, expected) = (
            picture(&goal, &back, i64::MAX),
            picture(database, &store, last),
        );
        assert_eq!(found.len(), expected.len());
        assert_eq!(found, expected);
        for thread in 0..4 {
            assert_eq!(
                back.text(&format!("l{thread}")),
                back.text(&format!("r{thread}"))
            );
        }
        for number in 0..3 {
            let blob = back.read(&format!("d{number}")).unwrap().blob.unwrap();
            assert_eq!(back.database.blob(blob).unwrap(), bytes(300_000, number));
        }
        let clause = back.has("gender", "m");
        assert_eq!(back.count(clause).unwrap(), 29);
        assert_eq!(back.database.cursor_key(), store.database.cursor_key());
        // Life goes on: numbers continue, claims hold, new documents go in.
        back.set("after", "x", &[]);
        assert!(back.everything().last().unwrap().seq > last);
        let commit = with_document(&back, "d9", Expect::New, &bytes(300_000, 1));
        back.database.commit(commit).unwrap();
        back.close();
        // And a backup of what was restored is whole.
        let second = folder
            .path()
            .join(format!("again-{}.db", goal.is_postgres()));
        admin::backup(&target(&goal), goal.data_dir(), &second, &mut |_, _| {}).unwrap();
    }
}

pub fn ops_06_restore_refuses_what_is_not_empty(database: &TestDatabase) {
    let store = open(database);
    fill(database, &store);
    let before = store.everything().len();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    let missing = admin::restore(&file, &target(database), &mut |_, _| {});
    assert_eq!(missing.unwrap_err().kind(), Kind::NotFound);
    let carried = admin::backup(
        &target(database),
        database.data_dir(),
        &file,
        &mut |_, _| {},
    );
    // A table that a later migration adds must be carried too.
    let mut names: Vec<&str> = carried.unwrap().rows.iter().map(|row| row.0).collect();
    // But what is damaged here is not in a backup: that is checked to be whole.
    names.push("quarantine");
    names.sort_unstable();
    assert_eq!(names, raw::tables(database));
    let bytes_before = std::fs::read(&file).unwrap();
    let full = admin::restore(&file, &target(database), &mut |_, _| {});
    assert_eq!(full.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(store.everything().len(), before);
    // The backup itself is never written to, and nothing is left beside it.
    assert_eq!(std::fs::read(&file).unwrap(), bytes_before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
