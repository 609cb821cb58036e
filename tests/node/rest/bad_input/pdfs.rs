//! PDFs made to do harm (IN-14), sent to the real program: a PDF is read in a process of its own.
//! What is in a PDF without being hostile is tested with the documents.

use std::time::{Duration, Instant};

use lopdf::encryption::Permissions;
use lopdf::{
    Document, EncryptionState, EncryptionVersion, Object, Stream, StringFormat, dictionary,
};

use crate::documents::{INGEST, PDF, Report, pdf, pdf_with};
use crate::process::Process;
use crate::support::database::TestDatabase;

/// A file that is no more than this one object.
fn object(body: &str) -> Vec<u8> {
    format!("%PDF-1.7\n1 0 obj\n{body}\nendobj\ntrailer<</Root 1 0 R>>\n").into_bytes()
}

/// The PDF of a report, with a further entry in its catalog.
fn report_with(key: &'static str, value: impl FnOnce(&mut Document) -> Object) -> Vec<u8> {
    let cda = Report {
        id: "D-2",
        set: "S-2",
        ..Report::default()
    };
    let cda = cda.xml();
    pdf_with(&[("cda.xml", cda.as_bytes())], |document| {
        vec![(key, value(document))]
    })
}

/// A stream of this type that inflates to many times its size.
fn bomb(kind: &str) -> Vec<u8> {
    let mut stream = Stream::new(dictionary! {}, vec![b' '; 8 << 20]);
    stream.compress().unwrap();
    let head = format!("%PDF-1.7\n1 0 obj\n<</Type/{kind}/Filter/FlateDecode>>\nstream\n");
    [head.as_bytes(), &stream.content, b"\nendstream\nendobj\n"].concat()
}

fn encrypted(user_password: &str) -> Vec<u8> {
    let cda = Report::default().xml();
    let mut document = Document::load_mem(&pdf(&[("cda.xml", cda.as_bytes())])).unwrap();
    let id = || Object::String(b"0123456789abcdef".to_vec(), StringFormat::Literal);
    document.trailer.set("ID", vec![id(), id()]);
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password,
        key_length: 128,
        permissions: Permissions::PRINTABLE,
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn in_14_hostile_pdfs() {
    let database = TestDatabase::fresh();
    let server = Process::serve(&database);
    let script = |name: &str| {
        let name = name.to_owned();
        move |_: &mut Document| Object::from(dictionary! { "S" => Object::Name(name.into_bytes()) })
    };
    let cda = Report::default().xml();
    let whole = pdf(&[("cda.xml", cda.as_bytes())]);
    let cut = whole[..whole.len() - whole.len() / 4].to_vec();
    let mut flipped = whole.clone();
    for byte in flipped.iter_mut().skip(9).step_by(7) {
        *byte ^= 0x55;
    }
    let cyclic = report_with("Outlines", |document| {
        let id = document.new_object_id();
        let one = dictionary! { "Next" => id, "First" => id };
        document.objects.insert(id, Object::Dictionary(one));
        id.into()
    });
    let previous = b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n";
    let late = [vec![b' '; 1100], whole.clone()].concat();
    let many = "1 0 obj\nnull\nendobj\n".repeat(500_001);
    for (name, body, code) in [
        ("empty", Vec::new(), "structure"),
        ("text", b"hello".to_vec(), "structure"),
        ("only a header", b"%PDF-1.7\n".to_vec(), "structure"),
        ("a late header", late, "structure"),
        ("cut off", cut, "structure"),
        ("flipped bits", flipped, "structure"),
        ("65 arrays", object(&"[".repeat(65)), "too-costly"),
        ("10 380 arrays", object(&"[".repeat(10_380)), "too-costly"),
        (
            "a million dictionaries",
            object(&"<</A ".repeat(1_000_000)),
            "too-costly",
        ),
        ("open strings", object(&"(".repeat(200_000)), "structure"),
        ("a chain to itself", previous.to_vec(), "structure"),
        (
            "too many objects",
            format!("%PDF-1.7\n{many}").into_bytes(),
            "too-costly",
        ),
        ("a bomb of objects", bomb("ObjStm"), "too-costly"),
        ("a bomb of references", bomb("XRef"), "too-costly"),
        (
            "a bomb as a CDA",
            pdf(&[("cda.xml", &vec![b' '; 8 << 20])]),
            "too-costly",
        ),
        ("a password", encrypted("secret"), "security"),
        (
            "JavaScript",
            report_with("OpenAction", script("JavaScript")),
            "security",
        ),
        (
            "a program to launch",
            report_with("AA", script("Launch")),
            "security",
        ),
        (
            "outlines in a circle, without a CDA",
            pdf(&[("note.txt", b"x")]),
            "required",
        ),
    ] {
        let started = Instant::now();
        let answer = server.post(INGEST, PDF, &body);
        let took = started.elapsed();
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        assert_eq!(
            answer.json()["issue"][0]["code"],
            code,
            "{name}: {}",
            answer.text()
        );
        assert!(took < Duration::from_secs(10), "{name}: {took:?}");
    }
    assert_eq!(server.total("_history"), 0);
    // Odd, and harmless: taken in.
    for (name, body) in [("a circle", cyclic), ("an empty password", encrypted(""))] {
        let answer = server.post(INGEST, PDF, &body);
        assert!(
            [200, 201].contains(&answer.status),
            "{name}: {}",
            answer.text()
        );
    }
    assert_eq!(server.get("/health/live").status, 200);
}
