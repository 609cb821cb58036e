//! FHIR R4 resources for the workloads, as JSON text made from a seed.
//!
//! Every text begins with `{"resourceType":"…",` so that `with_id` can put an id after it, and
//! carries [`SERIAL`] where each request must differ from all others. No text taken from outside
//! needs escaping, so the JSON is written directly.

use crate::person::Person;
use crate::random::Random;

/// Stands for the serial number of a request: 20 characters, as wide as what replaces it.
pub const SERIAL: &str = "%%%%%%%%%%%%%%%%%%%%";
/// System of the identifiers that the generator gives.
pub const SYSTEM: &str = "https://example.org/fascicolo/load";

pub const TAX_CODE_SYSTEM: &str = "http://hl7.it/sid/codiceFiscale";
const WORDS: &[&str] = &[
    "referto",
    "controllo",
    "periodico",
    "paziente",
    "riferisce",
    "buone",
    "condizioni",
    "generali",
    "terapia",
    "invariata",
    "esame",
    "obiettivo",
    "nella",
    "norma",
    "si",
    "consiglia",
    "ulteriore",
    "valutazione",
    "entro",
    "sei",
    "mesi",
    "nessuna",
    "alterazione",
    "significativa",
    "rispetto",
    "al",
    "precedente",
    "accertamento",
    "valori",
    "stabili",
    "visita",
    "specialistica",
];
/// LOINC code, display, unit, lowest and highest value in tenths.
const MEASURES: &[(&str, &str, &str, u32, u32)] = &[
    ("8867-4", "Heart rate", "/min", 500, 1100),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 950, 1700),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]", 550, 1050),
    ("8310-5", "Body temperature", "Cel", 355, 392),
    ("29463-7", "Body weight", "kg", 420, 1300),
    ("8302-2", "Body height", "cm", 1450, 2000),
    (
        "2339-0",
        "Glucose [Mass/volume] in Blood",
        "mg/dL",
        650,
        2100,
    ),
    (
        "718-7",
        "Hemoglobin [Mass/volume] in Blood",
        "g/dL",
        90,
        180,
    ),
];
/// LOINC code and display of Italian FSE document types.
const DOCUMENT_TYPES: &[(&str, &str)] = &[
    ("11502-2", "Laboratory report"),
    ("34105-7", "Hospital Discharge summary"),
    ("60591-5", "Patient summary Document"),
    ("68604-8", "Radiology Diagnostic study note"),
    ("11488-4", "Consult note"),
    ("57833-6", "Prescription for medication"),
];

/// A Patient of about 800 bytes.
pub fn patient(random: &mut Random) -> String {
    let person = Person::invent(random);
    let Person {
        family,
        given,
        gender,
        birth_date,
        town,
        postal_code,
        tax_code,
    } = person;
    let (house, phone) = (random.between(1, 220), random.between(1_000_000, 9_999_999));
    format!(
        r#"{{"resourceType":"Patient","identifier":[{{"system":"{TAX_CODE_SYSTEM}","value":"{tax_code}"}},{{"system":"{SYSTEM}","value":"{SERIAL}"}}],"active":true,"name":[{{"use":"official","family":"{family}","given":["{given}"]}}],"telecom":[{{"system":"phone","value":"+39 06 {phone}","use":"home"}},{{"system":"email","value":"{phone}@example.org"}}],"gender":"{gender}","birthDate":"{birth_date}","address":[{{"use":"home","type":"physical","line":["Via di Prova {house}"],"city":"{town}","postalCode":"{postal_code}","country":"IT"}}],"communication":[{{"language":{{"coding":[{{"system":"urn:ietf:bcp:47","code":"it"}}]}},"preferred":true}}],"generalPractitioner":[{{"identifier":{{"system":"{SYSTEM}/mmg","value":"MMG{phone}"}},"display":"Medico di prova"}}]}}"#
    )
}

/// An Observation of about `bytes` bytes; `subject` is a reference such as `Patient/17`.
pub fn observation(random: &mut Random, subject: &str, bytes: usize) -> String {
    let (code, display, unit, low, high) = random.pick(MEASURES);
    let tenths = random.between(low, high);
    let (when, later) = (instant(random), random.between(1, 9));
    let (normal_low, normal_high) = (low / 10, high / 10);
    let start = format!(
        r#"{{"resourceType":"Observation","identifier":[{{"system":"{SYSTEM}","value":"{SERIAL}"}}],"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}],"text":"{display}"}},"subject":{{"reference":"{subject}"}},"effectiveDateTime":"{when}+01:00","issued":"{when}.{later}00+01:00","performer":[{{"display":"Ambulatorio di prova"}}],"valueQuantity":{{"value":{}.{},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}},"interpretation":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N","display":"Normal"}}]}}],"referenceRange":[{{"low":{{"value":{normal_low},"unit":"{unit}"}},"high":{{"value":{normal_high},"unit":"{unit}"}}}}],"note":[{{"text":""#,
        tenths / 10,
        tenths % 10,
    );
    filled(start, r#""}]}"#, random, bytes)
}

/// A DocumentReference of about `bytes` bytes.
pub fn document_reference(random: &mut Random, subject: &str, bytes: usize) -> String {
    let (code, display) = random.pick(DOCUMENT_TYPES);
    let (author, custodian) = (Person::invent(random), random.between(100, 999));
    let (when, size) = (instant(random), random.between(20_000, 900_000));
    let (master, content) = (random.uuid(), random.uuid());
    let Person {
        family,
        given,
        tax_code,
        ..
    } = author;
    let start = format!(
        r#"{{"resourceType":"DocumentReference","masterIdentifier":{{"system":"urn:ietf:rfc:3986","value":"urn:uuid:{master}"}},"identifier":[{{"system":"{SYSTEM}","value":"{SERIAL}"}}],"status":"current","docStatus":"final","type":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}]}},"category":[{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}}],"subject":{{"reference":"{subject}"}},"date":"{when}+01:00","author":[{{"type":"Practitioner","identifier":{{"system":"{TAX_CODE_SYSTEM}","value":"{tax_code}"}},"display":"{family} {given}"}}],"custodian":{{"identifier":{{"system":"http://hl7.it/sid/fls","value":"190{custodian}"}},"display":"Azienda sanitaria di prova {custodian}"}},"securityLabel":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}}]}}],"content":[{{"attachment":{{"contentType":"application/pdf","language":"it-IT","url":"{SYSTEM}/{content}.pdf","size":{size},"title":"{display}","creation":"{when}+01:00"}}}}],"context":{{"facilityType":{{"coding":[{{"system":"http://snomed.info/sct","code":"22232009","display":"Hospital"}}]}},"practiceSetting":{{"coding":[{{"system":"http://snomed.info/sct","code":"394802001","display":"General medicine"}}]}},"period":{{"start":"{when}+01:00"}}}},"description":""#
    );
    filled(start, r#""}"#, random, bytes)
}

/// A transaction of two entries whose Observation refers to the Patient beside it.
pub fn mini_transaction(random: &mut Random) -> String {
    let (first, second) = (random.uuid(), random.uuid());
    let subject = format!("urn:uuid:{first}");
    let patient = patient(random);
    let observation = observation(random, &subject, 1_000);
    let entries = [
        entry(&first, "Patient", &patient),
        entry(&second, "Observation", &observation),
    ];
    transaction(&entries)
}

/// One POST entry of a transaction.
pub fn entry(uuid: &str, kind: &str, resource: &str) -> String {
    format!(
        r#"{{"fullUrl":"urn:uuid:{uuid}","resource":{resource},"request":{{"method":"POST","url":"{kind}"}}}}"#
    )
}

pub fn transaction(entries: &[String]) -> String {
    let entries = entries.join(",");
    format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}"#)
}

/// The same resource with `id` as its second member, as an update needs it.
pub fn with_id(resource: &str, id: &str) -> String {
    match resource.split_once(',') {
        Some((kind, rest)) => format!(r#"{kind},"id":"{id}",{rest}"#),
        None => resource.to_owned(),
    }
}

/// A local date and time to the second, without offset.
pub fn instant(random: &mut Random) -> String {
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}",
        random.between(2012, 2025),
        random.between(1, 12),
        random.between(1, 28),
        random.between(7, 19),
        random.between(0, 59),
        random.between(0, 59),
    )
}

/// Closes `start` with `end` after as much prose as brings the whole to about `bytes`.
pub fn filled(mut start: String, end: &str, random: &mut Random, bytes: usize) -> String {
    start.push_str("Testo");
    while start.len() + end.len() + 8 < bytes {
        start.push(' ');
        start.push_str(random.pick(WORDS));
    }
    start.push_str(end);
    start
}
