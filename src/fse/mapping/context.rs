//! `DocumentReference.context`: in which care the document arose.
//!
//! Source: FHIR R4 *DocumentReference*, element context. Encounters and orders that are not kept
//! here are referred to by identifier. The first time of service becomes the period.

use super::datatypes::{codeable_concept, identifier, period, push_list, push_some};
use super::people::local_reference;
use crate::fhir::model::value::{Object, Value};
use crate::fse::cda::datatypes::InstanceIdentifier;
use crate::fse::cda::header::{Facility, Header};

/// Adds `context`, when there is anything to say.
pub(super) fn push_context(resource: &mut Object, header: &Header, patient: Option<&str>) {
    let mut context = Object::new();
    let encounter = header.encounter.as_ref();
    let encounters = encounter
        .map(|encounter| encounter.ids.as_slice())
        .unwrap_or_default();
    push_list(
        &mut context,
        "encounter",
        encounters
            .iter()
            .map(|id| logical("Encounter", id))
            .collect(),
    );
    let events = header
        .service_events
        .iter()
        .filter_map(|event| event.code.as_ref());
    push_list(
        &mut context,
        "event",
        events.map(codeable_concept).collect(),
    );
    let time = header
        .service_events
        .iter()
        .find_map(|event| event.time.as_ref())
        .or_else(|| encounter.and_then(|encounter| encounter.time.as_ref()));
    push_some(&mut context, "period", time.map(period));
    let facility = facility(header).and_then(|facility| facility.code.as_ref());
    push_some(&mut context, "facilityType", facility.map(codeable_concept));
    push_some(
        &mut context,
        "sourcePatientInfo",
        patient.map(local_reference),
    );
    push_list(
        &mut context,
        "related",
        header
            .orders
            .iter()
            .map(|id| logical("ServiceRequest", id))
            .collect(),
    );
    if !context.is_empty() {
        resource.push("context", context);
    }
}

/// A reference by identifier to something that is not kept here.
fn logical(target: &str, id: &InstanceIdentifier) -> Value {
    let mut object = Object::with_capacity(2);
    object.push("type", target);
    object.push("identifier", identifier(id));
    Value::Object(object)
}

/// Where the encounter took place.
pub(super) fn facility(header: &Header) -> Option<&Facility> {
    header.encounter.as_ref()?.facility.as_ref()
}
