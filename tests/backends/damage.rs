//! Bit rot is found: in a backup, in the database, in documents (DUR-07, OPS-06).

use std::path::Path;

use fascicolo::error::Kind;
use fascicolo::storage::admin::{self, Admin};
use fascicolo::storage::{AuditDraft, Checked, Expect, packing};

use crate::documents::{bytes, with_document};
use crate::process::{run_on, said};
use crate::raw;
use crate::store::{key, open, target};
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
    assert!(findings(database).is_empty());
    for statement in [
        "UPDATE index_value SET value = value + 1 WHERE value <> 0",
        "UPDATE index_value SET sort = sort - 1",
        "DELETE FROM index_value WHERE value <> 0",
    ] {
        let copy = TestDatabase::sqlite();
        admin::restore(&whole, &target(&copy), &mut |_, _| {}).unwrap();
        assert!(raw::execute(&copy, statement).unwrap() > 0);
        let found = findings(&copy).join("\n");
        assert!(found.contains("index rows"), "{statement}: {found}");
        // What the index lacks is made anew from the resources.
        let fsck = run_on(&copy, &["fsck", "--rebuild-index"]);
        assert!(fsck.status.success(), "{statement}: {}", said(&fsck));
        assert!(findings(&copy).is_empty(), "{statement}");
    }
    if !database.is_postgres() {
        // Documents are files here: a missing and a changed one.
        let place = file_of(&data_dir.join("blobs"));
        turn(&place, &document[..1000]);
        assert!(findings(database).join("\n").contains("document"));
        std::fs::remove_file(&place).unwrap();
        assert!(findings(database).join("\n").contains("document"));
    }
}

/// What a check of everything finds.
pub fn findings(database: &TestDatabase) -> Vec<String> {
    check(database).findings
}

fn check(database: &TestDatabase) -> Checked {
    let mut admin = Admin::open(&target(database)).unwrap();
    admin.check(database.data_dir(), 5).unwrap()
}

fn quarantine(database: &TestDatabase) -> Vec<String> {
    raw::lines(
        database,
        "SELECT what AS line FROM quarantine ORDER BY what",
    )
}

/// Damage is met, never served, remembered, and forgotten when it is mended.
pub fn dur_07_what_is_damaged_is_in_quarantine(database: &TestDatabase) {
    let store = open(database);
    let document = bytes(300_000, 7);
    let commit = with_document(&store, "d", Expect::New, &document);
    store.database.commit(commit).unwrap();
    for text in ["first", "second"] {
        store.set("a", text, &[]);
        store.set("b", text, &[]);
    }
    let blob = store.read("d").unwrap().blob.unwrap();
    let b = raw::hex(database, "body", "FROM resource WHERE id = 'b'").remove(0);
    assert!(findings(database).is_empty() && quarantine(database).is_empty());

    // The older version of one, the current one of another, a document.
    let literal = |hex: &str| match database.is_postgres() {
        true => format!("decode('{hex}', 'hex')"),
        false => format!("x'{hex}'"),
    };
    let set = |table: &str, hex: &str, which: &str| {
        let bytes = literal(hex);
        let column = if table == "blob_chunk" {
            "bytes"
        } else {
            "body"
        };
        let statement = format!("UPDATE {table} SET {column} = {bytes} WHERE {which}");
        assert_eq!(
            raw::execute(database, &statement).unwrap(),
            1,
            "{statement}"
        );
    };
    // The last byte of the checksum.
    let mut turned = b.clone();
    let last = turned.pop().unwrap();
    turned.push(if last == '0' { '1' } else { '0' });
    let of_a = "pk = (SELECT pk FROM resource WHERE id = 'a')";
    set("resource", &turned, "id = 'b'");
    set("history", "00", of_a);
    if database.is_postgres() {
        set("blob_chunk", "00", "part = 1");
    } else {
        turn(
            &file_of(&database.data_dir().join("blobs")),
            &document[..9000],
        );
    }

    let damaged = |version: &fascicolo::storage::Version| {
        let error = store.database.json(version).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged);
    };
    for _ in 0..3 {
        damaged(&store.read("b").unwrap());
        damaged(&store.database.version(&key("a"), 1).unwrap().unwrap());
        let error = store.database.blob(blob).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged);
    }
    assert_eq!(store.database.damage_met(), 9);
    // What is whole is served.
    store.database.json(&store.read("a").unwrap()).unwrap();
    // A write stands behind what was told before it.
    store.set("later", "x", &[]);
    let names = [
        "Patient/a/_history/1".to_owned(),
        "Patient/b/_history/2".to_owned(),
        format!("document/{}", fascicolo::storage::hex(&blob)),
    ];
    assert_eq!(quarantine(database), names);
    let checked = check(database);
    assert_eq!(
        (checked.count, checked.released.len()),
        (3, 0),
        "{checked:?}"
    );
    let fsck = run_on(database, &["fsck"]);
    let text = said(&fsck);
    assert!(!fsck.status.success(), "{text}");
    for name in ["Patient/a/_history/1", "Patient/b/_history/2", "document "] {
        assert!(text.contains(name), "{name}: {text}");
    }

    // The same document, stored anew, mends it, also on the first patient.
    let commit = with_document(&store, "e", Expect::New, &document);
    store.database.commit(commit).unwrap();
    assert_eq!(store.database.blob(blob).unwrap(), document);
    assert_eq!(quarantine(database), names[..2]);
    // A body comes back by hand here, from a backup elsewhere.
    set("resource", &b, "id = 'b'");
    let checked = check(database);
    assert_eq!((checked.count, &checked.released[..]), (1, &names[1..2]));
    assert_eq!(quarantine(database), names[..1]);
    store.close();
    assert_eq!(quarantine(database), names[..1], "and stays after the end");
}

/// An index made anew leaves what cannot be read found by what it was found by.
pub fn dur_07_an_index_is_rebuilt_around_damage(database: &TestDatabase) {
    let node = |path: &str| {
        let server = crate::process::Process::serve(database);
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    {
        let server = crate::process::Process::serve(database);
        for name in ["one", "two"] {
            let body = format!(r#"{{"resourceType":"Patient","id":"{name}","gender":"female"}}"#);
            let path = format!("Patient/{name}");
            let json = [("content-type", "application/fhir+json")];
            let answer = server.request("PUT", &path, &json, body.as_bytes());
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
    }
    let spoil = match database.is_postgres() {
        true => "UPDATE resource SET body = decode('00', 'hex') WHERE id = 'one'",
        false => "UPDATE resource SET body = x'00' WHERE id = 'one'",
    };
    assert_eq!(raw::execute(database, spoil).unwrap(), 1);
    raw::execute(database, "DELETE FROM index_value").unwrap();
    let fsck = run_on(database, &["fsck", "--rebuild-index"]);
    assert!(!fsck.status.success(), "one body stays damaged");
    assert_eq!(findings(database).len(), 1, "{:?}", findings(database));
    let bundle = node("Patient?gender=female&_total=accurate");
    assert_eq!(bundle["total"], 2, "{bundle}");
    let modes: Vec<&str> = (bundle["entry"].as_array().unwrap().iter())
        .map(|entry| entry["search"]["mode"].as_str().unwrap())
        .collect();
    assert_eq!(modes, ["match", "outcome"], "{bundle}");
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
