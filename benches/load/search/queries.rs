//! The searches that are measured, each drawn at random from what the data holds.

use chrono::Days;

use super::shape::{Document, Finding, Shape};
use super::texts::Kind;
use crate::random::Random;
use crate::resources::{SYSTEM, TAX_CODE_SYSTEM};

const LOINC: &str = "http://loinc.org";
const UCUM: &str = "http://unitsofmeasure.org";
/// The page size of most searches.
const PAGE: &str = "20";
/// The largest page of a download.
const DOWNLOAD_PAGE: usize = 1_000;

/// One kind of search.
pub struct Search {
    pub name: &'static str,
    pub finds: Finds,
    make: fn(&mut Draw<'_>, &str) -> String,
    /// What `make` is given besides.
    with: &'static str,
}

/// What a good answer holds. As every search is drawn from the data, none but `Nothing` may come
/// back empty: an empty answer is fast, and wrong.
#[derive(Clone, Copy)]
pub enum Finds {
    Matches,
    Nothing,
    /// Matches and resources included with them.
    Included,
    /// A total above zero, and matches beside it.
    Total,
    /// A total above zero and no entry.
    OnlyTotal,
    /// Pages followed to the end, with at least so many matches in all.
    Pages(fn(&Shape) -> usize),
}

impl Search {
    /// Path and query under the base.
    pub fn path(&self, shape: &Shape, random: &mut Random) -> String {
        (self.make)(&mut Draw { shape, random }, self.with)
    }

    const fn new(
        name: &'static str,
        finds: Finds,
        make: fn(&mut Draw<'_>, &str) -> String,
        with: &'static str,
    ) -> Self {
        Self {
            name,
            finds,
            make,
            with,
        }
    }
}

#[rustfmt::skip]
pub static SEARCHES: &[Search] = &[
    Search::new("string-prefix", Finds::Matches, family, "family"),
    Search::new("string-contains", Finds::Matches, family, "family:contains"),
    Search::new("date-eq", Finds::Matches, date, "eq"),
    Search::new("date-ne", Finds::Matches, date, "ne"),
    Search::new("date-gt", Finds::Matches, date, "gt"),
    Search::new("date-lt", Finds::Matches, date, "lt"),
    Search::new("date-ge", Finds::Matches, date, "ge"),
    Search::new("date-le", Finds::Matches, date, "le"),
    Search::new("date-sa", Finds::Matches, date, "sa"),
    Search::new("date-eb", Finds::Matches, date, "eb"),
    Search::new("date-ap", Finds::Matches, date, "ap"),
    Search::new("token-bare", Finds::Matches, token, ""),
    Search::new("token-system", Finds::Matches, token, "http://loinc.org|"),
    Search::new("token-or-50", Finds::Matches, token_list, ""),
    Search::new("reference", Finds::Matches, reference, ""),
    Search::new("patient-type-newest", Finds::Matches, patient_type_newest, ""),
    Search::new("quantity-range", Finds::Matches, quantity_range, ""),
    Search::new("quantity-nothing", Finds::Nothing, quantity_nothing, ""),
    Search::new("chain-1", Finds::Matches, chain_of_identifiers, "1"),
    Search::new("chain-1-or", Finds::Matches, chain_of_identifiers, "10"),
    Search::new("chain-2", Finds::Matches, chain_to_doctors, "1"),
    Search::new("chain-2-or", Finds::Matches, chain_to_doctors, "5"),
    Search::new("has-1", Finds::Matches, has, "Patient?_has:Observation:patient:code"),
    Search::new("has-2", Finds::Matches, has,
        "Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code"),
    Search::new("has-and", Finds::Matches, has_both, ""),
    Search::new("include", Finds::Included, include, ""),
    Search::new("revinclude", Finds::Included, revinclude, ""),
    Search::new("include-iterate", Finds::Included, include_iterate, ""),
    Search::new("sort-pages", Finds::Pages(|shape| shape.patients), sort_pages, ""),
    Search::new("total-accurate", Finds::Total, total_accurate, ""),
    Search::new("summary-count", Finds::OnlyTotal, summary_count, ""),
    Search::new("compartment", Finds::Matches, compartment, ""),
    Search::new("download", Finds::Pages(|_| 1), download, ""),
];

/// The data, and the dice.
struct Draw<'a> {
    shape: &'a Shape,
    random: &'a mut Random,
}

impl Draw<'_> {
    fn document_number(&mut self) -> usize {
        self.random.below(self.shape.documents)
    }

    /// A patient is drawn through a document: who has many is asked for often.
    fn document(&mut self) -> Document {
        let number = self.document_number();
        self.shape.document(number)
    }

    fn finding(&mut self) -> Finding {
        self.shape
            .finding(self.random.below(self.shape.observations))
    }

    fn patient_of(&self, finding: &Finding) -> usize {
        self.shape.document(finding.document).patient
    }
}

fn family(draw: &mut Draw<'_>, name: &str) -> String {
    let patient = draw.random.below(draw.shape.patients);
    let whole = draw.shape.person(patient).family.to_lowercase();
    // A prefix ends, and a part begins, inside the stem or just after it.
    let passed_over = if name.ends_with(":contains") { 3 } else { 0 };
    let part: String = whole.chars().skip(passed_over).take(6).collect();
    query("Patient", &[(name, &part), ("_count", PAGE)])
}

fn date(draw: &mut Draw<'_>, prefix: &str) -> String {
    let day = draw.document().day;
    // One day off where the prefix leaves out the day itself.
    let day = match prefix {
        "gt" | "sa" => day - Days::new(1),
        "lt" | "eb" => day + Days::new(1),
        _ => day,
    };
    let value = format!("{prefix}{day}");
    query("DocumentReference", &[("date", &value), ("_count", PAGE)])
}

fn token(draw: &mut Draw<'_>, system: &str) -> String {
    let value = format!("{system}{}", draw.document().code);
    query("DocumentReference", &[("type", &value), ("_count", PAGE)])
}

fn token_list(draw: &mut Draw<'_>, _: &str) -> String {
    let values: Vec<String> = (0..50)
        .map(|_| format!("{SYSTEM}/document|{}", draw.document_number()))
        .collect();
    query(
        "DocumentReference",
        &[("identifier", &values.join(",")), ("_count", PAGE)],
    )
}

fn reference(draw: &mut Draw<'_>, _: &str) -> String {
    let author = Kind::Practitioner.reference(draw.document().author);
    query(
        "DocumentReference",
        &[("author", &author), ("_count", PAGE)],
    )
}

fn patient_type_newest(draw: &mut Draw<'_>, _: &str) -> String {
    let document = draw.document();
    let patient = Kind::Patient.reference(document.patient);
    let kind = format!("{LOINC}|{}", document.code);
    let order = ("_sort", "-date");
    query(
        "DocumentReference",
        &[
            ("patient", &patient),
            ("type", &kind),
            order,
            ("_count", PAGE),
        ],
    )
}

fn quantity_range(draw: &mut Draw<'_>, _: &str) -> String {
    let finding = draw.finding();
    let bound = |prefix: &str, tenths: u32| {
        let unit = finding.measure.unit;
        format!("{prefix}{}.{}|{UCUM}|{unit}", tenths / 10, tenths % 10)
    };
    let low = bound("ge", finding.tenths.saturating_sub(10));
    let high = bound("le", finding.tenths + 10);
    let code = format!("{LOINC}|{}", finding.measure.code);
    query(
        "Observation",
        &[
            ("code", &code),
            ("value-quantity", &low),
            ("value-quantity", &high),
            ("_count", PAGE),
        ],
    )
}

fn quantity_nothing(draw: &mut Draw<'_>, _: &str) -> String {
    let measure = draw.finding().measure;
    let above_all = format!("gt{}|{UCUM}|{}", measure.high * 10, measure.unit);
    let code = format!("{LOINC}|{}", measure.code);
    query(
        "Observation",
        &[
            ("code", &code),
            ("value-quantity", &above_all),
            ("_count", PAGE),
        ],
    )
}

fn chain_of_identifiers(draw: &mut Draw<'_>, count: &str) -> String {
    let values: Vec<String> = (0..count.parse().unwrap_or(1))
        .map(|_| {
            let patient = draw.document().patient;
            format!("{TAX_CODE_SYSTEM}|{}", draw.shape.person(patient).tax_code)
        })
        .collect();
    query(
        "DocumentReference",
        &[("patient.identifier", &values.join(",")), ("_count", PAGE)],
    )
}

fn chain_to_doctors(draw: &mut Draw<'_>, count: &str) -> String {
    let values: Vec<String> = (0..count.parse().unwrap_or(1))
        .map(|_| {
            let finding = draw.finding();
            let doctor = draw.shape.doctor_of(draw.patient_of(&finding));
            draw.shape.practitioner(doctor).family
        })
        .collect();
    let name = "patient.general-practitioner:Practitioner.family";
    query(
        "Observation",
        &[(name, &values.join(",")), ("_count", PAGE)],
    )
}

fn has(draw: &mut Draw<'_>, path: &str) -> String {
    let code = format!("{LOINC}|{}", draw.finding().measure.code);
    let (kind, name) = path.split_once('?').unwrap_or((path, ""));
    query(kind, &[(name, &code), ("_count", PAGE)])
}

fn has_both(draw: &mut Draw<'_>, _: &str) -> String {
    let finding = draw.finding();
    let code = format!("{LOINC}|{}", finding.measure.code);
    let kind = format!("{LOINC}|{}", draw.shape.document(finding.document).code);
    query(
        "Patient",
        &[
            ("_has:Observation:patient:code", &code),
            ("_has:DocumentReference:patient:type", &kind),
            ("_count", PAGE),
        ],
    )
}

fn include(draw: &mut Draw<'_>, _: &str) -> String {
    let patient = Kind::Patient.reference(draw.document().patient);
    let included = ("_include", "DocumentReference:author");
    query(
        "DocumentReference",
        &[("patient", &patient), included, ("_count", PAGE)],
    )
}

fn revinclude(draw: &mut Draw<'_>, _: &str) -> String {
    let encounter = draw.random.below(draw.shape.encounters);
    let document = draw.shape.document_of_encounter(encounter);
    let patient = Kind::Patient.reference(document.patient);
    let included = ("_revinclude", "DocumentReference:encounter");
    query(
        "Encounter",
        &[("patient", &patient), included, ("_count", PAGE)],
    )
}

fn include_iterate(draw: &mut Draw<'_>, _: &str) -> String {
    let finding = draw.finding();
    let patient = Kind::Patient.reference(draw.patient_of(&finding));
    let included = ("_include", "Observation:patient");
    let then = ("_include:iterate", "Patient:general-practitioner");
    query(
        "Observation",
        &[("patient", &patient), included, then, ("_count", PAGE)],
    )
}

fn sort_pages(draw: &mut Draw<'_>, _: &str) -> String {
    // Among few patients the pages are smaller, so that there are pages.
    let size = (draw.shape.patients / 10).clamp(1, 20).to_string();
    query(
        "Patient",
        &[("_sort", "family,birthdate"), ("_count", &size)],
    )
}

fn total_accurate(draw: &mut Draw<'_>, _: &str) -> String {
    let kind = format!("{LOINC}|{}", draw.document().code);
    let total = ("_total", "accurate");
    query(
        "DocumentReference",
        &[("type", &kind), total, ("_count", PAGE)],
    )
}

fn summary_count(draw: &mut Draw<'_>, _: &str) -> String {
    let code = format!("{LOINC}|{}", draw.finding().measure.code);
    query("Observation", &[("code", &code), ("_summary", "count")])
}

fn compartment(draw: &mut Draw<'_>, _: &str) -> String {
    let finding = draw.finding();
    let patient = Kind::Patient.reference(draw.patient_of(&finding));
    query(&format!("{patient}/Observation"), &[("_count", PAGE)])
}

fn download(draw: &mut Draw<'_>, _: &str) -> String {
    let code = format!("{LOINC}|{}", draw.finding().measure.code);
    // As for the sorted pages: little data comes in more than one page too.
    let size = (draw.shape.observations / 100).clamp(1, DOWNLOAD_PAGE);
    let size = if draw.shape.observations < 5_000 {
        size
    } else {
        DOWNLOAD_PAGE
    };
    query(
        "Observation",
        &[("code", &code), ("_count", &size.to_string())],
    )
}

fn query(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (index, (name, value)) in parameters.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => text.push(char::from(byte)),
                b'-' | b'.' | b'_' | b'~' | b',' | b':' | b'/' => text.push(char::from(byte)),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}
