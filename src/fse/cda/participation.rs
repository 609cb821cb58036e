//! Who took part: persons in their roles, and organisations.
//!
//! Source: HL7 CDA R2, header participations; `asOrganizationPartOf` with an id of its own stands
//! for the whole organisation, as the HL7 Italia guides use it.

use super::datatypes::{
    Address, Coded, InstanceIdentifier, Name, Telecom, read_addresses, read_code, read_ids,
    read_interval, read_names, read_telecoms,
};
use super::node::Node;
use super::timestamp::Timestamp;
use crate::fhir::model::value::Text;

/// In which capacity somebody took part: the name of the CDA element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Author,
    DataEnterer,
    InformationRecipient,
    Authenticator,
    LegalAuthenticator,
    Participant,
    Performer,
    ResponsibleParty,
    EncounterParticipant,
}

/// A person, or an organisation alone, in one capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participation {
    pub part: Part,
    pub type_code: Option<Text>,
    /// `functionCode`.
    pub function: Option<Coded>,
    pub time: Option<Timestamp>,
    /// `signatureCode/@code`: `S` means signed.
    pub signature: Option<Text>,
    /// `@classCode` of the entity, such as `PROV` or `NOK`.
    pub class_code: Option<Text>,
    pub ids: Vec<InstanceIdentifier>,
    /// The role or profession.
    pub code: Option<Coded>,
    pub names: Vec<Name>,
    pub addresses: Vec<Address>,
    pub telecoms: Vec<Telecom>,
    pub organization: Option<Organization>,
    /// XPath of the element.
    pub path: String,
}

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    pub ids: Vec<InstanceIdentifier>,
    pub name: Option<Text>,
    pub addresses: Vec<Address>,
    pub telecoms: Vec<Telecom>,
    pub part_of: Option<Box<Organization>>,
    /// XPath of the element.
    pub path: String,
}

/// How many organisations may be parts of each other.
const DEEPEST: usize = 4;

impl Part {
    /// Names of the entity inside the participation, of the person in it, of its organisation.
    fn inside(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Part::Author => (
                "assignedAuthor",
                "assignedPerson",
                "representedOrganization",
            ),
            Part::InformationRecipient => (
                "intendedRecipient",
                "informationRecipient",
                "receivedOrganization",
            ),
            Part::Participant => (
                "associatedEntity",
                "associatedPerson",
                "scopingOrganization",
            ),
            Part::DataEnterer
            | Part::Authenticator
            | Part::LegalAuthenticator
            | Part::Performer
            | Part::ResponsibleParty
            | Part::EncounterParticipant => (
                "assignedEntity",
                "assignedPerson",
                "representedOrganization",
            ),
        }
    }
}

/// Reads a participation; `None`, with a finding, when there is nobody in it.
pub(super) fn read_participation(node: &Node<'_>, part: Part) -> Option<Participation> {
    let (entity, person, organization) = part.inside();
    let Some(entity) = node.child(entity) else {
        node.warn(
            "structure",
            format!("expected an element {entity}, found none"),
        );
        return None;
    };
    Some(Participation {
        part,
        type_code: node.attr("typeCode").map(Text::new),
        function: read_code(node, "functionCode"),
        time: read_interval(node, "time").and_then(|interval| interval.start.or(interval.end)),
        signature: node
            .child("signatureCode")
            .and_then(|code| code.attr("code").map(Text::new)),
        class_code: entity.attr("classCode").map(Text::new),
        ids: read_ids(&entity),
        code: read_code(&entity, "code"),
        names: entity
            .child(person)
            .map(|person| read_names(&person))
            .unwrap_or_default(),
        addresses: read_addresses(&entity),
        telecoms: read_telecoms(&entity),
        organization: entity
            .child(organization)
            .map(|organization| read_organization(&organization)),
        path: node.path().to_owned(),
    })
}

/// All participations of one element name that have somebody in them.
pub(super) fn read_participations(parent: &Node<'_>, name: &str, part: Part) -> Vec<Participation> {
    parent
        .children(name)
        .iter()
        .filter_map(|node| read_participation(node, part))
        .collect()
}

/// Reads an organisation and those it is part of.
pub(super) fn read_organization(node: &Node<'_>) -> Organization {
    let mut chain = vec![organization_alone(node)];
    let mut current = node.clone();
    while chain.len() < DEEPEST {
        let Some(role) = current.child("asOrganizationPartOf") else {
            break;
        };
        let whole = role.child("wholeOrganization");
        let mut above = match &whole {
            Some(whole) => organization_alone(whole),
            None => organization_alone(&role),
        };
        if whole.is_some() {
            above.ids.extend(read_ids(&role));
        }
        chain.push(above);
        match whole {
            Some(whole) => current = whole,
            None => break,
        }
    }
    let mut top: Option<Organization> = None;
    for mut organization in chain.into_iter().rev() {
        organization.part_of = top.map(Box::new);
        top = Some(organization);
    }
    top.unwrap_or_else(|| organization_alone(node))
}

fn organization_alone(node: &Node<'_>) -> Organization {
    Organization {
        ids: read_ids(node),
        name: read_names(node).into_iter().find_map(|name| name.text),
        addresses: read_addresses(node),
        telecoms: read_telecoms(node),
        part_of: None,
        path: node.path().to_owned(),
    }
}
