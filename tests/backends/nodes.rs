//! Several processes over one PostgreSQL, each with a data directory of its own; and why an
//! embedded database has only one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use fascicolo::error::Kind;

use crate::conditions::race;
use crate::process::Process;
use crate::store::{names, open, open_as};
use crate::support::Answer;
use crate::support::database::TestDatabase;

const JSON: &str = "application/fhir+json";

#[test]
fn con_01_racing_conditional_creates_of_two_processes() {
    let Some(database) = crate::postgres() else {
        return;
    };
    let other = database.other_process();
    let (a, b) = (open(&database), open(&other));
    race(&[&a, &b], 8, 60);
}

#[test]
fn ops_04_processes_that_start_at_once_share_one_schema() {
    let Some(database) = crate::postgres() else {
        return;
    };
    let all: Vec<TestDatabase> = (0..4).map(|_| database.other_process()).collect();
    std::thread::scope(|scope| {
        for one in &all {
            scope.spawn(move || open(one).close());
        }
    });
    let store = open(&database);
    store.set("a", "x", &[]);
}

#[test]
fn con_05_sequence_and_versions_of_two_processes_make_one_chain() {
    let Some(database) = crate::postgres() else {
        return;
    };
    let other = database.other_process();
    let stores = [open(&database), open(&other)];
    std::thread::scope(|scope| {
        for (number, store) in stores.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..60 {
                    store.set("one", &format!("p{number}r{round}"), &[]);
                    store.set(&format!("p{number}r{round}"), "x", &[]);
                }
            });
        }
    });
    let entries = stores[0].everything();
    assert_eq!(entries.len(), 240);
    for two in entries.windows(2) {
        assert!(two[0].seq < two[1].seq);
        assert!(two[0].version.last_updated < two[1].version.last_updated);
    }
    let versions: Vec<i64> = entries
        .iter()
        .filter(|entry| entry.version.key.id == "one")
        .map(|entry| entry.version.version)
        .collect();
    assert_eq!(versions, (1..=120).collect::<Vec<i64>>());
    assert_eq!(
        stores[0].database.cursor_key(),
        stores[1].database.cursor_key()
    );
}

#[test]
fn two_servers_over_one_postgresql() {
    let Some(database) = crate::postgres() else {
        return;
    };
    let nodes = [
        Process::serve(&database),
        Process::serve(&database.other_process()),
    ];
    let [a, b] = &nodes;

    // What one has acknowledged the other reads, at once and in every form.
    let created = a.post(
        "Patient",
        JSON,
        br#"{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}]}"#,
    );
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("Patient/{id}");
    assert_eq!(b.get(&path).body, a.get(&path).body);
    for round in 0..40 {
        let (writer, reader) = if round % 2 == 0 { (a, b) } else { (b, a) };
        let body =
            format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"text":"{round}"}}]}}"#);
        let headers = [("content-type", JSON)];
        let written = writer.request("PUT", &path, &headers, body.as_bytes());
        assert_eq!(written.status, 200, "{}", written.text());
        let read = reader.get(&path).json();
        assert_eq!(read["name"][0]["text"], round.to_string());
        assert_eq!(read["meta"]["versionId"], (round + 2).to_string());
    }
    assert_eq!(b.total(&format!("{path}/_history")), 41);
    // The last update has no identifier: the index is shared too.
    assert_eq!(b.total("Patient?identifier=urn:x|1&_total=accurate"), 0);

    // A document written through one is read through the other.
    let document = crate::documents::bytes(700_000, 8);
    let binary = a.post("Binary", "application/pdf", &document);
    assert_eq!(binary.status, 201, "{}", binary.text());
    let place = binary.header("location").unwrap();
    let path = place[place.find("Binary/").unwrap()..]
        .split("/_history")
        .next()
        .unwrap();
    let read = b.request("GET", path, &[("accept", "application/pdf")], b"");
    assert_eq!(read.header("content-type"), Some("application/pdf"));
    assert!(read.body == document, "the bytes differ");

    // Racing conditional creates: one resource each, one 201 each.
    let rounds = 25;
    let created: usize = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..8)
            .map(|thread| {
                let node = &nodes[thread % 2];
                scope.spawn(move || {
                    let mut won = 0;
                    for round in 0..rounds {
                        let body = format!(r#"{{"resourceType":"Patient","identifier":[{{"system":"urn:race","value":"{round}"}}]}}"#);
                        let condition = format!("identifier=urn:race|{round}");
                        let headers = [("content-type", JSON), ("if-none-exist", &condition)];
                        let answer = node.request("POST", "Patient", &headers, body.as_bytes());
                        match answer.status {
                            201 => won += 1,
                            200 => {}
                            other => panic!("{other}: {}", answer.text()),
                        }
                    }
                    won
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum()
    });
    assert_eq!(created, rounds);
    for round in 0..rounds {
        let search = format!("Patient?identifier=urn:race|{round}&_total=accurate");
        assert_eq!((a.total(&search), b.total(&search)), (1, 1));
    }

    // A page begun at one goes on at the other (OPS-07: the cursor key is shared).
    let mut seen = BTreeSet::new();
    let mut next = Some("Patient?identifier=urn:race|&_count=4".to_owned());
    let mut turn = 0;
    while let Some(path) = next {
        let node = &nodes[turn % 2];
        turn += 1;
        let page = node.get(&path);
        assert_eq!(page.status, 200, "{}", page.text());
        for entry in page.entries() {
            assert!(seen.insert(entry["resource"]["id"].to_string()));
        }
        next = following(&page);
    }
    assert_eq!(seen.len(), rounds);
}

/// A patient whose order by several keys follows from its number.
fn ordered(id: &str, number: usize) -> String {
    let date = match number % 5 {
        0 => String::new(),
        rest => format!(r#","birthDate":"19{}0-0{}-01""#, 5 + rest, 1 + number % 9),
    };
    format!(
        r#"{{"resourceType":"Patient","id":"{id}","active":true{date},"name":[{{"family":"F{}","given":["G{}"]}}]}}"#,
        number % 7,
        number % 3
    )
}

#[track_caller]
fn put(node: &Process, id: &str, number: usize) {
    let (path, headers) = (format!("Patient/{id}"), [("content-type", JSON)]);
    let answer = node.request("PUT", &path, &headers, ordered(id, number).as_bytes());
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

/// Two processes turn the pages of one search while a third changes, deletes and creates: what is
/// unchanged comes exactly once and what changes at most once, whatever the order.
#[test]
fn con_06_pages_of_two_processes_while_a_third_writes() {
    const STABLE: usize = 30;
    let Some(database) = crate::postgres() else {
        return;
    };
    let nodes = [
        Process::serve(&database),
        Process::serve(&database.other_process()),
    ];
    let writer = Process::serve(&database.other_process());
    for number in 0..STABLE {
        put(&writer, &format!("s{number:02}"), number);
        put(&writer, &format!("c{:02}", number % 12), number);
    }
    let stop = AtomicBool::new(false);
    let mut wrong = Vec::new();
    let turns = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut turn = 0usize;
            while !stop.load(Ordering::Relaxed) {
                put(
                    &writer,
                    &format!("c{:02}", turn % 12),
                    turn.wrapping_mul(31),
                );
                let goes = format!("d{:02}", turn % 8);
                if turn % 16 < 8 {
                    put(&writer, &goes, turn);
                } else {
                    writer.request("DELETE", &format!("Patient/{goes}"), &[], b"");
                }
                put(&writer, &format!("n{turn}"), turn);
                turn += 1;
            }
            turn
        });
        for sort in [
            "",
            "_sort=_id",
            "_sort=-_id",
            "_sort=_lastUpdated",
            "_sort=-_lastUpdated",
            "_sort=birthdate",
            "_sort=-birthdate",
            "_sort=family",
            "_sort=-family,given",
            "_sort=family,-birthdate,_lastUpdated",
        ] {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            let mut next = Some(format!("Patient?active=true&_count=4&{sort}"));
            let mut turn = 0;
            while let Some(path) = next {
                let page = nodes[turn % 2].get(&path);
                turn += 1;
                assert!(turn < 1000, "{sort}: no end");
                assert_eq!(page.status, 200, "{sort}: {}", page.text());
                for entry in page.entries() {
                    let id = entry["resource"]["id"].as_str().unwrap().to_owned();
                    *seen.entry(id).or_default() += 1;
                }
                next = following(&page);
            }
            for number in 0..STABLE {
                let id = format!("s{number:02}");
                if seen.get(&id) != Some(&1) {
                    wrong.push(format!("{sort}: {id} came {:?} times", seen.get(&id)));
                }
            }
            for (id, count) in seen.iter().filter(|(_, count)| **count > 1) {
                wrong.push(format!("{sort}: {id} came {count} times"));
            }
        }
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(turns > 10, "hardly anything was written: {turns}");
}

/// The link to the next page, below the base of whoever is asked.
fn following(page: &Answer) -> Option<String> {
    let links = page.json()["link"].as_array().cloned().unwrap_or_default();
    let next = links.iter().find(|link| link["relation"] == "next")?;
    let url = next["url"].as_str().unwrap();
    Some(url.split_once("/fhir/").unwrap().1.to_owned())
}

#[test]
fn an_embedded_database_has_one_process() {
    let database = TestDatabase::sqlite();
    let store = open(&database);
    let error = open_as(&database, true, names()).err().expect("refused");
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(error.to_string().contains("PostgreSQL"), "{error}");
    store.close();
    open(&database).close();
}
