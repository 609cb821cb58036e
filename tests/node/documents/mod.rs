//! FSE documents go in, by HTTP and by command, and can be read back.

mod cli;
mod errors;
mod official;
mod races;
mod versions;

use lopdf::{Document, Object, Stream, dictionary};
use serde_json::Value;

use crate::process::Process;
use crate::support::Answer;

pub const INGEST: &str = "DocumentReference/$ingest";
pub const XML: &str = "application/xml";
pub const PDF: &str = "application/pdf";

/// The system of Italian tax codes.
pub const TAX_CODE: &str = "urn:oid:2.16.840.1.113883.2.9.4.3.2";

/// A laboratory report in a few lines, made of parts that a test may replace.
pub struct Report {
    pub id: &'static str,
    pub set: &'static str,
    pub version: u32,
    /// The id of the document it replaces.
    pub replaces: Option<&'static str>,
    pub title: &'static str,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            id: "D-1",
            set: "S-1",
            version: 1,
            replaces: None,
            title: "Referto",
        }
    }
}

const ROOT: &str = "2.16.840.1.113883.2.9.2.120.4.4";

impl Report {
    pub fn xml(&self) -> String {
        let Self {
            id,
            set,
            version,
            title,
            ..
        } = self;
        let related = self.replaces.map_or(String::new(), |older| {
            format!(
                r#"<relatedDocument typeCode="RPLC"><parentDocument><id root="{ROOT}" extension="{older}"/></parentDocument></relatedDocument>"#
            )
        });
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<realmCode code="IT"/>
<typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040UV02"/>
<templateId root="2.16.840.1.113883.2.9.10.1.1" extension="1.3"/>
<id root="{ROOT}" extension="{id}"/>
<code code="11502-2" codeSystem="2.16.840.1.113883.6.1" displayName="Referto di laboratorio"/>
<title>{title}</title>
<effectiveTime value="20260110100000+0100"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<languageCode code="it-IT"/>
<setId root="{ROOT}" extension="{set}"/>
<versionNumber value="{version}"/>
<recordTarget><patientRole><id root="2.16.840.1.113883.2.9.4.3.2" extension="RSSMRA80A01H501U"/>
<patient><name><family>Rossi</family><given>Mario</given></name><birthTime value="19800101"/></patient>
</patientRole></recordTarget>
<author><time value="20260110090000+0100"/><assignedAuthor>
<id root="2.16.840.1.113883.2.9.4.3.2" extension="VRDMRC67T20I257A"/>
<assignedPerson><name><family>Verdi</family></name></assignedPerson>
</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization>
<id root="2.16.840.1.113883.2.9.4.1.2" extension="120148"/><name>Ospedale</name>
</representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator><time value="20260110100000+0100"/><signatureCode code="S"/><assignedEntity>
<id root="2.16.840.1.113883.2.9.4.3.2" extension="VRDMRC67T20I257A"/>
</assignedEntity></legalAuthenticator>
{related}<component><structuredBody/></component>
</ClinicalDocument>
"#
        )
    }
}

/// A PDF with one page and these attachments (name and content).
pub fn pdf(files: &[(&str, &[u8])]) -> Vec<u8> {
    pdf_with(files, |_| Vec::new())
}

/// The same, with further entries in the catalog.
pub fn pdf_with(
    files: &[(&str, &[u8])],
    more: impl FnOnce(&mut Document) -> Vec<(&'static str, Object)>,
) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let pages = document.new_object_id();
    let page = document.add_object(dictionary! { "Type" => "Page", "Parent" => pages });
    let kids = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 };
    document.objects.insert(pages, Object::Dictionary(kids));
    let mut names = Vec::new();
    for (name, content) in files {
        let dict = dictionary! { "Type" => "EmbeddedFile", "Subtype" => "text/xml" };
        let mut stream = Stream::new(dict, content.to_vec());
        stream.compress().unwrap();
        let file = document.add_object(stream);
        let name = Object::string_literal(*name);
        let specification = dictionary! {
            "Type" => "Filespec", "F" => name.clone(), "UF" => name.clone(),
            "EF" => dictionary! { "F" => file },
        };
        names.push(name);
        names.push(document.add_object(specification).into());
    }
    let mut catalog = dictionary! { "Type" => "Catalog", "Pages" => pages };
    if !files.is_empty() {
        let tree = dictionary! { "EmbeddedFiles" => dictionary! { "Names" => names } };
        catalog.set("Names", tree);
    }
    for (key, value) in more(&mut document) {
        catalog.set(key, value);
    }
    let catalog = document.add_object(catalog);
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// Submits a document that must be taken in.
#[track_caller]
pub fn taken(server: &Process, report: &Report) -> Answer {
    let answer = server.post(INGEST, XML, report.xml().as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer
}

/// All diagnostics of an OperationOutcome.
pub fn texts(outcome: &Value) -> String {
    outcome["issue"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|issue| issue["diagnostics"].as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The resources a search finds.
#[track_caller]
pub fn found(server: &Process, search: &str) -> Vec<Value> {
    let answer = server.get(search);
    assert_eq!(answer.status, 200, "{search}: {}", answer.text());
    let entries = answer.entries().into_iter();
    entries.map(|entry| entry["resource"].clone()).collect()
}

/// The one resource a search finds.
#[track_caller]
pub fn one(server: &Process, search: &str) -> Value {
    let mut all = found(server, search);
    assert_eq!(all.len(), 1, "{search}");
    all.remove(0)
}

/// The document reference whose own id this is.
#[track_caller]
pub fn document(server: &Process, id: &str) -> Value {
    let mut all = found(
        server,
        &format!("DocumentReference?identifier=urn:oid:{ROOT}|{id}"),
    );
    all.retain(|resource| resource["masterIdentifier"]["value"] == id);
    assert_eq!(all.len(), 1, "{id}");
    all.remove(0)
}

/// Status and version of a document, as `current 1`.
#[track_caller]
pub fn state(server: &Process, id: &str) -> String {
    let found = document(server, id);
    format!(
        "{} {}",
        found["status"].as_str().unwrap(),
        found["meta"]["versionId"].as_str().unwrap()
    )
}
