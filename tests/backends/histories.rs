//! Histories of a resource, a type and everything: order, pages, `_since`, `_at`.

use fascicolo::fhir::model::key::ResourceKey;
use fascicolo::storage::{Change, Expect, HistoryPage, IndexRows, Scope, Write};

use crate::store::{START, Store, facts, key, open};
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
    let shown = format!("{scope:?} {page:?}");
    let (entries, found) = store.database.history(scope, page).unwrap();
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
            let whole = store.database.history(scope.clone(), all()).unwrap().0;
            let mut paged = Vec::new();
            let mut beyond = None;
            loop {
                let page = HistoryPage {
                    beyond,
                    limit,
                    ..HistoryPage::default()
                };
                let (entries, total) = store.database.history(scope.clone(), page).unwrap();
                assert!(usize::try_from(total).unwrap() >= whole.len() && entries.len() <= limit);
                let Some(last) = entries.last() else { break };
                beyond = Some(last.seq);
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
            let (entries, total) = store.database.history(scope, all()).unwrap();
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
