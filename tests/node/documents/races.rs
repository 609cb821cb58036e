//! Submissions at one time: whatever their order, the outcome is one that some order would have.

use std::sync::Barrier;

use super::{INGEST, Report, TAX_CODE, XML, found, one, state};
use crate::process::Process;
use crate::support::database::TestDatabase;

/// Submits all reports at once; the statuses in the order of the reports.
fn at_once(server: &Process, reports: &[&Report]) -> Vec<u16> {
    let start = Barrier::new(reports.len());
    std::thread::scope(|scope| {
        let handles: Vec<_> = reports
            .iter()
            .map(|report| {
                let start = &start;
                let body = report.xml();
                scope.spawn(move || {
                    start.wait();
                    let answer = server.post(INGEST, XML, body.as_bytes());
                    assert!(answer.status < 300, "{}", answer.text());
                    answer.status
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    })
}

const SETS: [(&str, &str, &str); 6] = [
    ("A-1", "A-2", "A"),
    ("B-1", "B-2", "B"),
    ("C-1", "C-2", "C"),
    ("E-1", "E-2", "E"),
    ("F-1", "F-2", "F"),
    ("G-1", "G-2", "G"),
];

fn pair(row: (&'static str, &'static str, &'static str)) -> [Report; 2] {
    let (first, second, set) = row;
    let report = |id, version| Report {
        id,
        set,
        version,
        ..Report::default()
    };
    [report(first, 1), report(second, 2)]
}

#[test]
fn con_01_equal_submissions_become_one() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    for row in SETS {
        let [first, _] = pair(row);
        let mut statuses = at_once(&server, &[&first, &first, &first]);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201], "{row:?}");
        assert_eq!(state(&server, row.0), "current 1");
    }
    let total = |name: &str| server.total(&format!("{name}?_total=accurate"));
    assert_eq!((total("DocumentReference"), total("Binary")), (6, 6));
    // All of them name the same people.
    one(
        &server,
        &format!("Patient?identifier={TAX_CODE}|RSSMRA80A01H501U"),
    );
    one(
        &server,
        &format!("Practitioner?identifier={TAX_CODE}|VRDMRC67T20I257A"),
    );
    assert_eq!(total("Organization"), 1);
}

#[test]
fn equal_late_submissions_become_one() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    for row in SETS {
        let [first, second] = pair(row);
        assert_eq!(at_once(&server, &[&second]), [201]);
        let mut statuses = at_once(&server, &[&first, &first, &first]);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201], "{row:?}");
        assert_eq!(state(&server, row.0), "superseded 1");
    }
}

#[test]
fn versions_of_one_set_at_once_leave_one_current() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    for row in SETS {
        let [first, second] = pair(row);
        assert_eq!(at_once(&server, &[&first, &second]), [201, 201]);
        assert!(state(&server, row.0).starts_with("superseded"), "{row:?}");
        assert_eq!(state(&server, row.1), "current 1", "{row:?}");
    }
    assert_eq!(found(&server, "DocumentReference?_count=50").len(), 12);
}

#[test]
fn different_documents_of_one_patient_at_once() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let all: Vec<Report> = SETS.into_iter().flat_map(pair).step_by(2).collect();
    let all: Vec<&Report> = all.iter().collect();
    assert_eq!(at_once(&server, &all), [201; 6]);
    let total = |name: &str| server.total(&format!("{name}?_total=accurate"));
    assert_eq!((total("DocumentReference"), total("Patient")), (6, 1));
}
