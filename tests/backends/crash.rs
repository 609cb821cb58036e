//! `kill -9` under write load: what was acknowledged is there, nothing is doubled or torn.
//!
//! This proves atomicity and recovery, not durability of the disk: the page cache survives.
//! `FASCICOLO_TEST_CRASHES` sets the number of cycles.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::process::{Process, run_on, said};
use crate::searches::Numbers;
use crate::support::database::TestDatabase;

const JSON: [(&str, &str); 1] = [("content-type", "application/fhir+json")];
const THREADS: usize = 6;

/// What a client knows of what it has written.
#[derive(Default)]
struct Journal {
    /// Places of created patients, by the identifier of each.
    created: BTreeMap<String, Option<String>>,
    /// For each register: the last acknowledged value, and the value on its way, if any.
    registers: BTreeMap<String, (u64, Option<u64>)>,
    /// Transactions: the identifier that both resources bear, and whether it was acknowledged.
    transactions: BTreeMap<String, bool>,
    /// Deleted for certain.
    deleted: Vec<String>,
    /// Documents by their place.
    documents: BTreeMap<String, Vec<u8>>,
}

pub fn dur_01_acknowledged_writes_survive_kill_9(database: &TestDatabase) {
    let cycles = std::env::var("FASCICOLO_TEST_CRASHES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(if database.is_postgres() { 4 } else { 10 });
    let journal = Mutex::new(Journal::default());
    let counter = AtomicU64::new(0);
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut numbers = Numbers(seed | 1);
    for cycle in 0..cycles {
        let mut server = Process::serve(database);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut handles = Vec::new();
            for thread in 0..THREADS {
                let (server, stop) = (&server, &stop);
                let (journal, counter) = (&journal, &counter);
                handles.push(scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        if write(server, thread, counter, journal).is_none() {
                            return;
                        }
                    }
                }));
            }
            std::thread::sleep(Duration::from_millis(150 + numbers.below(500)));
            kill(&server);
            stop.store(true, Ordering::Relaxed);
            for handle in handles {
                handle.join().unwrap();
            }
        });
        server.kill();
        drop(server);
        let fsck = run_on(database, &["fsck"]);
        assert!(fsck.status.success(), "cycle {cycle}: {}", said(&fsck));
        let server = Process::serve(database);
        check(&server, cycle, &mut journal.lock().unwrap());
    }
    let journal = journal.into_inner().unwrap();
    let acknowledged = journal.created.values().flatten().count();
    assert!(acknowledged > cycles * 5, "hardly any load: {acknowledged}");
    println!(
        "{cycles} kills, {acknowledged} creates, {} transactions, {} documents",
        journal.transactions.len(),
        journal.documents.len()
    );
}

/// `kill -9` while other threads still hold the server.
fn kill(server: &Process) {
    let pid = rustix::process::Pid::from_raw(server.id()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// One write of one kind; `None` when the server is gone.
fn write(
    server: &Process,
    thread: usize,
    counter: &AtomicU64,
    journal: &Mutex<Journal>,
) -> Option<()> {
    let number = counter.fetch_add(1, Ordering::Relaxed);
    match number % 6 {
        0 | 1 => create(server, number, journal),
        2 | 3 => register(server, thread, journal),
        4 => transaction(server, number, journal),
        _ if number % 12 == 5 => document(server, number, journal),
        _ => delete(server, journal),
    }
}

fn patient(value: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","identifier":[{{"system":"urn:crash","value":"{value}"}}]}}"#
    )
}

fn create(server: &Process, number: u64, journal: &Mutex<Journal>) -> Option<()> {
    let value = format!("c{number}");
    journal.lock().unwrap().created.insert(value.clone(), None);
    let answer = server.ask("POST", "Patient", &JSON, patient(&value).as_bytes())?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let place = format!("Patient/{}", answer.json()["id"].as_str().unwrap());
    journal.lock().unwrap().created.insert(value, Some(place));
    Some(())
}

fn register(server: &Process, thread: usize, journal: &Mutex<Journal>) -> Option<()> {
    let id = format!("register-{thread}");
    let next = {
        let mut journal = journal.lock().unwrap();
        let register = journal.registers.entry(id.clone()).or_default();
        let next = register.0 + 1;
        register.1 = Some(next);
        next
    };
    let body = format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"text":"{next}"}}]}}"#);
    let path = format!("Patient/{id}");
    let answer = server.ask("PUT", &path, &JSON, body.as_bytes())?;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    journal.lock().unwrap().registers.insert(id, (next, None));
    Some(())
}

fn transaction(server: &Process, number: u64, journal: &Mutex<Journal>) -> Option<()> {
    let value = format!("t{number}");
    journal
        .lock()
        .unwrap()
        .transactions
        .insert(value.clone(), false);
    let observation = format!(
        r#"{{"resourceType":"Observation","identifier":[{{"system":"urn:crash","value":"{value}"}}],"status":"final","code":{{"text":"x"}},"subject":{{"reference":"urn:uuid:00000000-0000-4000-8000-000000000001"}}}}"#
    );
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{},"request":{{"method":"POST","url":"Patient"}}}},{{"resource":{observation},"request":{{"method":"POST","url":"Observation"}}}}]}}"#,
        patient(&value)
    );
    let answer = server.ask("POST", "", &JSON, bundle.as_bytes())?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    journal.lock().unwrap().transactions.insert(value, true);
    Some(())
}

fn document(server: &Process, number: u64, journal: &Mutex<Journal>) -> Option<()> {
    let content = crate::documents::bytes(20_000, number + 1);
    let headers = [("content-type", "application/pdf")];
    let answer = server.ask("POST", "Binary", &headers, &content)?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let place = answer.header("location").unwrap();
    let place = place[place.find("Binary/").unwrap()..]
        .split("/_history")
        .next()
        .unwrap();
    let mut journal = journal.lock().unwrap();
    journal.documents.insert(place.to_owned(), content);
    Some(())
}

fn delete(server: &Process, journal: &Mutex<Journal>) -> Option<()> {
    let taken = {
        let mut journal = journal.lock().unwrap();
        let value = journal
            .created
            .iter()
            .find(|(_, place)| place.is_some())
            .map(|(value, _)| value.clone());
        // From now on nobody knows whether it is there, until the answer comes.
        value.and_then(|value| journal.created.remove(&value).flatten())
    };
    let Some(place) = taken else {
        return Some(());
    };
    let answer = server.ask("DELETE", &place, &[], b"")?;
    assert_eq!(answer.status, 204, "{}", answer.text());
    journal.lock().unwrap().deleted.push(place);
    Some(())
}

fn check(server: &Process, cycle: usize, journal: &mut Journal) {
    for (value, place) in &journal.created {
        let total = server.total(&format!(
            "Patient?identifier=urn:crash|{value}&_total=accurate"
        ));
        match place {
            Some(place) => {
                let read = server.get(place);
                assert_eq!(read.status, 200, "cycle {cycle}: {place} is lost");
                assert_eq!(read.json()["identifier"][0]["value"], **value);
                assert_eq!(total, 1, "cycle {cycle}: {value}");
            }
            None => assert!(total <= 1, "cycle {cycle}: {value} is doubled"),
        }
    }
    for (id, (acknowledged, on_its_way)) in &mut journal.registers {
        let read = server.get(&format!("Patient/{id}"));
        let found: u64 = match read.status {
            200 => read.json()["name"][0]["text"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap(),
            404 => 0,
            other => panic!("cycle {cycle}: {id}: {other}"),
        };
        assert!(
            found == *acknowledged || Some(found) == *on_its_way,
            "cycle {cycle}: {id} is {found}, acknowledged {acknowledged}"
        );
        (*acknowledged, *on_its_way) = (found, None);
    }
    for (value, acknowledged) in &journal.transactions {
        let search = format!("identifier=urn:crash|{value}&_total=accurate");
        let found = (
            server.total(&format!("Patient?{search}")),
            server.total(&format!("Observation?{search}")),
        );
        let expected: &[(u64, u64)] = if *acknowledged {
            &[(1, 1)]
        } else {
            &[(0, 0), (1, 1)]
        };
        assert!(
            expected.contains(&found),
            "cycle {cycle}: {value} {found:?}"
        );
    }
    for place in &journal.deleted {
        assert_eq!(server.get(place).status, 410, "cycle {cycle}: {place}");
    }
    for (place, content) in &journal.documents {
        let read = server.request("GET", place, &[("accept", "application/pdf")], b"");
        assert!(read.body == *content, "cycle {cycle}: {place} differs");
    }
}
