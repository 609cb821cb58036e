//! PDFs that hold a CDA, and PDFs that had better not be read.

use lopdf::encryption::Permissions;
use lopdf::{
    Document, EncryptionState, EncryptionVersion, Object, SaveOptions, Stream, StringFormat,
    dictionary,
};

use super::{Extracted, How, PdfError, extract, extract_frame};
use crate::error::{Error, Kind};

const CDA: &[u8] = b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>";

/// Builds a PDF with one page; `edit` gets the document and its catalog.
fn pdf(edit: impl FnOnce(&mut Document) -> Vec<(&'static str, Object)>) -> Document {
    let mut document = Document::with_version("1.7");
    let pages = document.new_object_id();
    let page = document.add_object(dictionary! { "Type" => "Page", "Parent" => pages });
    document.objects.insert(
        pages,
        Object::Dictionary(
            dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 },
        ),
    );
    let mut catalog = dictionary! { "Type" => "Catalog", "Pages" => pages };
    for (key, value) in edit(&mut document) {
        catalog.set(key, value);
    }
    let catalog = document.add_object(catalog);
    document.trailer.set("Root", catalog);
    let id = || Object::String(b"0123456789abcdef".to_vec(), StringFormat::Literal);
    document.trailer.set("ID", vec![id(), id()]);
    document
}

fn saved(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// A file specification.
fn attached(document: &mut Document, name: &str, subtype: Option<&str>, content: &[u8]) -> Object {
    let mut dict = dictionary! { "Type" => "EmbeddedFile" };
    if let Some(subtype) = subtype {
        dict.set("Subtype", Object::Name(subtype.as_bytes().to_vec()));
    }
    let mut stream = Stream::new(dict, content.to_vec());
    stream.compress().unwrap();
    let file = document.add_object(stream);
    let name = Object::string_literal(name);
    let specification = dictionary! { "Type" => "Filespec", "F" => name.clone(), "UF" => name, "EF" => dictionary! { "F" => file } };
    document.add_object(specification).into()
}

fn names(pairs: Vec<Object>) -> Vec<(&'static str, Object)> {
    let tree = dictionary! { "EmbeddedFiles" => dictionary! { "Names" => pairs } };
    vec![("Names", tree.into())]
}

/// A PDF with attachments of these names, each with the CDA.
fn with(files: &[(&str, Option<&str>)]) -> Document {
    pdf(|document| {
        let mut pairs = Vec::new();
        for (index, (name, subtype)) in files.iter().enumerate() {
            pairs.push(Object::string_literal(format!("key {index}")));
            pairs.push(attached(document, name, *subtype, CDA));
        }
        names(pairs)
    })
}

#[track_caller]
fn found(bytes: &[u8], name: &str, how: How) {
    let expected = Extracted {
        cda: CDA.to_vec(),
        attachment_name: name.to_owned(),
        how,
    };
    assert_eq!(extract(bytes).unwrap(), expected);
    assert_eq!(
        Extracted::from_frame(&extract_frame(bytes).unwrap()).unwrap(),
        expected
    );
}

#[track_caller]
fn refused(bytes: &[u8], expected: PdfError) {
    let error = extract(bytes).unwrap_err();
    let expected = Error::from(expected);
    assert_eq!(
        (error.kind(), error.issues()),
        (expected.kind(), expected.issues())
    );
}

#[test]
fn an_attachment_by_name() {
    found(
        &saved(with(&[("cda.xml", Some("text/xml"))])),
        "cda.xml",
        How::Attachment,
    );
    found(
        &saved(with(&[("CDA.XML", None)])),
        "CDA.XML",
        How::Attachment,
    );
    found(
        &saved(with(&[
            ("other.txt", None),
            ("dir/Cda.xml", Some("application/octet-stream")),
        ])),
        "Cda.xml",
        How::Attachment,
    );
}

#[test]
fn a_name_in_utf_16_or_only_in_the_tree() {
    let utf16: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain("cda.xml".bytes().flat_map(|b| [0, b]))
        .collect();
    let document = pdf(|document| {
        let file = attached(document, "x", None, CDA);
        let id = file.as_reference().unwrap();
        document
            .get_object_mut(id)
            .unwrap()
            .as_dict_mut()
            .unwrap()
            .set("UF", Object::String(utf16, StringFormat::Literal));
        names(vec![Object::string_literal("k"), file])
    });
    found(&saved(document), "cda.xml", How::Attachment);
    let document = pdf(|document| {
        let file = attached(document, "x", None, CDA);
        names(vec![Object::string_literal("cda.xml"), file])
    });
    found(&saved(document), "cda.xml", How::Attachment);
}

/// A name tree with the attachment this many levels below its root.
fn deep_tree(levels: usize) -> Document {
    pdf(|document| {
        let file = attached(document, "cda.xml", None, CDA);
        let mut node = document
            .add_object(dictionary! { "Names" => vec![Object::string_literal("cda.xml"), file] });
        for _ in 1..levels {
            node = document.add_object(dictionary! { "Kids" => vec![node.into()] });
        }
        let tree = dictionary! { "EmbeddedFiles" => dictionary! { "Kids" => vec![node.into()] } };
        vec![("Names", tree.into())]
    })
}

#[test]
fn in_a_kid_of_the_name_tree() {
    found(&saved(deep_tree(1)), "cda.xml", How::Attachment);
    found(&saved(deep_tree(16)), "cda.xml", How::Attachment);
    refused(&saved(deep_tree(17)), PdfError::TooDeep { limit: 16 });
}

#[test]
fn a_loop_in_the_name_tree_ends() {
    let document = pdf(|document| {
        let node = document.new_object_id();
        document.objects.insert(
            node,
            Object::Dictionary(dictionary! { "Kids" => vec![node.into(), node.into()] }),
        );
        vec![("Names", dictionary! { "EmbeddedFiles" => node }.into())]
    });
    assert_eq!(
        extract(&saved(document)).unwrap_err().kind(),
        Kind::Unprocessable
    );
}

#[test]
fn an_associated_file_counts_once() {
    let document = pdf(|document| {
        let file = attached(document, "cda.xml", None, CDA);
        let mut members = names(vec![Object::string_literal("cda.xml"), file.clone()]);
        members.push(("AF", vec![file].into()));
        members
    });
    found(&saved(document), "cda.xml", How::Attachment);
    let document =
        pdf(|document| vec![("AF", vec![attached(document, "cda.xml", None, CDA)].into())]);
    found(&saved(document), "cda.xml", How::Attachment);
}

#[test]
fn in_object_streams() {
    let mut document = with(&[("cda.xml", None)]);
    let mut bytes = Vec::new();
    let options = SaveOptions::builder()
        .use_object_streams(true)
        .use_xref_streams(true)
        .build();
    document.save_with_options(&mut bytes, options).unwrap();
    assert!(bytes.windows(7).any(|window| window == b"/ObjStm"));
    found(&bytes, "cda.xml", How::Attachment);
}

#[test]
fn added_by_an_incremental_update() {
    let first = saved(with(&[("other.txt", None)]));
    refused(&first, PdfError::NoClinicalDocument { attachments: 1 });
    let before = Document::load_mem(&first).unwrap();
    let root = before.trailer.get(b"Root").unwrap().as_reference().unwrap();
    let mut update = lopdf::IncrementalDocument::create_from(first, before);
    update.opt_clone_object_to_new_document(root).unwrap();
    let file = attached(&mut update.new_document, "cda.xml", None, CDA);
    let (key, value) = names(vec![Object::string_literal("cda.xml"), file]).remove(0);
    update
        .new_document
        .get_object_mut(root)
        .unwrap()
        .as_dict_mut()
        .unwrap()
        .set(key, value);
    let mut bytes = Vec::new();
    update.save_to(&mut bytes).unwrap();
    found(&bytes, "cda.xml", How::Attachment);
}

#[test]
fn in_an_xfa_form_as_bytes() {
    let packet = |content: &[u8]| {
        let content = [b"<x>", content, b"</x>"].concat();
        pdf(move |document| {
            let stream = document.add_object(Stream::new(dictionary! {}, content));
            let xfa = vec![Object::string_literal("datasets"), stream.into()];
            vec![("AcroForm", dictionary! { "XFA" => xfa }.into())]
        })
    };
    let cda = b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><id/></ClinicalDocument>";
    let extracted = extract(&saved(packet(cda))).unwrap();
    assert_eq!(
        (extracted.cda.as_slice(), extracted.how),
        (cda.as_slice(), How::Resource)
    );
    refused(
        &saved(packet(b"<ClinicalDocuments/>")),
        PdfError::NoClinicalDocument { attachments: 0 },
    );
    refused(
        &saved(packet(&[cda.as_slice(), cda].concat())),
        PdfError::SeveralClinicalDocuments { found: 2 },
    );
}

#[test]
fn not_exactly_one() {
    refused(
        &saved(with(&[])),
        PdfError::NoClinicalDocument { attachments: 0 },
    );
    refused(
        &saved(with(&[("a.xml", None), ("cda.xml.bak", None)])),
        PdfError::NoClinicalDocument { attachments: 2 },
    );
    refused(
        &saved(with(&[("cda.xml", None), ("CDA.xml", None)])),
        PdfError::SeveralClinicalDocuments { found: 2 },
    );
    refused(
        &saved(with(&[("cda.xml", Some("image/png"))])),
        PdfError::WrongType {
            subtype: "image/png".to_owned(),
        },
    );
    let document = pdf(|_| {
        let empty = dictionary! { "F" => Object::string_literal("cda.xml") };
        names(vec![Object::string_literal("cda.xml"), empty.into()])
    });
    refused(&saved(document), PdfError::NoBytes);
}

#[test]
fn no_pdf_at_all() {
    refused(b"", PdfError::NoHeader);
    refused(b"%PDF", PdfError::NoHeader);
    refused(b"<ClinicalDocument/>", PdfError::NoHeader);
    let late = [vec![b' '; 1_024], saved(with(&[("cda.xml", None)]))].concat();
    refused(&late, PdfError::NoHeader);
    refused(b"%PDF-1.7\nnothing else", PdfError::Unreadable);
}

#[test]
fn cut_anywhere_is_no_panic() {
    let bytes = saved(with(&[("cda.xml", None)]));
    for length in 0..bytes.len() {
        // Without its end the file may still be rebuilt by scanning; then it is whole enough.
        match extract(&bytes[..length]) {
            Ok(extracted) => assert_eq!(extracted.cda, CDA),
            Err(error) => assert_eq!(error.kind(), Kind::Unprocessable),
        }
    }
}

#[test]
fn active_content() {
    let action = |name: &str| dictionary! { "Type" => "Action", "S" => name, "X" => 1 };
    let open = |name: &'static str| {
        saved(pdf(|document| {
            vec![("OpenAction", document.add_object(action(name)).into())]
        }))
    };
    refused(
        &open("JavaScript"),
        PdfError::Script {
            what: "/JavaScript",
        },
    );
    refused(&open("Launch"), PdfError::Script { what: "/Launch" });
    let harmless = open("GoTo");
    refused(&harmless, PdfError::NoClinicalDocument { attachments: 0 });
    let named = pdf(|_| {
        vec![(
            "Names",
            dictionary! { "JavaScript" => dictionary! {} }.into(),
        )]
    });
    refused(
        &saved(named),
        PdfError::Script {
            what: "/JavaScript",
        },
    );
    let inside = pdf(|document| {
        let hidden = vec![Object::Array(vec![dictionary! { "S" => "GoTo", "Next" => dictionary! { "JS" => Object::string_literal("x") } }.into()])];
        document.add_object(Object::Array(hidden));
        vec![]
    });
    refused(&saved(inside), PdfError::Script { what: "/JS" });
    let escaped = open("GoTo");
    let text = String::from_utf8_lossy(&escaped).replace("/GoTo", "/JavaScrip#74");
    assert_eq!(
        extract(text.as_bytes()).unwrap_err().kind(),
        Kind::Unprocessable
    );
}

fn encrypted(user_password: &str) -> Vec<u8> {
    let mut document = with(&[("cda.xml", None)]);
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password,
        key_length: 128,
        permissions: Permissions::PRINTABLE,
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    saved(document)
}

#[test]
fn encrypted_only_with_the_empty_password() {
    found(&encrypted(""), "cda.xml", How::Attachment);
    refused(&encrypted("secret"), PdfError::Encrypted);
}

#[test]
fn nesting() {
    let nested = |depth: usize| {
        let body = format!(
            "%PDF-1.7\n1 0 obj\n{}{}\nendobj\n",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        body.into_bytes()
    };
    refused(&nested(65), PdfError::TooDeep { limit: 64 });
    refused(&nested(100_000), PdfError::TooDeep { limit: 64 });
    refused(&nested(64), PdfError::Unreadable);
    refused(
        format!("%PDF-1.7\n1 0 obj\n{}", "<</A ".repeat(65)).as_bytes(),
        PdfError::TooDeep { limit: 64 },
    );
    // Brackets in strings, comments and streams are no nesting.
    let text = "[".repeat(500);
    for body in [
        format!("({text})"),
        format!("%{text}\n"),
        format!("<<>>\nstream\n{text}\nendstream"),
    ] {
        refused(
            format!("%PDF-1.7\n1 0 obj\n{body}\nendobj\n").as_bytes(),
            PdfError::Unreadable,
        );
    }
    refused(
        &[b"%PDF-1.7\n".as_slice(), &b"(".repeat(200_000)].concat(),
        PdfError::Unreadable,
    );
}

#[test]
fn bombs() {
    let mut stream = Stream::new(dictionary! {}, vec![b' '; 8 << 20]);
    stream.compress().unwrap();
    for kind in ["ObjStm", "XRef"] {
        let head = format!("%PDF-1.7\n1 0 obj\n<</Type/{kind}/Filter/FlateDecode>>\nstream\n");
        let bytes = [head.as_bytes(), &stream.content, b"\nendstream\nendobj\n"].concat();
        refused(&bytes, PdfError::Inflates);
    }
    let document = pdf(|document| {
        let file = attached(document, "cda.xml", None, &vec![b' '; 8 << 20]);
        names(vec![Object::string_literal("cda.xml"), file])
    });
    refused(&saved(document), PdfError::Inflates);
    refused(
        &vec![0; super::LARGEST + 1],
        PdfError::TooLarge {
            bytes: super::LARGEST + 1,
        },
    );
}
