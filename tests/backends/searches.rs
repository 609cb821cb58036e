//! Searches over index rows: order, pages, several clauses; SQL against `Clause::matches`.

use std::time::Duration;

use fascicolo::error::Kind;
use fascicolo::fhir::search::{AXIS, Near, PLANE};
use fascicolo::storage::{
    By, Change, Clause, Expect, IndexRow, IndexRows, Key, Like, Page, Range, RangeRow, StringRow,
    UNDATED, Write,
};

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

/// The ids of all pages of a search in the usual order.
fn ids(store: &Store, clauses: &[Clause], limit: usize) -> Vec<String> {
    let found = sorted(store, clauses, &[], limit, 1000);
    found.into_iter().map(|(id, _)| id).collect()
}

/// The ids of all pages of a search with the pages they are on; then back again, which gives the same.
fn sorted(
    store: &Store,
    clauses: &[Clause],
    keys: &[Key],
    limit: usize,
    few: i64,
) -> Vec<(String, usize)> {
    let (mut all, mut number) = (Vec::new(), 0);
    let mut page = Page {
        keys: keys.to_vec(),
        few,
        ..Page::first(limit)
    };
    loop {
        let patients = store.patients(Clause::All(clauses.to_vec()));
        let found = store.database.search(patients, page.clone()).unwrap();
        assert!(found.found.len() <= limit);
        let ids = found
            .found
            .iter()
            .map(|(_, one)| one.version.key.id.to_string());
        let ids: Vec<(String, usize)> = ids.map(|id| (id, number)).collect();
        if number > 0 {
            let back = Page {
                after: found.first.clone(),
                backward: true,
                ..page.clone()
            };
            let patients = store.patients(Clause::All(clauses.to_vec()));
            let before = store.database.search(patients, back).unwrap();
            let before = before
                .found
                .iter()
                .map(|(_, one)| one.version.key.id.to_string());
            let before: Vec<(String, usize)> = before.map(|id| (id, number - 1)).collect();
            if !ids.is_empty() {
                assert_eq!(all[all.len() - before.len()..], before);
                assert_eq!(before.len(), limit);
            }
        }
        all.extend(ids);
        if !found.more {
            return all;
        }
        assert_eq!(found.found.len(), limit);
        page.after = found.last;
        number += 1;
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
    // Each of the many rows is looked up once more.
    let count = |store: &Store| {
        let others = Clause::Not(Box::new(store.named(&["nobody"])));
        let both = Clause::All(vec![store.has("gender", "f"), others]);
        store.database.count(store.patients(both))
    };
    assert_eq!(count(&store).unwrap(), 20_000);
    store.database.close();

    let limit = Duration::from_millis(1);
    let store = open_within(database, true, names(), limit).unwrap();
    for _ in 0..5 {
        assert_eq!(count(&store).unwrap_err().kind(), Kind::Timeout);
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
        ("none-1", UNDATED),
        ("a", -50),
        ("none-2", UNDATED),
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
        UNDATED,
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
    assert_eq!(store.database.count(store.patients(either)).unwrap(), 2);
    assert!(ids(&store, &[Clause::nothing()], 5).is_empty());
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
        let patients = store.patients(Clause::All(clauses));
        let count = store.database.count(patients).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len());
    }
    let has = |code: &str, text: &str| store.has(code, text);
    let id = |texts: &[&str]| store.named(texts);
    let type_id = store.database.dictionary().type_id("Patient").unwrap();
    let updated = |low: i64, high: i64| Clause::LastUpdated {
        type_id,
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
    check(&store, vec![has("gender", "f"), Clause::nothing()], &[]);
}

/// Parameters of the random resources.
struct Params {
    every: i64,
    value: [i64; 2],
    text: i64,
    range: i64,
}

impl Params {
    fn of(store: &Store) -> Self {
        let param = |code: &str| store.database.dictionary().param("Patient", code).unwrap();
        Self {
            every: store.database.dictionary().every("Patient").unwrap(),
            value: [param("identifier"), param("gender")],
            text: param("name"),
            range: param("birthdate"),
        }
    }
}

const WORDS: [&str; 6] = ["anna", "ann", "annalisa", "lisa", "a%a", "zoë_"];

fn word(numbers: &mut Numbers) -> String {
    WORDS[usize::try_from(numbers.below(6)).unwrap()].to_owned()
}

fn small(numbers: &mut Numbers, bound: u64) -> i64 {
    i64::try_from(numbers.below(bound)).unwrap()
}

fn random_rows(params: &Params, numbers: &mut Numbers) -> IndexRows {
    let value = |param, value| IndexRow {
        patient: 0,
        param,
        value,
    };
    let mut values = vec![value(params.every, 0)];
    for _ in 0..numbers.below(5) {
        let param = params.value[usize::try_from(numbers.below(2)).unwrap()];
        values.push(value(param, small(numbers, 5)));
    }
    let (mut strings, mut ranges) = (Vec::new(), Vec::new());
    for _ in 0..numbers.below(3) {
        strings.push(StringRow {
            param: params.text,
            value: word(numbers),
            exact: small(numbers, 2),
        });
    }
    for _ in 0..numbers.below(3) {
        let (class, low) = (small(numbers, 3), small(numbers, 20));
        let length = [0, 3, 1000][usize::try_from(class).unwrap()];
        ranges.push(RangeRow {
            param: params.range,
            class,
            low,
            high: low + small(numbers, u64::try_from(length + 1).unwrap()),
        });
    }
    // A position, under a parameter that has no intervals.
    if numbers.below(2) == 0 {
        let [x, y, z] = [0; 3].map(|_| small(numbers, 10));
        for (class, low, high) in [(PLANE, x, y), (AXIS, z, z)] {
            ranges.push(RangeRow {
                param: params.text,
                class,
                low,
                high,
            });
        }
    }
    let sort = [UNDATED, -3, -2, -1, 0][usize::try_from(numbers.below(5)).unwrap()];
    let present = [params.value[1], params.text, params.range];
    let present = present.into_iter().filter(|_| numbers.below(2) == 0);
    let present = present.collect();
    IndexRows::new(sort, values, strings, ranges, Vec::new(), present)
}

fn random_clause(store: &Store, params: &Params, numbers: &mut Numbers, depth: u32) -> Clause {
    let kinds = if depth == 0 { 8 } else { 12 };
    let list = |numbers: &mut Numbers| {
        (0..numbers.below(4))
            .map(|_| random_clause(store, params, numbers, depth - 1))
            .collect::<Vec<_>>()
    };
    match numbers.below(kinds) {
        0 => {
            let ids: Vec<String> = (0..numbers.below(9))
                .map(|n| format!("p{}", n * 3))
                .collect();
            store.named(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        }
        1 => Clause::LastUpdated {
            type_id: store.database.dictionary().type_id("Patient").unwrap(),
            low: START + small(numbers, 60_000),
            high: START + 60_000 + small(numbers, 60_000),
        },
        2 => Clause::Text {
            param: params.text,
            like: match numbers.below(7) {
                0 => Like::StartsWith(word(numbers)),
                1 => Like::Contains(word(numbers).chars().skip(1).collect()),
                2 => Like::EndsWith(word(numbers).chars().skip(2).collect()),
                3 => Like::Is(word(numbers)),
                4 => Like::IsNot(word(numbers)),
                5 => Like::Between(
                    (numbers.below(2) == 0).then(|| word(numbers)),
                    (numbers.below(2) == 0).then(|| word(numbers)),
                ),
                _ => Like::Exact(word(numbers), small(numbers, 2)),
            },
        },
        3 => Clause::Range(Range {
            param: params.range,
            clinical: false,
            classes: vec![(0, 0), (1, 3), (2, 1000)],
            low: (
                small(numbers, 20),
                [5, 12, i64::MAX][usize::try_from(numbers.below(3)).unwrap()],
            ),
            high: (
                [i64::MIN, 3, 9][usize::try_from(numbers.below(3)).unwrap()],
                8 + small(numbers, 40),
            ),
        }),
        4 => Clause::Present {
            param: [params.value[1], params.text, params.range]
                [usize::try_from(numbers.below(3)).unwrap()],
        },
        5 | 6 => Clause::Value {
            param: params.value[usize::try_from(numbers.below(2)).unwrap()],
            any_of: (0..numbers.below(4)).map(|_| small(numbers, 5)).collect(),
        },
        7 => {
            let reach = 1 + small(numbers, 8);
            Clause::Near {
                param: params.text,
                near: Near {
                    at: [0; 3].map(|_| small(numbers, 10)),
                    reach,
                    square: reach * reach,
                },
            }
        }
        8 => Clause::All(list(numbers)),
        9 => Clause::Any(list(numbers)),
        _ => Clause::Not(Box::new(random_clause(store, params, numbers, depth - 1))),
    }
}

/// What a key orders a resource by, falling keys turned round.
fn place(
    key: Key,
    id: &str,
    updated: i64,
    rows: &IndexRows,
    params: &Params,
) -> (i64, String, bool) {
    let texts = || {
        let texts = rows.strings().iter().filter(|row| row.param == params.text);
        texts.map(|row| row.value.clone())
    };
    let lows = || {
        let ranges = rows.ranges().iter();
        let ranges = ranges.filter(|row| row.param == params.range);
        ranges.map(|row| row.low)
    };
    match key.by {
        By::Clinical if rows.sort == UNDATED => (0, String::new(), true),
        By::Clinical => (rows.sort, String::new(), false),
        By::LastUpdated => (updated, String::new(), false),
        By::Id => (0, id.to_owned(), false),
        By::Text(_) if key.descending => {
            let text = texts().max();
            (0, text.clone().unwrap_or_default(), text.is_none())
        }
        By::Text(_) => {
            let text = texts().min();
            (0, text.clone().unwrap_or_default(), text.is_none())
        }
        By::Range(_) if key.descending => {
            let high = lows().max();
            (high.unwrap_or(i64::MIN), String::new(), false)
        }
        By::Range(_) => {
            let low = lows().min();
            (low.unwrap_or(i64::MAX), String::new(), false)
        }
    }
}

/// Random resources against random clauses and orders: what SQL finds is what the rows in memory say,
/// in the order they say, on pages of any length.
pub fn two_interpreters_agree(database: &TestDatabase) {
    let store = open(database);
    let params = Params::of(&store);
    let mut numbers = Numbers(7);
    for step in 0..120 {
        let id = format!("p{}", numbers.below(40));
        if step > 20 && numbers.below(6) == 0 {
            store.delete(&id);
            continue;
        }
        let mut content = store.content(&id, 0, &[]);
        content.rows = random_rows(&params, &mut numbers);
        let write = Write {
            key: key(&id),
            expect: Expect::Anything,
            change: Change::Put(content),
        };
        store.commit(vec![write]).unwrap();
        store.clock.advance(1_000);
    }
    let packed = crate::raw::hex(
        database,
        "index_rows",
        "FROM resource WHERE deleted = FALSE ORDER BY seq",
    );
    let patients = (0..40).filter_map(|n| store.read(&format!("p{n}")));
    let mut living: Vec<_> = patients.filter(|version| !version.deleted).collect();
    living.sort_by_key(|version| version.last_updated);
    assert_eq!(living.len(), packed.len());
    let rows: Vec<IndexRows> = packed
        .iter()
        .map(|hex| IndexRows::unpack(&bytes(hex)))
        .collect();
    let orders = [
        By::Clinical,
        By::LastUpdated,
        By::Id,
        By::Text(params.text),
        By::Range(params.range),
    ];
    let (mut some, mut none) = (0, 0);
    for _ in 0..600 {
        let clauses: Vec<Clause> = (0..1 + numbers.below(3))
            .map(|_| random_clause(&store, &params, &mut numbers, 2))
            .collect();
        let keys: Vec<Key> = (0..numbers.below(4))
            .map(|_| Key {
                by: orders[usize::try_from(numbers.below(5)).unwrap()],
                descending: numbers.below(2) == 0,
            })
            .collect();
        let mut expected: Vec<_> = living
            .iter()
            .zip(&rows)
            .filter(|(version, rows)| {
                clauses
                    .iter()
                    .all(|c| c.matches(&version.key.id, version.last_updated, rows))
            })
            .collect();
        let patients = store.patients(Clause::All(clauses.clone()));
        let count = store.database.count(patients);
        assert_eq!(
            usize::try_from(count.unwrap()).unwrap(),
            expected.len(),
            "{clauses:?}"
        );
        if expected.is_empty() {
            none += 1;
        } else {
            some += 1;
        }
        let limit = usize::try_from(1 + numbers.below(9)).unwrap();
        // Collected and sorted, or walked in order.
        let few = [1, 3, 1000][usize::try_from(numbers.below(3)).unwrap()];
        let mut found: Vec<String> = sorted(&store, &clauses, &keys, limit, few)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        // Ties go by age inside the database: only the keys are compared.
        let places = |id: &str| {
            let at = living.iter().position(|v| *v.key.id == *id).unwrap();
            let keys = keys.iter().map(|key| {
                let found = place(*key, id, living[at].last_updated, &rows[at], &params);
                (*key, found)
            });
            keys.collect::<Vec<_>>()
        };
        for pair in found.windows(2) {
            let (a, b) = (places(&pair[0]), places(&pair[1]));
            let mut order = std::cmp::Ordering::Equal;
            for ((key, a), (_, b)) in a.iter().zip(&b) {
                let (number, text) = (a.0.cmp(&b.0), a.1.cmp(&b.1));
                // What is missing comes last, whichever way.
                let missing = a.2.cmp(&b.2);
                let found = number.then(text);
                order = order.then(missing).then(if key.descending {
                    found.reverse()
                } else {
                    found
                });
            }
            assert_ne!(
                order,
                std::cmp::Ordering::Greater,
                "{pair:?} {keys:?} {clauses:?}"
            );
        }
        found.sort();
        expected.sort_by(|a, b| a.0.key.id.cmp(&b.0.key.id));
        let expected: Vec<String> = expected.iter().map(|(v, _)| v.key.id.to_string()).collect();
        assert_eq!(found, expected, "{clauses:?} {keys:?} {few}");
    }
    assert!(
        some > 100 && none > 20,
        "{some} with results, {none} without"
    );
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// The key of a resource with several values is the first of them in the order. Going back that one is met
/// last: what is met before it is another page's. With one row taken for frequent, pages are windows.
pub fn pages_back_through_several_values(database: &TestDatabase) {
    let store = open(database);
    let params = Params::of(&store);
    let mut writes = Vec::new();
    for number in 0..120i64 {
        let mut content = store.content("several", 0, &[]);
        let text = |value: String| StringRow {
            param: params.text,
            value,
            exact: 0,
        };
        let range = |low| RangeRow {
            param: params.range,
            class: 0,
            low,
            high: low,
        };
        // Most begin and end far from where their other values lie, among which a few have their only one: there
        // a window has many rows that are no keys.
        let values: Vec<i64> = match number % 10 {
            9 => Vec::new(),
            0 | 5 => vec![200 + number],
            _ => {
                let between = (1..9).map(|factor| 200 + number * factor * 7 % 120);
                between.chain([number, 400 + number]).collect()
            }
        };
        let texts = values.iter().map(|value| text(format!("a{value:03}")));
        let (texts, ranges) = (texts.collect(), values.iter().copied().map(range).collect());
        let every = IndexRow {
            patient: 0,
            param: params.every,
            value: 0,
        };
        content.rows = IndexRows::new(0, vec![every], texts, ranges, Vec::new(), Vec::new());
        writes.push(Write {
            key: key(&format!("p{number:03}")),
            expect: Expect::New,
            change: Change::Put(content),
        });
    }
    store.commit(writes).unwrap();
    for by in [By::Text(params.text), By::Range(params.range), By::Id] {
        for descending in [false, true] {
            for limit in [1, 3, 7] {
                let keys = [Key { by, descending }];
                // `sorted` goes back from each page and compares.
                let walked = sorted(&store, &[], &keys, limit, 1);
                let collected = sorted(&store, &[], &keys, limit, 1000);
                assert_eq!(walked, collected, "{keys:?} {limit}");
                assert_eq!(walked.len(), 120);
            }
        }
    }
}
