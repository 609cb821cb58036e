//! The index and the definitions: search parameters put in force while servers run, the job that brings
//! the index up to them, and a database whose index has an older form.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::Process;
use crate::raw;
use crate::support::database::TestDatabase;

const JSON: &str = "application/fhir+json";
const PARAMETER: &[u8] = br#"{"resourceType":"SearchParameter","id":"own","url":"http://example.org/own","name":"own","status":"active","description":"x","code":"own","base":["Patient"],"type":"token","expression":"Patient.maritalStatus"}"#;

/// Patients in batches, each to be found by the parameter that is not defined yet.
fn fill(server: &Process, from: usize, count: usize) {
    let numbers: Vec<usize> = (from..from + count).collect();
    for chunk in numbers.chunks(500) {
        let entries = chunk.iter().map(|number| {
            json!({
                "resource": {
                    "resourceType": "Patient",
                    "id": format!("p{number}"),
                    "maritalStatus": {"coding": [{"code": "M"}]},
                },
                "request": {"method": "PUT", "url": format!("Patient/p{number}")},
            })
        });
        let entries: Vec<Value> = entries.collect();
        let batch = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let answer = server.post("", JSON, batch.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn define(server: &Process) {
    let headers = [("content-type", JSON)];
    let answer = server.request("PUT", "SearchParameter/own", &headers, PARAMETER);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// How many patients the parameter finds; `None` as long as it is not offered.
#[track_caller]
fn found(server: &Process) -> Option<u64> {
    let headers = [("prefer", "handling=strict")];
    let answer = server.request("GET", "Patient?own=M&_summary=count", &headers, b"");
    match answer.status {
        200 => answer.json()["total"].as_u64(),
        400 | 501 => {
            answer.refused(answer.status, "not-supported");
            None
        }
        other => panic!("{other}: {}", answer.text()),
    }
}

/// Asks until there is an answer.
#[track_caller]
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "it does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The state of the only job: how many resources it has looked at, and whether it is done.
fn job(database: &TestDatabase) -> Option<(u64, bool)> {
    let rows = raw::lines(
        database,
        "SELECT payload AS line FROM job WHERE kind = 'reindex'",
    );
    assert!(rows.len() < 2, "{rows:?}");
    let job: Value = serde_json::from_str(rows.first()?).unwrap();
    Some((job["looked_at"].as_u64()?, job["done"].as_bool()?))
}

pub fn a_job_goes_on_after_kill_9(database: &TestDatabase) {
    let mut server = Process::serve(database);
    fill(&server, 0, 2000);
    define(&server);
    let (seen, done) = until(|| job(database).filter(|(looked_at, _)| *looked_at > 0));
    server.kill();
    drop(server);
    let killed_at = job(database).unwrap();
    assert!(killed_at.0 >= seen);
    let server = Process::serve(database);
    assert!(done || found(&server).is_none_or(|found| found == 2000));
    // What is written meanwhile is found as well.
    fill(&server, 1990, 20);
    let last = until(|| job(database).filter(|(_, done)| *done));
    assert!(last.0 >= 2000 && last.0 <= 2010, "{last:?}");
    assert_eq!(until(|| found(&server)), 2010);
}

pub fn an_index_of_an_older_format_is_rebuilt(database: &TestDatabase) {
    let server = Process::serve(database);
    fill(&server, 0, 30);
    name_one(&server);
    let deleted = server.request("DELETE", "Patient/p3", &[], b"");
    assert_eq!(deleted.status, 204);
    server.terminate();
    server.wait(Duration::from_secs(30));
    let made = index(database);
    age(database);
    let server = Process::serve(database);
    for (query, expected) in [
        ("Patient?_total=accurate", 30),
        ("Patient?family=rossi", 1),
        ("Patient?birthdate=1980-05-17", 1),
        ("Patient?birthdate:missing=true&_total=accurate", 29),
    ] {
        assert_eq!(
            server.total(&format!("{query}&_summary=count")),
            expected,
            "{query}"
        );
    }
    drop(server);
    let format = "SELECT value AS line FROM setting WHERE name = 'index-format'";
    assert_ne!(raw::lines(database, format), ["1"]);
    assert!(!made.is_empty() && index(database) == made);
    let fsck = crate::process::run_on(database, &["fsck"]);
    assert!(fsck.status.success(), "{}", crate::process::said(&fsck));
}

/// One who is found by a text and a date.
fn name_one(server: &Process) {
    let headers = [("content-type", JSON)];
    let named = br#"{"resourceType":"Patient","id":"named","name":[{"family":"Rossi"}],"birthDate":"1980-05-17"}"#;
    let answer = server.request("PUT", "Patient/named", &headers, named);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// Leaves the index as an earlier version made it: other rows, packed in another way.
fn age(database: &TestDatabase) {
    let old = if database.is_postgres() {
        r"'\x01'"
    } else {
        "x'01'"
    };
    for statement in [
        "UPDATE setting SET value = '1' WHERE name = 'index-format'".to_owned(),
        format!("UPDATE resource SET index_rows = {old}, present = '' WHERE deleted = FALSE"),
        "DELETE FROM index_string".to_owned(),
        "UPDATE index_range SET low = low + 1".to_owned(),
        "UPDATE index_value SET value = value + 1".to_owned(),
    ] {
        assert!(
            raw::execute(database, &statement).unwrap() > 0,
            "{statement}"
        );
    }
}

/// Processes of a new version that start together: one rebuilds the index, the others wait for it.
#[test]
fn an_index_is_rebuilt_by_one_of_several_processes() {
    let Some(database) = crate::postgres() else {
        return;
    };
    let server = Process::serve(&database);
    fill(&server, 0, 499);
    name_one(&server);
    server.terminate();
    server.wait(Duration::from_secs(30));
    let made = index(&database);
    age(&database);
    let others: Vec<TestDatabase> = (0..3).map(|_| database.other_process()).collect();
    std::thread::scope(|scope| {
        for other in &others {
            scope.spawn(move || {
                let total = Process::serve(other).total("Patient?_summary=count");
                assert_eq!(total, 500);
            });
        }
    });
    assert!(index(&database) == made);
}

/// All rows that resources are found by.
fn index(database: &TestDatabase) -> Vec<String> {
    let value = "CAST(param AS TEXT) || ' ' || CAST(value AS TEXT) || ' ' || CAST(sort AS TEXT)";
    let string = "CAST(param AS TEXT) || ' ' || value || ' ' || CAST(exact AS TEXT)";
    let range = "CAST(param AS TEXT) || ' ' || CAST(low AS TEXT) || ' ' || CAST(high AS TEXT)";
    let resource = "CAST(type AS TEXT) || ' ' || CAST(link AS TEXT)";
    let tables = [
        ("index_value", value),
        ("index_string", string),
        ("index_range", range),
        ("index_resource", resource),
    ];
    let mut all: Vec<String> = tables
        .iter()
        .flat_map(|(table, columns)| {
            let query = format!("SELECT {columns} || ' ' || CAST(pk AS TEXT) AS line FROM {table}");
            raw::lines(database, &query)
        })
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn a_parameter_is_in_force_on_two_processes() {
    let Some(database) = crate::postgres() else {
        return;
    };
    let nodes = [
        Process::serve(&database),
        Process::serve(&database.other_process()),
    ];
    let [a, b] = &nodes;
    fill(a, 0, 600);
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        // Each writes on, by the definitions that it knows.
        let writers = [(a, 10_000), (b, 20_000)].map(|(node, first)| {
            let stop = &stop;
            scope.spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    fill(node, first + count, 3);
                    count += 3;
                }
                count
            })
        });
        define(a);
        // Not before every resource is indexed, and then on both.
        for node in [b, a] {
            let total = until(|| found(node));
            assert!(total >= 600, "{total} found");
        }
        stop.store(true, Ordering::Relaxed);
        writers.map(|writer| writer.join().unwrap())
    });
    let all = u64::try_from(600 + written[0] + written[1]).unwrap();
    assert_eq!((found(a), found(b)), (Some(all), Some(all)));
    let (looked_at, done) = job(&database).unwrap();
    assert!(done && looked_at >= 600 && looked_at <= all, "{looked_at}");
    // Gone on both, at once on the one that was told, soon on the other.
    let deleted = b.request("DELETE", "SearchParameter/own", &[], b"");
    assert_eq!(deleted.status, 204);
    assert_eq!(found(b), None);
    until(|| found(a).is_none().then_some(()));
}
