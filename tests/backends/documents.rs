//! Document bytes: kept by their SHA-256, in the commit that needs them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use fascicolo::storage::{BlobDraft, Change, Commit, Database, Expect, Refusal, Write};
use ring::digest::{SHA256, digest};

use crate::raw;
use crate::store::{START, Store, key, open, refusal};
use crate::support::database::TestDatabase;

/// Bytes of this length that do not compress and differ by `seed`.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut numbers = crate::searches::Numbers(seed * 2 + 1);
    (0..length)
        .map(|_| u8::try_from(numbers.below(256)).unwrap())
        .collect()
}

pub fn stage(database: &Database, content: &[u8]) -> BlobDraft {
    let mut upload = database.upload().unwrap();
    for piece in content.chunks(10_000) {
        upload.write(piece).unwrap();
    }
    database.stage(Arc::new(upload.finish().unwrap())).unwrap()
}

/// A commit that puts a document on a patient.
pub fn with_document(store: &Store, id: &str, expect: Expect, content: &[u8]) -> Commit {
    let draft = stage(&store.database, content);
    let mut body = store.content("with a document", 0, &[]);
    body.blob = Some(draft.sha256);
    Commit {
        writes: vec![Write {
            key: key(id),
            expect,
            change: Change::Put(body),
        }],
        blobs: vec![draft],
        ..Commit::default()
    }
}

fn sha256(content: &[u8]) -> [u8; 32] {
    digest(&SHA256, content).as_ref().try_into().unwrap()
}

pub fn dur_04_documents_by_their_hash(database: &TestDatabase) {
    let store = open(database);
    let chunk = 256 * 1024;
    let sizes = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk + 7];
    for (number, size) in sizes.into_iter().enumerate() {
        let content = bytes(size, number as u64);
        let id = format!("d{number}");
        let commit = with_document(&store, &id, Expect::New, &content);
        assert_eq!(commit.blobs[0].size, size as u64);
        store.database.commit(commit).unwrap();
        let version = store.read(&id).unwrap();
        assert_eq!(version.blob, Some(sha256(&content)));
        assert_eq!(store.database.blob(sha256(&content)).unwrap(), content);
    }
    // The same bytes again, and twice in one group, are kept once.
    let content = bytes(5000, 99);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (store, content) = (&store, &content);
            scope.spawn(move || {
                let commit = with_document(store, &format!("s{thread}"), Expect::New, content);
                store.database.commit(commit).unwrap();
            });
        }
    });
    assert_eq!(store.database.blob(sha256(&content)).unwrap(), content);
    let count = raw::lines(database, "SELECT CAST(COUNT(*) AS TEXT) AS line FROM blob");
    assert_eq!(count, [(sizes.len() + 1).to_string()]);

    // A refused commit inserts no document.
    let content = bytes(5000, 77);
    let commit = with_document(&store, "d1", Expect::New, &content);
    let refused = refusal(store.database.commit(commit));
    assert_eq!(refused, Refusal::Exists { write: 0 });
    let count = raw::lines(database, "SELECT CAST(COUNT(*) AS TEXT) AS line FROM blob");
    assert_eq!(count, [(sizes.len() + 1).to_string()]);
    // An older version keeps its document.
    let commit = with_document(&store, "d1", Expect::Version(1), &content);
    store.database.commit(commit).unwrap();
    let older = store.database.version(&key("d1"), 1).unwrap().unwrap();
    assert_eq!(
        store.database.blob(older.blob.unwrap()).unwrap(),
        bytes(1, 1)
    );
    // What is not there is an error, never an empty answer.
    assert!(store.database.blob([7; 32]).is_err());
    // Uploads that were never committed leave no file behind.
    drop(store.database.upload().unwrap());
    let left = std::fs::read_dir(database.data_dir().join("tmp")).unwrap();
    assert_eq!(left.count(), 0);
}

/// The file of a document beside SQLite.
fn file(database: &TestDatabase, content: &[u8]) -> PathBuf {
    let name = fascicolo::storage::hex(&sha256(content));
    let (first, rest) = name.split_at(2);
    database.data_dir().join("blobs").join(first).join(rest)
}

/// Makes a file as old as this, by the clock of the store.
fn age(file: &Path, hours: u64) {
    let start = UNIX_EPOCH + Duration::from_micros(START.unsigned_abs());
    let then = start - Duration::from_secs(hours * 3600);
    File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_modified(then)
        .unwrap();
}

pub fn dur_04_documents_without_a_commit_are_swept(database: &TestDatabase) {
    if database.is_postgres() {
        return; // Documents are in the database there, and go with their transaction.
    }
    let store = open(database);
    let (kept, old, young, wanted) = (bytes(5, 1), bytes(6, 2), bytes(7, 3), bytes(8, 4));
    let commit = with_document(&store, "d", Expect::New, &kept);
    store.database.commit(commit).unwrap();
    for content in [&old, &young, &wanted] {
        drop(stage(&store.database, content));
    }
    let foreign = file(database, &old).with_file_name("not-a-document");
    std::fs::write(&foreign, b"somebody's").unwrap();
    for (content, hours) in [(&kept, 100), (&old, 25), (&young, 23), (&wanted, 100)] {
        age(&file(database, content), hours);
    }
    age(&foreign, 100);
    // Staged again, a document is young again.
    drop(stage(&store.database, &wanted));
    store.database.close();

    // Another start sweeps, beside everything else.
    let store = open(database);
    let end = Instant::now() + Duration::from_secs(20);
    while file(database, &old).exists() {
        assert!(
            Instant::now() < end,
            "an old document without a commit stays"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    store.database.close();
    for content in [&kept, &young, &wanted] {
        assert!(file(database, content).exists());
    }
    assert!(foreign.exists());
    let store = open(database);
    assert_eq!(store.database.blob(sha256(&kept)).unwrap(), kept);
}
