//! The header of a clinical document as values.
//!
//! Source: HL7 CDA R2, class `ClinicalDocument` and its participations and relationships.

pub use super::participation::{Organization, Part, Participation};
pub use super::patient::{Guardian, Patient};

use super::datatypes::{
    Coded, InstanceIdentifier, Interval, read_code, read_id, read_ids, read_interval, read_time,
};
use super::node::{Node, SDTC};
use super::participation::{read_organization, read_participation, read_participations};
use super::patient::read_patient;
use super::timestamp::Timestamp;
use crate::error::{Error, Kind, Result, Severity};
use crate::fhir::model::value::Text;

/// Everything the header says, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Roots of `templateId`, in order.
    pub templates: Vec<Text>,
    pub id: InstanceIdentifier,
    pub set_id: Option<InstanceIdentifier>,
    pub version: Option<u32>,
    pub code: Coded,
    pub title: Option<Text>,
    /// `sdtc:statusCode/@code`.
    pub status: Option<Text>,
    pub effective_time: Option<Timestamp>,
    pub confidentiality: Option<Coded>,
    /// A BCP 47 tag.
    pub language: Option<Text>,
    pub patient: Patient,
    pub authors: Vec<Participation>,
    pub data_enterer: Option<Participation>,
    pub authenticators: Vec<Participation>,
    pub legal_authenticator: Option<Participation>,
    pub custodian: Option<Organization>,
    pub information_recipients: Vec<Participation>,
    pub participants: Vec<Participation>,
    /// Identifiers of the orders that the document fulfils (NRE).
    pub orders: Vec<InstanceIdentifier>,
    pub service_events: Vec<ServiceEvent>,
    pub related_documents: Vec<RelatedDocument>,
    pub encounter: Option<Encounter>,
}

/// `documentationOf/serviceEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEvent {
    pub code: Option<Coded>,
    pub time: Option<Interval>,
    pub performers: Vec<Participation>,
}

/// `relatedDocument/parentDocument`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedDocument {
    /// `RPLC`, `APND` or `XFRM`.
    pub type_code: Text,
    pub id: InstanceIdentifier,
    pub set_id: Option<InstanceIdentifier>,
    pub version: Option<u32>,
    /// XPath of the element.
    pub path: String,
}

/// `componentOf/encompassingEncounter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encounter {
    pub ids: Vec<InstanceIdentifier>,
    pub time: Option<Interval>,
    pub participants: Vec<Participation>,
    pub facility: Option<Facility>,
}

/// `location/healthCareFacility`; its ids and its place wait for the mapping of encounters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facility {
    pub code: Option<Coded>,
    pub provider: Option<Organization>,
}

/// Why a header says too little.
enum HeaderError {
    /// An element without which the document cannot be kept apart from others.
    Missing { element: &'static str },
    /// A document of the FSE is about one person.
    SeveralPatients { found: usize },
}

impl From<HeaderError> for Error {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Missing { element } => Error::new(
                Kind::Unprocessable,
                "required",
                format!("expected a usable {element} in the clinical document, found none"),
            )
            .at(format!("/ClinicalDocument/{element}")),
            HeaderError::SeveralPatients { found } => Error::new(
                Kind::Unprocessable,
                "structure",
                format!("expected one recordTarget in the clinical document, found {found}"),
            )
            .at("/ClinicalDocument/recordTarget"),
        }
    }
}

/// Reads the header.
///
/// # Errors
/// `Unprocessable` when id, code or patient are missing or more than one patient is meant.
pub(super) fn read_header(root: &Node<'_>) -> Result<Header> {
    check_constants(root);
    let missing = |element| HeaderError::Missing { element };
    let id = root
        .child("id")
        .and_then(|node| read_id(&node))
        .ok_or(missing("id"))?;
    let code = read_code(root, "code").ok_or(missing("code"))?;
    let targets = root.children("recordTarget");
    if targets.len() > 1 {
        return Err(HeaderError::SeveralPatients {
            found: targets.len(),
        }
        .into());
    }
    let patient = targets
        .first()
        .and_then(|target| target.child("patientRole"))
        .map(|role| read_patient(&role))
        .ok_or(missing("recordTarget"))?;
    if patient.ids.is_empty() {
        return Err(missing("recordTarget/patientRole/id").into());
    }
    let legal_authenticator = root
        .child("legalAuthenticator")
        .and_then(|node| read_participation(&node, Part::LegalAuthenticator));
    check_signature(root, legal_authenticator.as_ref());
    Ok(Header {
        templates: root
            .children("templateId")
            .iter()
            .filter_map(|node| node.attr("root").map(Text::new))
            .collect(),
        id,
        set_id: root.child("setId").and_then(|node| read_id(&node)),
        version: read_version(root),
        code,
        title: root.child("title").and_then(|node| node.text()),
        status: root
            .child_ns(SDTC, "statusCode")
            .and_then(|node| node.attr("code").map(Text::new)),
        effective_time: read_effective_time(root),
        confidentiality: read_confidentiality(root),
        language: read_language(root),
        patient,
        authors: read_participations(root, "author", Part::Author),
        data_enterer: root
            .child("dataEnterer")
            .and_then(|node| read_participation(&node, Part::DataEnterer)),
        authenticators: read_participations(root, "authenticator", Part::Authenticator),
        legal_authenticator,
        custodian: root
            .child("custodian")
            .and_then(|node| node.child("assignedCustodian"))
            .and_then(|node| node.child("representedCustodianOrganization"))
            .map(|node| read_organization(&node)),
        information_recipients: read_participations(
            root,
            "informationRecipient",
            Part::InformationRecipient,
        ),
        participants: read_participations(root, "participant", Part::Participant),
        orders: root
            .children("inFulfillmentOf")
            .iter()
            .filter_map(|node| node.child("order"))
            .flat_map(|order| read_ids(&order))
            .collect(),
        service_events: root
            .children("documentationOf")
            .iter()
            .filter_map(|node| node.child("serviceEvent"))
            .map(|event| read_service_event(&event))
            .collect(),
        related_documents: root
            .children("relatedDocument")
            .iter()
            .filter_map(read_related_document)
            .collect(),
        encounter: root
            .child("componentOf")
            .and_then(|node| node.child("encompassingEncounter"))
            .map(|node| read_encounter(&node)),
    })
}

/// What every Italian document says alike.
fn check_constants(root: &Node<'_>) {
    if let Some(realm) = root.child("realmCode")
        && realm.attr("code") != Some("IT")
    {
        realm.report(Severity::Information, "value", "expected IT as realm");
    }
    if let Some(kind) = root.child("typeId")
        && kind.attr("root") != Some("2.16.840.1.113883.1.3")
    {
        kind.warn("value", "expected 2.16.840.1.113883.1.3 as root");
    }
}

fn check_signature(root: &Node<'_>, signer: Option<&Participation>) {
    match signer {
        None => root.warn("required", "expected a legalAuthenticator, found none"),
        Some(signer) if signer.signature.as_deref() != Some("S") => {
            root.warn(
                "value",
                "expected the signatureCode S of the legalAuthenticator",
            );
        }
        Some(_) => {}
    }
}

fn read_version(parent: &Node<'_>) -> Option<u32> {
    let node = parent.child("versionNumber")?;
    let version = node.attr("value").and_then(|text| text.parse::<u32>().ok());
    let version = version.filter(|version| *version > 0 && i32::try_from(*version).is_ok());
    if version.is_none() {
        node.warn(
            "value",
            "expected a positive number as version, found something else",
        );
    }
    version
}

fn read_effective_time(root: &Node<'_>) -> Option<Timestamp> {
    let time = read_time(root, "effectiveTime");
    if time.is_none() {
        root.warn(
            "required",
            "expected an effectiveTime, found none: the creation time is unknown",
        );
    }
    time
}

fn read_confidentiality(root: &Node<'_>) -> Option<Coded> {
    let code = read_code(root, "confidentialityCode");
    if code.is_none() {
        root.warn(
            "required",
            "expected a confidentialityCode, found none: the document has no security label",
        );
    }
    code
}

fn read_language(root: &Node<'_>) -> Option<Text> {
    let node = root.child("languageCode")?;
    let code = node.attr("code")?;
    let well_formed = (2..=35).contains(&code.len())
        && code.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        });
    if !well_formed {
        node.warn(
            "value",
            "expected a language tag such as it-IT, found something else",
        );
        return None;
    }
    Some(Text::new(code))
}

fn read_service_event(node: &Node<'_>) -> ServiceEvent {
    ServiceEvent {
        code: read_code(node, "code"),
        time: read_interval(node, "effectiveTime"),
        performers: read_participations(node, "performer", Part::Performer),
    }
}

fn read_related_document(node: &Node<'_>) -> Option<RelatedDocument> {
    let parent = node.child("parentDocument")?;
    let Some(id) = parent.child("id").and_then(|id| read_id(&id)) else {
        node.warn(
            "required",
            "expected a usable id of the parent document, found none",
        );
        return None;
    };
    Some(RelatedDocument {
        type_code: Text::new(node.attr("typeCode").unwrap_or_default()),
        id,
        set_id: parent.child("setId").and_then(|node| read_id(&node)),
        version: read_version(&parent),
        path: node.path().to_owned(),
    })
}

fn read_encounter(node: &Node<'_>) -> Encounter {
    let mut participants: Vec<Participation> =
        read_participations(node, "responsibleParty", Part::ResponsibleParty);
    participants.extend(read_participations(
        node,
        "encounterParticipant",
        Part::EncounterParticipant,
    ));
    Encounter {
        ids: read_ids(node),
        time: read_interval(node, "effectiveTime"),
        participants,
        facility: node
            .child("location")
            .and_then(|location| location.child("healthCareFacility"))
            .map(|facility| read_facility(&facility)),
    }
}

fn read_facility(node: &Node<'_>) -> Facility {
    Facility {
        code: read_code(node, "code"),
        provider: node
            .child("serviceProviderOrganization")
            .map(|provider| read_organization(&provider)),
    }
}
