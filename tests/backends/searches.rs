//! Searches over index rows: order, pages, several clauses; SQL against `Clause::matches`.

use std::time::Duration;

use fascicolo::error::Kind;
use fascicolo::storage::{Change, Clause, Expect, HistoryPage, Page, Scope, Write};

use crate::store::{START, Store, key, names, open, open_within};
use crate::support::database::TestDatabase;

/// A small generator, the same numbers every time.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn put(store: &Store, id: &str, sort: i64, values: &[(&str, &str)]) {
    let write = Write {
        key: key(id),
        expect: Expect::Anything,
        change: Change::Put(store.content(id, sort, values)),
    };
    store.commit(vec![write]).unwrap();
}

/// The ids of all pages of a search.
fn ids(store: &Store, clauses: &[Clause], limit: usize) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = Page { after, limit };
        let found = store
            .database
            .search("Patient", clauses.to_vec(), page)
            .unwrap();
        assert!(found.versions.len() <= limit);
        all.extend(found.versions.iter().map(|v| v.key.id.to_string()));
        if !found.more {
            return all;
        }
        assert_eq!(found.versions.len(), limit);
        after = found.last;
    }
}

/// A search that takes too long is ended, and the next one has all its time again.
pub fn in_18_a_search_has_a_time_limit(database: &TestDatabase) {
    let store = open(database);
    let patients = (0..20_000).map(|number| Write {
        key: key(&format!("p{number}")),
        expect: Expect::New,
        change: Change::Put(store.content("one of many", 0, &[("gender", "f")])),
    });
    store.commit(patients.collect()).unwrap();
    let count = |store: &Store| {
        store
            .database
            .count("Patient", vec![store.has("gender", "f")])
    };
    assert_eq!(count(&store).unwrap(), 20_000);
    store.database.close();

    let limit = Duration::from_millis(1);
    let store = open_within(database, true, names(), limit).unwrap();
    let whole = || {
        let page = HistoryPage {
            limit: 10,
            ..HistoryPage::default()
        };
        store.database.history(Scope::Type("Patient".into()), page)
    };
    for _ in 0..5 {
        assert_eq!(count(&store).unwrap_err().kind(), Kind::Timeout);
        assert_eq!(whole().unwrap_err().kind(), Kind::Timeout);
    }
    // Reads by id have a queue and a connection of their own, and what is short has time enough; on a
    // busy machine not at the first attempt.
    assert!(store.read("p7").is_some());
    let short = || store.database.version(&key("p7"), 1);
    assert!((0..100).any(|_| short().is_ok_and(|version| version.is_some())));
}

pub fn pages_in_order(database: &TestDatabase) {
    let store = open(database);
    // Newest first by date (the sort key is minus the date); without a date by age.
    for (id, sort) in [
        ("c", -30),
        ("none-1", 0),
        ("a", -50),
        ("none-2", 0),
        ("b", -40),
        ("also-b", -40),
    ] {
        put(&store, id, sort, &[("gender", "f"), ("identifier", id)]);
    }
    let order = ["a", "b", "also-b", "c", "none-1", "none-2"];
    for limit in 1..8 {
        assert_eq!(ids(&store, &[], limit), order, "{limit}");
        let clauses = [store.has("gender", "f")];
        assert_eq!(ids(&store, &clauses, limit), order, "{limit}");
    }
    // An update that changes the date moves the resource.
    put(&store, "none-1", -99, &[("gender", "f")]);
    put(&store, "a", -1, &[("gender", "f")]);
    store.delete("c");
    let order = ["none-1", "b", "also-b", "a", "none-2"];
    assert_eq!(ids(&store, &[store.has("gender", "f")], 2), order);
    assert_eq!(ids(&store, &[], 2), order);
    // Several values of one parameter give each resource once.
    put(
        &store,
        "two",
        0,
        &[("identifier", "x"), ("identifier", "y")],
    );
    let Clause::Value { param, .. } = store.has("identifier", "x") else {
        panic!("a clause of values");
    };
    let value = |text: &str| store.database.hasher().value(text);
    let either = Clause::Value {
        param,
        any_of: vec![value("x"), value("y"), value("b")],
    };
    assert_eq!(ids(&store, std::slice::from_ref(&either), 1), ["b", "two"]);
    assert_eq!(store.database.count("Patient", vec![either]).unwrap(), 2);
    assert!(ids(&store, &[Clause::Nothing], 5).is_empty());
    let empty = Clause::Value {
        param,
        any_of: Vec::new(),
    };
    assert!(ids(&store, &[empty], 5).is_empty());
}

pub fn clauses_hold_together(database: &TestDatabase) {
    let store = open(database);
    for id in ["a", "b", "c"] {
        let gender = if id == "b" { "m" } else { "f" };
        put(&store, id, 0, &[("identifier", id), ("gender", gender)]);
        store.clock.advance(1_000_000);
    }
    #[track_caller]
    fn check(store: &Store, clauses: Vec<Clause>, expected: &[&str]) {
        assert_eq!(ids(store, &clauses, 2), expected, "{clauses:?}");
        let count = store.database.count("Patient", clauses).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len());
    }
    let has = |code: &str, text: &str| store.has(code, text);
    let id = |texts: &[&str]| Clause::Id(texts.iter().map(|t| (*t).to_owned()).collect());
    let updated = |low: i64, high: i64| Clause::LastUpdated {
        low: START + low * 1_000_000,
        high: START + high * 1_000_000,
    };
    check(&store, vec![has("gender", "f")], &["a", "c"]);
    check(
        &store,
        vec![has("gender", "f"), has("identifier", "c")],
        &["c"],
    );
    check(
        &store,
        vec![has("gender", "m"), has("identifier", "c")],
        &[],
    );
    check(&store, vec![id(&["b", "a", "nobody", "a"])], &["a", "b"]);
    check(&store, vec![id(&["b", "a"]), has("gender", "m")], &["b"]);
    check(&store, vec![id(&["b", "a"]), id(&["a", "c"])], &["a"]);
    check(&store, vec![id(&[])], &[]);
    check(&store, vec![updated(1, 3)], &["b", "c"]);
    check(&store, vec![updated(1, 3), has("gender", "f")], &["c"]);
    check(&store, vec![updated(1, 2), id(&["b", "c"])], &["b"]);
    check(&store, vec![has("gender", "f"), Clause::Nothing], &[]);
}

/// Random resources against random clauses: what SQL finds is what the rows in memory say.
pub fn two_interpreters_agree(database: &TestDatabase) {
    let store = open(database);
    let mut numbers = Numbers(7);
    let texts = ["0", "1", "2", "3", "4"];
    for step in 0..120 {
        let id = format!("p{}", numbers.below(40));
        if step > 20 && numbers.below(6) == 0 {
            store.delete(&id);
            continue;
        }
        let mut values = Vec::new();
        for _ in 0..numbers.below(5) {
            let code = ["identifier", "gender"][usize::try_from(numbers.below(2)).unwrap()];
            values.push((code, texts[usize::try_from(numbers.below(5)).unwrap()]));
        }
        let sort = -i64::try_from(numbers.below(4)).unwrap();
        put(&store, &id, sort, &values);
        store.clock.advance(1_000);
    }
    let patients: Vec<_> = (0..40)
        .filter_map(|n| store.read(&format!("p{n}")))
        .collect();
    let packed = crate::raw::hex(
        database,
        "index_rows",
        "FROM resource WHERE deleted = FALSE ORDER BY seq",
    );
    let mut living: Vec<_> = patients.iter().filter(|p| !p.deleted).collect();
    living.sort_by_key(|version| version.last_updated);
    assert_eq!(living.len(), packed.len());
    let rows: Vec<_> = packed
        .iter()
        .map(|hex| fascicolo::storage::IndexRows::unpack(&bytes(hex)))
        .collect();
    for _ in 0..80 {
        let mut clauses = Vec::new();
        for _ in 0..1 + numbers.below(3) {
            clauses.push(match numbers.below(6) {
                0 => Clause::Id(
                    (0..numbers.below(9))
                        .map(|n| format!("p{}", n * 3))
                        .collect(),
                ),
                1 => Clause::LastUpdated {
                    low: START + i64::try_from(numbers.below(60_000)).unwrap(),
                    high: START + i64::try_from(60_000 + numbers.below(60_000)).unwrap(),
                },
                kind => {
                    let code = if kind < 4 { "identifier" } else { "gender" };
                    let text = texts[usize::try_from(numbers.below(5)).unwrap()];
                    let mut clause = store.has(code, text);
                    if let (0, Clause::Value { any_of, .. }) = (numbers.below(2), &mut clause) {
                        any_of.push(store.database.hasher().value("4"));
                    }
                    clause
                }
            });
        }
        let mut expected: Vec<(i64, String)> = living
            .iter()
            .zip(&rows)
            .filter(|(version, rows)| {
                clauses
                    .iter()
                    .all(|c| c.matches(&version.key.id, version.last_updated, rows))
            })
            .map(|(version, rows)| (rows.sort, version.key.id.to_string()))
            .collect();
        let mut found = ids(&store, &clauses, 7);
        let count = store.database.count("Patient", clauses.clone()).unwrap();
        assert_eq!(
            usize::try_from(count).unwrap(),
            expected.len(),
            "{clauses:?}"
        );
        found.sort();
        expected.sort_by(|a, b| a.1.cmp(&b.1));
        let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
        assert_eq!(found, expected, "{clauses:?}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}
