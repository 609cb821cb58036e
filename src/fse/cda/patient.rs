//! Whom the document is about: `recordTarget/patientRole`.

use super::datatypes::{
    Address, Coded, InstanceIdentifier, Name, Telecom, read_address, read_addresses, read_code,
    read_ids, read_names, read_telecoms, read_time,
};
use super::node::Node;
use super::timestamp::Timestamp;
use crate::fhir::model::value::Text;

/// The assisted person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// At least one.
    pub ids: Vec<InstanceIdentifier>,
    pub names: Vec<Name>,
    /// `administrativeGenderCode`; absent when unknown to the author.
    pub gender: Option<Coded>,
    pub birth_time: Option<Timestamp>,
    pub birthplace: Option<Address>,
    pub addresses: Vec<Address>,
    pub telecoms: Vec<Telecom>,
    pub guardians: Vec<Guardian>,
    /// XPath of the element.
    pub path: String,
}

/// Who acts for the assisted person: a person, or an organisation named alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardian {
    pub ids: Vec<InstanceIdentifier>,
    /// The relationship.
    pub code: Option<Coded>,
    pub names: Vec<Name>,
    pub organization: Option<Text>,
    pub addresses: Vec<Address>,
    pub telecoms: Vec<Telecom>,
    /// XPath of the element.
    pub path: String,
}

/// Reads the patient role; its identifiers may turn out to be none.
pub(super) fn read_patient(role: &Node<'_>) -> Patient {
    let person = role.child("patient");
    let person = person.as_ref();
    Patient {
        ids: read_ids(role),
        names: person.map(read_names).unwrap_or_default(),
        gender: person.and_then(|person| read_code(person, "administrativeGenderCode")),
        birth_time: person.and_then(|person| read_time(person, "birthTime")),
        birthplace: person
            .and_then(|person| person.child("birthplace"))
            .and_then(|birthplace| birthplace.child("place"))
            .and_then(|place| place.child("addr"))
            .and_then(|address| read_address(&address)),
        addresses: read_addresses(role),
        telecoms: read_telecoms(role),
        guardians: person
            .map(|person| {
                person
                    .children("guardian")
                    .iter()
                    .map(read_guardian)
                    .collect()
            })
            .unwrap_or_default(),
        path: role.path().to_owned(),
    }
}

fn read_guardian(node: &Node<'_>) -> Guardian {
    Guardian {
        ids: read_ids(node),
        code: read_code(node, "code"),
        names: node
            .child("guardianPerson")
            .map(|person| read_names(&person))
            .unwrap_or_default(),
        organization: node
            .child("guardianOrganization")
            .and_then(|organization| organization.child("name"))
            .and_then(|name| name.text()),
        addresses: read_addresses(node),
        telecoms: read_telecoms(node),
        path: node.path().to_owned(),
    }
}
