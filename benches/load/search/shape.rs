//! What the search data holds, as a function of the seed and the number of a resource.
//!
//! Nothing is kept: the loader and the queries ask for document 4 711 and get the same document,
//! so a query can be drawn from data that is surely there, and memory does not grow with the
//! scale. Twelve document types, laboratory findings in UCUM units, ten years of dates; one
//! patient in twenty has hundreds of documents and most have few.

use chrono::{Days, NaiveDate};

use crate::person::Person;
use crate::prepare::index;
use crate::random::Random;

/// LOINC code and display of twelve FSE document types.
pub const DOCUMENT_TYPES: &[(&str, &str)] = &[
    ("11502-2", "Referto di Laboratorio"),
    ("68604-8", "Referto di Radiologia"),
    ("11488-4", "Referto di Specialistica Ambulatoriale"),
    ("11526-1", "Referto di Anatomia Patologica"),
    ("34105-7", "Lettera di Dimissione Ospedaliera"),
    ("59258-4", "Verbale di Pronto Soccorso"),
    ("60591-5", "Profilo Sanitario Sintetico"),
    ("87273-9", "Scheda della singola Vaccinazione"),
    ("82593-5", "Certificato Vaccinale"),
    ("57833-6", "Prescrizione farmaceutica"),
    ("57832-8", "Prescrizione diagnostica o specialistica"),
    ("60593-1", "Erogazione farmaceutica"),
];

/// A laboratory measure; lowest and highest value in tenths of its unit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measure {
    pub code: &'static str,
    pub display: &'static str,
    /// UCUM.
    pub unit: &'static str,
    pub low: u32,
    pub high: u32,
}

#[rustfmt::skip]
const MEASURES: &[Measure] = &[
    Measure { code: "2345-7", display: "Glucose in Serum or Plasma", unit: "mg/dL", low: 600, high: 2500 },
    Measure { code: "718-7", display: "Hemoglobin in Blood", unit: "g/dL", low: 80, high: 180 },
    Measure { code: "2160-0", display: "Creatinine in Serum or Plasma", unit: "mg/dL", low: 5, high: 40 },
    Measure { code: "2093-3", display: "Cholesterol in Serum or Plasma", unit: "mg/dL", low: 1100, high: 3200 },
    Measure { code: "2085-9", display: "Cholesterol in HDL in Serum or Plasma", unit: "mg/dL", low: 250, high: 900 },
    Measure { code: "2571-8", display: "Triglyceride in Serum or Plasma", unit: "mg/dL", low: 400, high: 4000 },
    Measure { code: "6690-2", display: "Leukocytes in Blood", unit: "10*3/uL", low: 30, high: 150 },
    Measure { code: "777-3", display: "Platelets in Blood", unit: "10*3/uL", low: 900, high: 5000 },
    Measure { code: "2823-3", display: "Potassium in Serum or Plasma", unit: "mmol/L", low: 30, high: 60 },
    Measure { code: "2951-2", display: "Sodium in Serum or Plasma", unit: "mmol/L", low: 1250, high: 1550 },
    Measure { code: "1742-6", display: "Alanine aminotransferase in Serum", unit: "U/L", low: 50, high: 1500 },
    Measure { code: "4548-4", display: "Hemoglobin A1c in Blood", unit: "%", low: 45, high: 120 },
];

/// Random streams of this data; the other workloads use lower numbers.
const PATIENT: u64 = 20;
const DOCUMENT: u64 = 21;
const OBSERVATION: u64 = 22;
const PRACTITIONER: u64 = 23;
/// Every so many documents one was written in an Encounter.
pub const DOCUMENTS_PER_ENCOUNTER: usize = 10;
/// Every so many documents one has an Observation.
pub const DOCUMENTS_PER_OBSERVATION: usize = 2;
/// A patient's number modulo this tells how much is known of the patient.
const PATIENT_KINDS: usize = 20;

/// How many resources of each type there are, and the seed of their content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub seed: u64,
    pub documents: usize,
    pub patients: usize,
    pub observations: usize,
    pub encounters: usize,
    pub practitioners: usize,
    pub organizations: usize,
}

/// One DocumentReference; other resources are given by their numbers.
#[derive(Debug, Clone)]
pub struct Document {
    pub patient: usize,
    pub code: &'static str,
    pub display: &'static str,
    pub day: NaiveDate,
    /// Between 8 and 18 o'clock, so that no day depends on the zone it is read in.
    pub time: String,
    pub author: usize,
    pub custodian: usize,
    pub encounter: Option<usize>,
}

/// One laboratory finding of a document's patient and date.
#[derive(Debug, Clone)]
pub struct Finding {
    pub document: usize,
    pub measure: Measure,
    pub tenths: u32,
}

impl Shape {
    /// In proportion to `documents`, which is taken as 60 at least; patients a fiftieth of it
    /// unless given.
    pub fn new(seed: u64, documents: usize, patients: Option<usize>) -> Self {
        let documents = documents.max(60);
        Self {
            seed,
            documents,
            patients: patients.unwrap_or(documents / 50).max(PATIENT_KINDS),
            observations: documents / DOCUMENTS_PER_OBSERVATION,
            encounters: documents / DOCUMENTS_PER_ENCOUNTER,
            practitioners: (documents / 1_000).max(5),
            organizations: (documents / 10_000).max(3),
        }
    }

    /// Number of all resources.
    pub fn resources(&self) -> usize {
        self.documents
            + self.patients
            + self.observations
            + self.encounters
            + self.practitioners
            + self.organizations
    }

    pub fn person(&self, patient: usize) -> Person {
        Person::invent_among_many(&mut self.stream(PATIENT, patient))
    }

    pub fn practitioner(&self, number: usize) -> Person {
        Person::invent_among_many(&mut self.stream(PRACTITIONER, number))
    }

    /// The general practitioner of a patient; each has patients of all kinds.
    pub fn doctor_of(&self, patient: usize) -> usize {
        (patient + patient / PATIENT_KINDS) % self.practitioners
    }

    pub fn document(&self, number: usize) -> Document {
        let random = &mut self.stream(DOCUMENT, number);
        let (code, display) = random.pick(DOCUMENT_TYPES);
        let patient = self.patient_of_document(random);
        let first_day = NaiveDate::from_ymd_opt(2016, 1, 1).unwrap_or_default();
        let day = first_day + Days::new(u64::from(random.between(0, 3_600)));
        let time = format!(
            "{:02}:{:02}:{:02}",
            random.between(8, 18),
            random.between(0, 59),
            random.between(0, 59),
        );
        let encounter = number / DOCUMENTS_PER_ENCOUNTER;
        let begins = number.is_multiple_of(DOCUMENTS_PER_ENCOUNTER) && encounter < self.encounters;
        Document {
            patient,
            code,
            display,
            day,
            time,
            author: random.below(self.practitioners),
            custodian: random.below(self.organizations),
            encounter: begins.then_some(encounter),
        }
    }

    /// The document that was written in an Encounter.
    pub fn document_of_encounter(&self, encounter: usize) -> Document {
        self.document(encounter * DOCUMENTS_PER_ENCOUNTER)
    }

    pub fn finding(&self, number: usize) -> Finding {
        let random = &mut self.stream(OBSERVATION, number);
        let measure = random.pick(MEASURES);
        Finding {
            document: number * DOCUMENTS_PER_OBSERVATION,
            measure,
            tenths: random.between(measure.low, measure.high),
        }
    }

    /// One patient in twenty has two fifths of all documents, five have two fifths, and the
    /// other fourteen the last fifth.
    fn patient_of_document(&self, random: &mut Random) -> usize {
        let (first, kinds) = match random.below(5) {
            0 | 1 => (0, 1),
            2 | 3 => (1, 5),
            _ => (6, PATIENT_KINDS - 6),
        };
        let row = random.below(self.patients / PATIENT_KINDS);
        row * PATIENT_KINDS + first + random.below(kinds)
    }

    fn stream(&self, purpose: u64, number: usize) -> Random {
        Random::stream(self.seed, (purpose << 48) | index(number))
    }
}
