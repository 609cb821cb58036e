//! The resources of the search data as JSON text.
//!
//! Each text begins with resource type and id; no text in it needs escaping.

use super::shape::{Document, Finding, Shape};
use crate::person::Person;
use crate::resources::{SYSTEM, TAX_CODE_SYSTEM};

/// All ids of the search data begin with it, and nobody else's do.
const PREFIX: &str = "bench";

/// A type of the search data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Organization,
    Practitioner,
    Patient,
    Encounter,
    DocumentReference,
    Observation,
}

/// In the order in which they may be loaded: each refers only to those before it.
pub const KINDS: [Kind; 6] = [
    Kind::Organization,
    Kind::Practitioner,
    Kind::Patient,
    Kind::Encounter,
    Kind::DocumentReference,
    Kind::Observation,
];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::Practitioner => "Practitioner",
            Self::Patient => "Patient",
            Self::Encounter => "Encounter",
            Self::DocumentReference => "DocumentReference",
            Self::Observation => "Observation",
        }
    }

    pub fn count(self, shape: &Shape) -> usize {
        match self {
            Self::Organization => shape.organizations,
            Self::Practitioner => shape.practitioners,
            Self::Patient => shape.patients,
            Self::Encounter => shape.encounters,
            Self::DocumentReference => shape.documents,
            Self::Observation => shape.observations,
        }
    }

    /// `Type/id` of resource `number`.
    pub fn reference(self, number: usize) -> String {
        format!("{}/{PREFIX}-{number}", self.name())
    }

    /// Resource `number`.
    pub fn text(self, shape: &Shape, number: usize) -> String {
        let content = match self {
            Self::Organization => organization(number),
            Self::Practitioner => practitioner(&shape.practitioner(number), number),
            Self::Patient => patient(shape, number),
            Self::Encounter => encounter(&shape.document_of_encounter(number)),
            Self::DocumentReference => document_reference(&shape.document(number), number),
            Self::Observation => {
                let finding = shape.finding(number);
                observation(&shape.document(finding.document), &finding)
            }
        };
        let name = self.name();
        format!(r#"{{"resourceType":"{name}","id":"{PREFIX}-{number}",{content}}}"#)
    }
}

fn organization(number: usize) -> String {
    format!(
        r#""identifier":[{{"system":"http://hl7.it/sid/fls","value":"190{number:03}"}}],"active":true,"type":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/organization-type","code":"prov"}}]}}],"name":"Azienda sanitaria di prova {number}","address":[{{"city":"Roma","country":"IT"}}]"#
    )
}

fn practitioner(person: &Person, number: usize) -> String {
    let Person {
        family,
        given,
        gender,
        tax_code,
        ..
    } = person;
    format!(
        r#""identifier":[{{"system":"{TAX_CODE_SYSTEM}","value":"{tax_code}"}},{{"system":"{SYSTEM}/practitioner","value":"{number}"}}],"active":true,"name":[{{"family":"{family}","given":["{given}"],"prefix":["Dott."]}}],"gender":"{gender}""#
    )
}

fn patient(shape: &Shape, number: usize) -> String {
    let Person {
        family,
        given,
        gender,
        birth_date,
        town,
        postal_code,
        tax_code,
    } = shape.person(number);
    let doctor = Kind::Practitioner.reference(shape.doctor_of(number));
    let keeper = Kind::Organization.reference(number % shape.organizations);
    format!(
        r#""identifier":[{{"system":"{TAX_CODE_SYSTEM}","value":"{tax_code}"}},{{"system":"{SYSTEM}/patient","value":"{number}"}}],"active":true,"name":[{{"use":"official","family":"{family}","given":["{given}"]}}],"telecom":[{{"system":"phone","value":"+39 06 {:07}","use":"home"}}],"gender":"{gender}","birthDate":"{birth_date}","address":[{{"use":"home","line":["Via di Prova {}"],"city":"{town}","postalCode":"{postal_code}","country":"IT"}}],"generalPractitioner":[{{"reference":"{doctor}"}}],"managingOrganization":{{"reference":"{keeper}"}}"#,
        1_000_000 + number,
        number % 220 + 1,
    )
}

fn encounter(document: &Document) -> String {
    let Document { day, time, .. } = document;
    let patient = Kind::Patient.reference(document.patient);
    let author = Kind::Practitioner.reference(document.author);
    let keeper = Kind::Organization.reference(document.custodian);
    format!(
        r#""status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}},"type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"185345009","display":"Encounter for symptom"}}]}}],"subject":{{"reference":"{patient}"}},"participant":[{{"individual":{{"reference":"{author}"}}}}],"period":{{"start":"{day}T{time}+01:00","end":"{day}T20:00:00+01:00"}},"serviceProvider":{{"reference":"{keeper}"}}"#
    )
}

fn document_reference(document: &Document, number: usize) -> String {
    let Document {
        code,
        display,
        day,
        time,
        ..
    } = document;
    let patient = Kind::Patient.reference(document.patient);
    let author = Kind::Practitioner.reference(document.author);
    let custodian = Kind::Organization.reference(document.custodian);
    let encounter = document.encounter.map_or_else(String::new, |encounter| {
        let encounter = Kind::Encounter.reference(encounter);
        format!(r#""encounter":[{{"reference":"{encounter}"}}],"#)
    });
    format!(
        r#""masterIdentifier":{{"system":"urn:ietf:rfc:3986","value":"urn:oid:2.999.190.{number}"}},"identifier":[{{"system":"{SYSTEM}/document","value":"{number}"}}],"status":"current","docStatus":"final","type":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}]}},"category":[{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}}],"subject":{{"reference":"{patient}"}},"date":"{day}T{time}+01:00","author":[{{"reference":"{author}"}}],"custodian":{{"reference":"{custodian}"}},"description":"{display}","securityLabel":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}}]}}],"content":[{{"attachment":{{"contentType":"application/pdf","language":"it-IT","url":"{SYSTEM}/document/{number}.pdf","size":{},"title":"{display}","creation":"{day}T{time}+01:00"}}}}],"context":{{{encounter}"facilityType":{{"coding":[{{"system":"http://snomed.info/sct","code":"22232009","display":"Hospital"}}]}},"practiceSetting":{{"coding":[{{"system":"http://snomed.info/sct","code":"394802001","display":"General medicine"}}]}},"period":{{"start":"{day}T{time}+01:00"}}}}"#,
        20_000 + number % 900_000,
    )
}

fn observation(document: &Document, finding: &Finding) -> String {
    let Document { day, time, .. } = document;
    let measure = finding.measure;
    let (code, display, unit) = (measure.code, measure.display, measure.unit);
    let (whole, tenth) = (finding.tenths / 10, finding.tenths % 10);
    let (low, high) = (measure.low / 10, measure.high / 10);
    let patient = Kind::Patient.reference(document.patient);
    let performer = Kind::Organization.reference(document.custodian);
    let source = Kind::DocumentReference.reference(finding.document);
    let encounter = document.encounter.map_or_else(String::new, |encounter| {
        let encounter = Kind::Encounter.reference(encounter);
        format!(r#""encounter":{{"reference":"{encounter}"}},"#)
    });
    format!(
        r#""status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}]}},"subject":{{"reference":"{patient}"}},{encounter}"effectiveDateTime":"{day}T{time}+01:00","performer":[{{"reference":"{performer}"}}],"valueQuantity":{{"value":{whole}.{tenth},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}},"referenceRange":[{{"low":{{"value":{low},"unit":"{unit}"}},"high":{{"value":{high},"unit":"{unit}"}}}}],"derivedFrom":[{{"reference":"{source}"}}]"#
    )
}
