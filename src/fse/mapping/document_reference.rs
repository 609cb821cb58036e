//! The header of a clinical document as `DocumentReference` and the people it names.
//!
//! Source: FHIR R4 *DocumentReference*; IHE MHD 4.2.3, UnContained Comprehensive
//! DocumentReference, with the Italian sources of each XDS attribute. What only the submitting
//! gateway knows (class other than that of the type, facility type, practice setting, event
//! codes) is not invented here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::context::{facility, push_context};
use super::datatypes::{codeable_concept, coding, extension, push_list, push_some, single};
use super::people::{People, local_reference};
use super::{Mapped, MappedResource, Relation, Submission};
use crate::error::Issue;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fse::CANONICAL;
use crate::fse::cda::ClinicalDocument;
use crate::fse::cda::header::{Header, Participation, RelatedDocument};
use crate::fse::code_systems::{code_system, confidentiality_display};
use crate::fse::identifiers::is_oid;

const CLASS_SYSTEM: &str = "urn:oid:2.16.840.1.113883.2.9.3.3.6.1.5";
const FORMAT_SYSTEM: &str = "urn:oid:2.16.840.1.113883.2.9.3.3.6.1.6";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const IDENTIFIER_TYPE: &str =
    "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType";
/// What the national index calls a PDF with a CDA inside; no legal media type.
const XDS_MIME_TYPE: &str = "application/pdf+text/x-cda-r2+xml";

/// Participations beside authors, signer and custodian that become resources.
const MOST_OTHERS: usize = 500;

/// Maps the header. The document is `current`; whoever stores it supersedes older versions.
pub fn to_document_reference(document: &ClinicalDocument, submission: &Submission<'_>) -> Mapped {
    let header = &document.header;
    let mut people = People::default();
    let patient = people.patient(&header.patient);
    let authors: Vec<Value> = header
        .authors
        .iter()
        .filter_map(|author| {
            tell_rest(&mut people, author, "time and signatureCode");
            people.participant(author)
        })
        .collect();
    let authenticator = header.legal_authenticator.as_ref().and_then(|signer| {
        tell_rest(&mut people, signer, "time and signatureCode");
        people.participant(signer)
    });
    let custodian = header
        .custodian
        .as_ref()
        .and_then(|custodian| people.organization(custodian));
    if header.custodian.is_none() {
        people.issues.push(
            Issue::warning("required", "expected a custodian, found none").at("/ClinicalDocument"),
        );
    }
    if other_participations(header).nth(MOST_OTHERS).is_some() {
        people.tell(
            "/ClinicalDocument",
            "only the first 500 other participations are kept as resources",
        );
    }
    for other in other_participations(header).take(MOST_OTHERS) {
        if people.participant(other).is_some() {
            people.tell(
                &other.path,
                "this participation has no place in DocumentReference; only the person and organisation are kept",
            );
        }
    }
    if let Some(provider) = facility(header).and_then(|facility| facility.provider.as_ref()) {
        people.organization(provider);
    }
    tell_unused(&mut people, header);
    let related: Vec<(&RelatedDocument, &'static str)> = header
        .related_documents
        .iter()
        .filter_map(|related| {
            let code = relation_code(&related.type_code);
            if code.is_none() {
                people.issues.push(
                    Issue::warning(
                        "value",
                        "expected RPLC, APND or XFRM as typeCode: the relation is left out",
                    )
                    .at(related.path.as_str()),
                );
            }
            Some((related, code?))
        })
        .collect();

    let mut resource = Object::new();
    resource.push("resourceType", "DocumentReference");
    if submission.content_type == "application/pdf" {
        let url = format!("{CANONICAL}/StructureDefinition/fse-xds-mime-type");
        resource.push(
            "extension",
            vec![extension(&url, "valueString", XDS_MIME_TYPE)],
        );
    }
    resource.push("masterIdentifier", master_identifier(header));
    resource.push("status", "current");
    resource.push("type", document_type(document));
    if let Some((code, display)) = document.kind.class() {
        let class = coding(Some(CLASS_SYSTEM), code, Some(display));
        resource.push("category", vec![single("coding", vec![class])]);
    }
    push_some(
        &mut resource,
        "subject",
        patient.as_deref().map(local_reference),
    );
    resource.push("date", submission.indexed);
    push_list(&mut resource, "author", authors);
    push_some(&mut resource, "authenticator", authenticator);
    push_some(
        &mut resource,
        "custodian",
        custodian.as_deref().map(local_reference),
    );
    push_list(
        &mut resource,
        "relatesTo",
        related
            .iter()
            .map(|(r, code)| relates_to(r, code))
            .collect(),
    );
    resource.push("description", title(document));
    push_list(
        &mut resource,
        "securityLabel",
        security_label(header).into_iter().collect(),
    );
    resource.push("content", vec![content(document, submission)]);
    push_context(&mut resource, header, patient.as_deref());

    let mut resources = people.resources;
    resources.push(MappedResource {
        name: Text::const_new("document"),
        resource_type: "DocumentReference",
        identity: header.id.pair.clone(),
        resource: Value::Object(resource),
    });
    Mapped {
        resources,
        master_identifier: header.id.pair.clone(),
        set_id: header.set_id.as_ref().unwrap_or(&header.id).pair.clone(),
        version: header.version.unwrap_or(1),
        type_code: (type_system(header), header.code.code.clone()),
        relations: related.iter().map(|(r, code)| relation(r, code)).collect(),
        issues: people.issues,
    }
}

/// `RPLC` and the like as codes of *DocumentRelationshipType*.
fn relation_code(type_code: &str) -> Option<&'static str> {
    match type_code {
        "RPLC" => Some("replaces"),
        "APND" => Some("appends"),
        "XFRM" => Some("transforms"),
        _ => None,
    }
}

fn relation(related: &RelatedDocument, code: &'static str) -> Relation {
    Relation {
        code,
        target: related.id.pair.clone(),
        target_set: related.set_id.as_ref().map(|id| id.pair.clone()),
        target_version: related.version,
    }
}

fn relates_to(related: &RelatedDocument, code: &str) -> Value {
    let mut target = Object::with_capacity(2);
    target.push("type", "DocumentReference");
    target.push("identifier", related.id.pair.to_value());
    let mut object = Object::with_capacity(2);
    object.push("code", code);
    object.push("target", target);
    Value::Object(object)
}

/// Both `use` and `type`: released MHD slices by the one, the next version by the other.
fn master_identifier(header: &Header) -> Object {
    let mut object = header.id.pair.to_object();
    object.insert_at(0, "use", "usual");
    let kind = coding(Some(IDENTIFIER_TYPE), "uniqueId", None);
    object.insert_at(1, "type", single("coding", vec![kind]));
    if let Some(authority) = &header.id.authority {
        object.push("assigner", single("display", authority.clone()));
    }
    object
}

fn type_system(header: &Header) -> Text {
    header
        .code
        .system
        .as_deref()
        .map(code_system)
        .unwrap_or_default()
}

/// The code as the document has it, translations included; the Italian name as text.
fn document_type(document: &ClinicalDocument) -> Value {
    let mut code = document.header.code.clone();
    if code.display.is_none() {
        code.display = Some(Text::new(&document.kind.italian));
    }
    let mut concept = codeable_concept(&code);
    if let Some(concept) = concept.as_object_mut() {
        concept.push("text", document.kind.italian.as_str());
    }
    concept
}

/// The title; documents without one are called by their type.
fn title(document: &ClinicalDocument) -> Text {
    let header = &document.header;
    header
        .title
        .clone()
        .or_else(|| header.code.display.clone())
        .unwrap_or_else(|| Text::new(&document.kind.italian))
}

fn security_label(header: &Header) -> Option<Value> {
    let code = header.confidentiality.as_ref()?;
    let system = code
        .system
        .as_deref()
        .map_or(Text::const_new(CONFIDENTIALITY), code_system);
    let display = confidentiality_display(&code.code)
        .filter(|_| system == CONFIDENTIALITY)
        .or(code.display.as_deref());
    Some(single(
        "coding",
        vec![coding(Some(&system), &code.code, display)],
    ))
}

fn content(document: &ClinicalDocument, submission: &Submission<'_>) -> Value {
    let header = &document.header;
    let mut attachment = Object::new();
    let url = format!("{CANONICAL}/StructureDefinition/fse-attachment-sha256");
    let sha256 = extension(
        &url,
        "valueBase64Binary",
        STANDARD.encode(submission.sha256),
    );
    attachment.push("extension", vec![sha256]);
    attachment.push("contentType", submission.content_type);
    attachment.push(
        "language",
        header.language.clone().unwrap_or(Text::const_new("it-IT")),
    );
    attachment.push("url", submission.url);
    attachment.push("size", i64::try_from(submission.size).unwrap_or(i64::MAX));
    attachment.push("hash", STANDARD.encode(submission.sha1));
    attachment.push("title", title(document));
    let creation = header
        .effective_time
        .as_ref()
        .map(|time| Text::new(time.date_time()));
    push_some(&mut attachment, "creation", creation);
    let mut content = Object::with_capacity(2);
    content.push("attachment", attachment);
    // A root that is no OID is no format code either.
    if let Some(template) = header.templates.first().filter(|root| is_oid(root)) {
        content.push("format", coding(Some(FORMAT_SYSTEM), template, None));
    }
    Value::Object(content)
}

/// Those who are neither author nor legal signer.
fn other_participations(header: &Header) -> impl Iterator<Item = &Participation> {
    let performers = header
        .service_events
        .iter()
        .flat_map(|event| &event.performers);
    let encounter = header
        .encounter
        .iter()
        .flat_map(|encounter| &encounter.participants);
    header
        .data_enterer
        .iter()
        .chain(&header.authenticators)
        .chain(&header.information_recipients)
        .chain(&header.participants)
        .chain(performers)
        .chain(encounter)
}

/// What was read and finds no place.
fn tell_unused(people: &mut People, header: &Header) {
    if header
        .status
        .as_deref()
        .is_some_and(|status| status != "active")
    {
        people.tell(
            "/ClinicalDocument/sdtc:statusCode",
            "the status of the document is not kept; the DocumentReference is current",
        );
    }
    let events = header
        .service_events
        .iter()
        .filter(|event| event.time.is_some());
    let encounter = header
        .encounter
        .as_ref()
        .filter(|encounter| encounter.time.is_some());
    if events
        .count()
        .saturating_add(usize::from(encounter.is_some()))
        > 1
    {
        people.tell(
            "/ClinicalDocument",
            "of several times of service, only the first becomes the period",
        );
    }
}

/// Time and signature of a participation are only in the document itself.
fn tell_rest(people: &mut People, participation: &Participation, what: &str) {
    if participation.time.is_some() || participation.signature.is_some() {
        people.tell(
            &participation.path,
            &format!("{what} of this participation have no place in DocumentReference"),
        );
    }
}
