//! Histories of a resource, a type and everything: order, pages, `_since`, `_at`.

use fascicolo::fhir::model::key::ResourceKey;
use fascicolo::storage::{Change, Expect, HistoryPage, IndexRows, Scope, Write};

use crate::store::{START, Store, everybody, facts, key, open};
use crate::support::database::TestDatabase;

const MINUTE: i64 = 60_000_000;

/// `a` at minute 0, 2 and deleted at 4; `b` at 1 and 3; an observation at 5.
fn filled(database: &TestDatabase) -> Store {
    let store = open(database);
    for step in 0..6 {
        match step {
            4 => store.delete("a"),
            5 => {
                let mut content = store.content("x", 0, &[]);
                content.rows = IndexRows::default();
                let write = Write {
                    key: ResourceKey::new("Observation", "o"),
                    expect: Expect::New,
                    change: Change::Put(content),
                };
                store.commit(vec![write]).unwrap();
            }
            _ => {
                let id = if step % 2 == 0 { "a" } else { "b" };
                store.set(id, &step.to_string(), &[]);
            }
        }
        store.clock.advance(MINUTE);
    }
    store
}

/// What a history holds, as `a1 b1 a2` …, with the total.
#[track_caller]
fn check(store: &Store, scope: Scope, page: HistoryPage, expected: &str, total: i64) {
    let total = Some(total);
    let shown = format!("{scope:?} {page:?}");
    let (entries, found) = store.database.history(scope, page, &everybody()).unwrap();
    let text: Vec<String> = entries
        .iter()
        .map(|entry| format!("{}{}", entry.version.key.id, entry.version.version))
        .collect();
    assert_eq!(
        (text.join(" ").as_str(), found),
        (expected, total),
        "{shown}"
    );
}

fn all() -> HistoryPage {
    HistoryPage {
        limit: 100_000,
        ..HistoryPage::default()
    }
}

pub fn histories_newest_first_in_pages(database: &TestDatabase) {
    let store = filled(database);
    let patients = || Scope::Type("Patient".to_owned());
    check(&store, Scope::System, all(), "o1 a3 b2 a2 b1 a1", 6);
    check(&store, patients(), all(), "a3 b2 a2 b1 a1", 5);
    check(
        &store,
        Scope::Type("Observation".to_owned()),
        all(),
        "o1",
        1,
    );
    check(&store, Scope::Resource(key("a")), all(), "a3 a2 a1", 3);
    check(&store, Scope::Resource(key("none")), all(), "", 0);
    let entries = store.everything();
    assert!(entries[4].version.deleted && entries[4].version.body.is_empty());

    for limit in 1..=7 {
        for scope in [Scope::System, patients(), Scope::Resource(key("a"))] {
            let whole = store
                .database
                .history(scope.clone(), all(), &everybody())
                .unwrap()
                .0;
            let mut paged = Vec::new();
            let mut beyond = None;
            loop {
                let page = HistoryPage {
                    beyond,
                    limit,
                    ..HistoryPage::default()
                };
                let (entries, total) = store
                    .database
                    .history(scope.clone(), page, &everybody())
                    .unwrap();
                let total = usize::try_from(total.unwrap()).unwrap();
                assert!(total >= whole.len() && entries.len() <= limit);
                let Some(last) = entries.last() else { break };
                beyond = Some(last.version.last_updated);
                paged.extend(entries);
                // A write between two pages is newer than what is still to come.
                store.set("between", "x", &[]);
            }
            // It moves the older version of what it writes, but a page neither loses nor repeats any.
            let texts = |entries: &[_]| entries.iter().map(facts).collect::<Vec<_>>();
            assert_eq!(texts(&paged), texts(&whole), "{scope:?} {limit}");
        }
    }
}

pub fn totals_are_told_where_they_are_cheap(database: &TestDatabase) {
    let store = open(database);
    let total = |store: &Store, scope: Scope, since: Option<i64>, beyond: Option<i64>| {
        let page = HistoryPage {
            since,
            beyond,
            limit: 2,
            ..HistoryPage::default()
        };
        store.database.history(scope, page, &everybody()).unwrap().1
    };
    let patients = || Scope::Type("Patient".to_owned());
    store.set("a", "x", &[]);
    for _ in 0..5 {
        let writes = (0..2_000).map(|n| store.put(&format!("p{n}"), Expect::Anything, "x", &[]));
        store.commit(writes.collect()).unwrap();
        store.clock.advance(MINUTE);
    }
    for scope in [Scope::System, patients()] {
        assert_eq!(
            total(&store, scope.clone(), None, None),
            None,
            "10,001 are too many"
        );
        let latest = START + 4 * MINUTE;
        assert_eq!(
            total(&store, scope.clone(), Some(latest), None),
            Some(2_000)
        );
        assert_eq!(
            total(&store, scope, Some(latest), Some(i64::MAX)),
            Some(2_000)
        );
    }
    // Who asks for the total alone gets it.
    let alone = HistoryPage::default();
    let (entries, count) = store
        .database
        .history(patients(), alone, &everybody())
        .unwrap();
    assert_eq!((entries.len(), count), (0, Some(10_001)));
    assert_eq!(
        total(&store, Scope::Resource(key("p7")), None, None),
        Some(5)
    );
    let missing = Scope::Resource(key("none"));
    assert_eq!(total(&store, missing.clone(), None, None), Some(0));
    assert_eq!(total(&store, missing, None, Some(START)), Some(0));
}

/// A version that is replaced while a history is read is neither twice in it nor missing.
pub fn a_history_is_of_one_state(database: &TestDatabase) {
    let store = open(database);
    store.set("a", "x", &[]);
    let rounds = 300;
    std::thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || {
            for _ in 0..rounds {
                store.set("a", "x", &[]);
            }
        });
        loop {
            let scope = Scope::Resource(key("a"));
            let (entries, total) = store.database.history(scope, all(), &everybody()).unwrap();
            let total = total.unwrap();
            let versions: Vec<i64> = entries.iter().map(|e| e.version.version).collect();
            let expected: Vec<i64> = (1..=total).rev().collect();
            assert_eq!(versions, expected);
            if total > rounds {
                return;
            }
        }
    });
}

pub fn history_since_and_at(database: &TestDatabase) {
    let store = filled(database);
    let since = |minute: i64| HistoryPage {
        since: Some(START + minute * MINUTE),
        ..all()
    };
    check(&store, Scope::System, since(0), "o1 a3 b2 a2 b1 a1", 6);
    check(&store, Scope::System, since(3), "o1 a3 b2", 3);
    check(&store, Scope::System, since(6), "", 0);
    check(&store, Scope::Resource(key("a")), since(1), "a3 a2", 2);

    // Current at some time of the stretch, `[low, high)`.
    let at = |low: i64, high: i64| HistoryPage {
        at: Some((START + low, START + high)),
        ..all()
    };
    check(&store, Scope::Resource(key("a")), at(0, 1), "a1", 1);
    check(
        &store,
        Scope::Resource(key("a")),
        at(MINUTE, MINUTE + 1),
        "a1",
        1,
    );
    check(
        &store,
        Scope::Resource(key("a")),
        at(MINUTE, 2 * MINUTE + 1),
        "a2 a1",
        2,
    );
    check(
        &store,
        Scope::System,
        at(3 * MINUTE, 3 * MINUTE + 1),
        "b2 a2",
        2,
    );
    check(&store, Scope::System, at(-MINUTE, 0), "", 0);
    check(
        &store,
        Scope::System,
        at(10 * MINUTE, 11 * MINUTE),
        "o1 a3 b2",
        3,
    );
}
