//! Bit rot is found: in a backup, in the database, in documents (DUR-07, OPS-06).

use std::path::Path;

use fascicolo::error::Kind;
use fascicolo::storage::admin::{self, Admin};
use fascicolo::storage::{AuditDraft, Expect, packing};

use crate::documents::{bytes, with_document};
use crate::raw;
use crate::store::{open, target};
use crate::support::database::TestDatabase;

/// Turns one bit in the middle of where `part` stands in the file.
fn turn(file: &Path, part: &[u8]) {
    let mut all = std::fs::read(file).unwrap();
    let at = all
        .windows(part.len())
        .position(|window| window == part)
        .expect("the bytes stand in the file");
    all[at + part.len() / 2] ^= 0x10;
    std::fs::write(file, all).unwrap();
}

pub fn dur_07_damage_is_found(database: &TestDatabase) {
    let store = open(database);
    let document = bytes(3000, 42);
    let mut commit = with_document(&store, "d", Expect::New, &document);
    let record = "{\"who\":\"somebody with a long name\"}";
    commit.audit = Some(AuditDraft {
        content: record.to_owned(),
    });
    store.database.commit(commit).unwrap();
    store.set("a", "a text that is long enough", &[("identifier", "x")]);
    let body = store.read("a").unwrap().body;
    store.set("a", "another text of some length", &[("identifier", "y")]);
    let newer = store.read("a").unwrap().body;
    store.close();
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    let data_dir = database.data_dir();
    admin::backup(&target(database), data_dir, &whole, &mut |_, _| {}).unwrap();

    let check = |name: &str, damage: &dyn Fn(&Path)| {
        let file = folder.path().join(name);
        std::fs::copy(&whole, &file).unwrap();
        damage(&file);
        let goal = TestDatabase::sqlite();
        let error = admin::restore(&file, &target(&goal), &mut |_, _| {}).expect_err(name);
        assert_ne!(error.kind(), Kind::NotFound, "{name}: {error}");
        // Nothing of it came in.
        let store = open(&goal);
        assert!(store.everything().is_empty(), "{name}");
    };
    check("current body", &|file| turn(file, &newer));
    check("older body", &|file| turn(file, &body));
    check("document", &|file| turn(file, &document[500..1500]));
    let record = packing::pack_text(record).unwrap();
    check("audit", &|file| turn(file, record.as_bytes()));
    check("cut", &|file| {
        let all = std::fs::read(file).unwrap();
        std::fs::write(file, &all[..all.len() / 2]).unwrap();
    });
    check("text", &|file| {
        std::fs::write(file, b"no database").unwrap()
    });
    check("empty", &|file| std::fs::write(file, b"").unwrap());
    // A database of somebody else's.
    check("foreign", &|file| {
        std::fs::remove_file(file).unwrap();
        let connection = diesel::Connection::establish(file.to_str().unwrap());
        let mut connection: diesel::SqliteConnection = connection.unwrap();
        diesel::connection::SimpleConnection::batch_execute(
            &mut connection,
            "CREATE TABLE resource (a TEXT)",
        )
        .unwrap();
    });

    // In the database itself.
    let fsck = || {
        Admin::open(&target(database))
            .unwrap()
            .verify(data_dir)
            .map_err(|error| error.to_string())
    };
    fsck().unwrap();
    for statement in [
        "UPDATE index_value SET value = value + 1 WHERE value <> 0",
        "UPDATE index_value SET sort = sort - 1",
        "DELETE FROM index_value WHERE value <> 0",
    ] {
        let copy = TestDatabase::sqlite();
        admin::restore(&whole, &target(&copy), &mut |_, _| {}).unwrap();
        assert!(raw::execute(&copy, statement).unwrap() > 0);
        let mut admin = Admin::open(&target(&copy)).unwrap();
        let error = admin.verify(copy.data_dir()).expect_err(statement);
        assert_eq!(error.kind(), Kind::Unprocessable, "{error}");
    }
    if !database.is_postgres() {
        // Documents are files here: a missing and a changed one.
        let place = file_of(&data_dir.join("blobs"));
        turn(&place, &document[..1000]);
        let error = fsck().expect_err("a changed document");
        assert!(error.contains("document"), "{error}");
        let store = open(database);
        let blob = store.read("d").unwrap().blob.unwrap();
        assert!(store.database.blob(blob).is_err(), "never served");
        store.close();
        std::fs::remove_file(&place).unwrap();
        fsck().expect_err("a missing document");
    }
}

/// The one file below a folder.
fn file_of(folder: &Path) -> std::path::PathBuf {
    let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    if entry.path().is_dir() {
        file_of(&entry.path())
    } else {
        entry.path()
    }
}
