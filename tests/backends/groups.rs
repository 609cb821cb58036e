//! Commits that share a transaction: each still succeeds or fails alone.

use std::collections::BTreeSet;
use std::sync::mpsc;

use fascicolo::error::Kind;
use fascicolo::fhir::model::key::ResourceKey;
use fascicolo::storage::{Change, Commit, CommitError, Expect, HistoryPage, Refusal, Scope, Write};

use crate::store::{everybody, key, open};
use crate::support::database::TestDatabase;

pub fn each_commit_of_a_group_fails_alone(database: &TestDatabase) {
    let store = open(database);
    store.set("taken", "x", &[]);
    let (threads, rounds) = (16, 25);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let store = &store;
            scope.spawn(move || {
                for round in 0..rounds {
                    let id = format!("t{thread}r{round}");
                    let good = store.put(&id, Expect::New, "x", &[("gender", "g")]);
                    if round % 5 == 0 {
                        let bad = store.put("taken", Expect::New, "x", &[]);
                        match store.commit(vec![good, bad]) {
                            Err(CommitError::Refused(Refusal::Exists { write: 1 })) => {}
                            other => panic!("{other:?}"),
                        }
                    } else {
                        store.commit(vec![good]).unwrap();
                    }
                }
            });
        }
    });
    let expected = threads * rounds * 4 / 5;
    let count = store.count(store.has("gender", "g"));
    assert_eq!(count.unwrap(), expected);
    let entries = store.everything();
    assert_eq!(entries.len(), usize::try_from(expected).unwrap() + 1);
    let sequence: BTreeSet<i64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(sequence.len(), entries.len());
}

/// A type that the database has no number for fails the whole group; only its own commit may feel it.
pub fn a_commit_that_breaks_the_group_fails_alone(database: &TestDatabase) {
    let store = open(database);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..10 {
                    let write = store.put(&format!("t{thread}r{round}"), Expect::New, "x", &[]);
                    if thread == 3 {
                        let bad = Write {
                            key: ResourceKey::new("Unheard", "of"),
                            expect: Expect::Anything,
                            change: Change::Delete,
                        };
                        match store.commit(vec![write, bad]) {
                            Err(CommitError::Failed(error)) => {
                                assert_eq!(error.kind(), Kind::Internal);
                            }
                            other => panic!("{other:?}"),
                        }
                    } else {
                        store.commit(vec![write]).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(store.everything().len(), 150);
    assert!(store.read("t3r0").is_none());
}

/// Whoever waits for a commit may give up until it has begun: then nothing of it happens (CON-06).
pub fn con_06_a_commit_that_was_given_up_is_not_done(database: &TestDatabase) {
    let store = open(database);
    let commit = |id: &str| Commit {
        writes: vec![store.put(id, Expect::New, "x", &[])],
        ..Commit::default()
    };
    let given_up = commit("given-up");
    assert!(given_up.ticket.take());
    let (answer, answered) = mpsc::channel();
    store.database.commit_then(
        given_up,
        Box::new(move |result| {
            let _ = answer.send(result.map(drop));
        }),
    );
    let ticket = {
        let begun = commit("begun");
        let ticket = begun.ticket.clone();
        store.database.commit(begun).unwrap();
        ticket
    };
    assert!(!ticket.take(), "the writer has taken it");
    assert!(answered.recv().is_err(), "it has no answer");
    assert!(store.read("begun").is_some());
    assert!(store.read("given-up").is_none());
}

pub fn con_02_no_lost_update(database: &TestDatabase) {
    let store = open(database);
    store.set("register", "0", &[]);
    let successes: i64 = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..8)
            .map(|_| {
                let store = &store;
                scope.spawn(move || {
                    let mut won = 0;
                    for _ in 0..40 {
                        let current = store.read("register").unwrap();
                        let value: i64 = store.text("register").unwrap().parse().unwrap();
                        let next = (value + 1).to_string();
                        // The text may be newer than the version read first: then it is refused.
                        let expect = Expect::Version(current.version);
                        let write = store.put("register", expect, &next, &[]);
                        match store.commit(vec![write]) {
                            Ok(_) => won += 1,
                            Err(CommitError::Refused(Refusal::OtherVersion { .. })) => {}
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    won
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum()
    });
    let last = store.read("register").unwrap();
    assert_eq!(last.version, successes + 1);
    assert_eq!(store.text("register"), Some(successes.to_string()));
}

pub fn writers_of_one_key_make_a_chain(database: &TestDatabase) {
    let store = open(database);
    let (threads, rounds) = (8, 30);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let store = &store;
            scope.spawn(move || {
                for round in 0..rounds {
                    store.set("one", &format!("t{thread}r{round}"), &[("gender", "g")]);
                }
            });
        }
    });
    let page = HistoryPage {
        limit: 1000,
        ..HistoryPage::default()
    };
    let (entries, total) = store
        .database
        .history(Scope::Resource(key("one")), page, &everybody())
        .unwrap();
    assert_eq!(total, Some(threads * rounds));
    let versions: Vec<i64> = entries.iter().map(|e| e.version.version).collect();
    let expected: Vec<i64> = (1..=threads * rounds).rev().collect();
    assert_eq!(versions, expected);
    let texts: BTreeSet<Vec<u8>> = entries.iter().map(|e| e.version.body.clone()).collect();
    assert_eq!(i64::try_from(texts.len()).unwrap(), threads * rounds);
    let count = store.count(store.has("gender", "g"));
    assert_eq!(count.unwrap(), 1);
}
