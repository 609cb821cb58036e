//! A disk that is full, and a disk that fails (DUR-05, DUR-06): a real server whose system calls a small
//! library in C, preloaded, lets fail while a control file says so. On SQLite; the disk of a PostgreSQL
//! is its own. The same library kills a program at a chosen step (OPS-04).

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use fascicolo::storage::admin::Admin;

use crate::migrations::schema;
use crate::process::{Process, program, run_on, said};
use crate::store::target;
use crate::support::Answer;
use crate::support::database::TestDatabase;

const NO_SPACE: i32 = 28;
const BROKEN: i32 = 5;

/// The preloaded library; SQLite is built with the same compiler, so there is one.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("faults.so");
        let compiled = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/backends/faults.c"
            ))
            .arg("-ldl")
            .output()
            .expect("a C compiler");
        assert!(compiled.status.success(), "{}", said(&compiled));
        (folder, library)
    });
    library
}

/// A server over a disk that fails on demand.
struct Faulty {
    server: Process,
    database: TestDatabase,
}

impl Faulty {
    fn start() -> Self {
        Self::over(TestDatabase::sqlite())
    }

    fn over(database: TestDatabase) -> Self {
        let control = control(&database);
        let environment = [
            ("LD_PRELOAD", library().to_str().unwrap()),
            ("FAULTS", control.to_str().unwrap()),
        ];
        let server = Process::serve_in(&database, &["--dev"], &environment);
        Self { server, database }
    }

    /// From now on an operation on files with this in their path, below the data directory, fails.
    fn fail(&self, operation: &str, error: i32, part: &str) {
        let part = self.database.data_dir().join(part);
        let line = format!("{operation} {error} {}", part.display());
        // In one piece: the server must not read half of it.
        let other = self.database.data_dir().join("control.new");
        std::fs::write(&other, line).unwrap();
        std::fs::rename(&other, control(&self.database)).unwrap();
    }

    fn mend(&self) {
        std::fs::remove_file(control(&self.database)).unwrap();
    }

    fn create(&self, name: &str) -> Answer {
        let body = format!(r#"{{"resourceType":"Patient","name":[{{"family":"{name}"}}]}}"#);
        self.server
            .post("Patient", "application/fhir+json", body.as_bytes())
    }

    /// Sends something the server does not survive.
    fn dies_of(self, path: &str, kind: &str, body: &[u8]) -> TestDatabase {
        let answer = self
            .server
            .ask("POST", path, &[("content-type", kind)], body);
        assert!(answer.is_none(), "{answer:?}");
        let status = self.server.wait(Duration::from_secs(20));
        assert_eq!(status.signal(), Some(6), "{status}");
        std::fs::remove_file(control(&self.database)).unwrap();
        self.database
    }
}

fn control(database: &TestDatabase) -> PathBuf {
    database.data_dir().join("control")
}

/// Files below a folder, at any depth.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[track_caller]
fn is_whole(database: &TestDatabase) {
    let fsck = run_on(database, &["fsck"]);
    assert!(fsck.status.success(), "{}", said(&fsck));
}

#[test]
fn dur_06_a_full_disk_refuses_writes_and_serves_reads() {
    let faulty = Faulty::start();
    let server = &faulty.server;
    let first = faulty.create("before");
    assert_eq!(first.status, 201);
    let first = format!("Patient/{}", first.json()["id"].as_str().unwrap());

    faulty.fail("write", NO_SPACE, "fascicolo.db");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..4 {
                    faulty.create("no room").refused(507, "no-store");
                    assert_eq!(server.get(&first).status, 200);
                }
            });
        }
    });
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[
        {"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},
        {"resource":{"resourceType":"Group","type":"person","actual":true},"request":{"method":"POST","url":"Group"}}]}"#;
    let answer = server.post("", "application/fhir+json", bundle.as_bytes());
    answer.refused(507, "no-store");
    assert_eq!(server.get("Patient?name=before").json()["total"], 1);
    assert_eq!(server.get("/health/live").status, 200);
    faulty.mend();
    // It goes on by itself.
    assert_eq!(faulty.create("after").status, 201);
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.total("_history"), 2, "nothing half written");

    // A document: refused while it is written, and nothing of it stays.
    let upload = |document: &[u8]| server.post("Binary", "application/pdf", document);
    let document = vec![7u8; 300_000];
    for (operation, part) in [("write", "tmp/"), ("fsync", "tmp/")] {
        faulty.fail(operation, NO_SPACE, part);
        upload(&document).refused(507, "no-store");
        faulty.mend();
        let folder = faulty.database.data_dir();
        assert!(files(&folder.join("tmp")).is_empty(), "{operation}");
        assert!(files(&folder.join("blobs")).is_empty(), "{operation}");
    }
    assert_eq!(upload(&document).status, 201);
    assert_eq!(server.total("_history"), 3);
    let Faulty { server, database } = faulty;
    drop(server);
    is_whole(&database);
    let again = Process::serve(&database);
    assert_eq!(again.total("_history"), 3);
}

#[test]
fn dur_05_a_failed_sync_ends_the_process() {
    let mut database = TestDatabase::sqlite();
    let mut acknowledged = 0;
    let json = "application/fhir+json";
    let patient: &[u8] = br#"{"resourceType":"Patient"}"#;
    let document: &[u8] = b"%PDF-1.7 of some length";
    for (number, (part, path, kind, body)) in [
        ("fascicolo.db-wal", "Patient", json, patient),
        ("tmp/", "Binary", "application/pdf", document),
        ("blobs", "Binary", "application/pdf", document),
    ]
    .into_iter()
    .enumerate()
    {
        let faulty = Faulty::over(database);
        let before = faulty.server.total("_history");
        // What nobody was told about may be there or not.
        let unknown = u64::try_from(number).unwrap();
        assert!(
            (acknowledged..=acknowledged + unknown).contains(&before),
            "{part}"
        );
        for _ in 0..3 {
            let answer = faulty.create("kept");
            assert_eq!(answer.status, 201, "{part}");
        }
        acknowledged = before + 3;
        faulty.fail("fsync", BROKEN, part);
        database = faulty.dies_of(path, kind, body);
        is_whole(&database);
    }
    let server = Process::serve(&database);
    let found = server.total("Patient?name=kept&_total=accurate");
    assert_eq!(found, 9, "everything that was acknowledged");
    let log = std::fs::read_to_string(database.data_dir().join("stderr.log")).unwrap();
    let told = log.matches("the disk failed while a write was made durable");
    assert_eq!(told.count(), 3, "{log}");
}

/// The program is killed before each write to the disk, or each message to the database, of bringing an
/// empty database up to date; whatever is left then, the next start goes on from there.
fn killed_at_every_step(database: &TestDatabase) {
    Admin::open(&target(database)).unwrap();
    let whole = schema(database);
    let whole = whole.as_slice();
    let (step, on) = match database.is_postgres() {
        true => (1, "socket:"),
        // A page is written by several calls, and many pages are of one statement.
        false => (5, "fascicolo.db"),
    };
    let mut killed = 0;
    for at in (1..).step_by(step) {
        let fresh = TestDatabase::fresh_like(database);
        let url = fresh.url();
        let folder = fresh.data_dir().display().to_string();
        let arguments = [
            "migrate",
            "--dev",
            "--database",
            &url,
            "--data-dir",
            &folder,
        ];
        let output = program(&arguments)
            .env("LD_PRELOAD", library())
            .env("KILL_AT", at.to_string())
            .env("KILL_ON", on)
            .output()
            .unwrap();
        let ended = output.status.success();
        assert!(
            ended || output.status.signal() == Some(9),
            "{}",
            said(&output)
        );
        Admin::open(&target(&fresh)).unwrap();
        assert_eq!(schema(&fresh), whole, "killed at {at}");
        if ended {
            break;
        }
        killed += 1;
    }
    assert!(killed > 10, "{killed}");
    println!("killed {killed} times");
}

#[test]
fn ops_04_killed_at_every_step_it_goes_on() {
    killed_at_every_step(&TestDatabase::sqlite());
}

#[test]
fn ops_04_killed_at_every_step_it_goes_on_on_postgres() {
    if let Some(database) = crate::postgres() {
        killed_at_every_step(&database);
    }
}
