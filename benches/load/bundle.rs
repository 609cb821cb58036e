//! Large transaction bundles in the manner of Synthea: one invented patient's whole record.
//!
//! Entry order, proportions and sizes follow what such bundles hold: encounters, each with its
//! findings, reports, prescriptions and documents, all tied together by `urn:uuid` references.
//! The resources are of our own making; nothing is copied.

use crate::random::Random;
use crate::resources::{self, SERIAL, SYSTEM, entry, filled, instant, transaction};

const CONDITIONS: &[(&str, &str)] = &[
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195662009", "Acute viral pharyngitis"),
    ("444814009", "Viral sinusitis"),
    ("55822004", "Hyperlipidemia"),
    ("10509002", "Acute bronchitis"),
];
/// WHO ATC code and substance.
const MEDICATIONS: &[(&str, &str)] = &[
    ("C09AA05", "ramipril"),
    ("A10BA02", "metformin"),
    ("C10AA05", "atorvastatin"),
    ("N02BE01", "paracetamol"),
    ("J01CA04", "amoxicillin"),
];
const PROCEDURES: &[(&str, &str)] = &[
    ("430193006", "Medication reconciliation"),
    ("710824005", "Assessment of health and social care needs"),
    ("268425006", "Pelvis X-ray normal"),
];
const VACCINES: &[(&str, &str)] = &[
    ("140", "Influenza, seasonal"),
    ("113", "Td (adult)"),
    ("133", "PCV13"),
];

/// Text of a transaction and how many resources it creates.
#[derive(Debug)]
pub struct Record {
    pub text: String,
    pub resources: u64,
}

/// A record of at least `least` entries.
pub fn record(random: &mut Random, least: usize) -> Record {
    let mut writer = Writer {
        entries: Vec::new(),
    };
    let patient_text = resources::patient(random);
    let patient = writer.add(random, "Patient", &patient_text);
    let organization_text = organization(random);
    let organization = writer.add(random, "Organization", &organization_text);
    let practitioner_text = practitioner(random);
    let practitioner = writer.add(random, "Practitioner", &practitioner_text);
    while writer.entries.len() < least {
        let visit = Visit {
            patient: &patient,
            organization: &organization,
            practitioner: &practitioner,
            when: instant(random),
        };
        visit.write(random, &mut writer);
    }
    Record {
        resources: u64::try_from(writer.entries.len()).unwrap_or(0),
        text: transaction(&writer.entries),
    }
}

struct Writer {
    entries: Vec<String>,
}

impl Writer {
    /// Adds a resource and returns the reference to it.
    fn add(&mut self, random: &mut Random, kind: &str, resource: &str) -> String {
        let uuid = random.uuid();
        self.entries.push(entry(&uuid, kind, resource));
        format!("urn:uuid:{uuid}")
    }
}

/// One encounter and what was found and done in it.
struct Visit<'a> {
    patient: &'a str,
    organization: &'a str,
    practitioner: &'a str,
    when: String,
}

impl Visit<'_> {
    fn write(&self, random: &mut Random, writer: &mut Writer) {
        let encounter_text = self.encounter();
        let encounter = writer.add(random, "Encounter", &encounter_text);
        if random.below(2) == 0 {
            let text = self.condition(random, &encounter);
            writer.add(random, "Condition", &text);
        }
        let mut findings = Vec::new();
        for _ in 0..random.between(3, 9) {
            let text = resources::observation(random, self.patient, 1_300);
            // Inside a record an observation also names its encounter.
            let text = text.replacen(
                r#""effectiveDateTime""#,
                &format!(r#""encounter":{{"reference":"{encounter}"}},"effectiveDateTime""#),
                1,
            );
            findings.push(writer.add(random, "Observation", &text));
        }
        let text = self.report(random, &encounter, &findings);
        writer.add(random, "DiagnosticReport", &text);
        if random.below(2) == 0 {
            let text = self.prescription(random, &encounter);
            writer.add(random, "MedicationRequest", &text);
        }
        if random.below(3) == 0 {
            let text = self.procedure(random, &encounter);
            writer.add(random, "Procedure", &text);
        }
        if random.below(4) == 0 {
            let text = self.immunization(random, &encounter);
            writer.add(random, "Immunization", &text);
        }
        let text = resources::document_reference(random, self.patient, 2_000);
        writer.add(random, "DocumentReference", &text);
    }

    fn encounter(&self) -> String {
        let Self {
            patient,
            organization,
            practitioner,
            when,
        } = self;
        format!(
            r#"{{"resourceType":"Encounter","identifier":[{{"system":"{SYSTEM}","value":"{SERIAL}"}}],"status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}},"type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"185345009","display":"Encounter for symptom"}}],"text":"Encounter for symptom"}}],"subject":{{"reference":"{patient}"}},"participant":[{{"type":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"PPRF","display":"primary performer"}}]}}],"individual":{{"reference":"{practitioner}"}}}}],"period":{{"start":"{when}+01:00"}},"serviceProvider":{{"reference":"{organization}"}}}}"#
        )
    }

    fn condition(&self, random: &mut Random, encounter: &str) -> String {
        let (code, display) = random.pick(CONDITIONS);
        let Self { patient, when, .. } = self;
        format!(
            r#"{{"resourceType":"Condition","clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}}]}}],"code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{display}"}}],"text":"{display}"}},"subject":{{"reference":"{patient}"}},"encounter":{{"reference":"{encounter}"}},"onsetDateTime":"{when}+01:00","recordedDate":"{when}+01:00"}}"#
        )
    }

    fn report(&self, random: &mut Random, encounter: &str, findings: &[String]) -> String {
        let Self {
            patient,
            practitioner,
            when,
            ..
        } = self;
        let results: Vec<String> = findings
            .iter()
            .map(|finding| format!(r#"{{"reference":"{finding}"}}"#))
            .collect();
        let start = format!(
            r#"{{"resourceType":"DiagnosticReport","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB","display":"Laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"11502-2","display":"Laboratory report"}}]}},"subject":{{"reference":"{patient}"}},"encounter":{{"reference":"{encounter}"}},"effectiveDateTime":"{when}+01:00","issued":"{when}.000+01:00","performer":[{{"reference":"{practitioner}"}}],"result":[{}],"conclusion":""#,
            results.join(","),
        );
        filled(start, r#""}"#, random, 1_500)
    }

    fn prescription(&self, random: &mut Random, encounter: &str) -> String {
        let (code, substance) = random.pick(MEDICATIONS);
        let Self {
            patient,
            practitioner,
            when,
            ..
        } = self;
        let frequency = random.between(1, 3);
        format!(
            r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order","medicationCodeableConcept":{{"coding":[{{"system":"http://www.whocc.no/atc","code":"{code}","display":"{substance}"}}],"text":"{substance}"}},"subject":{{"reference":"{patient}"}},"encounter":{{"reference":"{encounter}"}},"authoredOn":"{when}+01:00","requester":{{"reference":"{practitioner}"}},"dosageInstruction":[{{"sequence":1,"timing":{{"repeat":{{"frequency":{frequency},"period":1,"periodUnit":"d"}}}},"asNeededBoolean":false,"doseAndRate":[{{"doseQuantity":{{"value":1.0,"unit":"tablet"}}}}]}}]}}"#
        )
    }

    fn procedure(&self, random: &mut Random, encounter: &str) -> String {
        let (code, display) = random.pick(PROCEDURES);
        let Self { patient, when, .. } = self;
        format!(
            r#"{{"resourceType":"Procedure","status":"completed","code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{code}","display":"{display}"}}],"text":"{display}"}},"subject":{{"reference":"{patient}"}},"encounter":{{"reference":"{encounter}"}},"performedDateTime":"{when}+01:00"}}"#
        )
    }

    fn immunization(&self, random: &mut Random, encounter: &str) -> String {
        let (code, display) = random.pick(VACCINES);
        let Self { patient, when, .. } = self;
        format!(
            r#"{{"resourceType":"Immunization","status":"completed","vaccineCode":{{"coding":[{{"system":"http://hl7.org/fhir/sid/cvx","code":"{code}","display":"{display}"}}],"text":"{display}"}},"patient":{{"reference":"{patient}"}},"encounter":{{"reference":"{encounter}"}},"occurrenceDateTime":"{when}+01:00","primarySource":true}}"#
        )
    }
}

fn organization(random: &mut Random) -> String {
    let code = random.between(100, 999);
    format!(
        r#"{{"resourceType":"Organization","identifier":[{{"system":"http://hl7.it/sid/fls","value":"190{code}"}},{{"system":"{SYSTEM}","value":"{SERIAL}"}}],"active":true,"type":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/organization-type","code":"prov","display":"Healthcare Provider"}}]}}],"name":"Azienda sanitaria di prova {code}","address":[{{"line":["Piazza di Prova 1"],"city":"Roma","country":"IT"}}]}}"#
    )
}

fn practitioner(random: &mut Random) -> String {
    let person = crate::person::Person::invent(random);
    format!(
        r#"{{"resourceType":"Practitioner","identifier":[{{"system":"http://hl7.it/sid/codiceFiscale","value":"{}"}},{{"system":"{SYSTEM}","value":"{SERIAL}"}}],"active":true,"name":[{{"family":"{}","given":["{}"],"prefix":["Dr."]}}],"gender":"{}"}}"#,
        person.tax_code, person.family, person.given, person.gender,
    )
}
