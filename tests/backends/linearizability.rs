//! `history-check` in the small (CON-02, CON-03): clients read and write a few registers at once, each
//! operation with the moments between which it took place; then it is checked that there is one order
//! of all of them that agrees with those moments and with what each was told.
//!
//! Each acknowledged write is told its version, and each read sees one, so the order of a register is
//! that of its versions. It is a linearization exactly when no operation that ended before another
//! began stands behind it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use fascicolo::storage::{CommitError, Expect, HistoryPage, Refusal, Scope};

use crate::searches::Numbers;
use crate::store::{Store, everybody, key, open};
use crate::support::database::TestDatabase;

/// What a client did, and what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Did {
    Write,
    Read,
}

/// An operation on one register.
#[derive(Clone, Debug)]
struct Operation {
    began: u64,
    ended: u64,
    did: Did,
    version: i64,
    /// What was written or read; `None` where only the version was told.
    text: Option<String>,
}

/// The faults of what was seen of one register; `kept`: its versions as they are in the end.
fn faults(operations: &[Operation], kept: &BTreeMap<i64, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut writes = BTreeMap::new();
    for operation in operations {
        if operation.did == Did::Write
            && let Some(other) = writes.insert(operation.version, operation)
        {
            faults.push(format!(
                "two writes of one version: {other:?} {operation:?}"
            ));
        }
        if let Some(text) = &operation.text
            && kept.get(&operation.version) != Some(text)
        {
            faults.push(format!("not what is kept: {operation:?}"));
        }
    }
    for (at, version) in (1i64..).zip(kept.keys()) {
        if *version != at || !writes.contains_key(version) {
            faults.push(format!("version {version} was written by nobody"));
        }
    }
    let mut by_begin: Vec<&Operation> = operations.iter().collect();
    by_begin.sort_by_key(|operation| operation.began);
    let mut by_end = by_begin.clone();
    by_end.sort_by_key(|operation| operation.ended);
    let mut ended = by_end.into_iter().peekable();
    let mut latest: Option<&Operation> = None;
    let place = |operation: &Operation| (operation.version, operation.did);
    for operation in by_begin {
        while let Some(before) = ended.next_if(|before| before.ended < operation.began) {
            if latest.is_none_or(|latest| place(before) > place(latest)) {
                latest = Some(before);
            }
        }
        if let Some(before) = latest.filter(|before| place(before) > place(operation)) {
            faults.push(format!("{before:?} was over before {operation:?}"));
        }
    }
    faults
}

#[test]
fn a_wrong_history_is_found_wrong() {
    let operation = |began, ended, did, version, text: &str| Operation {
        began,
        ended,
        did,
        version,
        text: Some(text.to_owned()),
    };
    let kept = BTreeMap::from([(1, "a".to_owned()), (2, "b".to_owned())]);
    let (one, two) = (
        operation(0, 3, Did::Write, 1, "a"),
        operation(4, 9, Did::Write, 2, "b"),
    );
    let with = |more: &[Operation]| {
        let mut all = vec![one.clone(), two.clone()];
        all.extend_from_slice(more);
        faults(&all, &kept)
    };
    assert!(with(&[]).is_empty());
    // While the second is under way either may be seen, but not the older after the newer.
    let (old, new) = (
        operation(5, 6, Did::Read, 1, "a"),
        operation(5, 6, Did::Read, 2, "b"),
    );
    assert!(
        with(std::slice::from_ref(&old)).is_empty() && with(std::slice::from_ref(&new)).is_empty()
    );
    assert_eq!(with(&[new, operation(7, 8, Did::Read, 1, "a")]).len(), 1);
    let stale = operation(10, 11, Did::Read, 1, "a");
    let early = operation(1, 2, Did::Read, 2, "b");
    let torn = operation(10, 11, Did::Read, 2, "a");
    let twice = operation(0, 12, Did::Write, 2, "b");
    for wrong in [stale, early, torn, twice] {
        assert_eq!(with(std::slice::from_ref(&wrong)).len(), 1, "{wrong:?}");
    }
    assert_eq!(faults(&[one, old], &kept).len(), 1, "a write by nobody");
}

const REGISTERS: usize = 4;
const CLIENTS: usize = 8;
const ROUNDS: u64 = 150;

/// One client: reads, writes whatever is there, and writes on condition of what it read.
fn client(store: &Store, number: usize, time: &AtomicU64) -> Vec<(usize, Operation)> {
    let mut seen = Vec::new();
    let mut numbers = Numbers(number as u64 * 2 + 1);
    let tick = || time.fetch_add(1, Ordering::SeqCst);
    let mut known = [None; REGISTERS];
    for round in 0..ROUNDS {
        let register = usize::try_from(numbers.below(REGISTERS as u64)).unwrap();
        let id = format!("r{register}");
        let text = format!("c{number}n{round}");
        let expect = match numbers.below(4) {
            0 => Expect::Anything,
            1 | 2 => match known[register] {
                Some(version) => Expect::Version(version),
                None => Expect::Anything,
            },
            _ => {
                let began = tick();
                let version = store.read(&id);
                let ended = tick();
                if let Some(version) = version {
                    let json = store.database.json(&version).unwrap();
                    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
                    let read = json["name"][0]["text"].as_str().unwrap().to_owned();
                    known[register] = Some(version.version);
                    let operation = Operation {
                        began,
                        ended,
                        did: Did::Read,
                        version: version.version,
                        text: Some(read),
                    };
                    seen.push((register, operation));
                }
                continue;
            }
        };
        let write = store.put(&id, expect, &text, &[]);
        let began = tick();
        let result = store.commit(vec![write]);
        let ended = tick();
        let (did, version, text) = match result {
            Ok(committed) => (Did::Write, committed.writes[0].version, Some(text)),
            // A refusal tells which version is current: it has read.
            Err(CommitError::Refused(Refusal::OtherVersion { found, .. })) => {
                (Did::Read, found, None)
            }
            Err(other) => panic!("{other:?}"),
        };
        known[register] = Some(version);
        let operation = Operation {
            began,
            ended,
            did,
            version,
            text,
        };
        seen.push((register, operation));
    }
    seen
}

/// On PostgreSQL the clients are those of two processes.
pub fn con_02_registers_are_linearizable(database: &TestDatabase) {
    let mut stores = vec![open(database)];
    if database.is_postgres() {
        stores.push(open(&database.other_process()));
    }
    let time = AtomicU64::new(0);
    let seen: Vec<(usize, Operation)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (store, time) = (&stores[number % stores.len()], &time);
                scope.spawn(move || client(store, number, time))
            })
            .collect();
        (clients.into_iter())
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    for register in 0..REGISTERS {
        let page = HistoryPage {
            limit: 10_000,
            ..HistoryPage::default()
        };
        let scope = Scope::Resource(key(&format!("r{register}")));
        let (entries, _) = stores[0]
            .database
            .history(scope, page, &everybody())
            .unwrap();
        let kept: BTreeMap<i64, String> = (entries.iter())
            .map(|entry| {
                let json: serde_json::Value =
                    serde_json::from_slice(&entry.version.json().unwrap()).unwrap();
                let text = json["name"][0]["text"].as_str().unwrap().to_owned();
                (entry.version.version, text)
            })
            .collect();
        let operations: Vec<Operation> = (seen.iter())
            .filter(|(of, _)| *of == register)
            .map(|(_, operation)| operation.clone())
            .collect();
        let count = |did| operations.iter().filter(|one| one.did == did).count();
        assert!(
            count(Did::Write) > 20 && count(Did::Read) > 20,
            "{register}: hardly any load"
        );
        let faults = faults(&operations, &kept);
        assert!(faults.is_empty(), "{register}: {faults:#?}");
    }
}
