//! Conditions and claims: decided inside the commit, so that races have one winner.

use std::sync::Barrier;

use fascicolo::storage::{Clause, Commit, CommitError, Condition, Expect, Matches, Refusal, Write};

use crate::store::{Store, Values, open, refusal};
use crate::support::database::TestDatabase;

const CHANGED: Refusal = Refusal::ConditionChanged { condition: 0 };

fn with(conditions: Vec<Condition>, writes: Vec<Write>) -> Commit {
    Commit {
        writes,
        conditions,
        ..Commit::default()
    }
}

pub fn conditions_are_decided_in_the_commit(database: &TestDatabase) {
    let store = open(database);
    let one: Values<'_> = &[("identifier", "one"), ("gender", "f")];
    store.set("a", "x", one);
    store.set("b", "x", &[("identifier", "two"), ("gender", "f")]);
    store.set("c", "x", &[("identifier", "two")]);
    store.set("d", "x", &[("identifier", "gone")]);
    store.delete("d");

    let check = |clauses: Vec<Clause>, expect: Matches, holds: bool| {
        let clause = Clause::All(clauses);
        let shown = format!("{clause:?} {expect:?}");
        let condition = Condition {
            selection: store.patients(clause),
            expect,
            claim: None,
        };
        let write = store.put("w", Expect::Anything, "x", &[]);
        let result = store.database.commit(with(vec![condition], vec![write]));
        if holds {
            assert!(result.is_ok(), "{shown}: {result:?}");
        } else {
            assert_eq!(refusal(result), CHANGED, "{shown}");
        }
    };
    let only = |id: &str| Matches::Only(id.to_owned());
    let has = |text: &str| vec![store.has("identifier", text)];
    check(has("nobody"), Matches::None, true);
    check(has("gone"), Matches::None, true);
    check(has("one"), Matches::None, false);
    check(has("one"), only("a"), true);
    check(has("one"), only("b"), false);
    check(has("two"), only("b"), false);
    check(has("nobody"), only("a"), false);
    check(has("gone"), only("d"), false);
    let both = |a: &str, b: &str| vec![store.has("identifier", a), store.has("gender", b)];
    check(both("two", "f"), only("b"), true);
    check(both("one", "m"), Matches::None, true);
    let these = |ids: &[&str]| Matches::These(ids.iter().map(|id| (*id).to_owned()).collect());
    check(has("two"), these(&["c", "b"]), true);
    check(has("two"), these(&["b"]), false);
    check(has("two"), these(&["b", "c", "a"]), false);
    check(has("two"), these(&["b", "a"]), false);
    check(has("one"), these(&["a"]), true);
    check(has("gone"), these(&[]), true);
    check(has("one"), these(&[]), false);
    check(vec![Clause::nothing()], Matches::None, true);
    check(vec![store.named(&["a"])], only("a"), true);
    check(vec![store.named(&["z"])], Matches::None, true);
    let ids = store.named(&["a", "b"]);
    check(vec![ids, store.has("identifier", "two")], only("b"), true);
}

/// What the first of two commits of one group changes, the second sees.
pub fn a_condition_sees_its_own_group(database: &TestDatabase) {
    let store = open(database);
    store.set("old", "x", &[("identifier", "old")]);
    // One commit whose writes come after its conditions: these look at what was before.
    let commit = with(
        vec![store.nobody_has("new")],
        vec![store.put("new", Expect::New, "x", &[("identifier", "new")])],
    );
    store.database.commit(commit).unwrap();

    // Many at once end up in few groups; whatever the grouping, each identifier has one owner.
    let rounds = 30;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..rounds {
                    let identifier = format!("i{round}");
                    let id = format!("t{thread}r{round}");
                    let commit = with(
                        vec![store.nobody_has(&identifier)],
                        vec![store.put(&id, Expect::New, "x", &[("identifier", &identifier)])],
                    );
                    match store.database.commit(commit) {
                        Ok(_) | Err(CommitError::Refused(CHANGED)) => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    for round in 0..rounds {
        let clause = store.has("identifier", &format!("i{round}"));
        let count = store.count(clause).unwrap();
        assert_eq!(count, 1, "{round}");
    }
}

pub fn con_01_racing_conditional_creates(database: &TestDatabase) {
    let store = open(database);
    race(&[&store, &store, &store, &store], 16, 40);
}

/// All threads want to create every identifier; of each exactly one shall succeed.
pub fn race(stores: &[&Store], threads: usize, identifiers: usize) {
    let start = Barrier::new(threads);
    let successes: usize = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let (store, start) = (stores[thread % stores.len()], &start);
                scope.spawn(move || {
                    let mut won = 0;
                    for number in 0..identifiers {
                        start.wait();
                        let identifier = format!("race-{number}");
                        let id = format!("race-t{thread}n{number}");
                        let values: Values<'_> = &[("identifier", &identifier)];
                        let commit = with(
                            vec![store.nobody_has(&identifier)],
                            vec![store.put(&id, Expect::New, "x", values)],
                        );
                        match store.database.commit(commit) {
                            Ok(_) => won += 1,
                            Err(CommitError::Refused(CHANGED)) => {}
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    won
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum()
    });
    assert_eq!(successes, identifiers);
    for number in 0..identifiers {
        let clause = stores[0].has("identifier", &format!("race-{number}"));
        let count = stores[0].count(clause).unwrap();
        assert_eq!(count, 1, "race-{number}");
    }
}

/// A claim whose resource is gone or has changed stands in nobody's way.
pub fn a_claim_follows_its_resource(database: &TestDatabase) {
    let store = open(database);
    let create = |id: &str| {
        let commit = with(
            vec![store.nobody_has("x")],
            vec![store.put(id, Expect::New, "x", &[("identifier", "x")])],
        );
        store.database.commit(commit)
    };
    create("a").unwrap();
    assert_eq!(refusal(create("b")), CHANGED);
    store.delete("a");
    create("b").unwrap();
    assert_eq!(refusal(create("c")), CHANGED);
    store.set("b", "y", &[("identifier", "other")]);
    create("c").unwrap();
    assert_eq!(refusal(create("d")), CHANGED);
    store.set("c", "y", &[]);
    store.set("b", "z", &[("identifier", "x")]);
    assert_eq!(refusal(create("d")), CHANGED);
}
