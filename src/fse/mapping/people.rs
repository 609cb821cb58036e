//! The people and organisations that a header names: each once, found again by identifier.
//!
//! Source: FSE handbook of the gateway mapping for header participations; FHIR R4 *Patient*,
//! *Practitioner*, *PractitionerRole*, *Organization*. Two entries with the same identifier are
//! one resource: the first gives its data, later ones fill what it lacks.

use ring::digest;

use super::datatypes::{
    addresses, codeable_concept, contact_points, extension, gender, human_name, identifiers,
    name_text, push_list, push_some, single,
};
use super::{LOCAL, MappedResource, ROLE_SYSTEM};
use crate::error::Issue;
use crate::fhir::model::value::{Object, Text, Value};
use crate::fse::cda::datatypes::{Coded, InstanceIdentifier};
use crate::fse::cda::header::{Guardian, Organization, Part, Participation, Patient};
use crate::fse::code_systems::code_system;
use crate::fse::identifiers::{ANA, ANPR, CODICE_FISCALE, ENI, IdentifierPair, STP};

const BIRTH_PLACE: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// The resources made so far.
#[derive(Default)]
pub(super) struct People {
    pub(super) resources: Vec<MappedResource>,
    pub(super) issues: Vec<Issue>,
}

/// A `Reference` to a resource of the same mapping.
pub(super) fn local_reference(name: &str) -> Value {
    single("reference", format!("{LOCAL}{name}"))
}

impl People {
    /// The patient. The reader made sure of at least one identifier.
    pub(super) fn patient(&mut self, patient: &Patient) -> Option<Text> {
        let identity = person_identity(&patient.ids)?;
        let mut resource = start("Patient");
        if let Some(place) = &patient.birthplace {
            let place = super::datatypes::address(place);
            resource.push(
                "extension",
                vec![extension(BIRTH_PLACE, "valueAddress", place)],
            );
        }
        resource.push("identifier", identifiers(&patient.ids));
        resource.push("active", true);
        push_list(
            &mut resource,
            "name",
            patient.names.iter().map(human_name).collect(),
        );
        push_list(&mut resource, "telecom", contact_points(&patient.telecoms));
        resource.push("gender", patient.gender.as_ref().map_or("unknown", gender));
        push_some(
            &mut resource,
            "birthDate",
            patient.birth_time.as_ref().map(|time| time.date()),
        );
        if patient
            .birth_time
            .as_ref()
            .is_some_and(|time| time.has_time())
        {
            self.tell(&patient.path, "the time of birth is not kept, only its day");
        }
        push_list(&mut resource, "address", addresses(&patient.addresses));
        let guardians = patient
            .guardians
            .iter()
            .filter_map(|guardian| self.guardian(guardian));
        let guardians: Vec<Value> = guardians.collect();
        push_list(&mut resource, "contact", guardians);
        Some(self.add("Patient", identity, resource, &patient.path))
    }

    /// A guardian is a contact of the patient; identifiers have no place there.
    fn guardian(&mut self, guardian: &Guardian) -> Option<Value> {
        let mut contact = Object::new();
        push_some(&mut contact, "name", guardian.names.first().map(human_name));
        push_list(&mut contact, "telecom", contact_points(&guardian.telecoms));
        push_some(
            &mut contact,
            "address",
            addresses(&guardian.addresses).into_iter().next(),
        );
        push_some(
            &mut contact,
            "organization",
            guardian
                .organization
                .clone()
                .map(|name| single("display", name)),
        );
        if !guardian.ids.is_empty() || guardian.names.len() > 1 || guardian.addresses.len() > 1 {
            self.tell(
                &guardian.path,
                "identifiers and further names and addresses of a guardian are not kept",
            );
        }
        if contact.is_empty() {
            return None;
        }
        let relationship = match &guardian.code {
            Some(code) => codeable_concept(code),
            None => single(
                "coding",
                vec![super::datatypes::coding(
                    Some(ROLE_CODE),
                    "GUARD",
                    Some("guardian"),
                )],
            ),
        };
        contact.insert_at(0, "relationship", vec![relationship]);
        Some(Value::Object(contact))
    }

    /// An organisation and those it is part of; `None` when it has no identifier.
    pub(super) fn organization(&mut self, organization: &Organization) -> Option<Text> {
        let Some(identity) = organization.ids.first().map(|id| id.pair.clone()) else {
            self.tell(
                &organization.path,
                "an organisation without identifier becomes no resource",
            );
            return None;
        };
        let above = match &organization.part_of {
            // The reader bounds how many there are inside each other.
            Some(above) if above.ids.first().map(|id| &id.pair) != Some(&identity) => {
                self.organization(above)
            }
            _ => None,
        };
        let mut resource = start("Organization");
        resource.push("identifier", identifiers(&organization.ids));
        push_some(&mut resource, "name", organization.name.clone());
        push_list(
            &mut resource,
            "telecom",
            contact_points(&organization.telecoms),
        );
        push_list(&mut resource, "address", addresses(&organization.addresses));
        push_some(
            &mut resource,
            "partOf",
            above.as_deref().map(local_reference),
        );
        Some(self.add("Organization", identity, resource, &organization.path))
    }

    /// A reference to whoever took part: a `PractitionerRole` for a person, an `Organization`
    /// for an organisation alone, a mere name for a person without identifier.
    pub(super) fn participant(&mut self, participation: &Participation) -> Option<Value> {
        if !is_practitioner(participation) {
            self.tell(
                &participation.path,
                "only professionals and organisations become resources of their own yet",
            );
            return None;
        }
        let organization = participation
            .organization
            .as_ref()
            .and_then(|organization| self.organization(organization));
        let Some(identity) = person_identity(&participation.ids) else {
            let name = participation.names.first().and_then(name_text);
            if name.is_some() {
                self.tell(
                    &participation.path,
                    "a person without identifier becomes no resource",
                );
            }
            return match (name, organization) {
                (Some(name), _) => Some(single("display", name)),
                (None, Some(organization)) => Some(local_reference(&organization)),
                (None, None) => None,
            };
        };
        let mut resource = start("Practitioner");
        resource.push("identifier", identifiers(&participation.ids));
        push_list(
            &mut resource,
            "name",
            participation.names.iter().map(human_name).collect(),
        );
        push_list(
            &mut resource,
            "telecom",
            contact_points(&participation.telecoms),
        );
        push_list(
            &mut resource,
            "address",
            addresses(&participation.addresses),
        );
        let practitioner = self.add(
            "Practitioner",
            identity.clone(),
            resource,
            &participation.path,
        );
        let role = self.role(
            participation,
            &practitioner,
            &identity,
            organization.as_deref(),
        );
        Some(local_reference(&role))
    }

    fn role(
        &mut self,
        participation: &Participation,
        practitioner: &str,
        identity: &IdentifierPair,
        organization: Option<&str>,
    ) -> Text {
        let codes: Vec<&Coded> = [&participation.code, &participation.function]
            .into_iter()
            .flatten()
            .collect();
        let organization_identity = organization.and_then(|name| {
            let found = self
                .resources
                .iter()
                .find(|resource| resource.name == name)?;
            Some(found.identity.clone())
        });
        let identity = role_identity(identity, organization_identity.as_ref(), &codes);
        let mut resource = start("PractitionerRole");
        resource.push("identifier", vec![identity.to_value()]);
        resource.push("practitioner", local_reference(practitioner));
        push_some(
            &mut resource,
            "organization",
            organization.map(local_reference),
        );
        push_list(
            &mut resource,
            "code",
            codes.into_iter().map(codeable_concept).collect(),
        );
        self.add("PractitionerRole", identity, resource, &participation.path)
    }

    /// Adds a resource, or fills the gaps of the one that is already there.
    fn add(
        &mut self,
        resource_type: &'static str,
        identity: IdentifierPair,
        resource: Object,
        path: &str,
    ) -> Text {
        let found = self
            .resources
            .iter_mut()
            .find(|other| other.resource_type == resource_type && other.identity == identity);
        let Some(found) = found else {
            let number = self
                .resources
                .iter()
                .filter(|other| other.resource_type == resource_type)
                .count()
                .saturating_add(1);
            let name = Text::from(format!("{}-{number}", resource_type.to_ascii_lowercase()));
            self.resources.push(MappedResource {
                name: name.clone(),
                resource_type,
                identity,
                resource: Value::Object(resource),
            });
            return name;
        };
        let name = found.name.clone();
        let mut differs = false;
        if let Some(object) = found.resource.as_object_mut() {
            for (member, value) in resource {
                match object.get(&member) {
                    None => object.push(member, value),
                    Some(other) => differs |= member == "name" && *other != value,
                }
            }
        }
        if differs {
            self.tell(
                path,
                "the same identifier stands elsewhere with another name, which is kept",
            );
        }
        name
    }

    pub(super) fn tell(&mut self, path: &str, text: &str) {
        self.issues
            .push(Issue::information("informational", text).at(path));
    }
}

fn start(resource_type: &str) -> Object {
    let mut resource = Object::new();
    resource.push("resourceType", resource_type);
    resource
}

/// Relatives, contacts and payers are no professionals.
fn is_practitioner(participation: &Participation) -> bool {
    participation.part != Part::Participant
        || participation
            .class_code
            .as_deref()
            .is_none_or(|class| matches!(class, "PROV" | "QUAL" | "ASSIGNED" | "LIC" | "EMP"))
}

/// The identifier by which a person is found again: a national one where there is one, because
/// local ones are not unique in practice.
fn person_identity(ids: &[InstanceIdentifier]) -> Option<IdentifierPair> {
    [CODICE_FISCALE, ANA, ANPR, STP, ENI]
        .iter()
        .find_map(|root| {
            ids.iter()
                .find(|id| id.root == *root && id.extension.is_some())
        })
        .or_else(|| ids.first())
        .map(|id| id.pair.clone())
}

/// A role has no identifier in CDA: practitioner, organisation and codes make one. The digest
/// keeps the codice fiscale out of the identifier.
fn role_identity(
    practitioner: &IdentifierPair,
    organization: Option<&IdentifierPair>,
    codes: &[&Coded],
) -> IdentifierPair {
    let mut codes: Vec<String> = codes
        .iter()
        .map(|coded| {
            let system = coded.system.as_deref().map(code_system).unwrap_or_default();
            format!("{system}|{}", coded.code)
        })
        .collect();
    codes.sort();
    let mut parts = vec![format!("{}|{}", practitioner.system, practitioner.value)];
    parts.push(organization.map_or_else(String::new, |o| format!("{}|{}", o.system, o.value)));
    parts.extend(codes);
    let digest = digest::digest(&digest::SHA256, parts.join("\n").as_bytes());
    let mut value = Text::default();
    for byte in digest.as_ref() {
        for nibble in [byte >> 4, byte & 0x0f] {
            value.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    IdentifierPair {
        system: Text::const_new(ROLE_SYSTEM),
        value,
    }
}
