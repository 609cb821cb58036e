//! Commits: what becomes of writes, expectations, times, and what goes with them.

use fascicolo::fhir::model::key::ResourceKey;
use fascicolo::storage::{
    AuditDraft, Change, Commit, Expect, HistoryPage, JobDraft, Method, Refusal, Scope, Write,
    WriteOutcome,
};

use crate::raw;
use crate::store::{START, Store, delete, everybody, key, open, refusal};
use crate::support::database::TestDatabase;

pub fn outcomes_and_versions(database: &TestDatabase) {
    let store = open(database);
    #[track_caller]
    fn check(store: &Store, write: Write, outcome: WriteOutcome, version: i64) {
        let committed = store.commit(vec![write]).unwrap();
        let written = committed.writes[0];
        assert_eq!((written.outcome, written.version), (outcome, version));
    }
    let put = |expect, text: &str| store.put("a", expect, text, &[]);
    check(&store, put(Expect::New, "1"), WriteOutcome::Created, 1);
    check(&store, put(Expect::Anything, "2"), WriteOutcome::Updated, 2);
    check(&store, put(Expect::Known, "3"), WriteOutcome::Updated, 3);
    check(
        &store,
        put(Expect::Version(3), "4"),
        WriteOutcome::Updated,
        4,
    );
    check(&store, delete("a"), WriteOutcome::Deleted, 5);
    check(&store, delete("a"), WriteOutcome::NothingToDelete, 5);
    check(&store, delete("b"), WriteOutcome::NothingToDelete, 0);
    check(&store, put(Expect::Anything, "6"), WriteOutcome::Created, 6);

    assert_eq!(store.text("a").as_deref(), Some("6"));
    assert!(store.read("b").is_none());
    for number in 1..=6 {
        let version = store.database.version(&key("a"), number).unwrap().unwrap();
        assert_eq!((version.version, version.deleted), (number, number == 5));
        if number != 5 {
            let json: serde_json::Value = serde_json::from_slice(&version.json().unwrap()).unwrap();
            assert_eq!(json["name"][0]["text"], number.to_string());
            assert_eq!(json["meta"]["versionId"], number.to_string());
            assert_eq!(json["id"], "a");
        }
    }
    assert!(store.database.version(&key("a"), 7).unwrap().is_none());
    assert!(store.database.version(&key("a"), 0).unwrap().is_none());
    let read = store.database.read_many(vec![key("a"), key("b"), key("a")]);
    assert!(read.unwrap().iter().all(|version| version.version == 6));
}

pub fn expectations_refuse_and_leave_nothing(database: &TestDatabase) {
    let store = open(database);
    store.set("there", "1", &[("identifier", "x")]);
    store.set("gone", "1", &[]);
    store.delete("gone");
    let before = store.everything().len();

    #[track_caller]
    fn check(store: &Store, id: &str, expect: Expect, expected: Refusal) {
        // A good write in front: all or nothing.
        let writes = vec![
            store.put("good", Expect::New, "good", &[("identifier", "y")]),
            store.put(id, expect, "bad", &[]),
        ];
        let result = store.database.commit(Commit {
            writes,
            audit: Some(AuditDraft {
                content: "{}".to_owned(),
            }),
            ..Commit::default()
        });
        assert_eq!(refusal(result), expected);
        assert!(store.read("good").is_none());
    }
    check(&store, "there", Expect::New, Refusal::Exists { write: 1 });
    check(&store, "gone", Expect::New, Refusal::Exists { write: 1 });
    check(
        &store,
        "nobody",
        Expect::Known,
        Refusal::Missing { write: 1 },
    );
    check(
        &store,
        "nobody",
        Expect::Version(1),
        Refusal::Missing { write: 1 },
    );
    let other = |found| Refusal::OtherVersion { write: 1, found };
    check(&store, "there", Expect::Version(2), other(1));
    check(&store, "there", Expect::Version(0), other(1));
    check(&store, "gone", Expect::Version(2), other(2));

    assert_eq!(store.everything().len(), before);
    assert_eq!(store.text("there").as_deref(), Some("1"));
    let audits = raw::audits(database, "");
    assert!(audits.is_empty(), "{audits:?}");
    let clause = store.has("identifier", "y");
    assert_eq!(store.count(clause).unwrap(), 0);
}

pub fn equal_content_makes_no_version(database: &TestDatabase) {
    let store = open(database);
    let write = |text: &str| {
        let mut content = store.content(text, 0, &[]);
        content.unless_equal = true;
        Write {
            key: key("a"),
            expect: Expect::Anything,
            change: Change::Put(content),
        }
    };
    #[track_caller]
    fn check(store: &Store, writes: Vec<Write>, expected: &[(WriteOutcome, i64)]) {
        let committed = store.commit(writes).unwrap();
        let found: Vec<_> = committed
            .writes
            .iter()
            .map(|written| (written.outcome, written.version))
            .collect();
        assert_eq!(found, expected);
    }
    check(&store, vec![write("1")], &[(WriteOutcome::Created, 1)]);
    let made = store.read("a").unwrap().last_updated;
    store.clock.advance(1_000_000);
    let again = store.commit(vec![write("1")]).unwrap().writes[0];
    assert_eq!(
        (again.outcome, again.version, again.last_updated),
        (WriteOutcome::Unchanged, 1, made)
    );
    check(&store, vec![write("2")], &[(WriteOutcome::Updated, 2)]);
    // Against what the same commit has just written.
    check(
        &store,
        vec![write("3"), write("3"), write("2")],
        &[
            (WriteOutcome::Updated, 3),
            (WriteOutcome::Unchanged, 3),
            (WriteOutcome::Updated, 4),
        ],
    );
    store.delete("a");
    check(&store, vec![write("2")], &[(WriteOutcome::Created, 6)]);
    assert_eq!(store.everything().len(), 6);
}

pub fn versions_within_one_commit(database: &TestDatabase) {
    let store = open(database);
    let put = |text: &str| store.put("a", Expect::Anything, text, &[("gender", text)]);
    let committed = store
        .commit(vec![put("1"), put("2"), delete("a"), put("4")])
        .unwrap();
    let versions: Vec<i64> = committed.writes.iter().map(|w| w.version).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    store
        .commit(vec![put("5"), delete("a"), put("7"), delete("b")])
        .unwrap();
    let history: Vec<(i64, bool)> = store
        .everything()
        .iter()
        .map(|entry| (entry.version.version, entry.version.deleted))
        .collect();
    assert_eq!(
        history,
        [
            (1, false),
            (2, false),
            (3, true),
            (4, false),
            (5, false),
            (6, true),
            (7, false)
        ]
    );
    for (value, expected) in [("7", 1), ("5", 0), ("4", 0), ("1", 0)] {
        let clause = store.has("gender", value);
        let count = store.count(clause).unwrap();
        assert_eq!(count, expected, "{value}");
    }
}

pub fn times_and_sequence_only_rise(database: &TestDatabase) {
    let store = open(database);
    for (round, step) in [0, 0, 5_000_000, -3_600_000_000, 0, 7_200_000_000]
        .into_iter()
        .enumerate()
    {
        store.clock.advance(step);
        for number in 0..3 {
            store.set(&format!("r{round}n{number}"), "x", &[]);
        }
        store.set("same", &round.to_string(), &[]);
    }
    let entries = store.everything();
    let pairs: Vec<(i64, i64)> = entries
        .iter()
        .map(|entry| (entry.seq, entry.version.last_updated))
        .collect();
    assert_eq!(pairs.len(), 24);
    assert_eq!(pairs[0].1, START);
    for two in pairs.windows(2) {
        assert!(two[0].0 < two[1].0 && two[0].1 < two[1].1, "{two:?}");
    }
    // Ids and versions in answers tell nothing of the sequence (LEAK-04).
    let json = store.read("same").unwrap().json().unwrap();
    let seq = entries.last().unwrap().seq.to_string();
    assert!(
        !String::from_utf8(json)
            .unwrap()
            .contains(&format!("\"{seq}\""))
    );

    // The same after the database was closed and the clock has gone back.
    let last = *pairs.last().unwrap();
    store.close();
    let store = open(database);
    store.set("later", "x", &[]);
    let entry = store.everything().pop().unwrap();
    assert!(entry.seq > last.0 && entry.version.last_updated > last.1);
}

/// Statements of many rows have fixed sizes and a rest: every size around them.
pub fn many_writes_in_one_commit(database: &TestDatabase) {
    let store = open(database);
    let mut total = 0;
    for size in [1, 15, 16, 17, 31, 33, 400, 401, 1100] {
        for round in 0..2 {
            let writes = (0..size)
                .map(|number| {
                    let id = format!("s{size}n{number}");
                    store.put(
                        &id,
                        Expect::Anything,
                        &round.to_string(),
                        &[("gender", "g")],
                    )
                })
                .collect();
            let committed = store.commit(writes).unwrap();
            assert!(committed.writes.iter().all(|w| w.version == round + 1));
        }
        total += size;
    }
    let count = store.count(store.has("gender", "g"));
    assert_eq!(count.unwrap(), total);
    let page = HistoryPage {
        limit: 1,
        ..HistoryPage::default()
    };
    let (_, versions) = store
        .database
        .history(Scope::System, page, &everybody())
        .unwrap();
    assert_eq!(versions, Some(total * 2));
    // Nothing at all is a commit too.
    assert!(store.commit(Vec::new()).unwrap().writes.is_empty());
}

pub fn audit_and_jobs_go_with_the_commit(database: &TestDatabase) {
    let store = open(database);
    let draft = |text: &str| {
        Some(AuditDraft {
            content: format!("{{\"n\":\"{text}\"}}"),
        })
    };
    for number in 0..40 {
        store
            .database
            .commit(Commit {
                writes: vec![store.put(&format!("p{number}"), Expect::New, "x", &[])],
                audit: draft(&number.to_string()),
                jobs: vec![JobDraft {
                    kind: "test",
                    payload: number.to_string(),
                    run_after: START,
                }],
                ..Commit::default()
            })
            .unwrap();
    }
    // A record without a write: something was refused, or nothing had to change.
    let nothing = Commit {
        audit: draft("none"),
        ..Commit::default()
    };
    store.database.commit(nothing).unwrap();
    let audits = raw::audits(database, "ORDER BY seq");
    assert_eq!(audits.len(), 41);
    assert_eq!(audits[7], "{\"n\":\"7\"}");
    assert_eq!(audits[40], "{\"n\":\"none\"}");
    let jobs = raw::lines(database, "SELECT payload AS line FROM job ORDER BY id");
    let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(jobs, expected);
    let twins = raw::lines(
        database,
        "SELECT CAST(COUNT(*) AS TEXT) AS line FROM audit_record a JOIN job j ON j.id = a.seq",
    );
    assert_eq!(twins, ["0"]);
    let leaves = raw::hex(database, "leaf", "FROM audit_record");
    let distinct: std::collections::BTreeSet<&String> = leaves.iter().collect();
    assert_eq!((leaves.len(), distinct.len()), (41, 41));
}

pub fn aud_records_are_only_appended(database: &TestDatabase) {
    let store = open(database);
    store
        .database
        .commit(Commit {
            audit: Some(AuditDraft {
                content: "{}".to_owned(),
            }),
            ..Commit::default()
        })
        .unwrap();
    let mut statements = vec![
        "UPDATE audit_record SET content = '{\"a\":1}'",
        "UPDATE audit_record SET recorded = recorded + 1",
        "DELETE FROM audit_record",
        "DELETE FROM audit_record WHERE seq > 0",
    ];
    if database.is_postgres() {
        statements.push("TRUNCATE audit_record");
    } else {
        statements.push("INSERT OR REPLACE INTO audit_record SELECT seq, recorded, 'x', salt, leaf FROM audit_record");
    }
    for statement in statements {
        let error = raw::execute(database, statement).expect_err(statement);
        assert!(error.contains("audit records are never"), "{error}");
    }
    let kept = raw::audits(database, "");
    assert_eq!(kept, ["{}"]);
    // The kinds of method come back as they were.
    let mut content = store.content("x", 0, &[]);
    content.method = Method::Patch;
    let write = Write {
        key: ResourceKey::new("Patient", "m"),
        expect: Expect::New,
        change: Change::Put(content),
    };
    store.commit(vec![write]).unwrap();
    assert_eq!(store.read("m").unwrap().method, Method::Patch);
}
